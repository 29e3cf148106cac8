"""Two rooms whose dividing wall is taken away.

Wernle, Waaga, Mørreaunet, Treves, Moser and Moser, "Integration of grid maps in merged environments",
Nature Neuroscience 21, 2018, https://doi.org/10.1038/s41593-017-0036-6.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..base.checks import check_number, refuse_unknown
from ..base.errors import ParameterError
from ..base.public import public
from .simple2d import Simple2D

FloatArray = npt.NDArray[np.float64]


@public("simmanager.arenas")
class MergingRoom(Simple2D):
    """A room that a wall along y = 0 divides into A, below, and B, above, until the two are merged.

    The agent starts at a random place of A. After ``switch_time`` it is carried to a random place of B; after
    ``merge_time`` the wall is gone, and it stays where it is. `reset` begins again in A, with the wall.

    Parameters
    ----------
    environment_name : str
        A name for this arena. Default "MergingRoom".
    merge_time : float
        Minutes after which the wall is taken away, at least ``switch_time``. Default 100.
    switch_time : float
        Minutes after which the agent is carried from A to B, at least 0. With ``switch_time`` equal to ``merge_time``
        it never is. Default 50.
    arena_x_limits, arena_y_limits : two numbers
        Lower and upper end of the whole in x and y; those in y must be on both sides of 0. Default (-10, 10) each.
    agent_step_size : float
        Length of a step taken with ``normalize_step=True``, greater than 0. Default 0.5.
    time_step_size : float
        Seconds that one step takes, greater than 0. Default 1.
    env_name : str, optional
        Another word for ``environment_name``.
    rng : numpy.random.Generator, optional
        For the random places. Without it one is seeded from ``np.random``.

    Attributes
    ----------
    switch_step, merge_step : int
        The same times, in steps since the last reset.
    room_id : str
        "A", "B" or "AB": where the agent is.

    Raises
    ------
    ParameterTypeError, ParameterError
        An unknown parameter, one of the wrong type or out of range.

    Notes
    -----
    NeuralPlayground's differs: it fails without ``time_step_size``; its `reset` returns (0, 0), on the wall, and the
    first step carries the agent into A; its attributes ``merge_time`` and ``switch_time`` are in steps; and it accepts
    a switch after the merging, which builds the wall again.
    """

    def __init__(
        self,
        environment_name: str = "MergingRoom",
        merge_time: float = 100.0,
        switch_time: float = 50.0,
        arena_x_limits: Sequence[float] | FloatArray = (-10, 10),
        arena_y_limits: Sequence[float] | FloatArray = (-10, 10),
        agent_step_size: float = 0.5,
        time_step_size: float = 1.0,
        env_name: str | None = None,
        rng: np.random.Generator | None = None,
        **unknown: Any,
    ) -> None:
        refuse_unknown(type(self).__name__, unknown, self._known_parameters())
        self.merge_time = check_number("merge_time", merge_time, minimum=0)
        self.switch_time = check_number("switch_time", switch_time, minimum=0)
        if switch_time > merge_time:
            raise ParameterError(
                f"switch_time must be at most merge_time {merge_time!r}, not {switch_time!r}: "
                "after the merging there is no other room."
            )
        per_minute = 60 / check_number("time_step_size", time_step_size, above=0)
        self.merge_step, self.switch_step = round(merge_time * per_minute), round(switch_time * per_minute)
        super().__init__(
            environment_name, arena_x_limits, arena_y_limits, agent_step_size, time_step_size, env_name, rng
        )

    def _create_custom_walls(self) -> None:
        """Build the wall between the rooms."""
        x_low, x_high, y_low, y_high = self._room
        if not y_low < 0 < y_high:
            raise ParameterError(
                f"arena_y_limits must be on both sides of 0, where the dividing wall is, not {[y_low, y_high]}."
            )
        self.custom_walls = [np.array([[x_low, 0.0], [x_high, 0.0]])]

    def set_room(self, room_id: str) -> None:
        """Put the agent into a room, at a random place, with the wall; or take the wall away.

        Parameters
        ----------
        room_id : {"A", "B", "AB"}
            "AB" takes the wall away; the agent stays where it is.

        Raises
        ------
        ParameterError
            Another ``room_id``.
        """
        if room_id not in ("A", "B", "AB"):
            raise ParameterError(f"room_id must be 'A', 'B' or 'AB', not {room_id!r}.")
        self.room_id = room_id
        if room_id == "AB":
            self._set_walls([])
            return
        self._create_custom_walls()
        self._set_walls(self.custom_walls)
        x_low, x_high, y_low, y_high = self._room
        low, high = ((x_low, y_low), (x_high, 0.0)) if room_id == "A" else ((x_low, 0.0), (x_high, y_high))
        self.state = self.rng.uniform(low, high)

    def _set_walls(self, custom_walls: list[FloatArray]) -> None:
        self.custom_walls = custom_walls
        self.wall_list = self.default_walls + custom_walls

    def reset(
        self, random_state: bool = False, custom_state: npt.ArrayLike | None = None
    ) -> tuple[FloatArray, FloatArray]:
        """Forget the history, build the wall and put the agent into room A.

        Parameters
        ----------
        random_state : bool
            Of no effect: the agent starts at a random place of A in any case.
        custom_state : array of shape (2,), optional
            Start there instead; it must be in A.

        Returns
        -------
        observation, state : ndarray, (2,)
            The position.

        Raises
        ------
        ParameterError
            ``custom_state`` is not in room A.
        """
        super().reset(False, custom_state)
        chosen = self.state
        self.set_room("A")
        if custom_state is not None:
            if chosen[1] >= 0:
                raise ParameterError(f"custom_state must be in room A, with y below 0, not {chosen.tolist()}.")
            self.state = chosen
        return self.make_observation(), self.state.copy()

    def step(self, action: Any = None, normalize_step: bool = False) -> tuple[FloatArray, FloatArray, float]:
        """Switch or merge the rooms when it is time, then move as in `Simple2D`."""
        if self.global_steps == self.merge_step:
            self.set_room("AB")
        elif self.global_steps == self.switch_step:
            self.set_room("B")
        return super().step(action, normalize_step)
