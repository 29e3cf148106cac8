"""A batch with very many runs in the queue. Arguments: do ("make" or "resume"), runs, seconds (of "resume")."""

from __future__ import annotations

import threading
import time
from datetime import datetime
from pathlib import Path

import empty_models
from tell import answer, arguments, peak_mb, seconds

import simmanager
from simmanager.disk.orders import ask


def make(runs: int) -> None:
    """Make the folders."""
    manager = simmanager.SimulationManager([simmanager.SingleSim(**empty_models.FIELDS)], runs, "batch")
    make_s, _ = seconds(manager.generate_sim_paths)
    answer(make_s=make_s, make_mb=peak_mb())


def resume(limit_s: float) -> None:
    """Go on with it; ask it to stop after some seconds of runs, as ``simmanager stop`` does."""
    manager = simmanager.SimulationManager(existing_simulation="batch")
    stop = threading.Timer(limit_s, lambda: ask(Path("batch"), "stop", patience_s=0))
    stop.daemon = True
    stop.start()
    start = time.time()
    status = manager.run_all(2, progress=False)
    end = time.time()
    done = [run for run in status.runs if run.started and datetime.fromisoformat(run.started).timestamp() >= start]
    first = min((datetime.fromisoformat(run.started).timestamp() for run in done), default=end)
    answer(first_s=first - start, all_s=end - start, done=len(done), resume_mb=peak_mb())


if __name__ == "__main__":
    given = arguments()
    if given["do"] == "make":
        make(given["runs"])
    else:
        resume(given["seconds"])
