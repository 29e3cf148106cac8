"""The figure of learning curves: a statistic of the runs of each simulation, with its interval."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from ..base.checks import check_integer
from ..base.public import public
from ..results.source import Source, results_of
from .estimate import Estimate, estimate, words
from .style import NORMAL, axes_of, drawable, legend, look, say, tidy
from .wording import nothing_to_draw, runs_in_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

    from ..analysis.aggregates import Statistic
    from ..analysis.arrays import FloatArray
    from ..disk.metric_log import Logged
    from ..results.values import Curves
    from .estimate import BoolArray

_N_MARKERS = 8  # along a line


@public("simmanager.plots")
def plot_curves(
    results: Source,
    key: str,
    simulations: str | Iterable[str] | None = None,
    *,
    statistic: Statistic = "mean",
    level: float = 0.95,
    smooth: int = 1,
    ax: Axes | None = None,
) -> Axes:
    """Draw one history key over the iterations: a line with an interval for each simulation.

    The legend says of how many runs each line is made, and how many were shorter or hold NaN or infinities. Where a
    run holds one of those the line has a gap; the runs of that simulation are then drawn one by one as well, thin, with
    a cross at the last value before it. After the end of a shorter run the line is about those that go on. What running
    runs have logged so far is drawn run by run, dotted.

    Parameters
    ----------
    results : Results, SimulationManager or path-like
        The batch.
    key : str
        Name in the training history.
    simulations : str or iterable of str, optional
        All by default.
    statistic : {"mean", "iqm", "median"} or callable, default "mean"
        Of the runs at each iteration; "iqm" is the interquartile mean. As in `simmanager.analysis.confidence_interval`.
    level : float, default 0.95
        Of the confidence interval over runs, 0 < level < 1.
    smooth : int, default 1
        Average each run over a centred window of so many points first (a run keeps at most 1,000 points); 1 leaves
        it as it is.
    ax : matplotlib Axes, optional
        Where to draw, and what is returned; a new pyplot figure by default.

    Raises
    ------
    UnknownName
        No finished run has that curve, or there is no such simulation; lists those that exist.
    ParameterError
        ``statistic``, ``level`` or ``smooth`` is not allowed.
    """
    window = check_integer("smooth", smooth, minimum=1)
    batch = results_of(results)
    found = batch.curves(key, simulations)
    drawn = {sim: _Runs(curves, window) for sim, curves in found.items()}
    estimates = {sim: estimate(runs.values, statistic, level, ended=runs.ended) for sim, runs in drawn.items()}
    ax = axes_of(ax, 7.2, max(4.0, 0.7 + 0.2 * len(found)))
    running = batch.running_curves(key, simulations)
    if not any(curves.n_runs for curves in found.values()) and not any(running.values()):
        return say(ax, nothing_to_draw(batch, found, f"curve {drawable(key)}"))
    handles, labels = [], []
    for simulation_id, runs in drawn.items():
        index = batch.simulation_ids.index(simulation_id)
        going_on = _draw_running(ax, running[simulation_id].values(), look(index).colour)
        labels.append(f"{drawable(simulation_id)} ({runs_in_words(runs.curves)}{going_on})")
        handles.append(_draw(ax, runs, estimates[simulation_id], index, labels[-1]))
    tidy(ax)
    ax.margins(x=0.01)
    ax.set_xlabel("iteration", fontsize=NORMAL)
    ax.locator_params(axis="x", integer=True)
    ax.set_ylabel(_quantity(key, found.values(), window), fontsize=NORMAL)
    legend(ax, handles, labels, words(statistic, level, estimates.values()))
    return ax


def _draw_running(ax: Axes, curves: Collection[Logged], colour: str) -> str:
    """Draw what running runs have logged; return how many these are, in words, or ""."""
    for one in curves:
        ax.plot(one.steps, one.values, color=colour, linewidth=0.8, linestyle=":", label="_running run")
    return f", {len(curves)} running, dotted" if curves else ""


class _Runs:
    """The curves of one simulation as they are drawn: each point the mean of ``window`` points."""

    def __init__(self, curves: Curves, window: int) -> None:
        import numpy as np

        self.curves = curves
        self.iterations = curves.iterations
        #: (n_runs, n_points), where a run had come to its end already.
        self.ended: BoolArray = np.zeros(curves.values.shape, dtype=bool)
        if curves.ends:
            self.ended = curves.iterations > np.array(curves.ends)[:, np.newaxis]
        #: (n_runs, n_points), NaN after the end of a run.
        self.values = _smoothed(curves.values, self.ended, window) if window > 1 else curves.values


def _smoothed(values: FloatArray, ended: BoolArray, window: int) -> FloatArray:
    """Return the running mean over a centred window, which is narrower at both ends of a run."""
    import numpy as np
    from scipy.ndimage import convolve1d

    weights = np.ones(window)
    there = (~ended).astype(float)
    n = convolve1d(there, weights, axis=1, mode="constant")
    total = convolve1d(np.where(ended, 0.0, values), weights, axis=1, mode="constant")
    return np.where(ended, np.nan, total / np.maximum(n, 1.0))


def _draw(ax: Axes, runs: _Runs, found: Estimate, index: int, label: str) -> Line2D:
    """Draw one simulation and return its line."""
    import numpy as np

    appearance = look(index)
    known = np.isfinite(found.low).any()
    if known:
        ax.fill_between(runs.iterations, found.low, found.high, color=appearance.colour, alpha=0.18, linewidth=0)
    if runs.curves.n_not_finite or (runs.curves.n_runs > 1 and not known):
        _draw_one_by_one(ax, runs, appearance.colour)
    return ax.plot(
        runs.iterations,
        found.centre,
        color=appearance.colour,
        linestyle=appearance.line,
        marker=appearance.marker,
        markevery=_markers(np.isfinite(found.centre), index),
        markersize=6.5,
        markeredgecolor="white",
        markeredgewidth=0.8,
        linewidth=1.4,
        label=label,
    )[0]


def _draw_one_by_one(ax: Axes, runs: _Runs, colour: str) -> None:
    """Draw the runs as thin lines, with a cross at the last value before a NaN or an infinity."""
    import numpy as np

    finite = np.isfinite(runs.values)
    values = np.where(finite, runs.values, np.nan)
    ax.plot(runs.iterations, values.T, color=colour, linewidth=0.6, alpha=0.7, label="_run")
    row, column = np.nonzero(finite[:, :-1] & ~finite[:, 1:] & ~runs.ended[:, 1:])
    ax.plot(runs.iterations[column], values[row, column], "x", color=colour, markersize=6, label="_break")


def _markers(drawn: BoolArray, index: int) -> list[int]:
    """Return the points that get a marker: a few along the line, and those that have no neighbour to be joined to."""
    import numpy as np

    step = max(len(drawn) // _N_MARKERS, 1)
    some = np.zeros(len(drawn), dtype=bool)
    some[(index % 4) * step // 4 :: step] = True  # not all simulations at the same iterations
    beside = np.pad(drawn, 1)
    lonely = drawn & ~beside[:-2] & ~beside[2:]
    return [int(i) for i in np.flatnonzero(some | lonely)]


def _quantity(key: str, curves: Iterable[Curves], window: int) -> str:
    """Return the label of the y axis: the key, how it was reduced to numbers, how it was smoothed."""
    reductions = dict.fromkeys(drawable(one.reduction) for one in curves if one.reduction)
    facts = [*reductions, *([f"running mean of {window} points"] if window > 1 else [])]
    return "\n".join([drawable(key), *(f"({fact})" for fact in facts)])
