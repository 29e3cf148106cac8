"""Inside the child process: take a run, execute it, say how it ended. Started as ``python -m simmanager.worker``.

The protocol is JSON lines on the pipes that were its stdin and stdout. The first line sets the process up
(``sys.path``, working directory); each further line has one or several `Task`, each answered by one line with its
`Outcome`. The end of the input means that the manager is gone or content: the worker ends after the run at hand.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import json
import os
import select
import signal
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .clean_runs import CleanRuns
    from .task import Task

#: Starts each line of the protocol, so that noise on stdout (a chatty sitecustomize) is not taken for an answer.
MARK = b"simmanager:"

#: Seconds between two looks whether the manager still lives.
_ORPHAN_TICK_S = 1.0


class Channel:
    """The pipes to the manager, moved to private descriptors that the run does not see."""

    def __init__(self) -> None:
        self._input, self._received = os.dup(0), b""
        self._manager = os.getppid()
        self._output = os.dup(1)
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        os.dup2(2, 1)
        os.close(nothing)

    def receive(self) -> dict[str, Any] | None:
        """Return the next message, or None at the end."""
        while b"\n" not in self._received:
            chunk = os.read(self._input, 1 << 16) if self._has_input() else b""
            if not chunk:
                return None
            self._received += chunk
        line, _, self._received = self._received.partition(b"\n")
        return dict(json.loads(line))

    def _has_input(self) -> bool:
        """Wait for input or its end; False if the manager is dead, but a fork of it holds the pipe open."""
        while not select.select([self._input], [], [], _ORPHAN_TICK_S)[0]:
            if os.getppid() != self._manager:
                return False
        return True

    def send(self, message: dict[str, Any]) -> bool:
        """Send a message; return False if nobody is there to read it."""
        times = os.times()
        line = MARK + json.dumps({**message, "cpu_so_far": times.user + times.system}).encode() + b"\n"
        try:
            while line:
                line = line[os.write(self._output, line) :]
        except OSError:
            return False
        return True


def set_up(settings: dict[str, Any]) -> None:
    """Make this process like its parent: import path, working directory, environment."""
    for name, value in settings["environ"].items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    sys.path[:] = settings["sys_path"]
    with contextlib.suppress(OSError):
        os.chdir(settings["cwd"])
    sys.argv[:] = settings["argv"]
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGALRM):  # who started the manager may ignore or block them
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    sys.breakpointhook = _breakpoint
    faulthandler.enable(file=2)
    faulthandler.register(signal.SIGTERM, file=2, chain=True)  # a run that times out shows where it hung


def _breakpoint(*arguments: Any, **options: Any) -> Any:
    from .no_terminal import breakpoint_in_worker

    return breakpoint_in_worker(*arguments, **options)


def main() -> None:
    """Serve runs until the manager closes the pipe."""
    channel = Channel()
    settings = channel.receive()
    if settings is None:
        return
    set_up(settings)
    import cloudpickle  # noqa: F401 - loaded before the first run, so that no run pays for it
    import numpy  # noqa: F401

    from .clean_runs import CleanRuns
    from .memory import memory_at_start
    from .process_group import become_subreaper
    from .task import as_tasks

    become_subreaper()
    runs = CleanRuns()
    gc.freeze()
    if not channel.send({"ready": os.getpid(), **memory_at_start()}):
        return
    while (message := channel.receive()) is not None:
        if not _serve(channel, as_tasks(message), runs):
            return


def _serve(channel: Channel, tasks: list[Task], runs: CleanRuns) -> bool:
    """Execute runs; return False if this process must not take others."""
    from .clean_runs import SHORT_S
    from .task import NOT_STARTED, as_plain

    if not runs.fits(tasks[0]):
        channel.send({**as_plain(NOT_STARTED), "leftovers": "what another session had set up"})
        return False
    for number, task in enumerate(tasks, start=1):
        outcome = runs.execute(task)
        manager_lives = channel.send(as_plain(outcome))
        if runs.alive:
            _end_leftovers()
        if not manager_lives or outcome.leftovers:
            return False  # the manager is gone, or this process is no longer clean: a new worker takes the next run
        follows = tasks[number:]
        unfit = any((outcome.bound and other.recipe != task.recipe) or not runs.fits(other) for other in follows[:1])
        if unfit or (outcome.duration_s or 0) > SHORT_S:  # a slot that is free can take the others
            for _ in follows:
                channel.send(as_plain(NOT_STARTED))
            break
    return True


def _end_leftovers() -> None:
    """End what a run left alive; an orphan has nobody else to do it."""
    from .process_group import TOKEN, end_descendants, end_members

    os.closerange(3, os.sysconf("SC_OPEN_MAX"))  # helpers (multiprocessing's resource tracker) end with their pipe
    end_descendants(os.getpid(), grace_s=0.5)
    end_members(os.getpid(), os.environ.get(TOKEN, ""), grace_s=0.5)
