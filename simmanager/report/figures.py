"""The figures of the page: curves, metrics, maps, trajectories, timeline. A few of each; what is left out is said."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..display import plain
from .contents import Grid, count
from .inline_svg import inline_svg, page_style

if TYPE_CHECKING:
    from ..results import Results

#: Curves, metrics, simulations in one figure, and rows and columns of maps that the page shows.
MAX_CURVES, MAX_METRICS, MAX_LINES, MAX_ROWS, MAX_COLUMNS = 6, 6, 10, 6, 5

#: Runs in one picture of all runs.
MAX_RUNS = 3000

#: Shapes in a figure above which they are drawn as an image.
_MAX_SHAPES = 1500

#: Width of a figure over the whole page, and of one that shares it, in inches.
_WIDE, _HALF = 11.0, 6.2


@dataclass(frozen=True, slots=True)
class PageFigure:
    """A figure in the page.

    Parameters
    ----------
    name, title : str
        Its id, and what stands above it.
    svg : str
        An ``<svg>`` element, or "" if it could not be drawn.
    caption : str
        What stands below it.
    wide : bool
        Whether it takes the whole width.
    table : Grid or None
        Its numbers, folded.
    """

    name: str
    title: str
    svg: str
    caption: str = ""
    wide: bool = False
    table: Grid | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page with figures of one kind."""

    name: str
    title: str
    figures: tuple[PageFigure, ...]
    note: str = ""


def draw_sections(results: Results) -> list[Section]:
    """Return the sections of figures for which the batch has something to show."""
    with page_style():
        found = [_curves(results), _metrics(results), _maps(results), _trajectories(results), _when(results)]
    return [section for section in found if section is not None]


