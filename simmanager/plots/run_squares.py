"""The figure of the states: a square for each run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..base.public import public
from ..base.text import count
from ..disk.state import RunState
from ..disk.state_look import LOOKS
from ..results.source import Source, results_of
from .style import NORMAL, TEXT_SIZE, axes_of, drawable, inches, legend, name_rows, say

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

    from ..results.results import Results

_Point = tuple[float, float]

_PER_LINE = 50  # squares of one simulation in a line, at most
_HALF = 0.42  # half the side of a square; they lie 1 apart

#: Signs in a square of side 1 around 0, each as polygons: what tells the states without their colours.
_SIGNS: dict[str, list[list[_Point]]] = {
    "": [],
    ">": [[(-0.17, -0.24), (0.25, 0.0), (-0.17, 0.24)]],
    "_": [[(-0.26, -0.07), (0.26, -0.07), (0.26, 0.07), (-0.26, 0.07)]],
    "x": [
        [(-0.26, -0.18), (-0.18, -0.26), (0.26, 0.18), (0.18, 0.26)],
        [(-0.26, 0.18), (-0.18, 0.26), (0.26, -0.18), (0.18, -0.26)],
    ],
}


@public("simmanager.plots")
def plot_status(results: Source, *, ax: Axes | None = None) -> Axes:
    """Draw a square for each run, coloured by its state: what has finished, what failed, what waits.

    Each state has a sign of its own as well: finished is a full square, in queue an empty one, running has a triangle,
    interrupted a bar, error a cross. Each simulation starts a new line, with at most fifty runs in one.

    Parameters
    ----------
    results : Results, SimulationManager or path-like
        The batch.
    ax : matplotlib Axes, optional
        Where to draw, and what is returned; a new pyplot figure by default.
    """
    batch = results_of(results)
    longest = max((batch.total(simulation) for simulation in batch.simulation_ids), default=0)
    width = min(longest, _PER_LINE)
    lines = [-(-batch.total(simulation) // _PER_LINE) for simulation in batch.simulation_ids]
    names = max((len(drawable(simulation)) for simulation in batch.simulation_ids), default=0)
    ax = axes_of(ax, 1.9 + 0.08 * names + 0.24 * max(width, 6), min(0.9 + 0.24 * max(sum(lines), 4), 100.0))
    if not longest:
        return say(ax, "no runs")
    starts = [sum(lines[:index]) for index in range(len(lines))]
    places: dict[RunState, list[_Point]] = {state: [] for state in LOOKS}
    for simulation_id, start in zip(batch.simulation_ids, starts, strict=True):
        for index, run in enumerate(batch.of(simulation_id)):
            places[RunState(run.state)].append((index % _PER_LINE, start + index // _PER_LINE))
    for state, centres in places.items():
        _draw(ax, state, centres)
    ax.set_anchor("NW")
    ax.set(xlim=(-0.7, width - 0.3), ylim=(sum(lines) - 0.3, -0.7), aspect="equal")
    _label(ax, batch, starts, sum(lines), width)
    present = [state for state in LOOKS if places[state]]
    labels = [f"{len(places[state])} {LOOKS[state].words}" for state in present]
    legend(ax, [_handle(state) for state in present], labels, place="right")
    return ax


def _draw(ax: Axes, state: RunState, centres: Sequence[_Point]) -> None:
    """Draw the squares of one state, then their signs: two artists, however many runs there are."""
    from matplotlib.collections import PolyCollection

    if not centres:
        return
    look = LOOKS[state]
    corners = [(-_HALF, -_HALF), (_HALF, -_HALF), (_HALF, _HALF), (-_HALF, _HALF)]
    squares = PolyCollection(_at(centres, corners), facecolors=look.fill, edgecolors=look.colour, linewidths=0.8)
    squares.set_label(f"_{state.value}")
    ax.add_collection(squares)
    signs = [polygon for shape in _SIGNS[look.sign] for polygon in _at(centres, shape)]
    if signs:
        ax.add_collection(PolyCollection(signs, facecolors="white", linewidths=0, label=f"_{state.value} sign"))


def _at(centres: Sequence[_Point], shape: Sequence[_Point]) -> list[list[_Point]]:
    return [[(x + across, y + down) for across, down in shape] for x, y in centres]


def _handle(state: RunState) -> tuple[Line2D, ...]:
    """Return a square with its sign for the legend."""
    from matplotlib.lines import Line2D

    look = LOOKS[state]
    style: dict[str, Any] = {"linestyle": "none"}
    square = Line2D([], [], marker="s", markersize=10, color=look.fill, markeredgecolor=look.colour, **style)
    if not look.sign:
        return (square,)
    size = 5 if look.sign != "_" else 6
    return square, Line2D([], [], marker=look.sign, markersize=size, color="white", markeredgewidth=2, **style)


def _label(ax: Axes, batch: Results, starts: Sequence[int], n_lines: int, width: int) -> None:
    """Write the simulations beside their first line, and the ids of the runs below if all lines begin with run 0."""
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0, labelsize=NORMAL)
    across, up = inches(ax)
    side = min(across / width, up / n_lines)
    name_rows(ax, starts, list(map(drawable, batch.simulation_ids)), side)
    ids = [[run.run_id for run in batch.of(simulation)] for simulation in batch.simulation_ids]
    if all(own == list(range(min(len(own), _PER_LINE))) for own in ids):
        ax.set_xticks(range(0, width, 1 if width <= 10 and side > TEXT_SIZE[1] else 5))
        ax.set_xlabel("run", fontsize=NORMAL)
    else:
        ax.set_xticks([])
        ax.set_xlabel(f"runs in order, at most {_PER_LINE} in a line", fontsize=NORMAL)
    ax.set_title(f"{drawable(batch.name)}: {count(len(batch), 'run')}", fontsize=NORMAL, loc="left")
