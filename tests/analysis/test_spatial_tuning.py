"""Spatial information, sparsity and border score of maps whose answers are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import gaussian_filter
from spatial_maps import field, noise

from simmanager.analysis.spatial_tuning import _coverage, _fields, border_score, sparsity, spatial_information
from simmanager.base.errors import ParameterError

rate_maps = arrays(np.float64, (5, 6), elements=st.floats(0, 1e3)).filter(lambda rates: rates.max() > 1)


def edge(depth, n=40):
    """Return a field along a whole wall, so many bins deep."""
    return np.repeat((np.arange(n) < depth).astype(float)[:, None], n, axis=1)


def score(coverage, rates, bin_x=1.0, bin_y=1.0):
    """Return what the definition says, for a field that is all above 0 and covers so much of a wall."""
    n_y, n_x = rates.shape
    distance = [
        min((x + 0.5) * bin_x, (n_x - x - 0.5) * bin_x, (y + 0.5) * bin_y, (n_y - y - 0.5) * bin_y)
        for y, x in np.argwhere(rates > 0)
    ]
    relative = np.average(distance, weights=rates[rates > 0]) / (min(n_x * bin_x, n_y * bin_y) / 2)
    return pytest.approx((coverage - relative) / (coverage + relative))


# Information ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_bins", [2, 8, 64])
def test_a_cell_that_fires_in_one_of_n_places_tells_log2_n_bits(n_bins):
    rates = np.zeros((1, n_bins))
    rates[0, 1] = 7
    assert spatial_information(rates) == pytest.approx(np.log2(n_bins))
    assert sparsity(rates) == pytest.approx(1 / n_bins)


def test_a_cell_that_fires_everywhere_tells_nothing():
    assert spatial_information(np.full((4, 5), 0.1)) == pytest.approx(0, abs=1e-12)
    assert sparsity(np.full((4, 5), 0.1)) == pytest.approx(1)
    assert spatial_information([[3.0]]) == 0


def test_a_place_cell_tells_more_than_noise_and_a_narrow_one_more_than_a_wide_one():
    rough = noise(0) - noise(0).min()
    assert spatial_information(field(width=2)) > spatial_information(field(width=5)) > spatial_information(rough)
    assert spatial_information(rough) < 0.3 and sparsity(rough) > 0.5


def test_information_weighs_places_by_the_time_spent_there():
    rates, time = np.array([[1.0, 3.0]]), np.array([[30.0, 10.0]])
    relative = np.array([1, 3]) / 1.5
    assert spatial_information(rates, time) == pytest.approx(np.sum([0.75, 0.25] * relative * np.log2(relative)))
    assert sparsity(rates, time) == pytest.approx(1.5**2 / (0.75 + 0.25 * 9))


def test_places_that_were_not_visited_do_not_count():
    rates = np.array([[1.0, 3.0, np.nan], [5.0, 9.0, np.nan]])
    assert spatial_information(rates) == spatial_information(rates[:, :2])
    time = np.array([[1.0, 1.0, 1.0], [1.0, 0.0, np.nan]])
    assert spatial_information(rates, time) == pytest.approx(spatial_information([[1.0, 3.0, 5.0]]))


@settings(max_examples=40, deadline=None)
@given(rate_maps, st.floats(1e-3, 1e3))
def test_information_does_not_depend_on_gain_or_on_how_the_room_is_turned(rates, gain):
    found, sparse = spatial_information(rates), sparsity(rates)
    assert 0 <= found <= np.log2(rates.size) + 1e-9
    assert 1 / rates.size - 1e-9 <= sparse <= 1 + 1e-9
    for other in (gain * rates, np.rot90(rates), rates[:, ::-1]):
        assert spatial_information(other) == pytest.approx(found, abs=1e-9)
        assert sparsity(other) == pytest.approx(sparse)


@pytest.mark.parametrize("rates", [np.zeros((3, 3)), np.full((3, 3), np.nan)])
def test_a_silent_cell_tells_nothing_that_has_a_value(rates):
    assert np.isnan(spatial_information(rates)) and np.isnan(sparsity(rates))
    assert np.isnan(spatial_information(np.ones((3, 3)), np.zeros((3, 3))))


def test_negative_rates_and_times_and_other_shapes_are_refused():
    with pytest.raises(ParameterError, match="must not be negative"):
        spatial_information([[1.0, -1.0]])
    with pytest.raises(ParameterError, match="must not be negative"):
        sparsity([[1.0, 1.0]], [[1.0, -1.0]])
    with pytest.raises(ParameterError, match=r"shape of the rate map, \(1, 2\), not \(2, 1\)"):
        spatial_information([[1.0, 1.0]], [[1.0], [1.0]])


# Borders -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_a_field_along_a_whole_wall_scores_by_its_depth(depth):
    for turns in range(4):
        assert border_score(np.rot90(edge(depth), turns)) == score(1, edge(depth))
    assert border_score(edge(1)) == pytest.approx(39 / 41)


def test_a_field_along_half_a_wall_scores_less():
    half = edge(2)
    half[:, 20:] = 0
    assert border_score(half) == score(0.5, half)


def test_a_field_in_the_middle_scores_minus_1():
    assert border_score(field()) == -1


def test_a_field_in_a_corner_scores_between():
    assert -0.5 < border_score(field(centre=(2, 2))) < 0.6


def test_only_one_field_covers_a_wall():
    apart = np.zeros((40, 40))
    apart[0, :15] = apart[0, 25:] = 1
    assert border_score(apart, smallest_field=0) == score(15 / 40, apart)


def test_fields_that_are_too_small_or_too_weak_do_not_count():
    speck = field(width=4)
    speck[0, :10] = 1
    assert border_score(speck) == -1
    assert border_score(speck, smallest_field=0) > -1
    weak = field(width=4) + 0.2 * edge(3)
    assert border_score(weak) == -1
    assert border_score(weak, threshold=0.1) > -0.5


def test_the_distance_is_weighted_by_the_rate():
    near = edge(10) * np.linspace(2, 1, 40)[:, None]
    assert border_score(near) == score(1, near)
    assert border_score(near) > border_score(edge(10))


def test_bins_need_not_be_squares():
    rates = edge(2, 20)  # 20 x 20 bins
    assert border_score(rates, bin_size=(1, 2)) == score(1, rates, 1, 2)  # 20 wide, 40 high
    assert border_score(rates.T, bin_size=(2, 1)) == border_score(rates, bin_size=(1, 2))
    assert border_score(rates, bin_size=0.05) == pytest.approx(border_score(rates))


def without_outer_bins(rates, depth=1):
    """Return a map as recordings have it: the animal was never quite at the wall."""
    inner = np.full_like(rates, np.nan)
    inner[depth:-depth, depth:-depth] = rates[depth:-depth, depth:-depth]
    return inner


def test_the_first_visited_bin_stands_for_a_wall_that_was_not_visited():
    full, seen = edge(4), without_outer_bins(edge(4))
    assert border_score(seen) == score(1, seen), "38 of 38 places that were visited"
    assert 0 < border_score(full) - border_score(seen) < 0.1
    holed = edge(2)
    holed[:2, 30:] = np.nan
    assert border_score(holed) == score(30 / 40, holed), "behind the hole it does not fire"
    holed[:, 30:] = np.nan
    assert border_score(holed) == score(1, holed), "places before which nothing was visited do not count"


def test_a_place_cell_is_no_border_cell_because_one_bin_at_a_wall_was_visited():
    full = field(centre=(20, 20))
    seen = without_outer_bins(full, 2)
    assert border_score(seen) == -1
    along = np.argmax(full[:, 20])
    seen[:along, 20] = full[along, 20]  # it fires along one way to the wall, the only one that was visited
    assert border_score(seen) < -0.5


def test_what_is_far_behind_a_wall_does_not_stand_for_it():
    rates = edge(12)
    rates[:9] = np.nan
    assert border_score(rates) < 0, "but for the two walls beside it, it covers none"
    assert border_score(rates, search_width=10) == score(1, rates)


@pytest.mark.parametrize("seed", range(10))
def test_coverage_is_what_a_walk_from_each_wall_finds(seed):
    rng = np.random.default_rng(seed)
    rates = gaussian_filter(rng.random((14, 11)), 2)
    rates = np.where(rng.random(rates.shape) < 0.3, np.nan, rates - rates.min())
    seen = ~np.isnan(rates)
    fields = _fields(rates, 0.3, 0.02)
    for inside in fields:
        best = 0.0
        for turned, there in ((np.rot90(inside, k), np.rot90(seen, k)) for k in range(4)):
            hits, places = 0, 0
            for column in range(turned.shape[1]):
                visited = [row for row in range(len(turned)) if there[row, column]]
                places += bool(visited)
                hits += bool(visited) and visited[0] < 3 and bool(turned[visited[0], column])
            best = max(best, hits / places)
        assert _coverage(inside, seen, 3) == pytest.approx(best)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 50), st.floats(1e-3, 1e3))
def test_a_border_score_does_not_depend_on_gain_or_on_how_the_room_is_turned(seed, gain):
    rates = noise(seed, 20) - noise(seed, 20).min()
    found = border_score(rates)
    assert -1 <= found <= 1
    for other in (gain * rates, np.rot90(rates), rates[::-1]):
        assert border_score(other) == pytest.approx(found)


@pytest.mark.parametrize(
    "rates",
    [np.ones((5, 5)), np.zeros((5, 5)), -np.ones((5, 5)), np.full((5, 5), np.nan), np.ones((1, 1)), -field()],
    ids=["constant", "silent", "negative", "never visited", "one bin", "below 0"],
)
def test_a_map_without_fields_has_no_border_score(rates):
    assert np.isnan(border_score(rates))


@pytest.mark.parametrize("wrong", [{"threshold": 1}, {"threshold": -0.1}, {"smallest_field": 2}, {"bin_size": 0}])
def test_what_is_out_of_range_is_refused(wrong):
    with pytest.raises(ParameterError, match=next(iter(wrong))):
        border_score(field(), **wrong)
