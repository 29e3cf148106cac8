"""summary.npz of anybody: what is damaged or hostile is refused by name, nothing is unpickled, nothing unfolds."""

import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simmanager.disk.summary import ITERATIONS, model_arrays, write_summary
from simmanager.results import summary_reader
from simmanager.results.summary_reader import (
    Summaries,
    SummaryUnreadable,
    curve_keys,
    curve_of,
    maps_of,
    read_summary,
    trajectory_of,
)

HISTORY = {"x": [1.0, 2.0], "td": np.ones((3, 4))}
ARRAYS = {
    "maps:m": np.arange(6.0).reshape(1, 2, 3),
    "extent:m": np.array([0.0, 1.0, 0.0, 1.0]),
    "trajectory:": np.arange(4.0).reshape(2, 2),
    "walls:": np.zeros((0, 2, 2)),
    "extent:": np.array([0.0, 1.0, 0.0, 1.0]),
}


class Bomb:
    """Leaves a file behind when it is unpickled."""

    def __reduce__(self):
        return (Path.touch, (Path("unpickled"),))


def zipped(members, **options):
    """Return an archive with these members."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", **options) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return content.getvalue()


def npy(array, **options):
    """Return the bytes of a .npy file."""
    content = io.BytesIO()
    np.lib.format.write_array(content, array, **options)
    return content.getvalue()


def claims(shape, descr="<f8", data=b""):
    """Return a .npy file that says that it holds more than it does."""
    content = io.BytesIO()
    np.lib.format.write_array_header_1_0(content, {"shape": shape, "fortran_order": False, "descr": descr})
    return content.getvalue() + data


def good(tmp_path):
    write_summary(tmp_path / "good.npz", HISTORY, model_arrays(ARRAYS))
    return (tmp_path / "good.npz").read_bytes()


def test_what_was_written_is_read(tmp_path):
    good(tmp_path)
    arrays = read_summary(tmp_path / "good.npz")
    with np.load(tmp_path / "good.npz", allow_pickle=False) as saved:
        assert set(arrays) == set(saved.files)
        for name in saved.files:
            assert np.array_equal(arrays[name], saved[name]) and arrays[name].dtype == saved[name].dtype
    assert curve_keys(arrays) == ["x", "td"]
    assert list(maps_of(arrays)) == ["m"]
    assert trajectory_of(arrays).positions.tolist() == [[0, 1], [2, 3]]


def test_no_summary_is_an_empty_one(tmp_path):
    assert read_summary(tmp_path / "none.npz") == {}


HOSTILE = {
    "nothing": b"",
    "text": b"not an archive",
    "one array alone": npy(np.ones(3)),
    "a pickle": pickle.dumps(Bomb()),
    "an array of objects": zipped({"x.npy": npy(np.array([Bomb()], dtype=object), allow_pickle=True)}),
    "a pickle as an array": zipped({"x.npy": pickle.dumps(Bomb())}),
    "texts": zipped({"x.npy": npy(np.array(["a"]))}),
    "records": zipped({"x.npy": npy(np.zeros(1, dtype=[("a", "O")]), allow_pickle=True)}),
    "complex numbers": zipped({"x.npy": npy(np.ones(2) * 1j)}),
    "dates": zipped({"x.npy": npy(np.zeros(2, dtype="M8[s]"))}),
    "a bomb": zipped({"x.npy": npy(np.zeros(1_000_000))}, compression=zipfile.ZIP_DEFLATED),
    "compressed": zipped({"x.npy": npy(np.random.default_rng(0).random(50))}, compression=zipfile.ZIP_DEFLATED),
    "too many bytes claimed": zipped({"x.npy": claims((10**12,))}),
    "more bytes claimed than numbers go": zipped({"x.npy": claims((2**62, 2**62, 2**62))}),
    "a negative shape": zipped({"x.npy": claims((-1,), data=b"12345678")}),
    "two negative sizes": zipped({"x.npy": claims((-1, -1), data=b"12345678")}),
    "a flag as a shape": zipped({"x.npy": claims((True,), data=b"12345678")}),
    "too few bytes": zipped({"x.npy": claims((3,), data=b"12345678")}),
    "too many bytes": zipped({"x.npy": claims((1,), data=b"12345678" * 2)}),
    "another version": zipped({"x.npy": b"\x93NUMPY\x03\x00" + npy(np.ones(1))[8:]}),
    "a header that is code": zipped({"x.npy": b"\x93NUMPY\x01\x00\x20\x00__import__('os').mkdir('made') \n"}),
    "a header of brackets": zipped({"x.npy": b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 65535}),
    "an array in columns": zipped({"x.npy": npy(np.asfortranarray(np.ones((2, 3))))}),
    "many members": zipped({f"{n}.npy": npy(np.zeros(0)) for n in range(10_001)}),
    "an empty array": zipped({"x.npy": b""}),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_summary_is_refused_with_a_reason(kind, tmp_path):
    (tmp_path / "summary.npz").write_bytes(HOSTILE[kind])
    with pytest.raises(SummaryUnreadable, match=r"^it |^an array ") as caught:
        read_summary(tmp_path / "summary.npz")
    assert len(str(caught.value)) <= 300
    assert {path.name for path in tmp_path.iterdir()} == {"summary.npz"}, "it ran code"


def test_members_that_share_their_bytes_are_refused(tmp_path):
    """An archive may point to the same bytes again and again, and claim to hold more than it does."""
    members = {f"{n}.npy": npy(np.zeros(1000)) for n in range(3)}
    content = bytearray(zipped(members))
    offset = content.rindex(b"PK\x01\x02")
    first = content.index(b"PK\x01\x02")
    content[offset + 42 : offset + 46] = content[first + 42 : first + 46]  # the last one is at the place of the first
    content[offset + 20 : offset + 28] = (len(content) * 2).to_bytes(4, "little") * 2
    (tmp_path / "summary.npz").write_bytes(content)
    with pytest.raises(SummaryUnreadable, match="claims to hold more than its size"):
        read_summary(tmp_path / "summary.npz")


def test_a_summary_that_is_too_long_is_not_read(tmp_path, monkeypatch):
    content = good(tmp_path)
    monkeypatch.setattr(summary_reader, "MAX_BYTES", len(content) - 1)
    with pytest.raises(SummaryUnreadable, match="more than"):
        read_summary(tmp_path / "good.npz")
    monkeypatch.setattr(summary_reader, "MAX_BYTES", len(content))
    assert read_summary(tmp_path / "good.npz")


@given(st.data())
def test_whatever_happens_to_its_bytes_a_summary_is_read_or_refused(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("fuzz", numbered=True)
    content = bytearray(good(folder))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        match data.draw(st.sampled_from(["change", "cut", "repeat", "insert"])):
            case "change":
                content[place] = data.draw(st.integers(0, 255))
            case "cut":
                del content[place : place + data.draw(st.integers(1, 200))]
            case "repeat":
                content[place:place] = content[place : place + data.draw(st.integers(1, 200))]
            case "insert":
                content[place:place] = data.draw(st.binary(max_size=20))
        if not content:
            break
    (folder / "summary.npz").write_bytes(content)
    try:
        arrays = read_summary(folder / "summary.npz")
    except SummaryUnreadable:
        return
    for key in curve_keys(arrays):
        curve_of(arrays, key)
    maps_of(arrays), trajectory_of(arrays)


# What is in it -------------------------------------------------------------------------------------------------

NO_CURVES = {
    "values alone": {"x": np.ones(2)},
    "different lengths": {"x": np.ones(2), ITERATIONS + "x": np.arange(3)},
    "two axes": {"x": np.ones((2, 2)), ITERATIONS + "x": np.zeros((2, 2), int)},
    "too many points": {"x": np.ones(1001), ITERATIONS + "x": np.arange(1001)},
    "iterations that go back": {"x": np.ones(3), ITERATIONS + "x": np.array([0, 2, 1])},
    "an iteration twice": {"x": np.ones(2), ITERATIONS + "x": np.array([1, 1])},
    "negative iterations": {"x": np.ones(2), ITERATIONS + "x": np.array([-1, 1])},
    "huge iterations": {"x": np.ones(2), ITERATIONS + "x": np.array([0, 2**62])},
    "iterations with fractions": {"x": np.ones(2), ITERATIONS + "x": np.array([0.0, 1.5])},
    "a name of ours": {"maps:x": np.ones(2), ITERATIONS + "maps:x": np.arange(2)},
}


@pytest.mark.parametrize("kind", NO_CURVES)
def test_what_cannot_be_a_curve_is_none(kind):
    (key, _) = next(iter(NO_CURVES[kind].items()))
    assert curve_of(NO_CURVES[kind], key) is None


def test_a_curve_says_how_arrays_became_numbers(tmp_path):
    good(tmp_path)
    arrays = read_summary(tmp_path / "good.npz")
    assert (curve_of(arrays, "x").reduction, curve_of(arrays, "td").reduction) == ("", "mean absolute value")
    assert curve_of(arrays, "y") is None


@pytest.mark.parametrize(
    "array",
    [np.ones((2, 2)), np.ones((17, 2, 2)), np.ones((1, 0, 2)), np.ones((1, 1001, 1)), np.ones((0, 1, 1)), np.ones(4)],
    ids=lambda array: str(array.shape),
)
def test_what_cannot_be_maps_is_left_out(array):
    assert maps_of({"maps:m": array}) == {}


@pytest.mark.parametrize(
    "extent", [[0, 0, 0, 1], [1, 0, 0, 1], [0, 1, 0, np.inf], [0, 1, np.nan, 1], [0, 1], [[0, 1, 0, 1]]], ids=str
)
def test_an_extent_that_is_none_is_not_used(extent):
    arrays = {"maps:m": np.ones((1, 2, 3)), "extent:m": np.array(extent)}
    assert maps_of(arrays)["m"].extent == (0, 3, 0, 2)


@pytest.mark.parametrize(
    "positions",
    [
        np.ones((2, 3)),
        np.ones((1001, 2)),
        np.ones((0, 2)),
        np.ones(2),
        np.array([[0, np.nan]]),
        np.array([[0, np.inf]]),
    ],
    ids=lambda array: f"{array.shape}",
)
def test_what_cannot_be_a_trajectory_is_none(positions):
    assert trajectory_of({"trajectory:": positions}) is None


def test_walls_and_steps_that_cannot_be_are_not_used():
    positions = np.array([[0.0, 0.0], [1.0, 2.0]])
    path = trajectory_of({"trajectory:": positions, "walls:": np.ones((3, 2)), "steps:": np.arange(3)})
    assert (path.walls.shape, path.steps.tolist(), path.extent) == ((0, 2, 2), [0, 1], (0, 1, 0, 2))


# Kept ----------------------------------------------------------------------------------------------------------


def test_a_summary_is_read_once_while_there_is_room(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_summary(tmp_path / name / "summary.npz", HISTORY)
    size = sum(array.nbytes for array in read_summary(tmp_path / "one" / "summary.npz").values())
    summaries = Summaries(limit=size)
    kept, not_kept = summaries.of(tmp_path / "one"), summaries.of(tmp_path / "two")
    assert kept and not_kept
    for name in ("one", "two"):
        (tmp_path / name / "summary.npz").unlink()
    assert summaries.of(tmp_path / "one") is kept
    assert summaries.of(tmp_path / "two") == {}


def test_a_damaged_summary_is_named_and_not_read_again(tmp_path):
    (tmp_path / "summary.npz").write_bytes(b"torn")
    summaries = Summaries()
    assert summaries.of(tmp_path) == {}
    assert list(summaries.unreadable) == [tmp_path]
    write_summary(tmp_path / "summary.npz", HISTORY)
    assert summaries.of(tmp_path) == {}
