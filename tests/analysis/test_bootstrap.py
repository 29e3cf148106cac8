"""Statistics over runs: against scipy, against the definitions, and where values are missing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from simmanager.analysis.bootstrap import (
    STATISTICS,
    bootstrap_interval,
    difference,
    interquartile_mean,
    mean,
    median,
    probability_interval,
    probability_of_improvement,
    statistic_of,
)
from simmanager.base.errors import ParameterError

NAN, INF = np.nan, np.inf
RNG = np.random.default_rng(20)
TEN, SEVEN = RNG.normal(size=10), RNG.normal(0.5, 2, size=7)

some_values = arrays(np.float64, st.integers(1, 30), elements=st.floats(-1e6, 1e6))


# Aggregates ----------------------------------------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(some_values)
def test_aggregates_are_those_of_numpy_and_scipy(values):
    assert mean(values) == pytest.approx(values.mean())
    assert median(values) == pytest.approx(np.median(values))
    assert interquartile_mean(values) == pytest.approx(stats.trim_mean(values, 0.25))


def test_the_interquartile_mean_drops_a_quarter_on_each_side():
    assert interquartile_mean([1000, 2, 4, -1000]) == 3
    assert interquartile_mean([1000, 2, 4]) == pytest.approx(1006 / 3)
    assert interquartile_mean([7]) == 7


@pytest.mark.parametrize("name", STATISTICS)
def test_aggregates_of_curves_are_taken_at_each_point(name):
    curves = RNG.normal(size=(9, 5))
    found = STATISTICS[name](curves)
    assert found.shape == (5,)
    assert found == pytest.approx([STATISTICS[name](curves[:, i]) for i in range(5)])
    assert STATISTICS[name](curves.T, axis=-1) == pytest.approx(found)


@pytest.mark.parametrize("name", STATISTICS)
def test_aggregates_leave_nan_out(name):
    function = STATISTICS[name]
    assert function([1.0, NAN, 2.0, 9.0, NAN, 4.0]) == function([1.0, 2.0, 9.0, 4.0])
    assert function([[1.0, NAN], [3.0, NAN]])[0] == 2
    assert np.isnan(function([[1.0, NAN], [3.0, NAN]])[1])
    assert np.isnan(function([]))


def test_infinities_count():
    assert mean([1, INF]) == INF
    assert np.isnan(mean([INF, -INF]))
    assert median([1, 2, INF]) == 2
    assert interquartile_mean([1, 2, 4, INF]) == 3


def test_a_statistic_is_a_name_or_a_function():
    assert statistic_of("iqm") is interquartile_mean
    assert statistic_of(np.std) is np.std
    with pytest.raises(ParameterError, match=r"No statistic 'meen'\. Did you mean 'mean'"):
        statistic_of("meen")


# Bootstrap -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [0.5, 0.95])
@pytest.mark.parametrize("statistic", [np.mean, np.median, np.std])
def test_without_strata_the_bootstrap_is_that_of_scipy(statistic, level):
    ours = bootstrap_interval(TEN, statistic, n_resamples=300, level=level, seed=4)
    theirs = stats.bootstrap(
        (TEN,),
        statistic,
        n_resamples=300,
        confidence_level=level,
        method="percentile",
        random_state=np.random.default_rng(4),
    ).confidence_interval
    assert ours == pytest.approx((theirs.low, theirs.high), rel=1e-12)


@pytest.mark.parametrize("paired", [False, True])
def test_the_bootstrap_of_a_difference_is_that_of_scipy(paired):
    a, b = TEN, (TEN[::-1] * 3 if paired else SEVEN)
    ours = difference(a, b, paired, "mean", n_resamples=300, seed=4)
    theirs = stats.bootstrap(
        (a, b),
        lambda x, y, axis: x.mean(axis) - y.mean(axis),
        n_resamples=300,
        paired=paired,
        vectorized=True,
        method="percentile",
        random_state=np.random.default_rng(4),
    ).confidence_interval
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), rel=1e-12)
    assert ours.value == pytest.approx(a.mean() - b.mean())


def test_the_bootstrap_is_that_of_its_seed():
    assert bootstrap_interval(TEN, "iqm", seed=1) == bootstrap_interval(TEN, "iqm", seed=1)
    assert bootstrap_interval(TEN, "iqm", seed=1) != bootstrap_interval(TEN, "iqm", seed=2)


def test_strata_are_resampled_each_on_its_own():
    values, tasks = np.array([0, 0, 0, 100, 100, 100.0]), np.array(list("aaabbb"))
    assert bootstrap_interval(values, "mean", strata=tasks) == (50, 50)
    low, high = bootstrap_interval(values, "mean")
    assert low < 25 and high > 75


def test_strata_in_any_order_are_resampled_within_themselves():
    values, tasks = np.array([1, 20, 2, 30, 3, 10.0]), np.array([0, 1, 0, 1, 0, 1])
    low, high = bootstrap_interval(values, np.min, strata=tasks)
    assert 1 <= low <= high <= 3  # always one of the first task
    low, high = bootstrap_interval(values, np.max, strata=tasks)
    assert 10 <= low <= high <= 30


def test_the_interval_of_curves_is_that_of_each_point_with_the_same_runs_drawn():
    curves = RNG.normal(size=(6, 4))
    low, high = bootstrap_interval(curves, "iqm", n_resamples=200, seed=3)
    each = [bootstrap_interval(curves[:, i], "iqm", n_resamples=200, seed=3) for i in range(4)]
    assert np.array_equal(np.column_stack((low, high)), each)


def test_the_interval_of_many_points_does_not_depend_on_how_many_are_resampled_at_once(monkeypatch):
    curves = RNG.normal(size=(5, 9))
    whole = bootstrap_interval(curves, "median", n_resamples=50)
    monkeypatch.setattr("simmanager.analysis.bootstrap._BLOCK", 5 * 50 * 2)
    assert np.array_equal(whole, bootstrap_interval(curves, "median", n_resamples=50))


def test_about_as_many_intervals_as_their_level_says_hold_the_truth():
    samples = np.random.default_rng(1).normal(size=(200, 40))
    intervals = [bootstrap_interval(sample, "mean", n_resamples=400, level=0.9) for sample in samples]
    covered = np.mean([low < 0 < high for low, high in intervals])
    assert 0.83 < covered < 0.96


@settings(max_examples=25, deadline=None)
@given(arrays(np.float64, st.integers(2, 12), elements=st.floats(-1e3, 1e3)), st.sampled_from(list(STATISTICS)))
def test_an_interval_lies_within_the_values_and_moves_and_grows_with_them(values, name):
    low, high = bootstrap_interval(values, name, n_resamples=50)
    assert values.min() - 1e-9 <= low <= high <= values.max() + 1e-9
    assert bootstrap_interval(4 * values + 100, name, n_resamples=50) == pytest.approx((4 * low + 100, 4 * high + 100))


def test_one_run_has_no_interval_and_no_warning():
    assert np.isnan(bootstrap_interval([1.0], "iqm")).all()
    assert np.isnan(bootstrap_interval([], "iqm")).all()
    assert np.isnan(bootstrap_interval([1.0, NAN, NAN], "mean")).all()


def test_where_only_one_curve_goes_on_there_is_no_interval():
    low, high = bootstrap_interval([[1.0, 2.0, NAN], [2.0, NAN, NAN], [3.0, 4.0, 5.0]], "mean")
    assert np.isnan(low).tolist() == np.isnan(high).tolist() == [False, False, True]
    assert 1 <= low[0] < high[0] <= 3 and 2 <= low[1] < high[1] <= 4


def test_an_infinite_value_makes_the_end_infinite_and_not_nan():
    assert bootstrap_interval([1.0, 2.0, 3.0, INF], "mean")[1] == INF
    assert bootstrap_interval([1.0, 2.0, 3.0, -INF], "mean")[0] == -INF
    low, high = bootstrap_interval([1.0] * 50 + [INF], "median")
    assert (low, high) == (1, 1)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"level": 1.0}, "level must be .* less than 1"),
        ({"n_resamples": 0}, "n_resamples must be at least 1"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"statistic": "mode"}, "No statistic 'mode'"),
        ({"strata": [1, 2]}, "one label for each of the 3 runs"),
        ({"values": np.ones((2, 2, 2))}, "must have the shape"),
    ],
)
def test_what_a_bootstrap_cannot_take_is_named(wrong, message):
    with pytest.raises(ParameterError, match=message):
        bootstrap_interval(**{"values": [1.0, 2.0, 3.0], **wrong})


# Two simulations -----------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("paired", [False, True])
def test_the_interval_of_the_probability_is_that_of_the_resampled_runs(paired):
    a, b = TEN[:7], SEVEN
    rng = np.random.default_rng(9)
    drawn = rng.integers(0, 7, (200, 7))
    partners = drawn if paired else rng.integers(0, 7, (200, 7))
    each = [probability_of_improvement(a[i], b[j], paired) for i, j in zip(drawn, partners, strict=True)]
    expected = np.quantile(each, [0.025, 0.975])
    assert probability_interval(a, b, paired, n_resamples=200, seed=9) == pytest.approx(expected)


def test_pairs_that_differ_by_a_constant_have_no_uncertainty():
    found = difference(TEN + 2, TEN, True, "iqm")
    assert found == pytest.approx((2, 2, 2))
    alone = difference(TEN + 2, TEN, False, "iqm")
    assert alone.value == pytest.approx(2) and alone.low < 1.7 and alone.high > 2.3


def test_a_difference_turns_its_sign_with_the_order():
    assert difference(TEN, SEVEN, statistic="median").value == -difference(SEVEN, TEN, statistic="median").value


def test_too_few_runs_have_a_difference_but_no_interval():
    found = difference([3.0], [1.0, 2.0])
    assert found.value == 1.5 and np.isnan([found.low, found.high]).all()
    assert np.isnan(difference([NAN], [1.0])).all()
    assert np.isnan(probability_interval([3.0], [1.0, 2.0])).all()
    assert np.isnan(difference([INF, INF], [INF, 1.0]).value)


def test_samples_that_do_not_fit_are_refused():
    with pytest.raises(ParameterError, match="as many on both sides, not 2 and 3"):
        difference([1, 2], [1, 2, 3], paired=True)
    with pytest.raises(ParameterError, match="one value for each run"):
        probability_of_improvement([[1, 2]], [1, 2])
    with pytest.raises(ParameterError, match="paired must be True or False"):
        difference([1, 2], [1, 2], paired="yes")
