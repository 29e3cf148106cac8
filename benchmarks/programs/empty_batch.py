"""A batch of empty runs through the manager of simmanager or NeuralPlayground.

Arguments: package, runs, n_jobs (only simmanager has it).
"""

# Plain calls, no pathlib: what is measured must not pay for it.
# ruff: noqa: PTH123

from __future__ import annotations

import importlib
import os
import sys
from datetime import datetime
from typing import Any

import empty_models
from tell import answer, arguments, seconds


def main() -> None:
    """Run it once and tell."""
    given = arguments()
    backend = importlib.import_module("simmanager" if given["package"] == "simmanager" else "neuralplayground.backend")
    sim = backend.SingleSim(**empty_models.FIELDS)
    manager = backend.SimulationManager(simulation_list=[sim], runs_per_sim=given["runs"], manager_id="batch")
    options: dict[str, Any] = {}
    if given["package"] == "simmanager":
        options = {"n_jobs": given["n_jobs"], "progress": False}
        manager.run_all  # noqa: B018 - imports belong to the long-lived process, not to the runs
        import joblib  # noqa: F401
    stdout = sys.stdout
    with open(os.devnull, "w") as sys.stdout:  # NeuralPlayground prints two lines for each run
        make_s, _ = seconds(manager.generate_sim_paths)
        run_s, _ = seconds(lambda: manager.run_all(**options))
    sys.stdout = stdout
    runs = given["runs"]
    steady = {"steady_ms": steady_s(manager) / runs * 1e3} if given["package"] == "simmanager" else {}
    answer(ms=(make_s + run_s) / runs * 1e3, make_ms=make_s / runs * 1e3, run_ms=run_s / runs * 1e3, **steady)


def steady_s(manager: Any) -> float:
    """Return the seconds from the start of the first run to the end of the last."""
    runs = manager.status().runs
    assert all(run.state == "finished" for run in runs)
    first, last = min(run.started for run in runs), max(run.ended for run in runs)
    return (datetime.fromisoformat(last) - datetime.fromisoformat(first)).total_seconds()


if __name__ == "__main__":
    main()
