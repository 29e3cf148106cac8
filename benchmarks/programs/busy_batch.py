"""CPU-bound runs. Arguments: way ("simmanager", "loky" or "bare"), rounds, runs, n_jobs; or only seconds: calibrate."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import busy
from tell import answer, arguments, seconds


def with_simmanager(rounds: int, runs: int, n_jobs: int) -> None:
    """All files of a run written, workers started within the call."""
    import simmanager

    sim = simmanager.SingleSim(**busy.fields(rounds))
    status = simmanager.SimulationManager([sim], runs, "batch", seed=1).run_all(n_jobs, progress=False)
    assert status.all_finished


def with_loky(rounds: int, runs: int, n_jobs: int) -> None:
    """Bare joblib: nothing written, workers started within the call."""
    from joblib import Parallel, delayed

    Parallel(n_jobs)(delayed(busy.work)(rounds) for _ in range(runs))


def bare(rounds: int, runs: int, n_jobs: int) -> None:
    """As many processes as jobs, the runs shared out before: what the machine itself can do."""
    program = f"import busy; busy.work({rounds * runs // n_jobs})"
    processes = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(n_jobs)]
    assert not any(process.wait() for process in processes)


def main() -> None:
    """Run it once and tell."""
    given: dict[str, Any] = arguments()
    if "way" not in given:
        answer(rounds=busy.rounds_of(given["seconds"]))
        return
    way = {"simmanager": with_simmanager, "loky": with_loky, "bare": bare}[given.pop("way")]
    if way is with_simmanager:
        import joblib  # noqa: F401 - as for the others, imports are not the point here
        import numpy  # noqa: F401
    wall, _ = seconds(lambda: way(**given))
    answer(wall_s=wall)


if __name__ == "__main__":
    main()
