"""A round arena, as open-field recordings often use."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ..base.checks import check_integer, check_number
from ..base.errors import ParameterError
from ..base.public import public
from ..training.arrays import FloatArray
from ..training.parameters import Pair, integer, number, parameter
from .simple2d import Simple2D, TwoArrays


@public("simmanager.arenas")
def create_circular_wall(center: npt.ArrayLike, radius: float, n_walls: int = 100) -> list[FloatArray]:
    """Return straight walls that make a circle: the regular polygon whose corners lie on it.

    Parameters
    ----------
    center : array of shape (2,)
        x and y of the centre.
    radius : float
        Distance of the corners from it, greater than 0.
    n_walls : int
        Number of walls, at least 3. Default 100: the middle of a wall is 0.05% nearer to the centre than its ends.

    Returns
    -------
    list of n_walls (2, 2) arrays
        [[x1, y1], [x2, y2]] each, counterclockwise from the right.

    Raises
    ------
    ParameterTypeError, ParameterError
        A number of the wrong type or out of range.
    """
    radius = check_number("radius", radius, above=0)
    angles = 2 * np.pi / check_integer("n_walls", n_walls, minimum=3) * np.arange(n_walls + 1)
    corners = np.asarray(center) + radius * np.stack((np.cos(angles), np.sin(angles)), axis=1)
    corners[-1] = corners[0]  # to the last bit, so that the circle is closed
    return [corners[i : i + 2].copy() for i in range(n_walls)]


@public("simmanager.arenas")
class CircularArena(Simple2D):
    """A round room around (0, 0), whose border is a regular polygon.

    Notes
    -----
    The polygon is in ``default_walls``. Whatever ``wall_list`` holds, no move ends outside of the circle.
    """

    environment_name: str = "CircularArena"
    radius: float = number("Distance of the corners of the polygon from (0, 0)", default=10.0, above=0, convert=float)
    n_walls: int = integer("Number of straight walls", default=100, minimum=3)
    arena_x_limits: Pair = parameter(init=False)
    arena_y_limits: Pair = parameter(init=False)
    _order: ClassVar[str] = f"radius n_walls _inner_radius {Simple2D._order}"

    def _derive(self) -> None:
        """Build the polygon."""
        #: Of the largest circle within the polygon.
        self._inner_radius = self.radius * math.cos(math.pi / self.n_walls)
        self.arena_x_limits, self.arena_y_limits = (-self.radius, self.radius), (-self.radius, self.radius)
        super()._derive()

    def _create_default_walls(self) -> None:
        """Set ``default_walls`` to the polygon."""
        self.default_walls = create_circular_wall((0.0, 0.0), self.radius, self.n_walls)

    @property
    def wall_list(self) -> list[FloatArray]:
        """The walls that stop moves, in the order in which they are tried."""
        return self._wall_list

    @wall_list.setter
    def wall_list(self, walls: Sequence[npt.ArrayLike]) -> None:
        Simple2D.wall_list.fset(self, walls)  # type: ignore[attr-defined]
        self._has_no_inner_walls = np.array_equal(self._wall_list, self.default_walls)

    def validate_action(self, pre_state: FloatArray, action: Any, new_state: FloatArray) -> tuple[FloatArray, bool]:
        """Return where a move ends, and whether a wall stopped it, as `Simple2D.validate_action` does."""
        # A straight move between two points of a circle stays in it.
        if self._has_no_inner_walls and self._is_well_inside(pre_state) and self._is_well_inside(new_state):
            return new_state, False
        end, crossed = super().validate_action(pre_state, action, new_state)
        if math.hypot(*end.tolist()) > self.radius:  # through a corner, or between walls that were changed
            return pre_state.copy(), True
        return end, crossed

    def _is_well_inside(self, state: FloatArray) -> bool:
        return math.hypot(*state.tolist()) < self._inner_radius

    def reset(self, random_state: bool = False, custom_state: npt.ArrayLike | None = None) -> TwoArrays:
        """Forget the history and put the agent at its start, as `Simple2D.reset` does; at random: within the walls."""
        if random_state and custom_state is None:
            distance, angle = self._inner_radius * math.sqrt(self.rng.random()), 2 * math.pi * self.rng.random()
            custom_state = (distance * math.cos(angle), distance * math.sin(angle))
        super().reset(False, custom_state)
        if math.hypot(*self.state.tolist()) > self.radius:
            self.state = np.zeros(2)
            raise ParameterError(f"custom_state must be in the circle of radius {self.radius:g}, not {custom_state!r}.")
        return self.make_observation(), self.state.copy()
