"""How the figures look: colours, markers, sizes, legends, and names without matplotlib's mathematics."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..base.text import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Colours that people with any colour vision tell apart; its yellow is too light for lines on white.
#: Okabe and Ito, "Color universal design", 2008, https://jfly.uni-koeln.de/color/.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")

#: 5 and 8 share no factor with the 7 colours, so that 35 lines differ.
_LINE_STYLES: tuple[Any, ...] = ("-", "--", "-.", (0, (1, 1)), (0, (5, 1, 1, 1, 1, 1)))
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")

SMALL, NORMAL = 8.0, 9.0  # of the smallest text; of text in axes, legends and ticks (points)
TEXT_SIZE = 0.09, 0.15  # width of a digit, height of a line (inches)
MAX_NAME = 40  # longest name that is written whole
MISSING = "#C8C8C8"  # a place without a number
GREY = "#767676"  # text and marks that are about no simulation


@dataclass(frozen=True, slots=True)
class Look:
    """How one simulation is drawn, in every figure of the same simulations."""

    colour: str
    line: Any
    marker: str


def look(index: int) -> Look:
    """Return the look of the simulation of this index (0 is the first of the batch)."""
    return Look(PALETTE[index % len(PALETTE)], _LINE_STYLES[index % len(_LINE_STYLES)], _MARKERS[index % len(_MARKERS)])


def shade(index: int) -> str:
    """Return the colour of an area of the simulation of this index; lighter each time the colours are used up."""
    from matplotlib.colors import to_hex, to_rgb

    share = 0.5 ** min(index // len(PALETTE), 2)
    red, green, blue = (1 - share * (1 - part) for part in to_rgb(PALETTE[index % len(PALETTE)]))
    return to_hex((red, green, blue))


def contrasting(colour: Any) -> str:
    """Return the colour of text on an area: black or white, whichever has more contrast (WCAG 2, section 1.4.3)."""
    from matplotlib.colors import to_rgb

    parts = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(colour))
    luminance = sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), parts, strict=True))
    return "black" if luminance > 0.179 else "white"


def drawable(text: str, longest: int = MAX_NAME) -> str:
    """Return any text as it can be drawn: one line, no control characters, no mathematics, a long one cut."""
    flat = " ".join(plain(str(text)).split())
    if len(flat) > longest:
        head = longest // 2
        flat = f"{flat[:head]}…{flat[len(flat) - (longest - head - 1) :]}"
    if flat.startswith("_"):  # matplotlib leaves such labels out of legends
        flat = f" {flat}"
    return flat.replace("$", r"\$")


def load_from_elsewhere() -> None:
    """Import matplotlib from a folder of ours: it reads the ``matplotlibrc`` of the current one, whatever that is.

    For the command line: in a program with threads, the working directory is not ours to change.
    """
    if "matplotlib" in sys.modules:
        return
    with suppress(OSError, ImportError):  # of a folder that was deleted, say; then it is imported where it is needed
        here = os.open(os.curdir, os.O_RDONLY)
        try:
            os.chdir(Path(__file__).parent)
            import matplotlib  # noqa: F401
        finally:
            os.fchdir(here)
            os.close(here)


@contextmanager
def style_of_its_own(settings: Any = None) -> Iterator[None]:
    """Draw with the defaults of matplotlib, and these settings, while the context lasts.

    For figures that we save, not the user: a ``matplotlibrc`` in the current folder may be anybody's.
    """
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(settings or {})
        yield


def axes_of(ax: Axes | None, width: float = 6.4, height: float = 4.0) -> Axes:
    """Return ``ax``, or the axes of a new pyplot figure of this size in inches."""
    if ax is not None:
        return ax
    from matplotlib import pyplot as plt

    return plt.subplots(figsize=(width, height), layout="constrained")[1]


def root_of(ax: Axes) -> Figure:
    """Return the whole figure of axes, which may lie in a part of it."""
    figure: Any = ax.figure
    return figure.figure  # type: ignore[no-any-return]


def inches(ax: Axes) -> tuple[float, float]:
    """Return width and height of axes, as far as they are known before the layout: to see how much text fits."""
    box = ax.get_position()
    across, up = root_of(ax).get_size_inches()
    return box.width * across, box.height * up


def name_rows(ax: Axes, places: Sequence[float], names: Sequence[str], height: float) -> None:
    """Write names of rows along the y axis: as many as there is room for in rows of this height in inches."""
    every = max(round(TEXT_SIZE[1] / height), 1)
    ax.set_yticks(places[::every], names[::every])


def colorbar(drawn: Any, axes: Any, label: str, **options: Any) -> None:
    """Draw the scale of the colours of ``drawn`` beside axes (one or a list)."""
    bar = drawn.axes.figure.colorbar(drawn, ax=axes, **options)
    bar.set_label(label, fontsize=NORMAL)
    bar.ax.tick_params(labelsize=SMALL)


def tidy(ax: Axes, *, grid: Literal["x", "y"] = "y") -> None:
    """Take away the frame's upper and right side, and draw a light grid."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(labelsize=NORMAL)
    ax.grid(axis=grid, color="#DDDDDD", linewidth=0.6)
    ax.set_axisbelow(True)


def say(ax: Axes, text: str) -> Axes:
    """Write a sentence into empty axes, and return them."""
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_color("#BBBBBB")
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", fontsize=NORMAL, color=GREY, wrap=True)
    return ax


def legend(
    ax: Axes,
    handles: list[Any],
    labels: list[str],
    title: str = "",
    place: Literal["auto", "above", "right"] = "auto",
) -> None:
    """Draw a legend, inside the axes by default, or right of them if there are more than five entries.

    A tuple of handles is drawn one over the other.
    """
    from matplotlib.legend_handler import HandlerTuple

    if place == "auto" and len(handles) > 5:
        place = "right"
    where: dict[str, Any] = {"loc": "best", "frameon": True, "framealpha": 0.85, "edgecolor": "none"}
    if place == "right":
        where = {"loc": "upper left", "bbox_to_anchor": (1.01, 1.0), "frameon": False}
    elif place == "above":
        where = {"loc": "lower left", "bbox_to_anchor": (0.0, 1.0), "frameon": False, "ncols": len(handles)}
    ax.legend(
        handles,
        labels,
        title=title or None,
        fontsize=NORMAL,
        title_fontsize=NORMAL,
        alignment="left",
        borderaxespad=0.3,
        handlelength=2.8,
        handler_map={tuple: HandlerTuple(ndivide=1, pad=0)},
        **where,
    )
