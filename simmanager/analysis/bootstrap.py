"""Statistics over runs: aggregates, bootstrap intervals, and the difference between two simulations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from ..base.checks import check_flag, check_integer, check_number
from ..base.errors import ParameterError, unknown
from ..base.public import public
from .arrays import FloatArray

IntArray = npt.NDArray[np.intp]

#: A statistic by name, or a function ``f(values, axis=...)`` such as `numpy.std`.
Statistic: TypeAlias = Literal["mean", "median", "iqm"] | Callable[..., Any]

#: Resamples of a bootstrap, and level of its interval, unless others are asked for.
N_RESAMPLES, LEVEL = 2000, 0.95

#: Numbers that are resampled at once: 32 MB.
_BLOCK = 4_000_000


@public("simmanager.analysis")
class Estimate(NamedTuple):
    """A value with the ends of its interval; the ends are NaN where there is none."""

    value: float
    low: float
    high: float


# Aggregates ----------------------------------------------------------------------------------------------------


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
    array = np.moveaxis(np.asarray(values, dtype=np.float64), axis, -1)
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


# Bootstrap -----------------------------------------------------------------------------------------------------


@public("simmanager.analysis")
def bootstrap_interval(
    values: npt.ArrayLike,
    statistic: Statistic = "mean",
    n_resamples: int = N_RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
    strata: npt.ArrayLike | None = None,
) -> tuple[Any, Any]:
    """Return a percentile bootstrap confidence interval of a statistic over runs.

    Runs are drawn with replacement, within each stratum as many as it has, and the interval goes from the
    (1 - level) / 2 to the (1 + level) / 2 quantile of the statistic over the resamples. This is the stratified
    bootstrap of Agarwal et al. 2021, where the strata are tasks; without strata it is the plain one.

    Parameters
    ----------
    values : array, (n_runs,) or (n_runs, n_points)
        One value, or one curve, for each run; whole runs are drawn, the same ones at all points. A NaN is a run
        without a value: it is drawn like the others and left out of the statistic.
    statistic : {"mean", "median", "iqm"} or callable
        What is estimated; a function takes ``(values, axis=...)``. Default "mean".
    n_resamples : int
        At least 1. Default 2000.
    level : float
        Confidence level, between 0 and 1. Default 0.95.
    seed : int
        Seed of the resamples: the same seed gives the same interval. Default 0.
    strata : array, (n_runs,), optional
        A label for each run.

    Returns
    -------
    low, high : float or ndarray, (n_points,)
        NaN where fewer than two runs have a value: one run has no interval. With infinite values the ends are
        resampled values, not interpolated.

    Raises
    ------
    ParameterError
        A parameter is out of range, or there is not one label for each run.

    References
    ----------
    Agarwal et al., NeurIPS 2021, https://arxiv.org/abs/2108.13264, sections 3 and 4.1.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim not in (1, 2):
        raise ParameterError(f"values must have the shape (n_runs,) or (n_runs, n_points), not {array.shape}.")
    rng = _resampling(n_resamples, level, seed)
    function = statistic_of(statistic)
    rows = np.atleast_2d(array.T)  # (n_points, n_runs): a resample is then contiguous
    indices = _resamples(array.shape[0], n_resamples, rng, strata)
    low, high = np.empty(len(rows)), np.empty(len(rows))
    block = max(1, _BLOCK // max(1, indices.size))
    for start in range(0, len(rows), block):
        part = slice(start, start + block)
        estimates = function(rows[part][:, indices], axis=-1)
        low[part], high[part] = _percentiles(np.asarray(estimates, dtype=np.float64), level)
    too_few = (~np.isnan(rows)).sum(axis=-1) < 2
    low[too_few] = high[too_few] = np.nan
    return (low, high) if array.ndim == 2 else (float(low[0]), float(high[0]))


def _resampling(n_resamples: int, level: float, seed: int) -> np.random.Generator:
    check_integer("n_resamples", n_resamples, minimum=1)
    check_number("level", level, above=0, below=1)
    return np.random.default_rng(check_integer("seed", seed, minimum=0))


def _resamples(
    n_runs: int, n_resamples: int, rng: np.random.Generator, strata: npt.ArrayLike | None = None
) -> IntArray:
    """Return the runs in each resample, (n_resamples, n_runs)."""
    labels = np.zeros(n_runs) if strata is None else np.asarray(strata)
    if labels.shape != (n_runs,):
        raise ParameterError(f"strata must hold one label for each of the {n_runs} runs, not {labels.shape}.")
    drawn = np.empty((n_resamples, n_runs), dtype=np.intp)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        drawn[:, members] = members[rng.integers(0, len(members), (n_resamples, len(members)))]
    return drawn


def _percentiles(estimates: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
    """Return the ends of the percentile interval along the last axis; NaN estimates are left out."""
    tail = (1 - level) / 2
    if estimates.size and np.isfinite(estimates).all():
        low, high = np.quantile(estimates, (tail, 1 - tail), axis=-1)
        return low, high
    ordered = np.sort(estimates, axis=-1)  # NaN comes last
    n = (~np.isnan(ordered)).sum(axis=-1, keepdims=True)
    last = np.maximum(n - 1, 0)  # of none: the first, which is NaN
    below, above = np.floor(tail * last).astype(np.intp), np.ceil((1 - tail) * last).astype(np.intp)
    return np.take_along_axis(ordered, below, -1)[..., 0], np.take_along_axis(ordered, above, -1)[..., 0]


# Two simulations -----------------------------------------------------------------------------------------------


@public("simmanager.analysis")
def difference(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    paired: bool = False,
    statistic: Statistic = "mean",
    n_resamples: int = N_RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> Estimate:
    """Return the difference of a statistic between two simulations, with its percentile bootstrap interval.

    Parameters
    ----------
    a, b : array, (n_runs_a,), (n_runs_b,)
        One value for each run; NaN are left out.
    paired : bool
        True: run i of ``a`` belongs to run i of ``b`` (the same seed), and they are drawn together; a pair with a NaN
        is left out. False (default): each is drawn on its own.
    statistic, n_resamples, level, seed
        As in `bootstrap_interval`.

    Returns
    -------
    Estimate
        statistic(a) - statistic(b), and the ends of its interval; NaN ends if fewer than two runs are left on a side.

    Raises
    ------
    ParameterError
        A parameter is out of range, or the pairs are not as many on both sides.
    """
    first, second = _two_samples(a, b, paired)
    rng = _resampling(n_resamples, level, seed)
    function = statistic_of(statistic)
    with np.errstate(invalid="ignore"):  # inf - inf is NaN, as it should be
        value = float(function(first, axis=-1) - function(second, axis=-1)) if len(first) and len(second) else np.nan
        if min(len(first), len(second)) < 2:
            return Estimate(value, np.nan, np.nan)
        chosen = _resamples(len(first), n_resamples, rng)
        others = chosen if paired else _resamples(len(second), n_resamples, rng)
        estimates = function(first[chosen], axis=-1) - function(second[others], axis=-1)
    low, high = _percentiles(np.asarray(estimates, dtype=np.float64), level)
    return Estimate(value, float(low), float(high))


@public("simmanager.analysis")
def probability_of_improvement(a: npt.ArrayLike, b: npt.ArrayLike, paired: bool = False) -> float:
    """Return the probability that a run of ``a`` has a larger value than one of ``b``; ties count half.

    P(A > B) + P(A = B) / 2 over all pairs of runs: the Mann-Whitney U statistic divided by the number of pairs
    (Agarwal et al. 2021, section 4.3).

    Parameters
    ----------
    a, b, paired
        As in `difference`; runs that are paired are only compared with each other.

    Returns
    -------
    float
        From 0 to 1; NaN if there is nothing to compare.

    Raises
    ------
    ParameterError
        The pairs are not as many on both sides.
    """
    wins = _wins(*_two_samples(a, b, paired), paired)
    return float(wins.mean()) if wins.size else np.nan


@public("simmanager.analysis")
def probability_interval(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    paired: bool = False,
    n_resamples: int = N_RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the percentile bootstrap interval of `probability_of_improvement`; parameters as in `difference`."""
    first, second = _two_samples(a, b, paired)
    rng = _resampling(n_resamples, level, seed)
    if min(len(first), len(second)) < 2:
        return np.nan, np.nan
    wins = _wins(first, second, paired)
    if paired:
        estimates = wins[_resamples(len(first), n_resamples, rng)].mean(axis=-1)
    else:
        # How often each run was drawn says which comparisons a resample holds, and how often.
        rows, columns = (_times_drawn(_resamples(n, n_resamples, rng)) for n in wins.shape)
        estimates = ((rows @ wins) * columns).sum(axis=-1) / wins.size
    low, high = _percentiles(estimates, level)
    return float(low), float(high)


def _wins(a: FloatArray, b: FloatArray, paired: bool) -> FloatArray:
    """Return 1 where a is larger than b, 1/2 where they are equal, else 0: (n,) for pairs, else (n_a, n_b)."""
    if not paired:
        a = a[:, None]
    return np.where(a == b, 0.5, np.where(a > b, 1.0, 0.0))


def _times_drawn(indices: IntArray) -> FloatArray:
    """Return how often each run is in each resample, (n_resamples, n_runs)."""
    n_resamples, n_runs = indices.shape
    places = indices + n_runs * np.arange(n_resamples)[:, None]
    return np.bincount(places.ravel(), minlength=indices.size).reshape(indices.shape).astype(np.float64)


def _two_samples(a: npt.ArrayLike, b: npt.ArrayLike, paired: bool) -> tuple[FloatArray, FloatArray]:
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if first.ndim != 1 or second.ndim != 1:
        raise ParameterError(f"Give one value for each run, (n_runs,), not {first.shape} and {second.shape}.")
    if not check_flag("paired", paired):
        return first[~np.isnan(first)], second[~np.isnan(second)]
    if len(first) != len(second):
        raise ParameterError(f"Pairs must be as many on both sides, not {len(first)} and {len(second)}.")
    both = ~(np.isnan(first) | np.isnan(second))
    return first[both], second[both]
