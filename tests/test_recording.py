"""Growing arrays, transition histories, and the recorder of a training loop."""

import pickle

import numpy as np
import pytest

from simmanager.errors import ParameterError, UnknownName
from simmanager.recording import GrowingArray, HistoryRecorder, TransitionHistory


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
