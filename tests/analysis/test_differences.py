"""How two simulations differ: against scipy and the closed forms, in pairs, and of several pairs together."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from simmanager.analysis.differences import (
    difference,
    holm,
    probability_interval,
    probability_of_improvement,
    runs_needed,
)
from simmanager.base.errors import ParameterError

NAN, INF = np.nan, np.inf
RNG = np.random.default_rng(20)
TEN, SEVEN = RNG.normal(size=10), RNG.normal(0.5, 2, size=7)


@pytest.mark.parametrize(("statistic", "trim"), [("mean", 0.0), ("iqm", 0.25)])
@pytest.mark.parametrize("sizes", [(3, 3), (5, 5), (10, 7)])
def test_the_difference_is_that_of_the_tests_of_welch_and_yuen(statistic, trim, sizes):
    a, b = RNG.normal(size=sizes[0]), RNG.normal(1, 3, size=sizes[1])
    theirs = stats.ttest_ind(a, b, equal_var=False, trim=trim)
    ours = difference(a, b, statistic=statistic, level=0.9)
    assert ours.p == pytest.approx(theirs.pvalue)
    ends = theirs.confidence_interval(0.9) if trim == 0 else None
    assert ours.value == pytest.approx(stats.trim_mean(a, trim) - stats.trim_mean(b, trim))
    assert ends is None or (ours.low, ours.high) == pytest.approx(ends)
    # At the level of its own p-value, the interval ends at 0.
    edge = difference(a, b, statistic=statistic, level=1 - ours.p)
    assert min(abs(edge.low), abs(edge.high)) == pytest.approx(0, abs=1e-9)


def test_pairs_are_a_t_test_of_their_differences():
    a, b = TEN, TEN[::-1] * 3
    theirs = stats.ttest_rel(a, b)
    ours = difference(a, b, True)
    assert (ours.low, ours.high) == pytest.approx(tuple(theirs.confidence_interval(0.95)))
    assert ours.p == pytest.approx(theirs.pvalue)


def test_pairs_that_differ_by_a_constant_have_no_uncertainty():
    found = difference(TEN + 2, TEN, True, "iqm")
    assert found[:3] == pytest.approx((2, 2, 2))
    alone = difference(TEN + 2, TEN, False, "iqm")
    assert alone.value == pytest.approx(2) and alone.low < 1.7 and alone.high > 2.3


def test_a_difference_turns_its_sign_with_the_order():
    one, other = difference(TEN, SEVEN, statistic="median"), difference(SEVEN, TEN, statistic="median")
    assert (one.value, one.low, one.high, one.p) == pytest.approx((-other.value, -other.high, -other.low, other.p))


def test_too_few_runs_have_a_difference_but_no_interval():
    for method in ("t", "bootstrap"):
        found = difference([3.0, 3.0], [1.0, 2.0, 3.0], method=method)
        assert found.value == 1 and np.isnan(found[1:]).all()
        assert np.isnan(difference([NAN], [1.0], method=method)).all()
        assert np.isnan(difference([INF, INF], [INF, 1.0], method=method).value)
    assert np.isnan(probability_interval([3.0, 4.0], [1.0, 2.0, 3.0])).all()


@settings(max_examples=50, deadline=None)
@given(*[arrays(np.float64, st.integers(1, 9), elements=st.integers(-3, 3))] * 2)
def test_the_probability_of_improvement_is_the_mann_whitney_statistic(a, b):
    expected = stats.mannwhitneyu(a, b, alternative="greater", method="asymptotic").statistic / (len(a) * len(b))
    assert probability_of_improvement(a, b) == pytest.approx(expected)
    assert probability_of_improvement(a, b) + probability_of_improvement(b, a) == pytest.approx(1)


def test_ties_count_half_and_nan_not_at_all():
    assert probability_of_improvement([1, 1], [1, 1]) == 0.5
    assert probability_of_improvement([2, NAN], [1, 2, NAN]) == 0.75
    assert np.isnan(probability_of_improvement([NAN], [1]))


def test_pairs_are_compared_each_with_its_own_partner():
    assert probability_of_improvement([1, 2, 3], [0, 1, 2], paired=True) == 1
    assert probability_of_improvement([1, 2, 3], [0, 1, 2]) == pytest.approx(7 / 9)
    assert probability_of_improvement([1, NAN, 3], [2, 0, 3], paired=True) == 0.25


@pytest.mark.parametrize("wins", [0, 3, 7, 10])
def test_the_interval_of_the_probability_of_pairs_is_that_of_wilson(wins):
    a = np.where(np.arange(10) < wins, 1.0, -1.0)
    # Wilson's formula in closed form, with the quantile of Student's t in the place of that of the normal distribution.
    z = stats.t.ppf(0.975, 9)
    middle, reach = wins / 10 + z**2 / 20, z * np.sqrt(wins / 10 * (1 - wins / 10) / 10 + z**2 / 400)
    expected = np.array([middle - reach, middle + reach]) / (1 + z**2 / 10)
    assert probability_interval(a, np.zeros(10), True) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("level", [0.5, 0.95])
def test_at_its_ends_the_probability_is_as_far_as_its_standard_error_there_allows(level):
    a, b = TEN, SEVEN
    found = probability_of_improvement(a, b)
    for t in probability_interval(a, b, level=level):
        # Newcombe 2006, method 5: Hanley & McNeil's variance with N* = (m + n) / 2, at t.
        variance = t * (1 - t) * (1 + (17 / 2 - 1) * ((1 - t) / (2 - t) + t / (1 + t))) / 70
        assert abs(t - found) / np.sqrt(variance) == pytest.approx(stats.t.ppf((1 + level) / 2, 15))


@pytest.mark.parametrize("paired", [False, True])
@pytest.mark.parametrize("n", [3, 5, 30])
def test_a_probability_never_has_a_point_for_an_interval(n, paired):
    low, high = probability_interval(np.arange(n) + 100.0, np.arange(n), paired)
    assert 0 < low < 1 - 1 / n and high == 1
    below, above = probability_interval(np.arange(n), np.arange(n) + 100.0, paired)
    assert (below, above) == pytest.approx((0, 1 - low), abs=1e-9)


def test_p_values_of_several_tests_are_adjusted_step_by_step():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])  # Holm 1979, worked by hand
    assert holm([0.5, 0.9, NAN]) == pytest.approx([1, 1, NAN], nan_ok=True)
    assert holm([]).shape == (0,)
    assert holm([0.02]) == pytest.approx([0.02])


@pytest.mark.parametrize(
    ("effect", "std", "expected"), [(0.8, 1, 26), (0.5, 1, 64), (-0.5, 1, 64), (0.2, 1, 394), (2, 4, 64)]
)
def test_the_runs_that_are_needed_are_those_of_the_tables(effect, std, expected):
    assert runs_needed(effect, std) == expected  # Cohen 1988, table 2.4.1 (power 0.8, two-sided 0.05)


def test_as_many_runs_as_are_needed_show_the_effect_and_one_less_does_not():
    for options in ({}, {"level": 0.9}, {"power": 0.95}, {"n_pairs": 15}):
        n = runs_needed(1.0, 1.0, **options)
        alpha = (1 - options.get("level", 0.95)) / options.get("n_pairs", 1)

        def power(n, alpha=alpha):
            shift, limit = np.sqrt(n / 2), stats.t.isf(alpha / 2, 2 * n - 2)
            return stats.nct.sf(limit, 2 * n - 2, shift) + stats.nct.cdf(-limit, 2 * n - 2, shift)

        assert power(n) >= options.get("power", 0.8) > power(n - 1)
    assert runs_needed(5.0, 0.0) == runs_needed(1e9, 1.0) == 3


def test_of_six_equal_simulations_of_five_runs_few_experiments_find_a_difference():
    rng, false = np.random.default_rng(5), 0
    for batch in rng.normal(size=(200, 6, 5)):
        p = [difference(a, b, statistic="iqm").p for a, b in combinations(batch, 2)]
        false += bool((holm(p) < 0.05).any())
    assert false <= 14  # 7 of 100


def test_samples_that_do_not_fit_are_refused():
    with pytest.raises(ParameterError, match="as many on both sides, not 2 and 3"):
        difference([1, 2], [1, 2, 3], paired=True)
    with pytest.raises(ParameterError, match="one value for each run"):
        probability_of_improvement([[1, 2]], [1, 2])
    with pytest.raises(ParameterError, match="paired must be True or False"):
        difference([1, 2], [1, 2], paired="yes")
    with pytest.raises(ParameterError, match="effect must not be 0"):
        runs_needed(0, 1)
