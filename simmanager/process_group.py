"""End a worker with everything that it started: its process group, and daemons that left the group."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

#: Environment variable that marks a worker and all that it starts.
TOKEN = "SIMMANAGER_WORKER"

#: Seconds between two looks whether a group is gone.
_TICK_S = 0.01


class Process(NamedTuple):
    """A process that is told from a later one with its number.

    Parameters
    ----------
    pid : int
        Its number.
    started : bytes
        When it started, in the words of the system.
    """

    pid: int
    started: bytes

    @classmethod
    def of(cls, pid: int) -> Process:
        """Return the process that has this number now."""
        return cls(pid, _stat(pid)[1])

    def lives(self) -> bool:
        """Return whether it has not ended yet."""
        state, started = _stat(self.pid)
        return state not in (b"", b"Z", b"X") and started == self.started


def _stat(pid: int) -> tuple[bytes, bytes]:
    """Return the state and the time of start of a process; empty if there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        return fields[0], fields[19]
    except (OSError, IndexError):
        return b"", b""


def members(leader: int, token: str) -> list[int]:
    """Return the living processes of a worker's group, session or mark, and its descendants (Linux only), not itself.

    As long as the worker lives, whatever it started descends from it: it adopts orphans. Once it is dead, those that
    left its session and cleared their environment cannot be told from others' any more.

    Parameters
    ----------
    leader : int
        Process id of the worker; also the id of its group and session.
    token : str
        Value of the environment variable that marks what it started.
    """
    if sys.platform != "linux":
        return []
    mark = f"{TOKEN}={token}".encode()
    found, parents = [], {}
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit() or int(entry.name) in (leader, os.getpid()):
            continue
        with suppress(OSError, IndexError, ValueError):
            state, parent, group, session = Path(entry.path, "stat").read_bytes().rpartition(b")")[2].split()[:4]
            if state in (b"Z", b"X"):
                continue
            parents[int(entry.name)] = int(parent)
            ours = leader in (int(group), int(session))
            if ours or mark in Path(entry.path, "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return list(dict.fromkeys([*found, *(pid for pid in parents if _descends(pid, leader, parents))]))


def _descends(pid: int, leader: int, parents: Mapping[int, int]) -> bool:
    seen = set()
    while pid in parents and pid not in seen:
        seen.add(pid)
        pid = parents[pid]
    return pid == leader


def end_members(leader: int, token: str, grace_s: float, known: Iterable[Process] = ()) -> None:
    """End all that a worker started: SIGTERM, a grace, SIGKILL. The worker itself is dead, or not meant.

    Parameters
    ----------
    leader, token
        As for `members`.
    grace_s : float
        Seconds between the two signals.
    known : iterable of Process
        What descended from the worker when it still lived.
    """

    def living() -> list[int]:
        return list(dict.fromkeys([*members(leader, token), *(one.pid for one in known if one.lives())]))

    _send(living(), signal.SIGTERM)
    deadline = time.monotonic() + grace_s
    while (alive := living()) and time.monotonic() < deadline:
        time.sleep(_TICK_S)
    while alive:  # a process that forks faster than we look cannot win: each round kills all that are there
        _send(alive, signal.SIGKILL)
        time.sleep(_TICK_S)
        alive = living() if time.monotonic() < deadline + 5 else []


def signal_group(leader: int, number: int) -> None:
    """Send a signal to the process group of a worker, if it is there."""
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(leader, number)
    else:  # Windows
        with suppress(OSError):
            os.kill(leader, number)


def _send(pids: list[int], number: int) -> None:
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
