"""batch.log: who began to run a batch, what it was told, how it ended; and what managers without a terminal say."""

from __future__ import annotations

import os
import shlex
import socket
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from ..base.advice import is_on_command_line
from ..base.clock import utc_now
from ..base.command_line import command_line, recorded
from .files import open_regular, open_to_append

#: Name of the file in the folder of a batch.
BATCH_LOG = "batch.log"

#: Bytes at the end of the file in which the last line is looked for.
_TAIL = 4096


def open_log(batch: Path) -> BinaryIO:
    """Open the log of a batch, to write behind what it holds. A link or a pipe in its place is an OSError."""
    return os.fdopen(open_to_append(batch / BATCH_LOG), "ab")


def write_log(batch: Path, words: str) -> None:
    """Add a line to the log of a batch: when, who, and what; if that cannot be, nothing else is touched."""
    line = f"{utc_now()} process {os.getpid()} on {socket.gethostname()}: {words}\n"
    with suppress(OSError):
        descriptor = open_to_append(batch / BATCH_LOG)
        try:
            os.write(descriptor, line.encode("utf-8", "replace"))
        finally:
            os.close(descriptor)


def who_runs() -> str:
    """Return the command line of this process, without what may be a secret."""
    program, *rest = recorded(command_line()) or ["python"]
    return shlex.join(["simmanager" if is_on_command_line() else Path(program).name, *rest])


def last_line(batch: Path) -> str:
    """Return the last line of the log of a batch; "" if there is none."""
    try:
        with os.fdopen(open_regular(batch / BATCH_LOG), "rb") as file:
            file.seek(max(os.fstat(file.fileno()).st_size - _TAIL, 0))
            lines = file.read(_TAIL).decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
