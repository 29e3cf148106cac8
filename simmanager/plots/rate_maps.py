"""The figure of rate maps: simulation x run, with one scale."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import groupby
from typing import TYPE_CHECKING, Any

from ..base.checks import check_integer
from ..base.errors import ParameterError, UnknownName, unknown
from ..base.public import public
from ..results.source import Source, results_of
from .panels import Panels, frame
from .style import MISSING, colorbar, drawable
from .wording import nothing_to_draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

    from ..results.results import Results
    from ..results.values import Map
    from .panels import AxesArray


@public("simmanager.plots")
def plot_rate_maps(
    results: Source,
    name: str | None = None,
    simulations: str | Iterable[str] | None = None,
    runs: int | Iterable[int] | None = None,
    *,
    cells: int | Iterable[int] = 0,
    axes: Any = None,
) -> AxesArray:
    """Draw the maps that the models of finished runs gave: a row for each simulation, a column for each run.

    Maps of one name share one scale, whatever the simulation. Grey is NaN or infinite. A panel of a run that has no
    map says why.

    Parameters
    ----------
    results : Results, SimulationManager or path-like
        The batch.
    name : str, optional
        Which maps, e.g. "output rate"; by default the first kind that each simulation has.
    simulations : str or iterable of str, optional
        By default the first twelve.
    runs : int or iterable of int, optional
        Run ids; by default the first eight.
    cells : int or iterable of int, default 0
        Which of the maps of a run, e.g. ``range(8)`` for eight leading eigenvectors side by side.
    axes : array of matplotlib Axes, (n_simulations, n_runs * n_cells), optional
        Where to draw; a new pyplot figure by default. An array of this shape is returned.

    Raises
    ------
    UnknownName
        There is no such map, simulation or run; lists those that exist.
    ParameterError
        ``axes`` are not as many as panels, or ``cells`` is not allowed.
    """
    import numpy as np

    batch = results_of(results)
    which = _cells(cells)
    panels = Panels(batch, simulations, runs, axes, len(which))
    maps = _maps_of(batch, panels.simulations, name)
    if not any(maps.values()):
        return panels.say(nothing_to_draw(batch, panels.simulations, "maps"))
    shown = [one for found in maps.values() for run_id, one in found.items() if run_id in panels.run_ids]
    scales = {kind: _scale([one for one in shown if one.name == kind], which) for kind in {one.name for one in shown}}
    images: dict[int, tuple[str, AxesImage]] = {}
    for panel in panels:
        one = maps[panel.simulation_id].get(panel.run_id)
        cell = which[panel.part]
        if one is None or cell >= len(one.values):
            panels.say_why_empty(panel, "map" if one is None else f"map {cell}")
        else:
            images[panel.row] = one.name, _draw(panel.ax, one, cell, *scales[one.name])
    panels.label([f", map {cell}" for cell in which] if len(which) > 1 else [""])
    _colour_bars(panels.grid, images, {one.name for one in shown if not np.isfinite(one.values).all()})
    return panels.grid


def _cells(cells: int | Iterable[int]) -> list[int]:
    chosen = [check_integer("cells", cell, minimum=0) for cell in ([cells] if isinstance(cells, int) else cells)]
    if not chosen:
        raise ParameterError("cells must name at least one map, e.g. 0.")
    return chosen


def _maps_of(batch: Results, simulations: Iterable[str], name: str | None) -> dict[str, dict[int, Map]]:
    """Return simulation_id -> run_id -> the map of that name, or the first kind that the simulation has."""
    found = batch.maps(simulations)
    known = list(dict.fromkeys(kind for runs in found.values() for maps in runs.values() for kind in maps))
    if name is not None and known and name not in known:
        raise UnknownName(unknown("No map", name, known))
    picked = {}
    for simulation_id, runs in found.items():
        kind = name if name is not None else next((kind for maps in runs.values() for kind in maps), "")
        picked[simulation_id] = {run_id: maps[kind] for run_id, maps in runs.items() if kind in maps}
    return picked


def _scale(maps: Iterable[Map], cells: Iterable[int]) -> tuple[float, float]:
    """Return the lowest and the highest finite value in some cells of several maps; (0, 1) if there is none."""
    import numpy as np

    values = [one.values[cell] for one in maps for cell in cells if cell < len(one.values)]
    finite = np.concatenate([value[np.isfinite(value)] for value in values] or [np.empty(0)])
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)


def _draw(ax: Axes, one: Map, cell: int, low: float, high: float) -> AxesImage:
    import numpy as np

    values = np.ma.masked_invalid(one.values[cell])
    image = ax.imshow(values, origin="lower", extent=one.extent, vmin=low, vmax=high, interpolation="nearest")
    ax.set_facecolor(MISSING)
    frame(ax, one.extent)
    return image


def _colour_bars(grid: AxesArray, images: Mapping[int, tuple[str, AxesImage]], broken: Collection[str]) -> None:
    """Draw one colour bar for each block of rows that show maps of one name."""
    for kind, block in groupby(sorted(images), key=lambda row: images[row][0]):
        rows = list(block)
        axes = list(grid[rows[0] : rows[-1] + 1].flat)
        label = drawable(kind) + ("\n(grey: NaN or inf)" if kind in broken else "")
        colorbar(images[rows[0]][1], axes, label, aspect=12 * len(rows), shrink=0.9, pad=0.02)
