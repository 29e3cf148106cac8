"""The figure of trajectories: simulation x run, coloured by the step."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..base.public import public
from ..results.source import Source, results_of
from .panels import Panels, frame
from .style import colorbar
from .wording import nothing_to_draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import Collection

    from ..results.values import Trajectory
    from .panels import AxesArray

#: Thinned positions are joined by lines only if their median distance is below this fraction of the room.
_NEAR = 0.05


@public("simmanager.plots")
def plot_trajectories(
    results: Source,
    simulations: str | Iterable[str] | None = None,
    runs: int | Iterable[int] | None = None,
    *,
    axes: Any = None,
) -> AxesArray:
    """Draw where the agents were: a row for each simulation, a column for each run, with the walls of the room.

    A summary keeps at most 1,000 positions of a run. They are joined by a line, or drawn as points where they lie so
    far apart that a line would not be the way taken. All panels share the colours of the steps. A panel of a run that
    has no trajectory says why.

    Parameters
    ----------
    results : Results, SimulationManager or path-like
        The batch.
    simulations : str or iterable of str, optional
        By default the first twelve.
    runs : int or iterable of int, optional
        Run ids; by default the first eight.
    axes : array of matplotlib Axes, (n_simulations, n_runs), optional
        Where to draw; a new pyplot figure by default. An array of this shape is returned.

    Raises
    ------
    UnknownName
        There is no such simulation or run; lists those that exist.
    ParameterError
        ``axes`` are not as many as panels.
    """
    batch = results_of(results)
    panels = Panels(batch, simulations, runs, axes)
    paths = batch.trajectories(panels.simulations)
    if not any(paths.values()):
        return panels.say(nothing_to_draw(batch, panels.simulations, "trajectories"))
    steps = [path.steps for found in paths.values() for path in found.values() if len(path.steps)]
    last = max((int(own[-1]) for own in steps), default=1)
    drawn = None
    for panel in panels:
        path = paths[panel.simulation_id].get(panel.run_id)
        if path is None:
            panels.say_why_empty(panel, "trajectory")
        else:
            drawn = _draw(panel.ax, path, last)
    panels.label()
    if drawn is not None:
        axes, aspect = list(panels.grid.flat), 14 * len(panels.grid)
        colorbar(drawn, axes, "step of the arena", aspect=aspect, shrink=0.9, pad=0.02)
    return panels.grid


def _draw(ax: Axes, path: Trajectory, last: int) -> Collection:
    """Draw a path with the walls of its room, and return what the colours belong to."""
    import numpy as np
    from matplotlib.collections import LineCollection

    x_min, x_max, y_min, y_max = path.extent
    room = np.array([[x_min, y_min], [x_max, y_min], [x_max, y_max], [x_min, y_max], [x_min, y_min]])
    ax.plot(room[:, 0], room[:, 1], color="black", linewidth=0.8, label="_room")
    ax.add_collection(LineCollection(list(path.walls), colors="black", linewidths=1.6))
    points = path.positions
    drawn: Collection
    if _can_be_joined(path):
        drawn = LineCollection(list(np.stack([points[:-1], points[1:]], axis=1)), linewidths=0.7)
        drawn.set_array(path.steps[:-1])
        ax.add_collection(drawn)
    else:
        drawn = ax.scatter(points[:, 0], points[:, 1], s=4, c=path.steps, linewidths=0)
    drawn.set_cmap(_colours())
    drawn.set_clim(0, max(last, 1))
    frame(ax, path.extent, margin=0.02)
    ax.spines[:].set_visible(False)  # the room has walls
    return drawn


def _can_be_joined(path: Trajectory) -> bool:
    """Return whether a line through the positions is the way taken, or near it."""
    import numpy as np

    if len(path.steps) < 2:
        return False
    x_min, x_max, y_min, y_max = path.extent
    apart = np.hypot(*np.diff(path.positions, axis=0).T)
    near = apart <= _NEAR * max(x_max - x_min, y_max - y_min)
    return bool(path.steps[1] - path.steps[0] == 1 or near.mean() > 0.5)


def _colours() -> Any:
    """Return viridis without its yellow, which is too light for a line on white."""
    import matplotlib as mpl
    import numpy as np
    from matplotlib.colors import ListedColormap

    return ListedColormap(mpl.colormaps["viridis"](np.linspace(0.0, 0.85, 256)))
