"""Learning by trial and error what each action is worth.

Watkins and Dayan, "Q-learning", Machine Learning 8, 1992, https://doi.org/10.1007/BF00992698.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..base.checks import check_integer
from ..base.errors import ParameterError, ParameterTypeError
from ..base.public import public
from ..training.model_state import check_pair
from ..training.parameters import integer, number, parameter
from .agent_core import AgentCore

State = tuple[int, ...]


@public("simmanager.agents")
class QLearning(AgentCore):
    """Keeps a table of the expected discounted return of each action in each state (tabular Q-learning).

    After a transition (s, a, r, s'): ``Q(s, a) += learning_rate * (r + discount * max Q(s', .) - Q(s, a))`` (equation 1
    of the paper), without the term of s' if s' ends the episode by the rules of the arena. Actions are epsilon-greedy:
    with probability epsilon any, else one of those of the highest value, at random.

    `reinforcement_learning_loop` hands over what `update` needs.

    Attributes
    ----------
    q_table : dict of tuple to list of float
        State -> value of each action; only states that were met.
    epsilon : float
        As it is now.
    global_steps : int
        Number of updates.
    """

    _n_actions: int | None = integer(
        "Number of actions: 0, 1, ...", default=None, minimum=1, alias="n_actions", keep=False, kw_only=False
    )
    actions: Sequence[Any] = parameter(
        "The actions themselves instead (one of both is needed), e.g. ``[(0, 1), (0, -1), (1, 0), (-1, 0)]``",
        default=None,
        kind="sequence",
    )
    bins: Sequence[tuple[float, float, int]] | None = parameter(
        "How each number of an observation becomes a whole one: n bins of equal width between low and high\n"
        "What is outside belongs to the first or the last. Without them observations are whole numbers already.",
        default=None,
        kind="sequence of (low, high, n)",
    )
    learning_rate: float = number("Learning rate alpha", default=0.1, minimum=0, maximum=1, convert=float)
    discount: float = number("Discount gamma", default=0.99, minimum=0, maximum=1, convert=float)
    initial_epsilon: float = number(
        "Probability of a random action", default=0.1, minimum=0, maximum=1, convert=float, alias="epsilon"
    )
    epsilon_decay: float = number(
        "What epsilon is multiplied with after each episode", default=1.0, minimum=0, maximum=1, convert=float
    )
    epsilon_min: float = number("What epsilon does not fall below", default=0.0, minimum=0, maximum=1, convert=float)
    initial_value: float = number(
        "What actions are worth before they are tried\nA high one makes it try all.", default=0.0, convert=float
    )
    agent_name: str = "QLearning"
    agent_step_size: float = parameter(default=1.0, init=False)

    def _derive(self) -> None:
        """Begin with nothing learned."""
        super()._derive()
        if (self._n_actions is None) == (self.actions is None):
            raise ParameterTypeError("QLearning needs n_actions or actions (one of both).")
        self.actions = _actions(self.actions) if self._n_actions is None else list(range(self._n_actions))
        self.bins = None if self.bins is None else [_bin(f"bins[{i}]", each) for i, each in enumerate(self.bins)]
        self.reset()

    @property
    def n_actions(self) -> int:
        """Number of actions."""
        return len(self.actions)

    def reset(self) -> None:
        """Forget all that was learned; the random generator goes on where it was."""
        super().reset()
        self.epsilon = self.initial_epsilon
        self.q_table: dict[State, list[float]] = {}
        self._chosen: tuple[Any, int] = (None, 0)

    def obs_to_state(self, obs: Any) -> State:
        """Return the state that an observation, (n,), belongs to: one whole number for each of its numbers.

        Raises
        ------
        ParameterError
            It does not fit the bins, or is not whole numbers and there are no bins.
        """
        values = np.ravel(obs).tolist()
        if self.bins is None:
            if any(value % 1 for value in values):
                raise ParameterError(
                    f"The observation {values} is not whole numbers; give QLearning bins=[(low, high, n), ...]."
                )
            return tuple(map(int, values))
        if len(values) != len(self.bins):
            raise ParameterError(f"QLearning has {len(self.bins)} bins, but an observation of {len(values)}: {values}.")
        if any(value != value for value in values):
            raise ParameterError(f"The observation {values} is not a number everywhere.")
        parts = zip(values, self.bins, strict=True)
        return tuple(int(min(max((value - low) * per_unit, 0), last)) for value, (low, per_unit, last) in parts)

    def _values(self, state: State) -> list[float]:
        values = self.q_table.get(state)
        if values is None:
            values = self.q_table[state] = [self.initial_value] * len(self.actions)
        return values

    def q_values(self, obs: Any) -> npt.NDArray[np.float64]:
        """Return what each action is worth where the agent sees ``obs``, (n_actions,)."""
        return np.array(self.q_table.get(self.obs_to_state(obs), [self.initial_value] * len(self.actions)))

    def act(self, obs: Any, policy_func: Callable[[Any], Any] | None = None) -> Any:
        """Choose an action, epsilon-greedily, or the one that ``policy_func`` returns for the observation."""
        if policy_func is not None:
            return policy_func(obs)
        if self.rng.random() < self.epsilon:
            index = int(self.rng.integers(len(self.actions)))
        else:
            values = self._values(self.obs_to_state(obs))
            highest = max(values)
            best = [i for i, value in enumerate(values) if value == highest]
            index = best[0] if len(best) == 1 else best[int(self.rng.integers(len(best)))]
        action = self.actions[index]
        self._chosen = (action, index)
        return action

    def update(
        self,
        obs: Any = None,
        action: Any = None,
        reward: float | None = None,
        next_obs: Any = None,
        terminated: bool = False,
        truncated: bool = False,
    ) -> dict[str, Any]:
        """Learn from one transition.

        Parameters
        ----------
        obs, next_obs : array of shape (n,)
            What the agent saw before and after.
        action : object
            What it did.
        reward : float
            What it got for it.
        terminated : bool
            The episode ended by the rules of the arena: there is no future. Default False.
        truncated : bool
            The episode ended because it was too long. Default False.

        Returns
        -------
        dict
            ``td_error``: how far the value was from what turned out; ``epsilon`` of this step.

        Raises
        ------
        ParameterTypeError
            There is no transition.
        ParameterError
            The action is none of the agent's.
        """
        if reward is None or obs is None or next_obs is None:
            raise ParameterTypeError(
                "QLearning.update needs obs, action, reward and next_obs. The training loop "
                "reinforcement_learning_loop hands them over; default_training_loop and "
                "episode_based_training_loop do not."
            )
        values, index = self._values(self.obs_to_state(obs)), self._index(action)
        future = 0.0 if terminated else max(self._values(self.obs_to_state(next_obs)))
        td_error = float(reward) + self.discount * future - values[index]
        values[index] += self.learning_rate * td_error
        self.global_steps += 1
        epsilon = self.epsilon
        if terminated or truncated:
            self.epsilon = max(self.epsilon_min, epsilon * self.epsilon_decay)
        return {"td_error": td_error, "epsilon": epsilon}

    def _index(self, action: Any) -> int:
        chosen, index = self._chosen
        if action is chosen:
            return index
        for i, known in enumerate(self.actions):
            if np.array_equal(known, action):
                return i
        raise ParameterError(f"{action!r} is none of the actions of this agent: {self.actions}.")


def _actions(actions: Any) -> list[Any]:
    if isinstance(actions, (str, bytes)) or not hasattr(actions, "__iter__") or not len(actions):
        raise ParameterTypeError(f"actions must be a list of at least one action, not {actions!r}.")
    return list(actions)


def _bin(name: str, given: Any) -> tuple[float, float, int]:
    """Return lower end, bins per unit, and number of the last bin."""
    values = given.tolist() if isinstance(given, np.ndarray) else given
    if not isinstance(values, (list, tuple)) or len(values) != 3:
        raise ParameterTypeError(f"{name} must be (low, high, number of bins), not {given!r}.")
    low, high = check_pair(name, list(values[:2]), increasing=True)
    n = check_integer(f"{name}[2]", values[2], minimum=1)
    return low, n / (high - low), n - 1
