"""The ready-made simulations: distinct, complete, and able to run."""

import numpy as np
import pytest

from simmanager import default_simulation
from simmanager.agents import QLearning, Stachenfeld2018, Weber2018
from simmanager.batch.making import checked_list
from simmanager.default_simulation import all_default_simulations

ALL = all_default_simulations()
ARENAS = {"2d", "connected_rooms", "merging_room", "circular_arena", "recorded_trajectory"}


def test_both_models_are_there_in_every_arena_and_each_has_an_id_of_its_own():
    assert set(ALL) == {f"{model}_in_{arena}" for model in ("weber", "stachenfeld") for arena in ARENAS} | {
        "q_learning_in_cartpole"
    }
    ids = [sim.simulation_id for sim in ALL.values()]
    assert len(set(ids)) == len(ids) == len(checked_list(list(ALL.values())))
    for name, sim in ALL.items():
        assert getattr(default_simulation, name) is sim
        kind = {"weber": Weber2018, "stachenfeld": Stachenfeld2018}.get(name.partition("_")[0], QLearning)
        assert sim.agent_class is kind
        sim.recipe()


def test_neuralplaygrounds_two_have_its_ids():
    assert ALL["weber_in_2d"].simulation_id == "weber_2018_in_simple2D"
    assert ALL["stachenfeld_in_2d"].simulation_id == "stachenfeld_2018_in_simple2D"


def test_none_shares_its_parameters_with_another():
    for field in ("agent_params", "env_params", "training_loop_params"):
        assert len({id(getattr(sim, field)) for sim in ALL.values()}) == len(ALL)


@pytest.mark.parametrize("name", ALL)
def test_each_runs_and_its_agent_covers_its_arena(name):
    sim = ALL[name]
    short = {"n_steps": 60, "t_episode": 20, "n_episode": 3}
    params = {**sim.training_loop_params}
    params.update({key: short[key] for key in params.keys() & short.keys()})
    np.random.seed(1)
    agent, env = sim.agent_class(**sim.agent_params), sim.env_class(**sim.env_params)
    agent, env, history = sim.training_loop(agent, env, **params)
    assert history and all(np.isfinite(values).all() for values in history.values())
    assert len(env.history) == env.global_steps > 0
    if not isinstance(agent, QLearning):
        room = np.array((agent.room_width, agent.room_depth)) / 2
        assert (np.abs(env.arena_limits) <= room[:, None] + 1e-9).all()


@pytest.mark.parametrize("name", ["weber_in_merging_room", "stachenfeld_in_merging_room"])
def test_the_rooms_are_merged_within_the_run(name):
    sim = ALL[name]
    env = sim.env_class(**sim.env_params)
    params = sim.training_loop_params
    total = params.get("n_steps") or params["t_episode"] * params["n_episode"]
    assert 0 < env.switch_step < env.merge_step < 0.7 * total
