"""A batch changes: simulations and runs are added, what is finished stays, and a kill leaves it whole."""

import json
import signal
from pathlib import Path

import numpy as np
import pytest
from toys import failing_loop, hashes, listing, python, toy_sim

from simmanager import RunState, SimulationManager
from simmanager.base.errors import BatchBusy, ParameterError, RecipeError, SimulationError, UnsafeName
from simmanager.disk import batch_folder
from simmanager.disk.batch_folder import BatchFolder
from simmanager.disk.run_folder import RunFolder


def idle_loop(agent, env, policy=None):
    return agent, env, {"x": [1.0]}


def batch(*simulations, runs=1, name="batch", **options):
    return SimulationManager(list(simulations) or [toy_sim("one")], runs, name, seed=7, **options)


def executed(*simulations, **options):
    manager = batch(*simulations, **options)
    manager.run_all(in_process=True, progress=False)
    return manager


@pytest.fixture(params=["the manager that made it", "a manager that opens it"])
def manager(request):
    """The manager of a batch of one simulation with one finished run."""
    made = executed()
    return made if request.param.endswith("made it") else SimulationManager(existing_simulation="batch")


def counts(manager):
    return {state: number for state, number in manager.status().counts.items() if number}


def written():
    """All that is in the batch, but not who took its lock last."""
    return {name: content for name, content in listing(Path("batch")).items() if name != "batch.lock"}


# Adding --------------------------------------------------------------------------------------------------------


def test_simulations_are_added_and_what_is_finished_stays(manager):
    before = listing(Path("batch/one"))
    assert manager.add([toy_sim("two", n_steps=3), toy_sim("three", n_steps=4)]) == ["two", "three"]
    assert manager.simulation_ids == ["one", "two", "three"]
    assert counts(manager) == {"finished": 1, "in_queue": 2}
    assert manager.run_all(in_process=True, progress=False).all_finished
    assert listing(Path("batch/one")) == before
    assert manager.load_results("three", 0)[0].updates == 4
    assert [s.simulation_id for s in manager.simulation_list] == ["one", "two", "three"]
    assert BatchFolder("batch").read_manifest().simulation_ids == ["one", "two", "three"]


def test_added_runs_are_those_of_a_batch_that_had_them_from_the_start(manager):
    manager.add([toy_sim("two")], runs_per_sim=2)
    manager.run_all(in_process=True, progress=False)
    executed(toy_sim("one"), toy_sim("two"), runs=2, name="reference")
    assert hashes(Path("batch")) == hashes(Path("reference"))


def test_a_simulation_that_is_there_with_the_same_parameters_is_left_alone(manager):
    before = written()
    assert manager.add([toy_sim("one")]) == []
    assert written() == before
    assert manager.add([toy_sim("one"), toy_sim("two")]) == ["two"]


def test_a_simulation_with_finished_runs_and_other_parameters_is_refused(manager):
    before = written()
    with pytest.raises(
        SimulationError, match=r"training_loop_params.n_steps was changed.*include_finished=True.*another simulation_id"
    ):
        manager.add([toy_sim("two"), toy_sim("one", n_steps=3)], runs_per_sim=5)
    assert written() == before
    assert manager.simulation_ids == ["one"]
    assert manager.runs_per_sim == 1


def test_a_simulation_without_finished_runs_takes_other_parameters():
    manager = batch(toy_sim("one"), toy_sim("bad", failing_loop))
    manager.run_all(2, progress=False)
    assert manager.add([toy_sim("bad", n_steps=3)]) == []
    assert counts(manager) == {"finished": 1, "error": 1}
    assert manager.run_all(in_process=True, progress=False, retry_errors=True).all_finished
    assert manager.load_results("bad", 0)[0].updates == 3
    entry = BatchFolder("batch").read_manifest().simulations[1]
    assert entry["training_loop_params"] == {"n_steps": 3}


def test_what_cannot_be_added_is_refused_before_anything_is_written(manager):
    before = written()
    unpicklable = toy_sim("two").copy(agent_params={"gain": (n for n in ())}, simulation_id="two")
    for simulations, error, words in [
        ([toy_sim("two"), toy_sim("ONE")], SimulationError, "differ in upper and lower case only"),
        ([toy_sim("two"), toy_sim("two")], SimulationError, "Two simulations have the id 'two'"),
        ([toy_sim("two"), toy_sim("../up")], UnsafeName, "folder name"),
        ([toy_sim("three"), unpicklable], RecipeError, r"agent_params\['gain'\] of simulation 'two'"),
        ([toy_sim("two"), 5], SimulationError, "is no simulation"),
        ([], SimulationError, "is empty"),
        (toy_sim("two"), SimulationError, "must be a list"),
    ]:
        with pytest.raises(error, match=words):
            manager.add(simulations)
    assert written() == before
    assert manager.simulation_ids == ["one"]


