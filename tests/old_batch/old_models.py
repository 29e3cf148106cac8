"""Models in a module beside the file that made the old batches: their pickles name this module."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from simmanager import default_training_loop, load_checkpoint, reinforcement_learning_loop
from simmanager.agents import AgentCore

#: Variables of the environment that are set only while the batches are made: the process id of the manager that is
#: killed together with the run, and the file that tells that a run has failed once.
CUT, FAIL_ONCE = "OLD_BATCH_CUT", "OLD_BATCH_FAIL_ONCE"

#: What a run prints that was cut and finds its checkpoint.
GOES_ON = "goes on from its checkpoint"


class Talker(AgentCore):
    """Walks at random; each update returns a number and a word, so that its history has an array of objects."""

    def update(self) -> dict[str, Any]:
        self.global_steps += 1
        return {"steps": float(self.global_steps), "word": "left" if self.global_steps % 2 else "right"}


class TinyTem:
    """What ``tem_training_loop`` asks of an agent."""

    def __init__(self) -> None:
        self.mod_kwargs = {"size": 2}
        self.tem = SimpleNamespace(hyper={"rate": 0.5})
        self.n_walk = self.updates = 0

    def batch_act(self, obs: Any) -> Any:
        self.n_walk += 1
        return np.ones(2)

    def update(self) -> None:
        self.n_walk = 0
        self.updates += 1


class TinyBatchArena:
    """What ``tem_training_loop`` asks of an arena."""

    def __init__(self) -> None:
        self.env_kwargs = {"walls": 4}
        self.position = np.zeros(2)

    def reset(self, random_state: bool, custom_state: Any) -> Any:
        return self.position, self.position

    def step(self, actions: Any, normalize_step: bool) -> Any:
        self.position = self.position + actions
        return self.position, self.position, 0.0


def steps_loop_that_was_cut(agent: Any, env: Any, **params: Any) -> Any:
    """``default_training_loop``; while the batch was made, run and manager were killed after a checkpoint."""
    _cut_after_a_checkpoint()
    print(GOES_ON if load_checkpoint() else "from the beginning")
    return default_training_loop(agent, env, **params)


def episodes_loop_that_was_cut(agent: Any, env: Any, **params: Any) -> Any:
    """``reinforcement_learning_loop``; while the batch was made, run and manager were killed after a checkpoint."""
    _cut_after_a_checkpoint()
    print(GOES_ON if load_checkpoint() else "from the beginning")
    return reinforcement_learning_loop(agent, env, **params)


def _cut_after_a_checkpoint() -> None:
    if CUT not in os.environ:
        return
    from simmanager.checkpoint import CheckpointStore

    save = CheckpointStore.save

    def save_and_die(store: Any, state: Any) -> None:
        save(store, state)
        if store._folder.checkpoint.exists() and getattr(state, "iteration", getattr(state, "episode", 0)) >= 3:
            os.kill(int(os.environ[CUT]), signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)

    CheckpointStore.save = save_and_die  # type: ignore[method-assign]


def loop_that_failed_once(agent: Any, env: Any, **params: Any) -> Any:
    """``default_training_loop``; while the batch was made, the first attempt raised."""
    marker = os.environ.get(FAIL_ONCE)
    if marker and not Path(marker).exists():
        Path(marker).touch()
        print("the first attempt")
        raise RuntimeError("the first attempt fails")
    return default_training_loop(agent, env, **params)


def decay(rate: float, seed: int) -> dict[str, Any]:
    """Return a curve, a number, and the seed."""
    loss = np.exp(-rate * np.arange(5.0))
    return {"loss": loss, "final_loss": loss[-1], "seed_of_run": seed}


def distance(agent: Any, env: Any, history: Any) -> float:
    """Return how far from the middle the walk ended."""
    return float(np.linalg.norm(env.state))


def not_a_number(agent: Any, env: Any, history: Any) -> str:
    """Return no number: a metric that fails."""
    return "far"
