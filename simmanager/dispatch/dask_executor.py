"""Runs on the workers of a Dask cluster that see the same files: the same supervision, elsewhere."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
import uuid
from asyncio import CancelledError as AsyncCancelledError
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..base.command_line import command_line, recorded
from ..base.errors import BatchDamaged, BatchNotFound, PackageMissing, ParameterError, SimManagerError
from ..base.provenance import working_directory
from ..base.text import plain
from ..disk.batch_folder import BatchFolder, OpenBatch
from ..disk.state import RunState
from ..worker.task import Outcome, Task, as_plain
from .allotment import threads_environ
from .run_options import RunOptions
from .run_queue import RunQueue
from .slots import Slots
from .stop import BY_ERROR, BY_USER, Stop, ticking
from .supervision import Job, supervise
from .worker_process import WorkerSettings

#: Seconds between two looks at the connection and at the wish to stop.
_TICK_S = 0.25

#: Seconds to wait for the scheduler, and for the cluster to have a worker.
_PATIENCE_S = 10.0

#: How often a run whose Dask worker died is handed to another, on top of Dask's own attempts.
_HANDED_AGAIN = 3

#: Seconds after which idle processes on a worker end by themselves, should the manager have died.
_IDLE_S = 5.0

#: Part of the reason that a machine gives which does not see the folder of the batch.
_UNSEEN = "does not see"


def active_client() -> Any:
    """Return the client of ``joblib.parallel_config(backend="dask")`` if such a context is active, else None."""
    from joblib.parallel import get_active_backend

    backend, _ = get_active_backend()
    return getattr(backend, "client", None) if type(backend).__name__ == "DaskDistributedBackend" else None


class DaskExecutor:
    """Executes a queue of jobs on a Dask cluster, each worker of which must see the batch under the same path.

    With ``n_jobs=-1`` as many runs go at a time as its workers have threads. A ``client`` that is there already is
    left open. Raises `PackageMissing` without Dask, and `SimManagerError` if the scheduler cannot be reached, if there
    are no workers, or with the names of those that do not see the folder.
    """

    def __init__(self, batch: OpenBatch, n_jobs: int, options: RunOptions, client: Any = None) -> None:
        self.stop = Stop()
        self.options = replace(options, on_event=None)  # it stays here
        self._folder = batch.folder
        self._own = client is None
        self._client = _connect(options.address) if client is None else client
        try:
            self._batch = _Batch(str(batch.folder.path.absolute()), batch.manifest.batch_id)
            self._workers()  # raises if there are none
            self.n_jobs = self._counted(n_jobs)
            self._check_folder_is_shared()
        except BaseException:
            self.close()
            raise
        self._told_to_stop, self._lost = "", False
        #: What was handed over: the run, and how often before.
        self._at_hand: dict[Any, tuple[Task, int]] = {}

    @property
    def busy(self) -> int:
        """Runs at hand."""
        return len(self._at_hand)

    def _workers(self) -> dict[str, int]:
        """Return the threads of each worker; waits for a first one."""
        with suppress(TimeoutError):
            self._client.wait_for_workers(1, timeout=_PATIENCE_S)
        workers = {address: info["nthreads"] for address, info in self._client.scheduler_info(-1)["workers"].items()}
        if not workers:
            raise SimManagerError(f"The Dask cluster at {self._address} has no workers.")
        return workers

    @property
    def _address(self) -> str:
        scheduler = self._client.scheduler
        return _shown(str(getattr(scheduler, "address", self.options.address or "?")))

    def _check_folder_is_shared(self) -> None:
        try:
            seen = self._client.run(_why_not_seen, self._batch)
        except Exception as error:
            raise SimManagerError(
                f"The Dask workers cannot execute simmanager ({type(error).__name__}: {error}). It must be installed "
                "there, too, for the same Python."
            ) from error
        unable = [f"{address} ({answer})" for address, answer in seen.items() if answer]
        if unable:
            raise SimManagerError(
                f"{'; '.join(unable)}: the folder of the batch must be on a file system that all Dask workers share, "
                "under the same path."
            )

    def provide_for(self, tasks: Iterable[Task]) -> None:
        """Raise `ParameterError` if a run declares what nobody gives it there."""
        for task in tasks:
            if task.needs.get("gpus"):
                raise ParameterError(
                    f"A run of {plain(task.simulation_id)} declares GPUs, which are given out on this machine only: on "
                    "a Dask cluster let each worker have its own (CUDA_VISIBLE_DEVICES), and declare none."
                )

    def count_orphans(self, tasks: Iterable[Task]) -> None:
        """Do nothing: they hold what is of other machines."""

    def prepare(self, runs: int) -> None:
        """Do nothing: the workers of the cluster run already."""

    def run(
        self,
        queue: RunQueue,
        on_end: Callable[[Task, Outcome], None],
        on_tick: Callable[[], None],
        on_start: Callable[[Task], None] = lambda task: None,
    ) -> None:
        """Do as `Executor.run`; ``on_start`` is called when a run is handed to the cluster."""
        at_hand = self._at_hand
        failures = 0
        with ticking(on_tick), self._hearing():
            try:
                while True:
                    self._pass_on_stop()
                    for task in self._due(queue, len(at_hand)):
                        on_start(task)
                        at_hand[self._submit(task)] = (task, 0)
                    if not self._is_connected() or (not at_hand and (self.stop.mode or not len(queue))):
                        return
                    for future in self._ended(list(at_hand)):
                        task, attempts = at_hand.pop(future)
                        outcome = self._outcome(future, attempts)
                        if outcome is None:
                            at_hand[self._submit(task)] = (task, attempts + 1)
                            continue
                        failures += outcome.executed and outcome.state == RunState.ERROR.value
                        if self.options.fail_fast and failures >= int(self.options.fail_fast):
                            self.stop.finish(f"{failures} run(s) failed (fail_fast)")
                        queue.learn(task, outcome)
                        if outcome.state:
                            on_end(task, outcome)
            except BaseException:
                self.stop.now("the manager raised an error", BY_ERROR)
                self._pass_on_stop()
                raise
            finally:
                self.close()

    @contextmanager
    def _hearing(self) -> Iterator[None]:
        """Pass on what those who supervise the runs have to say, while the context lasts."""
        topic = self._batch.batch_id
        with suppress(Exception):  # it is not worth a batch
            self._client.subscribe_topic(topic, lambda event: self.stop.say(str(event[1])))
        try:
            yield
        finally:
            with suppress(Exception):
                self._client.unsubscribe_topic(topic)

    def _due(self, queue: RunQueue, at_hand: int) -> Iterator[Task]:
        while at_hand < self.n_jobs and not self.stop.mode and not self.stop.paused and (tasks := queue.take()):
            yield from tasks
            at_hand += 1

    def adjust(self, n_jobs: int, queue: RunQueue) -> None:
        """Do as `Executor.adjust`."""
        self.n_jobs = queue.slots = self._counted(n_jobs)

    def _counted(self, n_jobs: int) -> int:
        return n_jobs if n_jobs > 0 else max(sum(self._workers().values()) + 1 + n_jobs, 1)

    def know_peaks(self, peaks: Mapping[str, float]) -> None:
        """Do nothing: the memory is that of other machines."""

    def watch(self) -> None:
        """Do nothing."""

    def freeze(self) -> None:
        """Raise `ParameterError`."""
        raise ParameterError("runs on a Dask cluster cannot be frozen; pause without it, and they end")

    def thaw(self) -> None:
        """Do nothing: no run is frozen."""

    def renew(self) -> None:
        """Do nothing: each run goes with the import path as it is then."""

    def _submit(self, task: Task) -> Any:
        settings = WorkerSettings(
            self.options.threads_per_run,
            sys_path=tuple(sys.path),
            cwd=working_directory(),
            argv=tuple(command_line()),
            flags=tuple(task.session.get("flags", ())),
        )
        job = Job(replace(task, environ=threads_environ(task.needs)), self.options)
        key = f"simmanager-{uuid.uuid4().hex}"
        return self._client.submit(execute_there, self._batch, job, settings, pure=False, key=key)

    def _ended(self, futures: list[Any]) -> list[Any]:
        from distributed import wait

        if not futures:  # it pauses
            time.sleep(_TICK_S)
            return []
        try:
            with self._client.as_current():
                return list(wait(futures, timeout=_TICK_S, return_when="FIRST_COMPLETED").done)
        except TimeoutError:
            return []
        except (CancelledError, AsyncCancelledError):  # the scheduler is gone, and all that was asked of it
            self._lost = True
            return []

    def _outcome(self, future: Any, attempts: int) -> Outcome | None:
        """Return how a run ended; None if it is to be handed over again."""
        if future.status == "finished":
            with suppress(Exception):  # the worker that holds the answer has just died
                outcome = Outcome(**future.result(timeout=_PATIENCE_S))
                if not outcome.state and _UNSEEN in outcome.reason:
                    self.stop.finish(outcome.reason)
                return outcome
        if attempts < _HANDED_AGAIN and self._is_connected():
            return None
        error = f"{future.status}: {future.exception(timeout=1) if future.status == 'error' else 'lost'}"
        self.stop.finish(f"Dask could not execute a run ({error})")
        return Outcome("", error)

    def _is_connected(self) -> bool:
        if self._client.status == "running" and not self._lost:
            return True
        self.stop.finish(f"the connection to the Dask scheduler at {self._address} was lost")
        return False

    def _pass_on_stop(self) -> None:
        """Write the wish to stop where those who supervise the runs read it."""
        if self.stop.mode != self._told_to_stop:
            self._told_to_stop = self.stop.mode
            with suppress(OSError):
                self._folder.request_stop(now=self.stop.is_now(), who=self.stop.ends_runs())

    def close(self) -> None:
        """Free the workers of the cluster, and close the connection if it was made here."""
        with suppress(Exception):
            if self._client.status == "running" and not self._lost:
                self._client.run(close_idle, on_error="ignore")
        if self._own:
            with suppress(Exception):
                self._client.close(timeout=5)


def _connect(address: str | None) -> Any:
    try:
        from distributed import Client, get_client
        from distributed.comm import get_address_host
    except ImportError:
        raise PackageMissing("Running on Dask needs it: pip install simmanager[dask]") from None
    if address is None:
        with suppress(ValueError):
            return get_client()
        raise SimManagerError('Give the address of the Dask scheduler, e.g. address="tcp://10.0.0.1:8786".')
    try:
        get_address_host(address)  # a client that was made for an address that is none complains for 20 s
        return Client(address, timeout=_PATIENCE_S, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise SimManagerError(f"There is no Dask scheduler at {_shown(address)} ({_shown(str(error))}).") from None


def _shown(text: str) -> str:
    """Return an address, or a text with one, without the user and password in it."""
    return recorded([text])[0]


# On the workers of the cluster ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Batch:
    path: str
    batch_id: str


class _StopRequest(Stop):
    """The wish to stop as the folder of the batch tells it."""

    def __init__(self, batch: _Batch) -> None:
        self._folder = BatchFolder(Path(batch.path))
        self.reason = ""
        self._topic = batch.batch_id

    def say(self, text: str) -> None:
        """Let the manager tell the user something; if it does not get there, nothing else is lost."""
        from distributed import get_worker

        with suppress(Exception):
            get_worker().log_event(self._topic, text)

    @property
    def mode(self) -> str:  # type: ignore[override]
        return self._folder.requested_stop()

    def ends_runs(self) -> str:
        """Return by whom running runs are to be ended; "" if they are not."""
        return (self._folder.who_stops() or BY_USER) if self.is_now() else ""

    def finish(self, reason: str) -> None:
        """Take note why this machine cannot go on; the manager hears of it from the outcome."""
        self.reason = reason


def _why_not_seen(batch: _Batch) -> str:
    """Return "" if this machine sees the batch, else in words what it sees."""
    try:
        found = BatchFolder(Path(batch.path)).read_manifest().batch_id
    except (BatchNotFound, BatchDamaged) as error:
        return f"{socket.gethostname()} {_UNSEEN} {batch.path}: {error}"
    if found != batch.batch_id:
        return f"{socket.gethostname()} {_UNSEEN} this batch, but another at {batch.path}"
    return ""


def execute_there(batch: _Batch, job: Job, settings: WorkerSettings) -> dict[str, Any]:
    """Supervise a run on this machine; returns its `Outcome` as plain data. Never raises, and safe to repeat."""
    if seen := _why_not_seen(batch):
        return as_plain(Outcome("", seen))
    with _slots(settings, job.options.slot_env or ()) as slots:
        return as_plain(supervise(job, slots, _StopRequest(batch)))


#: The slots of this process by what their workers are started with, and how many runs use them.
_pools: dict[str, Slots] = {}
_users: Counter[str] = Counter()
_pools_lock = threading.Lock()


@contextmanager
def _slots(settings: WorkerSettings, slot_environs: Any) -> Iterator[Slots]:
    """Lend the slots of this process; idle ones end when nobody has used them for a while."""
    key = json.dumps([repr(settings), [dict(environ) for environ in slot_environs], os.getpid()])
    with _pools_lock:
        slots = _pools.setdefault(key, Slots(settings, slot_environs))
        _users[key] += 1
    try:
        yield slots
    finally:
        with _pools_lock:
            _users[key] -= 1
            idle = _users[key] == 0
        if idle:
            timer = threading.Timer(_IDLE_S, close_idle)
            timer.daemon = True
            timer.start()


def close_idle() -> None:
    """End the processes of this machine that execute no run."""
    with _pools_lock:
        idle = [_pools.pop(key) for key in list(_pools) if _users[key] == 0]
    for slots in idle:
        slots.close()
