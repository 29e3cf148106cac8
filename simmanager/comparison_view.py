"""How a comparison looks: as text, as HTML, as a data frame."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from .display import plain
from .errors import PackageMissing

if TYPE_CHECKING:
    import pandas as pd

    from .comparison_record import Comparison, Difference, SimulationSummary

#: What the statistics are called in a table.
_TITLES = {"iqm": "IQM", "mean": "mean", "median": "median"}
_NAMES = {"iqm": "interquartile mean", "mean": "mean", "median": "median"}

#: What the numbers of a curve are called.
_VALUES = {
    "final": "final value of {}",
    "auc": "area under the curve of {}",
    "iterations_to_threshold": "iterations to the threshold of {}",
}

#: Headers of columns that hold text; the others hold numbers and are aligned to the right.
_TEXTS = ("simulation", "remarks", "difference")

Rows = list[tuple[str, ...]]


def text_of(comparison: Comparison) -> str:
    """Return a comparison as text: a heading, a table of simulations, a table of differences, what is missing."""
    parts = [plain(heading(comparison)), _table(*simulation_rows(comparison))]
    if comparison.differences:
        parts.append(_table(*difference_rows(comparison)))
    parts += [plain(line) for line in comparison.notes]
    return "\n".join(parts)


def html_of(comparison: Comparison) -> str:
    """Return a comparison as HTML, for a notebook; whatever a name holds is shown as text."""
    parts = [f"<p>{escape(plain(heading(comparison)))}</p>", _html_table(*simulation_rows(comparison))]
    if comparison.differences:
        parts.append(_html_table(*difference_rows(comparison)))
    parts += [f"<p>{escape(plain(line))}</p>" for line in comparison.notes]
    return f"<div>{''.join(parts)}</div>"


def frame_of(kind: type, records: Iterable[Any], without: Sequence[str] = ()) -> pd.DataFrame:
    """Return dataclass records as a pandas DataFrame, a row for each.

    Raises
    ------
    PackageMissing
        pandas is not installed; says how to install it.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise PackageMissing("A table needs pandas. Install it: pip install 'simmanager[frames]'") from error
    names = [field.name for field in dataclasses.fields(kind) if field.name not in without]
    return pd.DataFrame([{name: getattr(record, name) for name in names} for record in records], columns=names)


def heading(comparison: Comparison) -> str:
    """Return what is compared, and how, in one line."""
    if comparison.key is None:
        quantity = str(comparison.metric)
    else:
        quantity = _VALUES[comparison.value].format(comparison.key)
    reduced = f" ({comparison.reduction})" if comparison.reduction else ""
    return (
        f"{comparison.name}: {quantity}{reduced}. {_NAMES[comparison.statistic].capitalize()} over runs, "
        f"{100 * comparison.level:.4g}% percentile bootstrap interval "
        f"({comparison.n_resamples} resamples, seed {comparison.seed})"
    )


def simulation_rows(comparison: Comparison) -> tuple[tuple[str, ...], Rows]:
    """Return the header and the rows of the table of simulations."""
    main = comparison.statistic
    others = [name for name in _TITLES if name != main]
    header = ["simulation", "runs", _TITLES[main], "interval", *(_TITLES[name] for name in others), "std"]
    if comparison.key is not None:
        header += [title for name, title in (("final", "final"), ("auc", "AUC")) if name != comparison.value]
    if comparison.threshold is not None:
        side = "<=" if comparison.direction == "below" else ">="
        header.append(f"iterations to {side} {comparison.threshold:.4g}")
    rows = [_simulation_row(comparison, one, others) for one in comparison.simulations]
    return (*header, "remarks"), rows


def _simulation_row(comparison: Comparison, one: SimulationSummary, others: list[str]) -> tuple[str, ...]:
    cells = [
        one.simulation_id,
        f"{one.n_runs} of {one.n_total}",
        number(getattr(one, comparison.statistic)),
        interval(one.low, one.high),
        *(number(getattr(one, name)) for name in others),
        number(one.std),
    ]
    if comparison.key is not None:
        cells += [number(getattr(one, name)) for name in ("final", "auc") if name != comparison.value]
    if comparison.threshold is not None:
        n_curves = len(one.run_ids) + one.n_nan
        reached = f" ({one.n_reached} of {n_curves})" if n_curves else ""
        cells.append(f"{number(one.iterations_to_threshold)}{reached}")
    return (*cells, "; ".join(one.remarks))


def difference_rows(comparison: Comparison) -> tuple[tuple[str, ...], Rows]:
    """Return the header and the rows of the table of differences."""
    header = ("difference", _TITLES[comparison.statistic], "interval", "P(first > second)", "interval", "runs")
    return header, [_difference_row(one) for one in comparison.differences]


def _difference_row(one: Difference) -> tuple[str, ...]:
    return (
        f"{one.first} - {one.second}",
        number(one.difference),
        interval(one.low, one.high),
        number(one.probability_of_improvement),
        interval(one.probability_low, one.probability_high),
        f"{one.n_first} pairs, same seeds" if one.paired else f"{one.n_first} and {one.n_second}",
    )


def number(value: float | None) -> str:
    """Return a number with four digits; "" for None and for NaN, which stands for no value."""
    return "" if value is None or value != value else f"{value:.4g}"


def interval(low: float | None, high: float | None) -> str:
    """Return the two ends; "" if there is no interval."""
    return "" if low is None or high is None else f"[{number(low)}, {number(high)}]"


def _table(header: Sequence[str], rows: Rows) -> str:
    """Return a table as plain text, whatever the terminal is."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for title in header:
        table.add_column(Text(title), justify="left" if title in _TEXTS else "right", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(plain(cell).replace("\n", " ")) for cell in row))
    file = io.StringIO()
    Console(file=file, width=10_000, force_terminal=False, force_jupyter=False).print(table)
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"


def _html_table(header: Sequence[str], rows: Rows) -> str:
    head = "".join(f'<th style="{_align(title)}">{escape(title)}</th>' for title in header)
    body = (
        "".join(
            f'<td style="{_align(title)}">{escape(plain(cell))}</td>' for title, cell in zip(header, row, strict=True)
        )
        for row in rows
    )
    lines = "".join(f"<tr>{cells}</tr>" for cells in body)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"


def _align(title: str) -> str:
    return f"text-align: {'left' if title in _TEXTS else 'right'}"
