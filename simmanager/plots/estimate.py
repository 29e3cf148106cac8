"""A statistic of the runs at each point of a figure, with its interval."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ..analysis.arrays import FloatArray
    from ..analysis.bootstrap import Statistic

    BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """A statistic of several runs and the ends of its interval, each (n_points,); NaN where nothing is drawn."""

    centre: FloatArray
    low: FloatArray
    high: FloatArray


def estimate(values: FloatArray, statistic: Statistic, level: float, ended: BoolArray | None = None) -> Estimate:
    """Return a statistic over runs, (n_runs, n_points), with its bootstrap interval, where it is finite.

    Infinities count as numbers: an interquartile mean or a median may be finite with them. Where ``ended`` is true a
    run is over and left out; at every other NaN there is no estimate.
    """
    import numpy as np

    from ..analysis.bootstrap import bootstrap_interval, statistic_of
    from ..base.checks import check_number

    function = statistic_of(statistic)
    check_number("level", level, above=0, below=1)
    n_runs, n_points = values.shape
    low = high = np.full(n_points, np.nan)
    if n_runs > 1:
        low, high = bootstrap_interval(values, statistic, level=level)
    centre = function(values, axis=0) if n_runs else low
    over = np.zeros(values.shape, dtype=bool) if ended is None else ended
    broken = (np.isnan(values) & ~over).any(axis=0)
    return Estimate(*(np.where(np.isfinite(line) & ~broken, line, np.nan) for line in (centre, low, high)))


def words(statistic: Statistic, level: float = 0.0, estimates: Iterable[Estimate] = ()) -> str:
    """Return what is drawn: ``mean, 95% bootstrap interval``; without the interval if no estimate has one."""
    import numpy as np

    called = statistic if isinstance(statistic, str) else getattr(statistic, "__name__", "statistic")
    text = "interquartile mean" if called == "iqm" else called
    known = any(np.isfinite(one.low).any() for one in estimates)
    return f"{text}, {100 * level:g}% bootstrap interval" if known else text
