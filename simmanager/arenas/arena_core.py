"""The base of all arenas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from ..base.public import public
from ..training.arrays import FloatArray
from ..training.model_state import one_name
from ..training.parameters import Parameterized, another_name, number, parameter


@public("simmanager.arenas")
class Environment(Parameterized):
    """An arena that counts steps, and in which nothing else happens: the base of the others.

    Attributes
    ----------
    state : ndarray
        What the arena is in; empty here.
    history : sequence of dict
        One transition for each step: action, state, next_state, reward, step.
    global_steps : int
        Steps since the last reset.
    global_time : float
        Seconds since the last reset.
    env_kwargs, metadata : dict
        Other parameters, which subclasses may take, and ``{"env_kwargs": ...}``.
    """

    environment_name: str = parameter("A name for this arena", default="Environment", kind="str", kw_only=False)
    time_step_size: float = number("Time that one step takes", default=1.0, unit="seconds", above=0)
    _env_name: str | None = another_name("environment_name", alias="env_name", default=None)
    _undeclared_as: ClassVar[str] = "env_kwargs"
    _order: ClassVar[str] = "environment_name time_step_size env_kwargs metadata state history global_steps global_time"

    def _derive(self) -> None:
        """Begin with an empty history."""
        owner = type(self).__name__
        self.environment_name = one_name(owner, "environment_name", self.environment_name, "env_name", self._env_name)
        if type(self) is Environment:
            self._refuse(self._undeclared)
        self.env_kwargs = self._undeclared
        self.metadata: dict[str, Any] = {"env_kwargs": self.env_kwargs}
        self.state: FloatArray = np.array([])
        self.history: Sequence[dict[str, Any]] = []
        self.global_steps = 0
        self.global_time = 0.0

    @property
    def env_name(self) -> str:
        """Another word for ``environment_name``."""
        return self.environment_name

    def make_observation(self) -> FloatArray:
        """Return what an agent sees: here a copy of the state."""
        return self.state.copy()

    def step(self, action: Any = None) -> tuple[FloatArray, FloatArray, float]:
        """Let one time step pass.

        Parameters
        ----------
        action : object
            Of the agent; kept in the history, of no effect here.

        Returns
        -------
        observation : ndarray
            What the agent sees now.
        state : ndarray
            What the arena is in now.
        reward : float
            What `reward_function` gives.
        """
        reward = self.reward_function(action, self.state)
        self._increase_global_step()
        state = self.state.copy()
        transition = {"action": action, "state": state, "next_state": state, "reward": reward}
        self.history.append({**transition, "step": self.global_steps})  # type: ignore[attr-defined]
        return self.make_observation(), state, reward

    def _increase_global_step(self) -> None:
        self.global_steps += 1
        self.global_time += self.time_step_size

    def reset(self) -> tuple[FloatArray, FloatArray]:
        """Set the counters to 0, forget the history, and return observation and state as `step` does."""
        self.global_steps = 0
        self.global_time = 0.0
        self.history = []
        return self.make_observation(), self.state.copy()

    def reward_function(self, action: Any, state: FloatArray) -> float:
        """Return the reward of a step; here always 0. Override it to reward something."""
        return 0.0

    def get_trajectory_data(self) -> Sequence[dict[str, Any]]:
        """Return the history."""
        return self.history

    save_environment = Parameterized._save
    restore_environment = Parameterized._restore
