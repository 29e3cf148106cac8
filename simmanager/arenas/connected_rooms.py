"""Two rooms beside each other, joined by a corridor.

Carpenter, Manson, Jeffery, Burgess and Barry, "Grid cells form a global representation of connected environments",
Current Biology 25, 2015, https://doi.org/10.1016/j.cub.2015.02.037.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt

from ..base.errors import ParameterError
from ..base.public import public
from ..training.parameters import Pair, number, parameter
from .simple2d import Simple2D, TwoArrays


@public("simmanager.arenas")
class ConnectedRooms(Simple2D):
    """Two equal rooms below a corridor, each with a door to it.

    The rooms meet at x = 0 and lie below y = 0, the corridor above; each door is in the middle of its room's upper
    wall. With the default sizes, those of the paper in cm, the arena spans (-90, 90) in x and (-90, 40) in y. It is
    not centred on (0, 0), as the rooms of the agents are: give them ``room_width=180, room_depth=180``.

    Notes
    -----
    In NeuralPlayground the agent starts at (0, 0), where three walls meet, and never gets away from there. Here it
    starts in the middle of the corridor.
    """

    environment_name: str = "ConnectedRooms"
    corridor_ysize: float = number("Width of the corridor, its size in y", default=40.0, above=0)
    singleroom_ysize: float = number("Size of a room in y", default=90.0, above=0)
    singleroom_xsize: float = number("Size of a room in x", default=90.0, above=0)
    door_size: float = number("Width of a door, less than ``singleroom_xsize``", default=10.0, above=0)
    arena_x_limits: Pair = parameter(init=False)
    arena_y_limits: Pair = parameter(init=False)
    _order: ClassVar[str] = f"corridor_ysize singleroom_ysize singleroom_xsize door_size {Simple2D._order}"

    def _derive(self) -> None:
        """Build the rooms."""
        width, door = self.singleroom_xsize, self.door_size
        if door >= width:
            raise ParameterError(f"door_size must be less than singleroom_xsize {width!r}, not {door!r}.")
        self.arena_x_limits = float(-width), float(width)
        self.arena_y_limits = float(-self.singleroom_ysize), float(self.corridor_ysize)
        super()._derive()

    def _create_custom_walls(self) -> None:
        """Build the wall between the rooms, and the upper walls with their doors."""
        width, half_door = self.singleroom_xsize, self.door_size / 2
        left_of_door, right_of_door = width / 2 - half_door, width / 2 + half_door
        walls = [
            [[0, 0], [0, -self.singleroom_ysize]],
            [[-width, 0], [-right_of_door, 0]],
            [[-left_of_door, 0], [0, 0]],
            [[0, 0], [left_of_door, 0]],
            [[right_of_door, 0], [width, 0]],
        ]
        self.custom_walls = [np.array(wall, dtype=np.float64) for wall in walls]

    def reset(self, random_state: bool = False, custom_state: npt.ArrayLike | None = None) -> TwoArrays:
        """Forget the history and put the agent at its start, as `Simple2D.reset` does.

        If that is neither given nor random, it is the middle of the corridor.
        """
        if custom_state is None and not random_state:
            custom_state = (0.0, self.corridor_ysize / 2)
        return super().reset(random_state, custom_state)
