"""What the command line shows until a batch ends: its status, and what its runs write."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from ..base.errors import BatchNotFound
from ..base.paths import exists
from ..base.text import plain
from .reader import StatusReader
from .status import BatchStatus, is_over
from .tree import console, status_view


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
        return status_view(status, max_runs=max(rows - simulations, 0), curves=True)

    with Live(view(), console=screen, auto_refresh=False, transient=True) as live:
        while not is_over(status):
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
        if is_over(status):
            return status
        time.sleep(1.0)
        status = _read_again(reader, status)


def _read_again(reader: StatusReader, status: BatchStatus) -> BatchStatus:
    try:
        return reader.read()
    except BatchNotFound:
        if not exists(status.path):
            raise
        return status
