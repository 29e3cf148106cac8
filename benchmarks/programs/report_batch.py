"""Makes a batch on disk as if nearly all of its runs were over, with two curves and a metric each.

Arguments: runs, simulations.
"""

# Plain calls, no pathlib: as in the other programs.
# ruff: noqa: PTH123

from __future__ import annotations

import json

import empty_models
import numpy as np
from status_batch import write_over
from tell import answer, arguments

from simmanager import SimulationManager, SingleSim
from simmanager.disk.summary import write_summary

#: Points of a curve.
N_POINTS = 200


def main() -> None:
    """Make it."""
    given = arguments()
    names = [f"simulation_{i}" for i in range(given["simulations"])]
    simulations = [SingleSim(**{**empty_models.FIELDS, "simulation_id": name}) for name in names]
    manager = SimulationManager(simulations, given["runs"] // len(names), "batch")
    manager.generate_sim_paths()
    rng = np.random.default_rng(0)
    for index, path in enumerate(manager.run_paths):
        write_over(path, index)
        if index % 20 > 1:
            with open(f"{path}/run.json", "w") as file:
                facts = {"state": "finished", "duration_s": 0.3, "cpu_s": 0.3, "metrics": {"score": rng.normal()}}
                json.dump({"format": 1, "attempt": 1, **facts}, file)
            history = {"reward": rng.normal(size=N_POINTS).cumsum(), "loss": rng.random(N_POINTS)}
            write_summary(f"{path}/summary.npz", history)
    answer(runs=len(manager.run_paths))


if __name__ == "__main__":
    main()
