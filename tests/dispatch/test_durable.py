"""``durable=True``: what is finished is on the disk before it says so."""

from __future__ import annotations

import os
from pathlib import Path

from toys import hashes, toy_sim

from simmanager import RunFolder, SimulationManager
from simmanager.disk.files import SCRATCH
from simmanager.disk.run_folder import RECORD, RESULTS
from simmanager.worker.attempt import execute_run
from simmanager.worker.task import Task


def synced_names(monkeypatch) -> list[str]:
    """Return a list to which the name of each file and folder is added when it is forced to the disk."""
    names: list[str] = []
    fsync = os.fsync

    def spy(descriptor):
        names.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", spy)
    return names


def made_task(durable: bool) -> Task:
    manager = SimulationManager([toy_sim("a")], 1, "batch", seed=1)
    manager.generate_sim_paths()
    return Task(manager.run_paths[0], str(Path("batch/a/simulation.pkl")), 1, durable=durable)


def test_every_result_is_forced_to_the_disk_before_finished_is(monkeypatch):
    task = made_task(durable=True)
    names = synced_names(monkeypatch)
    outcome, _ = execute_run(task)
    assert outcome.state == "finished"
    last = len(names) - 1 - names[::-1].index("state.log")
    for name in (f"{SCRATCH}{result}" for result in (*RESULTS, RECORD)):
        assert names.index(name) < last
    assert names[last - 1] == Path(task.folder).name, "the folder itself, with the new names in it"
    assert last == len(names) - 1


def test_by_default_nothing_is_forced(monkeypatch):
    task = made_task(durable=False)
    names = synced_names(monkeypatch)
    execute_run(task)
    assert names == []


def test_a_durable_batch_has_the_same_bytes():
    SimulationManager([toy_sim("a")], 2, "plain", seed=1).run_all(2, progress=False)
    status = SimulationManager([toy_sim("a")], 2, "durable", seed=1).run_all(2, durable=True, progress=False)
    assert status.all_finished
    assert hashes(Path("plain")) == hashes(Path("durable"))


def test_a_saver_that_makes_a_folder_is_forced_whole(tmp_path, monkeypatch):
    folder = RunFolder(tmp_path / "run", durable=True)
    folder.path.mkdir()
    names = synced_names(monkeypatch)

    def make(scratch: str) -> None:
        Path(scratch).mkdir()
        Path(scratch, "weights").write_text("1")

    folder.write("agent", make)
    assert names == ["weights", f"{SCRATCH}agent", "run"]
