"""Performance profile and optimality gap, against closed forms and scipy's empirical distribution."""

import numpy as np
import pytest
from scipy import stats

from simmanager.analysis import optimality_gap, performance_profile
from simmanager.base.errors import ParameterError

NAN, INF = np.nan, np.inf


@pytest.mark.parametrize("seed", range(5))
def test_a_profile_is_the_survival_function_of_the_scores(seed):
    rng = np.random.default_rng(seed)
    scores, thresholds = rng.integers(0, 9, 12).astype(float), np.linspace(-1, 10, 45)
    profile, low, high = performance_profile(scores, thresholds)
    assert profile == pytest.approx(stats.ecdf(scores).sf.evaluate(thresholds))
    assert (low <= profile + 1e-12).all() and (profile <= high + 1e-12).all()
    assert profile[0] == low[0] == high[0] == 1 and profile[-1] == 0


def test_a_run_without_a_score_is_above_no_threshold():
    profile, *_ = performance_profile([1.0, NAN, 3.0, INF], [-INF, 0.0, 1.0, 5.0])
    assert profile.tolist() == [0.75, 0.75, 0.5, 0.25]


def test_the_band_is_that_of_a_fraction():
    """Its width is that of the binomial distribution, which the bootstrap of a fraction is."""
    scores = np.repeat([0.0, 1.0], [30, 70])
    _, low, high = performance_profile(scores, [0.5], n_resamples=20_000)
    expected = stats.binom(100, 0.7).ppf([0.025, 0.975]) / 100
    assert [low[0], high[0]] == pytest.approx(expected, abs=0.011)


def test_strata_are_drawn_each_for_itself():
    scores = np.repeat([0.0, 1.0], 20)
    _, low, high = performance_profile(scores, [0.5], strata=scores)
    assert low[0] == high[0] == 0.5, "each stratum has the same scores throughout"


def test_two_runs_have_no_band_and_none_no_profile():
    profile, low, high = performance_profile([1.0, 2.0], [1.5])
    assert profile.tolist() == [0.5] and np.isnan([low[0], high[0]]).all()
    assert np.isnan(performance_profile([], [1.5])[0]).all()


@pytest.mark.parametrize(
    "scores, gamma, gap",
    [
        ([0.0, 0.5, 1.0, 2.0], 1.0, 0.375),
        ([0.0, 0.5, NAN], 1.0, 0.75),
        ([2.0, 3.0], 1.0, 0.0),
        ([-INF, 1.0], 1.0, INF),
        ([5.0], 7.0, 2.0),
    ],
)
def test_the_gap_is_what_runs_lack(scores, gamma, gap):
    assert optimality_gap(scores, gamma) == gap
    known = np.array(scores)[~np.isnan(scores)]
    assert gamma - np.minimum(known, gamma).mean() == pytest.approx(gap), "as rliable has it"


def test_without_a_score_there_is_no_gap():
    assert np.isnan(optimality_gap([])) and np.isnan(optimality_gap([NAN]))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: performance_profile([[1.0]], [1.0]),
        lambda: performance_profile([1.0], [[1.0]]),
        lambda: performance_profile([1.0], [NAN]),
        lambda: performance_profile([1.0, 2.0], [1.0], strata=[1]),
        lambda: performance_profile([1.0], [1.0], level=1.5),
        lambda: optimality_gap([1.0], NAN),
        lambda: optimality_gap([[1.0]]),
    ],
)
def test_what_is_not_allowed_is_refused(wrong):
    with pytest.raises(ParameterError):
        wrong()
