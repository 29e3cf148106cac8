"""RunFolder: every file name, every read and every write of a run."""

import json
import os
import pickle
from pathlib import Path

import pytest

from simmanager import RunFolder, RunState
from simmanager.base.errors import ParameterError, ResultsMissing, SimManagerError
from simmanager.disk.files import SCRATCH
from simmanager.disk.run_folder import RESULTS
from simmanager.disk.state import StateHistory

NAME = "run_0_22-11-2026_14-15-33-591"


@pytest.fixture
def folder(tmp_path):
    run = RunFolder(tmp_path / "toy" / NAME)
    run.path.parent.mkdir()
    run.create()
    return run


def ended(folder, state, reason=""):
    history = folder.read_history()
    return folder.move(history, (RunState.RUNNING, ""), (state, reason))


def test_the_files_have_the_names_of_the_tutorial():
    run = RunFolder("x")
    files = {run.agent, run.arena, run.history, run.params, run.run_log, run.error_log, run.state_log}
    assert {file.name for file in files} == {
        "agent",
        "arena",
        "training_hist.dict",
        "param.dict",
        "run.log",
        "error.log",
        "state.log",
    }
    assert (run.record.name, run.summary.name) == ("run.json", "summary.npz")


def test_a_name_made_now_carries_its_run_id():
    name = RunFolder.new_name(17)
    assert RunFolder.run_id_of(name) == 17
    assert name.startswith("run_17_")


@pytest.mark.parametrize(
    "name",
    [
        "run_0",
        "run_0_22-11-2026",
        "run_-1_22-11-2026_14-15-33-591",
        "run_x_22-11-2026_14-15-33-591",
        NAME + "x",
        "x" + NAME,
        NAME + "\n",
        ".removed-" + NAME,
        "run_٣_22-11-2026_14-15-33-591",
        "",
    ],
)
def test_other_names_are_no_runs(name):
    assert RunFolder.run_id_of(name) is None
    assert RunFolder.age_key(name) == ()


def test_runs_are_aged_by_date_not_by_alphabet():
    older, newer = "run_0_31-01-2026_00-00-00-000", "run_0_01-02-2026_00-00-00-000"
    assert RunFolder.age_key(older) < RunFolder.age_key(newer)
    assert RunFolder.age_key(newer) < RunFolder.age_key("run_0_01-02-2026_00-00-00-001")


def test_the_ids_are_in_the_path(folder):
    assert (folder.simulation_id, folder.run_id) == ("toy", 0)
    assert RunFolder("results_sim").run_id is None


def test_two_of_one_path_are_equal():
    assert RunFolder("a") == RunFolder(Path("a"))
    assert len({RunFolder("a"), RunFolder(Path("a")), RunFolder("b")}) == 2
    assert RunFolder("a") != "a"
    assert repr(RunFolder("a")) == "RunFolder('a')"


def test_a_new_run_waits_in_the_queue(folder):
    assert folder.looks_like_a_run()
    assert folder.read_history().state is RunState.IN_QUEUE
    with pytest.raises(OSError, match=NAME):
        folder.create()


def test_neither_a_plain_folder_nor_a_link_looks_like_a_run(folder, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(folder.path)
    assert not RunFolder(link).looks_like_a_run()
    assert not RunFolder(tmp_path).looks_like_a_run()
    assert not RunFolder(tmp_path / "missing").looks_like_a_run()


def test_a_result_appears_whole(folder):
    folder.write_bytes("agent", b"one")
    folder.write_bytes("agent", b"two")
    assert folder.agent.read_bytes() == b"two"
    assert not list(folder.path.glob(f"{SCRATCH}*"))


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt(), ValueError()])
def test_a_result_whose_writing_fails_does_not_appear(folder, error):
    folder.write_bytes("agent", b"old")

    def writer(scratch):
        Path(scratch).write_bytes(b"half of the n")
        raise error

    with pytest.raises(type(error)):
        folder.write("agent", writer)
    assert folder.agent.read_bytes() == b"old"
    assert not list(folder.path.glob(f"{SCRATCH}*"))


def test_a_writer_that_makes_no_file_is_told_so(folder):
    def adds_an_ending(scratch):
        Path(f"{scratch}.npy").write_bytes(b"x")

    with pytest.raises(SimManagerError, match="'agent' wrote no file at the path it was given"):
        folder.write("agent", adds_an_ending)


def test_a_result_may_be_a_folder_and_may_be_replaced(folder):
    def writer(scratch):
        Path(scratch).mkdir()
        Path(scratch, "weights").write_text("w")

    folder.write("agent", writer)
    folder.write("agent", writer)
    assert (folder.agent / "weights").read_text() == "w"
    folder.write_bytes("agent", b"a file again")
    assert folder.agent.is_file()


def test_writing_does_not_follow_a_link_in_place_of_the_result(folder, tmp_path):
    (tmp_path / "precious").write_text("keep")
    folder.agent.symlink_to(tmp_path / "precious")
    folder.write_bytes("agent", b"new")
    assert (tmp_path / "precious").read_text() == "keep"
    assert folder.agent.read_bytes() == b"new"
    assert not folder.agent.is_symlink()


