"""How things look on a terminal: the status tree, logs, and the progress of a batch that runs."""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .run_folder import RunFolder
from .state import RunState

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from .status import BatchStatus, RunStatus

#: Colour of each state; each differs in brightness and word, too, for the colour-blind.
COLOURS = {
    RunState.IN_QUEUE: "bright_black",
    RunState.RUNNING: "blue",
    RunState.FINISHED: "green",
    RunState.ERROR: "bold red",
    RunState.INTERRUPTED: "yellow",
}

#: More runs than this are shown by simulation, not one by one.
MAX_RUNS_SHOWN = 200

#: Bytes of a log that are shown, at most: its end.
_MAX_LOG = 1 << 24

#: Longest line of a log that is shown whole.
MAX_LINE = 5000

# Escape sequences, control characters but tab and newline, and marks that change the direction of text.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def plain(text: str) -> str:
    """Return text without anything that a terminal would obey; overlong lines are cut."""
    text = _CONTROL.sub("", _ESCAPES.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))
    lines = text.split("\n")
    return "\n".join(
        line if len(line) <= MAX_LINE else f"{line[:MAX_LINE]}… ({len(line)} characters)" for line in lines
    )


def duration(seconds: float | None) -> str:
    """Return seconds as people say them: ``0.31 s``, ``2 min 5 s``, ``3 h 12 min``."""
    if seconds is None:
        return ""
    if round(seconds, 2) < 10:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)  # rounded first: no "1 min 60 s"
    if minutes == 0:
        return f"{rest} s"
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours = minutes // 60
    return f"{hours} h {minutes % 60} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def print_log(folder: RunFolder, log_type: str) -> None:
    """Print a log of a run, harmlessly; says so if it is empty or missing.

    Raises
    ------
    ParameterError
        There is no log of that type.
    BatchNotFound
        There is no such folder.
    """
    from .errors import BatchNotFound

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


# Status --------------------------------------------------------------------------------------------------------


def console(file: Any = None) -> Console:
    """Return a console that takes no markup from ids and, in a file or pipe, breaks no line."""
    from rich.console import Console

    class OurConsole(Console):
        def on_broken_pipe(self) -> None:  # rich would end the whole program
            raise BrokenPipeError(32, "Broken pipe")

    screen = OurConsole(file=file, highlight=False, markup=False, emoji=False)
    if not screen.is_terminal and not screen.is_jupyter:
        screen.width = 10_000
    return screen


#: Pieces of a line: text and style. rich colours them; in a pipe their texts are enough, and rich stays unloaded.
Spans = list[tuple[str, str]]


def text_of(spans: Spans) -> Any:
    """Return pieces as a text of rich."""
    from rich.text import Text

    return Text.assemble(*spans)


def state_text(state: RunState) -> Any:
    """Return the keyword in its colour."""
    return text_of([(state.value, COLOURS[state])])


def run_spans(run: RunStatus, *, name: str | None = None) -> Spans:
    """Return one line about a run: name, state, duration or progress, reason."""
    line = [(f"{name or plain(Path(run.path).name)}: ", ""), (run.state.value, COLOURS[run.state])]
    facts = [duration(run.duration_s)] if run.duration_s is not None else []
    if run.state is RunState.RUNNING and run.fraction is not None:
        facts.append(f"{run.fraction:.0%}")
    if run.attempt > 1:
        facts.append(f"attempt {run.attempt}")
    if facts:
        line.append((f"  {', '.join(facts)}", "dim"))
    if run.reason and run.state is not RunState.IN_QUEUE:
        line.append((f"  {plain(run.reason)}", "dim"))
    return line


def headline_spans(status: BatchStatus) -> Spans:
    """Return the counts, the fraction done and the time left, in one line."""
    line = [(f"{status.total} {'run' if status.total == 1 else 'runs'}: ", "")]
    for keyword, number in status.counts.items():
        if number:
            line.append((", " if len(line) > 1 else "", ""))
            line.append((f"{number} {keyword}", COLOURS[RunState(keyword)]))
    line.append((f"   {status.fraction:.0%} done", ""))
    if status.eta_s:
        line.append((f", about {duration(status.eta_s)} left", ""))
    return line


def headline(status: BatchStatus) -> Any:
    """Return the counts, the fraction done and the time left, in one line of rich."""
    return text_of(headline_spans(status))


def simulation_spans(runs: Iterable[RunStatus]) -> Spans:
    """Return the counts of a simulation in one line, with its mean duration."""
    runs = list(runs)
    counts = Counter(run.state for run in runs)
    line = [("  ", "")]
    line += [(f"{counts[state]} {state.value}  ", COLOURS[state]) for state in RunState if counts[state]]
    known = [run.duration_s for run in runs if run.state is RunState.FINISHED and run.duration_s is not None]
    if known:
        line.append((f"mean {duration(sum(known) / len(known))}", "dim"))
    return line


