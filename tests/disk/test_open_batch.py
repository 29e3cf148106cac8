"""The batch whose lock is held: read once, kept current by what its holder writes."""

from dataclasses import replace

import pytest
from toys import python, toy_sim

from simmanager import RunFolder, SimulationManager
from simmanager.base.errors import BatchBusy, BatchDamaged, BatchNotFound
from simmanager.disk.batch_folder import BatchFolder
from simmanager.disk.files import SCRATCH
from simmanager.disk.listing import REMOVED
from simmanager.status.reader import StatusReader

#: Counts what is read before the first run.
COUNTING = """
import collections, os, sys
from toys import toy_sim
from simmanager import SimulationManager
from simmanager.dispatch.executor import Executor

counts, done = collections.Counter(), []

def count(event, args):
    if done:
        return
    if event in ("os.scandir", "os.listdir"):
        counts["list " + os.path.relpath(args[0], "batch")] += 1
    elif event == "open" and isinstance(args[0], (str, os.PathLike)) and not args[2] & (os.O_WRONLY | os.O_RDWR):
        counts["read " + os.path.basename(args[0])] += 1

def run(self, *args):
    done.append(dict(counts))
    return run_for_real(self, *args)

run_for_real, Executor.run = Executor.run, run
sys.addaudithook(count)
{manager}.run_all(2, progress=False)
print({name: number for name, number in done[0].items() if name.split()[1] in ("a", "b", "manager.json", "state.log")})
"""


def test_run_all_on_a_new_batch_reads_the_manifest_once_lists_the_runs_once_and_reads_no_state_that_it_wrote():
    done = python(COUNTING.replace("{manager}", 'SimulationManager([toy_sim("a"), toy_sim("b")], 3, "batch")'))
    assert done.returncode == 0, done.stderr
    assert eval(done.stdout) == {"read manager.json": 1, "list a": 1, "list b": 1}
    assert SimulationManager(existing_simulation="batch").status().all_finished


def test_run_all_on_an_older_batch_reads_the_manifest_once_more_than_opening_it():
    SimulationManager([toy_sim("a"), toy_sim("b")], 3, "batch").generate_sim_paths()
    done = python(COUNTING.replace("{manager}", 'SimulationManager(existing_simulation="batch")'))
    assert done.returncode == 0, done.stderr
    assert eval(done.stdout) == {"read manager.json": 2, "list a": 1, "list b": 1, "read state.log": 6}


@pytest.fixture
def folder():
    SimulationManager([toy_sim("a"), toy_sim("b")], 2, "batch", seed=7).generate_sim_paths()
    return BatchFolder("batch")


def test_what_the_holder_writes_is_what_everybody_reads(folder):
    with folder.held() as batch:
        assert batch.manifest == folder.read_manifest()
        batch.write_manifest(replace(batch.manifest, runs_per_sim=3, provenance={"tuple": (1, 2)}))
        assert batch.manifest == folder.read_manifest()
        assert batch.manifest.provenance == {"tuple": [1, 2]}
        batch.add_run("a", 2)
        assert batch.run_folders("a") == folder.run_folders("a")
        assert [run.run_id for run in batch.runs("a")] == [0, 1, 2]


def test_a_new_run_takes_the_place_of_an_older_one_with_the_same_id(folder):
    with folder.held() as batch:
        old = batch.runs("a")[1]
        old.path.rename(old.path.with_name("run_1_01-01-2020_00-00-00-000"))
        batch.add_run("a", 1)
        assert batch.run_folders("a") == folder.run_folders("a")


def test_the_status_of_a_held_batch_is_that_of_its_folder(folder):
    with folder.held() as batch:
        assert StatusReader(folder.path).read_open(batch) == StatusReader(folder.path).read()


def test_what_a_killed_process_left_is_listed_beside_the_runs(folder):
    run = "run_5_01-01-2020_00-00-00-000"
    names = {f"{prefix}{run}" for prefix in (REMOVED, SCRATCH, "~part-", ".part-")} | {".part-simulation.pkl"}
    for name in (*names, f"{REMOVED}notes", f"{REMOVED}run_5_backup", ".part-download.iso", "~part-run_5", ".git"):
        (folder.simulation("a") / name).mkdir()
    with folder.held() as batch:
        assert set(batch.remains("a")) == names
        assert batch.remains("b") == []


def test_a_folder_that_is_to_become_a_batch_has_no_manifest_yet(tmp_path):
    with BatchFolder(tmp_path).held() as batch:
        assert not batch.is_made
        with pytest.raises(BatchNotFound):
            batch.manifest


def test_a_batch_with_a_damaged_manifest_is_not_held(folder):
    folder.manifest_file.write_text("{")
    with pytest.raises(BatchDamaged), folder.held():
        pass
    assert not folder.is_held()


def test_a_batch_can_be_held_by_one_manager_of_a_process_only(folder):
    with folder.held(), pytest.raises(BatchBusy), folder.held():
        pass
    with folder.held() as batch:
        assert all(isinstance(run, RunFolder) for run in batch.runs("a"))
