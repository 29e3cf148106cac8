"""One run, from its lock to its verdict, with everything that it writes on the way."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from ..base.current_run import CurrentRun, executing
from ..base.errors import InvalidTransition
from ..base.provenance import loaded_versions
from ..base.rules import EndOfRun
from ..base.text import describe, memory
from ..base.user_frames import KeptSources, lines_known, location, traceback_text
from ..disk.frozen import batch_of, frozen_seconds
from ..disk.locks import LockHeld, take_lock
from ..disk.metric_log import MetricLog
from ..disk.run_folder import CHECKPOINT, PROGRESS, RECORD, RESULTS, RunFolder
from ..disk.run_record import RunRecord, not_saved_of, number_of, remark_on, stopped_early_of
from ..disk.sources import kept_sources
from ..disk.starts import note_start
from ..disk.state import REMARK, RunState, StateHistory
from .capture import descriptors_to_logs
from .checkpoint_store import has_checkpoint
from .library_seeds import LibrariesSeeded
from .memory import MemoryLimit, Meter
from .no_terminal import advice, is_debuggers_end
from .process_group import end_if_forked
from .saving import Kept
from .simulate import simulate
from .task import Outcome, Task

#: Seconds to wait for the lock of a run, and further ones if somebody only looks at it; then the manager says so.
LOCK_PATIENCE_S, LOOKERS_S = 0.5, 0.5

#: Seconds between two notes of how far a run is.
PROGRESS_INTERVAL_S = 1.0

Capture = Callable[[RunFolder], AbstractContextManager[None]]


def execute_run(
    task: Task,
    *,
    capture: Capture = descriptors_to_logs,
    loaded: Callable[[bytes], None] | None = None,
    prepare: Callable[[], object] | None = None,
) -> tuple[Outcome, BaseException | None]:
    """Execute a run and write how it ended; never raises for what the run does.

    The lock of the run is held from before ``running`` until after the verdict. A finished run is not executed again.

    Parameters
    ----------
    task : Task
        Which run.
    capture : callable
        Context that sends the output to the logs.
    loaded : callable, optional
        Called with the pickled recipe when it is loaded, before anything is made from it.
    prepare : callable, optional
        Called before the recipe is loaded; what it says goes to the logs of this run, and what it raises ends it.

    Returns
    -------
    (Outcome, exception or None)
        The exception is what the run raised, for callers in the same process.
    """
    folder = RunFolder(task.folder, durable=task.durable)
    try:
        lock = take_lock(folder.lock_path, LOCK_PATIENCE_S, LOOKERS_S)
    except LockHeld:
        return Outcome("", "another process is executing this run"), None
    except FileNotFoundError:
        return Outcome(RunState.ERROR.value, f"the folder of the run is gone: {folder.path}"), None
    except OSError as error:
        return Outcome(RunState.ERROR.value, f"cannot write to the folder of the run ({error.strerror or error})"), None
    try:
        folder.look()
        history = enqueue(folder, folder.read_history(), task.execute)
        if history.state is not RunState.IN_QUEUE:
            reason = history.last.detail if history.last and history.state is not RunState.FINISHED else ""
            return Outcome(history.state or "", reason, attempt=history.attempts), None
        return _attempt(folder, task, history, capture, partial(simulate, loaded=loaded, prepare=prepare))
    except OSError as error:
        return _refused(folder, f"cannot write to the folder of the run ({error.strerror or error})"), None
    finally:
        lock.release()


def _refused(folder: RunFolder, reason: str) -> Outcome:
    """Note, if that is possible, that a run could not be started; the caller holds its lock."""
    with suppress(OSError, InvalidTransition):
        note_start(folder)
        history = folder.read_history()
        begin = [(RunState.RUNNING, "")] if history.state is RunState.IN_QUEUE else []
        folder.move(history, *begin, (RunState.ERROR, reason))
    return Outcome(RunState.ERROR.value, reason, True)


def enqueue(folder: RunFolder, history: StateHistory, execute: tuple[str, ...]) -> StateHistory:
    """Put a run into ``in_queue`` if it may be executed; the caller holds its lock.

    A run whose process died after all results were in place is declared finished instead.
    """
    before = history.state
    if before is RunState.RUNNING or not history.attempts:
        history = finish_if_complete(folder, history)
        if history.state is RunState.FINISHED:
            return history
        if before is None:
            return folder.move(history, (RunState.IN_QUEUE, history.damage))
        if before is RunState.RUNNING:
            history = folder.move(history, (RunState.INTERRUPTED, "its process is gone"))
    if history.state is not RunState.IN_QUEUE and before in execute:
        history = folder.move(history, (RunState.IN_QUEUE, ""))
    return history


def finish_if_complete(folder: RunFolder, history: StateHistory) -> StateHistory:
    """Declare a run finished that died, or whose state.log lost its last lines, when all its results were in place.

    The caller holds its lock. Anything else is returned as it is.
    """
    if not _complete_on_disk(folder, history):
        return history
    lost = {None: [RunState.IN_QUEUE, RunState.RUNNING], RunState.IN_QUEUE: [RunState.RUNNING]}
    moves = lost.get(history.state, [])  # lines that state.log no longer has
    record = folder.read_json(folder.record)
    remark = remark_on(not_saved_of(record), stopped_early_of(record))
    detail = "its results were in place" + (f"{REMARK}{remark}" if remark else "")
    return folder.move(history, *((state, "") for state in moves), (RunState.FINISHED, detail))


def _complete_on_disk(folder: RunFolder, history: StateHistory) -> bool:
    # run.json is written after the results and before "finished": with it, a killed run had all but the last line.
    record = folder.read_json(folder.record) if folder.may_hold(RECORD) else {}
    same_attempt = not history.attempts or number_of(record, "attempt") == history.attempts
    says_so = record.get("state") == RunState.FINISHED.value and same_attempt
    excused = not_saved_of(record)
    return says_so and all(name in excused or os.path.lexists(folder.path / name) for name in RESULTS)


def _attempt(
    folder: RunFolder, task: Task, history: StateHistory, capture: Capture, run_it: Callable[..., None]
) -> tuple[Outcome, BaseException | None]:
    attempt = history.attempts + 1
    if attempt > 1:
        folder.set_aside_attempt(attempt - 1, goes_on=has_checkpoint(folder, task.recipe))
    folder.remove_logs()
    error: BaseException | None = None
    reason = ""
    kept, process = Kept(), os.getpid()
    sources = kept_sources(task.recipe)
    with capture(folder), lines_known(sources):
        host = socket.gethostname()
        note_start(folder)
        history = folder.move(history, (RunState.RUNNING, f"attempt={attempt} pid={os.getpid()} host={host}"))
        meter = Meter()
        try:
            log = MetricLog(folder.text)
            run = _current(folder, task, attempt, log)
            with (
                closing(log),
                _place_for_artefacts(folder),
                executing(run),
                LibrariesSeeded(task.seed),
                MemoryLimit(task.memory_limit_mb),
            ):
                run_it(folder, task, run, kept)
            end_if_forked(process)
        except BaseException as raised:
            end_if_forked(process, raised)
            error = raised
            reason = reason_of(raised, folder, sources, task.memory_limit_mb)
            _print_traceback(raised, sources)
        finally:
            folder.remove(PROGRESS)
        return _verdict(folder, task, history, attempt, error, reason, kept, meter), error


def _current(folder: RunFolder, task: Task, attempt: int, log: MetricLog) -> CurrentRun:
    above = folder.text.rpartition(os.sep)[0].rpartition(os.sep)[0]
    return CurrentRun(
        task.seed,
        folder.run_id or 0,
        folder.simulation_id,
        attempt,
        None if folder.run_id is None else Path(above),
        folder.artefacts_path,
        folder.text,
        _ProgressFile(folder),
        log=log,
    )


@contextmanager
def _place_for_artefacts(folder: RunFolder) -> Iterator[None]:
    """Make the folder for the files of the model, which any program may use; if it stays empty, it goes."""
    with suppress(OSError):  # it is made when it is asked for, too
        os.mkdir(folder.artefacts_path)  # noqa: PTH102 - a hot path
    try:
        yield
    finally:
        with suppress(OSError):
            os.rmdir(folder.artefacts_path)  # noqa: PTH106


def _verdict(
    folder: RunFolder,
    task: Task,
    history: StateHistory,
    attempt: int,
    error: BaseException | None,
    reason: str,
    kept: Kept,
    meter: Meter,
) -> Outcome:
    started, seconds = history.started, meter.seconds()
    ended = _later(started, seconds)
    if folder.run_id is not None:
        seconds = round(max(seconds - frozen_seconds(batch_of(folder.text), started, ended), 0.0), 6)
    state = RunState.FINISHED if error is None else RunState.ERROR
    if isinstance(error, KeyboardInterrupt) and signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        state, reason = RunState.INTERRUPTED, "stopped by the user"  # Ctrl-C; workers ignore it
    record = RunRecord(
        simulation_id=folder.simulation_id,
        run_id=folder.run_id,
        seed=task.seed,
        attempt=attempt,
        state=state.value,
        reason=reason,
        error_type=type(error).__name__ if error is not None else "",
        started=started,
        ended=ended,
        duration_s=seconds,
        cpu_s=meter.cpu(),
        peak_mb=meter.peak_mb(),
        pid=os.getpid(),
        host=socket.gethostname(),
        versions=loaded_versions(),
        provenance=task.provenance,
        metrics=kept.measured.values,
        metric_errors=kept.measured.errors,
        not_saved=kept.not_saved,
        left_out=kept.left_out,
        stopped_early=kept.stopped_early if error is None else "",
    )
    try:
        record = folder.write_record(record)
    except OSError as failure:
        if state is RunState.FINISHED:
            state, reason = RunState.ERROR, f"could not save {RECORD}: {failure.strerror or failure}"
    if state is not RunState.INTERRUPTED:
        with suppress(OSError):  # after the results are in place; a run that raised would only raise again
            folder.remove(CHECKPOINT)
    facts = f"duration_s={record.duration_s} cpu_s={record.cpu_s} peak_mb={record.peak_mb}"
    if (remark := remark_on(record.not_saved, record.stopped_early)) and state is RunState.FINISHED:
        reason = remark
        facts = f"{facts}{REMARK}{reason}"
    try:
        folder.move(history, (state, facts if state is RunState.FINISHED else reason))
    except OSError as failure:  # even this line may fail on a full disk: the lock is freed, status says interrupted
        state, reason = RunState.ERROR, f"{reason or 'it ended'}; this could not be noted ({failure.strerror})"
    return Outcome(state.value, reason, True, record.duration_s, attempt, peak_mb=record.peak_mb)


def _later(started: str, seconds: float) -> str:
    """Return the time so many seconds after another, so that a clock set back makes no run end before it starts."""
    ended = datetime.fromisoformat(started) + timedelta(seconds=seconds)
    return ended.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _ProgressFile:
    """Notes how far the run is, at most once a second."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._process, self._writing = os.getpid(), threading.Lock()
        self._next = time.monotonic() + PROGRESS_INTERVAL_S

    def __call__(self, done: float, total: float) -> None:
        if time.monotonic() < self._next or os.getpid() != self._process:  # what forked children do says nothing
            return
        if self._writing.acquire(blocking=False):  # several threads of a run may report
            try:
                self._next = time.monotonic() + PROGRESS_INTERVAL_S
                with suppress(OSError):
                    self._folder.write_bytes(self._folder.progress.name, f"{done} {total}\n".encode())
            finally:
                self._writing.release()


def reason_of(
    error: BaseException, folder: RunFolder, sources: KeptSources, memory_limit_mb: float | None = None
) -> str:
    """Return why a run failed, in one line: where in the user's code, which error, and under which limit of memory."""
    if isinstance(error, EndOfRun):
        return str(error)
    where = location(error, sources)
    why = describe(error)
    if is_debuggers_end(error):
        why = f"a debugger was left, or had no terminal: {advice(folder.path)}"
    if isinstance(error, MemoryError) and memory_limit_mb is not None:
        why = f"{why} (the run may add {memory(memory_limit_mb)}: memory_limit_mb, --memory-limit)"
    return f"{where}: {why}" if where else why


def _print_traceback(error: BaseException, sources: KeptSources) -> None:
    import sys

    for stream in (sys.stderr, sys.__stderr__):
        try:
            print(traceback_text(error, sources), end="", file=stream)
            if stream is not None:
                stream.flush()
            return
        except BaseException:
            continue
