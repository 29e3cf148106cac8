"""Occupancy and rate maps from trajectories."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spatial_maps import hexagonal_grid

from simmanager.analysis.grid_score import grid_properties
from simmanager.analysis.rate_maps import occupancy, rate_map
from simmanager.base.errors import ParameterError

SQUARE = [[0, 1], [0, 1]]
#: One sample in three of the four bins of a square, two in the last; rows are y, from below.
POSITIONS = [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.6, 0.6]]


def walk(n=2000, seed=0):
    """Return positions spread over a room of 2 m x 1 m."""
    return np.random.default_rng(seed).uniform((-1, 0), (1, 1), (n, 2))


def test_occupancy_is_time_in_each_bin_y_first():
    assert occupancy(POSITIONS, 2, SQUARE).tolist() == [[1, 1], [0, 2]]
    assert occupancy(POSITIONS, 2, SQUARE, dt_s=0.2) == pytest.approx(np.array([[0.2, 0.2], [0, 0.4]]))
    assert occupancy(POSITIONS, (4, 1), SQUARE).tolist() == [[1, 0, 1, 2]]


def test_limits_are_pairs_or_an_extent():
    assert np.array_equal(occupancy(walk(), (4, 3), [[-1, 1], [0, 1]]), occupancy(walk(), (4, 3), (-1, 1, 0, 1)))


def test_positions_elsewhere_do_not_count_and_those_on_the_border_do():
    assert occupancy([[0, 0], [1, 1], [1.01, 0.5], [np.nan, 0.5], [0.5, np.inf]], 2, SQUARE).sum() == 2


def test_a_rate_map_is_the_mean_rate_in_each_visited_bin():
    found = rate_map(POSITIONS, 2, SQUARE, rates=[1, 2, 3, 5])
    assert found[0].tolist() == [1, 2] and found[1, 1] == 4
    assert np.isnan(found[1, 0])
    assert np.array_equal(found, rate_map(POSITIONS, 2, SQUARE, rates=[1, 2, 3, 5], dt_s=0.1), equal_nan=True)


def test_spikes_are_divided_by_the_time():
    found = rate_map(POSITIONS, 2, SQUARE, spikes=[1, 0, 3, 0], dt_s=0.1)
    assert found[0].tolist() == [10, 0] and found[1, 1] == pytest.approx(15)


def test_samples_whose_rate_is_unknown_do_not_count():
    found = rate_map(POSITIONS, 2, SQUARE, rates=[1, np.nan, 3, np.inf])
    assert found[0, 0] == 1 and found[1, 1] == 3
    assert np.isnan([found[0, 1], found[1, 0]]).all()


def test_nothing_visited_is_a_map_of_nan():
    assert np.isnan(rate_map(np.empty((0, 2)), 3, SQUARE, rates=[], smoothing_m=0.1)).all()


@settings(max_examples=20, deadline=None)
@given(st.floats(0, 0.5), st.integers(1, 12), st.floats(-5, 5))
def test_smoothing_leaves_a_constant_rate_constant_and_bins_that_were_not_visited_empty(smoothing, n_bins, rate):
    positions = walk(60)
    found = rate_map(positions, n_bins, (-1, 1, 0, 1), rates=np.full(60, rate), smoothing_m=smoothing)
    visited = occupancy(positions, n_bins, (-1, 1, 0, 1)) > 0
    assert np.array_equal(np.isfinite(found), visited)
    assert found[visited] == pytest.approx(rate)


def test_smoothing_is_in_metres_whatever_the_bins():
    positions = walk(200_000)
    rates = np.exp(-(positions[:, 0] ** 2 + (positions[:, 1] - 0.5) ** 2) / (2 * 0.1**2))
    smooth = rate_map(positions, (40, 40), (-1, 1, 0, 1), rates=rates, smoothing_m=0.1)  # bins of 5 cm x 2.5 cm
    along_x, along_y = smooth[20], smooth[:, 20]
    width_x = 0.05 * along_x.sum() / along_x.max()
    width_y = 0.025 * along_y.sum() / along_y.max()
    assert width_x == pytest.approx(np.sqrt(2 * np.pi) * 0.1 * np.sqrt(2), rel=0.1)  # widths add in quadrature
    assert width_y == pytest.approx(width_x, rel=0.1)


def test_the_smoothed_rate_is_the_mean_over_samples_weighted_by_their_distance():
    x = np.array([0.05, 0.15, 0.15, 0.45])  # in bins 0, 1, 1 and 4 of 10
    rates = np.array([1.0, 2.0, 4.0, 9.0])
    found = rate_map(np.column_stack((x, np.full(4, 0.5))), (10, 1), SQUARE, rates=rates, smoothing_m=0.1)
    bins = np.array([0, 1, 1, 4])
    for place in (0, 1, 4):
        weights = np.exp(-((bins - place) ** 2) / 2)
        assert found[0, place] == pytest.approx(np.average(rates, weights=weights), rel=1e-3)


def test_a_grid_cell_is_recovered_from_spikes_on_a_walk():
    rng = np.random.default_rng(4)
    positions = rng.uniform(0, 40, (60_000, 2))
    rates = hexagonal_grid(41, 10, 20)[np.rint(positions[:, 1]).astype(int), np.rint(positions[:, 0]).astype(int)]
    cell = rate_map(positions, 40, (0, 40, 0, 40), spikes=rng.poisson(rates * 0.2), dt_s=0.2, smoothing_m=1.5)
    found = grid_properties(cell)
    assert found.score > 1
    assert found.spacing == pytest.approx(10, abs=0.5)
    assert found.orientation == pytest.approx(20, abs=3)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({}, "either rates or spikes"),
        ({"rates": [1] * 4, "spikes": [1] * 4}, "either rates or spikes"),
        ({"rates": [1, 2]}, "rates must have the shape \\(4,\\)"),
        ({"spikes": np.ones((4, 1))}, "spikes must have the shape"),
        ({"rates": [1] * 4, "positions": [1, 2, 3]}, "positions must have the shape"),
        ({"rates": [1] * 4, "n_bins": 0}, "n_bins must be at least 1"),
        ({"rates": [1] * 4, "n_bins": 2.5}, "n_bins must be a whole number"),
        ({"rates": [1] * 4, "n_bins": (1, 2, 3)}, "n_bins one number or two"),
        ({"rates": [1] * 4, "limits": [0, 1]}, "limits must be"),
        ({"rates": [1] * 4, "limits": [[0, 1], [1, 1]]}, "upper limit of y must be .*greater than 1"),
        ({"rates": [1] * 4, "smoothing_m": -1}, "smoothing_m must be at least 0"),
        ({"rates": [1] * 4, "dt_s": 0}, "dt_s must be greater than 0"),
    ],
)
def test_what_does_not_fit_is_named(wrong, message):
    with pytest.raises(ParameterError, match=message):
        rate_map(**{"positions": POSITIONS, "n_bins": 2, "limits": SQUARE, **wrong})
