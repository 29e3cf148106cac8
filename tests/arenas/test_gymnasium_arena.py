"""Gymnasium environments as arenas: episodes, seeds, what is saved, what is refused."""

import pickle
import sys
import threading

import gymnasium
import numpy as np
import pytest

from simmanager.arenas import GymnasiumArena
from simmanager.base.errors import PackageMissing, ParameterError, ParameterTypeError, SimManagerError, UnknownName


class Countdown(gymnasium.Env):
    """Counts down from a random number; 0 ends the episode, and so does doing nothing three times."""

    observation_space = gymnasium.spaces.Discrete(10)
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self, low=3, unpicklable=False):
        self.low, self.handle = low, threading.Lock() if unpicklable else None

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.number, self.idle = int(self.np_random.integers(self.low, 10)), 0
        return self.number, {"start": self.number}

    def step(self, action):
        self.number -= action
        self.idle += 1 - action
        return self.number, float(action), self.number == 0, self.idle == 3, {}


class Odd(gymnasium.Env):
    """Has composite spaces."""

    observation_space = gymnasium.spaces.Dict(
        {"place": gymnasium.spaces.Box(-1, 1, (2,), np.float32), "key": gymnasium.spaces.Discrete(3)}
    )
    action_space = gymnasium.spaces.Tuple((gymnasium.spaces.Discrete(2), gymnasium.spaces.Discrete(2)))

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return {"place": np.array([0.5, -0.5], np.float32), "key": 1}, {}

    def step(self, action):
        return {"place": np.array([0.5, -0.5], np.float32), "key": 2}, 1, False, False, {}


def arena(env_id=Countdown, seed=0, **parameters):
    return GymnasiumArena(env_id, rng=np.random.default_rng(seed), **parameters)


def test_an_episode_that_ended_is_followed_by_the_next_one():
    env = arena()
    obs, state = env.reset()
    start = int(obs[0])
    assert obs.tolist() == state.tolist()
    for expected in range(start - 1, 0, -1):
        obs, state, reward = env.step(1)
        assert obs.tolist() == state.tolist() == [expected]
        assert (reward, env.terminated, env.truncated, env.n_episodes) == (1.0, False, False, 0)
    obs, state, reward = env.step(1)
    assert state.tolist() == [0] and 3 <= obs[0] < 10
    assert (env.terminated, env.truncated, env.n_episodes) == (True, False, 1)
    assert env.state.tolist() == obs.tolist() == [env.info["start"]]
    for _ in range(3):
        env.step(0)
    assert (env.terminated, env.truncated) == (False, True)
    assert env.episode_returns.tolist() == [start, 0] and env.episode_lengths.tolist() == [start, 3]


def test_the_history_holds_every_step_of_every_episode():
    env = arena(time_step_size=0.5)
    for action in (1, 0, 0, 0, 1):
        env.step(action)
    assert (len(env.history), env.global_steps, env.global_time) == (5, 5, 2.5)
    assert env.history.array("reward").tolist() == [1, 0, 0, 0, 1]
    assert env.history.array("truncated").tolist() == [False, False, False, True, False]
    assert env.history.array("episode").tolist() == [0, 0, 0, 0, 1]
    assert env.history.array("action").tolist() == [1, 0, 0, 0, 1]
    last = env.history[-1]
    assert last["state"].tolist() == last["next_state"].tolist() == env.state.tolist()
    assert (last["step"], last["episode"], last["terminated"]) == (5, 1, False)
    assert [each["step"] for each in env.history[1:3]] == [2, 3] and len(list(env.history)) == 5
    with pytest.raises(UnknownName, match=r"no 'rewards'. Did you mean 'reward'"):
        env.history.array("rewards")
    with pytest.raises(IndexError):
        env.history[5]


def test_observations_need_not_be_kept():
    env = arena("CartPole-v1", keep_observations=False)
    env.step(1)
    assert env.history[0]["state"] is None and env.history.array("state").size == 0
    assert env.history.array("reward").tolist() == [1]


def test_the_same_seed_gives_the_same_episodes_and_each_reset_new_ones():
    starts = {}
    for seed in (1, 2):
        env, twin = arena("CartPole-v1", seed), arena("CartPole-v1", seed)
        starts[seed] = [env.reset()[0].tolist() for _ in range(3)]
        assert [twin.reset()[0].tolist() for _ in range(3)] == starts[seed]
        assert env.action_space.sample() == twin.action_space.sample()
        for _ in range(50):
            assert env.step(1)[0].tolist() == twin.step(1)[0].tolist()
        assert env == twin and pickle.dumps(env) == pickle.dumps(twin)
    assert len({str(start) for each in starts.values() for start in each}) == 6


def test_the_seed_of_the_run_is_the_seed_of_the_environment():
    np.random.seed(5)
    one = GymnasiumArena("CartPole-v1")
    np.random.seed(5)
    assert GymnasiumArena("CartPole-v1") == one


