"""The figure of a metric over one or two parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..base.public import public
from ..results.source import Source, results_of
from .estimate import Estimate, estimate, words
from .scale import Scale
from .style import MISSING, NORMAL, PALETTE, SMALL, axes_of, colorbar, contrasting, drawable, inches, legend, say, tidy
from .sweep_groups import Group, groups_of, other_differences, without
from .wording import joined, nothing_to_draw, number, quantity

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..analysis.aggregates import Statistic
    from ..results.results import Results

#: Width and height in inches that the text of a cell takes.
_CELL = (0.6, 0.34)


@public("simmanager.plots")
def plot_sweep(
    results: Source,
    metric: str,
    parameter: str,
    parameter_2: str | None = None,
    *,
    statistic: Statistic = "mean",
    level: float = 0.95,
    ax: Axes | None = None,
) -> Axes:
    """Draw a metric over a parameter that differs between simulations, or over two of them.

    One parameter: a point for each run, and a statistic with its interval at each value; the axis is logarithmic where
    the values span decades. Two parameters: a heat map, each cell with its value and its number of runs. Runs of all
    simulations that have the same value are taken together; if they differ in other parameters, the title names them.

    Parameters
    ----------
    results : Results, SimulationManager or path-like
        The batch.
    metric : str
        A metric of the simulations, or a field of the record: "duration_s", "cpu_s", "peak_mb".
    parameter : str
        Flattened name, e.g. "agent_params.lr_td"; along x.
    parameter_2 : str, optional
        Another one, along y.
    statistic : {"mean", "iqm", "median"} or callable, default "mean"
        Of the runs; "iqm" is the interquartile mean. As in `simmanager.analysis.confidence_interval`.
    level : float, default 0.95
        Of the confidence interval over runs, 0 < level < 1.
    ax : matplotlib Axes, optional
        Where to draw, and what is returned; a new pyplot figure by default.

    Raises
    ------
    UnknownName
        There is no such metric or parameter; lists those that exist.
    ParameterError
        ``statistic`` or ``level`` is not allowed, or both parameters are the same.
    """
    import numpy as np

    batch = results_of(results)
    swept = [parameter] if parameter_2 is None else [parameter, parameter_2]
    groups = groups_of(batch, metric, swept)
    estimates = [estimate(group.values[:, np.newaxis], statistic, level) for group in groups]
    scales = [Scale(group.place[axis] for group in groups) for axis in range(len(swept))]
    ax = axes_of(ax, *_size(scales))
    if not any(np.isfinite(group.values).any() for group in groups):
        return say(ax, nothing_to_draw(batch, batch.simulation_ids, f"finite {quantity(metric)}"))
    if parameter_2 is None:
        _draw_points(ax, groups, estimates, scales[0], words(statistic, level, estimates))
        ax.set_ylabel(quantity(metric), fontsize=NORMAL)
    else:
        _draw_map(ax, groups, estimates, scales, f"{quantity(metric)} ({words(statistic)})")
        ax.set_ylabel(drawable(parameter_2), fontsize=NORMAL)
    ax.set_xlabel(drawable(parameter), fontsize=NORMAL)
    if remarks := _remarks(batch, groups, swept):
        ax.set_title("\n".join(remarks), fontsize=SMALL, loc="left")
    return ax


def _size(scales: Sequence[Scale]) -> tuple[float, float]:
    """Return width and height of a new figure in inches."""
    if len(scales) == 1:
        return 6.4, 4.0
    across, up = map(len, scales)
    return min(2.6 + 0.85 * across, 40.0), min(1.5 + 0.6 * up, 40.0)


def _remarks(batch: Results, groups: Sequence[Group], swept: Sequence[str]) -> list[str]:
    """Return what is to be said above a figure: what was taken together, and what left out."""
    remarks = []
    if others := other_differences(batch, groups, swept):
        remarks.append(f"runs that differ in {joined(others)} are taken together")
    if lacking := without(batch, swept):
        remarks.append(f"without {'it' if len(swept) == 1 else 'them'}: {joined(lacking)}")
    return remarks


def _runs_each(groups: Sequence[Group]) -> str:
    """Return how many runs each point is made of: ``4 to 5 of 5 runs at each value``."""
    numbers, totals = {len(group.values) for group in groups}, {group.n_total for group in groups}
    have, of = (" to ".join(map(str, sorted({min(own), max(own)}))) for own in (numbers, totals))
    return f"{have} of {of} runs at each value"


def _draw_points(ax: Axes, groups: Sequence[Group], estimates: Sequence[Estimate], scale: Scale, what: str) -> None:
    """Draw every run as a point, and the statistic with its interval at each value."""
    import numpy as np
    from matplotlib.lines import Line2D
    from matplotlib.transforms import ScaledTranslation

    found = sorted(
        (scale.position(group.place[0]), one.centre[0], one.low[0], one.high[0])
        for group, one in zip(groups, estimates, strict=True)
    )
    x, centre, low, high = np.array(found).T
    beside = ScaledTranslation(-7 / 72, 0, ax.figure.dpi_scale_trans)
    dots: dict[str, Any] = {"marker": "o", "markersize": 4, "alpha": 0.5, "markeredgewidth": 0, "linestyle": "none"}
    for group in groups:
        values = group.values[np.isfinite(group.values)]
        at = np.full(len(values), scale.position(group.place[0]))
        ax.plot(at, values, color=PALETTE[0], transform=ax.transData + beside, label="_runs", **dots)
        ax.update_datalim(np.column_stack([at, values]))  # which a shifted line does not do
    ax.vlines(x, low, high, color=PALETTE[0], linewidth=5, label="_intervals")
    line: dict[str, Any] = {"color": "black", "marker": "_", "markersize": 10, "markeredgewidth": 1.8, "linewidth": 0.8}
    ax.plot(x, centre, linestyle="-" if scale.is_numeric else "none", label=what, **line)
    tidy(ax)
    scale.along_points(ax)
    bar = Line2D([], [], marker="|", markersize=10, markeredgewidth=5, color=PALETTE[0], linestyle="none")
    handles: list[Any] = [Line2D([], [], color=PALETTE[0], **dots), (bar, Line2D([], [], **line))]
    legend(ax, handles, [f"a run ({_runs_each(groups)})", what])


def _draw_map(
    ax: Axes, groups: Sequence[Group], estimates: Sequence[Estimate], scales: Sequence[Scale], label: str
) -> None:
    """Draw a cell for each pair of values, with the statistic and the number of runs in it."""
    import numpy as np

    across, up = scales
    table = np.full((len(up), len(across)), np.nan)
    texts = {}
    for group, found in zip(groups, estimates, strict=True):
        cell = up.index(group.place[1]), across.index(group.place[0])
        table[cell] = found.centre[0]
        texts[cell] = f"{number(table[cell]) if np.isfinite(table[cell]) else 'no value'}\n{group.text}"
    image = ax.imshow(np.ma.masked_invalid(table), origin="lower", aspect="auto", cmap="viridis")
    ax.set_facecolor(MISSING)
    across.along_cells(ax, "x")
    up.along_cells(ax, "y")
    colorbar(image, ax, label)
    width, height = inches(ax)
    if width / len(across) < _CELL[0] or height / len(up) < _CELL[1]:
        return
    for (row, column), text in texts.items():
        known = np.isfinite(table[row, column])
        colour = contrasting(image.cmap(image.norm(table[row, column])) if known else MISSING)
        ax.text(column, row, text, ha="center", va="center", fontsize=SMALL, color=colour)
