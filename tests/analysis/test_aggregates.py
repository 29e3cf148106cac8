"""Statistics over runs: against numpy and scipy, against the definitions, and where values are missing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from simmanager.analysis.aggregates import STATISTICS, interquartile_mean, mean, median, statistic_of
from simmanager.base.errors import ParameterError

NAN, INF = np.nan, np.inf
RNG = np.random.default_rng(20)

some_values = arrays(np.float64, st.integers(1, 30), elements=st.floats(-1e6, 1e6))


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
