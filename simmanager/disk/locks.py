"""Locks: who runs a batch, who executes a run, and a look that disturbs neither."""

from __future__ import annotations

import fcntl
import os
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..base.errors import BatchWarning, SimManagerError
from ..base.text import one_line

if TYPE_CHECKING:
    from filelock import FileLock

#: Seconds between two tries for a lock that a poller may hold for a moment.
POLL_INTERVAL = 0.002

#: Lowest number of a descriptor that holds a lock, where that is allowed.
_FIRST_DESCRIPTOR = 600

#: Further seconds to wait if nobody holds a lock, but many processes look at it all the time.
_LOOKERS_S = 10.0

#: Seconds after which it is said that they are waited for.
_TELL_AFTER_S = 0.5

#: File systems on which native locks may not exclude other machines.
_NETWORK = ("nfs", "cifs", "smb", "fuse.sshfs", "9p", "afs", "ceph", "glusterfs")


class LockHeld(SimManagerError, TimeoutError):
    """Somebody else holds the lock."""


#: Descriptors of the locks that this process holds.
_held: set[int] = set()


def _close_in_child() -> None:
    """Release all locks: a fork must not keep a run locked whose process is dead."""
    while _held:
        os.close(_held.pop())


os.register_at_fork(after_in_child=_close_in_child)


class KernelLock:
    """The lock of a run: the kernel lock that filelock takes, too (the two exclude each other), and nothing more.

    filelock's bookkeeping would cost a run of a millisecond a good part of that.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        _held.add(descriptor)

    def release(self) -> None:
        """Free it, once; in a forked child there is nothing to free."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor in _held:
            _held.discard(descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)


def take_lock(path: Path | str, timeout: float, lookers_s: float | None = None) -> KernelLock:
    """Take the lock of a run, exclusively; it is freed by ``release()``, or by the end of the process.

    The file is made if missing and never deleted. Whoever holds it is waited for, ``timeout`` seconds, before
    `LockHeld` is raised; those who only look at it, for ``lookers_s`` more (there may be many pollers).
    """
    descriptor = _with_high_number(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666))
    deadline = time.monotonic() + timeout
    last = deadline + (_LOOKERS_S if lookers_s is None else lookers_s)
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return KernelLock(descriptor)
            except (BlockingIOError, PermissionError):
                now = time.monotonic()
                if now >= deadline and (now >= last or is_held(path)):
                    raise LockHeld(f"{path} is held by another process.") from None
                time.sleep(POLL_INTERVAL)
    except BaseException:
        os.close(descriptor)
        raise


def take_batch_lock(path: Path | str, timeout: float) -> FileLock:
    """Take the lock of a batch, with filelock; as `take_lock`, and warns if those who look at it keep it for long."""
    from filelock import FileLock, Timeout  # by those who hold a batch only: its import takes 10 ms and more

    lock = FileLock(
        path, timeout=timeout, thread_local=False, fallback_to_soft=False, poll_interval=POLL_INTERVAL
    )  # of any thread; never another kind of lock, which would exclude nobody who takes this one
    begun, told = time.monotonic(), False
    while True:
        try:
            lock.acquire()
            return lock
        except Timeout:
            waited = time.monotonic() - begun - timeout
            if waited >= _LOOKERS_S or is_held(path):
                raise LockHeld(f"{path} is held by another process.") from None
            if waited >= _TELL_AFTER_S and not told:
                warnings.warn(f"Waiting for {path}, held by {who_holds(path)}.", BatchWarning, stacklevel=5)
                told = True


def _with_high_number(descriptor: int) -> int:
    """Give a descriptor a high number: programs that become daemons close the first few hundred."""
    try:
        high = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _FIRST_DESCRIPTOR)
    except OSError:  # not so many are allowed here
        return descriptor
    os.close(descriptor)
    return high


def is_held(path: Path | str) -> bool | None:
    """Return whether somebody holds this lock; None if that cannot be told, since it may not be opened, say.

    Takes no exclusive lock, so two who look do not see each other.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return True
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return False


class Holder(NamedTuple):
    """A process that holds a lock."""

    pid: int
    looks: bool  #: True if its lock is a shared one: it keeps the lock from others, but executes nothing under it.


def holders(path: Path | str) -> list[Holder]:
    """Return who holds a lock, as far as the system tells: Linux does, of processes of this machine or container."""
    try:
        device, _, _ = _mount_of(path)
        major, minor = map(int, device.split(":"))
        file = f"{major:02x}:{minor:02x}:{os.stat(path).st_ino}"  # noqa: PTH116
        rows = [line.split() for line in Path("/proc/locks").read_text(encoding="ascii").splitlines()]
    except (OSError, ValueError):
        return []
    held = [row for row in rows if len(row) >= 6 and row[1] == "FLOCK" and row[5] == file]  # not those that wait
    return [Holder(int(row[4]), row[3] == "READ") for row in held if row[4].isdecimal() and row[4] != "0"]


def who_holds(path: Path | str) -> str:
    """Return in words who keeps a lock from others, told by the lock alone."""
    looks = not is_held(path)
    found = [f"process {one.pid} ({_name_of(one.pid)})" for one in holders(path) if one.looks == looks]
    who = " and ".join(found) or "a process that this system does not name"
    return f"{who}, which only looks at it (by a shared lock) and does not let go" if looks else who


def _name_of(pid: int) -> str:
    try:
        return one_line(Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return "?"


def network_file_system(path: Path | str) -> str:
    """Return the type of the file system if it is one on which locks may not exclude other machines, else ""."""
    _, _, kind = _mount_of(path)
    return kind if kind.startswith(_NETWORK) else ""


def _mount_of(path: Path | str) -> tuple[str, str, str]:
    """Return the device ("254:0"), place and type of the file system of a file; texts are empty if that is not told."""
    try:
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "", "", ""
    target, best = f"{Path(path).resolve()}/", ("", "", "")
    for line in mounts:
        left, _, right = line.partition(" - ")
        device, _, point = left.split()[2:5]
        point = point.rstrip("/") + "/"
        if target.startswith(point) and len(point) >= len(best[1]):
            best = device, point, right.split()[0]
    return best
