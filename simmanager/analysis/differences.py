"""How two simulations differ: the difference of a statistic, and how often one has the larger value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..base.checks import check_flag, check_number
from ..base.errors import ParameterError
from ..base.float_array import float_array
from ..base.public import public
from .aggregates import Statistic, statistic_of
from .arrays import FloatArray
from .bootstrap import FEWEST, LEVEL, N_RESAMPLES, percentiles, resamples, resampling
from .intervals import Method, quantile_of_t, standard_error, used_method


@public("simmanager.analysis")
class Estimate(NamedTuple):
    """A difference with the ends of its interval and its p-value; NaN where there is none."""

    value: float
    low: float
    high: float
    p: float = np.nan


@public("simmanager.analysis")
def difference(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    paired: bool = False,
    statistic: Statistic = "mean",
    level: float = LEVEL,
    method: Method = "t",
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> Estimate:
    """Return the difference of a statistic between two simulations, with its confidence interval.

    With ``method="t"`` the standard errors of `confidence_interval` are added in squares, with the degrees of freedom
    of Welch and Satterthwaite: Welch's test for the mean, the test of Yuen 1974 for the iqm
    (``scipy.stats.ttest_ind(a, b, equal_var=False, trim=0.25)``).

    Parameters
    ----------
    a, b : array, (n_runs_a,), (n_runs_b,)
        One value for each run; NaN are left out.
    paired : bool
        True: run i of ``a`` belongs to run i of ``b`` (the same seed): the statistic is that of the differences of the
        pairs; a pair with a NaN is left out. Default False.
    statistic, level, method, n_resamples, seed
        As in `confidence_interval`.

    Returns
    -------
    Estimate
        statistic(a) - statistic(b), or statistic(a - b) of pairs; the ends of its interval, NaN if fewer than three
        runs are left on a side; the two-sided p-value, NaN with the bootstrap, and where no value varies.

    Raises
    ------
    ParameterError
        A parameter is out of range, or the pairs are not as many on both sides.

    References
    ----------
    Welch, Biometrika 34 (1947), 28-35. Yuen, Biometrika 61 (1974), 165-170.
    """
    first, second = _two_samples(a, b, paired)
    check_number("level", level, above=0, below=1)
    with np.errstate(invalid="ignore"):  # inf - inf is NaN, as it should be
        samples = [first - second] if paired else [first, second]
        if used_method(statistic, method) == "bootstrap":
            return _bootstrap(samples, statistic, level, n_resamples, seed)
        found = [standard_error(sample, statistic) for sample in samples]
        value = float(found[0].value - (0.0 if paired else found[1].value))
    parts = np.array([float(one.error) ** 2 for one in found])
    error = float(np.sqrt(parts.sum()))
    if not error > 0:  # NaN: too few runs; 0: nothing varies
        return Estimate(value, value + error, value + error)
    df = parts.sum() ** 2 / (parts**2 / np.array([float(one.df) for one in found])).sum()
    reach = float(quantile_of_t(df, level)) * error
    from scipy.special import stdtr

    return Estimate(value, value - reach, value + reach, float(2 * stdtr(df, -abs(value) / error)))


def _bootstrap(
    samples: Sequence[FloatArray], statistic: Statistic, level: float, n_resamples: int, seed: int
) -> Estimate:
    """Return a difference with its percentile bootstrap interval: each sample is drawn on its own."""
    rng = resampling(n_resamples, level, seed)
    function = statistic_of(statistic)
    value = np.subtract.reduce([function(sample, axis=-1) if len(sample) else np.nan for sample in samples])
    if min(map(len, samples)) < FEWEST:
        return Estimate(float(value), np.nan, np.nan)
    drawn = [sample[resamples(len(sample), n_resamples, rng)] for sample in samples]
    estimates = np.subtract.reduce([np.asarray(function(values, axis=-1), dtype=np.float64) for values in drawn])
    low, high = percentiles(estimates, level)
    return Estimate(float(value), float(low), float(high))


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
    first, second = _two_samples(a, b, paired)
    if not len(first) or not len(second):
        return np.nan
    if paired:
        return float(np.where(first == second, 0.5, first > second).mean())
    ordered = np.sort(second)
    wins = np.searchsorted(ordered, first, "left") + np.searchsorted(ordered, first, "right")
    return float(wins.sum() / (2 * len(first) * len(second)))


@public("simmanager.analysis")
def probability_interval(
    a: npt.ArrayLike, b: npt.ArrayLike, paired: bool = False, level: float = LEVEL
) -> tuple[float, float]:
    """Return the confidence interval of `probability_of_improvement`; parameters as there and in `difference`.

    It is never a point: three runs that are all larger than three others do not show that every run would be. Of runs
    on their own it is method 5 of Newcombe 2006 (part 2): all probabilities t from which the one that was found is not
    further than z standard errors,

        sqrt(t (1 - t) (1 + (N - 1) ((1 - t) / (2 - t) + t / (1 + t))) / (n_a n_b)),  N = (n_a + n_b) / 2;

    of pairs, the interval of Wilson 1927 for a proportion. Where they take z from the normal distribution, it is the
    quantile of Student's t with as many degrees of freedom as a t test has: on the safe side for few runs.

    Returns
    -------
    low, high : float
        NaN if fewer than three runs are left on a side.

    References
    ----------
    Newcombe, Statistics in Medicine 25 (2006), 559-573. Wilson, JASA 22 (1927), 209-212.
    """
    from scipy.optimize import brentq

    check_number("level", level, above=0, below=1)
    first, second = _two_samples(a, b, paired)
    if min(len(first), len(second)) < FEWEST:
        return np.nan, np.nan
    found = probability_of_improvement(first, second, paired)
    n = (len(first) + len(second)) / 2
    pairs, df = (len(first), n - 1) if paired else (len(first) * len(second), 2 * n - 2)
    z = float(quantile_of_t(df, level))

    def beyond(t: float) -> float:
        alike = 0.0 if paired else (n - 1) * ((1 - t) / (2 - t) + t / (1 + t))
        return float((t - found) ** 2 - z**2 * t * (1 - t) * (1 + alike) / pairs)

    inside = min(max(found, 1e-9), 1 - 1e-9)  # 0 and 1 are roots of their own, without a standard error
    low = 0.0 if found == 0 else brentq(beyond, 0.0, inside, xtol=1e-12)
    high = 1.0 if found == 1 else brentq(beyond, inside, 1.0, xtol=1e-12)
    return float(low), float(high)


@public("simmanager.analysis")
def holm(p_values: npt.ArrayLike) -> FloatArray:
    """Return p-values adjusted for their number by the step-down method of Holm 1979.

    Of several true null hypotheses, one that has an adjusted p below 0.05 comes up in at most 5 of 100 experiments,
    however the tests depend on each other.

    Parameters
    ----------
    p_values : array, (n,)
        NaN, which stand for no test, stay and do not count.

    Returns
    -------
    ndarray, (n,)
        Each at most 1.

    References
    ----------
    Holm, Scandinavian Journal of Statistics 6 (1979), 65-70.
    """
    given = float_array(p_values)
    known = np.flatnonzero(~np.isnan(given))
    order = known[np.argsort(given[known], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    given[order] = np.minimum(np.maximum.accumulate(given[order] * factors), 1.0)
    return given


@public("simmanager.analysis")
def runs_needed(effect: float, std: float, level: float = LEVEL, power: float = 0.8, n_pairs: int = 1) -> int:
    """Return how many runs each of two simulations needs for a difference to show.

    So many that a two-sided t test of two means with as many runs each finds the difference with the probability asked
    for; its power is that of the noncentral t distribution (Cohen 1988, chapter 2). The interquartile mean of normal
    values needs about 1.2 times as many.

    Parameters
    ----------
    effect : float
        The difference of the means that is to be seen, in the unit of the values. Not 0.
    std : float
        Standard deviation of the values over runs, of either simulation (``compare(...)[simulation].std``). At least 0.
    level : float
        Confidence level, between 0 and 1. Default 0.95.
    power : float
        Probability with which the difference is found, between 0 and 1. Default 0.8.
    n_pairs : int
        Pairs of simulations that are compared; the level holds for all of them together (Bonferroni). Default 1.

    Returns
    -------
    int
        At least 3.

    Raises
    ------
    ParameterError
        A parameter is out of range.

    References
    ----------
    Cohen, "Statistical power analysis for the behavioral sciences", 2nd edition, 1988.
    """
    from scipy.special import nctdtr

    from ..base.checks import check_integer

    size = abs(check_number("effect", effect)) / max(check_number("std", std, minimum=0), 1e-300)
    if not size > 0:
        raise ParameterError("effect must not be 0: no number of runs shows a difference that is none.")
    check_number("level", level, above=0, below=1)
    check_number("power", power, above=0, below=1)
    each = 1 - (1 - level) / check_integer("n_pairs", n_pairs, minimum=1)

    def shows(n: int) -> bool:
        df, shift = 2.0 * n - 2, size * np.sqrt(n / 2)
        if shift > 30:  # beyond what the distribution can be computed for, and beyond any doubt
            return True
        limit = float(quantile_of_t(df, each))
        return bool(1 - nctdtr(df, shift, limit) + nctdtr(df, shift, -limit) >= power)

    n = FEWEST
    while not shows(n):
        n *= 2
    low = max(n // 2, FEWEST - 1)
    while n - low > 1:
        middle = (low + n) // 2
        low, n = (low, middle) if shows(middle) else (middle, n)
    return n


def _two_samples(a: npt.ArrayLike, b: npt.ArrayLike, paired: bool) -> tuple[FloatArray, FloatArray]:
    first, second = float_array(a), float_array(b)
    if first.ndim != 1 or second.ndim != 1:
        raise ParameterError(f"Give one value for each run, (n_runs,), not {first.shape} and {second.shape}.")
    if not check_flag("paired", paired):
        return first[~np.isnan(first)], second[~np.isnan(second)]
    if len(first) != len(second):
        raise ParameterError(f"Pairs must be as many on both sides, not {len(first)} and {len(second)}.")
    both = ~(np.isnan(first) | np.isnan(second))
    return first[both], second[both]
