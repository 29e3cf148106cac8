"""NeuralPlayground's simulations run under our manager as they are, and the same seed gives the same bytes."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from neuralplayground.backend import default_simulation as theirs
from neuralplayground.backend import training_loops as their_loops
from small import same, small_simulation
from toys import hashes

from simmanager import SimulationManager
from simmanager.compat import neuralplayground as npg_backend

NAMES = npg_backend.default_simulation.names()


@pytest.fixture
def all_of_them(recordings):
    return [small_simulation(name, recordings) for name in NAMES]


def test_all_default_simulations_run_unmodified_and_are_repeatable_to_the_byte(all_of_them):
    assert len(all_of_them) == 23
    for batch in ("one", "two"):
        manager = SimulationManager(all_of_them, 2, batch, seed=3)
        assert manager.run_all(1, in_process=True, progress=False).all_finished
    assert hashes(manager._folder.path.parent / "one") == hashes(manager._folder.path)
    SimulationManager(all_of_them[-1:], 2, "three", seed=4).run_all(1, in_process=True, progress=False)
    two, three = hashes(manager._folder.path), hashes(manager._folder.path.parent / "three")
    assert not set(three.values()) & {two[name] for name in three if not name.endswith("arena")}, "another seed"


def test_the_bytes_are_the_same_for_any_number_of_workers(recordings, tmp_path):
    simulations = [small_simulation("weber_in_sargolini", recordings)]
    for jobs in (1, 2):
        status = SimulationManager(simulations, 3, f"jobs_{jobs}", seed=3).run_all(jobs, progress=False)
        assert status.all_finished, [run.reason for run in status.runs]
    SimulationManager(simulations, 3, "here", seed=3).run_all(1, in_process=True, progress=False)
    assert hashes(tmp_path / "jobs_1") == hashes(tmp_path / "jobs_2") == hashes(tmp_path / "here")


@pytest.mark.parametrize("name", ["stachenfeld_in_2d", "weber_in_merging_room"])
def test_a_run_is_what_their_own_single_sim_does_with_that_seed(name, recordings, tmp_path):
    simulation = small_simulation(name, recordings)
    manager = SimulationManager([simulation], 1, "ours", seed=3)
    seed = manager.run_all(1, in_process=True, progress=False).runs[0].seed
    np.random.seed(seed)
    simulation.run_sim(str(tmp_path / "theirs"))
    agent, env, history = manager.load_results(0, 0)
    their_agent, their_env, their_history = simulation.load_results(str(tmp_path / "theirs"))
    assert history.keys() == their_history.keys()
    for key, values in their_history.items():
        np.testing.assert_array_equal(history[key], values)
    assert same(env, their_env)
    assert same(agent, their_agent)


@pytest.mark.parametrize("name", ["stachenfeld_in_2d", "weber_in_2d", "coreAgent_test_1"])
def test_our_loops_give_the_numbers_of_theirs(name, recordings):
    simulation = small_simulation(name, recordings)
    results = []
    for loops in (their_loops, npg_backend.training_loops):
        np.random.seed(1)
        agent, env = simulation.agent_class(**simulation.agent_params), simulation.env_class(**simulation.env_params)
        loop = getattr(loops, simulation.training_loop.__name__)
        results.append(loop(agent, env, **simulation.training_loop_params))
    (agent, env, history), (our_agent, our_env, our_history) = results
    assert same(our_agent, agent)
    assert same(our_env, env)
    assert our_history.keys() == (history or {}).keys()
    for key in our_history:
        np.testing.assert_array_equal(our_history[key], history[key])


def test_the_default_simulations_of_the_plug_in_are_copies():
    for name in NAMES:
        ours, original = getattr(npg_backend.default_simulation, name), getattr(theirs, name)
        assert isinstance(ours, npg_backend.SingleSim)
        assert ours is getattr(npg_backend.default_simulation, name), "one object, as there"
        for field in ("agent_class", "env_class", "training_loop", "simulation_id"):
            assert getattr(ours, field) is getattr(original, field)
        for field in ("agent_params", "env_params", "training_loop_params"):
            assert getattr(ours, field) is not getattr(original, field)
            assert pickle.dumps(getattr(ours, field)) == pickle.dumps(getattr(original, field))
    assert set(NAMES) <= set(dir(npg_backend.default_simulation))
    with pytest.raises(AttributeError, match="Did you mean 'weber_in_2d'"):
        npg_backend.default_simulation.webber_in_2d
    assert npg_backend.default_simulation.weber_in_2d_params["simulation_id"] == "weber_2018_in_simple2D"
