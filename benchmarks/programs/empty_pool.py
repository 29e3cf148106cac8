"""The same empty runs as tasks of another pool. Arguments: pool, runs, n_jobs, target (a folder)."""

# Plain calls, no pathlib: what is measured must not pay for it.
# ruff: noqa: PTH110

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from empty_run import careful_run, one_run
from tell import answer, arguments, seconds

#: What ends the pool.
_closers: list[Callable[[], Any]] = []

#: A pool: paths, jobs -> a function that executes them all, on processes that have started already.
Pool = Callable[[list[str], int], Callable[[], Any]]


def loky(paths: list[str], n_jobs: int, run: Callable[[str], str] = one_run) -> Callable[[], Any]:
    """Use bare joblib."""
    from joblib import Parallel, delayed
    from joblib.externals.loky import get_reusable_executor

    _closers.append(lambda: get_reusable_executor().shutdown(wait=True))
    Parallel(n_jobs)(delayed(os.getpid)() for _ in range(8))
    return lambda: Parallel(n_jobs)(delayed(run)(path) for path in paths)


def careful(paths: list[str], n_jobs: int) -> Callable[[], Any]:
    """Use bare joblib, and write as safely as simmanager does."""
    return loky(paths, n_jobs, careful_run)


def mpire(paths: list[str], n_jobs: int) -> Callable[[], Any]:
    """Use a WorkerPool of mpire, one run a task as with simmanager."""
    from mpire import WorkerPool

    pool = WorkerPool(n_jobs, keep_alive=True)
    _closers.append(pool.stop_and_join)
    pool.map(len, [["x"]] * 8)
    return lambda: pool.map(one_run, paths, chunk_size=1)


def submitit(paths: list[str], n_jobs: int) -> Callable[[], Any]:
    """Use the LocalExecutor of submitit: a process for each run; a thread for each core waits for them."""
    from submitit import LocalExecutor

    executor = LocalExecutor(Path(paths[0]).parent / "submitit")
    executor.update_parameters(timeout_min=60)
    return lambda: list(ThreadPoolExecutor(n_jobs).map(lambda path: executor.submit(one_run, path).result(), paths))


def ray(paths: list[str], n_jobs: int) -> Callable[[], Any]:
    """Use tasks of Ray."""
    import ray as library

    environ = {"env_vars": {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent)])}}
    library.init(num_cpus=n_jobs, include_dashboard=False, logging_level="ERROR", runtime_env=environ)
    _closers.append(library.shutdown)
    task = library.remote(one_run)
    library.get([task.remote(f"{path}-warm") for path in paths[: 4 * n_jobs]])
    return lambda: library.get([task.remote(path) for path in paths])


def dask(paths: list[str], n_jobs: int) -> Callable[[], Any]:
    """Use tasks of Dask on a local cluster of processes."""
    from distributed import Client

    client = Client(n_workers=n_jobs, threads_per_worker=1, dashboard_address=None)
    _closers.append(client.shutdown)
    client.gather(client.map(one_run, [f"{path}-warm" for path in paths[: 4 * n_jobs]], pure=False))
    return lambda: client.gather(client.map(one_run, paths, pure=False))


def main() -> None:
    """Run it once and tell."""
    given = arguments()
    paths = [f"{given['target']}/run_{i}" for i in range(given["runs"])]
    pools: list[Pool] = [loky, careful, mpire, submitit, ray, dask]
    work = {pool.__name__: pool for pool in pools}[given["pool"]](paths, given["n_jobs"])
    wall, _ = seconds(work)
    for close in _closers:
        close()
    missing = [path for path in paths if not os.path.exists(f"{path}/run.json")]
    assert not missing, f"{len(missing)} runs wrote nothing"
    answer(ms=wall / len(paths) * 1e3)


if __name__ == "__main__":
    main()
