"""Growing arrays, transition histories, and the recorder of a training loop."""

import errno
import pickle

import numpy as np
import pytest

from simmanager.base.equality import same
from simmanager.base.errors import ParameterError, UnknownName
from simmanager.disk.spool import Spool
from simmanager.training import history_columns
from simmanager.training.recording import GrowingArray, HistoryRecorder, TransitionHistory


def filled_history(n=3):
    history = TransitionHistory()
    for i in range(n):
        history.record(1.0, 2.0, float(i), -float(i), 0.5, i + 1)
    return history


@pytest.mark.parametrize("row_shape", [(), (3,), (2, 2)])
def test_a_growing_array_holds_every_row_it_was_given(row_shape):
    rows = GrowingArray(row_shape, capacity=1)
    for i in range(500):
        rows.append(np.full(row_shape, i))
    assert rows.array.shape == (500, *row_shape)
    assert [float(np.mean(row)) for row in rows] == list(range(500))
    assert np.asarray(rows).shape == rows.array.shape


def test_a_view_of_a_growing_array_stays_as_it_was():
    rows = GrowingArray(capacity=2)
    rows.append(1)
    view = rows.array
    for i in range(100):
        rows.append_floats(float(i))
    assert view.tolist() == [1]


def test_a_growing_array_pickles_only_what_is_filled():
    rows = GrowingArray((2,), capacity=100_000)
    rows.append_floats(1, 2)
    data = pickle.dumps(rows)
    again = pickle.loads(data)
    assert len(data) < 1000
    assert again == rows
    again.append((3, 4))
    assert again.array.tolist() == [[1, 2], [3, 4]]


def test_a_growing_array_of_whole_numbers_keeps_its_dtype():
    rows = GrowingArray(dtype=np.int32)
    rows.append(7)
    assert rows.array.dtype == np.int32
    assert rows[0] == 7


def test_a_history_reads_like_a_list_of_dicts():
    history = filled_history()
    assert len(history) == 3
    assert list(history[0]) == ["action", "state", "next_state", "reward", "step"]
    assert history[-1]["state"].tolist() == [2, -2]
    assert history[-1]["next_state"].tolist() == [2, -2]
    assert [transition["step"] for transition in history] == [1, 2, 3]
    assert [transition["step"] for transition in history[1:]] == [2, 3]
    assert history[1]["reward"] == 0.5
    with pytest.raises(IndexError):
        history[3]


def test_a_history_gives_its_columns_as_arrays():
    history = filled_history()
    assert history.array("state").tolist() == [[0, 0], [1, -1], [2, -2]]
    assert history.array("action").shape == (3, 2)
    assert history.array("step").dtype == np.int64
    with pytest.raises(UnknownName, match="next_state"):
        history.array("position")
    with pytest.raises(ValueError):
        history.array("state")[0] = 0


def test_an_empty_history_has_no_transitions():
    history = TransitionHistory()
    assert list(history) == []
    assert history.array("state").shape == (0, 2)


def test_no_action_reads_back_as_none():
    history = TransitionHistory()
    history.append({"action": None, "state": (1, 2), "reward": 0, "step": 1})
    assert history[0]["action"] is None


def test_changing_what_a_history_gave_does_not_change_it():
    history = filled_history()
    history[0]["state"][:] = 99
    assert history[0]["state"].tolist() == [0, 0]


def test_a_history_refuses_states_that_are_not_two_numbers():
    with pytest.raises(ParameterError, match="list"):
        TransitionHistory().append({"action": None, "state": (1, 2, 3), "reward": 0, "step": 1})


def test_a_history_survives_pickling_and_goes_on():
    history = filled_history()
    again = pickle.loads(pickle.dumps(history))
    assert again == history
    again.record(0, 0, 0, 0, 0, 4)
    assert len(again) == 4 and len(history) == 3


def test_several_transitions_at_once_are_the_same_as_one_after_the_other():
    rng = np.random.default_rng(0)
    one, other = filled_history(2), filled_history(2)
    for n in (1, 100, 3):
        actions, states = rng.normal(size=(2, n, 2))
        first = len(one) + 1
        for step, (action, state) in enumerate(zip(actions, states, strict=True), first):
            one.record(*action, *state, 0.0, step)
        other.record_block(actions, states, 0.0, first)
    assert pickle.dumps(one) == pickle.dumps(other)


