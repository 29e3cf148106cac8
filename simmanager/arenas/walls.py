"""Walls: how far a move goes before one stops it.

A move that crosses a wall at the fraction t of its length is shortened to t - 1e-5 of it, wall after
wall. All shortened moves lie on one line, so a wall is intersected once, with the whole move, and the
sequence only changes one number, the fraction that is left.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

#: Distance that is kept from a wall, as a fraction of the move.
WALL_CLOSENESS = 1e-5
#: A wall reaches this fraction of its length further at both ends, so that joined walls have no gap.
_OVERLAP = 1e-12

#: x_low, x_high, y_low, y_high
Rectangle = tuple[float, float, float, float]
Interval = tuple[float, float]


def shorten(fraction: float, hit: float) -> float:
    """Return what fraction is left of a move, after a wall that the whole move meets at the fraction ``hit``."""
    crossed = fraction != 0 and 0 <= hit / fraction <= 1
    return hit - WALL_CLOSENESS * fraction if crossed else fraction


def stop_in_rectangle(x: float, y: float, new_x: float, new_y: float, room: Rectangle) -> tuple[float, float, bool]:
    """Return where a move from (x, y), in a room or on its border, ends, and whether a wall stopped it.

    (new_x, new_y) is where it would end without walls; they are tried in the order of the numbers of ``room``.
    """
    x_low, x_high, y_low, y_high = room
    if x_low < new_x < x_high and y_low < new_y < y_high:
        return new_x, new_y, False
    dx, dy = new_x - x, new_y - y
    fraction = 1.0
    if new_x <= x_low or new_x >= x_high:
        fraction = _shorten_at(x_low, x, new_x, y, dy, (y_low, y_high), fraction)
        fraction = _shorten_at(-x_high, -x, -new_x, y, dy, (y_low, y_high), fraction)
    if new_y <= y_low or new_y >= y_high:
        fraction = _shorten_at(y_low, y, new_y, x, dx, (x_low, x_high), fraction)
        fraction = _shorten_at(-y_high, -y, -new_y, x, dx, (x_low, x_high), fraction)
    end_x, end_y = keep_inside(x, y, dx, dy, fraction, room)
    return end_x, end_y, fraction != 1.0 or not (x_low <= new_x <= x_high and y_low <= new_y <= y_high)


def _shorten_at(
    wall: float, start: float, end: float, along: float, along_step: float, ends: Interval, fraction: float
) -> float:
    """Shorten a move at a low side of a rectangle, or at a high one if ``wall, start, end`` have the other sign."""
    if not end <= wall or not end < start:
        return fraction
    hit = (wall - start) / (end - start)
    return shorten(fraction, hit) if ends[0] <= along + hit * along_step <= ends[1] else fraction


def keep_inside(x: float, y: float, dx: float, dy: float, fraction: float, room: Rectangle) -> tuple[float, float]:
    """Return the end of a shortened move, made sure to be in the room.

    It is not by itself if the move passes exactly through a corner between two walls, if the 1e-5 of a huge
    move are longer than the room, or if the start is on a wall; then the move ends before the border, or at the start.
    """
    x_low, x_high, y_low, y_high = room
    new_x, new_y = x + fraction * dx, y + fraction * dy
    if x_low <= new_x <= x_high and y_low <= new_y <= y_high:
        return new_x, new_y
    to_x = ((x_high if dx > 0 else x_low) - x) / dx if dx else np.inf
    to_y = ((y_high if dy > 0 else y_low) - y) / dy if dy else np.inf
    inside = max(0.0, min(1.0, to_x, to_y) - WALL_CLOSENESS)
    return min(max(x + inside * dx, x_low), x_high), min(max(y + inside * dy, y_low), y_high)


class Segments:
    """Any walls, (2, 2) each, [[x1, y1], [x2, y2]], intersected with a move all at once, and tried in their order."""

    def __init__(self, walls: Sequence[npt.NDArray[np.float64]]) -> None:
        table = np.array(walls, dtype=np.float64).reshape(-1, 2, 2)
        self._x, self._y = table[:, 0, 0].copy(), table[:, 0, 1].copy()
        self._dx, self._dy = table[:, 1, 0] - self._x, table[:, 1, 1] - self._y

    def hits(self, x: float, y: float, dx: float, dy: float) -> npt.NDArray[np.float64]:
        """Return the fractions of a move, in [-1, 1], at which it meets walls, forwards or backwards, in their order.

        A wall that is parallel to the move is not met; nor is one on which the move starts.
        """
        to_x, to_y = self._x - x, self._y - y
        with np.errstate(all="ignore"):
            across = self._dx * dy - self._dy * dx
            along_wall = (to_y * dx - to_x * dy) / across
            along_move = (to_y * self._dx - to_x * self._dy) / across
            on_wall = (along_wall >= -_OVERLAP) & (along_wall <= 1 + _OVERLAP)
            hits: npt.NDArray[np.float64] = along_move[on_wall & (np.abs(along_move) <= 1) & (along_move != 0)]
        return hits

    def stop(self, x: float, y: float, new_x: float, new_y: float, room: Rectangle) -> tuple[float, float, bool]:
        """Return where a move ends, as `stop_in_rectangle` does."""
        dx, dy = new_x - x, new_y - y
        hits = self.hits(x, y, dx, dy).tolist()
        fraction = 1.0
        for hit in hits:
            fraction = shorten(fraction, hit)
        end_x, end_y = keep_inside(x, y, dx, dy, fraction, room)
        if hits and self._touches(x, y, end_x, end_y):
            # A step back from one wall led through another, or rounding led onto one.
            return x, y, True
        x_low, x_high, y_low, y_high = room
        return end_x, end_y, fraction != 1.0 or not (x_low <= new_x <= x_high and y_low <= new_y <= y_high)

    def _touches(self, x: float, y: float, new_x: float, new_y: float) -> bool:
        return bool((self.hits(x, y, new_x - x, new_y - y) > 0).any())
