"""What is said of a run whose worker is dead."""

from __future__ import annotations

import socket
from contextlib import suppress

from ..base.clock import seconds_between, utc_now
from ..disk.frozen import batch_of, frozen_seconds
from ..disk.locks import LockHeld, take_lock
from ..disk.run_folder import RunFolder
from ..disk.run_record import RunRecord
from ..disk.starts import note_start
from ..disk.state import RunState, StateHistory
from ..worker.attempt import finish_if_complete
from ..worker.task import Outcome, Task
from .worker_process import Death

#: Seconds to wait for the lock of a run whose worker has just died.
_VERDICT_PATIENCE_S = 5.0


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
        return Outcome(ended.value, reason, True, _duration(folder, started, utc_now()), history.attempts)
    except OSError as error:
        return Outcome(state.value, f"{death.reason}; this could not be noted: {error.strerror or error}", True)
    finally:
        lock.release()


def _duration(folder: RunFolder, started: str, ended: str) -> float | None:
    """Return how long a run was executed, in seconds, the time left out in which it was frozen."""
    seconds = seconds_between(started, ended)
    return None if seconds is None else max(seconds - frozen_seconds(batch_of(folder.text), started, ended), 0.0)


def _write_end(folder: RunFolder, task: Task, history: StateHistory, state: RunState, death: Death) -> StateHistory:
    history_now = finish_if_complete(folder, history)
    if history_now.state is RunState.FINISHED:
        return history_now
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
        duration_s=_duration(folder, history.started, ended),
        cpu_s=death.cpu_s,
        peak_mb=death.peak_mb,
        pid=death.pid,
        host=socket.gethostname(),
        provenance=task.provenance,
    )
    with suppress(OSError):
        folder.write_record(record)
    return folder.move(history, (state, death.reason))
