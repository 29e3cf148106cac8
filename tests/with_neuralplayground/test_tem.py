"""The Tolman-Eichenbaum machine, which has a training loop of its own and learns with torch."""

from __future__ import annotations

import neuralplayground.backend as theirs
import pytest
import torch
from neuralplayground.agents.whittington_2020 import Whittington2020
from neuralplayground.agents.whittington_2020_extras.whittington_2020_parameters import parameters
from neuralplayground.arenas import BatchEnvironment, DiscreteObjectEnvironment
from neuralplayground.experiments import Sargolini2006Data

from simmanager.compat import neuralplayground as npg_backend

ROOM = 50  # a small room takes longer: steps into its walls do not count


@pytest.fixture(autouse=True)
def one_thread():
    """As in a worker; two threads on a busy machine wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def tem(recordings, tmp_path, monkeypatch):
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")  # it logs to a folder beside the working directory
    params, limits = parameters(), [[-ROOM / 2, ROOM / 2]] * 16
    one_arena = {
        "environment_name": "DiscreteObject",
        "state_density": 1,
        "n_objects": params["n_x"],
        "agent_step_size": 1,
        "use_behavioural_data": False,
        "data_path": recordings["Sargolini2006"],
        "experiment_class": Sargolini2006Data,
    }
    arenas = {"arena_x_limits": limits, "arena_y_limits": limits, "env_class": DiscreteObjectEnvironment}
    rooms = {"room_widths": [ROOM] * 16, "room_depths": [ROOM] * 16, "state_densities": [1] * 16}
    return npg_backend.SingleSim(
        simulation_id="TEM",
        agent_class=Whittington2020,
        agent_params={"params": params, "batch_size": 16, "use_behavioural_data": False, **rooms},
        env_class=BatchEnvironment,
        env_params={"batch_size": 16, "arg_env_params": one_arena, **arenas},
        training_loop=npg_backend.tem_training_loop,
        training_loop_params={"n_episode": 1, "params": params},
    )


def test_it_learns_and_the_same_seed_gives_the_same_weights(tem):
    weights = []
    for batch in ("one", "two"):
        manager = npg_backend.SimulationManager([tem], 1, batch, seed=1)
        status = manager.run_all(1, in_process=True, progress=False)
        assert status.all_finished, status.runs[0].reason
        agent, _, history = manager.load_results("TEM", 0)
        assert set(history) == {"mod_kwargs", "env_kwargs", "hyper"}
        weights.append(agent)
    assert weights[0].keys() == weights[1].keys()
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_the_list_that_its_own_loop_returns_is_kept(tem):
    """Three dicts about agent, arena and training: what they are is not for us to say, so nothing is thrown away."""
    tem.training_loop, tem.training_loop_params = theirs.tem_training_loop, {**tem.training_loop_params, "n_episode": 0}
    tem.run_sim()
    history = tem.load_results()[2]
    assert len(history) > 3
    assert all(len(values) == 3 for values in history.values())
