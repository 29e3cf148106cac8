"""The loop that hands over rewards: what is called with what, what is recorded; and that a killed run goes on."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from toys import hashes

from simmanager import SimulationManager, SingleSim
from simmanager.agents import QLearning
from simmanager.arenas import GymnasiumArena
from simmanager.base.current_run import CurrentRun, executing
from simmanager.base.errors import ParameterError, ParameterTypeError
from simmanager.training.reinforcement_learning import reinforcement_learning_loop


class Script:
    """An arena with episodes of two and of three steps; observation and state differ where one ends."""

    def __init__(self):
        self.terminated = self.truncated = False
        self.n = 0

    def reset(self):
        return np.array([0, 0, 7]), None

    def step(self, action):
        self.n += 1
        self.terminated, self.truncated = self.n == 2, self.n == 5
        obs = np.array([self.n, 0, 7])
        return obs, -obs if self.terminated or self.truncated else obs, float(action)


class Room:
    def reset(self):
        return np.array([0]), None

    def step(self, action):
        return np.array([action]), "not what is seen", 1.0


class Learner:
    def __init__(self):
        self.updates, self.seen = [], []

    def act(self, obs):
        self.seen.append(obs.tolist())
        return 10 * (len(self.updates) + 1)

    def update(self, obs, action, reward, next_obs, terminated, truncated):
        self.updates.append((obs[0], action, reward, next_obs[0], terminated, truncated))
        return {"size": reward, "array": np.ones(3), "word": "x"}


class Modest:
    """Asks for the reward only."""

    total = 0.0

    def act(self, obs):
        return 1

    def update(self, reward):
        self.total += reward


def test_the_agent_sees_all_and_learns_from_whole_transitions():
    agent, _env, history = reinforcement_learning_loop(Learner(), Script(), 2)
    assert agent.updates == [
        (0, 10, 10.0, 1, False, False),
        (1, 20, 20.0, -2, True, False),
        (2, 30, 30.0, 3, False, False),
        (3, 40, 40.0, 4, False, False),
        (4, 50, 50.0, -5, False, True),
    ]
    assert agent.seen == [[0, 0, 7], [1, 0, 7], [2, 0, 7], [3, 0, 7], [4, 0, 7]]
    assert {name: values.tolist() for name, values in history.items()} == {
        "episode_return": [30, 120],
        "episode_length": [2, 3],
        "size": [15, 40],
    }


def test_an_agent_gets_what_its_update_names():
    agent, _, history = reinforcement_learning_loop(Modest(), Script(), 2)
    assert agent.total == 5 and list(history) == ["episode_return", "episode_length"]


def test_in_an_arena_without_episodes_they_have_a_length():
    agent, _, history = reinforcement_learning_loop(Learner(), Room(), 3, t_episode=2)
    assert [update[4:] for update in agent.updates] == [(False, False), (False, True)] * 3
    assert [update[3] for update in agent.updates] == [10, 20, 30, 40, 50, 60]  # what is seen next
    assert history["episode_return"].tolist() == [2, 2, 2]


def test_progress_is_told_in_episodes():
    told = []
    run = CurrentRun(seed=1, tell_progress=lambda done, total: told.append((done, total)))
    with executing(run):
        reinforcement_learning_loop(Modest(), Script(), 2)
    assert told == [(0, 2), (1, 2), (1, 2), (1, 2), (2, 2), (2, 2)]


def test_no_episode_is_a_run_too():
    assert reinforcement_learning_loop(Modest(), Script(), 0)[2] == {}


@pytest.mark.parametrize(
    ("env", "parameters", "error", "message"),
    [
        (Room, {"n_episode": 3}, ParameterError, "Room has no episodes of its own .*: give t_episode"),
        (Script, {"n_episode": 3, "t_episode": 9}, ParameterError, "t_episode is not for Script.*max_episode_steps"),
        (Room, {"n_episode": 2.5, "t_episode": 1}, ParameterTypeError, "n_episode must be a whole number"),
        (Room, {"n_episode": 2, "t_episode": 0}, ParameterError, "t_episode must be at least 1"),
        (Script, {"n_episode": -1}, ParameterError, "n_episode must be at least 0"),
    ],
)
def test_wrong_parameters_are_refused_with_name_and_reason(env, parameters, error, message):
    with pytest.raises(error, match=message):
        reinforcement_learning_loop(Learner(), env(), **parameters)


class Mortal(QLearning):
    """Kills its own process at update 700, once."""

    def update(self, obs=None, action=None, reward=None, next_obs=None, terminated=False, truncated=False):
        self.count = getattr(self, "count", 0) + 1
        flag = Path(os.environ["TEST_KILL_FLAG"])
        if self.count == 700 and Path(os.environ["TEST_KILL_WHEN"]).exists() and not flag.exists():
            flag.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if self.count == 600:
            time.sleep(0.02)  # inside a run: so that a checkpoint is due
        return super().update(obs, action, reward, next_obs, terminated, truncated)


def test_a_killed_run_goes_on_from_its_checkpoint_with_the_same_bytes(tmp_path, monkeypatch):
    monkeypatch.setenv("TEST_KILL_FLAG", str(tmp_path / "flag"))
    monkeypatch.setenv("TEST_KILL_WHEN", str(tmp_path / "when"))
    sim = SingleSim(
        simulation_id="pole",
        agent_class=Mortal,
        agent_params={"n_actions": 2, "bins": [(-2.4, 2.4, 1), (-3, 3, 1), (-0.21, 0.21, 6), (-2, 2, 6)]},
        env_class=GymnasiumArena,
        env_params={"env_id": "CartPole-v1"},
        training_loop=reinforcement_learning_loop,
        training_loop_params={"n_episode": 80},
    )
    quiet = SimulationManager([sim], 1, "undisturbed", seed=3)
    assert quiet.run_all(1, progress=False).all_finished
    Path("when").touch()
    killed = SimulationManager([sim], 1, "killed", seed=3)
    status = killed.run_all(1, checkpoint_every_s=0.02, progress=False)
    assert "SIGKILL" in status.runs[0].reason and killed.runs[0].checkpoint.exists()
    status = killed.run_all(1, checkpoint_every_s=0.02, retry_errors=True, progress=False)
    assert status.all_finished and status.runs[0].attempt == 2
    assert hashes(Path("killed")) == hashes(Path("undisturbed"))
    assert killed.runs[0].error_log.read_text() == ""
    agent, env, history = killed.load_results("pole", 0)
    assert agent.count == len(env.history) and env.n_episodes == len(history["episode_return"]) == 80