def test_json_is_written_readable_and_read_back(folder):
    folder.write_json("run.json", {"reason": "grün", "n": 1})
    assert "grün" in folder.record.read_text(encoding="utf-8")
    assert folder.read_json(folder.record) == {"reason": "grün", "n": 1}


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"null", b'{"a": \xff}', b"[" * 100_000])
def test_damaged_json_reads_as_nothing(folder, content):
    folder.record.write_bytes(content)
    assert folder.read_json(folder.record) == {}


def test_json_that_is_missing_a_folder_or_a_link_reads_as_nothing(folder, tmp_path):
    assert folder.read_json(folder.record) == {}
    (tmp_path / "real.json").write_text('{"a": 1}')
    folder.record.symlink_to(tmp_path / "real.json")
    assert folder.read_json(folder.record) == {}
    assert folder.read_json(tmp_path) == {}


def test_setting_an_attempt_aside_keeps_its_logs_and_removes_what_is_unfinished(folder):
    for name in ("run.log", "error.log", "run.json", *RESULTS, "progress", SCRATCH + "agent"):
        (folder.path / name).write_text(name)
    folder.set_aside_attempt(1)
    kept = {"run.log", "error.log", "run.json", "summary.npz"}  # what it wrote, its metrics and its curves
    assert {path.name for path in (folder.path / "attempt_1").iterdir()} == kept
    assert {path.name for path in folder.path.iterdir()} == {"attempt_1", "state.log"}
    folder.set_aside_attempt(2)
    assert not (folder.path / "attempt_2").exists()


def test_logs_are_read_whole_or_from_the_end_whatever_their_bytes(folder):
    folder.run_log.write_bytes(b"one\ntwo \xff\n")
    assert folder.read_log("run") == "one\ntwo \N{REPLACEMENT CHARACTER}\n"
    assert folder.read_log("run", limit=3) == " \N{REPLACEMENT CHARACTER}\n"
    assert folder.read_log("error") == ""
    assert "in_queue" in folder.read_log("state")


def test_there_are_three_logs_and_no_other(folder):
    with pytest.raises(ParameterError, match="log_type must be 'error', 'run' or 'state', not 'agent'"):
        folder.read_log("agent")


@pytest.mark.parametrize(
    ("text", "fraction"),
    [
        ("5 10\n", 0.5),
        ("20 10", 1.0),
        ("-3 10", 0.0),
        ("0 0", None),
        ("nan 10", None),
        ("x y", None),
        ("5", None),
        ("", None),
    ],
)
def test_progress_is_a_fraction_or_nothing(folder, text, fraction):
    folder.progress.write_text(text)
    assert folder.read_progress() == fraction


def test_no_progress_file_is_no_progress(folder):
    assert folder.read_progress() is None


def test_the_parameters_may_bear_neuralplaygrounds_file_name(folder):
    assert folder.params.name == "param.dict"
    (folder.path / "params.dict").touch()
    assert folder.params.name == "params.dict"
    (folder.path / "param.dict").touch()
    assert folder.params.name == "param.dict"


def test_a_result_is_loaded(folder):
    folder.write_bytes("training_hist.dict", pickle.dumps({"a": [1]}))
    assert folder.load(folder.history) == {"a": [1]}


def test_a_missing_result_says_in_which_state_the_run_is(folder):
    with pytest.raises(ResultsMissing, match="no 'agent': its state is in_queue"):
        folder.load(folder.agent)
    ended(folder, RunState.ERROR, "ValueError: boom")
    with pytest.raises(ResultsMissing, match=r"its state is error \(ValueError: boom\)"):
        folder.load(folder.agent)


def test_a_missing_run_says_so(tmp_path):
    with pytest.raises(ResultsMissing, match="the folder does not exist"):
        RunFolder(tmp_path / "no").load(tmp_path / "no" / "agent")
    with pytest.raises(ResultsMissing, match="does not look like the folder of a run"):
        RunFolder(tmp_path).load(tmp_path / "agent")


@pytest.mark.parametrize("content", [b"", b"not a pickle", pickle.dumps(list(range(1000)))[:-20]])
def test_a_damaged_result_says_what_to_do(folder, content):
    folder.agent.write_bytes(content)
    with pytest.raises(SimManagerError, match="is damaged and cannot be loaded"):
        folder.load(folder.agent)


def test_moves_of_a_folder_are_lines_of_its_log(folder):
    history = ended(folder, RunState.FINISHED)
    assert [move.state for move in history.transitions] == ["in_queue", "running", "finished"]
    assert folder.read_history() == history
    assert isinstance(history, StateHistory)


def test_results_are_readable_by_others_as_the_umask_says(folder):
    before = os.umask(0o022)
    try:
        folder.write_json("run.json", json.loads("{}"))
    finally:
        os.umask(before)
    assert folder.record.stat().st_mode & 0o777 == 0o644


def test_a_saver_gets_a_name_that_pytorch_takes(tmp_path):
    """PyTorch cuts a name at its last dot, and refuses what is empty then."""
    names = []

    def save(path):
        names.append(Path(path).name)
        Path(path).touch()

    RunFolder(tmp_path).write("agent", save)
    assert names[0].partition(".")[0]
    assert (tmp_path / "agent").exists()
