"""The values of a parameter along an axis: numbers, in decades if they span some, or anything else, side by side."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from .style import NORMAL, drawable
from .sweep_groups import value_key
from .wording import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DECADES = 100.0  # largest divided by smallest value from which an axis is logarithmic
_MAX_TICKS = 10  # more values than this are not written one by one along an axis
_ROOM = 0.06  # part of an axis that a number takes
_LINE = 70  # characters that fit side by side along an axis
_MAX_CELLS = 40  # cells of a heat map whose values are all written along an axis
_LONGEST = 18  # characters of a value that are written


class Scale:
    """The distinct values of a parameter: in ascending order if all are numbers, else as they come."""

    def __init__(self, values: Iterable[Any]) -> None:
        distinct = {value_key(value): value for value in values}
        numbers = {key: _number(value) for key, value in distinct.items()}
        known = [one for one in numbers.values() if one is not None]
        self.is_numeric = len(known) == len(numbers)
        if self.is_numeric:
            distinct = dict(sorted(distinct.items(), key=lambda item: numbers[item[0]] or 0.0))
        self._distinct = distinct
        self._indices = {key: index for index, key in enumerate(distinct)}
        self.is_logarithmic = self.is_numeric and min(known, default=0) > 0 and max(known) >= _DECADES * min(known)

    def __len__(self) -> int:
        return len(self._distinct)

    def index(self, value: Any) -> int:
        """Return the place of a value among the distinct ones."""
        return self._indices[value_key(value)]

    def position(self, value: Any) -> float:
        """Return where a value lies on an axis of points: itself, or its index if not all are numbers."""
        known = _number(value)
        return known if self.is_numeric and known is not None else float(self.index(value))

    def along_points(self, ax: Axes) -> None:
        """Prepare the x axis for `position`."""
        from matplotlib.ticker import NullLocator

        if self.is_logarithmic:
            ax.set_xscale("log")
        if self.is_numeric and len(self) > _MAX_TICKS:
            ax.tick_params(labelsize=NORMAL)
        else:
            places = [self.position(value) for value in self._distinct.values()]
            ax.set_xticks(places, self._apart(places))
            ax.xaxis.set_minor_locator(NullLocator())
            self._slant_if_long(ax)
        ax.margins(x=0.08)

    def along_cells(self, ax: Axes, which: str) -> None:
        """Write the values along the x or y axis (``which``) of a heat map, whose cells are their indices."""
        labels = self._labels()
        shown = range(0, len(self), -(-len(self) // _MAX_CELLS))
        set_ticks = ax.set_xticks if which == "x" else ax.set_yticks
        set_ticks(shown, [labels[index] for index in shown])
        ax.tick_params(labelsize=NORMAL, length=2)
        if which == "x":
            self._slant_if_long(ax)

    def _apart(self, places: Sequence[float]) -> list[str]:
        """Return the labels, blank where one would be written over the one before it."""
        along = [math.log(place) for place in places] if self.is_logarithmic else list(places)
        room = _ROOM * (max(along) - min(along))
        labels, last = self._labels(), -math.inf
        for index, place in enumerate(along):
            if place - last < room:
                labels[index] = ""
            else:
                last = place
        return labels

    def _slant_if_long(self, ax: Axes) -> None:
        """Slant the values along the x axis if they are long."""
        if max(map(len, self._labels())) * len(self) > _LINE:
            ax.tick_params(axis="x", rotation=30)
            for label in ax.get_xticklabels():
                label.set_horizontalalignment("right")

    def _labels(self) -> list[str]:
        return [_written(value) for value in self._distinct.values()]


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        known = float(value)
    except OverflowError:
        return None
    return known if math.isfinite(known) else None


def _written(value: Any) -> str:
    known = _number(value)
    return number(known, 6) if known is not None else drawable(str(value), _LONGEST)