def test_a_batch_that_is_not_made_yet_grows_in_memory_only(tmp_path):
    manager = batch(toy_sim("one"))
    assert manager.add([toy_sim("two"), toy_sim("one", n_steps=4)]) == ["two"]
    manager.extend(2)
    with pytest.raises(ParameterError, match="is 2 already"):
        manager.extend(1)
    with pytest.raises(SimulationError, match="'two'"):
        manager.add([toy_sim("TWO")])
    assert listing(tmp_path) == {}
    assert manager.run_all(in_process=True, progress=False).counts["finished"] == 4
    assert manager.load_results("one", 1)[0].updates == 4


class Policy:
    """A parameter without a repr of its own."""

    def __init__(self, rate, dtype=float):
        self.rates = np.full(3, rate, dtype)


CONTENTS = {
    "an object": (lambda: Policy(1.0), lambda: Policy(2.0)),
    "the numbers of an array in an object": (lambda: Policy(1.0), lambda: Policy(1.0, np.float32)),
    "a function without a name": (lambda: lambda x: x, lambda: lambda x: 2 * x),
    "the kind of an array": (lambda: np.zeros(3), lambda: np.zeros(3, np.float32)),
    "a tuple and a list": (lambda: (1, 2), lambda: [1, 2]),
    "a generator": (lambda: np.random.default_rng(1), lambda: np.random.default_rng(2)),
}


@pytest.mark.parametrize(("before", "after"), CONTENTS.values(), ids=CONTENTS)
def test_a_parameter_that_looks_the_same_and_is_another_is_refused(before, after):
    def one(value):
        return toy_sim("one", idle_loop, policy=value)

    executed(one(before()))
    for _ in range(2):
        opened = SimulationManager(existing_simulation="batch")
        assert opened.add([one(before())], runs_per_sim=2) == []
        with pytest.raises(SimulationError, match=r"the content of training_loop_params\.policy was changed"):
            opened.add([one(after())])
        assert opened.run_all(in_process=True, progress=False).all_finished


def test_what_came_out_of_the_recipe_is_unchanged():
    from scipy import stats

    executed(toy_sim("one", idle_loop, policy=stats.norm(0, 1)))  # a copy of it has a generator of its own
    opened = SimulationManager(existing_simulation="batch")
    assert len(opened.simulation_list) == 1
    assert opened.run_all(in_process=True, progress=False).all_finished


def test_a_batch_of_an_earlier_version_is_compared_by_what_it_keeps():
    executed(toy_sim("one", idle_loop, policy=Policy(1.0)))
    manifest = json.loads(Path("batch/manager.json").read_text())
    manifest["provenance"]["frozen_code"] = {}
    Path("batch/manager.json").write_text(json.dumps(manifest))
    SimulationManager(existing_simulation="batch").add([toy_sim("one", idle_loop, policy=Policy(2.0))])


# Extending -----------------------------------------------------------------------------------------------------


def test_runs_are_added_and_those_that_are_there_stay(manager):
    before = hashes(Path("batch"))
    folder = manager.runs[0].path
    manager.extend(3)
    assert manager.runs_per_sim == 3
    assert counts(manager) == {"finished": 1, "in_queue": 2}
    assert manager.run_all(in_process=True, progress=False).all_finished
    assert manager.runs[0].path == folder
    assert before.items() <= hashes(Path("batch")).items()
    executed(runs=3, name="reference")
    assert hashes(Path("batch")) == hashes(Path("reference"))


@pytest.mark.parametrize("runs", [0, 1, -1, 2.5, "5", None, True, 10**9])
def test_fewer_runs_or_no_number_are_refused(runs):
    manager = batch(runs=2)
    manager.generate_sim_paths()
    with pytest.raises(ParameterError, match="runs_per_sim"):
        manager.extend(runs)
    manager.extend(2)
    assert BatchFolder("batch").read_manifest().runs_per_sim == 2


# Neighbours ----------------------------------------------------------------------------------------------------


def test_a_manager_sees_what_another_one_has_added(manager):
    manager.simulation_list  # loaded before the other one adds
    other = SimulationManager(existing_simulation="batch")
    other.add([toy_sim("two", n_steps=3)], runs_per_sim=2)
    assert manager.run_all(in_process=True, progress=False).counts["finished"] == 4
    assert (manager.runs_per_sim, manager.simulation_ids) == (2, ["one", "two"])
    assert manager.simulation_list[1].training_loop_params == {"n_steps": 3}


