"""Statistics over runs by which simulations are summarised: mean, median, interquartile mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from ..base.errors import ParameterError, unknown
from ..base.float_array import float_array
from ..base.public import public

IntArray = npt.NDArray[np.intp]

#: A statistic by name, or a function ``f(values, axis=...)`` such as `numpy.std`.
Statistic: TypeAlias = Literal["mean", "median", "iqm"] | Callable[..., Any]


@public("simmanager.analysis")
def mean(values: npt.ArrayLike, axis: int = 0) -> Any:
    """Return the mean over runs; NaN values are left out.

    Parameters
    ----------
    values : array, (n_runs, ...)
        One value, or one curve, for each run. Infinities count.
    axis : int
        The axis of the runs. Default 0.

    Returns
    -------
    float or ndarray
        Without the axis of the runs; NaN where no run has a value.
    """
    return _middle_mean(values, axis, lambda n: np.zeros_like(n), in_order=False)


@public("simmanager.analysis")
def median(values: npt.ArrayLike, axis: int = 0) -> Any:
    """Return the median over runs; NaN values are left out. Parameters as in `mean`."""
    return _middle_mean(values, axis, lambda n: np.maximum(n - 1, 0) // 2)


@public("simmanager.analysis")
def interquartile_mean(values: npt.ArrayLike, axis: int = 0) -> Any:
    """Return the interquartile mean over runs (IQM, the 25% trimmed mean); NaN values are left out.

    Of n values the floor(n / 4) lowest and as many highest are dropped, and the others averaged: robust against
    outliers like the median, but less variable (Agarwal et al. 2021, section 4.3). Parameters as in `mean`.

    References
    ----------
    Agarwal et al., "Deep reinforcement learning at the edge of the statistical precipice", NeurIPS 2021,
    https://arxiv.org/abs/2108.13264.
    """
    return _middle_mean(values, axis, lambda n: n // 4)


def _middle_mean(
    values: npt.ArrayLike, axis: int, n_dropped: Callable[[IntArray], IntArray], in_order: bool = True
) -> Any:
    """Return the mean of what is left when some of the lowest and as many of the highest values are dropped."""
    array = np.moveaxis(float_array(values), axis, -1)
    ordered = np.sort(array, axis=-1) if in_order else array  # NaN comes last
    known = ~np.isnan(ordered)
    n = np.asarray(known.sum(axis=-1))
    drop = n_dropped(n)
    if ordered.size and known.all():  # the same everywhere, and much faster so
        first = int(drop.flat[0])
        with np.errstate(invalid="ignore"):
            return ordered[..., first : ordered.shape[-1] - first].mean(axis=-1)
    if in_order:
        place = np.arange(ordered.shape[-1])
        known = (place >= drop[..., None]) & (place < (n - drop)[..., None])
    left = n - 2 * drop
    with np.errstate(invalid="ignore"):  # inf - inf is NaN, as it should be
        total = np.sum(ordered, axis=-1, where=known)
        return np.where(left > 0, total / np.maximum(left, 1), np.nan)[()]


#: The statistics that can be asked for by name.
STATISTICS: dict[str, Callable[..., Any]] = {"mean": mean, "median": median, "iqm": interquartile_mean}


def statistic_of(statistic: Statistic) -> Callable[..., Any]:
    """Return the function for a statistic given by name, or the function itself; raise if there is none."""
    if callable(statistic):
        return statistic
    if statistic not in STATISTICS:
        raise ParameterError(
            f"{unknown('No statistic', statistic, STATISTICS)} Or give a function f(values, axis=...)."
        )
    return STATISTICS[statistic]
