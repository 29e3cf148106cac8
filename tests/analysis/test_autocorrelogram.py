"""The spatial autocorrelogram, against the definition written as a loop, and where it is undefined."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spatial_maps import field, hexagonal_grid, noise

from simmanager.analysis.arrays import check_bin_size
from simmanager.analysis.autocorrelogram import spatial_autocorrelogram
from simmanager.base.errors import ParameterError

RNG = np.random.default_rng(3)


def by_definition(rates, min_overlap=20):
    """Correlate the overlapping bins of the map and the shifted map, lag by lag."""
    n_y, n_x = rates.shape
    found = np.full((2 * n_y - 1, 2 * n_x - 1), np.nan)
    for dy in range(1 - n_y, n_y):
        for dx in range(1 - n_x, n_x):
            here = rates[max(dy, 0) : n_y + min(dy, 0), max(dx, 0) : n_x + min(dx, 0)]
            there = rates[max(-dy, 0) : n_y + min(-dy, 0), max(-dx, 0) : n_x + min(-dx, 0)]
            both = np.isfinite(here) & np.isfinite(there)
            if both.sum() >= min_overlap:
                found[dy + n_y - 1, dx + n_x - 1] = np.corrcoef(here[both], there[both])[0, 1]
    return found


def holes(rates, fraction, seed=0):
    """Return a map with some bins that were not visited."""
    return np.where(np.random.default_rng(seed).random(rates.shape) < fraction, np.nan, rates)


@pytest.mark.parametrize(
    "rates",
    [
        RNG.random((9, 13)),
        RNG.random((14, 8)),
        holes(RNG.random((12, 11)), 0.25),
        holes(hexagonal_grid(15, 5) + 1000, 0.1),
    ],
    ids=["wide", "high", "with holes", "grid with holes"],
)
def test_it_is_what_the_definition_says(rates):
    found, expected = spatial_autocorrelogram(rates), by_definition(rates)
    assert np.array_equal(np.isnan(found), np.isnan(expected))
    assert np.nanmax(np.abs(found - expected)) < 1e-9


@pytest.mark.parametrize("min_overlap", [2, 5, 60])
def test_lags_with_fewer_overlapping_bins_than_asked_for_are_nan(min_overlap):
    rates = holes(RNG.random((9, 10)), 0.2)
    found, expected = spatial_autocorrelogram(rates, min_overlap), by_definition(rates, min_overlap)
    assert np.array_equal(np.isnan(found), np.isnan(expected)) and 0 < np.isnan(found).mean() < 1


def test_it_is_1_without_a_shift_and_the_same_in_opposite_directions():
    found = spatial_autocorrelogram(holes(noise(1), 0.3))
    assert found.shape == (79, 79)
    assert found[39, 39] == pytest.approx(1, abs=1e-12)
    assert np.nanmax(np.abs(found)) <= 1
    assert np.allclose(found, found[::-1, ::-1], equal_nan=True)


@settings(max_examples=20, deadline=None)
@given(st.floats(1e-6, 1e6), st.floats(-1e3, 1e3), st.integers(0, 5))
def test_gain_and_added_constant_change_nothing(gain, constant, seed):
    rates = holes(noise(seed, 14), 0.1, seed)
    scale = np.nanstd(rates) * gain
    expected = spatial_autocorrelogram(rates)
    assert np.allclose(spatial_autocorrelogram(gain * rates + constant * scale), expected, atol=1e-7, equal_nan=True)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 100))
def test_a_map_turned_or_mirrored_has_its_autocorrelogram_turned_or_mirrored(seed):
    rates = holes(noise(seed, 12), 0.1, seed)
    found = spatial_autocorrelogram(rates)
    for change in (np.rot90, np.fliplr, np.transpose):
        assert np.allclose(spatial_autocorrelogram(change(rates)), change(found), atol=1e-9, equal_nan=True)


def test_where_a_part_of_the_map_is_flat_there_is_no_correlation():
    found = spatial_autocorrelogram(field(30, (8, 8), 2))
    assert np.isnan(found[29, 29 + 25]) and np.isfinite(found[29, 29 + 5])
    assert np.isnan(found[29, 29 + 18])  # five standard deviations from the middle: rounding would decide
    step = np.zeros((10, 10))
    step[:, :3] = 1
    assert np.isnan(spatial_autocorrelogram(step)[9, 9 + 5])


@pytest.mark.parametrize(
    "rates",
    [np.zeros((6, 7)), np.full((6, 7), 0.1), np.full((6, 7), np.nan), np.ones((1, 1)), np.full((6, 7), np.inf)],
    ids=["zero", "constant", "never visited", "one bin", "infinite"],
)
def test_a_map_without_any_difference_has_no_correlation_and_no_warning(rates):
    found = spatial_autocorrelogram(rates)
    assert found.shape == (2 * rates.shape[0] - 1, 2 * rates.shape[1] - 1)
    assert np.isnan(found).all()


def test_extreme_numbers_do_not_overflow():
    expected = spatial_autocorrelogram(noise(2, 12))
    assert np.allclose(spatial_autocorrelogram(noise(2, 12) * 1e300), expected, equal_nan=True)
    assert np.allclose(spatial_autocorrelogram(noise(2, 12) * 1e-300), expected, equal_nan=True)


@pytest.mark.parametrize("wrong", [np.ones(5), np.ones((2, 2, 2)), np.ones((0, 4)), [["a"]], [[1j]]])
def test_what_is_no_map_is_refused(wrong):
    with pytest.raises(ParameterError, match="rate map must"):
        spatial_autocorrelogram(wrong)


def test_an_overlap_of_one_bin_is_refused():
    with pytest.raises(ParameterError, match="min_overlap must be at least 2"):
        spatial_autocorrelogram(np.ones((5, 5)), 1)


def test_sizes_of_bins_are_given_as_x_and_y():
    assert check_bin_size((0.1, 0.2)).tolist() == [0.2, 0.1]
    assert check_bin_size(3).tolist() == [3, 3]
    for wrong in (0, (1, -1), (1, 2, 3), np.nan):
        with pytest.raises(ParameterError, match="bin_size must be"):
            check_bin_size(wrong)
