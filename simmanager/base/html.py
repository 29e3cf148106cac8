"""Small pieces of HTML for a notebook: escaped, readable on a light and on a dark page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from .text import plain

if TYPE_CHECKING:
    pass

if TYPE_CHECKING:
    pass

#: Simulations, reasons and parameters that are shown.
MAX_ROWS = 30


#: Longest text of a value.
_MAX_TEXT = 200


_CELL = "text-align:left;vertical-align:top;padding:2px 12px 2px 0"


def simulation_html(entry: Mapping[str, Any]) -> str:
    """Return a simulation as manager.json describes it: its parts and their parameters."""
    parts = {name: value for name, value in entry.items() if name != "simulation_id" and value not in (None, {})}
    name = entry.get("simulation_id")
    return box(f"<b>{text('SingleSim without an id' if name is None else name)}</b>{facts_table(parts)}")


def text(value: Any) -> str:
    """Return any value as text that is safe in HTML: no control characters, escaped, cut if it is long."""
    text = plain(str(value))
    return escape(text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}…")


def box(content: str) -> str:
    """Return HTML of ours in a frame of readable width."""
    return f'<div style="max-width:70em;line-height:1.5">{content}</div>'


def html_table(names: Sequence[str], rows: Sequence[tuple[str, str, str]]) -> str:
    """Return a table; the first column is text, the others are HTML of ours."""
    head = "".join(f'<th style="{_CELL}">{name}</th>' for name in names)
    body = "".join(
        f'<tr><td style="{_CELL}">{text(first)}</td>{"".join(f"<td style={_CELL!r}>{one}</td>" for one in rest)}</tr>'
        for first, *rest in rows[:MAX_ROWS]
    )
    more = f"<div>and {len(rows) - MAX_ROWS} more</div>" if len(rows) > MAX_ROWS else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def facts_table(facts: Mapping[str, Any]) -> str:
    """Return names and values as a table; a dict is a table within it."""
    rows = "".join(
        f'<tr><th style="{_CELL}">{text(name)}</th><td style="{_CELL}">'
        f"{facts_table(value) if isinstance(value, Mapping) else text(value)}</td></tr>"
        for name, value in list(facts.items())[:MAX_ROWS]
    )
    more = f"<div>and {len(facts) - MAX_ROWS} more</div>" if len(facts) > MAX_ROWS else ""
    return f"<table><tbody>{rows}</tbody></table>{more}"


def manager_html(manager_id: str, path: str, simulation_ids: Sequence[str], runs_per_sim: int, status: str) -> str:
    """Return a batch: where it is, what it consists of, and how it stands (the HTML of its status, or "")."""
    if status:
        return f"{status}{box(f'in <code>{text(path)}</code>')}"
    listing = "".join(f"<li>{text(name)}</li>" for name in simulation_ids[:MAX_ROWS])
    more = f"<div>and {len(simulation_ids) - MAX_ROWS} more</div>" if len(simulation_ids) > MAX_ROWS else ""
    return box(
        f"<b>{text(manager_id)}</b>: {len(simulation_ids)} simulations, {runs_per_sim} runs of each; not made yet"
        f"<ul>{listing}</ul>{more}<div>will be in <code>{text(path)}</code></div>"
    )
