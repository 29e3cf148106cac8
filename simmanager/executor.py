"""Runs on slots: dispatch through joblib, crashes, timeouts, retries, and the user's wish to stop."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from types import FrameType

from .batch_folder import note_start
from .execution import adopt
from .locking import LockHeld, is_held, take_lock
from .record import RunRecord
from .run_folder import RunFolder
from .run_options import RunOptions
from .run_queue import RunQueue
from .slots import Death, Slots, Worker, WorkerLost, WorkerSettings
from .state import RunState, StateHistory, seconds_between, utc_now
from .task import EXECUTABLE, NOT_STARTED, Outcome, Task

#: Seconds between two looks at a run that another process executes.
_HELD_TICK_S = 0.05

#: Seconds to wait for the lock of a run whose worker has just died.
_VERDICT_PATIENCE_S = 5.0

#: How often a worker is started for a run before the batch is given up.
_WORKER_STARTS = 3


@dataclass(frozen=True, slots=True)
class Job:
    """One entry of the queue: small plain data."""

    task: Task
    options: RunOptions = field(default_factory=RunOptions)


class Stop:
    """The wish to stop: first "finish" (nothing new starts), then "now" (running runs are ended)."""

    def __init__(self) -> None:
        self.mode = ""
        self.reason = ""
        self.by_signal = 0
        #: What makes it impossible to go on, if that is why.
        self.error: Exception | None = None

    def finish(self, reason: str) -> None:
        """Start nothing new."""
        if not self.mode:
            self.mode, self.reason = "finish", reason

    def fail(self, error: Exception) -> None:
        """Start nothing new, since it cannot be done."""
        self.error = self.error or error
        self.finish(str(error))

    def now(self, reason: str) -> None:
        """End running runs, too."""
        self.mode, self.reason = "now", reason

    def is_now(self) -> bool:
        """Return whether running runs are to be ended."""
        return self.mode == "now"


class Executor:
    """Executes a queue of jobs on slots.

    Parameters
    ----------
    n_jobs : int
        Runs at a time, at least 1.
    options : RunOptions
        How they are executed.
    environ : dict, optional
        Further environment variables of the workers.
    """

    def __init__(self, n_jobs: int, options: RunOptions, environ: dict[str, str] | None = None) -> None:
        self.n_jobs = n_jobs
        self.options = options
        self.stop = Stop()
        self._slots = Slots(WorkerSettings(options.threads_per_run, environ or {}), options.slot_env or ())
        self._failures = 0
        self._counting = threading.Lock()

    def run(
        self,
        queue: RunQueue,
        on_end: Callable[[Task, Outcome], None],
        on_tick: Callable[[], None],
        on_start: Callable[[Task], None] = lambda task: None,
    ) -> None:
        """Execute all tasks; returns when the last has ended, or when the user's wish to stop is fulfilled.

        Parameters
        ----------
        queue : RunQueue
            The tasks; they are taken out one by one as slots become free.
        on_end : callable
            Called in this thread with each task and its outcome.
        on_tick : callable
            Called about four times a second from another thread; may call ``stop.finish()`` or ``stop.now()``.
        on_start : callable
            Called with each task when a slot takes it, in the thread of the slot.
        """
        from joblib import Parallel, delayed

        slots = min(self.n_jobs, len(queue))
        if slots == 0:
            return
        with ticking(on_tick):
            try:
                self._slots.prepare(slots)
                # None is taken ahead of time: the queue learns, and a wish to stop is obeyed at once.
                parallel = Parallel(
                    slots, backend="threading", return_as="generator_unordered", batch_size=1, pre_dispatch=slots
                )
                supervise_tasks = delayed(partial(self._supervise_tasks, queue, on_start))
                together = self.options.allow_several
                for ended in parallel(map(supervise_tasks, self._until_stopped(queue, together=together))):
                    for task, outcome in ended:
                        if outcome.state:
                            on_end(task, outcome)
            except BaseException:
                self.stop.now("the manager raised an error")
                raise
            finally:
                self._slots.close()

    def _until_stopped(self, queue: RunQueue, *, together: bool) -> Iterator[list[Task]]:
        while not self.stop.mode and (tasks := queue.take(self.n_jobs if together else None)):
            yield tasks

    def _count(self, outcome: Outcome) -> None:
        with self._counting:
            self._failures += outcome.executed and outcome.state == RunState.ERROR.value
        if self.options.fail_fast and self._failures >= int(self.options.fail_fast):
            self.stop.finish(f"{self._failures} run(s) failed (fail_fast)")

    def _supervise_tasks(
        self, queue: RunQueue, on_start: Callable[[Task], None], tasks: list[Task]
    ) -> list[tuple[Task, Outcome]]:
        for task in tasks:
            on_start(task)
        ended = supervise_together(tasks, self._slots, self.stop) if len(tasks) > 1 else {}
        pairs = []
        for task in tasks:
            outcome = ended.get(task.folder) or supervise(Job(task, self.options), self._slots, self.stop)
            self._count(outcome)  # in the thread of the slot: before it takes the next run
            queue.learn(task, outcome)
            pairs.append((task, outcome))
        return pairs


@contextmanager
def ticking(on_tick: Callable[[], None]) -> Iterator[None]:
    """Call a function about four times a second, from another thread, while the context lasts."""
    done = threading.Event()

    def tick() -> None:
        while not done.wait(0.25):
            on_tick()

    thread = threading.Thread(target=tick, name="simmanager-ticker", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def supervise_together(tasks: Sequence[Task], slots: Slots, stop: Stop) -> dict[str, Outcome]:
    """Execute short runs of one simulation on one slot, handed over in one message; never raises.

    Returns
    -------
    dict
        Folder -> how it ended. Those that are missing have not been started or are executed elsewhere: they are to be
        supervised each for itself.
    """
    ended: dict[str, Outcome] = {}
    with suppress(Exception):  # whatever it is, `supervise` meets it again, and says so
        if not any(is_held(RunFolder(task.folder).lock_file) for task in tasks):
            _execute_together(tasks, slots, stop, ended)
    return ended


def _execute_together(tasks: Sequence[Task], slots: Slots, stop: Stop, ended: dict[str, Outcome]) -> None:
    worker, keep = slots.take(tasks[0].recipe), False
    try:
        for task, result in zip(tasks, worker.execute(tasks, None, stop.is_now), strict=False):
            keep = isinstance(result, Outcome) and not result.leftovers
            if isinstance(result, Outcome):
                worker.bound_to = task.recipe if result.bound else worker.bound_to
                if result.state:
                    ended[task.folder] = result
                continue
            folder = RunFolder(task.folder, durable=task.durable)
            if folder.read_history().state is RunState.RUNNING:  # else it died between two runs
                ended[task.folder] = write_verdict(folder, task, result)
    except BaseException:
        keep = False
        raise
    finally:
        _part_with(worker, slots, keep=keep)


def supervise(job: Job, slots: Slots, stop: Stop) -> Outcome:
    """Execute a run on a slot and return how it ended; never raises, and safe to repeat.

    A finished run returns at once; one that another process executes is waited for.
    """
    try:
        return _supervise(job, slots, stop)
    except WorkerLost as error:
        stop.fail(error)
        return Outcome(RunState.IN_QUEUE.value, str(error))
    except Exception as error:
        return Outcome(
            RunState.ERROR.value, f"simmanager could not supervise this run: {type(error).__name__}: {error}"
        )


def _supervise(job: Job, slots: Slots, stop: Stop) -> Outcome:
    folder, task, options = RunFolder(job.task.folder, durable=job.task.durable), job.task, job.options
    retries_left = options.retries
    while not stop.mode:
        if is_held(folder.lock_file):
            time.sleep(_HELD_TICK_S)
            continue
        outcome, crashed = _execute_on_some_worker(folder, task, options, slots, stop)
        if not outcome.state:
            continue  # another process was quicker: wait for it
        failed = outcome.executed and outcome.state == RunState.ERROR.value
        if not failed or retries_left == 0 or stop.mode or not (crashed or options.retry_errors):
            return outcome
        retries_left -= 1
        task = replace(task, execute=(*EXECUTABLE, RunState.ERROR.value))
    return NOT_STARTED


def _execute_on_some_worker(
    folder: RunFolder, task: Task, options: RunOptions, slots: Slots, stop: Stop
) -> tuple[Outcome, bool]:
    """Execute a run; a worker that was killed before it began with it is no reason to end the batch or the run."""
    for _ in range(_WORKER_STARTS - 1):
        with suppress(WorkerLost):
            return _execute_once(folder, task, options, slots, stop, may_try_again=True)
    return _execute_once(folder, task, options, slots, stop)


def _execute_once(
    folder: RunFolder, task: Task, options: RunOptions, slots: Slots, stop: Stop, *, may_try_again: bool = False
) -> tuple[Outcome, bool]:
    worker = slots.take(task.recipe)
    keep = False
    try:
        (result,) = worker.execute([task], options.timeout, stop.is_now)
        keep = isinstance(result, Outcome) and not result.leftovers and not options.fresh_process
        worker.bound_to = task.recipe if isinstance(result, Outcome) and result.bound else worker.bound_to
    finally:
        _part_with(worker, slots, keep=keep)
    if isinstance(result, Death):
        if may_try_again and not result.stopped and folder.read_history().state is RunState.IN_QUEUE:
            raise WorkerLost(f"{result.reason} before the run began")
        return write_verdict(folder, task, result), not result.stopped
    return result, False


def _part_with(worker: Worker, slots: Slots, *, keep: bool) -> None:
    if keep:
        slots.give_back(worker)
    else:
        slots.retire(worker)


def write_verdict(folder: RunFolder, task: Task, death: Death) -> Outcome:
    """Write how a run ended whose worker is dead. What the worker wrote itself stands."""
    state = RunState.INTERRUPTED if death.stopped else RunState.ERROR
    try:
        lock = take_lock(folder.lock_file, _VERDICT_PATIENCE_S) if folder.path.is_dir() else None
    except (LockHeld, OSError) as error:
        return Outcome(state.value, f"{death.reason}; this could not be noted: {error}", True)
    if lock is None:
        return Outcome(RunState.ERROR.value, f"{death.reason}; the folder of the run is gone", True)
    try:
        note_start(folder)
        history = folder.read_history()
        if history.state is RunState.IN_QUEUE:  # it died before it could say that it runs
            history = folder.move(history, (RunState.RUNNING, f"attempt={history.attempts + 1}"))
        if history.state is RunState.RUNNING:
            history = _declare(folder, task, history, state, death)
        ended = history.state or state
        reason = "" if ended is RunState.FINISHED else (history.last.detail if history.last else death.reason)
        started = history.started or utc_now()
        return Outcome(ended.value, reason, True, seconds_between(started, utc_now()), history.attempts)
    except OSError as error:
        return Outcome(state.value, f"{death.reason}; this could not be noted: {error.strerror or error}", True)
    finally:
        lock.release()


def _declare(folder: RunFolder, task: Task, history: StateHistory, state: RunState, death: Death) -> StateHistory:
    adopted = adopt(folder, history)
    if adopted.state is RunState.FINISHED:
        return adopted
    folder.remove_scratch()
    folder.progress.unlink(missing_ok=True)
    ended = utc_now()
    record = RunRecord(
        simulation_id=folder.simulation_id,
        run_id=folder.run_id,
        seed=task.seed,
        attempt=history.attempts,
        state=state.value,
        reason=death.reason,
        started=history.started,
        ended=ended,
        duration_s=seconds_between(history.started, ended),
        cpu_s=death.cpu_s,
        peak_mb=death.peak_mb,
        pid=death.pid,
        host=socket.gethostname(),
        provenance=task.provenance,
    )
    with suppress(OSError):
        folder.write_json(folder.record.name, record.as_json())
    return folder.move(history, (state, death.reason))


@contextmanager
def stop_on_signals(stop: Stop) -> Iterator[None]:
    """Turn Ctrl-C, SIGTERM and SIGHUP into a wish to stop: the first "finish", the second "now".

    Only the main thread can do so; elsewhere nothing changes. Nothing is printed here: the signal may have come in
    the middle of a print, which would wait for itself.
    """

    def on_signal(number: int, _frame: FrameType | None) -> None:
        stop.by_signal = number
        name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
        if not stop.mode:
            stop.finish(name)
        elif not stop.is_now():
            stop.now(name)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # nohup: a terminal that closes is not a wish to stop
            signal.signal(number, on_signal)
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None:
                signal.signal(number, handler)