@pytest.mark.parametrize("env_id", ["CartPole-v1", "FrozenLake-v1", "Blackjack-v1", Countdown])
def test_an_arena_goes_on_in_the_middle_of_its_episode_after_loading(env_id, tmp_path):
    env = arena(env_id)
    env.step(0)
    env.save_environment(tmp_path / "arena")
    loaded = pickle.loads((tmp_path / "arena").read_bytes())
    assert loaded == env
    for _ in range(40):
        (obs, state, reward), (other, other_state, other_reward) = env.step(0), loaded.step(0)
        assert obs.tolist() == other.tolist() and state.tolist() == other_state.tolist() and reward == other_reward
    assert loaded == env
    assert loaded.reset()[0].tolist() == env.reset()[0].tolist()


def test_what_cannot_be_pickled_is_left_out_and_begins_anew(tmp_path):
    env = arena(unpicklable=True)
    for _ in range(4):
        env.step(0)
    env.save_environment(tmp_path / "arena")
    loaded = pickle.loads((tmp_path / "arena").read_bytes())
    assert loaded.episode_lengths.tolist() == [3] and len(loaded.history) == 4
    with pytest.raises(SimManagerError, match=r"The episode of Countdown was not saved.*Call reset"):
        loaded.step(0)
    loaded.reset()
    assert loaded.step(0)[2] == 0


def test_observations_are_arrays_and_what_a_step_returned_never_changes():
    env = arena("Blackjack-v1")
    assert env.reset()[0].shape == (32 + 11 + 2,)
    env = arena(Odd)
    assert env.reset()[0].tolist() == [0, 1, 0, 0.5, -0.5]
    obs, state, reward = env.step((1, 0))
    assert obs.tolist() == [0, 0, 1, 0.5, -0.5] and type(reward) is float
    assert env.history[0]["action"] == (1, 0)
    obs[:], kept = 9, state.copy()
    env.step((1, 1))
    assert state.tolist() == kept.tolist() and env.state[0] == 0
    pickle.dumps(env)


@pytest.mark.parametrize("action", [2, -1, None, 0.5, "left", [0, 1], (0.1, 0.2)])
def test_an_action_outside_of_the_space_is_refused(action):
    env = arena()
    with pytest.raises(ParameterError, match=r"Countdown takes an action in Discrete\(2\), not"):
        env.step(action)
    assert env.global_steps == 0


def test_actions_may_be_numpys_and_continuous_ones_of_any_precision():
    env = arena()
    for action in (np.int64(1), np.array([1]), np.array(0)):
        env.step(action)
    assert env.history.array("action").tolist() == [1, 1, 0]
    pendulum = arena("Pendulum-v1")
    pendulum.step(np.array([0.5]))
    pendulum.step([1])
    assert pendulum.history.array("action").tolist() == [[0.5], [1.0]]
    with pytest.raises(ParameterError, match="takes an action in Box"):
        pendulum.step([9.0])


def test_parameters_go_to_the_environment():
    env = arena("CartPole-v1", max_episode_steps=3)
    for _ in range(3):
        env.step(0)
    assert env.truncated and env.env_kwargs == {"max_episode_steps": 3}
    assert env.environment_name == "CartPole-v1" and arena().environment_name == "Countdown"
    assert arena(low=9).state.tolist() == [9]


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"env_id": "CartPol-v1"}, ParameterError, "`CartPol` doesn't exist. Did you mean: `CartPole`.*Give its class"),
        ({"env_id": "CartPole-v99"}, ParameterError, "Environment version"),
        ({"env_id": 3}, ParameterTypeError, "env_id must be a name such as 'CartPole-v1', or a class, not 3"),
        ({"env_id": "CartPole-v1", "gravity": 3}, ParameterTypeError, "cannot be made with .*'gravity'"),
        ({"env_id": Countdown, "high": 3}, ParameterTypeError, "cannot be made with .*'high'"),
        ({"env_id": Countdown, "keep_observations": 1}, ParameterTypeError, "keep_observations must be True or False"),
        ({"env_id": Countdown, "time_step_size": 0}, ParameterError, "time_step_size must be greater than 0"),
    ],
)
def test_wrong_parameters_are_refused_with_name_and_reason(parameters, error, message):
    with pytest.raises(error, match=message):
        GymnasiumArena(**parameters)


def test_without_gymnasium_the_error_says_what_to_install_and_results_can_be_read(monkeypatch):
    env = arena("CartPole-v1")
    env.step(1)
    content = pickle.dumps(env)
    for name in [name for name in sys.modules if name.partition(".")[0] == "gymnasium"]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(PackageMissing, match=r"pip install simmanager\[gymnasium\]"):
        GymnasiumArena("CartPole-v1")
    assert pickle.loads(content).history.array("reward").tolist() == [1]


def test_an_environment_whose_own_package_is_missing_says_so():
    def needs_more():
        raise gymnasium.error.DependencyNotInstalled("pip install gymnasium[box2d]")

    with pytest.raises(PackageMissing, match=r"pip install gymnasium\[box2d\]"):
        GymnasiumArena(needs_more)
