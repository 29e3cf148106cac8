"""Confidence intervals over few runs: against scipy and the closed forms, and how often they hold the truth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from simmanager.analysis.bootstrap import bootstrap_interval
from simmanager.analysis.intervals import confidence_interval
from simmanager.base.errors import ParameterError

NAN, INF = np.nan, np.inf
RNG = np.random.default_rng(21)


@pytest.mark.parametrize("n", [3, 5, 10, 20])
@pytest.mark.parametrize("level", [0.5, 0.95])
def test_the_interval_of_the_mean_is_that_of_students_t(n, level):
    values = RNG.normal(3, 2, n)
    expected = stats.t.interval(level, n - 1, values.mean(), stats.sem(values))
    assert confidence_interval(values, "mean", level) == pytest.approx(expected)


@pytest.mark.parametrize("n", [3, 4, 5, 7, 8, 10, 20])
def test_the_interval_of_the_interquartile_mean_is_that_of_tukey_and_mclaughlin(n):
    values = RNG.lognormal(size=n)
    winsorised = np.sort(stats.mstats.winsorize(values, (0.25, 0.25)).data)
    h = n - 2 * (n // 4)
    error = winsorised.std(ddof=1) * np.sqrt(n - 1) / np.sqrt(h * (h - 1))
    expected = stats.t.interval(0.95, h - 1, stats.trim_mean(values, 0.25), error)
    assert confidence_interval(values, "iqm") == pytest.approx(expected)


@pytest.mark.parametrize("n", [3, 5, 10, 21])
def test_the_interval_of_the_median_is_that_of_bonett_and_price(n):
    values = np.sort(RNG.normal(size=n))
    c = max(round((n + 1) / 2 - np.sqrt(n)), 1)
    outside = stats.binom.cdf(c - 1, n, 0.5)  # of each side
    error = (values[n - c] - values[c - 1]) / (2 * stats.norm.isf(outside))
    expected = stats.t.interval(0.95, n - 1, np.median(values), error)
    assert confidence_interval(values, "median") == pytest.approx(expected)


@pytest.mark.parametrize("statistic", ["mean", "median", "iqm"])
@pytest.mark.parametrize("values", [[], [1.0], [1.0, 2.0], [1.0, 2.0, NAN], [1.0, INF, INF], [INF, -INF, INF, -INF]])
def test_without_three_runs_or_a_finite_statistic_there_is_no_interval_and_no_warning(values, statistic):
    assert np.isnan(confidence_interval(values, statistic)).all()


def test_an_infinite_run_that_the_interquartile_mean_leaves_out_counts_as_its_neighbour():
    assert confidence_interval([1.0, 2.0, 3.0, INF], "iqm") == confidence_interval([2.0, 2.0, 3.0, 3.0], "iqm")
    assert np.isnan(confidence_interval([1.0, 2.0, 3.0, INF], "mean")).all()


@settings(max_examples=25, deadline=None)
@given(
    arrays(np.float64, (6, 4), elements=st.one_of(st.floats(-1e3, 1e3), st.just(NAN))),
    st.sampled_from(["mean", "median", "iqm"]),
)
def test_the_interval_of_curves_is_that_of_each_point_of_the_runs_that_have_one(curves, statistic):
    low, high = confidence_interval(curves, statistic)
    each = [confidence_interval(column[~np.isnan(column)], statistic) for column in curves.T]
    assert np.column_stack((low, high)) == pytest.approx(np.array(each), nan_ok=True)


def test_runs_that_are_all_alike_have_a_point():
    assert confidence_interval([2.0, 2.0, 2.0], "iqm") == (2, 2)


def test_of_a_function_or_on_request_it_is_the_bootstrap():
    values = RNG.normal(size=6)
    assert confidence_interval(values, np.std) == bootstrap_interval(values, np.std)
    options = {"n_resamples": 50, "seed": 3, "level": 0.5}
    assert confidence_interval(values, "iqm", method="bootstrap", **options) == bootstrap_interval(
        values, "iqm", **options
    )


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"level": 1.0}, "level must be .* less than 1"),
        ({"method": "bayes"}, "No method 'bayes'"),
        ({"statistic": "mode"}, "No statistic 'mode'"),
        ({"values": np.ones((2, 2, 2))}, "must have the shape"),
    ],
)
def test_what_an_interval_cannot_take_is_named(wrong, message):
    with pytest.raises(ParameterError, match=message):
        confidence_interval(**{"values": [1.0, 2.0, 3.0], **wrong})


#: Of how many in 100 intervals at level 0.95 hold the truth: what t intervals are known for on these distributions.
LEAST = {"mean": 93, "iqm": 91, "median": 93}


@pytest.mark.parametrize("n", [3, 5, 10, 20])
@pytest.mark.parametrize("statistic", LEAST)
def test_of_few_runs_too_the_interval_holds_the_truth_as_often_as_it_says(statistic, n):
    for draw in (lambda rng, shape: rng.normal(size=shape), lambda rng, shape: rng.random(shape) - 0.5):
        samples = draw(np.random.default_rng(3), (n, 8000))
        low, high = confidence_interval(samples, statistic)
        held = 100 * float(((low <= 0) & (high >= 0)).mean())
        assert LEAST[statistic] - 1 <= held <= 99.5
