"""States, the table of moves, and state.log: written whole, read whatever it holds."""

import itertools
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simmanager import RunState
from simmanager.base.clock import seconds_between, utc_now
from simmanager.base.errors import InvalidTransition
from simmanager.base.text import DETAIL_LENGTH, one_line
from simmanager.disk.files import read_regular
from simmanager.disk.state import ALLOWED_MOVES, StateHistory, Transition, parse, read_history, write_moves

NOTHING = StateHistory((), 0)

#: The table of moves, row by row.
TABLE = {
    (None, "in_queue"),
    ("in_queue", "running"),
    ("running", "finished"),
    ("running", "error"),
    ("running", "interrupted"),
    ("error", "in_queue"),
    ("interrupted", "in_queue"),
}

#: How to come to each state.
ROADS = {
    None: [],
    "in_queue": ["in_queue"],
    "running": ["in_queue", "running"],
    "finished": ["in_queue", "running", "finished"],
    "error": ["in_queue", "running", "error"],
    "interrupted": ["in_queue", "running", "interrupted"],
}


def moved(path, *keywords, history=NOTHING):
    return write_moves(path, history, *((RunState(keyword), "") for keyword in keywords))


def a_life(path):
    history = moved(path, "in_queue", "running")
    history = write_moves(path, history, (RunState.INTERRUPTED, "stopped by the user"))
    history = moved(path, "in_queue", "running", history=history)
    return write_moves(path, history, (RunState.FINISHED, "duration_s=1.5 cpu_s=1.2 peak_mb=80.0"))


def test_the_keywords_are_those_of_neuralplayground():
    assert [str(state) for state in RunState] == ["in_queue", "running", "finished", "error", "interrupted"]
    assert json.dumps(RunState.ERROR) == '"error"'


@pytest.mark.parametrize(("before", "after"), list(itertools.product([None, *RunState], RunState)))
def test_a_move_is_allowed_exactly_if_the_table_says_so(before, after, tmp_path):
    path = tmp_path / "state.log"
    history = moved(path, *ROADS[before])
    content = path.read_bytes() if path.exists() else None
    if (before, after) in TABLE:
        assert after in ALLOWED_MOVES[before]
        assert moved(path, after, history=history).state is after
        assert read_history(path).state is after
    else:
        with pytest.raises(InvalidTransition, match=f"cannot become {after}"):
            moved(path, after, history=history)
        assert (path.read_bytes() if path.exists() else None) == content


def test_a_row_of_moves_with_one_that_is_not_allowed_writes_nothing(tmp_path):
    with pytest.raises(InvalidTransition):
        moved(tmp_path / "state.log", "in_queue", "running", "in_queue")
    assert not (tmp_path / "state.log").exists()


def test_what_is_written_is_read_back(tmp_path):
    path = tmp_path / "state.log"
    written = a_life(path)
    assert read_history(path) == written
    assert written.state is RunState.FINISHED
    assert written.attempts == 2
    assert written.size == path.stat().st_size
    assert written.started == written.transitions[-2].when
    assert written.last.detail == "duration_s=1.5 cpu_s=1.2 peak_mb=80.0"


def test_a_line_is_time_tab_keyword_tab_detail(tmp_path):
    path = tmp_path / "state.log"
    write_moves(path, NOTHING, (RunState.IN_QUEUE, "why"))
    when, keyword, detail = path.read_text().removesuffix("\n").split("\t")
    assert (keyword, detail) == ("in_queue", "why")
    assert when.endswith("Z")
    assert len(when) == len("2026-11-22T14:15:33.591Z")


@pytest.mark.parametrize("keyword", [state.value for state in RunState])
@pytest.mark.parametrize("ending", ["", "\n", "\r\n", " "])
def test_a_bare_keyword_is_read_with_and_without_newline(keyword, ending):
    history = parse(f"{keyword}{ending}".encode())
    assert history.state == keyword
    assert history.last.when == ""
    assert history.damage == ""


def test_a_log_cut_at_any_byte_says_what_its_last_whole_line_said(tmp_path):
    path = tmp_path / "state.log"
    whole = a_life(path)
    content = path.read_bytes()
    for size in range(len(content)):
        history = parse(content[:size])
        lines = content[:size].count(b"\n")
        assert history.transitions == whole.transitions[:lines]
        assert history.damage == ""
        assert history.size == size


def test_the_next_move_closes_a_torn_line_instead_of_joining_it(tmp_path):
    path = tmp_path / "state.log"
    whole = a_life(path)
    content = path.read_bytes()
    start_of_last = content.rstrip(b"\n").rindex(b"\n") + 1
    for size in range(start_of_last, len(content)):
        path.write_bytes(content[:size])
        torn = read_history(path)
        assert torn.state is RunState.RUNNING
        after = write_moves(path, torn, (RunState.ERROR, "killed"))
        again = read_history(path)
        assert again.state is RunState.ERROR
        assert again.last.detail == "killed"
        assert again.size == after.size == path.stat().st_size
        assert again.attempts == whole.attempts


