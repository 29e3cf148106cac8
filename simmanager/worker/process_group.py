"""End a worker with everything that it started: its process group, and daemons that left the group."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from .idle_threads import MOST_IDLE, is_idle

#: Environment variable that marks a worker and all that it starts.
TOKEN = "SIMMANAGER_WORKER"

#: How `left_behind` calls processes.
CHILDREN = "child processes"

#: Seconds between two looks whether a group is gone.
_TICK_S = 0.01

#: Seconds after which what cannot be killed is left alone.
_PATIENCE_S = 5.0

#: Seconds that stopping all processes of a worker may take.
_FREEZE_PATIENCE_S = 2.0

#: So many looks in a row must find nothing: what forks while it is looked for may be missed by one.
_QUIET = 3


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


def end_descendants(leader: int, grace_s: float) -> None:
    """End all that descends from a living worker, wherever it hides: SIGTERM, a grace, SIGKILL (Linux only).

    The worker adopts orphans, so neither a session of its own nor a cleared environment takes a process away from it;
    and the kernel's lists of children are read faster than a process can fork and exit to escape. A worker that does
    not call this itself should be stopped, so that it starts nothing new.
    """
    if sys.platform != "linux":
        return
    dead: set[int] = set()
    _send(_descendants(leader, dead), signal.SIGTERM)
    deadline = time.monotonic() + grace_s
    while _descendants(leader, dead) and time.monotonic() < deadline:
        time.sleep(_TICK_S)
    deadline, quiet = time.monotonic() + _PATIENCE_S, 0
    while quiet < _QUIET and time.monotonic() < deadline:
        alive = _descendants(leader, dead)
        _send(alive, signal.SIGKILL)
        quiet = 0 if alive else quiet + 1


def _descendants(leader: int, dead: set[int]) -> list[int]:
    """Return the living descendants of a process; children that have ended, but not been reaped, are noted as dead."""
    found, todo = [], [leader]
    while todo:
        for child in reversed(children_of(todo.pop())):  # the youngest first: the others have had time to move on
            if child in dead:
                continue
            if _lives(child):
                found.append(child)
                todo.append(child)
            else:
                dead.add(child)
    return found


def children_of(pid: int) -> list[int]:
    """Return the children of a process; [] where the system does not tell (Linux does)."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 - what forks to escape is followed without delay
    except OSError:
        return []
    return [int(word) for thread in threads for word in _read(f"/proc/{pid}/task/{thread}/children").split()]


def _lives(pid: int) -> bool:
    return state_of(pid) not in ("", "Z", "X")


def lives(pid: int) -> bool:
    """Return whether a process lives that need be no child of this one."""
    if sys.platform != "linux":
        with suppress(PermissionError):
            try:
                os.kill(pid, 0)
            except ProcessLookupError:
                return False
        return True
    return _lives(pid)


