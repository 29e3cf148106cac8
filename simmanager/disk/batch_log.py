"""batch.log: what managers said that had no terminal."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import BinaryIO

from ..base.clock import utc_now
from .files import open_to_append

#: Name of the file in the folder of a batch.
BATCH_LOG = "batch.log"


def open_log(batch: Path) -> BinaryIO:
    """Open the log of a batch, to write behind what it holds. A link or a pipe in its place is an OSError."""
    return os.fdopen(open_to_append(batch / BATCH_LOG), "ab")


def log_line(words: str) -> str:
    """Return how what a process says in the log begins: when, who, and what it was asked."""
    return f"{utc_now()} process {os.getpid()} on {socket.gethostname()}: {words}"
