"""A figure of the page: drawn, thinned out, written as SVG; one that cannot be drawn says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..base.tables import Table
from ..base.text import plain
from .inline_svg import inline_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Shapes of one artist, and of all in one panel, above which they are drawn as an image.
_MAX_SHAPES, _MAX_SHAPES_TOGETHER = 200, 1500


@dataclass(frozen=True, slots=True)
class PageFigure:
    """A figure in the page."""

    name: str  # its id
    title: str  # what stands above it
    svg: str  # an ``<svg>`` or ``<img>`` element, or "" if it could not be drawn
    caption: str = ""  # what stands below it
    wide: bool = False  # whether it takes the whole width
    tables: tuple[tuple[str, Table], ...] = ()  # title and content of each table with its numbers


def draw(
    name: str,
    title: str,
    alt: str,
    size: tuple[float, float],
    fill: Callable[[Figure], object],
    *,
    caption: str = "",
    wide: bool = False,
    tables: tuple[tuple[str, Table], ...] = (),
) -> PageFigure:
    """Draw a figure of this size in inches within `inline_svg.page_style`; if that fails, its caption says so.

    ``fill`` draws into the figure it is given; ``alt`` is what it shows, for those who do not see it.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    try:
        fill(figure)
        for ax in figure.axes:
            _thin(ax)
        svg = inline_svg(figure, name, plain(alt))
    except Exception as error:  # whatever the numbers are, one figure must not cost the page
        svg = ""
        caption = f"This figure could not be drawn ({type(error).__name__}: {error}). {caption}"
    return PageFigure(name, title, svg, caption, wide, tables)


def _thin(ax: Axes) -> None:
    """Draw what consists of very many shapes as an image: the page of a thousand runs stays small."""
    numbers = {artist: _n_shapes(artist) for artist in (*ax.collections, *ax.patches)}
    crowded = sum(numbers.values()) > _MAX_SHAPES_TOGETHER
    for artist, number in numbers.items():
        artist.set_rasterized(crowded or number > _MAX_SHAPES)


def _n_shapes(artist: Any) -> int:
    paths, offsets = getattr(artist, "get_paths", list), getattr(artist, "get_offsets", list)
    return max(len(paths()), len(offsets()), 1)
