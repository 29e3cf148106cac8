"""A folder from a stranger is looked at without harm; nothing outside of the batch is touched."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest
from families import slow_but
from toys import failing_loop, toy_sim

from simmanager import BatchDamaged, RunState, SimManagerError, SimulationManager
from simmanager.base.errors import UnsafeName
from simmanager.cli.main import main
from simmanager.disk.files import SCRATCH
from simmanager.status.reader import read_status

EVIL = "\x1b[31mred\x1b]0;title\x07\x1b[2J\r\n\u202eltr\u2066\x9b31m\x00<script>alert(1)</script>\ud800"

#: What a terminal would obey.
FORBIDDEN = ("\x1b", "\x07", "\x9b", "\x00", "\r", "\u202e", "\u2066", "\ud800")


class Bomb:
    """Its pickle makes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> Any:
        return os.mkdir, (self.path,)


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ready")
    sims = [toy_sim("good"), toy_sim("bad", failing_loop)]
    SimulationManager(sims, 2, "b", seed=1, results_dir=folder).run_all(1, progress=False)
    return folder / "b"


@pytest.fixture
def batch(ready: Path, tmp_path: Path) -> Path:
    """A copy for each test."""
    return Path(shutil.copytree(ready, tmp_path / "b"))


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder that looks like a simulation with runs, but is not of the batch."""
    folder = tmp_path / "outside"
    run = folder / "run_0_22-11-2026_14-15-33-591"
    run.mkdir(parents=True)
    (run / "state.log").write_text(
        "2026-11-22T14:15:33.591Z\tin_queue\t\n2026-11-22T14:15:33.600Z\trunning\t\n"
        "2026-11-22T14:15:33.700Z\terror\tprecious\n"
    )
    for name in ("run.log", "error.log", "agent", "simulation.pkl", "batch.lock"):
        (run / name).write_text("precious")
        (folder / name).write_text("precious")
    return folder


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b"" for path in folder.rglob("*")}


def run_of(batch: Path, simulation: str, run_id: int = 0) -> Path:
    return next((batch / simulation).glob(f"run_{run_id}_*"))


def look_at(batch: Path, capsys: Any) -> str:
    """Look at a batch in every way that promises to be safe; return all that was printed."""
    words = [["status", str(batch)], ["status", str(batch), "--json"]]
    words += [["logs", str(batch), "--type", kind] for kind in ("error", "run", "state")]
    words += [["logs", str(batch), "good"], ["logs", str(batch), "bad", "0"], ["logs", str(batch), "--follow"]]
    words += [["status", str(batch), "--watch"]]
    for command in words:
        assert main(command) in (0, 1, 2)
    said = capsys.readouterr()
    assert "Traceback (most recent call last)" not in said.err
    return str(said.out + said.err)


# Pickles -------------------------------------------------------------------------------------------------------


def test_a_pickle_bomb_in_every_file_stays_unexploded(batch, tmp_path, capsys):
    crater = tmp_path / "crater"
    bomb = pickle.dumps(Bomb(crater))
    pickle.loads(bomb)
    assert crater.is_dir(), "the bomb works"
    crater.rmdir()
    keep = ("manager.json", "state.log")
    for name in (
        "agent",
        "arena",
        "training_hist.dict",
        "param.dict",
        "params.dict",
        "summary.npz",
        "run.json",
        "run.log",
        "error.log",
        "progress",
        "checkpoint",
        "state.lock",
    ):
        (run_of(batch, "good") / name).write_bytes(bomb)
    for path in [path for path in batch.rglob("*") if path.is_file() and path.name not in keep]:
        path.write_bytes(bomb)
    look_at(batch, capsys)
    SimulationManager(existing_simulation=batch).check_run_status()
    read_status(run_of(batch, "good"))
    for name in keep:
        for path in batch.rglob(name):
            path.write_bytes(bomb)
    look_at(batch, capsys)
    assert not crater.exists()


# What a terminal obeys -----------------------------------------------------------------------------------------


def evil_bytes() -> bytes:
    return EVIL.encode("utf-8", "surrogatepass") + b"\xff\xfe"


def test_what_comes_from_logs_cannot_command_the_terminal(batch, capsys):
    for run in batch.glob("*/run_*"):
        for name in ("run.log", "error.log"):
            (run / name).write_bytes(evil_bytes() + b"x" * 10_000_000 + b"\n" + evil_bytes())
        stamp = b"2026-11-22T14:15:33.591Z\t"
        (run / "state.log").write_bytes(
            stamp
            + b"in_queue\t\n"
            + stamp
            + b"running\thost="
            + evil_bytes().replace(b"\n", b" ")
            + b"\n"
            + stamp
            + b"error\t"
            + evil_bytes().replace(b"\n", b" ")
            + b"\n"
        )
    said = look_at(batch, capsys)
    for sign in FORBIDDEN:
        assert sign not in said, repr(sign)
    assert max(map(len, said.splitlines())) < 20_000, "a line of 10 MB is cut"
    assert "red" in said


def test_ids_in_a_hostile_manager_json_cannot_command_the_terminal_or_leave_the_folder(batch, outside, capsys):
    manifest = json.loads((batch / "manager.json").read_text())
    before = snapshot(outside)
    for evil in (
        "../../etc",
        "..",
        "../outside",
        "/etc",
        ".hidden",
        "a/b",
        EVIL.encode("utf-8", "replace").decode(),
        "",
        None,
        7,
    ):
        hostile = {**manifest, "simulations": [{"simulation_id": evil}]}
        (batch / "manager.json").write_text(json.dumps(hostile))
        said = look_at(batch, capsys)
        assert not [sign for sign in FORBIDDEN if sign in said]
        assert "damaged" in said
        with pytest.raises(BatchDamaged):
            SimulationManager(existing_simulation=batch)
        assert main(["resume", str(batch)]) == 2 and main(["rerun", str(batch), "good"]) == 2
    (batch / "manager.json").write_text(json.dumps({**manifest, "manager_id": EVIL}))
    said = look_at(batch, capsys)
    assert not [sign for sign in FORBIDDEN if sign in said]
    assert snapshot(outside) == before


def test_a_manager_json_that_promises_the_moon_is_refused(batch, capsys):
    manifest = json.loads((batch / "manager.json").read_text())
    twins = {**manifest, "simulations": manifest["simulations"] * 2}
    for hostile in (
        {**manifest, "runs_per_sim": 10**30},
        {**manifest, "runs_per_sim": True},
        {**manifest, "seed": 1.5},
        twins,
    ):
        (batch / "manager.json").write_text(json.dumps(hostile))
        assert "damaged" in look_at(batch, capsys)


@pytest.mark.parametrize(
    "name", ["../up", "a/b", "", ".a", "-a", "a b", "a\nb", "é", "x" * 151, "a\x1b[31m", "con\u202e"]
)
def test_ids_that_could_leave_the_folder_are_refused(name):
    with pytest.raises((UnsafeName, SimManagerError)) as caught:
        SimulationManager([toy_sim(name)], 1, "b", seed=1)
    assert "\x1b" not in str(caught.value)
    with pytest.raises(UnsafeName):
        SimulationManager([toy_sim()], 1, name, seed=1)
    assert not list(Path.cwd().iterdir())


# Links ---------------------------------------------------------------------------------------------------------


def test_the_folder_of_a_run_that_is_a_link_is_no_run(batch, outside, capsys):
    run = run_of(batch, "bad")
    shutil.rmtree(run)
    run.symlink_to(outside / "run_0_22-11-2026_14-15-33-591")
    before = snapshot(outside)
    look_at(batch, capsys)
    for _ in range(2):
        SimulationManager(existing_simulation=batch).rerun_simulation(
            "bad", n_jobs=1, progress=False, include_finished=True
        )
    assert snapshot(outside) == before


def test_the_folder_of_a_simulation_that_is_a_link_is_neither_written_nor_emptied(batch, outside, capsys):
    shutil.rmtree(batch / "bad")
    (batch / "bad").symlink_to(outside)
    before = snapshot(outside)
    look_at(batch, capsys)
    for words in (["rerun", "b", "bad"], ["rerun", "b", "bad", "--all"], ["resume", "b"]):
        assert main(words) == 2
        assert "symbolic link" in capsys.readouterr().err
    manager = SimulationManager([toy_sim("good"), toy_sim("bad")], 2, "b", seed=1)
    with pytest.raises(SimManagerError):
        manager.generate_sim_paths(overwrite=True)
    assert snapshot(outside) == before
    assert (batch / "bad").is_symlink()


@pytest.mark.parametrize(
    "name",
    slow_but(
        [
            "run.log",
            "error.log",
            "state.log",
            "state.lock",
            "run.json",
            "agent",
            "arena",
            "training_hist.dict",
            "summary.npz",
            "param.dict",
            "progress",
            "attempt_1",
            f"{SCRATCH}agent",
            f"{SCRATCH}run.json",
            f"{SCRATCH}param.dict",
            f"{SCRATCH}training_hist.dict",
        ],
        "run.log",
        "state.log",
        "run.json",
        "agent",
        f"{SCRATCH}agent",
    ),
)
def test_a_link_in_the_folder_of_a_run_is_not_written_through(name, tmp_path, outside, capsys):
    """The runs are executed twice: as a first attempt, and as a second that keeps the logs of the first."""
    SimulationManager([toy_sim("good"), toy_sim("bad", failing_loop)], 1, "b", seed=1).generate_sim_paths()
    before = snapshot(outside)
    for attempt in range(2):
        for simulation in ("good", "bad"):
            planted = run_of(tmp_path / "b", simulation) / name
            if planted.is_dir() and not planted.is_symlink():
                shutil.rmtree(planted)
            planted.unlink(missing_ok=True)
            planted.symlink_to(outside if (simulation == "good") == bool(attempt) else outside / "run.log")
        main(["status", "b"])
        main(["logs", "b"])
        SimulationManager(existing_simulation="b").run_all(1, progress=False, retry_errors=bool(attempt))
    main(["rerun", "b", "bad", "--jobs", "1"])
    said = capsys.readouterr()
    assert "precious" not in said.out, "what a link points to is not shown"
    assert snapshot(outside) == before


@pytest.mark.parametrize("name", ["batch.lock", "stop.request", f"{SCRATCH}manager.json", f"{SCRATCH}stop.request"])
def test_a_link_in_the_folder_of_a_batch_is_not_written_through(name, batch, outside, capsys):
    before = snapshot(outside)
    (batch / name).unlink(missing_ok=True)
    (batch / name).symlink_to(outside / "run.log")
    look_at(batch, capsys)
    main(["stop", "b"])
    main(["resume", "b"])
    main(["rerun", "b", "bad"])
    assert snapshot(outside) == before


# Removing ------------------------------------------------------------------------------------------------------


def test_rerun_removes_only_what_it_can_prove_to_be_runs_of_that_batch(batch, tmp_path):
    mine = batch / "bad" / "my_notes"
    mine.mkdir()
    (mine / "text").write_text("precious")
    fake = batch / "bad" / "run_7_22-11-2026_14-15-33-591"
    fake.mkdir()
    (fake / "text").write_text("precious")
    (batch / "bad" / "run_0_backup").mkdir()
    (batch / "figures").mkdir()
    (batch / "figures" / f"{SCRATCH}mine").write_text("precious")
    SimulationManager(existing_simulation=batch).rerun_simulation(
        "bad", n_jobs=1, progress=False, include_finished=True
    )
    assert (mine / "text").exists() and (fake / "text").exists() and (batch / "bad" / "run_0_backup").exists()
    assert (batch / "figures" / f"{SCRATCH}mine").exists(), (
        "a folder that is no simulation of this batch is not touched"
    )
    assert [run.state for run in read_status(batch).simulation("bad")] == [RunState.ERROR] * 2


def test_a_folder_without_a_state_log_is_not_removed(batch, capsys):
    run = run_of(batch, "bad")
    (run / "state.log").unlink()
    (run / "text").write_text("precious")
    (run / "run.json").unlink()
    assert main(["rerun", "b", "bad", "--all"]) in (1, 2)
    assert any(path.read_text() == "precious" for path in batch.rglob("text"))


def test_overwrite_keeps_what_is_no_part_of_the_batch(batch):
    (batch / "bad" / "notes.txt").write_text("precious")
    (batch / "mine.txt").write_text("precious")
    manager = SimulationManager([toy_sim("good")], 1, "b", seed=1)
    manager.generate_sim_paths(overwrite=True)
    assert (batch / "bad" / "notes.txt").exists() and (batch / "mine.txt").exists()
