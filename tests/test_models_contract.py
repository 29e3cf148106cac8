"""What every agent, arena and loop keeps, in every combination."""

import pickle

import numpy as np
import pytest

from simmanager.agents import AgentCore, RandomAgent, Stachenfeld2018, Weber2018
from simmanager.arenas import Environment, Simple2D
from simmanager.training_loops import default_training_loop, episode_based_training_loop

N_ITERATIONS = 60


class Divided(Simple2D):
    def _create_custom_walls(self):
        self.custom_walls = [np.array([[1, -2], [1, 2]])]


AGENTS = {
    "AgentCore": (AgentCore, {}),
    "RandomAgent": (RandomAgent, {"step_size": 0.5}),
    "Stachenfeld2018": (Stachenfeld2018, {"room_width": 6, "room_depth": 4}),
    "Weber2018": (Weber2018, {"Ne": 20, "Ni": 10, "resolution": 12, "room_width": 6, "room_depth": 4}),
    "Weber2018, all weights": (Weber2018, {"Ne": 20, "Ni": 10, "resolution": 12, "record_weight_changes": True}),
}
ROOM = {"arena_x_limits": (-3, 3), "arena_y_limits": (-2, 2)}
ARENAS = {"Environment": (Environment, {}), "Simple2D": (Simple2D, ROOM), "Divided": (Divided, ROOM)}
LOOPS = {
    "steps": (default_training_loop, {"n_steps": N_ITERATIONS}),
    "episodes": (episode_based_training_loop, {"t_episode": 20, "n_episode": 3}),
}

every_combination = [
    pytest.mark.parametrize("agent", AGENTS),
    pytest.mark.parametrize("arena", ARENAS),
    pytest.mark.parametrize("loop", LOOPS),
]


def all_combinations(test):
    for mark in every_combination:
        test = mark(test)
    return test


def run(agent, arena, loop, seed=1):
    np.random.seed(seed)
    agent_class, agent_params = AGENTS[agent]
    env_class, env_params = ARENAS[arena]
    function, params = LOOPS[loop]
    return function(agent_class(**agent_params), env_class(**env_params), **params)


@all_combinations
def test_the_first_axis_of_the_history_is_the_iteration(agent, arena, loop):
    _, env, history = run(agent, arena, loop)
    assert all(len(values) == N_ITERATIONS for values in history.values())
    assert env.global_steps == len(env.history) == N_ITERATIONS
    if agent.startswith(("Weber", "Stachenfeld")) and arena != "Environment":
        assert history and all(np.isfinite(values).all() for values in history.values())


@all_combinations
def test_the_same_seed_gives_the_same_bytes(agent, arena, loop):
    one, two, other = (pickle.dumps(run(agent, arena, loop, seed)) for seed in (1, 1, 2))
    assert one == two
    assert one != other


@all_combinations
def test_what_was_saved_is_restored_and_goes_on(agent, arena, loop, tmp_path):
    trained, env, _ = run(agent, arena, loop)
    trained.save_agent(tmp_path / "agent")
    env.save_environment(tmp_path / "arena")
    fresh, fresh_env = AGENTS[agent][0](**AGENTS[agent][1]), ARENAS[arena][0](**ARENAS[arena][1])
    fresh.restore_agent(tmp_path / "agent")
    fresh_env.restore_environment(tmp_path / "arena")
    assert fresh == trained == pickle.loads((tmp_path / "agent").read_bytes())
    assert fresh_env == env == pickle.loads((tmp_path / "arena").read_bytes())
    assert {path.name for path in tmp_path.iterdir()} == {"agent", "arena"}
    function, params = LOOPS[loop]
    function(fresh, fresh_env, **params)
    function(trained, env, **params)
    assert fresh == trained and fresh_env == env


@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize("arena", ["Simple2D", "Divided"])
@pytest.mark.parametrize("loop", LOOPS)
def test_positions_stay_in_the_room(agent, arena, loop):
    _, env, _ = run(agent, arena, loop)
    positions = env.history.array("state")
    assert (np.abs(positions) <= (3, 2)).all()
    if arena == "Divided":
        assert positions[:, 0].max() < 1
