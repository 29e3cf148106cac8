"""if_exists: the same call makes a batch, goes on with it, extends or replaces it."""

import pytest
from toys import failing_loop, hashes, toy_sim

from simmanager import BatchExists, SimulationManager, read_status
from simmanager.base.errors import ParameterError, SimulationError


def a_batch(if_exists="refuse", runs=2, names=("a",), **options):
    return SimulationManager([toy_sim(name) for name in names], runs, "b", if_exists=if_exists, **options)


def test_refuse_is_the_default_and_names_the_choice():
    a_batch().run_all(1, progress=False)
    with pytest.raises(BatchExists, match="if_exists='resume'"):
        SimulationManager([toy_sim("a")], 2, "b").run_all(1, progress=False)
    with pytest.raises(ParameterError, match=r"No if_exists 'resumes'.*Did you mean 'resume'"):
        a_batch("resumes")


@pytest.mark.parametrize("if_exists", ["resume", "extend", "overwrite"])
def test_where_there_is_none_it_is_made_by_the_first_run_and_not_before(if_exists, tmp_path):
    manager = a_batch(if_exists, seed=5)
    assert not (tmp_path / "b").exists()
    assert manager.run_all(1, progress=False).counts["finished"] == 2
    assert read_status("b").runs[0].seed == a_batch("resume", seed=5).status().runs[0].seed


def test_resume_runs_what_is_not_finished_and_leaves_the_rest(tmp_path):
    a_batch(runs=3, seed=5).generate_sim_paths()
    for run in read_status("b").runs[:1]:
        assert run.state == "in_queue"
    first = a_batch("resume", runs=3)
    assert (first.seed, first.status().total) == (5, 3), "it is there, before anything is run"
    first.run_all(1, progress=False)
    before = hashes(tmp_path / "b")
    again = a_batch("resume", runs=7)
    assert again.run_all(1, progress=False).total == 3, "it does not grow"
    assert {path: sha for path, sha in hashes(tmp_path / "b").items() if "run_" in path} == {
        path: sha for path, sha in before.items() if "run_" in path
    }


def test_resume_refuses_other_parameters_other_simulations_and_other_seeds(tmp_path):
    a_batch(seed=5).run_all(1, progress=False)
    before = hashes(tmp_path / "b")
    with pytest.raises(SimulationError, match=r"n_steps was changed"):
        SimulationManager([toy_sim("a", n_steps=9)], 2, "b", if_exists="resume").run_all(1, progress=False)
    with pytest.raises(SimulationError, match="'new' is not in this batch"):
        a_batch("resume", names=("a", "new")).run_all(1, progress=False)
    with pytest.raises(ParameterError, match="has the seed 5"):
        a_batch("resume", seed=6)
    with pytest.raises(ParameterError, match="has the seeds separate"):
        a_batch("extend", seeds="shared")
    assert hashes(tmp_path / "b") == before


def test_extend_adds_simulations_and_runs_once(tmp_path):
    a_batch().run_all(1, progress=False)
    manager = a_batch("extend", runs=3, names=("new", "a"))
    assert manager.run_all(1, progress=False).counts["finished"] == 6
    assert (manager.runs_per_sim, sorted(manager.simulation_ids)) == (3, ["a", "new"])
    assert manager.run_all(1, progress=False).total == 6
    assert a_batch("extend", runs=1).run_all(1, progress=False).total == 6, "it loses nothing"
    assert SimulationManager(existing_simulation="b").status().all_finished


def test_overwrite_replaces_it_once_and_only_by_a_run():
    SimulationManager([toy_sim("bad", failing_loop)], 4, "b").run_all(1, progress=False)
    manager = a_batch("overwrite")
    assert read_status("b").total == 4
    assert manager.run_all(1, progress=False).counts["finished"] == 2
    first = [run.path for run in manager.status().runs]
    assert manager.run_all(1, progress=False).total == 2
    assert [run.path for run in manager.status().runs] == first, "what it has made itself it does not replace"


def test_the_same_script_started_in_the_background_goes_on():
    for runs in (1, 2):
        assert a_batch("extend", runs=runs).start(1).wait(60).counts["finished"] == runs
