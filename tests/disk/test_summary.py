"""summary.npz: scalar curves of at most 1,000 points, read without pickle."""

from array import array
from collections import deque
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toys import case_name

from simmanager.base.errors import ParameterError
from simmanager.disk.history import as_history
from simmanager.disk.summary import (
    ITERATIONS,
    MAX_LEFT_OUT,
    MAX_POINTS,
    RESERVED,
    SHAPE,
    model_arrays,
    summarise,
    write_summary,
)
from simmanager.results.summary_reader import curve_keys, read_summary


def curves_of(history):
    return summarise(history).curves


def test_a_short_curve_is_kept_whole():
    curves = curves_of({"reward": [1, 2, 4]})
    assert curves["reward"].tolist() == [1, 2, 4]
    assert curves[ITERATIONS + "reward"].tolist() == [0, 1, 2]


def test_a_long_curve_keeps_a_thousand_points_with_both_ends():
    curves = curves_of({"x": np.arange(100_000)})
    assert len(curves["x"]) == MAX_POINTS
    assert curves["x"][0] == 0
    assert curves["x"][-1] == 99_999
    assert np.array_equal(curves["x"], curves[ITERATIONS + "x"])
    assert np.ptp(np.diff(curves["x"])) <= 1


@given(st.integers(0, 5000))
def test_a_curve_of_any_length_has_at_most_a_thousand_ascending_points(length):
    curves = curves_of({"x": np.arange(length)})
    assert len(curves["x"]) == min(length, MAX_POINTS)
    assert (np.diff(curves[ITERATIONS + "x"]) > 0).all()


def test_arrays_become_their_mean_absolute_value():
    assert curves_of({"td": np.array([[1.0, -3.0], [0.0, 0.5]])})["td"].tolist() == [2.0, 0.25]
    assert curves_of({"m": [np.full((2, 2), -2.0)]})["m"].tolist() == [2.0]


def test_the_shape_of_values_that_were_reduced_is_kept_and_numbers_have_none():
    curves = curves_of({"td": np.ones((5, 3, 4)), "x": [1.0], "z": [1j]})
    assert curves[SHAPE + "td"].tolist() == [3, 4]
    assert curves[SHAPE + "z"].tolist() == []
    assert SHAPE + "x" not in curves


def test_nan_and_infinity_are_kept():
    values = [1.0, float("nan"), float("-inf")]
    assert np.array_equal(curves_of({"x": values})["x"], values, equal_nan=True)


def test_scalars_keep_their_sign():
    assert curves_of({"x": [-1.0, 2.0]})["x"].tolist() == [-1.0, 2.0]


def test_flags_and_complex_numbers_become_floats():
    assert curves_of({"hit": [True, False]})["hit"].tolist() == [1.0, 0.0]
    assert curves_of({"z": [3 + 4j]})["z"].tolist() == [5.0]


class Hostile:
    """Claims to be an array, and raises what nobody expects."""

    def __init__(self, error):
        self.error = error

    def __array__(self, *_, **__):
        raise self.error


