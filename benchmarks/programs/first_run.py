"""How soon the first run of a cold batch starts after ``run_all``. Arguments: runs, n_jobs."""

from __future__ import annotations

import time
from datetime import datetime

import empty_models
from tell import answer, arguments

import simmanager


def main() -> None:
    """Run it once and tell."""
    given = arguments()
    manager = simmanager.SimulationManager([simmanager.SingleSim(**empty_models.FIELDS)], given["runs"], "batch")
    start = time.time()
    status = manager.run_all(given["n_jobs"], progress=False)
    end = time.time()
    first = min(datetime.fromisoformat(run.started).timestamp() for run in status.runs)
    answer(first_run_s=first - start, all_s=end - start)


if __name__ == "__main__":
    main()
