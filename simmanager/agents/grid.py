"""The grid of places on which a model sees a room."""

from __future__ import annotations

import sys
from functools import cached_property

import numpy as np

from ..base.public import public
from ..training.arrays import FloatArray

#: Nearer to the middle between two grid points than this fraction of their distance counts as a tie.
_TIE = 1e-9
_NO_TIE = 1 - _TIE


@public("simmanager.agents")
class Grid:
    """A regular grid over a room centred on (0, 0); its points are numbered ``ix * n_depth + iy``.

    Parameters
    ----------
    room_width, room_depth : float
        Size of the room in x and in y.
    n_width, n_depth : int
        Grid points in x (left to right) and in y (top to bottom), borders included.
    """

    def __init__(self, room_width: float, room_depth: float, n_width: int, n_depth: int) -> None:
        self.n_width, self.n_depth = n_width, n_depth
        self.x_array = np.linspace(-room_width / 2, room_width / 2, num=n_width)
        self.y_array = np.linspace(room_depth / 2, -room_depth / 2, num=n_depth)
        self._last_x, self._last_y = n_width - 1, n_depth - 1
        self._left, self._top = -room_width / 2, room_depth / 2
        self._per_x = (n_width - 1) / room_width
        self._per_y = (n_depth - 1) / room_depth

    @property
    def mesh(self) -> FloatArray:
        """The x and y of each point, (2, n_depth, n_width)."""
        return np.array(np.meshgrid(self.x_array, self.y_array))

    @property
    def points(self) -> FloatArray:
        """All points in the order of their numbers, (n_width * n_depth, 2)."""
        return self.mesh.T.reshape(-1, 2)

    @property
    def extent(self) -> FloatArray:
        """x_min, x_max, y_min, y_max of a map whose pixels are centred on the grid points, (4,)."""
        x = 0.5 / self._per_x - self._left if self._per_x else -self._left
        y = 0.5 / self._per_y + self._top if self._per_y else self._top
        return np.array((-x, x, -y, y))

    @cached_property
    def _coordinates(self) -> tuple[list[float], list[float]]:
        return self.x_array.tolist(), self.y_array.tolist()

    def __getstate__(self) -> dict[str, object]:
        return {name: value for name, value in vars(self).items() if name != "_coordinates"}

    def __setstate__(self, state: dict[str, object]) -> None:
        vars(self).update({sys.intern(name): value for name, value in state.items()})

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Grid):
            return NotImplemented
        return np.array_equal(self.x_array, other.x_array) and np.array_equal(self.y_array, other.y_array)

    __hash__ = None  # type: ignore[assignment]

    def nearest(self, x: float, y: float) -> int:
        """Return the number of the point nearest to a position, the lowest one if several are.

        Parameters
        ----------
        x, y : float
            A position; outside the room the nearest point of the border.
        """
        # In units of the grid, shifted by half of one: the whole part is the index of the nearest point.
        place_x = (x - self._left) * self._per_x + 0.5
        place_y = (self._top - y) * self._per_y + 0.5
        ix, iy = int(place_x), int(place_y)
        no_tie = _TIE < place_x - ix < _NO_TIE and _TIE < place_y - iy < _NO_TIE
        if no_tie and ix <= self._last_x and iy <= self._last_y:
            return ix * self.n_depth + iy
        return self._nearest_of_neighbours(x, y, _clip(ix, self._last_x), _clip(iy, self._last_y))

    def _nearest_of_neighbours(self, x: float, y: float, ix: int, iy: int) -> int:
        """Return the nearest of a point and those around it: for ties, and for positions outside the room."""
        xs, ys = self._coordinates
        columns = range(max(ix - 1, 0), min(ix + 2, self.n_width))
        rows = range(max(iy - 1, 0), min(iy + 2, self.n_depth))
        # The squared distances as one would write them down: their rounding decides between equals.
        distances = [((xs[i] - x) ** 2 + (ys[j] - y) ** 2, i * self.n_depth + j) for i in columns for j in rows]
        return min(distances)[1]


def _clip(index: int, last: int) -> int:
    return min(max(index, 0), last)


class OnGrid:
    """The part of a model that says on which places of a `Grid` it sees a room."""

    _grid: Grid

    @property
    def mesh(self) -> FloatArray:
        """The x and y of each place, (2, n_depth, n_width)."""
        return self._grid.mesh

    @property
    def xy_combinations(self) -> FloatArray:
        """All places, in the order of their numbers, (n_places, 2)."""
        return self._grid.points
