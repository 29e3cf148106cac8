"""Grid score, spacing and orientation of maps whose answers are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import rotate
from spatial_maps import field, hexagonal_grid, noise, square_lattice, stripes

from simmanager.agents import RandomAgent, Stachenfeld2018, Weber2018
from simmanager.analysis.autocorrelogram import spatial_autocorrelogram
from simmanager.analysis.grid_score import _Lags, best_grid_score, grid_properties, grid_score
from simmanager.base.errors import ParameterError

SPACINGS, ORIENTATIONS = st.floats(6, 14), st.floats(0, 59.9)


def turn(first, second):
    """Return the difference between two orientations of hexagonal grids, in degrees."""
    return abs((first - second + 30) % 60 - 30)


@settings(max_examples=25, deadline=None)
@given(SPACINGS, ORIENTATIONS, st.tuples(st.floats(0, 10), st.floats(0, 10)))
def test_a_perfect_grid_is_found_wherever_it_lies(spacing, orientation, phase):
    found = grid_properties(hexagonal_grid(40, spacing, orientation, phase))
    assert found.score > 1.2
    assert found.spacing == pytest.approx(spacing, abs=0.2)
    assert turn(found.orientation, orientation) < 1
    assert 0 <= found.orientation < 60
    assert found.inner < spacing < found.outer
    assert found.peaks.shape == (6, 2)


@pytest.mark.parametrize("orientation", [0, 10, 30, 45])
def test_a_square_lattice_is_no_hexagonal_grid(orientation):
    assert grid_score(square_lattice(orientation=orientation)) < -0.5


def test_stripes_and_one_field_are_no_hexagonal_grids():
    assert grid_score(stripes()) < 0.3
    assert grid_score(field()) < 0.3
    assert grid_score(field(centre=(10, 15))) < 0.3


def test_noise_has_grid_scores_around_zero():
    scores = [grid_score(noise(seed)) for seed in range(40)]
    assert abs(np.mean(scores)) < 0.25
    assert max(scores) < 1.2


def test_noise_on_a_grid_lowers_its_score():
    grid, disturbance = hexagonal_grid(), noise(5, smoothing=0.7) / noise(5, smoothing=0.7).std()
    scores = [grid_score(grid + amount * disturbance) for amount in (0, 1, 4)]
    assert scores[0] > scores[1] > scores[2]
    assert scores[1] > 1


def test_the_score_is_what_the_definition_says():
    correlogram = spatial_autocorrelogram(hexagonal_grid(30, 9, 20) + noise(1, 30))
    y, x = np.indices(correlogram.shape) - 29
    annulus = (np.hypot(x, y) >= 4) & (np.hypot(x, y) <= 14)
    turned = {
        angle: rotate(correlogram, angle, reshape=False, order=1, cval=np.nan) for angle in (30, 60, 90, 120, 150)
    }
    alike = {angle: np.corrcoef(correlogram[annulus], turned[angle][annulus])[0, 1] for angle in turned}
    expected = min(alike[60], alike[120]) - max(alike[30], alike[90], alike[150])
    assert grid_score(hexagonal_grid(30, 9, 20) + noise(1, 30), annulus=(4, 14)) == pytest.approx(expected, abs=1e-9)


def test_without_an_annulus_the_best_outer_radius_is_taken_beyond_the_central_peak():
    rates = hexagonal_grid(40, 10, 12)
    found = grid_properties(rates)
    assert found.inner == 4  # the mean around the centre crosses 0 at 0.33 spacings, between 3 and 4 bins
    assert grid_score(rates, annulus=(found.inner, found.outer)) == pytest.approx(found.score)
    others = [grid_score(rates, annulus=(4, outer)) for outer in range(8, 37)]
    assert max(others) == pytest.approx(found.score)


# What must not matter ------------------------------------------------------------------------------------------


@settings(max_examples=15, deadline=None)
@given(st.floats(1e-3, 1e3), st.floats(-100, 100), st.integers(0, 20))
def test_gain_and_added_constant_change_nothing(gain, constant, seed):
    rates = hexagonal_grid(24, 7, 3 * seed) + noise(seed, 24)
    before, after = grid_properties(rates), grid_properties(gain * rates + constant * gain)
    assert after.score == pytest.approx(before.score, abs=1e-6)
    assert after.spacing == pytest.approx(before.spacing, abs=1e-4)
    assert turn(after.orientation, before.orientation) < 1e-3


@settings(max_examples=15, deadline=None)
@given(SPACINGS, ORIENTATIONS)
def test_a_turned_or_mirrored_map_has_the_same_score_and_a_turned_or_mirrored_orientation(spacing, orientation):
    rates = hexagonal_grid(30, spacing, orientation)
    found, quarter, mirrored = (grid_properties(one) for one in (rates, np.rot90(rates), rates[:, ::-1]))
    for other in (quarter, mirrored):
        assert other.score == pytest.approx(found.score, abs=1e-9)
        assert other.spacing == pytest.approx(found.spacing, abs=1e-6)
    assert turn(quarter.orientation, found.orientation - 90) < 1e-3
    assert turn(mirrored.orientation, -found.orientation) < 1e-3


@settings(max_examples=10, deadline=None)
@given(SPACINGS, ORIENTATIONS)
def test_a_map_with_finer_bins_has_the_same_grid(spacing, orientation):
    coarse = grid_properties(hexagonal_grid(30, spacing, orientation))
    fine = grid_properties(hexagonal_grid(60, spacing, orientation, bin_size=(0.5, 0.5)), bin_size=0.5)
    assert fine.score == pytest.approx(coarse.score, abs=0.1)
    assert fine.spacing == pytest.approx(coarse.spacing, abs=0.2)


def test_the_unit_of_the_bins_is_the_unit_of_the_answer():
    rates = hexagonal_grid(40, 12, 17)
    bins, metres = grid_properties(rates), grid_properties(rates, bin_size=0.05)
    assert metres.score == pytest.approx(bins.score, abs=1e-12)
    assert (metres.spacing, metres.inner, metres.outer) == pytest.approx(
        (0.05 * bins.spacing, 0.05 * bins.inner, 0.05 * bins.outer)
    )
    assert metres.orientation == pytest.approx(bins.orientation)
    assert grid_score(rates, 0.05, annulus=(0.2, 0.7)) == pytest.approx(grid_score(rates, annulus=(4, 14)))


def test_bins_need_not_be_squares_nor_rooms():
    rates = hexagonal_grid(60, 12, 25, n_y=40, bin_size=(1.0, 2.0))  # 60 x 80
    found = grid_properties(rates, bin_size=(1.0, 2.0))
    assert found.score > 1.1
    assert found.spacing == pytest.approx(12, abs=0.5) and turn(found.orientation, 25) < 2
    assert grid_score(rates) < 0.5  # squashed, it is no grid


def test_places_that_were_not_visited_do_not_hide_a_grid():
    rates = hexagonal_grid(40, 10, 5)
    rates[np.random.default_rng(0).random(rates.shape) < 0.3] = np.nan
    rates[:, :6] = np.nan
    found = grid_properties(rates)
    assert found.score > 1.1
    assert found.spacing == pytest.approx(10, abs=0.3) and turn(found.orientation, 5) < 2


def test_the_orientation_is_counted_from_the_x_axis_towards_the_y_axis():
    first = grid_properties(hexagonal_grid(40, 10, 10)).peaks
    angles = np.degrees(np.arctan2(first[:, 1], first[:, 0])) % 360
    assert sorted(angles) == pytest.approx([10, 70, 130, 190, 250, 310], abs=1)


def test_the_spacing_of_a_squeezed_grid_is_the_median_of_its_distances():
    found = grid_properties(hexagonal_grid(40, 10, 10), bin_size=(1.0, 1.15))
    distances = np.hypot(*found.peaks.T)
    assert np.ptp(distances) > 0.5
    assert found.spacing == pytest.approx(np.median(distances))


@pytest.mark.parametrize("spacing", [6, 8, 10, 12, 14])
def test_an_orientation_along_the_axis_is_0_and_not_60(spacing):
    assert 0 <= grid_properties(hexagonal_grid(40, spacing, 0)).orientation < 60


def test_peaks_are_where_the_map_is_like_itself():
    for seed in range(5):
        rates = noise(seed, smoothing=0)
        correlogram = spatial_autocorrelogram(rates)
        columns, rows = np.rint(grid_properties(rates).peaks).astype(int).T + 39
        assert len(rows) == 6
        assert correlogram[rows, columns].min() > 0.05


@pytest.mark.parametrize(
    "rates",
    [np.ones((8, 8)), np.zeros((8, 8)), np.full((8, 8), np.nan), np.ones((1, 1)), np.eye(2), np.arange(30.0)[:, None]],
    ids=["constant", "zero", "never visited", "one bin", "four bins", "one column"],
)
def test_a_map_that_can_show_no_grid_is_nan_without_a_warning(rates):
    found = grid_properties(rates)
    assert np.isnan([found.score, found.spacing, found.orientation, grid_score(rates)]).all()
    assert found.peaks.shape[1:] == (2,)


@pytest.mark.parametrize("wrong", [(5, 5), (-1, 4), (3,), 4, (2, np.nan)])
def test_what_is_no_annulus_is_refused(wrong):
    with pytest.raises(ParameterError, match="radius"):
        grid_score(hexagonal_grid(), annulus=wrong)


def test_an_annulus_beyond_the_map_has_no_score():
    assert np.isnan(grid_score(hexagonal_grid(20, 6), annulus=(100, 200)))


# As a metric ---------------------------------------------------------------------------------------------------


class Cells:
    """An agent with maps, some of them constant."""

    def __init__(self, *maps, extent=None):
        self.arrays = {"maps:cells": np.array(maps), "walls:": np.zeros((1, 2, 2))}
        if extent is not None:
            self.arrays["extent:cells"] = extent

    def summary_arrays(self):
        return self.arrays


def test_the_best_grid_score_is_that_of_the_best_map():
    maps = [np.ones((40, 40)), hexagonal_grid(), square_lattice()]
    assert best_grid_score(Cells(*maps), None, {}) == grid_score(hexagonal_grid())
    assert np.isnan(best_grid_score(Cells(maps[0]), None, {}))


def test_the_extent_of_the_maps_says_how_large_bins_are():
    rates = hexagonal_grid(60, 12, 25, n_y=40, bin_size=(1.0, 2.0))
    cells = Cells(rates, extent=np.array([0, 6, -4, 4]))
    assert best_grid_score(cells, None, {}) == pytest.approx(grid_score(rates, bin_size=(1.0, 2.0)))


def test_our_models_have_a_grid_score():
    agents = (
        Stachenfeld2018(room_width=10, room_depth=10),
        Weber2018(Ne=20, Ni=10, resolution=12, rng=np.random.default_rng(1)),
    )
    for agent in agents:
        score = best_grid_score(agent, None, {})
        assert np.isnan(score) or -2 <= score <= 2


def test_an_agent_with_one_map_and_no_summary_has_a_grid_score():
    class OneCell:
        def get_rate_map_matrix(self):
            return hexagonal_grid()

    assert best_grid_score(OneCell(), None, {}) == grid_score(hexagonal_grid())


@pytest.mark.parametrize("agent", [RandomAgent(), object()])
def test_an_agent_without_maps_has_no_grid_score(agent):
    with pytest.raises(ParameterError, match="has no rate maps"):
        best_grid_score(agent, None, {})


def test_the_central_peak_ends_at_its_first_minimum():
    """As in Langston et al. 2010: the radius at which it stops falling, not the one after."""
    correlogram = np.full((21, 21), 0.2)
    y, x = np.indices(correlogram.shape) - 10
    ring = np.rint(np.hypot(x, y))
    for radius, value in enumerate([1.0, 0.8, 0.5, 0.3, 0.6]):
        correlogram[ring == radius] = value
    lags = _Lags(correlogram, np.array([1.0, 1.0]))
    assert lags.inner_radius() == 3
    correlogram[ring == 2] = -0.1
    assert _Lags(correlogram, np.array([1.0, 1.0])).inner_radius() == 2
