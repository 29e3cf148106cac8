"""Two rooms whose dividing wall is taken away.

Wernle, Waaga, Mørreaunet, Treves, Moser and Moser, "Integration of grid maps in merged environments",
Nature Neuroscience 21, 2018, https://doi.org/10.1038/s41593-017-0036-6.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ..base.errors import ParameterError
from ..base.public import public
from ..training.arrays import FloatArray
from ..training.parameters import number
from .simple2d import Simple2D, TwoArrays


@public("simmanager.arenas")
class MergingRoom(Simple2D):
    """A room that a wall along y = 0 divides into A, below, and B, above, until the two are merged.

    The agent starts at a random place of A. After ``switch_time`` it is carried to a random place of B; after
    ``merge_time`` the wall is gone, and it stays where it is. `reset` begins again in A, with the wall. The limits in y
    must be on both sides of 0.

    Attributes
    ----------
    switch_step, merge_step : int
        The same times, in steps since the last reset.
    room_id : str
        "A", "B" or "AB": where the agent is.

    Notes
    -----
    NeuralPlayground's differs: it fails without ``time_step_size``; its `reset` returns (0, 0), on the wall, and the
    first step carries the agent into A; its attributes ``merge_time`` and ``switch_time`` are in steps; and it accepts
    a switch after the merging, which builds the wall again.
    """

    environment_name: str = "MergingRoom"
    merge_time: float = number(
        "Time after which the wall is taken away\nNot before ``switch_time``.", default=100.0, unit="minutes", minimum=0
    )
    switch_time: float = number(
        "Time after which the agent is carried from A to B\nIf it is that of the merging, it never is.",
        default=50.0,
        unit="minutes",
        minimum=0,
    )
    _order: ClassVar[str] = f"merge_time switch_time merge_step switch_step {Simple2D._order}"

    def _derive(self) -> None:
        """Build the wall and put the agent into room A."""
        if self.switch_time > self.merge_time:
            raise ParameterError(
                f"switch_time must be at most merge_time {self.merge_time!r}, not {self.switch_time!r}: "
                "after the merging there is no other room."
            )
        per_minute = 60 / self.time_step_size
        self.merge_step, self.switch_step = round(self.merge_time * per_minute), round(self.switch_time * per_minute)
        super()._derive()

    def _create_custom_walls(self) -> None:
        """Build the wall between the rooms."""
        x_low, x_high, y_low, y_high = self._room
        if not y_low < 0 < y_high:
            raise ParameterError(
                f"arena_y_limits must be on both sides of 0, where the dividing wall is, not {[y_low, y_high]}."
            )
        self.custom_walls = [np.array([[x_low, 0.0], [x_high, 0.0]])]

    def set_room(self, room_id: str) -> None:
        """Put the agent into room "A" or "B", at a random place, with the wall; "AB" takes the wall away instead.

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

    def reset(self, random_state: bool = False, custom_state: npt.ArrayLike | None = None) -> TwoArrays:
        """Forget the history, build the wall and put the agent into room A; parameters as of `Simple2D.reset`.

        It starts at a random place of A, whatever ``random_state`` is, or at ``custom_state``, which must be in A.
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
