"""Results as tables: flat rows, CSV, JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from ..disk.run_record import json_ready
from ..disk.state import RunState

if TYPE_CHECKING:
    from ..disk.metric_log import Logged
    from .run_result import RunResult
    from .values import Curves

#: Fields of a run that a row shows as they are.
_FIELDS = (
    "simulation_id",
    "run_id",
    "state",
    "seed",
    "attempt",
    "started",
    "ended",
    "duration_s",
    "cpu_s",
    "peak_mb",
    "error",
    "host",
    "pid",
)


#: How a formula of a spreadsheet begins, in full width, too; a quote before it makes it a text.
_SIGNS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def run_rows(
    runs: Iterable[RunResult], parameters: Mapping[str, Mapping[str, Any]], metrics: Sequence[str]
) -> list[dict[str, Any]]:
    """Return one flat dict for each run, all with the same keys.

    Parameters
    ----------
    runs : iterable of RunResult
        One row each.
    parameters : mapping
        Flattened parameters of each simulation: their names become columns.
    metrics : sequence of str
        Names of metrics: columns, too.
    """
    names = dict.fromkeys(name for own in parameters.values() for name in own)
    return [
        {
            **{name: getattr(run, name) for name in _FIELDS},
            "path": str(run.path),
            **{name: run.parameters.get(name) for name in names},
            **{f"metrics.{name}": run.metrics.get(name) for name in metrics},
            "artefacts": run.artefacts,
            "stopped_early": run.stopped_early,
            **{name: _reasons(getattr(run, name)) for name in ("metric_errors", "not_saved", "left_out")},
        }
        for run in runs
    ]


def _reasons(reasons: Mapping[str, str]) -> str:
    return "; ".join(f"{name}: {why}" for name, why in reasons.items())


def curve_rows(finished: Mapping[str, Curves], running: Mapping[str, Mapping[int, Logged]]) -> list[dict[str, Any]]:
    """Return one dict for each point of each run: simulation_id, run_id, state, iteration, value.

    Finished runs come first, then running ones with what they have logged.
    """
    curves = [
        (name, run_id, RunState.FINISHED, own.iterations, values)
        for name, own in finished.items()
        for run_id, values in zip(own.run_ids, own.values, strict=True)
    ]
    curves += [
        (name, run_id, RunState.RUNNING, logged.steps, logged.values)
        for name, own in running.items()
        for run_id, logged in own.items()
    ]
    return [
        {"simulation_id": name, "run_id": run_id, "state": state.value, "iteration": iteration, "value": value}
        for name, run_id, state, iterations, values in curves
        for iteration, value in zip(iterations.tolist(), values.tolist(), strict=True)
    ]


def write_csv(rows: Sequence[Mapping[str, Any]], file: TextIO) -> None:
    """Write rows with the same keys as CSV, with a header line; lists and dicts in them are JSON.

    Before a text that a spreadsheet would take for a formula there is a quote.
    """
    import csv

    writer = csv.writer(file, lineterminator="\n")
    if rows:
        writer.writerow(map(_cell, rows[0]))
    writer.writerows(map(_cell, row.values()) for row in rows)


def as_json(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as JSON text: a list of objects, a line each; NaN and infinities are texts."""
    return "[" + ",\n ".join(map(_json, rows)) + "]"


def _json(value: Any) -> str:
    import json

    return json.dumps(json_ready(value))


def _cell(value: Any) -> Any:
    """Return a value as a cell: texts in one line, without anything that a terminal or a spreadsheet would obey."""
    from ..base.text import plain

    if isinstance(value, (list, dict)):
        return _json(value)
    if not isinstance(value, str):
        return value
    text = plain(value).replace("\n", " ")
    is_formula = text.lstrip().startswith(_SIGNS) and not _is_number(text)
    return f"'{text}" if is_formula or value.startswith(("\t", "\r")) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
