"""One run under supervision: given to a worker, ended when it must be, started again if that is wanted."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field, replace

from ..disk.locks import is_held
from ..disk.run_folder import RunFolder
from ..disk.state import RunState
from ..worker.task import EXECUTABLE, NOT_STARTED, Outcome, Task
from .orphans import end_orphan, running_at, whom_it_waits_for
from .room import RAN_OUT, RAN_SHORT, Room
from .run_options import RunOptions
from .slots import Slots
from .stop import Stop
from .verdict import write_verdict
from .worker_process import Death, WorkerLost, timed_out

#: Seconds between two looks at a run that another process executes.
_HELD_TICK_S = 0.05

#: Seconds after which it is said for whom a run waits.
TELL_AFTER_S = 1.0

#: How often a worker is started for a run before the batch is given up.
_WORKER_STARTS = 3


@dataclass(frozen=True, slots=True)
class Job:
    """One entry of the queue: small plain data."""

    task: Task
    options: RunOptions = field(default_factory=RunOptions)


def supervise_together(tasks: Sequence[Task], slots: Slots, stop: Stop) -> dict[str, Outcome]:
    """Execute short runs on one slot, handed over in one message; never raises.

    Returns folder -> how it ended. Those that are missing have not been started or are executed elsewhere: they are to
    be supervised each for itself.
    """
    ended: dict[str, Outcome] = {}
    with suppress(Exception):  # `supervise` meets the same error again and reports it
        if not any(is_held(RunFolder(task.folder).lock_path) for task in tasks):
            _execute_together(tasks, slots, stop, ended)
    return ended


def _execute_together(tasks: Sequence[Task], slots: Slots, stop: Stop, ended: dict[str, Outcome]) -> None:
    worker, keep = slots.take(tasks[0].recipe, tasks[0].environ), False
    result: Outcome | Death | None = None
    try:
        tasks = [task for task in tasks if slots.fits(worker, task.recipe)]
        for task, result in zip(tasks, worker.execute(tasks, None, stop.ends_runs), strict=False):
            if isinstance(result, Outcome):
                if result.bound:
                    slots.bind(worker, task.recipe)
                if result.state:
                    ended[task.folder] = result
                continue
            folder = RunFolder(task.folder, durable=task.durable)
            if folder.read_history().state is RunState.RUNNING:  # else it died between two runs
                ended[task.folder] = write_verdict(folder, task, result)
        keep = isinstance(result, Outcome) and not result.leftovers
    finally:
        slots.give_back(worker, usable=keep)


def supervise(job: Job, slots: Slots, stop: Stop, room: Room | None = None) -> Outcome:
    """Execute a run on a slot and return how it ended; never raises, and safe to repeat.

    A finished run returns at once; one that another process executes is waited for.
    """
    try:
        return _supervise(job, slots, stop, room)
    except WorkerLost as error:
        stop.fail(error)
        return Outcome(RunState.IN_QUEUE.value, str(error))
    except Exception as error:
        return Outcome(
            RunState.ERROR.value, f"simmanager could not supervise this run: {type(error).__name__}: {error}"
        )


def _supervise(job: Job, slots: Slots, stop: Stop, room: Room | None) -> Outcome:
    folder, task, options = RunFolder(job.task.folder, durable=job.task.durable), job.task, job.options
    retries_left, is_to_be_alone = options.retries, False
    while stop.may_start():
        if is_held(folder.lock_path):
            if (ended := _wait_for_another(folder, task, stop)) is None:
                continue
            outcome, crashed = ended, True
        else:
            with room.alone(stop) if room is not None and is_to_be_alone else nullcontext():
                outcome, crashed = _execute_on_some_worker(folder, task, options, slots, stop, room)
        if not outcome.state:
            if outcome.reason != NOT_STARTED.reason:  # another process was quicker, or looks at the lock all the time
                stop.say(whom_it_waits_for(folder))
            continue
        if outcome.reason in (RAN_SHORT, RAN_OUT) and room is not None:
            is_to_be_alone = outcome.reason == RAN_OUT
            room.wait_for(task.simulation_id, stop)
            continue
        failed = outcome.executed and outcome.state == RunState.ERROR.value
        if not failed or retries_left == 0 or stop.mode or not (crashed or options.retry_errors):
            return outcome
        retries_left -= 1
        task = replace(task, execute=(*EXECUTABLE, RunState.ERROR.value))
    return NOT_STARTED


def _wait_for_another(folder: RunFolder, task: Task, stop: Stop) -> Outcome | None:
    """Wait while another process executes a run; return how it ended if it was ended here, having had its time."""
    tell_at = time.monotonic() + TELL_AFTER_S
    deadline = _deadline_of(folder, task.timeout_s)
    while not stop.mode and is_held(folder.lock_path):
        if time.monotonic() >= tell_at:
            stop.say(whom_it_waits_for(folder))
            tell_at = float("inf")
        if task.timeout_s is not None and not stop.paused and time.monotonic() >= deadline:
            deadline = _deadline_of(folder, task.timeout_s)  # later, if it was frozen meanwhile
            if time.monotonic() < deadline:
                continue
            if (outcome := end_orphan(task, timed_out(task.timeout_s))) is not None:
                return outcome
            deadline = float("inf")  # it cannot be shown which process it is
        time.sleep(_HELD_TICK_S)
    return None


def _deadline_of(folder: RunFolder, timeout_s: float | None) -> float:
    """Return when a run that another process executes has had its time, counted from its own start."""
    run = running_at(folder)
    if timeout_s is None or run is None:
        return float("inf")
    return time.monotonic() + timeout_s - (run.duration_s or 0.0)


def _execute_on_some_worker(
    folder: RunFolder, task: Task, options: RunOptions, slots: Slots, stop: Stop, room: Room | None
) -> tuple[Outcome, bool]:
    """Execute a run; a worker that was killed before it began with it is no reason to end the batch or the run."""
    for _ in range(_WORKER_STARTS - 1):
        with suppress(WorkerLost):
            return _execute_once(folder, task, options, slots, stop, room, may_try_again=True)
    return _execute_once(folder, task, options, slots, stop, room)


def _execute_once(
    folder: RunFolder,
    task: Task,
    options: RunOptions,
    slots: Slots,
    stop: Stop,
    room: Room | None,
    *,
    may_try_again: bool = False,
) -> tuple[Outcome, bool]:
    worker = slots.take(task.recipe, task.environ)
    keep, has_run_out = False, False

    def ends_run() -> str:
        return stop.ends_runs() or (room.why_to_end(task.folder) if room is not None else "")

    try:
        if room is not None:
            room.begin(task.folder, task.simulation_id, worker.pid)
        if task.timeout_s is not None:
            worker.wait_until_ready()
            slots.deadlines.set(worker, task, task.timeout_s)
        (result,) = worker.execute([task], task.timeout_s, ends_run)
        keep = isinstance(result, Outcome) and not result.leftovers and not options.fresh_process
        if isinstance(result, Outcome) and result.bound:
            slots.bind(worker, task.recipe)
        if isinstance(result, Death) and room is not None:
            room.learn(task.simulation_id, result.peak_mb)
            has_run_out = result.is_kill and room.has_run_out(task.folder)
    finally:
        if room is not None:
            room.end(task.folder)
        slots.give_back(worker, usable=keep)
    if isinstance(result, Death):
        if has_run_out:
            result = replace(result, reason=RAN_OUT, stopped=True)
        if may_try_again and not result.stopped and folder.read_history().state is RunState.IN_QUEUE:
            raise WorkerLost(f"{result.reason} before the run began")
        return write_verdict(folder, task, result), not result.stopped
    return result, False
