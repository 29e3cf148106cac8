"""Runs that declare what they need get it, keep to it, and are executed when there is so much."""

import os
import subprocess
import sys
import time
from itertools import pairwise

import pytest
from command_line import simmanager
from trouble import wait_for

from simmanager import (
    OneShot,
    ParameterError,
    SimulationError,
    SimulationManager,
    current_run,
    read_results,
    read_status,
)
from simmanager.disk.run_folder import RunFolder
from simmanager.status.run_facts import record_of, run_lines


def sees(seed):
    """Return what a run has of the machine."""
    return {
        "threads": int(os.environ["OMP_NUM_THREADS"]),
        "gpus": len([name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "all").split(",") if name]),
        "seed": float(seed % 1000),
    }


def takes_time(seconds=0.5):
    begun = time.time()
    time.sleep(seconds)
    return {"begun": begun, "ended": time.time()}


def takes_memory(mb):
    return {"bytes": float(len(bytearray(int(mb * 1e6))))}


def batch_of(tmp_path, *simulations, runs=2, **fields):
    return SimulationManager(list(simulations), runs, "b", results_dir=tmp_path, **fields)


def test_a_run_gets_the_threads_and_gpus_that_it_declares(tmp_path):
    manager = batch_of(
        tmp_path,
        OneShot(sees, simulation_id="wide", resources={"cpus": 2}),
        OneShot(sees, simulation_id="gpu", resources={"gpus": 1}),
        OneShot(sees, simulation_id="plain"),
    )
    gpus = [{"CUDA_VISIBLE_DEVICES": "0"}, {"CUDA_VISIBLE_DEVICES": "1"}]
    assert manager.run_all(2, slot_env=gpus, progress=False).all_finished
    threads = {
        run.simulation_id: record_of(RunFolder(run.path))["provenance"]["threads_per_run"] for run in manager.results()
    }
    assert threads == {"wide": 2, "gpu": 1, "plain": 1}, "of which reproduce makes use: sums may depend on it"
    assert "  resources      cpus 2" in list(run_lines(RunFolder(manager.results().of("wide")[0].path)))
    seen = {run.simulation_id: (run.metrics["threads"], run.metrics["gpus"]) for run in manager.results()}
    assert seen == {"wide": (2, 0), "gpu": (1, 1), "plain": (1, 0)}


def test_shares_of_one_gpu_run_side_by_side(tmp_path, capsys):
    """A GPU is one slot only where nobody declares what part of it a run needs."""
    manager = batch_of(tmp_path, OneShot(takes_time, {"seconds": 1.0}, "half", resources={"gpus": 0.5}))
    gpu = [{"CUDA_VISIBLE_DEVICES": "0"}]
    assert manager.run_all(-1, slot_env=gpu).all_finished
    cores = os.cpu_count() or 1
    assert f"2 runs, {min(cores, 2)} at a time" in capsys.readouterr().out.replace("\n", " ")
    spans = sorted((run.metrics["begun"], run.metrics["ended"]) for run in manager.results())
    assert cores == 1 or spans[1][0] < spans[0][1]


def test_no_two_runs_are_at_hand_that_need_all_processors(tmp_path):
    cores = os.cpu_count() or 1
    manager = batch_of(tmp_path, OneShot(takes_time, simulation_id="all", resources={"cpus": cores}), runs=3)
    assert manager.run_all(cores, progress=False).all_finished
    spans = sorted((run.metrics["begun"], run.metrics["ended"]) for run in manager.results())
    assert all(before[1] <= after[0] for before, after in pairwise(spans))


def test_declared_memory_is_a_limit_for_its_simulation_alone(tmp_path):
    manager = batch_of(
        tmp_path,
        OneShot(takes_memory, {"mb": 300}, "modest", resources={"memory_mb": "100MB"}),
        OneShot(takes_memory, {"mb": 300}, "free"),
    )
    status = manager.run_all(1, progress=False)
    states = {run.simulation_id: (run.state.value, run.reason) for run in status.runs}
    assert states["free"] == ("finished", "")
    assert states["modest"][0] == "error" and "MemoryError" in states["modest"][1]


def test_a_time_limit_holds_for_its_simulation_alone_and_before_that_of_the_batch(tmp_path):
    manager = batch_of(
        tmp_path,
        OneShot(takes_time, {"seconds": 30}, "hasty", timeout=0.5),
        OneShot(takes_time, {"seconds": 1.5}, "patient", timeout="1h"),
        runs=1,
    )
    status = manager.run_all(2, timeout=1, progress=False)
    reasons = {run.simulation_id: (run.state.value, run.reason) for run in status.runs}
    assert reasons == {"hasty": ("error", "timed out after 0.5 s"), "patient": ("finished", "")}


def hangs_once(run_id, until=40):
    """Be quick, but for one run."""
    if current_run().run_id == until:
        time.sleep(60)
    return {}


def test_a_time_limit_of_a_simulation_holds_where_runs_are_short(tmp_path):
    """Short runs are handed over several at a time, which nobody could end one by one."""
    manager = batch_of(tmp_path, OneShot(hangs_once, {"run_id": 0}, "one", timeout=1), runs=60)
    status = manager.run_all(1, progress=False)
    assert {run.run_id: run.reason for run in status.runs if run.state.value == "error"} == {40: "timed out after 1 s"}


