"""What every agent, arena and loop keeps, in every combination."""

import itertools
import pickle

import gymnasium
import numpy as np
import pytest

from simmanager.agents import AgentCore, QLearning, RandomAgent, Stachenfeld2018, Weber2018
from simmanager.arenas import (
    CircularArena,
    ConnectedRooms,
    Environment,
    GymnasiumArena,
    MergingRoom,
    RecordedTrajectory,
    Simple2D,
)
from simmanager.base.errors import ParameterTypeError
from simmanager.training.loops import default_training_loop, episode_based_training_loop
from simmanager.training.reinforcement_learning import reinforcement_learning_loop

N_ITERATIONS = 60


class Divided(Simple2D):
    def _create_custom_walls(self):
        self.custom_walls = [np.array([[1, -2], [1, 2]])]


class Plane(gymnasium.Env):
    """A Gymnasium environment that all agents can walk in; an episode is 20 steps."""

    observation_space = gymnasium.spaces.Box(-3, 3, (2,), np.float64)
    action_space = gymnasium.spaces.Box(-np.inf, np.inf, (2,), np.float64)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place, self.n_steps = self.np_random.uniform(-1, 1, 2), 0
        return self.place, {}

    def step(self, action):
        self.place, self.n_steps = np.clip(self.place + action, -3, 3), self.n_steps + 1
        return self.place, float(self.place[0]), False, self.n_steps == 20, {}


AGENTS = {
    "AgentCore": (AgentCore, {}),
    "RandomAgent": (RandomAgent, {"step_size": 0.5}),
    "Stachenfeld2018": (Stachenfeld2018, {"room_width": 6, "room_depth": 4}),
    "Weber2018": (Weber2018, {"Ne": 20, "Ni": 10, "resolution": 12, "room_width": 6, "room_depth": 4}),
    "QLearning": (QLearning, {"actions": [(0, 1), (0, -1), (1, 0), (-1, 0)], "bins": [(-3, 3, 6), (-2, 2, 4)]}),
    "Weber2018, all weights": (Weber2018, {"Ne": 20, "Ni": 10, "resolution": 12, "record_weight_changes": True}),
}
ROOM = {"arena_x_limits": (-3, 3), "arena_y_limits": (-2, 2)}
ARENAS = {
    "Environment": (Environment, {}),
    "Simple2D": (Simple2D, ROOM),
    "Divided": (Divided, ROOM),
    "ConnectedRooms": (
        ConnectedRooms,
        {"singleroom_xsize": 3, "singleroom_ysize": 2, "corridor_ysize": 2, "door_size": 1},
    ),
    "MergingRoom": (MergingRoom, {**ROOM, "switch_time": 20 / 60, "merge_time": 40 / 60}),
    "CircularArena": (CircularArena, {"radius": 2.0}),
    "RecordedTrajectory": (RecordedTrajectory, {"positions": np.random.default_rng(0).uniform(-2, 2, (50, 2))}),
    "GymnasiumArena": (GymnasiumArena, {"env_id": Plane}),
}
#: Loop, its parameters, and how many rows its history has.
LOOPS = {
    "steps": (default_training_loop, {"n_steps": N_ITERATIONS}, N_ITERATIONS),
    "episodes": (episode_based_training_loop, {"t_episode": 20, "n_episode": 3}, N_ITERATIONS),
    "rewards": (reinforcement_learning_loop, {"t_episode": 20, "n_episode": 3}, 3),
}


def can_work(agent, arena, loop):
    return agent != "QLearning" or (loop == "rewards" and arena != "Environment")  # it needs rewards, and sight


COMBINATIONS = [each for each in itertools.product(AGENTS, ARENAS, LOOPS) if can_work(*each)]
all_combinations = pytest.mark.parametrize(("agent", "arena", "loop"), COMBINATIONS)


def train(agent, env, loop):
    function, params, _ = LOOPS[loop]
    own_episodes = loop == "rewards" and isinstance(env, GymnasiumArena)
    return function(agent, env, **({"n_episode": 3} if own_episodes else params))


def run(agent, arena, loop, seed=1):
    np.random.seed(seed)
    agent_class, agent_params = AGENTS[agent]
    env_class, env_params = ARENAS[arena]
    return train(agent_class(**agent_params), env_class(**env_params), loop)


@all_combinations
def test_the_first_axis_of_the_history_is_the_iteration(agent, arena, loop):
    _, env, history = run(agent, arena, loop)
    assert all(len(values) == LOOPS[loop][2] for values in history.values())
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
    train(fresh, fresh_env, loop)
    train(trained, env, loop)
    assert fresh == trained and fresh_env == env


@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize("arena", sorted(ARENAS.keys() - {"Environment"}))
def test_positions_stay_in_the_room(agent, arena):
    _, env, _ = run(agent, arena, "rewards")
    positions = env.history.array("state")
    assert (np.abs(positions) <= (3, 3 if arena == "GymnasiumArena" else 2)).all()
    if arena == "Divided":
        assert positions[:, 0].max() < 1
    if arena == "CircularArena":
        assert np.hypot(*positions.T).max() <= 2
    if arena == "MergingRoom":
        assert positions[:20, 1].max() < 0 < positions[20:40, 1].min()


@pytest.mark.parametrize("arena", sorted(ARENAS.keys() - {"Environment"}))
@pytest.mark.parametrize("loop", ["steps", "episodes"])
def test_a_learner_from_rewards_says_which_loop_it_needs(arena, loop):
    with pytest.raises(ParameterTypeError, match="reinforcement_learning_loop hands them over"):
        run("QLearning", arena, loop)
