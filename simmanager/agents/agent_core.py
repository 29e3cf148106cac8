"""The base of all agents, and the simplest one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ..base.public import public
from ..training.arrays import FloatArray
from ..training.model_state import one_name
from ..training.parameters import Parameterized, another_name, generator, number, parameter

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
    _undeclared_as: ClassVar[str] = "mod_kwargs"
    _order: ClassVar[str] = "agent_name agent_step_size rng mod_kwargs metadata obs_history global_steps"
    _one_by_one: ClassVar[tuple[str, ...]] = ("act", "update")

    def _derive(self) -> None:
        """Begin with an empty memory."""
        owner = type(self).__name__
        self.agent_name = one_name(owner, "agent_name", self.agent_name, "model_name", self._model_name)
        if type(self) is AgentCore:
            self._refuse(self._undeclared)
        self.mod_kwargs = self._undeclared
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

    def act_block(self, n_steps: int) -> FloatArray:
        """Choose the next ``n_steps`` steps, (n_steps, 2), as `act` would; `update_block` has to follow."""
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
            For each key that `update` returns an array, first axis = step; None here.
        """
        self.obs_history.extend(observations)
        del self.obs_history[: 1 - MEMORY]
        return None

    def get_rate_map_matrix(self) -> FloatArray | None:
        """Return the firing rate at each place, (width, depth); None here."""
        return None

    save_agent = Parameterized._save
    restore_agent = Parameterized._restore


@public("simmanager.agents")
class RandomAgent(AgentCore):
    """An agent that walks at random and remembers nothing."""

    step_size: float = number("Standard deviation of a step in x and in y", default=1.0, minimum=0, kw_only=False)
    agent_name: str = "default_model"
    agent_step_size: float = parameter(default=1.0, init=False)
    _one_by_one: ClassVar[tuple[str, ...]] = ("act", "update")

    def act(self, obs: Any, policy_func: Callable[[Any], Any] | None = None) -> Any:
        """Return a random step, or what ``policy_func`` chooses; as in `AgentCore`, but nothing is remembered."""
        return self.rng.normal(scale=self.step_size, size=2) if policy_func is None else policy_func(obs)

    def act_block(self, n_steps: int) -> FloatArray:
        """Choose several steps at once, as in `AgentCore`."""
        return self.rng.normal(scale=self.step_size, size=(n_steps, 2))

    def update_block(self, observations: FloatArray) -> None:
        """Do nothing: nothing is remembered."""