def test_what_a_killed_manager_has_left_keeps_its_gpu(tmp_path):
    """Two managers, one after the other, give one GPU to one run at a time; and so does a retry of such a run."""
    (tmp_path / "gpu.py").write_text(
        "import os, time\nfrom simmanager import OneShot\n"
        "def on_gpu(folder):\n"
        "    begun = time.time()\n    open(f'{folder}/{os.getpid()}.begun', 'w').close()\n    time.sleep(3)\n"
        "    return {'begun': begun, 'ended': time.time(), 'gpu': float(os.environ['CUDA_VISIBLE_DEVICES'])}\n"
        f"sim = OneShot(on_gpu, {{'folder': {str(tmp_path)!r}}}, 'gpu', resources={{'gpus': 1}})\n"
    )
    words = ["run", "gpu.py:sim", "--runs", "2", "--gpus", "7", "--jobs", "2", "--id", "b"]
    manager = subprocess.Popen(
        [sys.executable, "-m", "simmanager", *words], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    wait_for(lambda: list(tmp_path.glob("*.begun")))
    manager.kill()
    manager.wait()
    assert SimulationManager(existing_simulation=tmp_path / "b").run_all(progress=False).all_finished
    first, second = sorted(
        (run.metrics["begun"], run.metrics["ended"], run.metrics["gpu"]) for run in read_results(tmp_path / "b")
    )
    assert first[1] <= second[0] and first[2] == second[2] == 7


def test_what_is_at_hand_counts_when_the_first_that_declares_is_added(tmp_path):
    cores = os.cpu_count() or 1
    handle = batch_of(tmp_path, OneShot(takes_time, {"seconds": 3.0}, "plain"), runs=1).start(cores)
    wait_for(lambda: handle.status().counts["running"] == 1)
    other = SimulationManager(existing_simulation=tmp_path / "b")
    other.add([OneShot(takes_time, simulation_id="all", resources={"cpus": cores})])
    assert handle.wait(60).all_finished
    plain, every = (next(iter(other.results().of(name))).metrics for name in ("plain", "all"))
    assert cores == 1 or every["begun"] >= plain["ended"]


def test_what_can_never_start_is_refused_before_anything_is_made(tmp_path):
    sims = [OneShot(takes_time, simulation_id="ok"), OneShot(takes_time, simulation_id="big", resources={"cpus": 9999})]
    manager = batch_of(tmp_path, *sims)
    for begin in (manager.run_all, manager.start):
        with pytest.raises(ParameterError, match="A run of big can never start here: it needs 9999 processors"):
            begin(2)
    assert not (tmp_path / "b").exists()
    manager.generate_sim_paths()  # for another machine
    with pytest.raises(ParameterError, match="can never start here"):
        manager.run_all(2)
    assert {run.state.value for run in read_status(tmp_path / "b").runs} == {"in_queue"}
    sims[1].resources = {"cpus": 1}
    assert manager.run_all(2, progress=False).all_finished


def test_what_is_added_to_a_running_batch_and_can_never_start_waits_in_it(tmp_path):
    sims = [OneShot(takes_time, {"seconds": 0.4}, "first")]
    handle = batch_of(tmp_path, *sims, runs=4).start(1)
    other = SimulationManager(existing_simulation=tmp_path / "b")
    other.add(
        [OneShot(takes_time, simulation_id="big", resources={"cpus": 9999}), OneShot(sees, simulation_id="small")]
    )
    status = handle.wait(60)
    states = {run.simulation_id: run.state.value for run in status.runs}
    assert states == {"first": "finished", "big": "in_queue", "small": "finished"}
    log = (tmp_path / "b" / "batch.log").read_text()
    assert "4 runs more to execute; 4 runs of big wait in the batch: A run of big can never start here" in log


def test_finished_runs_stay_beside_runs_with_other_resources(tmp_path):
    sim = OneShot(sees, simulation_id="one")
    batch_of(tmp_path, sim, runs=1).run_all(1, progress=False)
    sim.resources, sim.timeout = {"cpus": 2}, "1h"
    manager = batch_of(tmp_path, sim, runs=2, if_exists="extend")
    assert manager.run_all(1, progress=False).all_finished
    assert [run.metrics["threads"] for run in manager.results()] == [1, 2]
    kept = SimulationManager(existing_simulation=tmp_path / "b").simulation_list[0]
    assert kept.resources == {"cpus": 2} and kept.timeout == "1h"
    sim.params = {"seed": 5}
    with pytest.raises(SimulationError, match="has finished runs"):
        batch_of(tmp_path, sim, runs=2, if_exists="extend").run_all(1, progress=False)


def test_a_command_line_and_a_batch_file_declare_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "needy.py").write_text(
        "import os\nfrom simmanager import OneShot\n"
        "def sees():\n    return {'threads': int(os.environ['OMP_NUM_THREADS'])}\n"
        "sim = OneShot(sees, simulation_id='one', resources={'memory_mb': 900})\n"
    )
    declared = ("--cpus", "2", "--memory", "1GB", "--jobs", "2")
    assert simmanager("run", "needy.py:sim", "--runs", "1", *declared).returncode == 0
    assert SimulationManager(existing_simulation=tmp_path / "needy").simulation_list[0].resources == {
        "memory_mb": "1GB",
        "cpus": 2,
    }
    (tmp_path / "two.toml").write_text(
        "[[simulations]]\nsimulation_id = 'one'\nagent_class = 'needy:sees'\nenv_class = 'needy:sees'\n"
        "training_loop = 'needy:sees'\ntimeout = '2h'\nresources = { cpus = 2, gpu = 1 }\n"
    )
    refused = simmanager("run", "two.toml")
    assert refused.returncode == 2
    assert "two.toml:7" in refused.stderr and "There is no resource 'gpu'" in refused.stderr
    assert "Did you mean 'gpus'" in refused.stderr and "Traceback" not in refused.stderr