def may_signal(pid: int) -> bool:
    """Return False if a process belongs to another user, so that nothing done here can end it."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return False
    except (ProcessLookupError, OverflowError):  # a number that no process has
        pass
    return True


def state_of(pid: int) -> str:
    """Return the state of a process as its letter ("T": stopped); "" if there is none, or the system does not tell."""
    return _read(f"/proc/{pid}/stat").rpartition(b")")[2][1:2].decode("ascii", "replace")


def started_at(pid: int) -> float:
    """Return when a process was started, in seconds since the epoch; infinity if that is not known (Linux tells)."""
    fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    if len(fields) < 20:
        return float("inf")
    booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    return booted + int(fields[19]) / os.sysconf("SC_CLK_TCK")


def token_of(pid: int) -> str:
    """Return the mark that a worker was started with; "" if there is none, or the system does not tell."""
    entries = _read(f"/proc/{pid}/environ").decode("utf-8", "replace").split("\0")
    return next((entry.partition("=")[2] for entry in entries if entry.startswith(f"{TOKEN}=")), "")


def _read(path: str) -> bytes:
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123
            return file.readall()
    except OSError:
        return b""


def freeze(leader: int, token: str) -> None:
    """Stop a worker and all that it started (SIGSTOP); what it starts while it is looked for is stopped, too."""
    signal_group(leader, signal.SIGSTOP)
    deadline = time.monotonic() + _FREEZE_PATIENCE_S
    while new := [pid for pid in _all_of(leader, token) if state_of(pid) not in ("T", "t")]:
        if time.monotonic() > deadline:  # in the kernel, uninterruptible: it stops when it comes back
            return
        _send(new, signal.SIGSTOP)
        time.sleep(_TICK_S)


def thaw(leader: int, token: str) -> None:
    """Let a worker that was stopped, and all that it started, go on."""
    _send(_all_of(leader, token), signal.SIGCONT)
    signal_group(leader, signal.SIGCONT)


def _all_of(leader: int, token: str) -> list[int]:
    """Return a worker and all that it started, as far as the system tells."""
    if sys.platform != "linux":
        return []
    return [pid for pid in {leader, *_descendants(leader, set()), *members(leader, token)} if _lives(pid)]


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


def end_worker(pid: int, token: str, grace_s: float, has_ended: Callable[[], bool]) -> None:
    """End a worker, which may be stopped, and all that it started: SIGTERM, a grace, SIGKILL.

    Parameters
    ----------
    pid : int
        The worker.
    token : str
        See `members`.
    grace_s : float
        Seconds between the two signals.
    has_ended : callable
        Tells whether the worker is dead.
    """
    if not has_ended():
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGSTOP)  # or it would go on when what it waits for is gone
        end_descendants(pid, grace_s)
        signal_group(pid, signal.SIGTERM)
        signal_group(pid, signal.SIGCONT)
        wait_for_end(has_ended, grace_s)
        signal_group(pid, signal.SIGKILL)
        wait_for_end(has_ended, _PATIENCE_S)
    end_members(pid, token, grace_s)


def wait_for_end(has_ended: Callable[[], bool], seconds: float) -> None:
    """Wait until a process has ended, so many seconds at most."""
    deadline = time.monotonic() + seconds
    while not has_ended() and time.monotonic() < deadline:
        time.sleep(0.002)


def signal_group(leader: int, number: int) -> None:
    """Send a signal to the process group of a worker, if it is there."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)


def _send(pids: list[int], number: int) -> None:
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def end_if_forked(process: int, error: BaseException | None = None) -> None:
    """End a child that a run has forked and that came back from its code: files and verdict are its parent's.

    Parameters
    ----------
    process : int
        Id of the process that executes the run; in this one nothing happens.
    error : BaseException, optional
        What the child raised; as in any process, SystemExit gives its exit code, anything else a traceback.
    """
    if os.getpid() == process:
        return
    with suppress(Exception):  # the run may have closed or replaced its streams
        if error is not None and not isinstance(error, SystemExit):
            traceback.print_exception(error)
        sys.stdout.flush()
        sys.stderr.flush()
    code = error.code or 0 if isinstance(error, SystemExit) else int(error is not None)
    os._exit(code & 0xFF if isinstance(code, int) else 1)


def left_behind() -> str:
    """Return what the run left alive in this worker (threads, child processes), in words; "" if nothing.

    Children that have ended are reaped.
    """
    found = []
    others = [thread for thread in threading.enumerate() if thread is not threading.main_thread()]
    if others and (threads := others if len(others) > MOST_IDLE else [one for one in others if not is_idle(one)]):
        found.append(f"{len(threads)} thread(s)")
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass
        found.append(CHILDREN)
    return " and ".join(found)


def become_subreaper() -> None:
    """Let daemons that a run starts stay children of this worker, so that they are found (Linux only)."""
    if sys.platform == "linux":
        import ctypes

        pr_set_child_subreaper = 36
        ctypes.CDLL(None).prctl(pr_set_child_subreaper, 1, 0, 0, 0)
