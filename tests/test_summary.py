"""summary.npz: scalar curves of at most 1,000 points, read without pickle."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simmanager.summary import ITERATIONS, MAX_POINTS, summarise, write_summary


def test_a_short_curve_is_kept_whole():
    curves = summarise({"reward": [1, 2, 4]})
    assert curves["reward"].tolist() == [1, 2, 4]
    assert curves[ITERATIONS + "reward"].tolist() == [0, 1, 2]


def test_a_long_curve_keeps_a_thousand_points_with_both_ends():
    curves = summarise({"x": np.arange(100_000)})
    assert len(curves["x"]) == MAX_POINTS
    assert curves["x"][0] == 0
    assert curves["x"][-1] == 99_999
    assert np.array_equal(curves["x"], curves[ITERATIONS + "x"])
    assert np.ptp(np.diff(curves["x"])) <= 1


@given(st.integers(0, 5000))
def test_a_curve_of_any_length_has_at_most_a_thousand_ascending_points(length):
    curves = summarise({"x": np.arange(length)})
    assert len(curves["x"]) == min(length, MAX_POINTS)
    assert (np.diff(curves[ITERATIONS + "x"]) > 0).all()


def test_arrays_become_their_mean_absolute_value():
    assert summarise({"td": np.array([[1.0, -3.0], [0.0, 0.5]])})["td"].tolist() == [2.0, 0.25]
    assert summarise({"m": [np.full((2, 2), -2.0)]})["m"].tolist() == [2.0]


def test_scalars_keep_their_sign():
    assert summarise({"x": [-1.0, 2.0]})["x"].tolist() == [-1.0, 2.0]


def test_flags_and_complex_numbers_become_floats():
    assert summarise({"hit": [True, False]})["hit"].tolist() == [1.0, 0.0]
    assert summarise({"z": [3 + 4j]})["z"].tolist() == [5.0]


@pytest.mark.parametrize(
    "values",
    [["a", "b"], [None, 1], [[1, 2], [3]], 5, None, [{"a": 1}], {"a": 1, "b": 2}, object(), iter([1]), np.array(3.0)],
    ids=repr,
)
def test_what_is_no_curve_is_left_out(values):
    assert list(summarise({"odd": values, "x": [1.0]})) == ["x", ITERATIONS + "x"]


@pytest.mark.parametrize("key", [5, None, ("a", "b"), "a/b", "../x", "\udc80", "a\x00b", "k" * 70_000])
def test_keys_that_cannot_be_names_in_an_archive_are_left_out(key):
    assert summarise({key: [1.0]}) == {}


@pytest.mark.parametrize("key", ["file", "allow_pickle", "arr_0", ITERATIONS + "x", "with space", "a.b", "ü"])
def test_no_key_of_a_history_can_spoil_the_file(key, tmp_path):
    write_summary(tmp_path / "s.npz", {"x": [3.0], key: [1.0, 2.0]})
    with np.load(tmp_path / "s.npz", allow_pickle=False) as saved:
        assert saved["x"].tolist() == [3.0]
        assert saved[ITERATIONS + "x"].tolist() == [0]


def test_a_summary_is_read_without_pickle(tmp_path):
    write_summary(tmp_path / "s.npz", {"x": [1.0, 2.0], "names": ["a", "b"]})
    with np.load(tmp_path / "s.npz", allow_pickle=False) as saved:
        assert set(saved.files) == {"x", ITERATIONS + "x"}
        assert all(saved[name].dtype != object for name in saved.files)


def test_an_empty_history_has_an_empty_summary(tmp_path):
    write_summary(tmp_path / "s.npz", {})
    with np.load(tmp_path / "s.npz", allow_pickle=False) as saved:
        assert saved.files == []