@pytest.mark.parametrize(
    "garbage",
    [b"\x00" * 50 + b"\n", b"\xff\xfe\xfa\n", b"what\n", b"a\tsleeping\tb\n", b"\t\t\n x\n", b"running fast\n"],
)
def test_lines_that_cannot_be_read_are_left_out_and_named(garbage):
    good = Transition("2026-11-22T14:15:33.591Z", RunState.RUNNING, "").line().encode()
    history = parse(garbage + good)
    assert history.state is RunState.RUNNING
    assert "unreadable line(s) in state.log" in history.damage
    assert parse(good + garbage).state is RunState.RUNNING


def test_blank_lines_are_no_damage():
    assert parse(b"\n\n  \nfinished\n\n").damage == ""


def test_an_empty_log_has_no_state():
    history = parse(b"")
    assert (history.state, history.last, history.attempts, history.started) == (None, None, 0, "")


@given(st.binary(max_size=300))
def test_no_bytes_whatever_make_reading_fail(content):
    history = parse(content)
    assert history.size == len(content)
    assert all(isinstance(transition.state, RunState) for transition in history.transitions)


@given(st.lists(st.text(max_size=700), min_size=1, max_size=4))
def test_a_detail_can_never_forge_a_line(details):
    moves = [Transition(utc_now(), RunState.RUNNING, detail) for detail in details]
    content = "".join(move.line() for move in moves).encode("utf-8", "replace")
    history = parse(content)
    assert len(history.transitions) == len(moves)
    assert history.damage == ""
    for transition, detail in zip(history.transitions, details, strict=True):
        assert len(transition.detail) <= DETAIL_LENGTH
        assert transition.detail == one_line(detail).encode("utf-8", "replace").decode()


@pytest.mark.parametrize("detail", ["a\nb", "a\r\nb", "a\tb", "a\x1b[2Jb", "a\x85b", "a\u2028b\u2029", "\x9b31mb"])
def test_control_characters_in_a_detail_are_replaced(detail, tmp_path):
    path = tmp_path / "state.log"
    write_moves(path, NOTHING, (RunState.IN_QUEUE, detail))
    assert path.read_bytes().count(b"\n") == 1
    assert all(character.isprintable() for character in read_history(path).last.detail)


def test_a_long_detail_is_cut():
    assert one_line("x" * 1000, 10) == "x" * 9 + "…"
    assert one_line("x" * 10, 10) == "x" * 10


def test_lone_surrogates_in_a_detail_can_be_written(tmp_path):
    write_moves(tmp_path / "state.log", NOTHING, (RunState.IN_QUEUE, "\udcff"))
    assert read_history(tmp_path / "state.log").last.detail == "?"


def test_a_missing_log_is_empty_and_says_so(tmp_path):
    history = read_history(tmp_path / "state.log")
    assert history.state is None
    assert history.damage == "state.log is missing"


def test_neither_a_link_nor_a_folder_is_taken_for_a_log(tmp_path):
    (tmp_path / "real.log").write_text("finished")
    (tmp_path / "link.log").symlink_to(tmp_path / "real.log")
    (tmp_path / "folder.log").mkdir()
    assert "cannot be read" in read_history(tmp_path / "link.log").damage
    assert "cannot be read" in read_history(tmp_path / "folder.log").damage
    with pytest.raises(OSError, match=r"link\.log"):
        moved(tmp_path / "link.log", "in_queue")
    assert (tmp_path / "real.log").read_text() == "finished"


def test_every_state_has_a_line_of_its_own_that_says_what_it_means():
    from pathlib import Path

    from simmanager.disk import state

    lines = Path(state.__file__).read_text().splitlines()
    for keyword in RunState:
        at = next(n for n, line in enumerate(lines) if line.strip() == f'{keyword.name} = "{keyword.value}"')
        assert lines[at - 1].strip().startswith("#: ")


@pytest.mark.parametrize(
    ("start", "end", "seconds"),
    [
        ("2026-11-22T14:15:33.000Z", "2026-11-22T14:15:34.500Z", 1.5),
        ("2026-11-22T14:15:34.500Z", "2026-11-22T14:15:33.000Z", 0.0),
        ("", "2026-11-22T14:15:33.000Z", None),
        ("yesterday", "today", None),
        ("2026-11-22T14:15:33.000Z", "2026-11-22T14:15:34", None),
    ],
)
def test_seconds_between_two_times(start, end, seconds):
    assert seconds_between(start, end) == seconds


@pytest.mark.parametrize("limit", [0, 1, 65_535, 65_536, 65_537, 200_000, 1 << 40])
def test_a_regular_file_is_read_up_to_a_limit(limit, tmp_path):
    content = bytes(range(256)) * 600  # more than is read at a time
    (tmp_path / "file").write_bytes(content)
    assert read_regular(tmp_path / "file", limit) == content[:limit]


def test_neither_a_link_nor_a_folder_nor_a_pipe_is_read_as_a_file(tmp_path):
    (tmp_path / "file").write_text("secret")
    (tmp_path / "link").symlink_to("file")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", ".", "pipe", "missing"):
        with pytest.raises(OSError):
            read_regular(tmp_path / name, 10)