class Tensor:
    """As torch's: one that requires grad is no array until it is detached."""

    def __init__(self, values, *, requires_grad=True):
        self.values, self.requires_grad = np.asarray(values), requires_grad

    def __len__(self):
        return len(self.values)

    def __getitem__(self, i):
        return Tensor(self.values[i], requires_grad=self.requires_grad)

    def __array__(self, *_, **__):
        if self.requires_grad:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad.")
        return self.values

    def detach(self):
        return Tensor(self.values, requires_grad=False)

    def cpu(self):
        return self


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ("text", "it is text"),
        (["a", "b"], "its values are text"),
        (np.array(["a"]), "its values are text"),
        (np.array(["2026-11-26"], dtype="M8[D]"), "its values are dates"),
        ([[1, 2], [3]], "its values are of different shapes: (2,), (1,)"),
        ([np.ones(n) for n in range(5)], "its values are of different shapes: (0,), (1,), (2,), ..."),
        (None, "it is None"),
        ([{"a": 1}], "its values are no numbers (dict)"),
        ({"a": 1, "b": 2}, "it is a dict; give each of its curves a key of its own"),
        ({1, 2}, "it has no length and no order (set)"),
        (object(), "it has no length and no order (object)"),
        (iter([1]), "it has no length and no order (list_iterator)"),
        ([10**400], "OverflowError: int too large to convert to float"),
        (np.ones((3, 0)), "its values are empty (shape (0,))"),
        (Hostile(MemoryError("much")), "MemoryError: much"),
        ([Hostile(SystemExit(3))], "the simulation's code called sys.exit(3)"),
        (Hostile(TypeError("JAX array with PRNGKey dtype cannot be converted")), "TypeError: JAX array with"),
    ],
    ids=case_name,
)
def test_what_is_no_curve_is_left_out_and_named_with_the_reason(values, reason):
    curves, left_out = summarise({"odd": values, "x": [1.0]})
    assert list(curves) == ["x", ITERATIONS + "x"]
    assert list(left_out) == ["odd"]
    assert left_out["odd"].startswith(reason)


@pytest.mark.parametrize(
    "values",
    [
        pd.Series([3.0, 1.0, 2.0], index=[2, 0, 1]),
        pd.Series([9.0, 3.0, 9.0, 1.0, 2.0])[[1, 3, 4]],
        pd.Series([3.0, 1.0, 2.0], index=pd.date_range("2026-11-26", periods=3)),
        pd.Series([3, 1, 2], index=[1, 1, 1], dtype="Int64"),
        pd.Series([3, 1, 2], index=list("abc"), dtype="uint8"),
        pd.Index([3, 1, 2]),
        np.array([3, 1, 2], dtype=object),
        deque([3, 1, 2]),
        array("d", [3, 1, 2]),
        [Fraction(3), Decimal(1), np.int8(2)],
        [[3], [1], [2]],
        Tensor([3.0, 1.0, 2.0]),
        [Tensor(3.0), Tensor(1.0), Tensor(2.0)],
    ],
    ids=lambda values: f"{type(values).__name__}",
)
def test_a_curve_goes_by_position_whatever_holds_its_values(values):
    curves, left_out = summarise({"x": values})
    assert curves["x"].tolist() == [3.0, 1.0, 2.0]
    assert curves[ITERATIONS + "x"].tolist() == [0, 1, 2]
    assert left_out == {}


def test_a_sorted_series_of_many_rows_is_thinned_by_position():
    values = pd.Series(np.arange(5000.0)).sort_values(ascending=False)
    curves = curves_of({"x": values})
    assert curves["x"].tolist() == (4999 - curves[ITERATIONS + "x"]).tolist()


@pytest.mark.parametrize(
    "values",
    [
        [1, None, 3],
        [1.0, np.ma.masked, 3],
        [1, pd.NA, 3],
        pd.Series([1, None, 3], dtype="Int64"),
        pd.Series([True, None, 3], dtype=object),
        np.array([1, None, 3], dtype=object),
        [np.int64(1), None, Tensor(3.0)],
        np.ma.array([1, 10**9, 3], mask=[False, True, False]),
        [[1.0], None, [3.0]],
    ],
    ids=case_name,
)
def test_a_value_that_is_missing_is_nan(values):
    assert np.array_equal(curves_of({"x": values})["x"], [1, np.nan, 3], equal_nan=True)


@pytest.mark.parametrize(
    "value", [5, 5.0, True * 5, np.float32(5), np.array(5), Tensor(5.0), Fraction(5)], ids=case_name
)
def test_a_single_number_is_a_curve_of_one_point(value):
    curves = curves_of({"x": value})
    assert (curves["x"].tolist(), curves[ITERATIONS + "x"].tolist()) == ([5.0], [0])


