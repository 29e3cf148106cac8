"""batch.log: what managers said that had no terminal."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import BinaryIO

from ..base.clock import utc_now

#: Name of the file in the folder of a batch.
BATCH_LOG = "batch.log"


def open_log(batch: Path) -> BinaryIO:
    """Open the log of a batch, to write behind what it holds. A link or a pipe in its place is an OSError."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
    return os.fdopen(os.open(batch / BATCH_LOG, flags, 0o666), "ab")


def log_line(words: str) -> str:
    """Return how what a process says in the log begins: when, who, and what it was asked."""
    return f"{utc_now()} process {os.getpid()} on {socket.gethostname()}: {words}"
