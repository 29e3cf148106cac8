"""End a worker with everything that it started: its process group, and daemons that left the group."""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

#: Environment variable that marks a worker and all that it starts.
TOKEN = "SIMMANAGER_WORKER"

#: Seconds between two looks whether a group is gone.
_TICK_S = 0.01


def members(leader: int, token: str) -> list[int]:
    """Return the living processes of a worker's group, session or mark, without the worker itself (Linux only).

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
    found = []
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit() or int(entry.name) in (leader, os.getpid()):
            continue
        with suppress(OSError, IndexError, ValueError):
            state, _, group, session = Path(entry.path, "stat").read_bytes().rpartition(b")")[2].split()[:4]
            if state in (b"Z", b"X"):
                continue
            ours = leader in (int(group), int(session))
            if ours or mark in Path(entry.path, "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return found


def end_members(leader: int, token: str, grace_s: float) -> None:
    """End all that a worker started: SIGTERM, a grace, SIGKILL. The worker itself is dead, or not meant."""
    _send(members(leader, token), signal.SIGTERM)
    deadline = time.monotonic() + grace_s
    while (alive := members(leader, token)) and time.monotonic() < deadline:
        time.sleep(_TICK_S)
    while alive:  # a process that forks faster than we look cannot win: each round kills all that are there
        _send(alive, signal.SIGKILL)
        time.sleep(_TICK_S)
        alive = members(leader, token) if time.monotonic() < deadline + 5 else []


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
