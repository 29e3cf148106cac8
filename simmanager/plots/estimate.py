"""A statistic of the runs at each point of a figure, with its interval."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ..analysis.bootstrap import Statistic

    FloatArray = npt.NDArray[np.float64]
    BoolArray = npt.NDArray[np.bool_]

_WORDS = {"iqm": "interquartile mean"}


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """What is drawn of several runs.

    Parameters
    ----------
    centre, low, high : ndarray, (n_points,)
        The statistic and the ends of its interval; NaN where there is nothing to draw.
    """

    centre: FloatArray
    low: FloatArray
    high: FloatArray


def estimate(values: FloatArray, statistic: Statistic, level: float, ended: BoolArray | None = None) -> Estimate:
    """Return a statistic over runs with its bootstrap interval, where it is finite.

    Parameters
    ----------
    values : ndarray, (n_runs, n_points)
        Infinities count as numbers: an interquartile mean or a median may be finite with them.
    statistic : {"mean", "median", "iqm"} or callable
        As in `simmanager.analysis.bootstrap`.
    level : float
        0 < level < 1.
    ended : ndarray of bool, (n_runs, n_points), optional
        Where a run is over and left out. At every other NaN there is no estimate.

    Raises
    ------
    ParameterError
        There is no such statistic, or the level is out of range.
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
    text = _WORDS.get(called, called)
    some = any(np.isfinite(one.low).any() for one in estimates)
    return f"{text}, {100 * level:g}% bootstrap interval" if some else text
