"""One run, made and executed in the process of the test, as a worker does it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from simmanager import RunFolder, SingleSim
from simmanager.worker.attempt import execute_run
from simmanager.worker.capture import prints_to_logs
from simmanager.worker.task import Outcome, Task


def make(tmp_path: Path, sim: SingleSim, name: str = "run_3_22-11-2026_14-15-33-591") -> tuple[RunFolder, Task]:
    """Return the folder of a run that waits, and its task."""
    simulation = tmp_path / "toy"
    simulation.mkdir(exist_ok=True)
    (simulation / "simulation.pkl").write_bytes(sim.recipe())
    folder = RunFolder(simulation / name)
    folder.create()
    return folder, Task(str(folder.path), str(simulation / "simulation.pkl"), 5)


def execute(task: Task) -> Outcome:
    """Execute it; the generator of the test's process goes on as if nothing had been drawn."""
    before = np.random.get_state()
    try:
        return execute_run(task, capture=prints_to_logs)
    finally:
        np.random.set_state(before)
