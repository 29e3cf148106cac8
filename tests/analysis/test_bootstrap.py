"""Bootstrap intervals: against scipy, of strata, of curves, and where there are few runs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from simmanager.analysis.aggregates import STATISTICS
from simmanager.analysis.bootstrap import bootstrap_interval
from simmanager.analysis.differences import difference
from simmanager.base.errors import ParameterError

NAN, INF = np.nan, np.inf
RNG = np.random.default_rng(20)
TEN, SEVEN = RNG.normal(size=10), RNG.normal(0.5, 2, size=7)


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
    ours = difference(a, b, paired, "mean", method="bootstrap", n_resamples=300, seed=4)
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
@given(arrays(np.float64, st.integers(3, 12), elements=st.floats(-1e3, 1e3)), st.sampled_from(list(STATISTICS)))
def test_an_interval_lies_within_the_values_and_moves_and_grows_with_them(values, name):
    low, high = bootstrap_interval(values, name, n_resamples=50)
    assert values.min() - 1e-9 <= low <= high <= values.max() + 1e-9
    assert bootstrap_interval(4 * values + 100, name, n_resamples=50) == pytest.approx((4 * low + 100, 4 * high + 100))


def test_fewer_than_three_runs_have_no_interval_and_no_warning():
    assert np.isnan(bootstrap_interval([1.0], "iqm")).all()
    assert np.isnan(bootstrap_interval([1.0, 2.0], "iqm")).all()
    assert np.isnan(bootstrap_interval([], "iqm")).all()
    assert np.isnan(bootstrap_interval([1.0, NAN, NAN], "mean")).all()


def test_where_only_two_curves_go_on_there_is_no_interval():
    low, high = bootstrap_interval([[1.0, 2.0, NAN], [2.0, 3.0, NAN], [3.0, 4.0, 5.0], [2.0, NAN, 4.0]], "mean")
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
