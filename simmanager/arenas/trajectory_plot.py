"""The figure of a path through a room."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..base.checks import check_integer

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Colours along the path; a piece of one colour is drawn as one line, so long paths are quick.
_N_COLOURS = 256


def plot_path(
    positions: npt.NDArray[np.float64], arena_limits: npt.NDArray[np.float64], ax: Axes | None, plot_every: int
) -> Any:
    """Draw the path of a `Simple2D`, (n, 2), coloured by time, in its limits, (2, 2), and return the axes."""
    from matplotlib import pyplot as plt
    from matplotlib.collections import LineCollection

    step = check_integer("plot_every", plot_every, minimum=1)
    if ax is None:
        _, ax = plt.subplots(figsize=(8, 6))
    points = positions[::step]
    if len(points) > 1:
        cuts = np.unique(np.linspace(0, len(points) - 1, min(_N_COLOURS, len(points) - 1) + 1).astype(int))
        pieces = [points[start : end + 1] for start, end in itertools.pairwise(cuts)]
        lines = LineCollection(pieces, cmap="plasma", alpha=0.6, linewidths=1.0)
        lines.set_array(cuts[:-1] * step)
        lines.set_clim(0, len(positions))
        ax.add_collection(lines)
        bar = ax.figure.colorbar(lines, ax=ax, ticks=[0, len(positions)])
        bar.set_label("step")
    ax.set_xlabel("width")
    ax.set_ylabel("depth")
    ax.set_title("position")
    margin = 0.02 * (arena_limits[:, 1] - arena_limits[:, 0])
    ax.set_xlim(arena_limits[0, 0] - margin[0], arena_limits[0, 1] + margin[0])
    ax.set_ylim(arena_limits[1, 0] - margin[1], arena_limits[1, 1] + margin[1])
    ax.set_aspect("equal")
    return ax
