"""Logs of runs on a terminal: printed, or followed while they grow."""

from __future__ import annotations

import codecs
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from ..base.errors import BatchNotFound
from ..base.paths import is_dir, size
from ..base.text import MAX_LINE, as_last_seen, plain
from ..disk.files import open_regular
from ..disk.run_folder import RunFolder
from .reader import read_status
from .status import is_over

_MAX_LOG = 1 << 24  # bytes of a log that are shown, at most: its end
_LOGS_TICK_S = 0.3  # between two looks at the logs
_AT_ONCE = 1 << 20  # bytes of a log that are read at a time


def print_log(folder: RunFolder, log_type: str) -> None:
    """Print a log of a run without its control characters, or that it is empty or missing."""
    path = folder.log(log_type)
    if not is_dir(folder.path):
        raise BatchNotFound(f"There is no run at {folder.path}.")
    try:
        os.close(open_regular(path))
    except FileNotFoundError:
        print(f"(no {path.name} yet)")
        return
    except PermissionError as error:
        print(f"({path.name} cannot be read: {error.strerror})")
        return
    except OSError:
        print(f"({path.name} is no regular file; it is not read)")
        return
    if (rest := size(path) - _MAX_LOG) > 0:
        print(f"(the first {rest:,} bytes of {path} are not shown)")
    text = plain(as_last_seen(folder.read_log(log_type, limit=_MAX_LOG))).rstrip("\n")
    print(text or f"({path.name} is empty)")


def follow_logs(batch: str, log_type: str, runs: Sequence[str]) -> None:
    """Print what runs of a batch (folders) write as they write it, until all of them have ended.

    A progress bar is printed when it is complete; on a terminal, where one run is followed, also while it moves.
    """
    logs = {path: _FollowedLog(RunFolder(path).log(log_type)) for path in runs}
    bar = _Bar(shown=len(runs) == 1 and sys.stdout.isatty())
    last_path = ""
    while True:
        status = read_status(batch)
        states = {run.path: run.state for run in status.runs}
        over = is_over(status) or all(states.get(path) not in ("in_queue", "running") for path in logs)
        for path, log in logs.items():
            while (text := log.news()) is not None:
                bar.clear()
                last_path = _print_news(text, path, last_path, several=len(logs) > 1)
                bar.show(log.unfinished)
        if over:
            bar.clear()
            for path, log in logs.items():
                last_path = _print_news(log.unfinished, path, last_path, several=len(logs) > 1)
            return
        time.sleep(_LOGS_TICK_S)


def _print_news(text: str, path: str, last_path: str, *, several: bool) -> str:
    """Print what came to a log, under its name if the log before was another one; return the path of the last one."""
    if not text:
        return last_path
    if several and path != last_path:
        print(f"==> {plain(path)} <==")
    print(plain(text), end="", flush=True)
    return path


class _Bar:
    """The line at the bottom of the terminal, on which a progress bar moves."""

    def __init__(self, *, shown: bool) -> None:
        self._shown, self._is_there = shown, False

    def show(self, line: str) -> None:
        """Show a bar, or nothing if the line is empty."""
        if self._shown and line:
            print(plain(line), end="", flush=True)
            self._is_there = True

    def clear(self) -> None:
        """Remove it, so that something can be printed."""
        if self._is_there:
            print("\r\x1b[K", end="")
            self._is_there = False


class _FollowedLog:
    """A log that is read as it grows; a next attempt writes a new one, which is read from its beginning.

    ``unfinished`` is the last line, if it is one that is written again and again: its last state.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._inode, self._offset, self._column = -1, 0, 0
        self.unfinished = self._tail = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")  # a character may be written in two pieces

    def news(self) -> str | None:
        """Return some of what was written since the last look, None if nothing was; overlong lines are cut.

        A line that is written again and again comes when it is complete.
        """
        try:
            descriptor = open_regular(self._path)
        except OSError:
            return None
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            if found.st_ino != self._inode or found.st_size < self._offset:
                self._inode, self._offset, self._column = found.st_ino, 0, 0
                self.unfinished = self._tail = ""
                self._decoder.reset()
            file.seek(self._offset)
            content = file.read(_AT_ONCE)
        self._offset += len(content)
        return self._cut(self._complete(self._decoder.decode(content))) if content else None

    def _complete(self, text: str) -> str:
        """Return what is complete of a text, and keep the rest if that is a progress bar."""
        head, newline, tail = (self._tail + text).rpartition("\n")
        is_bar = "\r" in tail
        self.unfinished = as_last_seen(tail) if is_bar else ""
        self._tail = f"\r{self.unfinished}" + "\r" * tail.endswith("\r") if is_bar else ""
        return as_last_seen(head + newline) + ("" if is_bar else tail)

    def _cut(self, text: str) -> str:
        """Leave out what goes beyond the longest line that is shown, also where a line comes in pieces."""
        pieces = text.split("\n")
        for number, piece in enumerate(pieces):
            before = 0 if number else self._column
            pieces[number] = piece[: max(MAX_LINE - before, 0)]
            self._column = before + len(piece)
        return "\n".join(pieces)
