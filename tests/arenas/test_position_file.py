"""Files with positions: what is read, and what is said about those that cannot be."""

from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from simmanager.arenas.position_file import one_column, read_columns, two_columns
from simmanager.base.errors import ParameterError, ParameterTypeError, UnknownName


@pytest.mark.parametrize(
    "text",
    [
        "x,y\n1,2\n3,nan\n5,6\n",
        "x, y\r\n1, 2\r\n3,\r\n5, 6\r\n\r\n",
        "\ufeffx;y\n1;2\n3;NA\n5;6\n",
        "x\ty\n1\t2\n3\t\n5\t6",
        "# x y\n1 2\n3  nan\n5 6 \n",
    ],
)
def test_text_is_read_whatever_separates_the_values(text):
    Path("path.csv").write_text(text, encoding="utf-8", newline="")
    columns = read_columns("path.csv")
    assert list(columns) == ["x", "y"]
    assert columns["x"].tolist() == [1, 3, 5]
    assert np.array_equal(columns["y"], [2, np.nan, 6], equal_nan=True)


def test_columns_without_names_have_numbers():
    Path("path.txt").write_text("0.0 1 2\n0.1 3 4\n")
    columns = read_columns("path.txt")
    assert list(columns) == ["0", "1", "2"]
    assert one_column(columns, 1, "x", "path.txt").tolist() == [1, 3]


def test_arrays_of_numpy_and_matlab_are_read_by_name():
    np.savez("path.npz", pos=np.ones((5, 2)), t=np.arange(5))
    assert {name: array.shape for name, array in read_columns("path.npz").items()} == {"pos": (5, 2), "t": (5,)}
    np.save("path.npy", np.ones((5, 2)))
    assert read_columns(Path("path.npy"))["positions"].shape == (5, 2)
    savemat("path.mat", {"posx": np.ones((5, 1)), "session": {"pos": np.ones((5, 2)), "rat": "a"}})
    columns = read_columns("path.mat")
    assert {name: array.shape for name, array in columns.items()} == {"posx": (5,), "session.pos": (5, 2)}


def test_positions_in_one_array_may_lie_either_way_and_have_more_columns():
    columns = {"down": np.ones((9, 3)), "across": np.ones((2, 9)), "flat": np.ones(9)}
    assert two_columns(columns, "down", "xy", "f").shape == (9, 2)
    assert two_columns(columns, "across", "xy", "f").shape == (9, 2)
    with pytest.raises(ParameterError, match=r"xy='flat' of f must be of shape \(n, 2\), not \(9,\)"):
        two_columns(columns, "flat", "xy", "f")


def test_a_name_that_does_not_exist_is_answered_with_those_that_do():
    with pytest.raises(
        UnknownName, match=r"f has no 'pos_x', which x names. Did you mean 'posx'\? It has: posx \(3,\)"
    ):
        one_column({"posx": np.ones(3), "t": np.ones(3)}, "pos_x", "x", "f")


def test_what_is_no_column_of_numbers_is_refused():
    columns = {"square": np.ones((2, 2)), "words": np.array(["a", "b"])}
    with pytest.raises(ParameterError, match="must be one column"):
        one_column(columns, "square", "x", "f")
    with pytest.raises(ParameterTypeError, match="holds no numbers"):
        one_column(columns, "words", "x", "f")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("path.csv", b"x,y\n1,2\n3,four\n", "Line 3 of path.csv holds 'four', which is no number"),
        ("path.csv", b"x,y\n1,2\n\n3\n", "Line 4 of path.csv has 1 values, not 2"),
        ("path.csv", b"\n", "path.csv is empty"),
        ("path.csv", b"\xff\xfe\x00", "cannot be read as .csv: UnicodeDecodeError"),
        ("path.npz", b"no archive", "path.npz cannot be read as .npz"),
        ("path.npy", b"", "path.npy cannot be read as .npy"),
        ("path.mat", b"no matrix", "path.mat cannot be read as .mat"),
        ("path.xlsx", b"", "its name must end in .csv, .tsv, .txt, .npz, .npy, .mat"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_the_reason(name, content, message):
    Path(name).write_bytes(content)
    with pytest.raises(ParameterError, match=message):
        read_columns(name)


def test_a_missing_file_and_a_newer_matlab_file_say_what_to_do():
    with pytest.raises(ParameterError, match=r"There is no file 'rat\.csv'"):
        read_columns("rat.csv")
    # The head of a MATLAB 7.3 file, which is HDF5.
    Path("rat.mat").write_bytes(b"MATLAB 7.3 MAT-file".ljust(116) + bytes(8) + b"\x00\x02IM" + bytes(400))
    with pytest.raises(ParameterError, match=r"version 7.3.*save\(file, '-v7'\)"):
        read_columns("rat.mat")


def test_nothing_in_an_archive_is_unpickled():
    np.savez("path.npz", x=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ParameterError, match="allow_pickle"):
        read_columns("path.npz")
