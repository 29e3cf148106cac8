"""SimulationManager: made, run, asked and repaired; every refusal comes before anything is written."""

import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from toys import BOOM, ToyAgent, ToyArena, failing_loop, hashes, listing, python, toy_sim, wait_for

from simmanager import BatchStatus, RunFolder, RunState, SimulationManager, SingleSim
from simmanager.base.errors import (
    BatchBusy,
    BatchExists,
    BatchNotFound,
    BatchNotWritable,
    ParameterError,
    ParameterTypeError,
    RecipeError,
    ResultsMissing,
    SimManagerError,
    SimulationError,
    UnknownName,
    UnsafeName,
)
from simmanager.disk.run_record import run_seed

pytestmark = pytest.mark.python_versions


def loop_that_fails_without(agent, env, file):
    if not Path(file).exists():
        raise FileNotFoundError(f"{file} is not there")
    return agent, env, {"x": [np.random.random()]}


def batch(*simulations, runs=2, name="batch", **options):
    return SimulationManager(list(simulations) or [toy_sim()], runs, name, **{"seed": 7, **options})


def executed(*simulations, **options):
    manager = batch(*simulations, **options)
    manager.run_all(2, progress=False)
    return manager


def paths_by_state(manager):
    return {(run.simulation_id, run.run_id): (run.state.value, Path(run.path).name) for run in manager.status().runs}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A batch of two simulations, one of which failed; tests only look at it."""
    folder = tmp_path_factory.mktemp("finished")
    return executed(toy_sim("good"), toy_sim("bad", failing_loop), results_dir=folder)


# Refusals ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("simulations", [None, [], (), "sim", 5, {}, toy_sim()])
def test_a_list_that_is_empty_or_none_is_refused(simulations, tmp_path):
    with pytest.raises(SimulationError, match="simulation_list"):
        SimulationManager(simulations)
    assert listing(tmp_path) == {}


@pytest.mark.parametrize(
    "element", [None, "sim", SingleSim, {"agent_class": ToyAgent}, SimpleNamespace(simulation_id="x")]
)
def test_an_element_that_is_no_simulation_is_refused(element, tmp_path):
    with pytest.raises(SimulationError, match="simulation"):
        SimulationManager([toy_sim(), element])
    assert listing(tmp_path) == {}


@pytest.mark.parametrize("field", ["agent_class", "env_class", "training_loop", "simulation_id"])
def test_an_incomplete_simulation_is_refused_with_what_is_missing(field, tmp_path):
    with pytest.raises(SimulationError, match=f"{field} missing"):
        SimulationManager([toy_sim("one"), toy_sim("two").copy(**{field: None})])
    assert listing(tmp_path) == {}


@pytest.mark.parametrize(("one", "two"), [("a", "a"), ("Sim", "sim")])
def test_duplicate_ids_are_refused_with_the_id(one, two, tmp_path):
    with pytest.raises(SimulationError, match=f"'{one}'"):
        SimulationManager([toy_sim(one), toy_sim("b"), toy_sim(two)])
    assert listing(tmp_path) == {}


@pytest.mark.parametrize("name", ["../up", "a/b", ".hidden", "-rf", "", "a b", "x" * 151, "é", 5])
def test_unsafe_ids_are_refused(name, tmp_path):
    with pytest.raises((UnsafeName, SimulationError)):
        SimulationManager([toy_sim(name)])
    with pytest.raises(UnsafeName, match="manager_id"):
        SimulationManager([toy_sim()], manager_id=name)
    assert listing(tmp_path) == {}


@pytest.mark.parametrize("name", ["manager.json", "batch.lock", "stop.request", "Manager.JSON"])
def test_ids_that_are_files_of_the_batch_are_refused(name, tmp_path):
    with pytest.raises(SimulationError, match="cannot be a simulation_id"):
        SimulationManager([toy_sim(name)])
    assert listing(tmp_path) == {}


@pytest.mark.parametrize("runs", [0, -1, 1.5, "5", None, True, 10**9])
def test_runs_per_sim_must_be_a_whole_number_from_one(runs, tmp_path):
    with pytest.raises(ParameterError, match="runs_per_sim"):
        SimulationManager([toy_sim()], runs)
    assert listing(tmp_path) == {}


@pytest.mark.parametrize("seed", [-1, 2**63, 1.5, "7"])
def test_a_seed_that_is_not_allowed_is_refused(seed):
    with pytest.raises(ParameterError, match="seed"):
        SimulationManager([toy_sim()], seed=seed)


@pytest.mark.parametrize("n_jobs", [0, 1.5, "2", True])
def test_n_jobs_must_be_a_whole_number_other_than_zero(n_jobs, tmp_path):
    with pytest.raises(ParameterError, match="n_jobs"):
        batch().run_all(n_jobs)
    assert listing(tmp_path) == {}


def test_n_jobs_of_zero_is_refused_before_a_rerun_removes_anything(finished):
    before = listing(Path(finished.results_path))
    with pytest.raises(ParameterError, match="n_jobs must not be 0"):
        finished.rerun_simulation("bad", n_jobs=0)
    with pytest.raises(ParameterTypeError, match="Did you mean 'timeout'"):
        finished.rerun_simulation("bad", timeuot=3)
    with pytest.raises(UnknownName):
        finished.rerun_simulation("ugly")
    assert listing(Path(finished.results_path)) == before


@pytest.mark.parametrize(
    "options",
    [
        {"timeout": 0},
        {"timeout": "1"},
        {"retries": -1},
        {"memory_limit_mb": 0},
        {"fail_fast": 0},
        {"threads_per_run": 0},
        {"fresh_process": 1},
        {"retry_errors": "yes"},
        {"tiemout": 1},
    ],
    ids=str,
)
def test_options_that_are_not_allowed_are_refused_by_name(options, tmp_path):
    with pytest.raises(ParameterError, match=next(iter(options))):
        batch().run_all(1, **options)
    assert listing(tmp_path) == {}


def test_a_misspelt_number_of_jobs_is_told_with_its_name(tmp_path):
    with pytest.raises(ParameterTypeError, match="Did you mean 'n_jobs'"):
        batch().run_all(n_jobz=2)
    assert listing(tmp_path) == {}


def test_what_cannot_be_pickled_is_refused_by_name(tmp_path):
    sim = toy_sim("two")
    sim.agent_params = {"gain": threading.Lock()}
    manager = batch(toy_sim("one"), sim)
    for make in (manager.generate_sim_paths, manager.run_all):
        with pytest.raises(RecipeError, match=r"agent_params\['gain'\] of simulation 'two'"):
            make()
    assert listing(tmp_path) == {}


def test_a_folder_that_holds_a_batch_is_refused_with_the_three_ways_out(tmp_path):
    executed(runs=1)
    before = listing(tmp_path)
    for make in (batch().run_all, batch().generate_sim_paths):
        with pytest.raises(BatchExists) as caught:
            make()
        for way in ("existing_simulation=", "another manager_id", "overwrite=True"):
            assert way in str(caught.value)
    assert listing(tmp_path) == before


def test_a_folder_that_holds_something_else_is_refused_even_to_overwrite(tmp_path):
    (tmp_path / "batch").mkdir()
    (tmp_path / "batch" / "thesis.tex").write_text("years of work")
    before = listing(tmp_path)
    for overwrite in (False, True):
        with pytest.raises(BatchExists, match="holds something else than a batch"):
            batch().generate_sim_paths(overwrite=overwrite)
    assert listing(tmp_path) == before


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "batch").write_text("x")
    with pytest.raises(BatchExists, match="is a file"):
        batch().run_all()
    with pytest.raises((BatchExists, BatchNotWritable)):
        batch(name="inner", results_dir=tmp_path / "batch").run_all()
    assert listing(tmp_path) == {"batch": b"x"}


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="needs a place where not even root can write")  # noqa: PTH112
def test_a_path_that_cannot_be_written_is_refused():
    with pytest.raises(BatchNotWritable, match="/proc/batch cannot be made"):
        batch(results_dir="/proc").run_all()


def test_asking_a_batch_that_is_not_made_says_what_to_call(tmp_path):
    manager = batch()
    for ask in (
        manager.status,
        manager.check_run_status,
        lambda: manager.show_logs(0),
        lambda: manager.load_results(0, 0),
        lambda: manager.rerun_simulation(0),
    ):
        with pytest.raises(BatchNotFound, match=r"call run_all\(\) or generate_sim_paths\(\) first"):
            ask()
    assert listing(tmp_path) == {}


def test_an_existing_batch_that_is_none_is_refused(tmp_path):
    with pytest.raises(BatchNotFound, match="no batch at"):
        SimulationManager(existing_simulation=tmp_path / "missing")
    with pytest.raises(BatchNotFound):
        SimulationManager(existing_simulation=tmp_path)
    assert listing(tmp_path) == {}


# Making --------------------------------------------------------------------------------------------------------


def test_making_a_manager_writes_nothing_and_has_the_defaults_of_the_tutorial(tmp_path, capsys):
    manager = SimulationManager([toy_sim()])
    assert (manager.runs_per_sim, manager.manager_id, len(manager)) == (5, "default_comparison", 5)
    assert 0 <= manager.seed < 2**63
    assert listing(tmp_path) == {}
    assert capsys.readouterr().out == ""


def test_a_verbose_manager_says_what_it_makes(capsys):
    manager = batch(verbose=True)
    assert '"batch"' in capsys.readouterr().out
    manager.generate_sim_paths()
    assert "in_queue" in capsys.readouterr().out


def files_of(folder):
    """Return what is in the folder of a batch."""
    return {path.name for path in folder.iterdir()}


def test_the_folders_are_as_the_design_draws_them(tmp_path):
    manager = batch(toy_sim("a"), toy_sim("b"), runs=3)
    manager.generate_sim_paths()
    assert files_of(tmp_path / "batch") == {"manager.json", "batch.lock", "change.lock", "a", "b"}
    for simulation in ("a", "b"):
        names = sorted(path.name for path in (tmp_path / "batch" / simulation).iterdir())
        assert names.pop() == "simulation.pkl"
        assert [RunFolder.run_id_of(name) for name in names] == [0, 1, 2]
    manifest = json.loads((tmp_path / "batch" / "manager.json").read_text())
    assert (manifest["manager_id"], manifest["seed"], manifest["runs_per_sim"]) == ("batch", 7, 3)
    assert [entry["simulation_id"] for entry in manifest["simulations"]] == ["a", "b"]
    assert manifest["simulations"][0]["agent_params"] == {"gain": 2.0}
    assert set(manager.status().counts.items()) >= {("in_queue", 6), ("running", 0)}


def test_making_it_twice_changes_nothing(tmp_path):
    manager = batch()
    manager.generate_sim_paths()
    before = listing(tmp_path)
    manager.generate_sim_paths()
    assert listing(tmp_path) == before


def test_overwriting_replaces_a_batch_and_its_results_but_nothing_else(tmp_path):
    executed(toy_sim("old"), toy_sim("kept"), runs=1)
    (tmp_path / "batch" / "kept" / "notes.txt").write_text("mine")
    manager = batch(toy_sim("new"), runs=1)
    manager.generate_sim_paths(overwrite=True)
    assert manager.status().headline == "1 in_queue"
    assert files_of(tmp_path / "batch") == {"manager.json", "batch.lock", "change.lock", "new", "kept"}
    assert [path.name for path in (tmp_path / "batch" / "kept").iterdir()] == ["notes.txt"]


def test_a_batch_that_is_run_cannot_be_overwritten(tmp_path):
    from simmanager.disk.batch_folder import BatchFolder

    batch().generate_sim_paths()
    before = listing(tmp_path)
    with BatchFolder(tmp_path / "batch").held(), pytest.raises(BatchBusy, match=f"process {os.getpid()}"):
        batch().generate_sim_paths(overwrite=True)
    before.pop("batch/batch.lock")
    after = listing(tmp_path)
    after.pop("batch/batch.lock")
    assert after == before


def test_the_remains_of_a_killed_creation_are_no_hindrance(tmp_path):
    (tmp_path / "batch" / "toy").mkdir(parents=True)
    (tmp_path / "batch" / "toy" / "simulation.pkl").write_bytes(b"half")
    (tmp_path / "batch" / "batch.lock").touch()
    assert executed(runs=1).status().all_finished


def test_results_go_where_the_user_wants(tmp_path):
    manager = executed(runs=1, results_dir=tmp_path / "deep" / "down")
    assert manager.results_path == str(tmp_path / "deep" / "down" / "batch")
    assert manager.simulation_paths == [str(tmp_path / "deep" / "down" / "batch" / "toy")]


# Running -------------------------------------------------------------------------------------------------------


def test_run_all_makes_the_folders_and_returns_the_status(tmp_path, capsys):
    status = batch(toy_sim("a"), toy_sim("b"), runs=2).run_all(2)
    assert isinstance(status, BatchStatus)
    assert status.all_finished
    assert status.counts == {"in_queue": 0, "running": 0, "finished": 4, "error": 0, "interrupted": 0}
    assert [(run.simulation_id, run.run_id) for run in status.runs] == [("a", 0), ("a", 1), ("b", 0), ("b", 1)]
    assert [run.seed for run in status.runs] == [run_seed(7, name, run) for name in "ab" for run in (0, 1)]
    assert not status.manager_alive
    out = capsys.readouterr().out
    assert "4 runs, 2 at a time" in out
    assert "4 runs: 4 finished" in out


def test_every_finished_run_has_the_files_of_the_tutorial(finished):
    names = {"agent", "arena", "training_hist.dict", "param.dict", "run.log", "error.log", "state.log", "run.json"}
    for run in finished.status().simulation("good"):
        found = {path.name for path in Path(run.path).iterdir()}
        assert found - {"state.lock"} == names | {"summary.npz"}
        record = json.loads((Path(run.path) / "run.json").read_text())
        assert (record["simulation_id"], record["run_id"], record["seed"]) == ("good", run.run_id, run.seed)
        assert record["provenance"]["command"] == sys.argv


def test_a_failure_is_printed_at_once_with_its_path_and_last_line(capsys):
    manager = batch(toy_sim("bad", failing_loop), toy_sim("good"), runs=1)
    status = manager.run_all(1)
    out = capsys.readouterr().out
    path = next(run.path for run in status.runs if run.state is RunState.ERROR)
    assert out.index(path) < out.index("2 runs: 1 finished, 1 error")
    assert "ValueError: boom" in out
    assert "simmanager logs" in out


def test_nothing_is_printed_if_progress_is_off(capsys):
    batch(toy_sim("bad", failing_loop), runs=1).run_all(1, progress=False)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == ""


def test_calling_run_all_again_executes_nothing_that_is_finished(capsys):
    manager = executed(toy_sim("good"), toy_sim("bad", failing_loop), runs=1)
    before = listing(Path(manager.results_path))
    status = manager.run_all(2)
    assert "Nothing to do: 1 of 2 runs are finished; 1 failed" in capsys.readouterr().out
    after = listing(Path(manager.results_path))
    assert {k: v for k, v in after.items() if "lock" not in k} == {k: v for k, v in before.items() if "lock" not in k}
    assert status.headline == "1 finished, 1 error"


def test_run_all_resumes_what_is_waiting(tmp_path):
    manager = batch(runs=3)
    manager.generate_sim_paths()
    first = manager.runs[0]
    first.move(first.read_history(), (RunState.RUNNING, "attempt=1 pid=1 host=x"), (RunState.INTERRUPTED, "stopped"))
    second = manager.runs[1]
    second.move(second.read_history(), (RunState.RUNNING, "attempt=1 pid=1 host=x"))
    assert manager.status().headline == "1 in_queue, 2 interrupted"
    status = SimulationManager(existing_simulation="batch").resume(2, progress=False)
    assert status.all_finished
    assert [run.attempt for run in status.runs] == [2, 2, 1]


def test_a_run_folder_that_was_removed_is_made_again():
    import shutil

    manager = executed(runs=2)
    before = hashes(Path(manager.results_path))
    shutil.rmtree(manager.runs[1].path)
    assert manager.status().headline == "1 in_queue, 1 finished"
    assert manager.run_all(1, progress=False).all_finished
    assert hashes(Path(manager.results_path)) == before


def test_retry_errors_runs_failed_runs_again(tmp_path):
    manager = executed(toy_sim("needs", loop_that_fails_without, file=str(tmp_path / "file")), runs=1)
    assert manager.status().counts["error"] == 1
    (tmp_path / "file").touch()
    status = manager.run_all(1, progress=False, retry_errors=True)
    assert status.all_finished
    assert status.runs[0].attempt == 2
    kept = Path(status.runs[0].path) / "attempt_1" / "error.log"
    assert "is not there" in kept.read_text()


def test_changed_parameters_are_taken_over_before_a_simulation_has_finished_runs(tmp_path):
    manager = batch(toy_sim(n_steps=3), runs=1)
    manager.generate_sim_paths()
    manager.simulation_list[0].training_loop_params["n_steps"] = 5
    manager.run_all(1, progress=False)
    assert manager.load_results(0, 0)[0].updates == 5
    manifest = json.loads((tmp_path / "batch" / "manager.json").read_text())
    assert manifest["simulations"][0]["training_loop_params"] == {"n_steps": 5}


def test_changed_parameters_are_refused_when_runs_have_finished(tmp_path):
    manager = executed(toy_sim(n_steps=3), runs=1)
    before = hashes(tmp_path / "batch")
    manager.simulation_list[0].training_loop_params["n_steps"] = 5
    with pytest.raises(
        SimulationError, match=r"'toy' has finished runs, but training_loop_params\.n_steps was changed"
    ) as caught:
        manager.run_all(1, progress=False)
    assert "include_finished=True" in str(caught.value)
    assert hashes(tmp_path / "batch") == before
    manager.rerun_simulation(0, include_finished=True, n_jobs=1, progress=False)
    assert manager.load_results(0, 0)[0].updates == 5


def test_a_simulation_that_was_added_to_the_list_later_is_refused(tmp_path):
    manager = executed(runs=1)
    manager.simulation_list.append(toy_sim("late"))
    with pytest.raises(SimulationError, match="'late' is not in this batch"):
        manager.run_all(1)
    manager.simulation_list[1] = "no simulation"
    with pytest.raises(SimulationError):
        manager.run_all(1)


def test_in_process_runs_here_and_raises_the_first_error(capsys):
    manager = batch(toy_sim("good"), toy_sim("bad", failing_loop), runs=1)
    with pytest.raises(ValueError, match="boom"):
        manager.run_all(in_process=True)
    assert manager.status().headline == "1 finished, 1 error"
    record = json.loads((manager.runs[0].path / "run.json").read_text())
    assert record["pid"] == os.getpid()
    assert "about to fail" in capsys.readouterr().out


# Rerunning -----------------------------------------------------------------------------------------------------


def test_a_rerun_replaces_failed_runs_by_new_ones_with_the_same_ids_and_seeds():
    manager = executed(toy_sim("good"), toy_sim("bad", failing_loop))
    before, seeds = paths_by_state(manager), [run.seed for run in manager.status().runs]
    manager.simulation_list[1] = toy_sim("bad", n_steps=3)
    status = manager.rerun_simulation(1, n_jobs=2, progress=False)
    assert status.all_finished
    after = paths_by_state(manager)
    assert after.keys() == before.keys()
    assert [run.seed for run in status.runs] == seeds
    for key in before:
        assert (before[key] == after[key]) is (key[0] == "good")
        if key[0] == "bad":
            assert RunFolder.age_key(after[key][1]) > RunFolder.age_key(before[key][1])
    assert len(list(Path(manager.results_path).glob("bad/*run_*"))) == 2
    assert len(list(Path(manager.results_path).glob("bad/.*"))) == 0


def test_a_rerun_leaves_finished_runs_unless_asked(tmp_path):
    manager = executed(toy_sim("good"), toy_sim("other"))
    before, results = paths_by_state(manager), hashes(tmp_path / "batch")
    manager.rerun_simulation("good", n_jobs=1, progress=False)
    assert paths_by_state(manager) == before
    manager.rerun_simulation("good", n_jobs=2, progress=False, include_finished=True)
    after = paths_by_state(manager)
    assert all((before[key] == after[key]) is (key[0] == "other") for key in before)
    assert hashes(tmp_path / "batch") == results


def test_a_rerun_with_the_same_seed_repeats_the_run(tmp_path):
    sim = toy_sim("needs", loop_that_fails_without, file=str(tmp_path / "file"))
    manager = executed(sim, runs=1)
    (tmp_path / "file").touch()
    manager.rerun_simulation(0, n_jobs=1, progress=False)
    reference = executed(sim, runs=1, name="reference")
    assert manager.load_results(0, 0)[2] == reference.load_results(0, 0)[2]


def test_a_rerun_of_an_opened_batch_takes_parameters_that_were_changed_there():
    executed(toy_sim("a", n_steps=2), runs=1)
    manager = SimulationManager(existing_simulation="batch")
    manager.simulation_list[0].training_loop_params["n_steps"] = 9
    manager.rerun_simulation("a", n_jobs=1, progress=False, include_finished=True)
    assert manager.load_results("a", 0)[0].updates == 9
    assert SimulationManager(existing_simulation="batch").simulation_list[0].training_loop_params == {"n_steps": 9}


# Asking --------------------------------------------------------------------------------------------------------


def test_results_are_loaded_by_position_and_by_id(finished):
    agent, env, history = finished.load_results(0, 1)
    assert isinstance(agent, ToyAgent)
    assert isinstance(env, ToyArena)
    assert set(history) == {"position", "noise"}
    assert finished.load_results("good", 1)[0].drawn == agent.drawn
    assert finished.load_results(-2, 0)[0].drawn != agent.drawn


def test_a_simulation_or_run_that_does_not_exist_is_named_with_those_that_do(finished):
    for index in (2, -3):
        with pytest.raises(UnknownName, match=f"No simulation {index}. There are 0: good, 1: bad"):
            finished.load_results(index, 0)
    with pytest.raises(KeyError, match="Did you mean 'good'"):
        finished.load_results("god", 0)
    with pytest.raises(UnknownName, match=r"'good' has no run 5; its runs are \[0, 1\]"):
        finished.load_results("good", 5)
    with pytest.raises(UnknownName):
        finished.show_logs("ugly")
    for index in (1.0, None, True):
        with pytest.raises(ParameterTypeError, match="simulation_index"):
            finished.load_results(index, 0)


def test_a_failed_run_has_no_results_and_says_why(finished):
    with pytest.raises(ResultsMissing, match=rf"error \({re.escape(BOOM)}\)"):
        finished.load_results("bad", 0)


def test_logs_of_all_runs_or_of_one_are_shown(finished, capsys):
    finished.show_logs(1)
    out = capsys.readouterr().out
    assert out.count("ValueError: boom") == 2
    finished.show_logs("bad", 1)
    assert capsys.readouterr().out.count("ValueError: boom") == 1
    finished.show_logs(simulation_index=1, log_type="run")
    assert "about to fail" in capsys.readouterr().out
    finished.show_logs(0, "state")
    assert capsys.readouterr().out.count("\tfinished\t") == 2
    with pytest.raises(ParameterError, match="log_type"):
        finished.show_logs(0, log_type="agent")


def test_check_run_status_prints_the_tree_and_returns_the_status(finished, capsys):
    status = finished.check_run_status()
    out = capsys.readouterr().out
    for run in status.runs:
        assert Path(run.path).name in out
    for part in ("good", "bad", "finished", "error", "ValueError: boom", "2 finished, 2 error", "100% done", " s"):
        assert part in out


def test_a_manager_iterates_over_its_runs(finished):
    assert list(finished) == finished.runs
    assert [(run.simulation_id, run.run_id) for run in finished] == [("good", 0), ("good", 1), ("bad", 0), ("bad", 1)]
    assert finished.run_paths == [str(run.path) for run in finished]
    assert len(finished) == 4
    assert all(isinstance(run, RunFolder) for run in finished)
    assert "2 simulations x 2" in repr(finished)


def test_a_batch_is_opened_from_another_process(finished):
    program = """
