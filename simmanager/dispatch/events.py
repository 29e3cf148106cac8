"""What a batch tells while it runs: events for a function of the user, and a command at the end."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..base.clock import duration
from ..base.public import public
from ..base.tell import note
from ..disk.metric_log import read_last_logged
from ..disk.run_folder import RunFolder
from ..status.reader import read_status
from ..status.status import BatchStatus
from ..worker.process_group import signal_group
from ..worker.task import Task

#: Seconds that the end of a batch waits for a slow function, and for the command.
_PATIENCE_S = 30.0


@public("simmanager")
class Event(NamedTuple):
    """Something that happened to a run or to the batch.

    Parameters
    ----------
    kind : str
        ``"started"``, ``"progress"``, ``"ended"`` (a run), or ``"batch_ended"``.
    simulation_id, run_id, path : str, int or None, str
        Which run; at the end of the batch "", None and the folder of the batch.
    state : str
        `RunState` keyword of the run; "" at the end of the batch.
    fraction : float or None
        How far the run is, or the batch, 0 to 1.
    reason : str
        Last line of what went wrong, or "".
    status : BatchStatus or None
        At the end of the batch: how it stands.
    metrics : dict of str to float
        What the run has logged last (`log_metrics`), by name; {} if nothing.
    """

    kind: str
    simulation_id: str
    run_id: int | None
    path: str
    state: str
    fraction: float | None = None
    reason: str = ""
    status: BatchStatus | None = None
    metrics: Mapping[str, float] = {}


def event_of(kind: str, task: Task, state: str, fraction: float | None = None, reason: str = "") -> Event:
    """Return what is to be told of a run, with what it has logged."""
    folder = RunFolder(task.folder)
    logged = read_last_logged(task.folder)
    return Event(kind, folder.simulation_id, folder.run_id, task.folder, state, fraction, reason, None, logged)


class Announcer:
    """Calls a function of the user with events, one after the other, in a thread of its own.

    A slow function delays only its own events. One that raises is reported once on stderr and called again.
    """

    def __init__(self, function: Callable[[Event], object] | None) -> None:
        self._function = function
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._failed = False

    @property
    def wanted(self) -> bool:
        """Whether anybody listens."""
        return self._function is not None

    def send(self, event: Event) -> None:
        """Announce an event; returns at once."""
        if self._function is None:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._call, name="simmanager-events", daemon=True)
            self._thread.start()
        self._events.put(event)

    def close(self) -> None:
        """Wait until all events have been told; a function that hangs is left behind."""
        if self._thread is None:
            return
        self._events.put(None)
        self._thread.join(_PATIENCE_S)
        if self._thread.is_alive():
            note(f"on_event still runs after {_PATIENCE_S:g} s; it is left behind.")
        self._thread = None

    def _call(self) -> None:
        assert self._function is not None  # by `send`
        while (event := self._events.get()) is not None:
            try:
                self._function(event)
            except BaseException:
                if not self._failed:
                    self._failed = True
                    note(f"on_event raised an error (told once; the batch goes on):\n{traceback.format_exc()}")


#: When a command tells the user something: at the first run that fails, at the end of the batch.
WHEN = (FAILURE, END) = ("failure", "end")


def notify(
    command: str, status: BatchStatus, when: str = END, *, reason: str = "", seconds: float | None = None
) -> None:
    """Run a shell command that tells the user how a batch stands; whatever it does, the batch is not touched.

    Its environment has SIMMANAGER_EVENT (one of `WHEN`), SIMMANAGER_BATCH (folder), SIMMANAGER_ID, SIMMANAGER_SUMMARY
    (the counts in words), SIMMANAGER_FINISHED, SIMMANAGER_FAILED, SIMMANAGER_TOTAL, SIMMANAGER_DURATION (since the
    command line began, in words) and SIMMANAGER_REASON (``reason``, or why the first of the failed runs has failed).
    """
    counts = status.counts
    failed = (_failure(run.simulation_id, run.run_id, run.reason) for run in status.runs if run.state == "error")
    facts: dict[str, Any] = {
        "EVENT": when,
        "DURATION": duration(seconds),
        "REASON": reason or next(failed, ""),
        "BATCH": status.path,
        "ID": status.manager_id,
        "SUMMARY": status.headline,
        "FINISHED": counts["finished"],
        "FAILED": counts["error"],
        "TOTAL": status.total,
    }
    environ = {**os.environ, **{f"SIMMANAGER_{name}": str(value) for name, value in facts.items()}}
    try:
        code = _run_shell(command, environ)
    except subprocess.TimeoutExpired:  # its text has the command, in which there may be a secret
        note(f"--notify: the command did not end within {_PATIENCE_S:g} s.")
        return
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        note(f"--notify: {error}")
        return
    if code:
        note(f"--notify: the command ended with exit code {code}.")


class FailureNotice:
    """Runs a command when the first run fails; passes all events on.

    Parameters
    ----------
    command : str
        As for `notify`.
    further : callable, optional
        Takes every event, too.
    """

    def __init__(self, command: str, further: Callable[[Event], object] | None = None) -> None:
        self._command, self._further = command, further
        self._is_told, self._begun = False, time.monotonic()

    def __call__(self, event: Event) -> None:
        """Take an event."""
        if self._further is not None:
            self._further(event)
        if event.kind == "ended" and event.state == "error" and not self._is_told:
            self._is_told = True
            reason = _failure(event.simulation_id, event.run_id, event.reason)
            status = read_status(Path(event.path).parents[1])
            notify(self._command, status, FAILURE, reason=reason, seconds=time.monotonic() - self._begun)


def _failure(simulation_id: str, run_id: int | None, reason: str) -> str:
    return f"{simulation_id} run {run_id}: {reason}"


def _run_shell(command: str, environ: dict[str, str]) -> int:
    """Return the exit code of the user's command; if it hangs, it is ended with all that it has started."""
    shell = subprocess.Popen(command, shell=True, env=environ, start_new_session=True)
    try:
        return shell.wait(_PATIENCE_S)
    except BaseException:  # Ctrl-C, too, which a session of its own does not hear
        signal_group(shell.pid, signal.SIGKILL)
        shell.wait()
        raise
