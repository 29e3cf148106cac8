"""The figure of a path through a room."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from ..base.checks import check_integer
from ..training.arrays import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Colours along the path; a piece of one colour is drawn as one line, so long paths are quick.
_N_COLOURS = 256


def plot_path(positions: FloatArray, arena_limits: FloatArray, ax: Axes | None, plot_every: int) -> Any:
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
        ax.figure.colorbar(lines, ax=ax, ticks=[0, len(positions)], label="step")
    margin = 0.02 * np.diff(arena_limits)
    x_limits, y_limits = arena_limits + np.hstack((-margin, margin))
    ax.set(xlabel="width", ylabel="depth", title="position", xlim=x_limits, ylim=y_limits, aspect="equal")
    return ax
