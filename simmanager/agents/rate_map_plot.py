"""The figure of one rate map."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def new_axes(n_columns: int = 1, figsize: tuple[float, float] = (4, 5)) -> Any:
    """Return the axes of a new figure: one, or an array of them."""
    from matplotlib import pyplot as plt

    return plt.subplots(1, n_columns, figsize=figsize)[1]


def draw_map(
    matrix: npt.NDArray[Any], ax: Axes, title: str, x: str = "width", y: str = "depth", bar_label: str = "Firing rate"
) -> Axes:
    """Draw a matrix, first row at the top, as an image with a colour bar below it, and return the axes."""
    image = ax.imshow(matrix)
    low, high = float(np.min(matrix)), float(np.max(matrix))
    bar = ax.figure.colorbar(image, ax=ax, ticks=[low, high], orientation="horizontal", fraction=0.046)
    bar.ax.set_xlabel(bar_label)
    bar.ax.set_xticklabels([f"{low:.3g}", f"{high:.3g}"])
    ax.set(title=title, xlabel=x, ylabel=y, xticks=[], yticks=[])
    return ax


def save_figure_of(axes: Any, save_path: str | Path | None) -> None:
    """Save the figure of one or several axes, if a path is given."""
    if save_path is not None:
        np.ravel(np.array(axes, dtype=object))[0].figure.savefig(save_path, bbox_inches="tight")
