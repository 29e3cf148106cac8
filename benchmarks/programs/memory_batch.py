"""Runs that need much memory beside runs that need little, in a control group. Arguments: way, n_jobs, size, group."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tell import answer, arguments, seconds

#: Size -> simulations with large and with small runs, MB of each, seconds of a large run (a small one takes a quarter).
SIZES = {"full": (3, 10, 600, 50, 3.0), "quick": (2, 5, 600, 50, 1.5), "tiny": (1, 2, 60, 5, 0.3)}

#: Runs of each.
RUNS = 4


def need(mb: float, duration_s: float) -> dict[str, Any]:
    """Take memory in ten steps in the first half of the time, and keep it."""
    import numpy as np

    blocks = []
    for _ in range(10):
        blocks.append(np.ones(int(mb * 1e5 / 8)))
        time.sleep(duration_s / 20)
    time.sleep(duration_s / 2)
    return {"held": [float(len(blocks))]}


def jobs_of(size: str) -> tuple[tuple[float, float], int, tuple[float, float], int]:
    """Return the arguments of a large run, how many simulations have these, and the same of small ones."""
    large, small, large_mb, small_mb, duration_s = SIZES[size]
    return (large_mb, duration_s), large, (small_mb, duration_s / 4), small


def with_simmanager(size: str, n_jobs: int) -> tuple[float, int, int]:
    """Return the makespan, how many runs failed, and how often one was interrupted."""
    import simmanager

    large, n_large, small, n_small = jobs_of(size)
    sims = [
        simmanager.OneShot(need, {"mb": mb, "duration_s": duration_s}, f"{name}{part}")
        for name, (mb, duration_s), number in (("large", large, n_large), ("small", small, n_small))
        for part in range(number)
    ]
    manager = simmanager.SimulationManager(sims, RUNS, "batch", seed=1)
    wall, status = seconds(lambda: manager.run_all(n_jobs, progress=False))
    interrupted = sum(path.read_text().count("interrupted") for path in Path("batch").glob("*/*/state.log"))
    return wall, status.total - status.counts["finished"], interrupted


def with_loky(size: str, n_jobs: int) -> tuple[float, int, int]:
    """Do the same calls with joblib; a worker that is killed breaks the pool, and all that is left has failed."""
    from joblib import Parallel, delayed

    def results(calls: list[tuple[float, float]]) -> Iterator[Any]:
        yield from Parallel(n_jobs, return_as="generator_unordered")(delayed(need)(*call) for call in calls)

    return _counted(size, results)


def with_mpire(size: str, n_jobs: int) -> tuple[float, int, int]:
    """Do the same calls with a WorkerPool of mpire; when a worker is killed, it raises."""
    from mpire import WorkerPool

    def results(calls: list[tuple[float, float]]) -> Iterator[Any]:
        with WorkerPool(n_jobs) as pool:
            yield from pool.imap_unordered(need, calls, chunk_size=1)

    return _counted(size, results)


def _counted(size: str, results: Callable[[list[tuple[float, float]]], Iterator[Any]]) -> tuple[float, int, int]:
    """Return the makespan of all calls, how many gave no result, and 0."""
    large, n_large, small, n_small = jobs_of(size)
    calls = ([large] * n_large + [small] * n_small) * RUNS
    done = 0

    def all_calls() -> None:
        nonlocal done
        try:
            for _ in results(calls):
                done += 1
        except Exception as error:
            print(f"{type(error).__name__}: {error}")

    wall, _ = seconds(all_calls)
    return wall, len(calls) - done, 0


def main() -> None:
    """Run it once, in the control group, and tell what became of it."""
    given = arguments()
    if given["group"]:
        (Path(given["group"]) / "cgroup.procs").write_text(str(os.getpid()))
    ways = {"simmanager": with_simmanager, "loky": with_loky, "mpire": with_mpire}
    wall, failed, interrupted = ways[given["way"]](given["size"], given["n_jobs"])
    answer(wall_s=wall, failed=failed, interrupted=interrupted)


if __name__ == "__main__":
    main()
