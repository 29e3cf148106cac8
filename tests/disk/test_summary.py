"""summary.npz: scalar curves of at most 1,000 points, read without pickle."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toys import case_name

from simmanager.base.errors import ParameterError
from simmanager.disk.summary import ITERATIONS, MAX_POINTS, RESERVED, SHAPE, model_arrays, summarise, write_summary
from simmanager.results.summary_reader import curve_keys, read_summary


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


def test_the_shape_of_values_that_were_reduced_is_kept_and_numbers_have_none():
    curves = summarise({"td": np.ones((5, 3, 4)), "x": [1.0], "z": [1j]})
    assert curves[SHAPE + "td"].tolist() == [3, 4]
    assert curves[SHAPE + "z"].tolist() == []
    assert SHAPE + "x" not in curves


def test_nan_and_infinity_are_kept():
    values = [1.0, float("nan"), float("-inf")]
    assert np.array_equal(summarise({"x": values})["x"], values, equal_nan=True)


def test_scalars_keep_their_sign():
    assert summarise({"x": [-1.0, 2.0]})["x"].tolist() == [-1.0, 2.0]


def test_flags_and_complex_numbers_become_floats():
    assert summarise({"hit": [True, False]})["hit"].tolist() == [1.0, 0.0]
    assert summarise({"z": [3 + 4j]})["z"].tolist() == [5.0]


@pytest.mark.parametrize(
    "values",
    [["a", "b"], [None, 1], [[1, 2], [3]], 5, None, [{"a": 1}], {"a": 1, "b": 2}, object(), iter([1]), np.array(3.0)],
    ids=case_name,
)
def test_what_is_no_curve_is_left_out(values):
    assert list(summarise({"odd": values, "x": [1.0]})) == ["x", ITERATIONS + "x"]


@pytest.mark.parametrize(
    "key", [5, None, ("a", "b"), "a/b", "../x", "\udc80", "a\x00b", "k" * 70_000, *(f"{name}x" for name in RESERVED)]
)
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


# What models add -----------------------------------------------------------------------------------------------


def test_maps_are_kept_as_float32_and_no_more_than_sixteen():
    arrays = model_arrays({"maps:cells": np.arange(20.0 * 6).reshape(20, 2, 3), "extent:cells": [0, 3, 0, 2]})
    assert arrays["maps:cells"].shape == (16, 2, 3)
    assert arrays["maps:cells"].dtype == np.float32
    assert arrays["maps:cells"][15, 1, 2] == 95
    assert arrays["extent:cells"].tolist() == [0, 3, 0, 2]


@given(st.integers(0, 5000))
def test_a_trajectory_of_any_length_keeps_at_most_a_thousand_points_with_both_ends(length):
    positions = np.arange(2.0 * length).reshape(length, 2)
    arrays = model_arrays({"trajectory:": positions})
    steps = arrays.get("steps:", np.arange(length))
    assert len(steps) == min(length, MAX_POINTS)
    assert np.array_equal(arrays["trajectory:"], positions[steps])
    assert (np.diff(steps) > 0).all()
    if length:
        assert (steps[0], steps[-1]) == (0, length - 1)


def test_an_array_in_columns_is_written_so_that_it_can_be_read(tmp_path):
    maps = np.arange(6.0).reshape(1, 3, 2).transpose(0, 2, 1)
    write_summary(tmp_path / "s.npz", {"x": [1.0]}, model_arrays({"maps:m": maps, "walls:": np.ones((2, 2, 2)).T}))
    with np.load(tmp_path / "s.npz", allow_pickle=False) as saved:
        assert np.array_equal(saved["maps:m"], maps)
        assert saved["maps:m"].flags.c_contiguous
        assert saved["x"].tolist() == [1.0]


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("maps:m", np.ones((2, 2))),
        ("maps:m", np.ones((1, 2, 1001))),
        ("maps:m", np.ones((0, 2, 2))),
        ("trajectory:", np.ones((5, 3))),
        ("trajectory:", 5.0),
        ("walls:", np.ones((5, 2))),
        ("extent:", [0, 1, 2]),
        ("extent:", [1, 0, 0, 1]),
        ("extent:", [0, float("nan"), 0, 1]),
        ("extent:m", ["a", "b", "c", "d"]),
        ("trajectory:", np.array([[None, object()]])),
        ("trajectory:", np.ones((2, 2)) * 1j),
    ],
    ids=case_name,
)
def test_an_array_of_a_wrong_shape_or_type_is_refused_by_name(name, array):
    with pytest.raises(ParameterError, match=f"^'{name}' in summary_arrays cannot be an array of"):
        model_arrays({name: array})


@pytest.mark.parametrize(
    "name", ["x", "", 5, None, "trajectory", "trajectory:x", "steps:", "maps:a/b", "maps:\n", "shape:x"]
)
def test_another_name_is_refused_with_those_that_exist(name):
    with pytest.raises(ParameterError, match="it may give maps:, extent:, trajectory:, walls:"):
        model_arrays({name: np.ones((1, 2, 2))})


def test_what_is_masked_is_no_value():
    curves = summarise({"x": np.ma.array([1.0, 1e20, 3.0], mask=[False, True, False])})
    assert np.array_equal(curves["x"], [1.0, np.nan, 3.0], equal_nan=True)
    assert np.isnan(summarise({"n": np.ma.array([[1, 2], [3, 4]], mask=[[True, True], [False, False]])})["n"][0])


def test_a_history_of_very_many_keys_has_a_summary_that_can_be_read(tmp_path):
    write_summary(tmp_path / "summary.npz", {f"key_{i}": [float(i)] for i in range(6000)})
    curves = curve_keys(read_summary(tmp_path / "summary.npz"))
    assert 4000 < len(curves) < 6000
