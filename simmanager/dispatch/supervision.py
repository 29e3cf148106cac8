"""One run under supervision: given to a worker, and what is said of it when the worker dies."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from ..base.clock import seconds_between, utc_now
from ..disk.files import remove_scratch
from ..disk.locks import LockHeld, is_held, take_lock
from ..disk.run_folder import RunFolder
from ..disk.run_record import RunRecord
from ..disk.starts import note_start
from ..disk.state import RunState, StateHistory
from ..worker.attempt import finish_if_complete
from ..worker.task import EXECUTABLE, NOT_STARTED, Outcome, Task
from .run_options import RunOptions
from .slots import Slots
from .stop import Stop
from .worker_process import Death, Worker, WorkerLost

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


def supervise_together(tasks: Sequence[Task], slots: Slots, stop: Stop) -> dict[str, Outcome]:
    """Execute short runs of one simulation on one slot, handed over in one message; never raises.

    Returns
    -------
    dict
        Folder -> how it ended. Those that are missing have not been started or are executed elsewhere: they are to be
        supervised each for itself.
    """
    ended: dict[str, Outcome] = {}
    with suppress(Exception):  # whatever it is, `supervise` meets it again and tells it
        if not any(is_held(RunFolder(task.folder).lock_path) for task in tasks):
            _execute_together(tasks, slots, stop, ended)
    return ended


def _execute_together(tasks: Sequence[Task], slots: Slots, stop: Stop, ended: dict[str, Outcome]) -> None:
    worker, keep = slots.take(tasks[0].recipe), False
    try:
        for task, result in zip(tasks, worker.execute(tasks, None, stop.is_now), strict=False):
            keep = isinstance(result, Outcome) and not result.leftovers
            if isinstance(result, Outcome):
                if result.bound:
                    slots.bind(worker, task.recipe)
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
        _give_back_or_retire(worker, slots, keep=keep)


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
        if is_held(folder.lock_path):
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
        if isinstance(result, Outcome) and result.bound:
            slots.bind(worker, task.recipe)
    finally:
        _give_back_or_retire(worker, slots, keep=keep)
    if isinstance(result, Death):
        if may_try_again and not result.stopped and folder.read_history().state is RunState.IN_QUEUE:
            raise WorkerLost(f"{result.reason} before the run began")
        return write_verdict(folder, task, result), not result.stopped
    return result, False


def _give_back_or_retire(worker: Worker, slots: Slots, *, keep: bool) -> None:
    if keep:
        slots.give_back(worker)
    else:
        slots.retire(worker)


def write_verdict(folder: RunFolder, task: Task, death: Death) -> Outcome:
    """Write how a run ended whose worker is dead. What the worker wrote itself stands."""
    state = RunState.INTERRUPTED if death.stopped else RunState.ERROR
    try:
        lock = take_lock(folder.lock_path, _VERDICT_PATIENCE_S) if folder.path.is_dir() else None
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
            history = _write_end(folder, task, history, state, death)
        ended = history.state or state
        reason = "" if ended is RunState.FINISHED else (history.last.detail if history.last else death.reason)
        started = history.started or utc_now()
        return Outcome(ended.value, reason, True, seconds_between(started, utc_now()), history.attempts)
    except OSError as error:
        return Outcome(state.value, f"{death.reason}; this could not be noted: {error.strerror or error}", True)
    finally:
        lock.release()


def _write_end(folder: RunFolder, task: Task, history: StateHistory, state: RunState, death: Death) -> StateHistory:
    history_now = finish_if_complete(folder, history)
    if history_now.state is RunState.FINISHED:
        return history_now
    remove_scratch(folder.text)
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
        folder.write_record(record)
    return folder.move(history, (state, death.reason))
