"""How things look in a notebook: small pieces of HTML, escaped, readable on a light and on a dark page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from .display import duration, plain
from .state import RunState

if TYPE_CHECKING:
    from .status import BatchStatus, RunStatus

#: Colour of each state: of signs beside words only, so that it need not be read itself.
_COLOURS = {
    RunState.FINISHED: "#2e9e66",
    RunState.ERROR: "#d5483f",
    RunState.INTERRUPTED: "#c98a1b",
    RunState.RUNNING: "#3d87d6",
    RunState.IN_QUEUE: "#9aa0a8",
}

#: Simulations, reasons and parameters that are shown.
_MAX_ROWS = 30

#: Longest text of a value.
_MAX_TEXT = 200

_CELL = "text-align:left;vertical-align:top;padding:2px 12px 2px 0"


def status_html(status: BatchStatus) -> str:
    """Return how a batch stands: a bar, a row for each simulation, the reasons of what failed."""
    parts = [
        f"<b>{_text(status.manager_id)}</b>: {_text(status.headline.replace('_', ' '))}",
        f" of {status.total} runs",
        f", about {duration(status.eta_s)} left" if status.eta_s else "",
        _bar(status.counts),
    ]
    grouped: dict[str, list[RunStatus]] = {}
    for run in status.runs:
        grouped.setdefault(run.simulation_id, []).append(run)
    rows = [(simulation_id, _states(runs), _mean_duration(runs)) for simulation_id, runs in grouped.items()]
    parts.append(_table(("simulation", "runs", "mean duration"), rows))
    reasons = Counter(run.reason for run in status.runs if run.state is RunState.ERROR)
    for reason, number in reasons.most_common(_MAX_ROWS):
        parts.append(f"<div>{_sign(RunState.ERROR)}{number} failed: <code>{_text(reason)}</code></div>")
    parts += [f"<div>damaged: {_text(text)}</div>" for text in status.damage[:_MAX_ROWS]]
    if status.advice:
        parts.append(f"<div>{_text(status.advice)}</div>")
    return _box("".join(parts))


def run_html(run: Any) -> str:
    """Return the record of a run (`RunStatus` or `RunResult`): name and value of each field that is set."""
    state = RunState(run.state)
    head = f"{_sign(state)}<b>{_text(run.simulation_id)}</b> run {_text(run.run_id)}: {state.value.replace('_', ' ')}"
    skipped = ("simulation_id", "run_id", "state")
    fields = {name: getattr(run, name) for name in type(run).__annotations__ if name not in skipped}
    return _box(head + _facts({name: value for name, value in fields.items() if value not in (None, "", {})}))


def simulation_html(entry: Mapping[str, Any]) -> str:
    """Return a simulation as manager.json describes it: its parts and their parameters."""
    parts = {name: value for name, value in entry.items() if name != "simulation_id" and value not in (None, {})}
    name = entry.get("simulation_id")
    return _box(f"<b>{_text('SingleSim without an id' if name is None else name)}</b>{_facts(parts)}")


def manager_html(manager_id: str, path: str, simulation_ids: Sequence[str], runs_per_sim: int, status: str) -> str:
    """Return a batch: where it is, what it consists of, and how it stands (the HTML of its status, or "")."""
    if status:
        return f"{status}{_box(f'in <code>{_text(path)}</code>')}"
    listing = "".join(f"<li>{_text(name)}</li>" for name in simulation_ids[:_MAX_ROWS])
    more = f"<div>and {len(simulation_ids) - _MAX_ROWS} more</div>" if len(simulation_ids) > _MAX_ROWS else ""
    return _box(
        f"<b>{_text(manager_id)}</b>: {len(simulation_ids)} simulations, {runs_per_sim} runs of each; not made yet"
        f"<ul>{listing}</ul>{more}<div>will be in <code>{_text(path)}</code></div>"
    )


def progress_html(line: str, fraction: float, failures: Sequence[str] = ()) -> str:
    """Return what ``run_all`` shows while it runs: a bar, a line, and the runs that failed."""
    bar = f'<progress value="{fraction:.4f}" max="1" style="width:60ex"></progress>'
    failed = "".join(f"<li><code>{_text(failure)}</code></li>" for failure in failures[:_MAX_ROWS])
    more = f"<li>and {len(failures) - _MAX_ROWS} more</li>" if len(failures) > _MAX_ROWS else ""
    listing = f"<details open><summary>{len(failures)} failed</summary><ul>{failed}{more}</ul></details>"
    return f"<div>{bar}<br><code>{_text(line)}</code>{listing if failures else ''}</div>"


# Pieces --------------------------------------------------------------------------------------------------------


def _text(value: Any) -> str:
    """Return any value as text that is safe in HTML: no control characters, escaped, cut if it is long."""
    text = plain(str(value))
    return escape(text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}…")


def _box(content: str) -> str:
    return f'<div style="max-width:70em;line-height:1.5">{content}</div>'


def _sign(state: RunState) -> str:
    style = f"display:inline-block;width:.7em;height:.7em;margin-right:.4em;background:{_COLOURS[state]}"
    return f'<span style="{style}"></span>'


def _bar(counts: Mapping[str, int]) -> str:
    pieces = "".join(
        f'<span style="flex:{counts[state]};background:{colour}"></span>'
        for state, colour in _COLOURS.items()
        if counts[state]
    )
    return f'<div style="display:flex;gap:1px;height:.5em;max-width:40em;margin:.3em 0">{pieces}</div>'


def _states(runs: Iterable[RunStatus]) -> str:
    counts = Counter(run.state for run in runs)
    words = (f"{_sign(state)}{counts[state]} {state.value.replace('_', ' ')}" for state in _COLOURS if counts[state])
    return "&ensp;".join(words)


def _mean_duration(runs: Iterable[RunStatus]) -> str:
    known = [run.duration_s for run in runs if run.state is RunState.FINISHED and run.duration_s is not None]
    return duration(sum(known) / len(known)) if known else ""


def _table(names: Sequence[str], rows: Sequence[tuple[str, str, str]]) -> str:
    """Return a table; the first column is text, the others are HTML of ours."""
    head = "".join(f'<th style="{_CELL}">{name}</th>' for name in names)
    body = "".join(
        f'<tr><td style="{_CELL}">{_text(first)}</td>{"".join(f"<td style={_CELL!r}>{one}</td>" for one in rest)}</tr>'
        for first, *rest in rows[:_MAX_ROWS]
    )
    more = f"<div>and {len(rows) - _MAX_ROWS} more</div>" if len(rows) > _MAX_ROWS else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def _facts(facts: Mapping[str, Any]) -> str:
    """Return names and values as a table; a dict is a table within it."""
    rows = "".join(
        f'<tr><th style="{_CELL}">{_text(name)}</th><td style="{_CELL}">'
        f"{_facts(value) if isinstance(value, Mapping) else _text(value)}</td></tr>"
        for name, value in list(facts.items())[:_MAX_ROWS]
    )
    more = f"<div>and {len(facts) - _MAX_ROWS} more</div>" if len(facts) > _MAX_ROWS else ""
    return f"<table><tbody>{rows}</tbody></table>{more}"
