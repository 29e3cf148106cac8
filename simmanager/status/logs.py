"""Logs of runs on a terminal: printed, or followed while they grow."""

from __future__ import annotations

import codecs
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.text import MAX_LINE, plain
from ..disk.files import open_regular
from ..disk.run_folder import RunFolder
from .reader import read_status
from .watch import is_over

if TYPE_CHECKING:
    pass

#: Bytes of a log that are shown, at most: its end.
_MAX_LOG = 1 << 24


def print_log(folder: RunFolder, log_type: str) -> None:
    """Print a log of a run, harmlessly; says so if it is empty or missing.

    Raises
    ------
    ParameterError
        There is no log of that type.
    BatchNotFound
        There is no such folder.
    """
    from ..base.errors import BatchNotFound

    path = folder.log(log_type)
    if not folder.path.is_dir():
        raise BatchNotFound(f"There is no run at {folder.path}.")
    if os.path.lexists(path) and (path.is_symlink() or not path.is_file()):
        print(f"({path.name} is no regular file; it is not read)")
        return
    if path.exists() and (rest := path.stat().st_size - _MAX_LOG) > 0:
        print(f"(the first {rest:,} bytes of {path} are not shown)")
    text = plain(folder.read_log(log_type, limit=_MAX_LOG)).rstrip("\n")
    print(text if text else f"({path.name} is empty)" if path.exists() else f"(no {path.name} yet)")


#: Seconds between two looks at the logs.
_LOGS_TICK_S = 0.3


#: Bytes of a log that are read at a time.
_AT_ONCE = 1 << 20


def follow_logs(batch: str, log_type: str, runs: Sequence[str]) -> None:
    """Print what runs write as they write it, until all of them have ended.

    Parameters
    ----------
    batch : str
        The folder of the batch.
    log_type : {"error", "run", "state"}
        Which log.
    runs : sequence of str
        The folders of the runs.
    """
    logs = {path: _FollowedLog(RunFolder(path).log(log_type)) for path in runs}
    last_path = ""
    while True:
        status = read_status(batch)
        states = {run.path: run.state for run in status.runs}
        over = is_over(status) or all(states.get(path) not in ("in_queue", "running") for path in logs)
        for path, log in logs.items():
            while (text := log.news()) is not None:
                if text and len(logs) > 1 and path != last_path:
                    print(f"==> {plain(path)} <==")
                last_path = path
                print(plain(text), end="", flush=True)
        if over:
            return
        time.sleep(_LOGS_TICK_S)


class _FollowedLog:
    """A log that is read as it grows; a next attempt writes a new one, which is read from its beginning."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._inode, self._offset, self._column = -1, 0, 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")  # a character may be written in two pieces

    def news(self) -> str | None:
        """Return some of what was written since the last look, None if nothing was; overlong lines are cut."""
        try:
            descriptor = open_regular(self._path)
        except OSError:
            return None
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            if found.st_ino != self._inode or found.st_size < self._offset:
                self._inode, self._offset, self._column = found.st_ino, 0, 0
                self._decoder.reset()
            file.seek(self._offset)
            content = file.read(_AT_ONCE)
        self._offset += len(content)
        return self._cut(self._decoder.decode(content)) if content else None

    def _cut(self, text: str) -> str:
        """Leave out what goes beyond the longest line that is shown, also where a line comes in pieces."""
        pieces = text.split("\n")
        for number, piece in enumerate(pieces):
            before = 0 if number else self._column
            pieces[number] = piece[: max(MAX_LINE - before, 0)]
            self._column = before + len(piece)
        return "\n".join(pieces)
