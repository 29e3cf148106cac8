"""Threads that a library keeps for itself, such as the one that watches the bars of tqdm: no reason to end a worker."""

from __future__ import annotations

import functools
import os
import sys
import sysconfig
import threading
from pathlib import Path

#: Threads that may wait in a worker; more mean that each run leaves one.
MOST_IDLE = 8

#: Modules of the standard library in which a thread waits for something to do.
_WAITING = ("threading.py", "queue.py")


def is_idle(thread: threading.Thread) -> bool:
    """Return whether a thread is a daemon of a library that waits for something to do.

    It is in a wait of the standard library, and all the code that it is in was installed: a thread that executes a
    user's own file may do anything when it wakes.
    """
    frame = sys._current_frames().get(thread.ident or 0)
    if not thread.daemon or frame is None or os.path.basename(frame.f_code.co_filename) not in _WAITING:  # noqa: PTH119
        return False
    while frame is not None:
        if not _is_installed(frame.f_code.co_filename):
            return False
        frame = frame.f_back
    return True


@functools.cache
def _is_installed(file: str) -> bool:
    """Return whether a file of code belongs to the standard library or to an installed package."""
    standard = tuple(os.path.join(sysconfig.get_path(name), "") for name in ("stdlib", "platstdlib"))  # noqa: PTH118
    return file.startswith(standard) or not {"site-packages", "dist-packages"}.isdisjoint(Path(file).parts)
