"""How things look in a notebook: small pieces of HTML, escaped, readable on a light and on a dark page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..base.clock import duration
from ..base.html import MAX_ROWS, box, facts_table, listing, text
from ..base.tables import Cell, Table
from ..disk.state import RunState
from ..disk.state_look import LOOKS, in_words


def status_html(status: Any) -> str:
    """Return how a batch stands (its `BatchStatus`): a bar, a row for each simulation, the reasons of what failed."""
    parts = [
        f"<b>{text(status.manager_id)}</b>: {in_words(status.counts)}",
        f" of {status.total} runs",
        f", {status.paused}" if status.paused else "",
        f", at least {duration(status.eta_s)} left" if status.eta_s else "",
        _bar(status.counts),
    ]
    grouped: dict[str, list[Any]] = {}
    for run in status.runs:
        grouped.setdefault(run.simulation_id, []).append(run)
    rows = [(simulation_id, Cell(html=_states(runs)), _mean_duration(runs)) for simulation_id, runs in grouped.items()]
    parts.append(Table(("simulation", "runs", "mean duration"), rows).html(MAX_ROWS))
    reasons = Counter(run.reason for run in status.runs if run.state is RunState.ERROR)
    for reason, number in reasons.most_common(MAX_ROWS):
        parts.append(f"<div>{_sign(RunState.ERROR)}{number} failed: <code>{text(reason)}</code></div>")
    parts += [f"<div>damaged: {text(damage)}</div>" for damage in status.damage[:MAX_ROWS]]
    parts += [f"<div>mixed: {text(line)}</div>" for line in status.mixed[:MAX_ROWS]]
    if status.last_said:
        parts.append(f"<div>{text(status.last_said)}</div>")
    if status.advice:
        parts.append(f"<div>{text(status.advice)}</div>")
    return box("".join(parts))


def run_html(run: Any) -> str:
    """Return the record of a run (`RunStatus` or `RunResult`): name and value of each field that is set."""
    state = RunState(run.state)
    head = f"{_sign(state)}<b>{text(run.simulation_id)}</b> run {text(run.run_id)}: {LOOKS[state].words}"
    skipped = ("simulation_id", "run_id", "state")
    fields = {name: getattr(run, name) for name in type(run).__annotations__ if name not in skipped}
    return box(head + facts_table({name: value for name, value in fields.items() if value not in (None, "", {})}))


def progress_html(line: str, fraction: float, failures: Sequence[str] = ()) -> str:
    """Return what ``run_all`` shows while it runs: a bar, a line, and the runs that failed."""
    bar = f'<progress value="{fraction:.4f}" max="1" style="width:60ex"></progress>'
    failed = f"<details open><summary>{len(failures)} failed</summary>{listing(failures)}</details>" if failures else ""
    return f"<div>{bar}<br><code>{text(line)}</code>{failed}</div>"


def _sign(state: RunState) -> str:
    look = LOOKS[state]
    area = f"border:1px solid {look.colour}" + ("" if look.empty else f";background:{look.colour}")
    return f'<span style="display:inline-block;width:.6em;height:.6em;margin-right:.4em;{area}"></span>'


def _bar(counts: Mapping[str, int]) -> str:
    pieces = "".join(
        f'<span style="flex:{counts[state]};background:{look.colour}"></span>'
        for state, look in LOOKS.items()
        if counts[state]
    )
    return f'<div style="display:flex;gap:1px;height:.5em;max-width:40em;margin:.3em 0">{pieces}</div>'


def _states(runs: Iterable[Any]) -> str:
    counts = Counter(run.state for run in runs)
    words = (f"{_sign(state)}{counts[state]} {look.words}" for state, look in LOOKS.items() if counts[state])
    return "&ensp;".join(words)


def _mean_duration(runs: Iterable[Any]) -> str:
    known = [run.duration_s for run in runs if run.state is RunState.FINISHED and run.duration_s is not None]
    return duration(sum(known) / len(known)) if known else ""
