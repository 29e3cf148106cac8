"""The times in which a batch was frozen, and how much of them lies within a run."""

import json

import pytest

from simmanager.base.clock import utc_now
from simmanager.disk.frozen import FROZEN_TIMES, batch_of, frozen_seconds, is_frozen, note_freeze, note_thaw


def at(second):
    return f"2026-11-27T14:00:{second:06.3f}Z"


@pytest.mark.parametrize(
    ("begin", "end", "expected"),
    [
        (0, 5, 0.0),  # before
        (0, 12, 2.0),  # its end lies within
        (11, 12, 1.0),  # all of it
        (0, 30, 5.0),  # the whole first time
        (12, 41.5, 4.5),  # the end of one, the begin of the other
        (0, 59, 15.0),
        (16, 39, 0.0),  # between
    ],
)
def test_what_lies_within_a_run_counts(tmp_path, begin, end, expected):
    times = [[at(10), at(15)], [at(40), at(50)]]
    (tmp_path / FROZEN_TIMES).write_text(json.dumps({"times": times}))
    assert frozen_seconds(tmp_path, at(begin), at(end)) == pytest.approx(expected)


def test_a_time_that_has_no_end_yet_lasts_until_now(tmp_path):
    (tmp_path / FROZEN_TIMES).write_text(json.dumps({"times": [[at(10), ""]]}))
    assert frozen_seconds(tmp_path, at(0), at(30)) == pytest.approx(20.0)
    assert frozen_seconds(tmp_path, at(0)) > 20.0
    assert is_frozen(tmp_path)


def test_it_is_noted_when_it_begins_and_ends(tmp_path):
    assert not is_frozen(tmp_path) and frozen_seconds(tmp_path, at(0)) == 0.0
    note_thaw(tmp_path)
    assert not (tmp_path / FROZEN_TIMES).exists(), "nothing was frozen"
    before = utc_now()
    for _ in range(2):
        note_freeze(tmp_path)
        assert is_frozen(tmp_path)
        note_thaw(tmp_path)
        assert not is_frozen(tmp_path)
    times = json.loads((tmp_path / FROZEN_TIMES).read_text())["times"]
    assert len(times) == 2 and all(before <= first <= last <= utc_now() for first, last in times)


@pytest.mark.parametrize("text", ["", "[]", '{"times": 3}', '{"times": [3, ["a"], ["a", 2], ["2026", "2025"]]}'])
def test_a_damaged_file_counts_nothing(tmp_path, text):
    (tmp_path / FROZEN_TIMES).write_text(text)
    assert frozen_seconds(tmp_path, at(0), at(59)) == 0.0 and not is_frozen(tmp_path)


def test_the_batch_of_a_run_is_two_folders_above():
    assert batch_of("/a/batch/sim/run_0") == "/a/batch" and batch_of("sim/run_0") == ""