def _draw(
    name: str, title: str, alt: str, size: tuple[float, float], draw: Callable[[Any], object], **rest: Any
) -> PageFigure:
    """Draw a figure; one that cannot be drawn says so, and the page has all the others.

    Parameters
    ----------
    draw : callable
        Draws into the figure it is given.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    try:
        draw(figure)
        _thin(figure)
        return PageFigure(name, title, inline_svg(figure, name, plain(alt)), **rest)
    except Exception as error:  # the numbers are anybody's
        return PageFigure(name, title, "", f"This figure could not be drawn ({type(error).__name__}: {error}).")


def _thin(figure: Any) -> None:
    """Draw what consists of very many shapes as an image: a page of a thousand runs stays small."""
    for ax in figure.axes:
        for artist in (*ax.collections, *ax.lines):
            shapes = len(artist.get_paths()) if hasattr(artist, "get_paths") else 0
            offsets = len(artist.get_offsets()) if hasattr(artist, "get_offsets") else 0
            artist.set_rasterized(max(shapes, offsets) > _MAX_SHAPES)
        if len(ax.patches) > _MAX_SHAPES:
            for patch in ax.patches:
                patch.set_rasterized(True)


def _some(all_of_them: Sequence[str], most: int, what: str) -> tuple[list[str], str]:
    """Return the first few, and what to say about the others."""
    shown = list(all_of_them[:most])
    rest = len(all_of_them) - len(shown)
    return shown, f"{len(shown)} of {len(all_of_them)} {what} shown." if rest else ""


def _sentences(*parts: str) -> str:
    return " ".join(part for part in parts if part)


# Curves and metrics --------------------------------------------------------------------------------------------


def _curves(results: Results) -> Section | None:
    keys, note = _some(results.keys, MAX_CURVES, "curves")
    figures = tuple(_curve(results, key, f"curve-{number}") for number, key in enumerate(keys))
    return Section("curves", "Learning curves", figures, note) if figures else None


def _curve(results: Results, key: str, name: str) -> PageFigure:
    from ..plots import plot_curves

    found = results.curves(key)
    having = [simulation for simulation, curves in found.items() if curves.n_runs]
    lacking = [
        f"{simulation} (0 of {found[simulation].n_total} runs)" for simulation in found if simulation not in having
    ]
    shown, note = _some(having, MAX_LINES, "simulations")
    runs = ", ".join(f"{simulation} {found[simulation].text}" for simulation in shown)
    without = f"Without this curve: {', '.join(lacking[:MAX_LINES])}{' …' if len(lacking) > MAX_LINES else ''}."
    return _draw(
        name,
        key,
        f"Learning curves of {key}: {runs}",
        (_HALF, 3.9),
        lambda figure: plot_curves(results, key, shown, statistic="iqm", ax=figure.add_subplot()),
        caption=_sentences(note, without if lacking else ""),
        table=comparison_table(results, shown, key=key),
    )


def _metrics(results: Results) -> Section | None:
    names, note = _some(results.metric_names, MAX_METRICS, "metrics")
    figures = tuple(_metric(results, metric, f"metric-{number}") for number, metric in enumerate(names))
    return Section("metrics", "Metrics", figures, note) if figures else None


def _metric(results: Results, metric: str, name: str) -> PageFigure:
    from ..plots import plot_metric

    found = results.metric(metric)
    shown, note = _some(results.simulation_ids, MAX_LINES, "simulations")
    runs = ", ".join(f"{simulation} {found[simulation].text}" for simulation in shown)
    return _draw(
        name,
        metric,
        f"{metric}, every run and the interval of each simulation: {runs}",
        (_HALF, 1.3 + 0.5 * len(shown)),
        lambda figure: plot_metric(results, metric, shown, statistic="iqm", ax=figure.add_subplot()),
        caption=note,
        table=comparison_table(results, shown, metric=metric),
    )


def comparison_table(results: Results, shown: list[str], **what: str) -> Grid | None:
    """Return the statistics of a curve or metric as a table; None if nothing can be compared."""
    return None


# Maps and trajectories -----------------------------------------------------------------------------------------


def _maps(results: Results) -> Section | None:
    from ..plots import plot_rate_maps

    found = {simulation: set(runs) for simulation, runs in results.maps().items()}
    return _panels(results, found, "maps", "Rate maps", "Rate maps", plot_rate_maps)


def _trajectories(results: Results) -> Section | None:
    from ..plots import plot_trajectories

    found = {simulation: set(runs) for simulation, runs in results.trajectories().items()}
    return _panels(results, found, "trajectories", "Trajectories", "Trajectories in the arena", plot_trajectories)


def _panels(
    results: Results, found: dict[str, set[int]], name: str, title: str, alt: str, plot: Callable[..., object]
) -> Section | None:
    """Return a section with one figure of panels: a row for each simulation, a column for each run."""
    having = [simulation for simulation, runs in found.items() if runs]
    if not having:
        return None
    shown, note = _some(having, MAX_ROWS, "simulations with them")
    runs = sorted(set().union(*(found[simulation] for simulation in shown)))
    columns = runs[:MAX_COLUMNS]
    more = f"{len(columns)} of {count(len(runs), 'run')} of each shown." if len(runs) > len(columns) else ""
    width = min(1.6 + 1.75 * len(columns), _WIDE)

    def draw(figure: Any) -> None:
        axes = figure.subplots(len(shown), len(columns), squeeze=False)
        plot(results, simulations=shown, runs=columns, axes=axes)

    words = f"{alt} of {', '.join(shown)}, runs {', '.join(map(str, columns))}"
    size = (width, 0.5 + 1.75 * len(shown))
    figure = _draw(f"{name}-0", "", words, size, draw, caption=_sentences(note, more), wide=True)
    return Section(name, title, (figure,))


# All runs ------------------------------------------------------------------------------------------------------


def _when(results: Results) -> Section | None:
    from ..plots import plot_status, plot_timeline

    executed = sum(bool(run.started) for run in results.runs)
    if not executed or len(results.runs) > MAX_RUNS:
        return None
    n_simulations, longest = len(results.simulation_ids), max(map(results.total, results.simulation_ids))
    headline = results.status.headline.replace("_", " ")
    figures: Iterable[PageFigure] = (
        _draw(
            "timeline",
            "When each run was executed",
            f"Timeline of {count(executed, 'run')}: the slots in which they were executed, over time",
            (_WIDE, 3.2),
            lambda figure: plot_timeline(results, ax=figure.add_subplot()),
            caption="A lane is a seat for one run at a time: gaps are idle cores, long bars are slow runs.",
            wide=True,
        ),
        _draw(
            "states",
            "How each run ended",
            f"A square for each of {count(len(results.runs), 'run')}: {headline}",
            (_WIDE, min(0.8 + 0.26 * n_simulations * max(longest // 60, 1), 9.0)),
            lambda figure: plot_status(results, ax=figure.add_subplot()),
            wide=True,
        ),
    )
    return Section("timeline", "Timeline", tuple(figures))
