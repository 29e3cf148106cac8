"""BatchFolder: names, the manifest and its damage, and one manager at a time."""

import fcntl
import json
import os
import re
import socket
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simmanager import RunFolder, read_status
from simmanager.base.errors import (
    BatchBusy,
    BatchDamaged,
    BatchNotFound,
    BatchNotWritable,
    BatchWarning,
    UnsafeName,
)
from simmanager.batch.making import make_batch
from simmanager.cli.main import main
from simmanager.disk import locks
from simmanager.disk.batch_folder import BatchFolder
from simmanager.disk.files import SCRATCH
from simmanager.disk.manifest import Manifest, check_name

MANIFEST = Manifest(
    manager_id="batch",
    batch_id="0123",
    seed=7,
    runs_per_sim=2,
    simulations=({"simulation_id": "a", "agent_params": {"gain": 1.5}}, {"simulation_id": "b"}),
    created="2026-11-22T14:15:33.591Z",
    provenance={"host": "here"},
)


@pytest.fixture
def folder(tmp_path):
    batch = BatchFolder(tmp_path / "batch")
    batch.path.mkdir()
    return batch


@pytest.mark.parametrize("name", ["a", "A.b", "x_1-2", "lr=0.01,n=5", "+a", "=", "_", "0", "a" * 150, "a..b"])
def test_safe_names_pass(name):
    assert check_name("An id", name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../x",
        "/etc",
        "a/b",
        "a\\b",
        ".hidden",
        "-rf",
        "a b",
        " a",
        "a\n",
        "\n",
        "a\x00b",
        "a\tb",
        "a\x1b[31m",
        "é",
        "名",
        "a\u202eb",
        "a*",
        "a?",
        "$HOME",
        "~",
        "a;b",
        "a|b",
        "a:b",
        "a'b",
        'a"b',
        "a%b",
        "{a}",
        "a" * 151,
        None,
        5,
        b"a",
        ["a"],
        True,
    ],
)
def test_unsafe_names_are_refused_with_what_they_were_for(name):
    with pytest.raises(UnsafeName, match="An id") as caught:
        check_name("An id", name)
    assert isinstance(caught.value, ValueError)
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)


@given(st.text(max_size=200))
def test_a_name_that_passes_is_one_plain_component_of_a_path(name):
    try:
        check_name("An id", name)
    except UnsafeName:
        return
    assert os.path.basename(name) == name  # noqa: PTH119
    assert name not in ("", ".", "..")
    assert name.isascii()
    assert name.isprintable()
    assert len(name) <= 150


def test_what_the_manifest_says_is_read_back(folder):
    folder.write_manifest(MANIFEST)
    assert folder.read_manifest() == MANIFEST
    assert MANIFEST.simulation_ids == ["a", "b"]
    assert json.loads(folder.manifest_file.read_text())["format"] == 1


def test_the_manifest_is_readable_by_people(folder):
    folder.write_manifest(MANIFEST)
    text = folder.manifest_file.read_text()
    assert '"gain": 1.5' in text
    assert len(text.splitlines()) > 5


def test_a_folder_without_manifest_is_no_batch(folder, tmp_path):
    for path in (folder.path, tmp_path / "missing"):
        with pytest.raises(BatchNotFound, match="There is no batch at"):
            BatchFolder(path).read_manifest()
    (tmp_path / "file").touch()
    with pytest.raises(BatchNotFound):
        BatchFolder(tmp_path / "file").read_manifest()


def test_where_there_is_no_batch_those_nearby_are_named(tmp_path):
    for name in ("tonight", "fits", *(f"more_{i}" for i in range(5))):
        batch = BatchFolder(tmp_path / name)
        batch.path.mkdir()
        batch.write_manifest(MANIFEST)
    (tmp_path / "no batch").mkdir()
    for ask in (BatchFolder(tmp_path / "tonite").read_manifest, BatchFolder(tmp_path / "tonite").held().__enter__):
        with pytest.raises(BatchNotFound, match=r"Did you mean 'tonight'\?$"):
            ask()
    with pytest.raises(BatchNotFound, match=r"Batches in it: fits, more_0, more_1, more_2, more_3, \.\.\.\.$"):
        BatchFolder(tmp_path).read_manifest()
    with pytest.raises(BatchNotFound, match=r"no batch and no run at .*tonite\. Did you mean 'tonight'\?$"):
        read_status(tmp_path / "tonite")
    with pytest.raises(BatchNotFound, match=r"in it\)\.$"):
        BatchFolder(tmp_path / "something else").read_manifest()


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\x00" * 20, b"\xff", b"[]", b"null", b"5", b"{}", b"[" * 100_000, b'{"format": 1}']
)
def test_a_damaged_manifest_is_named(folder, content):
    folder.manifest_file.write_bytes(content)
    with pytest.raises(BatchDamaged, match=r"manager\.json is damaged"):
        folder.read_manifest()


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"format": None},
        {"format": "1"},
        {"manager_id": 5},
        {"batch_id": None},
        {"seed": "7"},
        {"seed": 1.5},
        {"seed": True},
        {"runs_per_sim": 0},
        {"runs_per_sim": -1},
        {"runs_per_sim": 10**12},
        {"runs_per_sim": True},
        {"simulations": {}},
        {"simulations": ["a"]},
        {"simulations": [{}]},
        {"simulations": [{"simulation_id": "../../etc"}]},
        {"simulations": [{"simulation_id": "a"}, {"simulation_id": "a"}]},
        {"provenance": []},
        {"created": None},
    ],
    ids=str,
)
def test_a_manifest_that_cannot_be_is_refused(folder, change):
    folder.manifest_file.write_text(json.dumps({**MANIFEST.as_json(), **change}))
    with pytest.raises(BatchDamaged, match=r"manager\.json is damaged"):
        folder.read_manifest()


