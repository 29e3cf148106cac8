"""Small pieces of HTML for a notebook: escaped, readable on a light and on a dark page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from .tables import Cell, Table
from .text import plain

MAX_ROWS = 30  # simulations, reasons and parameters that are shown
_MAX_TEXT = 200  # characters of a value


def simulation_html(entry: Mapping[str, Any]) -> str:
    """Return a simulation as manager.json describes it: its parts and their parameters."""
    parts = {name: value for name, value in entry.items() if name != "simulation_id" and value not in (None, {})}
    name = entry.get("simulation_id")
    return box(f"<b>{text('SingleSim without an id' if name is None else name)}</b>{facts_table(parts)}")


def text(value: Any) -> str:
    """Return any value as text that is safe in HTML: no control characters, escaped, cut if it is long."""
    shown = plain(str(value))
    return escape(shown if len(shown) <= _MAX_TEXT else f"{shown[:_MAX_TEXT]}…")


def box(content: str) -> str:
    """Return HTML in a frame of readable width."""
    return f'<div style="max-width:70em;line-height:1.5">{content}</div>'


def facts_table(facts: Mapping[str, Any]) -> str:
    """Return names and values as a table; a dict is a table within it."""
    rows = [
        (Cell(html=text(name)), Cell(html=facts_table(value) if isinstance(value, Mapping) else text(value)))
        for name, value in facts.items()
    ]
    return Table(("", ""), rows).html(MAX_ROWS)


def listing(texts: Sequence[str]) -> str:
    """Return the first texts as a list, and how many more there are."""
    more = f"<li>and {len(texts) - MAX_ROWS} more</li>" if len(texts) > MAX_ROWS else ""
    return f"<ul>{''.join(f'<li><code>{text(one)}</code></li>' for one in texts[:MAX_ROWS])}{more}</ul>"


def manager_html(manager_id: str, path: str, simulation_ids: Sequence[str], runs_per_sim: int, status: str) -> str:
    """Return a batch: where it is, what it consists of, and how it stands (the HTML of its status, or "")."""
    if status:
        return f"{status}{box(f'in <code>{text(path)}</code>')}"
    return box(
        f"<b>{text(manager_id)}</b>: {len(simulation_ids)} simulations, {runs_per_sim} runs of each; not made yet"
        f"{listing(simulation_ids)}<div>will be in <code>{text(path)}</code></div>"
    )