import sys
from simmanager import SimulationManager
manager = SimulationManager(existing_simulation=sys.argv[1])
print(manager.manager_id, manager.runs_per_sim, manager.seed, manager.simulation_ids)
print(manager.status().headline)
print(manager.load_results("good", 0)[0].updates)
print(manager.simulation_list[1].training_loop.__name__)
"""
    done = python(program, finished.results_path)
    assert done.stdout.splitlines() == ["batch 2 7 ['good', 'bad']", "2 finished, 2 error", "10", "failing_loop"]
    assert done.stderr == ""


def test_a_running_batch_is_opened_from_another_process_and_left_alone(tmp_path):
    gate, started = tmp_path / "gate", tmp_path / "started"
    program = """
import sys
from toys import toy_sim, waiting_loop
from simmanager import SimulationManager
sim = toy_sim("slow", waiting_loop, gate=sys.argv[1], started=sys.argv[2])
status = SimulationManager([sim], 1, "batch").run_all(1, progress=False)
print(status.headline)
"""
    from manager_process import ENVIRONMENT

    command = [sys.executable, "-c", program, str(gate), str(started)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT) as process:
        wait_for(started)
        manager = SimulationManager(existing_simulation=tmp_path / "batch")
        status = manager.status()
        assert status.headline == "1 running"
        assert status.manager_alive
        with pytest.raises(ResultsMissing, match="its state is running"):
            manager.load_results("slow", 0)
        for act in (manager.run_all, lambda: manager.rerun_simulation(0)):
            with pytest.raises(BatchBusy, match=f"process {process.pid} on"):
                act()
        gate.touch()
        assert process.communicate(timeout=30)[0] == "1 finished\n"
    assert manager.status().all_finished


# Neighbours ----------------------------------------------------------------------------------------------------


class NeuralPlaygroundSim:
    """Has the attributes of the ancestor's SingleSim, and nothing of ours."""

    def __init__(self, **fields):
        self.__dict__.update(fields)


def test_objects_with_the_attributes_of_neuralplaygrounds_are_accepted():
    theirs = NeuralPlaygroundSim(**toy_sim("theirs").fields)
    manager = batch(theirs, toy_sim("ours"), runs=1)
    assert manager.simulation_list[0] is theirs
    assert manager.run_all(1, progress=False).all_finished
    theirs.agent_params = {"gain": 5.0}
    manager.rerun_simulation("theirs", n_jobs=1, progress=False, include_finished=True)
    assert manager.load_results(0, 0)[0].gain == 5.0


def test_their_incomplete_objects_are_refused_too():
    with pytest.raises(SimulationError, match="training_loop missing"):
        batch(NeuralPlaygroundSim(**{**toy_sim().fields, "training_loop": None}))


def test_a_batch_without_given_seed_keeps_the_one_it_drew():
    manager = executed(runs=1, seed=None)
    assert SimulationManager(existing_simulation="batch").seed == manager.seed
    again = executed(runs=1, seed=manager.seed, name="again")
    assert list(hashes(Path(again.results_path)).values()) == list(hashes(Path(manager.results_path)).values())


def test_every_refusal_is_an_error_of_ours():
    with pytest.raises(SimManagerError):
        SimulationManager([])