# Recorders -----------------------------------------------------------------------------------------------------


@pytest.fixture(params=["in memory", "on disk", "disk full", "no disk"], autouse=True)
def place(request, monkeypatch):
    """Where columns are kept: small ones, too, so that blocks of a few rows go to disk."""
    if request.param != "in memory":
        monkeypatch.setattr(history_columns, "SPOOL_ABOVE", 0)
        monkeypatch.setattr(history_columns, "_BLOCK_BYTES", 64)
    if request.param == "disk full":
        monkeypatch.setattr(history_columns, "Spool", FullSpool)
    if request.param == "no disk":
        monkeypatch.setattr(history_columns, "Spool", no_spool)
    return request.param


class FullSpool(Spool):
    """Has room for 150 bytes."""

    def write(self, offset, content):
        if offset + content.nbytes > 150:
            raise OSError(errno.ENOSPC, "No space left on device")
        super().write(offset, content)


def no_spool():
    raise FileNotFoundError("No usable temporary directory found")


def test_a_recorder_gives_one_array_for_each_key():
    recorder = HistoryRecorder(3)
    for i in range(3):
        recorder.record(i, {"vector": np.arange(4) * i, "number": float(i), "flag": True})
    history = recorder.history()
    assert history["vector"].shape == (3, 4) and history["vector"].dtype == np.int64
    assert history["number"].tolist() == [0, 1, 2]
    assert history["flag"].dtype == bool


def test_iterations_without_output_are_nan():
    recorder = HistoryRecorder(5)
    recorder.record(0, None)
    recorder.record(1, {"a": 1})
    recorder.record(2, {"b": np.ones(2)})
    recorder.record(3, {"a": 3, "b": np.ones(2)})
    recorder.record(4, None)
    history = recorder.history()
    np.testing.assert_array_equal(history["a"], [np.nan, 1, np.nan, 3, np.nan])
    np.testing.assert_array_equal(history["b"][:, 0], [np.nan, np.nan, 1, 1, np.nan])


def test_numbers_become_as_wide_as_needed():
    recorder = HistoryRecorder(3)
    for row, value in enumerate((1, 2.5, 3j)):
        recorder.record(row, {"a": value})
    assert recorder.history()["a"].tolist() == [1, 2.5, 3j]


def test_values_that_change_shape_or_are_not_numbers_become_objects():
    recorder = HistoryRecorder(4)
    for row, (a, b) in enumerate([(np.zeros(2), "x"), (np.zeros(3), None), ("text", {"k": 1})]):
        recorder.record(row, {"a": a, "b": b})
    history = recorder.history()
    assert history["a"].dtype == object and history["a"].shape == (4,)
    assert history["a"][1].shape == (3,)
    assert history["a"][2] == "text" and history["a"][3] is None
    assert history["b"].tolist() == ["x", None, {"k": 1}, None]


def test_ragged_lists_and_string_arrays_become_objects():
    recorder = HistoryRecorder(2)
    recorder.record(0, {"a": [1, [2, 3]], "b": np.array(["x", "y"])})
    recorder.record(1, {"a": [[4], 5], "b": np.array(["z", "y"])})
    history = recorder.history()
    assert history["a"].tolist() == [[1, [2, 3]], [[4], 5]]
    assert history["b"][1].tolist() == ["z", "y"]


def test_output_that_is_no_mapping_is_kept_under_update():
    recorder = HistoryRecorder(1)
    recorder.record(0, 3.0)
    assert recorder.history()["update"].tolist() == [3]


