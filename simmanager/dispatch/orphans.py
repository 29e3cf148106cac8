"""Runs that another process executes: for whom a run waits, and how a process is ended whose manager is gone."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from ..base.advice import command
from ..base.clock import local_time
from ..base.text import plain
from ..disk.batch_folder import OpenBatch
from ..disk.frozen import note_thaw
from ..disk.locks import Holder, holders, who_holds
from ..disk.run_folder import RunFolder
from ..disk.state import RunState
from ..status.reader import StatusReader, read_status
from ..status.status import RunStatus
from ..worker.memory import peak_memory_mb
from ..worker.process_group import end_worker, freeze, lives, may_signal, started_at, state_of, thaw, token_of
from ..worker.task import EXECUTABLE, Outcome, Task
from .run_options import RunOptions
from .tasks import make_tasks
from .verdict import write_verdict
from .worker_process import GRACE_S, Death

#: Seconds that a process may seem to be younger than the run that it executes: clocks are read at different times.
_TOLERANCE_S = 2.0


def running_at(folder: RunFolder) -> RunStatus | None:
    """Return a run that some process executes now: its state.log says so, and its lock is held."""
    (run,) = read_status(folder.path).runs
    return run if run.state is RunState.RUNNING else None


def whom_it_waits_for(folder: RunFolder) -> str:
    """Return in words who keeps a run from being executed by us, who hold its batch."""
    name = f"{plain(folder.simulation_id)} run {folder.run_id} waits for"
    run = running_at(folder)
    if run is None or _is_held_by_another(run):
        return f"{name} its lock: {folder.lock_path} is held by {who_holds(folder.lock_path)}"
    here = run.host == socket.gethostname()
    where = "" if here else f" on {plain(run.host)}"
    stopped = ", and which is stopped (SIGSTOP)" if here and run.pid and state_of(run.pid) == "T" else ""
    who = f"process {run.pid}{where}, which a manager that is gone started at {local_time(run.started)}{stopped}"
    if here and run.pid and not may_signal(run.pid):
        return f"{name} {who}; only its user can end it"
    return f"{name} {who}; to end it: {command('stop', folder.path.parent.parent, '--now')}"


def _is_held_by_another(run: RunStatus) -> bool:
    known = holders(RunFolder(run.path).lock_path)
    return bool(known) and Holder(run.pid or 0, looks=False) not in known


def end_orphan(task: Task, reason: str, *, stopped: bool = False) -> Outcome | None:
    """End a run that a manager which is gone has left, with its process; return how it ended.

    None, and nothing is done, if there is no such run, if it is a process of another user, or if it cannot be shown
    which process executes it: the kernel must name the process of state.log as the holder of the lock, and it must be
    older than the run.
    """
    run = _proven(task)
    return None if run is None else end_run(run, task, reason, stopped=stopped)


def _proven(task: Task) -> RunStatus | None:
    """Return a run whose process can be shown to execute it, and may be signalled."""
    run = running_at(RunFolder(task.folder))
    if run is None or run.pid is None or run.host != socket.gethostname():
        return None
    is_it = Holder(run.pid, looks=False) in holders(RunFolder(run.path).lock_path)
    if not is_it or started_at(run.pid) > datetime.fromisoformat(run.started).timestamp() + _TOLERANCE_S:
        return None
    return run if may_signal(run.pid) else None


def freeze_orphan(task: Task) -> None:
    """Stop a run that a manager which is gone has left, with all its processes, if it can be shown which these are."""
    if (run := _proven(task)) is not None and run.pid:
        freeze(run.pid, token_of(run.pid))


def thaw_orphans(batch: Path, tasks: Iterable[Task]) -> None:
    """Let runs go on that were frozen, by us or by a manager that is gone, and note that the batch is not any more."""
    for task in tasks:
        if (run := _proven(task)) is not None and run.pid:
            thaw(run.pid, token_of(run.pid))
    with suppress(OSError):
        note_thaw(batch)


def end_run(run: RunStatus, task: Task, reason: str, *, stopped: bool = False) -> Outcome:
    """End the process that executes a run, with all that it started, and write how the run ended."""
    pid = run.pid or 0
    peak = peak_memory_mb(pid)
    end_worker(pid, token_of(pid), GRACE_S, lambda: not lives(pid))
    return write_verdict(RunFolder(task.folder, durable=task.durable), task, Death(reason, stopped, pid, peak))


def orphans_of(batch: OpenBatch) -> list[Task]:
    """Return the runs of a batch that processes execute which a manager that is gone has left; we hold its lock."""
    running = [run for run in StatusReader(batch.folder.path).read_open(batch).runs if run.state is RunState.RUNNING]
    return make_tasks(batch, running, RunOptions(), EXECUTABLE)


def stop_orphans(tasks: Iterable[Task], reason: str) -> Iterator[str]:
    """End those of these runs that a manager which is gone has left; yields in words what was done."""
    for task in tasks:
        if (run := running_at(RunFolder(task.folder))) is None:
            continue
        name = f"{plain(run.simulation_id)} run {run.run_id}"
        who = f"process {run.pid} on {plain(run.host)}"
        if end_orphan(task, reason, stopped=True) is not None:
            yield f"ended process {run.pid}, which a manager that is gone had left with {name}"
        elif run.pid and run.host == socket.gethostname() and not may_signal(run.pid):
            yield f"{name} is left alone: {who}, which executes it, belongs to another user"
        else:
            yield f"{name} is left alone: it cannot be shown from here that {who} executes it; end that process there"
