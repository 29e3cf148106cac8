"""Kills the process at its n-th file operation: an audit hook that counts, and SIGKILL at number n.

Armed by the environment: KILL_AT=n, KILL_IN=manager|worker, KILL_COUNT=file (where the count goes at the end).
``sitecustomize.py`` in the folder ``kill_site`` loads it, so it is armed before the first line of the program.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

#: Audit events that change the disk; "open" counts only if it is for writing.
_CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "os.symlink", "shutil.rmtree"}

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Counter:
    """Counts what the process does below one folder, and ends it at a given number."""

    def __init__(self, root: str, at: int) -> None:
        self.root, self.at, self.number = root, at, 0
        self.log: list[str] = []

    def count(self, event: str) -> None:
        self.number += 1
        if self.number == self.at:
            with open(os.environ["KILL_COUNT"] + ".killed", "a") as file:  # noqa: PTH123
                file.write(f"{event}\n")
            os.kill(os.getpid(), signal.SIGKILL)

    def ours(self, path: Any) -> bool:
        if isinstance(path, int):
            try:
                path = os.readlink(f"/proc/self/fd/{path}")  # noqa: PTH115
            except OSError:
                return False
        try:
            text = os.path.abspath(os.fsdecode(path))  # noqa: PTH100 - no object may be made here
        except (TypeError, ValueError):
            return False
        return text == self.root or text.startswith(self.root + os.sep)

    def hook(self, event: str, args: tuple[Any, ...]) -> None:
        if event == "open":
            if isinstance(args[2], int) and args[2] & _WRITING and self.ours(args[0]):
                self.count(event)
        elif event in _CHANGES and args and self.ours(args[0]):
            self.count(event)

    def wrap_writes(self) -> None:
        """``os.write``, ``os.ftruncate`` and ``os.close`` raise no audit event."""
        for name in ("write", "ftruncate"):
            real = getattr(os, name)

            def wrapped(descriptor: int, *args: Any, _real: Any = real, _name: str = name) -> Any:
                if self.ours(descriptor):
                    self.count(_name)
                return _real(descriptor, *args)

            setattr(os, name, wrapped)


def arm() -> None:
    """Arm the shim if this is the process that the environment names."""
    with open("/proc/self/cmdline", "rb") as file:  # noqa: PTH123
        words = file.read().split(b"\0")
    role = "worker" if b"simmanager.worker" in words else "manager"
    if role != os.environ.get("KILL_IN"):
        return
    counter = Counter(os.path.abspath(os.environ["KILL_ROOT"]), int(os.environ["KILL_AT"]))  # noqa: PTH100
    counter.wrap_writes()
    sys.addaudithook(counter.hook)
    _report_at_the_end(counter)


def _report_at_the_end(counter: Counter) -> None:
    """Say how many operations there were: a process that gets so far was not killed."""
    real = os._exit

    def report() -> None:
        with open(os.environ["KILL_COUNT"], "a") as file:  # noqa: PTH123
            file.write(f"{counter.number}\n")

    def exit_now(code: int) -> None:
        report()
        real(code)

    os._exit = exit_now  # type: ignore[assignment]
    import atexit

    atexit.register(report)