OUTPUTS = {
    "vectors": lambda i: {"a": np.arange(5.0) * i, "b": float(i)},
    "left out": lambda i: None if i % 3 else {"a": np.full(2, i), "b": i} if i % 2 else {"b": i},
    "wider": lambda i: {"a": [True, i, i / 2, 1j * i][i // 10], "b": np.ones(3, dtype=["f4", "f8"][i // 20]) * i},
    "another shape": lambda i: {"a": np.full(i // 10, float(i)), "b": "text" if i == 35 else float(i)},
    "empty arrays": lambda i: {"a": np.empty(0), "b": np.empty((2, 0))},
}


def as_kept_plainly(outputs):
    """What a history holds, from a list of all values."""
    history = {}
    for key in dict.fromkeys(key for output in outputs if output for key in output):
        values = [(output or {}).get(key) for output in outputs]
        arrays = [np.asarray(value) for value in values if value is not None]
        shapes = {array.shape for array in arrays}
        if len(shapes) > 1 or any(array.dtype.kind == "U" for array in arrays):
            history[key] = values
            continue
        dtype = np.result_type(*arrays)
        if None in [value if value is None else 0 for value in values] and dtype.kind in "biu":
            dtype = np.dtype(float)
        gap = np.full(shapes.pop(), np.nan) if dtype.kind in "fc" else None
        history[key] = np.array([gap if value is None else value for value in values], dtype=dtype)
    return history


@pytest.mark.parametrize("kind", OUTPUTS)
def test_a_recorder_keeps_what_a_plain_list_would_keep(kind):
    outputs = [OUTPUTS[kind](i) for i in range(40)]
    recorder = HistoryRecorder(40)
    for row, output in enumerate(outputs):
        recorder.record(row, output)
    history, expected = recorder.history(), as_kept_plainly(outputs)
    assert list(history) == list(expected)
    for key, values in expected.items():
        if isinstance(values, list):
            assert same(history[key].tolist(), values)
        else:
            assert history[key].dtype == values.dtype
            np.testing.assert_array_equal(history[key], values)


@pytest.mark.parametrize("kind", OUTPUTS)
@pytest.mark.parametrize("until", [0, 1, 13, 40])
def test_a_recorder_that_was_pickled_goes_on_to_the_same_bytes(kind, until):
    one, other = HistoryRecorder(40), HistoryRecorder(40)
    for row in range(40):
        if row == until:
            other = pickle.loads(pickle.dumps(other))
        for recorder in (one, other):
            recorder.record(row, OUTPUTS[kind](row))
    assert same(one.history(), other.history())
    if kind != "another shape":  # objects are pickled as what they are, copies as copies
        assert pickle.dumps(one.history()) == pickle.dumps(other.history())


@pytest.mark.parametrize("starts", [[0, 20], [0, 1, 2, 4, 8, 16], [7], [0, 39]])
def test_rows_that_come_in_blocks_are_the_same_as_one_after_the_other(starts):
    values = {"a": np.random.default_rng(0).normal(size=(40, 5)), "b": np.arange(40.0)}
    one, other = HistoryRecorder(40), HistoryRecorder(40)
    for start, end in zip(starts, [*starts[1:], 40], strict=True):
        for row in range(start, end):
            one.record(row, {"a": values["a"][row], "b": float(values["b"][row])})
        other.record_block(start, {key: array[start:end] for key, array in values.items()})
        other.record_block(end, {key: array[end:end] for key, array in values.items()})
    assert pickle.dumps(one.history()) == pickle.dumps(other.history())


def test_blocks_go_on_after_rows_of_another_kind():
    recorder = HistoryRecorder(8)
    recorder.record(0, {"a": 1, "b": "text"})
    recorder.record_block(2, {"a": np.array([2.5, 3.5]), "b": np.array([1, 2])})
    history = recorder.history()
    np.testing.assert_array_equal(history["a"], [1, np.nan, 2.5, 3.5, *[np.nan] * 4])
    assert history["b"].tolist() == ["text", None, 1, 2, *[None] * 4]


def test_a_history_can_be_changed_and_is_saved_as_it_is(place):
    recorder = HistoryRecorder(40)
    for row in range(40):
        recorder.record(row, {"a": np.full(5, float(row))})
    history = recorder.history()
    history["a"][3] = -1
    again = pickle.loads(pickle.dumps(history))
    assert again["a"][3].tolist() == [-1] * 5 and again["a"][39].tolist() == [39] * 5


def test_only_large_columns_go_to_disk(place, monkeypatch):
    made = []

    class Noted(Spool):
        def __init__(self):
            made.append(self)
            super().__init__()

    monkeypatch.setattr(history_columns, "Spool", Noted)
    monkeypatch.setattr(history_columns, "SPOOL_ABOVE", 1000)
    recorder = HistoryRecorder(40)
    recorder.record(0, {"small": 1.0, "large": np.zeros(100)})
    assert len(made) == 1
