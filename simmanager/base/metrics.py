"""Metrics: numbers that a simulation computes from agent, arena and history at the end of a run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

from .errors import SimulationError
from .resources import EXECUTION_FIELDS
from .text import name_of

RECORD_METRICS = ("duration_s", "cpu_s", "peak_mb")  # fields of run.json by which runs are compared as by metrics
_MAX_NAME = 100  # characters


@dataclass(frozen=True, slots=True)
class Measured:
    """What the metrics of a run gave, by their names."""

    values: dict[str, float] = field(default_factory=dict)  # of those that gave a number; may be NaN or infinite
    errors: dict[str, str] = field(default_factory=dict)  # of the others: why, in one line


def check_metrics(metrics: Any, owner: str) -> None:
    """Raise if ``metrics`` is neither None nor a dict of names and callables; ``owner`` is the simulation."""
    if metrics is None:
        return
    if not isinstance(metrics, Mapping):
        raise SimulationError(f"metrics of {owner} must be a dict of names and functions, not {metrics!r}.")
    for name, metric in metrics.items():
        if not isinstance(name, str) or not name.strip() or not name.isprintable() or len(name) > _MAX_NAME:
            raise SimulationError(
                f"A metric of {owner} needs a name of 1 to {_MAX_NAME} printable characters, not {name!r}."
            )
        if name in RECORD_METRICS:
            raise SimulationError(f"The metric {name!r} of {owner} needs another name: every run has that one already.")
        if not callable(metric):
            raise SimulationError(
                f"The metric {name!r} of {owner} must be a function (agent, env, history) -> number, not {metric!r}."
            )


def describe_metrics(metrics: Mapping[str, Any]) -> dict[str, str]:
    """Return name -> ``"module:function"``, for manager.json."""
    kinds = {name: metric if hasattr(metric, "__qualname__") else type(metric) for name, metric in metrics.items()}
    return {name: name_of(kind) for name, kind in kinds.items()}


def give_the_same_results(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether two descriptions of a simulation differ in nothing that results depend on.

    They may have other resources and time limits, and metrics that the other lacks. Such runs may stand side by side:
    a metric that a run lacks is counted as missing. Two functions of one name would mix values that mean different
    things.
    """
    rest = [
        {key: value for key, value in entry.items() if key not in ("metrics", *EXECUTION_FIELDS)}
        for entry in (one, other)
    ]
    before, now = (entry.get("metrics") or {} for entry in (one, other))
    return rest[0] == rest[1] and all(before[name] == now[name] for name in before.keys() & now.keys())


def as_number(value: Any) -> float:
    """Return what a metric gave as a float; NumPy's numbers, arrays of no dimension and the like are numbers, too.

    What is masked is no value: NaN. Raises TypeError, or OverflowError if it is too large for a float.
    """
    if type(value).__name__ in ("MaskedConstant", "MaskedArray") and not value.shape and bool(value.mask):
        return math.nan
    item = getattr(value, "item", None)
    plain = item() if callable(item) and not getattr(value, "shape", ()) else value
    if not isinstance(plain, Real):
        raise TypeError(f"it gave {repr(value)[:100]} ({type(value).__name__}); a metric gives one number")
    return float(plain)
