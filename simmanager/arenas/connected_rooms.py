"""Two rooms beside each other, joined by a corridor.

Carpenter, Manson, Jeffery, Burgess and Barry, "Grid cells form a global representation of connected environments",
Current Biology 25, 2015, https://doi.org/10.1016/j.cub.2015.02.037.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..base.checks import check_number, refuse_unknown
from ..base.errors import ParameterError
from ..base.public import public
from .simple2d import Simple2D


@public("simmanager.arenas")
class ConnectedRooms(Simple2D):
    """Two equal rooms below a corridor, each with a door to it.

    The rooms meet at x = 0 and lie below y = 0, the corridor above; each door is in the middle of its room's upper
    wall. With the default sizes, those of the paper in cm, the arena spans (-90, 90) in x and (-90, 40) in y. It is
    not centred on (0, 0), as the rooms of the agents are: give them ``room_width=180, room_depth=180``.

    Parameters
    ----------
    environment_name : str
        A name for this arena. Default "ConnectedRooms".
    corridor_ysize : float
        Width of the corridor, its size in y, greater than 0. Default 40.
    singleroom_ysize, singleroom_xsize : float
        Size of a room in y and in x, greater than 0. Default 90.
    door_size : float
        Width of a door, greater than 0 and less than ``singleroom_xsize``. Default 10.
    agent_step_size : float
        Length of a step taken with ``normalize_step=True``, greater than 0. Default 0.5.
    time_step_size : float
        Seconds that one step takes, greater than 0. Default 1.
    env_name : str, optional
        Another word for ``environment_name``.
    rng : numpy.random.Generator, optional
        For random starts. Without it one is seeded from ``np.random``.

    Raises
    ------
    ParameterTypeError, ParameterError
        An unknown parameter, one of the wrong type or out of range.

    Notes
    -----
    In NeuralPlayground the agent starts at (0, 0), where three walls meet, and never gets away from there. Here it
    starts in the middle of the corridor.
    """

    def __init__(
        self,
        environment_name: str = "ConnectedRooms",
        corridor_ysize: float = 40.0,
        singleroom_ysize: float = 90.0,
        singleroom_xsize: float = 90.0,
        door_size: float = 10.0,
        agent_step_size: float = 0.5,
        time_step_size: float = 1.0,
        env_name: str | None = None,
        rng: np.random.Generator | None = None,
        **unknown: Any,
    ) -> None:
        known = [name for name in self._known_parameters() if name not in ("arena_x_limits", "arena_y_limits")]
        refuse_unknown(type(self).__name__, unknown, known)
        self.corridor_ysize = check_number("corridor_ysize", corridor_ysize, above=0)
        self.singleroom_ysize = check_number("singleroom_ysize", singleroom_ysize, above=0)
        self.singleroom_xsize = check_number("singleroom_xsize", singleroom_xsize, above=0)
        self.door_size = check_number("door_size", door_size, above=0)
        if door_size >= singleroom_xsize:
            raise ParameterError(
                f"door_size must be less than singleroom_xsize {singleroom_xsize!r}, not {door_size!r}."
            )
        super().__init__(
            environment_name,
            arena_x_limits=(-self.singleroom_xsize, self.singleroom_xsize),
            arena_y_limits=(-self.singleroom_ysize, self.corridor_ysize),
            agent_step_size=agent_step_size,
            time_step_size=time_step_size,
            env_name=env_name,
            rng=rng,
        )

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

    def reset(
        self, random_state: bool = False, custom_state: npt.ArrayLike | None = None
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Forget the history and put the agent at its start.

        Parameters
        ----------
        random_state : bool
            True: anywhere in the rooms and the corridor with equal probability. False (default): in the middle of the
            corridor.
        custom_state : array of shape (2,), optional
            Start there instead.

        Returns
        -------
        observation, state : ndarray, (2,)
            The position.

        Raises
        ------
        ParameterError
            ``custom_state`` is not in the arena.
        """
        if custom_state is None and not random_state:
            custom_state = (0.0, self.corridor_ysize / 2)
        return super().reset(random_state, custom_state)