def test_what_is_masked_in_an_array_does_not_count_in_its_mean():
    masked = np.ma.array([[1.0, 1e20], [-3.0, 5.0]], mask=[[False, True], [False, False]])
    assert curves_of({"x": masked})["x"].tolist() == [1.0, 4.0]
    assert curves_of({"x": list(masked)})["x"].tolist() == [1.0, 4.0]
    maps = model_arrays({"maps:m": masked[np.newaxis]})["maps:m"]
    assert np.array_equal(maps, [[[1.0, np.nan], [-3.0, 5.0]]], equal_nan=True)


def test_the_smallest_integer_of_eight_bits_has_a_positive_absolute_value():
    assert curves_of({"x": np.array([[-128, -128]], dtype=np.int8)})["x"].tolist() == [128.0]


@pytest.mark.parametrize(
    ("key", "name"), [("train/loss", "train/loss"), (5, "5"), (None, "None"), (("train", "loss"), "train/loss")]
)
def test_keys_are_named_as_most_people_name_them(key, name, tmp_path):
    write_summary(tmp_path / "summary.npz", {key: [1.0, 2.0]})
    assert curve_keys(read_summary(tmp_path / "summary.npz")) == [name]


def test_of_two_keys_with_one_name_the_first_has_the_curve_and_the_other_is_named():
    curves, left_out = summarise({5: [1.0], "5": [2.0]})
    assert curves["5"].tolist() == [1.0]
    assert left_out == {"5": "another key has the same name"}


@pytest.mark.parametrize("key", ["../x", "\udc80", "a\x00b", "k" * 70_000, *(f"{name}x" for name in RESERVED)])
def test_keys_that_cannot_be_names_in_an_archive_are_left_out_and_named(key):
    curves, left_out = summarise({key: [1.0]})
    assert curves == {}
    assert list(left_out.values()) == ["its name cannot be that of a curve"]


def test_of_very_many_keys_that_are_left_out_the_first_are_named():
    left_out = summarise({f"key_{i}": "text" for i in range(3000)}).left_out
    assert (len(left_out), left_out["..."]) == (MAX_LEFT_OUT + 1, "further keys")


# Tables --------------------------------------------------------------------------------------------------------


def test_the_columns_of_a_data_frame_are_curves_whatever_its_index_is():
    frame = pd.DataFrame({"loss": [3.0, 1.0], "name": ["a", "b"]}, index=pd.date_range("2026-11-26", periods=2))
    frame["loss", "train"] = [5, 6]
    curves, left_out = summarise(frame)
    assert curves["loss"].tolist() == [3.0, 1.0]
    assert curves["loss/train"].tolist() == [5.0, 6.0]
    assert left_out == {"name": "its values are text"}


def test_rows_of_a_training_become_columns_and_what_a_row_lacks_is_missing():
    history = as_history([{"loss": 2.0}, {"loss": 1.0, "test": 5.0}])
    assert history == {"loss": [2.0, 1.0], "test": [None, 5.0]}
    assert np.array_equal(curves_of(history)["test"], [np.nan, 5.0], equal_nan=True)


def test_a_table_stays_what_it_is_and_what_is_no_history_is_none():
    frame = pd.DataFrame({"loss": [1.0]})
    assert as_history(frame) is frame
    assert as_history(None) == as_history([]) == {}
    assert [as_history(thing) for thing in (3.0, "text", [1.0], np.ones(3))] == [None] * 4


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
    curves = curves_of({"x": np.ma.array([1.0, 1e20, 3.0], mask=[False, True, False])})
    assert np.array_equal(curves["x"], [1.0, np.nan, 3.0], equal_nan=True)
    assert np.isnan(curves_of({"n": np.ma.array([[1, 2], [3, 4]], mask=[[True, True], [False, False]])})["n"][0])


def test_a_history_of_very_many_keys_has_a_summary_that_can_be_read(tmp_path):
    write_summary(tmp_path / "summary.npz", {f"key_{i}": [float(i)] for i in range(6000)})
    curves = curve_keys(read_summary(tmp_path / "summary.npz"))
    assert 4000 < len(curves) < 6000
