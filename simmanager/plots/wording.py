"""What the figures say: of how many runs something is made, what was left out, quantities with their units."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..base.text import count
from ..disk.state import RunState
from .style import drawable

if TYPE_CHECKING:
    from ..results.results import Results
    from ..results.values import Curves, MetricValues

#: Fields of run.json as people say them, with units.
_RECORD_FIELDS = {"duration_s": "duration (s)", "cpu_s": "processor time (s)", "peak_mb": "peak memory (MB)"}


def number(value: float, digits: int = 3) -> str:
    """Return a number with a true minus sign, as matplotlib writes them: ``−0.0366``."""
    return f"{value:.{digits}g}".replace("-", "−")


def runs_in_words(found: Curves | MetricValues) -> str:
    """Return of how many runs something is made, and what is the matter: ``4 of 5 runs, 1 with NaN or inf``."""
    from ..analysis.bootstrap import FEWEST

    parts = ["1 run" if found.n_runs == found.n_total == 1 else found.text]
    if 0 < found.n_runs < FEWEST:
        parts[0] += ": no interval"
    troubles = {
        "n_not_finite": "with NaN or inf",
        "n_shorter": "shorter",
        "n_failed": "without, as the metric failed",
        "n_unreadable": "unreadable",
        "n_other_parameters": "made with other parameters",
        "n_other_code": "made with other code",
    }
    for field, words in troubles.items():
        if number := getattr(found, field, 0):
            parts.append(f"{number} {words}")
    return ", ".join(parts)


def nothing_to_draw(batch: Results, simulations: Iterable[str], what: str) -> str:
    """Return why a figure of simulations is empty: no run has finished, or those that have lack ``what`` ("maps")."""
    simulations = list(simulations)
    names = drawable(", ".join(simulations), 200) or "this batch"
    finished = sum(batch.counts(simulation)[RunState.FINISHED] for simulation in simulations)
    if not finished:
        return f"no finished runs of {names}"
    return f"no {what} in {count(finished, 'run')} of {names}"


def quantity(metric: str) -> str:
    """Return a metric as an axis is labelled, with its unit if it is a field of the record."""
    return _RECORD_FIELDS.get(metric) or drawable(metric)


def joined(values: Iterable[str], longest: int = 3) -> str:
    """Return the first few of several names: ``a, b, c and 4 more``."""
    values = list(values)
    text = ", ".join(drawable(value) for value in values[:longest])
    return f"{text} and {len(values) - longest} more" if len(values) > longest else text
