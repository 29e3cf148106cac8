"""What run_all shows while it runs: a bar on a terminal or in Jupyter, plain lines in a log."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.clock import duration
from ..base.text import plain
from ..disk.state import RunState
from ..disk.state_look import look_of
from .reader import StatusReader
from .status import BatchStatus, is_over
from .tree import console, show_line

if TYPE_CHECKING:
    from rich.console import RenderableType


class Progress:
    """What ``run_all`` shows of ``total`` runs on stdout or in another text stream; nothing if ``shown`` is false."""

    #: Seconds between two plain lines.
    LINE_INTERVAL_S = 10.0

    def __init__(self, total: int, *, shown: bool = True, file: Any = None) -> None:
        self._total, self._done, self._failed = total, 0, 0
        self._start = time.monotonic()
        self._next_line = self._start + self.LINE_INTERVAL_S
        self._file = file
        self._shown = shown and total > 0
        self._lock = threading.Lock()
        self._live: Any = None
        self._handle: Any = None
        self._eta: float | None = None
        self._running, self._paused = 0, ""
        self._failures: list[str] = []

    @contextmanager
    def shown(self) -> Iterator[Progress]:
        """Show it while the context lasts."""
        if not self._shown:
            yield self
            return
        screen = console(self._file)
        if screen.is_jupyter:
            self._handle = _jupyter_display()
            yield self
            self._refresh()
        elif screen.is_terminal:
            from rich.live import Live

            self._live = Live(console=screen, refresh_per_second=5, transient=True, get_renderable=self._bar)
            try:
                with suppress(OSError):
                    self._live.start()
                yield self
            finally:
                with suppress(OSError):  # the terminal was closed
                    self._live.stop()
        else:
            yield self

    def say(self, text: str, style: str = "") -> None:
        """Print a line above the bar at once."""
        if not self._shown or not text:
            return
        from rich.text import Text

        with self._lock:
            show_line(Text(plain(text), style), self._live.console if self._live is not None else console(self._file))

    def ended(self, run: str, state: str, reason: str) -> None:
        """Count a run that ended; a failure is printed at once, with its folder and last line."""
        self._done += 1
        if state != RunState.FINISHED.value:
            self._failed += state == RunState.ERROR.value
            self._failures.append(f"{state}: {run}: {reason}")
            if self._handle is None:  # in Jupyter it is part of the one display
                self.say(f"{state}: {run}\n       {reason}", look_of(state).terminal)
        self._refresh()

    def more(self, runs: int) -> None:
        """Take note of runs that were added."""
        self._total += runs

    def tick(self, running: int, eta_s: float | None, paused: str = "") -> None:
        """Take note of how many runs are running, of the time left, and whether the batch pauses."""
        self._running, self._eta, self._paused = running, eta_s, paused
        self._refresh()

    def _refresh(self) -> None:
        if not self._shown:
            return
        if self._handle is not None:
            self._handle.update(_jupyter_text(self._line(), self._done / self._total, self._failures))
        elif self._live is None and time.monotonic() >= self._next_line and self._done < self._total:
            self._next_line = time.monotonic() + self.LINE_INTERVAL_S
            self.say(self._line())

    def _line(self) -> str:
        failed = f", {self._failed} failed" if self._failed else ""
        running = f", {self._running} running" if self._running and self._done < self._total else ""
        paused = f", {self._paused}" if self._paused else ""
        left = f", at least {duration(self._eta)} left" if self._eta and self._done < self._total else ""
        so_far = duration(time.monotonic() - self._start)
        return f"{self._done} of {self._total} runs done{failed}{running}{paused}, {so_far}{left}"

    def _bar(self) -> RenderableType:
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        lines = Table.grid()
        lines.add_row(ProgressBar(self._total, self._done, width=60))
        lines.add_row(Text(self._line()))
        return lines


def _jupyter_display() -> Any:
    from IPython.display import display

    return display(_jupyter_text("starting…", 0.0), display_id=True)


def show_until_over(path: Path, interval_s: float = 1.0) -> bool:
    """Show in a cell of Jupyter how a batch stands, kept current until nothing of it runs; returns at once.

    Returns False, and nothing is shown, if this is no Jupyter.
    """
    if not console().is_jupyter:
        return False
    from IPython.display import HTML, display

    reader = StatusReader(path)
    status = reader.read()
    shown = display(HTML(status._repr_html_()), display_id=True)

    def keep_current(status: BatchStatus) -> None:
        with suppress(Exception):  # the batch was removed, or the notebook closed: there is nothing to show any more
            while not is_over(status):
                time.sleep(interval_s)
                status = reader.read()
                shown.update(HTML(status._repr_html_()))

    threading.Thread(target=keep_current, args=[status], name="simmanager-display", daemon=True).start()
    return True


def _jupyter_text(line: str, fraction: float, failures: Sequence[str] = ()) -> Any:
    from IPython.display import HTML

    from .html import progress_html

    return HTML(progress_html(line, fraction, failures))
