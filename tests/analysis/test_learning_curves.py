"""Single numbers from learning curves, whole, cut short and not finite."""

import numpy as np
import pytest
from scipy import stats

from simmanager.analysis.learning_curves import (
    area_under_curve,
    final_value,
    iterations_to_threshold,
    restricted_times,
)
from simmanager.base.errors import ParameterError

NAN, INF = np.nan, np.inf
ITERATIONS = [0, 10, 30]
CURVES = [[3.0, 2.0, 1.0], [3.0, 1.0, NAN], [NAN, NAN, NAN]]


def test_the_final_value_is_the_last_one_before_the_end():
    assert final_value(CURVES)[:2].tolist() == [1, 1]
    assert np.isnan(final_value(CURVES)[2])


def test_a_run_that_itself_ended_with_nan_keeps_it():
    found = final_value(CURVES, n_points=[3, 3, 0])
    assert found[0] == 1 and np.isnan(found[1:]).all()
    assert final_value(CURVES, n_points=[1, 2, 0])[:2].tolist() == [3, 1]


def test_the_mean_of_the_last_points_leaves_gaps_out_but_not_an_end_that_is_nan():
    curve = [9.0, 1.0, NAN, 3.0, 8.0]
    assert final_value([curve], last=2)[0] == (3 + 8) / 2
    assert final_value([curve], last=3)[0] == final_value([curve], last=0.75)[0] == (1 + 3 + 8) / 3
    assert final_value([curve], last=0.1)[0] == final_value([curve])[0] == 8
    assert final_value([curve], last=100)[0] == (9 + 1 + 3 + 8) / 4
    assert np.isnan(final_value([[1.0, NAN]], n_points=[2], last=2)).all()
    assert final_value([[1.0, INF]], last=2)[0] == INF and np.isnan(final_value([[-INF, INF]], last=2)).all()


@pytest.mark.parametrize("last", [0, -1, 1.0, 1.5, 0.0, NAN, True, "2", None])
def test_a_number_of_points_that_is_none_is_refused(last):
    with pytest.raises(ParameterError, match="last must be"):
        final_value(CURVES, last=last)


def test_the_area_is_that_of_trapezoids_over_iterations():
    assert area_under_curve(ITERATIONS, CURVES)[:2].tolist() == [25 + 30, 20]
    assert area_under_curve([0, 1, 2], [[1.0, INF, 1.0]])[0] == INF


def test_a_gap_is_bridged_and_a_single_point_has_no_area():
    areas = area_under_curve(ITERATIONS, [[3.0, NAN, 1.0], [NAN, 2.0, NAN], [NAN, NAN, NAN]])
    assert areas[0] == 60 and np.isnan(areas[1:]).all()


@pytest.mark.parametrize(
    ("threshold", "direction", "expected"), [(2, "below", [10, 10]), (3, "above", [0, 0]), (1.5, "below", [30, 10])]
)
def test_the_threshold_is_reached_at_the_first_value_at_or_beyond_it(threshold, direction, expected):
    found = iterations_to_threshold(ITERATIONS, CURVES, threshold, direction)
    assert found[:2].tolist() == expected and np.isnan(found[2])


def test_a_threshold_that_is_never_reached_is_nan():
    assert np.isnan(iterations_to_threshold(ITERATIONS, CURVES, 0)).all()
    assert iterations_to_threshold(ITERATIONS, [[-INF, 0, 0]], 0)[0] == 0


def test_no_runs_are_no_values():
    nothing = np.empty((0, 0))
    assert final_value(nothing).shape == area_under_curve([], nothing).shape == (0,)
    assert iterations_to_threshold([], nothing, 1.0).shape == (0,)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: final_value([1.0, 2.0]), "must have the shape"),
        (lambda: final_value(CURVES, n_points=[4, 0, 0]), "from 0 to 3"),
        (lambda: area_under_curve([0, 1], CURVES), "iterations must have the shape"),
        (lambda: iterations_to_threshold(ITERATIONS, CURVES, 1, "down"), "'below' or 'above', not 'down'"),
        (lambda: iterations_to_threshold(ITERATIONS, CURVES, NAN), "threshold must be a finite number"),
    ],
)
def test_what_does_not_fit_is_named(call, message):
    with pytest.raises(ParameterError, match=message):
        call()


def mean_by_kaplan_meier(times, ends, horizon):
    """Return the area under the survival curve up to the horizon."""
    data = stats.CensoredData(
        uncensored=times[~np.isnan(times)], right=np.where(np.isinf(ends), 1e9, ends)[np.isnan(times)]
    )
    survival = stats.ecdf(data).sf
    steps = survival.quantiles[survival.quantiles < horizon]
    edges = np.concatenate([[0.0], steps, [horizon]])
    return float(np.sum(np.diff(edges) * survival.evaluate(edges[:-1])))


@pytest.mark.parametrize("seed", range(20))
def test_the_mean_of_restricted_times_is_the_area_under_the_curve_of_kaplan_and_meier(seed):
    rng = np.random.default_rng(seed)
    groups = []
    for n in (5, 8):
        ends = rng.choice([40.0, 60.0, 100.0], n)
        times = np.round(rng.exponential(50, n), 1)
        times[times > ends] = NAN
        ends[(rng.random(n) < 0.2) & np.isnan(times)] = INF  # diverged
        groups.append((times, ends))
    restricted, horizon = restricted_times([times for times, _ in groups], [ends for _, ends in groups])
    for (times, ends), found in zip(groups, restricted, strict=True):
        assert found.mean() == pytest.approx(mean_by_kaplan_meier(times, ends, horizon))


def test_the_horizon_is_the_shortest_time_that_a_run_which_has_not_arrived_was_followed():
    restricted, horizon = restricted_times([[3, NAN, 9], [NAN, 5]], [[10, 7, 10], [8, 10]])
    assert horizon == 7 and [each.tolist() for each in restricted] == [[3, 7, 7], [7, 5]]
    restricted, horizon = restricted_times([[3.0, NAN]], [[10.0, INF]])
    assert horizon == 10 and restricted[0].tolist() == [3, 10], "one that diverged says nothing of how long to look"
    restricted, horizon = restricted_times([[3.0, 9.0]], [[10.0, 12.0]])
    assert horizon == 12 and restricted[0].tolist() == [3, 9]
    for nothing in (restricted_times([], []), restricted_times([[]], [[]]), restricted_times([[NAN]], [[INF]])):
        assert np.isnan(nothing[1])
    with pytest.raises(ParameterError, match="same shape"):
        restricted_times([[1.0]], [[1.0, 2.0]])