@pytest.mark.parametrize(
    "name", ["manager_id", "batch_id", "seed", "runs_per_sim", "simulations", "created", "provenance"]
)
def test_a_manifest_that_lacks_a_field_names_it(folder, name):
    content = MANIFEST.as_json()
    del content[name]
    folder.manifest_file.write_text(json.dumps(content))
    with pytest.raises(BatchDamaged, match=name):
        folder.read_manifest()


def test_a_manifest_cut_at_any_byte_is_damage_not_another_batch(folder):
    folder.write_manifest(MANIFEST)
    content = folder.manifest_file.read_bytes()
    for size in range(len(content) - 2):
        folder.manifest_file.write_bytes(content[:size])
        with pytest.raises(BatchDamaged):
            folder.read_manifest()


@pytest.mark.parametrize("kind", ["link", "folder", "fifo"])
def test_what_is_no_file_is_no_manifest(folder, kind, tmp_path):
    if kind == "link":
        (tmp_path / "x.json").write_text(json.dumps(MANIFEST.as_json()))
        folder.manifest_file.symlink_to(tmp_path / "x.json")
    elif kind == "folder":
        folder.manifest_file.mkdir()
    else:
        os.mkfifo(folder.manifest_file)
    with pytest.raises(BatchDamaged):
        folder.read_manifest()


def test_recipes_come_first_and_the_manifest_makes_the_batch(folder, monkeypatch):
    seen = []
    monkeypatch.setattr(BatchFolder, "write_manifest", lambda self, _: seen.append(self.recipe("a").read_bytes()))
    with folder.held() as batch:
        make_batch(batch, {"a": b"recipe"}, MANIFEST, None, {})
    assert seen == [b"recipe"]


def test_a_batch_that_cannot_be_written_says_where_and_why(folder):
    (folder.path / "a").write_text("in the way")
    with folder.held() as batch, pytest.raises(BatchNotWritable, match="cannot be written"):
        make_batch(batch, {"a": b"recipe"}, MANIFEST, None, {})
    assert not folder.manifest_file.exists()


def test_remains_of_a_killed_creation_are_told_from_other_things(folder):
    assert folder.holds_only_remains()
    (folder.path / "batch.lock").touch()
    (folder.path / f"{SCRATCH}manager.json").touch()
    folder.write_recipe("a", b"recipe")
    assert folder.holds_only_remains()
    (folder.path / "a" / "notes.txt").touch()
    assert not folder.holds_only_remains()
    (folder.path / "a" / "notes.txt").unlink()
    for name in ("thesis.tex", ".part-thesis.tex"):
        (folder.path / name).touch()
        assert not folder.holds_only_remains()
        (folder.path / name).unlink()


def test_scratch_files_of_ours_are_removed_and_those_of_others_stay(folder):
    run = RunFolder(folder.path / "run_0_01-02-2026_00-00-00-000")
    run.create()
    ours = {folder: [f"{SCRATCH}any", ".part-manager.json", "~part-stop.request"]}
    ours[run] = [f"{SCRATCH}agent", ".part-agent", "~part-agent_weights.npy", ".part-run.json", "~part-summary.npz"]
    theirs = [".part-download.iso", "~part-thesis.tex", ".part-agents.csv", "part-manager.json"]
    for place, names in ours.items():
        for name in (*names, *theirs):
            (place.path / name).touch()
        assert not place.remove_scratch()
        assert {path.name for path in place.path.iterdir() if "part-" in path.name} == set(theirs)


