"""The sections of figures: curves, metrics, maps, trajectories, timeline. A few of each; what is left out is said."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .. import plots
from ..base.tables import Table
from ..base.text import count
from ..disk.state_look import in_words
from .inline_svg import page_style
from .page_figure import PageFigure, draw

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..results.results import Results

#: Curves, metrics, simulations in one figure, and rows and columns of panels that the page shows.
MAX_CURVES, MAX_METRICS, MAX_LINES, MAX_ROWS, MAX_COLUMNS = 6, 6, 10, 6, 5

MAX_DIFFERENCES = 15  # pairs of simulations in a table of differences; of more, those with the first simulation
MAX_RUNS = 3000  # in one picture of all runs
MAX_NAMED = 4  # simulations that a caption names
_POINTS = 100  # of a curve, about: of more, neighbours are averaged
_WIDE, _HALF = 11.0, 6.2  # width of a figure over the whole page, and of one that shares it (inches)


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
        found = (_curves(results), _metrics(results), _maps(results), _trajectories(results), _timeline(results))
        return [section for section in found if section is not None]


def _some(all_of_them: Sequence[str], most: int, what: str) -> tuple[list[str], str]:
    """Return the first few, and what to say about the others."""
    shown = list(all_of_them[:most])
    return shown, f"{len(shown)} of {len(all_of_them)} {what} shown." if len(shown) < len(all_of_them) else ""


def _sentences(*parts: str) -> str:
    return " ".join(part for part in parts if part)


def _listing(names: Sequence[str]) -> str:
    rest = len(names) - MAX_NAMED
    return ", ".join(names[:MAX_NAMED]) + (f" and {rest} more" if rest > 0 else "")


# Curves --------------------------------------------------------------------------------------------------------


def _curves(results: Results) -> Section | None:
    keys, note = _some(results.keys, MAX_CURVES, "curves")
    alone = len(keys) == 1
    figures = tuple(_curve(results, key, f"curve-{number}", wide=alone) for number, key in enumerate(keys))
    return Section("curves", "Learning curves", figures, note) if figures else None


def _curve(results: Results, key: str, name: str, *, wide: bool) -> PageFigure:
    found = results.curves(key)
    running = results.running_curves(key)
    having = [simulation for simulation, curves in found.items() if curves.n_runs or running[simulation]]
    shown, note = _some(having, MAX_LINES, "simulations")
    runs = ", ".join(f"{simulation} {found[simulation].text}" for simulation in shown)
    smooth = max(len(found[simulation].iterations) for simulation in shown) // _POINTS if shown else 1
    return draw(
        name,
        key,
        f"Learning curves of {key}: {runs}",
        (_WIDE if wide else _HALF, 3.9),
        lambda figure: plots.plot_curves(results, key, shown, smooth=max(smooth, 1), ax=figure.add_subplot()),
        wide=wide,
        caption=_sentences(note, _without(results, [one for one in found if one not in having])),
        tables=_comparison(results, shown, key=key),
    )


def _without(results: Results, simulation_ids: list[str]) -> str:
    """Return which simulations have no such curve: those without a finished run, and those of other models."""
    waiting = [simulation for simulation in simulation_ids if not results.counts(simulation)["finished"]]
    others = [simulation for simulation in simulation_ids if simulation not in waiting]
    unfinished = f"No finished run: {_listing(waiting)}." if waiting else ""
    return _sentences(unfinished, f"Not in {_listing(others)}." if others else "")


def _comparison(results: Results, shown: list[str], **what: str) -> tuple[tuple[str, Table], ...]:
    """Return the statistics of a curve or metric, and the differences between simulations, as tables."""
    from ..results.compare import compare
    from ..results.comparison import heading, tables

    baseline = shown[0] if len(shown) * (len(shown) - 1) / 2 > MAX_DIFFERENCES else None
    comparison = compare(results, simulations=shown, statistic="mean", baseline=baseline, **what)  # type: ignore[arg-type]
    titles = (heading(comparison), f"Differences from {baseline}" if baseline else "Differences")
    return tuple(zip(titles, tables(comparison), strict=False))


# Metrics -------------------------------------------------------------------------------------------------------


def _metrics(results: Results) -> Section | None:
    names, note = _some(results.metric_names, MAX_METRICS, "metrics")
    swept = _swept_parameters(results)
    figures: list[PageFigure] = []
    for number, metric in enumerate(names):
        figures.append(_metric(results, metric, f"metric-{number}"))
        if swept:
            figures.append(_sweep(results, metric, swept, f"sweep-{number}"))
    return Section("metrics", "Metrics", tuple(figures), note) if figures else None


def _metric(results: Results, metric: str, name: str) -> PageFigure:
    found = results.metric(metric)
    having = {run.simulation_id for run in results.runs if metric in run.metrics or metric in run.metric_errors}
    chosen, note = _some(sorted(found, key=lambda one: one not in having), MAX_LINES, "simulations")
    shown = [simulation for simulation in found if simulation in chosen]
    runs = ", ".join(f"{simulation} {found[simulation].text}" for simulation in shown)
    return draw(
        name,
        metric,
        f"{metric} of each run, and the interval of each simulation: {runs}",
        (_HALF, 1.3 + 0.5 * len(shown)),
        lambda figure: plots.plot_metric(results, metric, shown, ax=figure.add_subplot()),
        caption=note,
        tables=_comparison(results, shown, metric=metric),
    )


def _swept_parameters(results: Results) -> list[str]:
    """Return the one or two parameters that all simulations have and that differ, if they are numbers; else none."""
    varying = {
        name: values for name, values in results.varying_parameters().items() if len(set(map(str, values.values()))) > 1
    }
    numbers = all(
        len(values) == len(results.simulation_ids)
        and all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values.values())
        for values in varying.values()
    )
    return list(varying) if numbers and 1 <= len(varying) <= 2 and len(results.simulation_ids) > 2 else []


def _sweep(results: Results, metric: str, parameters: list[str], name: str) -> PageFigure:
    words = " and ".join(parameters)
    return draw(
        name,
        f"{metric} over {words}",
        f"{metric} over the values of {words}",
        (_HALF, 3.9),
        lambda figure: plots.plot_sweep(results, metric, *parameters, ax=figure.add_subplot()),
    )


# Maps and trajectories -----------------------------------------------------------------------------------------


def _maps(results: Results) -> Section | None:
    return _panels(results, results.maps(), "maps", "Rate maps", "Rate maps", plots.plot_rate_maps)


def _trajectories(results: Results) -> Section | None:
    title, alt = "Trajectories", "Trajectories in the arena"
    return _panels(results, results.trajectories(), "trajectories", title, alt, plots.plot_trajectories)


def _panels(
    results: Results,
    found: Mapping[str, Mapping[int, Any]],
    name: str,
    title: str,
    alt: str,
    plot: Callable[..., object],
) -> Section | None:
    """Return a section with one figure of panels: a row for each simulation, a column for each run."""
    having = [simulation for simulation, runs in found.items() if runs]
    if not having:
        return None
    shown, note = _some(having, MAX_ROWS, "simulations with them")
    runs = sorted(set().union(*(found[simulation] for simulation in shown)))
    columns = runs[:MAX_COLUMNS]
    more = f"{len(columns)} of {count(len(runs), 'run')} of each shown." if len(runs) > len(columns) else ""

    def fill(figure: Figure) -> None:
        axes: Any = figure.subplots(len(shown), len(columns), squeeze=False)
        plot(results, simulations=shown, runs=columns, axes=axes)

    words = f"{alt} of {', '.join(shown)}, runs {', '.join(map(str, columns))}"
    size = (min(1.6 + 1.75 * len(columns), _WIDE), 0.5 + 1.75 * len(shown))
    figure = draw(f"{name}-0", "", words, size, fill, caption=_sentences(note, more), wide=True)
    return Section(name, title, (figure,))


# All runs ------------------------------------------------------------------------------------------------------


def _timeline(results: Results) -> Section | None:
    executed = sum(bool(run.started) for run in results.runs)
    if not executed or len(results.runs) > MAX_RUNS:
        return None
    n_lines = sum(results.total(simulation) // 50 + 1 for simulation in results.simulation_ids)
    figures = (
        draw(
            "timeline-0",
            "When each run was executed",
            f"Timeline of {count(executed, 'run')}: the slots in which they were executed, over time",
            (_WIDE, 3.2),
            lambda figure: plots.plot_timeline(results, ax=figure.add_subplot()),
            caption="A row is a slot, which executes one run at a time: gaps are idle cores, long bars are slow runs.",
            wide=True,
        ),
        draw(
            "states",
            "How each run ended",
            f"A square for each of {count(len(results.runs), 'run')}: {in_words(results.status.counts)}",
            (_WIDE, min(1.1 + 0.24 * n_lines, 12.0)),
            lambda figure: plots.plot_status(results, ax=figure.add_subplot()),
            wide=True,
        ),
    )
    return Section("timeline", "Timeline", figures)
