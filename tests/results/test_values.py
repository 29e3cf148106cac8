"""Curves of several runs on common iterations: nothing interpolated, nothing dropped without being counted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simmanager.disk.summary import MAX_POINTS, summarise
from simmanager.results.values import Map, MetricValues, Trajectory, align, together

NAN = float("nan")


def sampled(values):
    """Return a history as a summary keeps it."""
    curves = summarise({"x": values}).curves
    return curves["iterations:x"], curves["x"]


def test_curves_on_the_same_iterations_stay_as_they_are():
    iterations, values = align([([0, 5, 9], [1.0, 2.0, 3.0]), ([0, 5, 9], [4.0, NAN, float("inf")])])
    assert iterations.tolist() == [0, 5, 9]
    assert np.array_equal(values, [[1, 2, 3], [4, NAN, np.inf]], equal_nan=True)


def test_a_shorter_run_ends_where_it_ends():
    iterations, values = align([([0, 1, 2, 3], [1, 2, 3, 4]), ([0, 1], [8, 9])])
    assert iterations.tolist() == [0, 1, 2, 3]
    assert np.array_equal(values, [[1, 2, 3, 4], [8, 9, NAN, NAN]], equal_nan=True)


def test_where_a_run_was_not_sampled_it_has_its_value_of_the_nearest_iteration():
    iterations, values = align([([0, 4, 8], [10, 20, 30]), ([0, 1, 3, 6, 8], [1, 2, 3, 4, 5])])
    assert iterations.tolist() == [0, 1, 3, 4, 6, 8]
    assert values.tolist() == [
        [10, 10, 20, 20, 20, 30],
        [1, 2, 3, 3, 4, 5],
    ]  # at 6, as far from 4 as from 8: the earlier


def test_a_nan_or_an_infinity_does_not_spread_to_values_beside_it():
    _, values = align([([0, 10, 20], [1, NAN, 3]), (list(range(21)), [0] * 21)])
    assert np.isnan(values[0]).sum() == 10  # 6 to 15, to which 10 is nearest (5 is as near to 0)
    assert set(values[0][~np.isnan(values[0])]) == {1, 3}


def test_no_runs_and_runs_without_points_give_empty_arrays():
    iterations, values = align([])
    assert iterations.shape == (0,) and values.shape == (0, 0)
    iterations, values = align([([], []), ([], [])])
    assert iterations.shape == (0,) and values.shape == (2, 0)
    iterations, values = align([([], []), ([0, 1], [5, 6])])
    assert np.array_equal(values, [[NAN, NAN], [5, 6]], equal_nan=True)


lengths = st.lists(st.integers(0, 6000), min_size=1, max_size=5)


@given(lengths)
def test_runs_of_any_lengths_have_at_most_a_thousand_common_iterations_with_both_ends(sizes):
    iterations, values = align([sampled(np.arange(size)) for size in sizes])
    assert values.shape == (len(sizes), len(iterations))
    assert len(iterations) <= MAX_POINTS
    assert (np.diff(iterations) > 0).all()
    if max(sizes):
        assert (iterations[0], iterations[-1]) == (0, max(sizes) - 1)
    for size, row in zip(sizes, values, strict=True):
        if size:
            assert row[~np.isnan(row)][-1] == size - 1, "the final value is the last one, whatever the other lengths"


def test_more_ends_of_runs_than_points_are_all_kept():
    iterations, values = align([(np.arange(size), np.arange(size)) for size in range(1, 1200)])
    assert len(iterations) == 1199
    assert np.nanmax(values, axis=1).tolist() == list(range(1199))


@given(lengths)
def test_every_value_is_one_that_the_run_had_nearby(sizes):
    """The history is the iteration itself, so a value says where it comes from."""
    curves = [sampled(np.arange(size)) for size in sizes]
    iterations, values = align(curves)
    for size, (_, own), row in zip(sizes, curves, values, strict=True):
        there = ~np.isnan(row)
        assert np.array_equal(there, iterations < size)
        assert set(row[there]) <= set(own)
        step = max(size / MAX_POINTS, 1)
        assert (np.abs(row[there] - iterations[there]) <= step / 2 + 1).all()


def test_runs_that_are_shorter_or_not_finite_are_counted():
    runs = [(0, np.arange(3), [1.0, 2.0, 3.0]), (2, np.arange(2), [1.0, NAN]), (5, np.arange(2), [np.inf, 0.0])]
    curves = together("x", "sim", runs, reduction="", n_total=6, n_unreadable=1)
    assert curves.run_ids == (0, 2, 5)
    assert (curves.n_runs, curves.n_shorter, curves.n_not_finite, curves.n_unreadable) == (3, 2, 2, 1)
    assert curves.text == "3 of 6 runs"


def test_curves_are_told_in_a_line_however_many_points_they_have():
    curves = together("x", "sim", [(0, np.arange(300), np.arange(300.0))], reduction="", n_total=2, n_unreadable=0)
    assert repr(curves) == "<Curves 'x' of 'sim': 1 of 2 runs, 300 points>"


def test_maps_and_trajectories_are_told_in_a_line():
    assert repr(Map("rate", np.zeros((2, 3, 4)), (0, 1, 0, 1))) == "<Map 'rate': 2 maps of 4 x 3 bins>"
    trajectory = Trajectory(np.zeros((5, 2)), (0, 1, 0, 1), np.zeros((4, 2, 2)), np.arange(5))
    assert repr(trajectory) == "<Trajectory: 5 points, 4 walls>"


def test_an_end_after_which_there_is_nothing_is_no_nan_of_the_run_itself():
    runs = [(0, np.arange(3), [1.0, 2.0, 3.0]), (1, np.arange(1), [1.0])]
    assert together("x", "sim", runs, reduction="", n_total=2, n_unreadable=0).n_not_finite == 0


@pytest.mark.parametrize(("values", "n"), [([], 0), ([1.0], 0), ([NAN, 1.0, -np.inf], 2)])
def test_values_of_a_metric_that_are_not_finite_are_counted(values, n):
    found = MetricValues("m", "sim", tuple(range(len(values))), (None,) * len(values), np.array(values), 4)
    assert found.n_not_finite == n
    assert found.text == f"{len(values)} of 4 runs"
