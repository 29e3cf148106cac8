"""A masked array and the same with NaN in place of what is masked give the same numbers, in every function."""

import numpy as np
import pytest

from simmanager import analysis
from simmanager.arenas import RecordedTrajectory

RNG = np.random.default_rng(5)
#: Two maps with a hexagonal pattern, large values beneath the mask, and the same with NaN.
Y, X = np.mgrid[0:30, 0:30] / 30
HOLES = RNG.random((30, 30)) < 0.1


def hexagonal(spacing):
    waves = (
        np.cos(4 * np.pi / np.sqrt(3) / spacing * (np.cos(a) * X + np.sin(a) * Y)) for a in np.radians([0, 60, 120])
    )
    return np.maximum(sum(waves), 0)


MAP = np.where(HOLES, np.nan, hexagonal(0.3))
MASKED_MAP = np.ma.array(np.where(HOLES, 1e6, hexagonal(0.3)), mask=HOLES)
VALUES = np.array([1.0, 2.5, np.nan, 4.0, 4.5, 7.0])
MASKED_VALUES = np.ma.array(np.where(np.isnan(VALUES), 1e9, VALUES), mask=np.isnan(VALUES))
OTHERS = VALUES[::-1] + 1
PATH = RNG.random((500, 2))
LOST = RNG.random(500) < 0.2
PATH_WITH_NAN = np.where(LOST[:, None], np.nan, PATH)
MASKED_PATH = np.ma.array(np.where(LOST[:, None], 0.01, PATH), mask=np.repeat(LOST[:, None], 2, axis=1))
SPIKES = RNG.poisson(1.0, 500)
CURVES = np.stack([VALUES, VALUES + 1])
MASKED_CURVES = np.ma.array(np.nan_to_num(CURVES, nan=-1e9), mask=np.isnan(CURVES))


@pytest.mark.parametrize(
    "name, with_nan, masked",
    [
        ("spatial_information", (MAP,), (MASKED_MAP,)),
        ("spatial_information", (np.abs(MAP), np.ones((30, 30))), (MASKED_MAP, np.ma.array(np.ones((30, 30))))),
        ("sparsity", (MAP,), (MASKED_MAP,)),
        ("border_score", (MAP,), (MASKED_MAP,)),
        ("spatial_autocorrelogram", (MAP,), (MASKED_MAP,)),
        ("grid_score", (MAP,), (MASKED_MAP,)),
        ("grid_properties", (MAP,), (MASKED_MAP,)),
        ("interquartile_mean", (VALUES,), (MASKED_VALUES,)),
        ("mean", (VALUES,), (MASKED_VALUES,)),
        ("median", (VALUES,), (MASKED_VALUES,)),
        ("confidence_interval", (VALUES,), (MASKED_VALUES,)),
        ("bootstrap_interval", (VALUES,), (MASKED_VALUES,)),
        ("difference", (VALUES, OTHERS), (MASKED_VALUES, OTHERS)),
        ("probability_of_improvement", (VALUES, OTHERS), (MASKED_VALUES, OTHERS)),
        ("probability_interval", (VALUES, OTHERS), (MASKED_VALUES, OTHERS)),
        ("holm", (VALUES / 10,), (MASKED_VALUES / 10,)),
        ("final_value", (CURVES,), (MASKED_CURVES,)),
        ("area_under_curve", (range(6), CURVES), (range(6), MASKED_CURVES)),
        ("iterations_to_threshold", (range(6), CURVES, 2.0), (range(6), MASKED_CURVES, 2.0)),
        ("iterations_to_threshold", (range(6), CURVES, 2.0), (range(6), list(MASKED_CURVES), 2.0)),
    ],
)
def test_a_function_sees_the_mask(name, with_nan, masked):
    function = getattr(analysis, name)
    expected, found = function(*with_nan), function(*masked)
    assert repr(found) == repr(expected)
    assert not np.ma.isMaskedArray(found)


@pytest.mark.parametrize("name", ["spikes", "rates"])
def test_a_rate_map_leaves_out_what_is_masked(name):
    limits = [[0, 1], [0, 1]]
    expected = analysis.rate_map(PATH_WITH_NAN, limits=limits, n_bins=5, dt_s=0.1, **{name: SPIKES})
    found = analysis.rate_map(MASKED_PATH, limits=limits, n_bins=5, dt_s=0.1, **{name: SPIKES})
    np.testing.assert_array_equal(found, expected)
    lost = np.ma.array(np.where(LOST, 10**6, SPIKES), mask=LOST)
    np.testing.assert_array_equal(analysis.rate_map(PATH, limits=limits, n_bins=5, dt_s=0.1, **{name: lost}), expected)


def test_a_recorded_path_has_gaps_where_it_is_masked():
    expected, found = RecordedTrajectory(positions=PATH_WITH_NAN), RecordedTrajectory(positions=MASKED_PATH)
    np.testing.assert_array_equal(found.positions, expected.positions)
    assert found.n_missing == expected.n_missing == LOST.sum()