def test_a_lock_that_somebody_only_looks_at_names_him_and_no_manager(folder, monkeypatch):
    monkeypatch.setattr(locks, "_LOOKERS_S", 0.6)
    with folder.held():
        pass
    with folder.lock_file.open() as look:
        fcntl.flock(look, fcntl.LOCK_SH)
        assert not folder.is_held()
        who = rf"held by process {os.getpid()} \(.*\), which only looks at it \(by a shared lock\)"
        with pytest.warns(BatchWarning, match=f"Waiting for .*batch.lock, {who}"):
            with pytest.raises(BatchBusy, match=who) as caught, folder.held():
                pass
        assert "manager" not in str(caught.value).removeprefix(str(folder.path))


def test_a_lock_that_another_program_holds_names_that_and_no_manager(folder, capsys):
    with folder.held():
        pass
    folder.write_manifest(MANIFEST)
    program = (
        "import fcntl, sys; fcntl.flock(f := open(sys.argv[1]), fcntl.LOCK_EX); print('held', flush=True); input()"
    )
    command = [sys.executable, "-c", program, str(folder.lock_file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        who = rf"process {other.pid} \(.*\)"
        with pytest.raises(BatchBusy, match=f"batch.lock, is held by {who}. End that process") as caught:
            with folder.held():
                pass
        assert "manager" not in str(caught.value).removeprefix(str(folder.path))
        assert main(["stop", str(folder.path)]) == 0
        assert re.match(f"Asked {who} to stop", capsys.readouterr().out)
        other.stdin.write(b"\n")


def test_of_two_folders_of_one_run_the_newer_counts(folder):
    simulation = folder.simulation("a")
    simulation.mkdir()
    for name in ("run_0_31-01-2026_00-00-00-000", "run_0_01-02-2026_00-00-00-000", "run_1_01-01-2026_00-00-00-000"):
        RunFolder(simulation / name).create()
    (simulation / "run_2_01-01-2026_00-00-00-000").touch()
    (simulation / "run_3_01-01-2026_00-00-00-000").symlink_to(simulation / "run_1_01-01-2026_00-00-00-000")
    (simulation / ".removed-run_4_01-01-2026_00-00-00-000").mkdir()
    found = folder.run_folders("a")
    assert {run_id: path.rpartition("/")[2] for run_id, path in found.items()} == {
        0: "run_0_01-02-2026_00-00-00-000",
        1: "run_1_01-01-2026_00-00-00-000",
    }


def test_a_simulation_without_folder_has_no_runs(folder):
    assert folder.run_folders("a") == {}


def test_a_second_manager_is_refused_with_host_pid_and_since_when(folder):
    program = """
import sys
from simmanager.disk import locks
from simmanager.disk.batch_folder import BatchFolder
with BatchFolder(sys.argv[1]).held():
    print("held", flush=True)
    sys.stdin.read()
"""
    command = [sys.executable, "-c", program, str(folder.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        assert folder.is_held()
        with pytest.raises(BatchBusy) as caught, folder.held():
            pass
        message = str(caught.value)
        assert f"process {process.pid} on {socket.gethostname()}, since 2" in message
        assert "simmanager stop" in message
        process.stdin.close()
    assert not folder.is_held()
    with folder.held():
        assert folder.is_held()
    assert f"process {os.getpid()} on" in folder.owner()


def test_a_batch_is_free_again_after_an_error(folder):
    with pytest.raises(ZeroDivisionError), folder.held():
        1 / 0
    assert not folder.is_held()


def test_an_unsigned_lock_belongs_to_an_unknown_process(folder):
    folder.lock_file.write_text("what?")
    assert folder.owner() == "an unknown process"


def test_holding_a_batch_that_is_gone_does_not_bring_it_back(tmp_path):
    with pytest.raises(BatchNotFound, match="no batch"), BatchFolder(tmp_path / "gone").held():
        pass
    assert not (tmp_path / "gone").exists()


def test_a_lock_that_cannot_be_made_says_so(folder):
    folder.lock_file.mkdir()
    with pytest.raises(BatchNotWritable, match="cannot be written"), folder.held():
        pass


def test_a_request_to_stop_is_made_read_and_forgotten(folder):
    assert folder.requested_stop() == ""
    folder.request_stop(now=False)
    assert folder.requested_stop() == "finish"
    folder.request_stop(now=True)
    assert (folder.requested_stop(), folder.who_stops()) == ("now", "")
    folder.request_stop(now=True, who="stopped by SIGTERM (a kill)")
    assert (folder.requested_stop(), folder.who_stops()) == ("now", "stopped by SIGTERM (a kill)")
    folder.clear_stop_request()
    folder.clear_stop_request()
    assert folder.requested_stop() == ""
    folder.stop_request.write_text("explode")
    assert folder.requested_stop() == ""
