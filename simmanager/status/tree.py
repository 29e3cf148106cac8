"""How a batch stands, on a terminal: the tree of its simulations and runs, as rich draws it or as plain text."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.clock import duration
from ..base.text import count, plain, sparkline
from ..disk.batch_log import BATCH_LOG
from ..disk.metric_log import read_metric_log
from ..disk.state import RunState
from ..disk.state_look import LOOKS, look_of
from .status import BatchStatus, RunStatus, by_simulation, mean_duration

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

MAX_RUNS_SHOWN = 200  # more runs are shown by simulation, not one by one
MAX_METRICS_SHOWN = 3  # of what a running run has logged last


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


def show_line(thing: RenderableType, screen: Console) -> None:
    """Print something at once, if that can be: a stdout that is closed, full or somebody's own must not end a batch."""
    with suppress(Exception):
        screen.print(thing)
        screen.file.flush()


#: Pieces of a line: text and style. rich colours them; in a pipe their texts are enough, and rich stays unloaded.
Spans = list[tuple[str, str]]


def text_of(spans: Spans) -> Any:
    """Return pieces as a text of rich."""
    from rich.text import Text

    return Text.assemble(*spans)


def run_spans(run: RunStatus, *, name: str | None = None, curves: bool = False) -> Spans:
    """Return one line about a run: name, state, duration or progress, what it has logged last, reason.

    With ``curves``, what a running run has logged is drawn, too.
    """
    line = [(f"{name or plain(Path(run.path).name)}: ", ""), (run.state.value, LOOKS[run.state].terminal)]
    facts = [duration(run.duration_s)] if run.duration_s is not None else []
    if run.state is RunState.RUNNING and run.fraction is not None:
        facts.append(f"{run.fraction:.0%}")
    if run.state is RunState.RUNNING:
        facts += _logged(run, curves=curves)
    if run.attempt > 1:
        facts.append(f"attempt {run.attempt}")
    if facts:
        line.append((f"  {', '.join(facts)}", "dim"))
    if run.reason and run.state is not RunState.IN_QUEUE:
        line.append((f"  {plain(run.reason)}", "dim"))
    return line


def _logged(run: RunStatus, *, curves: bool) -> list[str]:
    """Return name and last value of the first metrics that a run has logged, with a sparkline if curves are wanted."""
    if not curves:
        return [f"{plain(name)} {value:.4g}" for name, value in list(run.last_logged.items())[:MAX_METRICS_SHOWN]]
    found = list(read_metric_log(run.path).items())[:MAX_METRICS_SHOWN]
    return [f"{plain(name)} {one.values[-1]:.4g} {sparkline(one.values.tolist())}" for name, one in found]


def headline_spans(status: BatchStatus) -> Spans:
    """Return the counts, the fraction done and the time left, in one line."""
    line = [(f"{count(status.total, 'run')}: ", "")]
    for keyword, number in status.counts.items():
        if number:
            line.append((", " if len(line) > 1 else "", ""))
            line.append((f"{number} {keyword}", look_of(keyword).terminal))
    line.append((f"   {status.fraction:.0%} done", ""))
    if status.paused:
        line.append((f", {status.paused}", "yellow"))
    if status.eta_s:
        line.append((f", at least {duration(status.eta_s)} left", ""))
    return line


def headline(status: BatchStatus) -> Any:
    """Return the counts, the fraction done and the time left, in one line of rich."""
    return text_of(headline_spans(status))


def simulation_spans(runs: Sequence[RunStatus]) -> Spans:
    """Return the counts of a simulation in one line, with its mean duration."""
    counts = Counter(run.state for run in runs)
    line = [("  ", "")]
    line += [(f"{counts[state]} {state.value}  ", LOOKS[state].terminal) for state in RunState if counts[state]]
    if (mean := mean_duration(runs)) is not None:
        line.append((f"mean {duration(mean)}", "dim"))
    return line


def _branches(status: BatchStatus, max_runs: int, *, curves: bool = False) -> Iterator[tuple[Spans, list[Spans]]]:
    """Return a line for each simulation, with those of its runs; none for the runs of a large batch."""
    for simulation_id, runs in by_simulation(status.runs).items():
        label = [(plain(simulation_id), "")]
        if status.total > max_runs:
            yield label + simulation_spans(runs), []
        else:
            yield label, [run_spans(run, curves=curves) for run in runs]


def _remarks(status: BatchStatus) -> list[Spans]:
    """Return the damage that was found, which runs do not belong together, and what the user can do next."""
    damage = [[(f"damaged: {plain(text)}", "yellow")] for text in status.damage]
    damage += [[(f"mixed: {plain(text)}", "yellow")] for text in status.mixed]
    said = [[(f"{BATCH_LOG}: {plain(status.last_said)}", "dim")]] if status.last_said else []
    return damage + said + ([[(plain(status.advice), "")]] if status.advice else [])


def status_view(status: BatchStatus, max_runs: int = MAX_RUNS_SHOWN, *, curves: bool = False) -> RenderableType:
    """Return the tree batch / simulation / run (a large batch collapses to its simulations), headline, remarks.

    With ``curves``, those of what the running runs have logged, too.
    """
    from rich.console import Group
    from rich.tree import Tree

    tree = Tree(text_of([(plain(status.path), "bold")]), guide_style="bright_black")
    for label, runs in _branches(status, max_runs, curves=curves):
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
    if (sys.stdout and sys.stdout.isatty()) or "IPython" in sys.modules or os.environ.get("FORCE_COLOR"):
        console().print(status_view(status))
        return
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    errors = getattr(sys.stdout, "errors", None) or "strict"
    for line in plain_status(status):
        print(line.encode(encoding, "replace" if errors == "strict" else errors).decode(encoding))
