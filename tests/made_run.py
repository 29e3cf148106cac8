"""A run that waits in its folder, and its execution in this process."""

from __future__ import annotations

import numpy as np

from simmanager import RunFolder
from simmanager.worker.attempt import execute_run
from simmanager.worker.capture import prints_to_logs
from simmanager.worker.task import Task


def make(tmp_path, sim, name="run_3_22-11-2026_14-15-33-591"):
    """Return the folder of a run that waits, and its task."""
    simulation = tmp_path / "toy"
    simulation.mkdir(exist_ok=True)
    (simulation / "simulation.pkl").write_bytes(sim.recipe())
    folder = RunFolder(simulation / name)
    folder.create()
    return folder, Task(str(folder.path), str(simulation / "simulation.pkl"), 5)


def execute(task):
    before = np.random.get_state()
    try:
        return execute_run(task, capture=prints_to_logs)
    finally:
        np.random.set_state(before)
