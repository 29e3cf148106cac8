"""Deadlines of runs that hold when the manager is gone: a process of its own keeps them.

It is started with the first run that has a time limit, is told of each such run, and ends with the manager, or after
the last run that the manager left. A thread of the worker could not do this: the run may hold the interpreter, or be
stopped. Started as ``python -m simmanager.dispatch.deadlines``.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..disk.frozen import note_thaw
from ..disk.run_folder import RunFolder
from ..worker.process_group import end_worker, lives, thaw, token_of
from ..worker.task import Task, as_plain
from .orphans import end_run, running_at
from .worker_process import GRACE_S, Worker, WorkerSettings, timed_out

#: Seconds between two looks whether the manager, or the workers that it left, still live.
_TICK_S = 0.5

#: Seconds after its deadline at which a run is ended whose manager lives, but does not do it (it is stopped, say).
_LATE_S = 15.0

#: What is said: the deadline of a run; that all workers are stopped from now on, or go on.
SET, FREEZE, THAW = "set", "freeze", "thaw"

#: Seconds that the process may take to read what it is told, before it is given up.
_PATIENCE_S = 1.0


class Deadlines:
    """The process that keeps them, seen from the manager; without it, runs are executed as well."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._is_frozen = False

    def set(self, worker: Worker, task: Task, timeout_s: float) -> None:
        """Let a worker have so many seconds from now for a run; said again, it has a new deadline."""
        message = {
            "what": SET,
            "pid": worker.pid,
            "token": worker.token,
            "task": as_plain(replace(task, session={})),
            "timeout_s": timeout_s,
            "at": time.monotonic() + timeout_s,
        }
        with self._lock, suppress(OSError):
            if self._process is None or self._process.poll() is not None:  # somebody may have killed it
                self._end()
                self._process = self._start()
                if self._is_frozen:
                    self._send({"what": FREEZE})
            self._send(message)

    def tell(self, what: str) -> None:
        """Let it know that the workers are stopped (`FREEZE`), so that no time passes for them, or go on (`THAW`)."""
        with self._lock, suppress(OSError):
            self._is_frozen = what == FREEZE
            if self._process is not None:
                self._send({"what": what})

    def _start(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,  # it may outlive the manager: who reads its output is not to wait for that
            stderr=subprocess.DEVNULL,
            env=self._settings.environment(uuid.uuid4().hex, {}),
            start_new_session=True,
            bufsize=0,
        )
        assert process.stdin  # a pipe, by construction
        os.set_blocking(process.stdin.fileno(), False)
        return process

    def _send(self, message: Mapping[str, Any]) -> None:
        """Say something; a process that does not read it is given up."""
        line = json.dumps(message).encode() + b"\n"
        assert self._process and self._process.stdin
        deadline = time.monotonic() + _PATIENCE_S
        poller = select.poll()  # `select` takes no descriptor from 1024 on
        poller.register(self._process.stdin, select.POLLOUT)
        while line and time.monotonic() < deadline:
            poller.poll(_PATIENCE_S * 1000)
            line = line[self._process.stdin.write(line) or 0 :]
        if line:
            self._end()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

    def close(self) -> None:
        """End the process; no run is executed any more."""
        with self._lock:
            self._end()


# In the process --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Deadline:
    pid: int
    token: str
    task: Task
    timeout_s: float
    at: float

    def enforce(self, manager: _Manager) -> None:
        """End the run, if it is still this worker that executes it; or a worker that hangs before or after its run."""
        with suppress(Exception):  # one that cannot be ended is no reason to leave the others alone
            run = running_at(RunFolder(self.task.folder))
            if run is not None and run.pid == self.pid:
                end_run(run, self.task, timed_out(self.timeout_s))
            elif not manager.lives and token_of(self.pid) == self.token:
                end_worker(self.pid, self.token, GRACE_S, lambda: not lives(self.pid))


class _Manager:
    """The other end of the pipe."""

    def __init__(self) -> None:
        self._pid, self._received = os.getppid(), b""
        self.lives = True

    def told(self, seconds: float) -> list[dict[str, Any]]:
        """Return what it says, if it says something within so many seconds."""
        if not self.lives:
            time.sleep(seconds)
            return []
        if not select.select([0], [], [], seconds)[0]:
            self.lives = os.getppid() == self._pid  # else a fork of it holds the pipe open
            return []
        chunk = os.read(0, 1 << 16)
        self.lives = bool(chunk)
        *lines, self._received = (self._received + chunk).split(b"\n")
        return [json.loads(line) for line in lines]


class _Keeper:
    """The deadlines that are kept, by the worker; for workers that are frozen no time passes."""

    def __init__(self) -> None:
        self.deadlines: dict[int, _Deadline] = {}
        self._frozen_at: float | None = None

    def hear(self, message: dict[str, Any]) -> None:
        """Take what the manager says."""
        what = message.pop("what")
        if what == FREEZE:
            self._frozen_at = time.monotonic()
        elif what == THAW:
            self._go_on()
        else:
            content = message["task"]
            task = Task(**{**content, "execute": tuple(content["execute"])})
            self.deadlines[message["pid"]] = _Deadline(**{**message, "task": task})

    def _go_on(self) -> None:
        if self._frozen_at is not None:
            frozen_s, self._frozen_at = time.monotonic() - self._frozen_at, None
            self.deadlines = {pid: replace(one, at=one.at + frozen_s) for pid, one in self.deadlines.items()}

    def thaw(self) -> None:
        """Let workers go on that a manager which is gone has left frozen."""
        if self._frozen_at is None:
            return
        for pid, one in self.deadlines.items():
            if token_of(pid) == one.token:
                thaw(pid, one.token)
        with suppress(OSError):
            for batch in {Path(one.task.folder).parents[1] for one in self.deadlines.values()}:
                note_thaw(batch)
        self._go_on()

    def seconds(self) -> float:
        """Return in how many seconds the next deadline is."""
        if self._frozen_at is not None:
            return float("inf")
        return min((one.at for one in self.deadlines.values()), default=float("inf")) - time.monotonic()

    def enforce(self, manager: _Manager) -> None:
        """End what has had its time, and forget what has ended."""
        for pid, deadline in list(self.deadlines.items()):
            if self._frozen_at is None and time.monotonic() >= deadline.at + (_LATE_S if manager.lives else 0.0):
                # In a thread: it takes a while, and others may be due.
                threading.Thread(target=deadline.enforce, args=[manager]).start()
                del self.deadlines[pid]
            elif not lives(pid):
                del self.deadlines[pid]


def main() -> None:
    """Keep deadlines until the manager has gone, and all workers that it left."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    manager, keeper = _Manager(), _Keeper()
    while manager.lives or keeper.deadlines:
        for message in manager.told(_TICK_S if manager.lives else min(max(keeper.seconds(), 0.0), _TICK_S)):
            keeper.hear(message)
        if not manager.lives:
            keeper.thaw()
        keeper.enforce(manager)


if __name__ == "__main__":
    main()
