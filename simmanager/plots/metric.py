"""The figure of a metric: every run as a point, and the interval of each simulation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..base.public import public
from ..results.source import Source, results_of
from .estimate import Estimate, estimate, words
from .style import GREY, NORMAL, Look, axes_of, drawable, legend, look, say, tidy
from .wording import nothing_to_draw, quantity, runs_in_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..analysis.aggregates import Statistic
    from ..analysis.arrays import FloatArray

# Rows are 1 apart.
_SPREAD = 0.14  # the points of the runs lie so far from the middle of their row, at most
_BELOW = 0.28  # the interval lies so far below it


@public("simmanager.plots")
def plot_metric(
    results: Source,
    metric: str,
    simulations: str | Iterable[str] | None = None,
    *,
    statistic: Statistic = "mean",
    level: float = 0.95,
    ax: Axes | None = None,
) -> Axes:
    """Draw a metric: a row for each simulation, a point for each run, a statistic of them with its interval.

    Beside each simulation stands how many of its runs these are, and how many metrics failed or are NaN or infinite.
    The statistic leaves out NaN, but infinities count: a mean with one is infinite, and not drawn.

    Parameters
    ----------
    results : Results, SimulationManager or path-like
        The batch.
    metric : str
        A metric of the simulations, or a field of the record: "duration_s", "cpu_s", "peak_mb".
    simulations : str or iterable of str, optional
        All by default.
    statistic : {"mean", "iqm", "median"} or callable, default "mean"
        Of the runs; "iqm" is the interquartile mean. As in `simmanager.analysis.confidence_interval`.
    level : float, default 0.95
        Of the confidence interval over runs, 0 < level < 1.
    ax : matplotlib Axes, optional
        Where to draw, and what is returned; a new pyplot figure by default.

    Raises
    ------
    UnknownName
        There is no such metric or simulation; lists those that exist.
    ParameterError
        ``statistic`` or ``level`` is not allowed.
    """
    import numpy as np

    batch = results_of(results)
    found = batch.metric(metric, simulations)
    known = {sim: one.values[~np.isnan(one.values)] for sim, one in found.items()}
    estimates = {sim: estimate(values[:, np.newaxis], statistic, level) for sim, values in known.items()}
    ax = axes_of(ax, 6.4, min(1.3 + 0.6 * len(found), 100.0))
    if not any(np.isfinite(values).any() for values in known.values()):
        return say(ax, nothing_to_draw(batch, found, f"finite {quantity(metric)}"))
    for row, simulation_id in enumerate(found):
        index = batch.simulation_ids.index(simulation_id)
        _draw_row(ax, row, known[simulation_id], estimates[simulation_id], look(index))
    labels = [f"{drawable(simulation_id)}\n{runs_in_words(one)}" for simulation_id, one in found.items()]
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.4, -0.5)
    tidy(ax, grid="x")
    ax.set_xlabel(quantity(metric), fontsize=NORMAL)
    _draw_legend(ax, words(statistic, level, estimates.values()))
    return ax


def _draw_row(ax: Axes, row: int, values: FloatArray, found: Estimate, appearance: Look) -> None:
    """Draw the runs of one simulation as points around the middle of a row, and their interval below."""
    heights = [row + _SPREAD * (2 * ((i * 0.618034) % 1) - 1) for i in range(len(values))]
    style: dict[str, Any] = {"color": appearance.colour, "marker": appearance.marker, "linestyle": "none"}
    ax.plot(values, heights, markersize=5, alpha=0.55, markeredgewidth=0, label="_runs", **style)
    if len(values) > 1:
        below = [row + _BELOW]
        ax.plot(
            [found.low[0], found.high[0]],
            2 * below,
            color=appearance.colour,
            linewidth=5,
            solid_capstyle="butt",
            label="_interval",
        )
        ax.plot(found.centre, below, "|", color="black", markersize=10, markeredgewidth=1.8, label="_statistic")


def _draw_legend(ax: Axes, interval: str) -> None:
    """Draw the legend above the axes: what the small and the large marks are."""
    from matplotlib.lines import Line2D

    run = Line2D([], [], marker="o", color=GREY, alpha=0.55, markersize=5, linestyle="none")
    bar = Line2D([], [], color=GREY, linewidth=5, solid_capstyle="butt")
    statistic = Line2D([], [], marker="|", color="black", markersize=10, markeredgewidth=1.8)
    legend(ax, [run, (bar, statistic)], ["a run", interval], place="above")
