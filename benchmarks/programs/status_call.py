"""Asks for the status in this process: a first call, then a refresh after ten runs have changed.

Arguments: package, process (bool: only print the status, as a program of NeuralPlayground would).
"""

# Plain calls, no pathlib: what is measured must not pay for it.
# ruff: noqa: PTH119, PTH123, PTH202

from __future__ import annotations

import os
import sys

from tell import answer, arguments, peak_mb, seconds

_MOVES = (
    "2026-11-22T14:16:33.600Z\trunning\tattempt=1 pid=4711 host=workstation\n"
    "2026-11-22T14:16:33.900Z\tfinished\tduration_s=0.3 cpu_s=0.3 peak_mb=60.0\n"
)


def ours() -> dict[str, float]:
    """Measure read_status, and what --watch does after it."""
    from simmanager import read_status
    from simmanager.status.reader import StatusReader

    call_s, first = seconds(lambda: read_status("batch"))
    refresh = StatusReader("batch").read
    refresh()
    waiting = [run for run in first.runs if run.state == "in_queue"][:10]
    assert waiting
    sizes = {path: os.path.getsize(path) for path in ["batch/starts.log", *(f"{r.path}/state.log" for r in waiting)]}
    for run in waiting:
        with open(f"{run.path}/state.log", "a") as file:
            file.write(_MOVES)
        with open("batch/starts.log", "a") as file:  # as a worker does
            file.write(f"{run.simulation_id}/{os.path.basename(run.path)}\n")
    refresh_s, second = seconds(refresh)
    assert second.counts["finished"] == first.counts["finished"] + len(waiting)
    for path, size in sizes.items():  # the next turn finds what this one found
        os.truncate(path, size)
    return {"call_s": call_s, "refresh_s": refresh_s, "peak_mb": peak_mb()}


def theirs() -> dict[str, float]:
    """Measure check_run_status, which prints; here into nothing."""
    from neuralplayground.backend import SimulationManager

    manager = SimulationManager(existing_simulation="batch")
    stdout = sys.stdout
    with open(os.devnull, "w") as sys.stdout:
        call_s, _ = seconds(manager.check_run_status)
    sys.stdout = stdout
    return {"call_s": call_s, "peak_mb": peak_mb()}


def main() -> None:
    """Ask and tell."""
    given = arguments()
    if given["process"]:
        from neuralplayground.backend import SimulationManager

        SimulationManager(existing_simulation="batch").check_run_status()
        return
    answer(**(ours() if given["package"] == "simmanager" else theirs()))


if __name__ == "__main__":
    main()
