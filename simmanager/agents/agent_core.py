"""The base of all agents, and the simplest one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ..base.public import public
from ..training.model_state import one_name
from ..training.parameters import Parameterized, another_name, generator, number, parameter

FloatArray = npt.NDArray[np.float64]

#: Observations that an agent remembers.
MEMORY = 1000


@public("simmanager.agents")
class AgentCore(Parameterized):
    """An agent that walks at random and learns nothing: the base of the others.

    Attributes
    ----------
    obs_history : list
        The latest observations, fewer than 1000.
    global_steps : int
        Number of updates done.
    mod_kwargs, metadata : dict
        Other parameters, which subclasses may take, and ``{"mod_kwargs": ...}``.
    """

    agent_name: str = parameter("A name for this agent", default="default_model", kind="str", kw_only=False)
    agent_step_size: float = number("Standard deviation of a step in x and in y", default=1.0, minimum=0)
    rng: np.random.Generator = generator("Source of randomness", default=None)
    _model_name: str | None = another_name("agent_name", alias="model_name", default=None)
    _others: ClassVar[str] = "mod_kwargs"
    _order: ClassVar[str] = "agent_name agent_step_size rng mod_kwargs metadata obs_history global_steps"

    def _derive(self) -> None:
        """Begin with an empty memory."""
        owner = type(self).__name__
        self.agent_name = one_name(owner, "agent_name", self.agent_name, "model_name", self._model_name)
        if type(self) is AgentCore:
            self._refuse(self._further)
        self.mod_kwargs = self._further
        self.metadata: dict[str, Any] = {"mod_kwargs": self.mod_kwargs}
        self.obs_history: list[Any] = []
        self.global_steps = 0

    @property
    def model_name(self) -> str:
        """Another word for ``agent_name``."""
        return self.agent_name

    def reset(self) -> None:
        """Forget everything."""
        self.obs_history = []
        self.global_steps = 0

    def act(self, obs: Any, policy_func: Callable[[Any], Any] | None = None) -> Any:
        """Choose a step.

        Parameters
        ----------
        obs : array
            What the agent sees; without any elements it stays where it is.
        policy_func : callable, optional
            Takes the observation and returns the action, instead of a random one.

        Returns
        -------
        ndarray, (2,), or None
            Change in x and y, from a normal distribution; None to stay.
        """
        action = None if len(obs) == 0 else self.rng.normal(scale=self.agent_step_size, size=2)
        self.obs_history.append(obs)
        if len(self.obs_history) >= MEMORY:
            self.obs_history.pop(0)
        return action if policy_func is None else policy_func(obs)

    def update(self) -> dict[str, Any] | None:
        """Learn from what was seen; nothing here."""
        return None

    @property
    def works_in_blocks(self) -> bool:
        """True if `act_block` and `update_block` do what `act` and `update` do: neither is replaced by a subclass."""
        return self._is_unchanged(AgentCore, "act", "update")

    def act_block(self, n_steps: int) -> FloatArray:
        """Choose several steps at once, which is possible since they do not depend on what is seen.

        Parameters
        ----------
        n_steps : int
            How many.

        Returns
        -------
        ndarray, (n_steps, 2)
            What as many calls of `act` would return. `update_block` has to follow.
        """
        return self.rng.normal(scale=self.agent_step_size, size=(n_steps, 2))

    def update_block(self, observations: FloatArray) -> dict[str, npt.NDArray[Any]] | None:
        """Learn as if `act` had seen one observation after the other, each followed by `update`.

        Parameters
        ----------
        observations : ndarray, (n_steps, 2)
            What was seen before each of the steps that `act_block` chose.

        Returns
        -------
        dict or None
            What the calls of `update` would return: for each key an array, first axis = step; None here.
        """
        self.obs_history.extend(observations)
        del self.obs_history[: 1 - MEMORY]
        return None

    def get_rate_map_matrix(self) -> npt.NDArray[np.float64] | None:
        """Return the firing rate at each place, (width, depth); None here."""
        return None

    def save_agent(self, save_path: str | Path, raw_object: bool = True) -> None:
        """Write the agent to a file, which appears whole or not at all.

        Parameters
        ----------
        save_path : path
            The file; its folder must exist.
        raw_object : bool
            True (default) writes the object, for ``pickle.load`` or `restore_agent`;
            False only its state, for `restore_agent`.
        """
        self._save(save_path, raw_object)

    def restore_agent(self, restore_path: str | Path) -> None:
        """Become the agent that was saved to a file. It is a pickle: only open files you trust.

        Parameters
        ----------
        restore_path : path
            Written by `save_agent` from an agent of the same class.

        Raises
        ------
        ParameterTypeError
            The file holds something else.
        """
        self._restore(restore_path)


@public("simmanager.agents")
class RandomAgent(AgentCore):
    """An agent that walks at random and remembers nothing."""

    step_size: float = number("Standard deviation of a step in x and in y", default=1.0, minimum=0, kw_only=False)
    agent_name: str = "default_model"
    agent_step_size: float = parameter(default=1.0, init=False)

    def act(self, obs: Any, policy_func: Callable[[Any], Any] | None = None) -> Any:
        """Return a random step, or what ``policy_func`` chooses; as in `AgentCore`, but nothing is remembered."""
        return self.rng.normal(scale=self.step_size, size=2) if policy_func is None else policy_func(obs)

    @property
    def works_in_blocks(self) -> bool:
        """As in `AgentCore`."""
        return self._is_unchanged(RandomAgent, "act", "update")

    def act_block(self, n_steps: int) -> FloatArray:
        """Choose several steps at once, as in `AgentCore`."""
        return self.rng.normal(scale=self.step_size, size=(n_steps, 2))

    def update_block(self, observations: FloatArray) -> None:
        """Do nothing: nothing is remembered."""
