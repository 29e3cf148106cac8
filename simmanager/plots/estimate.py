"""A statistic of the runs at each point of a figure, with its interval."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ..analysis.aggregates import Statistic
    from ..analysis.arrays import FloatArray

    BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """A statistic of several runs and the ends of its interval, each (n_points,); NaN where nothing is drawn."""

    centre: FloatArray
    low: FloatArray
    high: FloatArray


def estimate(values: FloatArray, statistic: Statistic, level: float, ended: BoolArray | None = None) -> Estimate:
    """Return a statistic over runs, (n_runs, n_points), with its confidence interval, where it is finite.

    Infinities count as numbers: an interquartile mean or a median may be finite with them. Where ``ended`` is true a
    run is over and left out; at every other NaN there is no estimate.
    """
    import numpy as np

    from ..analysis.aggregates import statistic_of
    from ..analysis.intervals import confidence_interval

    function = statistic_of(statistic)
    n_runs = len(values)
    low, high = confidence_interval(values, statistic, level)
    centre = function(values, axis=0) if n_runs else low
    over = np.zeros(values.shape, dtype=bool) if ended is None else ended
    broken = (np.isnan(values) & ~over).any(axis=0)
    return Estimate(*(np.where(np.isfinite(line) & ~broken, line, np.nan) for line in (centre, low, high)))


def words(statistic: Statistic, level: float = 0.0, estimates: Iterable[Estimate] = ()) -> str:
    """Return what is drawn: ``mean, 95% confidence interval``; without the interval if no estimate has one."""
    import numpy as np

    called = statistic if isinstance(statistic, str) else getattr(statistic, "__name__", "statistic")
    text = "interquartile mean" if called == "iqm" else called
    known = any(np.isfinite(one.low).any() for one in estimates)
    kind = "bootstrap" if callable(statistic) else "confidence"
    return f"{text}, {100 * level:g}% {kind} interval" if known else text
