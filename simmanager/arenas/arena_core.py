"""The base of all arenas."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ..base.public import public
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
    _others: ClassVar[str] = "env_kwargs"
    _order: ClassVar[str] = "environment_name time_step_size env_kwargs metadata state history global_steps global_time"

    def _derive(self) -> None:
        """Begin with an empty history."""
        owner = type(self).__name__
        self.environment_name = one_name(owner, "environment_name", self.environment_name, "env_name", self._env_name)
        if type(self) is Environment:
            self._refuse(self._further)
        self.env_kwargs = self._further
        self.metadata: dict[str, Any] = {"env_kwargs": self.env_kwargs}
        self.state: npt.NDArray[np.float64] = np.array([])
        self.history: Sequence[dict[str, Any]] = []
        self.global_steps = 0
        self.global_time = 0.0

    @property
    def env_name(self) -> str:
        """Another word for ``environment_name``."""
        return self.environment_name

    def make_observation(self) -> npt.NDArray[np.float64]:
        """Return what an agent sees: here a copy of the state."""
        return self.state.copy()

    def step(self, action: Any = None) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], float]:
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

    def reset(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Set the counters to 0 and forget the history.

        Returns
        -------
        observation, state : ndarray
            As `step` returns them.
        """
        self.global_steps = 0
        self.global_time = 0.0
        self.history = []
        return self.make_observation(), self.state.copy()

    def reward_function(self, action: Any, state: npt.NDArray[np.float64]) -> float:
        """Return the reward of a step; here always 0. Override it to reward something."""
        return 0.0

    def get_trajectory_data(self) -> Sequence[dict[str, Any]]:
        """Return the history."""
        return self.history

    def save_environment(self, save_path: str | Path, raw_object: bool = True) -> None:
        """Write the arena to a file, which appears whole or not at all.

        Parameters
        ----------
        save_path : path
            The file; its folder must exist.
        raw_object : bool
            True (default) writes the object, for ``pickle.load`` or `restore_environment`;
            False only its state, for `restore_environment`.
        """
        self._save(save_path, raw_object)

    def restore_environment(self, restore_path: str | Path) -> None:
        """Become the arena that was saved to a file. It is a pickle: only open files you trust.

        Parameters
        ----------
        restore_path : path
            Written by `save_environment` from an arena of the same class.

        Raises
        ------
        ParameterTypeError
            The file holds something else.
        """
        self._restore(restore_path)