def _branches(status: BatchStatus, max_runs: int) -> Iterator[tuple[Spans, list[Spans]]]:
    """Return a line for each simulation, with those of its runs; none for the runs of a large batch."""
    grouped: dict[str, list[RunStatus]] = {}
    for run in status.runs:
        grouped.setdefault(run.simulation_id, []).append(run)
    for simulation_id, runs in grouped.items():
        label = [(plain(simulation_id), "")]
        if status.total > max_runs:
            yield label + simulation_spans(runs), []
        else:
            yield label, [run_spans(run) for run in runs]


def _remarks(status: BatchStatus) -> list[Spans]:
    """Return the damage that was found, and what the user can do next."""
    damage = [[(f"damaged: {plain(text)}", "yellow")] for text in status.damage]
    return damage + ([[(plain(status.advice), "")]] if status.advice else [])


def status_view(status: BatchStatus, max_runs: int = MAX_RUNS_SHOWN) -> RenderableType:
    """Return the tree batch / simulation / run (a large batch collapses to its simulations), headline, remarks."""
    from rich.console import Group
    from rich.tree import Tree

    tree = Tree(text_of([(plain(status.path), "bold")]), guide_style="bright_black")
    for label, runs in _branches(status, max_runs):
        branch = tree.add(text_of(label))
        for run in runs:
            branch.add(text_of(run))
    return Group(tree, headline(status), *map(text_of, _remarks(status)))


def plain_status(status: BatchStatus, max_runs: int = MAX_RUNS_SHOWN) -> Iterator[str]:
    """Return the same, line by line, as it looks in a pipe."""

    def flat(spans: Spans) -> str:
        return "".join(text for text, _ in spans)

    def guided(items: Sequence[Any]) -> Iterator[tuple[str, str, Any]]:
        for number, item in enumerate(items, 1):
            yield ("└── ", "    ", item) if number == len(items) else ("├── ", "│   ", item)

    yield plain(status.path)
    for guide, below, (label, runs) in guided(list(_branches(status, max_runs))):
        yield guide + flat(label)
        for inner, _, run in guided(runs):
            yield below + inner + flat(run)
    yield from map(flat, [headline_spans(status), *_remarks(status)])


def print_status(status: BatchStatus) -> None:
    """Print the status of a batch; where nobody sees colours, without the time that loading rich takes."""
    if sys.stdout.isatty() or "IPython" in sys.modules or os.environ.get("FORCE_COLOR"):
        console().print(status_view(status))
        return
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    for line in plain_status(status):
        print(line.encode(encoding, "replace").decode(encoding))


# Progress of a batch that runs ---------------------------------------------------------------------------------


class Progress:
    """What ``run_all`` shows while it runs: a bar on a terminal or in Jupyter, plain lines in a log.

    Parameters
    ----------
    total : int
        Runs to execute.
    shown : bool
        False: nothing is shown at all.
    file : text stream, optional
        Where to, stdout by default.
    """

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
        self._running = 0
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
        if not self._shown:
            return
        from rich.text import Text

        with self._lock, suppress(OSError):  # a closed terminal or pipe must not end the batch
            target = self._live.console if self._live is not None else console(self._file)
            target.print(Text(plain(text), style))
            if self._live is None and self._handle is None:
                (self._file or sys.stdout).flush()

    def ended(self, run: str, state: str, reason: str) -> None:
        """Count a run that ended; a failure is printed at once, with its folder and last line."""
        self._done += 1
        if state != RunState.FINISHED.value:
            self._failed += state == RunState.ERROR.value
            self._failures.append(f"{state}: {run}: {reason}")
            if self._handle is None:  # in Jupyter it is part of the one display
                self.say(f"{state}: {run}\n       {reason}", COLOURS[RunState(state)])
        self._refresh()

    def tick(self, running: int, eta_s: float | None) -> None:
        """Take note of how many runs are running and of the time left."""
        self._running, self._eta = running, eta_s
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
        left = f", about {duration(self._eta)} left" if self._eta and self._done < self._total else ""
        so_far = duration(time.monotonic() - self._start)
        return f"{self._done} of {self._total} runs done{failed}{running}, {so_far}{left}"

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


def _jupyter_text(line: str, fraction: float, failures: Sequence[str] = ()) -> Any:
    from IPython.display import HTML

    from .notebook import progress_html

    return HTML(progress_html(line, fraction, failures))
