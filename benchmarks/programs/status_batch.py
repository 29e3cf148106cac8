"""Makes a batch on disk as if nearly all of its runs were over: 90% finished, 5% failed, 5% in the queue.

Arguments: package, runs.
"""

# Plain calls, no pathlib: what is measured must not pay for it.
# ruff: noqa: PTH123

from __future__ import annotations

import importlib
import json
import os
import sys

import empty_models
from tell import answer, arguments, seconds

#: Simulations in the batch.
N_SIMULATIONS = 4

_OVER = (
    "2026-11-22T14:15:33.600Z\trunning\tattempt=1 pid=4711 host=workstation\n"
    "2026-11-22T14:15:33.900Z\t{state}\t{detail}\n"
)


def write_over(path: str, index: int) -> None:
    """Let a run of ours be over, but each twentieth waits and each other twentieth has failed."""
    if index % 20 == 0:
        return
    failed = index % 20 == 1
    state, detail = ("error", "ValueError: boom") if failed else ("finished", "duration_s=0.3 cpu_s=0.3 peak_mb=60.0")
    with open(f"{path}/state.log", "a") as file:
        file.write(_OVER.format(state=state, detail=detail))
    if failed:
        with open(f"{path}/run.json", "w") as file:
            json.dump({"format": 1, "state": "error", "duration_s": 0.3, "cpu_s": 0.3, "peak_mb": 60.0}, file)


def main() -> None:
    """Make it and tell how long the folders took."""
    given = arguments()
    package, runs = given["package"], given["runs"]
    backend = importlib.import_module("simmanager" if package == "simmanager" else "neuralplayground.backend")
    names = [f"simulation_{i}" for i in range(min(N_SIMULATIONS, runs))]
    simulations = [backend.SingleSim(**{**empty_models.FIELDS, "simulation_id": name}) for name in names]
    manager = backend.SimulationManager(simulations, runs // len(names), "batch")
    stdout = sys.stdout
    with open(os.devnull, "w") as sys.stdout:
        make_s, _ = seconds(manager.generate_sim_paths)
    sys.stdout = stdout
    for index, path in enumerate(manager.run_paths):
        if package == "simmanager":
            write_over(path, index)
        elif index % 20:
            with open(f"{path}/state.log", "w") as file:
                file.write("error" if index % 20 == 1 else "finished")
    if package == "simmanager":
        open("batch/starts.log", "w").close()  # as run_all begins it
    answer(make_s=make_s)


if __name__ == "__main__":
    main()
