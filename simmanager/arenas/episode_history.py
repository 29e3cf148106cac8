"""The history of an arena with episodes, kept in arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..base.public import public
from ..training.recording import GrowingArray, ListOfTransitions


@public("simmanager.arenas")
class EpisodeHistory(ListOfTransitions):
    """The transitions of an arena with episodes; reads like a list of dicts.

    Each has the keys ``action``, ``state`` and ``next_state`` (both what the action led to, as in the other arenas;
    None if observations are not kept), ``reward`` (float), ``step`` (int, from 1), ``terminated`` and ``truncated``
    (bool: whether the step ended the episode, and how) and ``episode`` (int, from 0). A slice gives a plain list.
    """

    _NUMBERS = ("reward", "terminated", "truncated", "episode")
    _KEYS = ("action", "state", "next_state", *_NUMBERS, "step")

    def __init__(self) -> None:
        self._actions: GrowingArray | None = None
        self._states: GrowingArray | None = None
        self._numbers = GrowingArray((len(self._NUMBERS),))

    def record(
        self,
        action: npt.NDArray[Any],
        state: npt.NDArray[Any] | None,
        reward: float,
        terminated: bool,
        truncated: bool,
        episode: int,
    ) -> None:
        """Add one transition.

        Actions and states are always of the same shape and dtype (without dimensions for one number or object); states
        are None, always, if they are not kept.
        """
        if self._actions is None:
            self._actions = GrowingArray(action.shape, action.dtype)
            self._states = None if state is None else GrowingArray(state.shape, state.dtype)
        self._actions.append(action[()])
        if self._states is not None and state is not None:
            self._states.append(state)
        self._numbers.append_floats(reward, terminated, truncated, episode)

    def array(self, key: str) -> npt.NDArray[Any]:
        """Return one column as an array, (n, ...); an empty one for states that are not kept.

        Raises
        ------
        UnknownName
            No such column.
        """
        self._check_key(key)
        if key == "step":
            return np.arange(1, len(self) + 1)
        if key in self._NUMBERS:
            column = self._numbers.array[:, self._NUMBERS.index(key)].copy()
            return column if key == "reward" else column.astype(int if key == "episode" else bool)
        kept = self._actions if key == "action" else self._states
        return np.empty(0) if kept is None else kept.array.copy()

    def _transition(self, index: int) -> dict[str, Any]:
        reward, terminated, truncated, episode = self._numbers.array[index].tolist()
        action = None if self._actions is None else self._actions.array[index]
        state = None if self._states is None else self._states.array[index].copy()
        return {
            "action": action.copy() if isinstance(action, np.ndarray) else action,
            "state": state,
            "next_state": state,
            "reward": reward,
            "terminated": bool(terminated),
            "truncated": bool(truncated),
            "episode": int(episode),
            "step": index + 1,
        }

    def __len__(self) -> int:
        return len(self._numbers)