def test_a_batch_that_is_being_run_does_not_grow(manager, monkeypatch):
    """Who holds it is no manager that could let another one change it: that is waited for, but not for ever."""
    monkeypatch.setattr(batch_folder, "_CHANGE_PATIENCE_S", 0.5)
    with BatchFolder("batch").held():
        for act in (lambda: manager.add([toy_sim("two")]), lambda: manager.extend(5)):
            with pytest.raises(BatchBusy):
                act()
    assert BatchFolder("batch").read_manifest().runs_per_sim == 1


def test_a_simulation_that_was_put_into_the_list_by_hand_is_refused_with_the_way():
    manager = executed()
    manager.simulation_list.append(toy_sim("late"))
    with pytest.raises(SimulationError, match=r"'late' is not in this batch.*manager\.add\(\[sim\]\)"):
        manager.run_all(1)


# Kills ---------------------------------------------------------------------------------------------------------

KILLED = """
import os, signal, sys
from pathlib import Path
from toys import toy_sim
from simmanager import SimulationManager
from simmanager.batch import changes
from simmanager.disk.batch_folder import BatchFolder

def killing(owner, name, *, after=False):
    function = getattr(owner, name)
    def killed(*words, **options):
        if after:
            function(*words, **options)
        os.kill(os.getpid(), signal.SIGKILL)
    setattr(owner, name, killed)

manager = SimulationManager(existing_simulation="batch")
{when}
manager.add([toy_sim("new"), toy_sim("waiting", n_steps=5)], runs_per_sim=2)
"""

MOMENTS = {
    "before anything": "killing(BatchFolder, 'own_simulation')",
    "before the manifest": "killing(BatchFolder, 'write_manifest')",
    "after the manifest": "killing(BatchFolder, 'write_manifest', after=True)",
    "before the runs": "killing(changes, 'make_missing_runs')",
    "after the first runs": "killing(changes, 'make_missing_runs', after=True)",
}


@pytest.mark.parametrize("when", MOMENTS.values(), ids=MOMENTS)
def test_a_kill_leaves_the_batch_as_it_was_or_as_it_is_to_be(when):
    manager = executed(toy_sim("one"))
    manager.add([toy_sim("waiting", n_steps=2)])
    finished = manager.runs[0].path
    done = python(KILLED.replace("{when}", when))
    assert done.returncode == -signal.SIGKILL, done.stderr

    opened = SimulationManager(existing_simulation="batch")
    steps = {e["simulation_id"]: e["training_loop_params"] for e in BatchFolder("batch").read_manifest().simulations}
    assert steps in ({"one": {}, "waiting": {"n_steps": 2}}, {"one": {}, "waiting": {"n_steps": 5}, "new": {}})
    assert opened.run_all(in_process=True, progress=False).all_finished
    assert opened.load_results("waiting", 0)[0].updates == steps["waiting"]["n_steps"]
    assert opened.runs[0].path == finished
    assert not [path for path in Path("batch").rglob("~simmanager-part-*") if path.parent.name in steps]


def test_a_growth_that_was_killed_is_repeated():
    manager = executed(toy_sim("one"))
    manager.add([toy_sim("waiting", n_steps=2)])
    for when in (MOMENTS["before the manifest"], MOMENTS["after the manifest"]):
        done = python(KILLED.replace("{when}", when))
        assert done.returncode == -signal.SIGKILL, done.stderr
    opened = SimulationManager(existing_simulation="batch")
    opened.add([toy_sim("new"), toy_sim("waiting", n_steps=5)], runs_per_sim=2)
    assert opened.run_all(in_process=True, progress=False).all_finished
    executed(toy_sim("one"), toy_sim("waiting", n_steps=5), toy_sim("new"), runs=2, name="reference")
    assert hashes(Path("batch")) == hashes(Path("reference"))


def test_a_run_folder_that_is_missing_after_a_growth_waits_in_the_queue(manager):
    manager.extend(2)
    RunFolder(manager.runs[1].path).state_log.unlink()
    for file in manager.runs[1].path.iterdir():
        file.unlink()
    manager.runs[1].path.rmdir()
    assert counts(manager) == {"finished": 1, "in_queue": 1}
    assert manager.run_all(in_process=True, progress=False).all_finished
    assert json.loads((manager.runs[1].path / "run.json").read_text())["state"] == RunState.FINISHED.value
