"""What the command line shows until a batch ends: its status, and what its runs write."""

from __future__ import annotations

import codecs
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .display import MAX_LINE, console, plain, status_view
from .errors import BatchNotFound
from .run_folder import RunFolder
from .state import open_regular
from .status import BatchStatus, read_status
from .status_reader import StatusReader

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
        over = _is_over(status) or all(states.get(path) not in ("in_queue", "running") for path in logs)
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


def watch(path: Path) -> BatchStatus:
    """Show the status until the batch ends; Ctrl-C ends the looking, not the batch."""
    screen, reader = console(), StatusReader(path)
    status = reader.read()
    if not screen.is_terminal:
        return _watch_in_lines(reader)
    from rich.live import Live

    def view() -> Any:
        rows = screen.size.height - 6
        simulations = len({run.simulation_id for run in status.runs})
        return status_view(status, max_runs=max(rows - simulations, 0))

    with Live(view(), console=screen, auto_refresh=False, transient=True) as live:
        while not _is_over(status):
            time.sleep(0.5)
            status = _read_again(reader, status)
            live.update(view(), refresh=True)
    screen.print(status_view(status))
    return status


def _watch_in_lines(reader: StatusReader) -> BatchStatus:
    status, last = reader.read(), ""
    while True:
        if str(status) != last:
            last = str(status)
            print(plain(last), flush=True)
        if _is_over(status):
            return status
        time.sleep(1.0)
        status = _read_again(reader, status)


def _read_again(reader: StatusReader, status: BatchStatus) -> BatchStatus:
    try:
        return reader.read()
    except BatchNotFound:
        if not Path(status.path).exists():
            raise
        return status


def _is_over(status: BatchStatus) -> bool:
    return not status.manager_alive and status.counts["running"] == 0
