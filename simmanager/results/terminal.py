"""How results look on a terminal: a table of simulations, a table of runs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..base.clock import duration
from ..base.tables import Cell, Table
from ..base.text import count, files_in_words, plain
from ..disk.state import RunState
from ..disk.state_look import look_of
from ..status.tree import console
from .run_result import record_damage

if TYPE_CHECKING:
    import rich.console

    from .results import Results
    from .run_result import RunResult

#: Parameters that are shown; more would leave no room for their values.
_MAX_PARAMETERS = 4

#: Rows of a table that are shown; a terminal takes a minute for some ten thousand.
_MOST_ROWS = 1000

#: Characters of a parameter value that are shown.
_MAX_VALUE = 40


def print_results(results: Results) -> None:
    """Print what the simulations are, how many of their runs are finished, and all runs with their metrics."""
    screen = console()
    _print(screen, simulations_table(results))
    if left := len(results.varying_parameters()) - len(_shown_parameters(results)):
        screen.print(f"({count(left, 'more parameter differs', 'more parameters differ')}: --csv shows all)")
    screen.print()
    _print(screen, runs_table(results))
    for line in (*_damage(results), *map(plain, mixtures(results)), *metric_failures(results), *not_kept(results)):
        screen.print(line)


def _damage(results: Results) -> list[str]:
    """Return what could not be read, but for the records of runs: `not_kept` counts those."""
    records = set(map(record_damage, results))
    return [f"damaged: {plain(text)}" for text in results.status.damage if text not in records]


def _print(screen: rich.console.Console, table: Table) -> None:
    screen.print(table.rich(most=_MOST_ROWS))
    if (more := len(table.rows) - _MOST_ROWS) > 0:
        screen.print(f"(and {more} more: --csv shows all)")


def simulations_table(results: Results) -> Table:
    """Return a row for each simulation: how many runs are finished, in which parameters they differ, mean metrics."""
    varying, metrics = _shown_parameters(results), results.metric_names
    rows = [
        (
            name,
            f"{results.counts(name)[RunState.FINISHED]} of {results.total(name)} runs",
            *(_value(values.get(name)) for values in varying.values()),
            *(_mean(results, name, metric) for metric in metrics),
        )
        for name in results.simulation_ids
    ]
    return Table(("simulation", "finished", *varying, *(f"mean {name}" for name in metrics)), rows)


def _mean(results: Results, simulation_id: str, metric: str) -> str:
    values = [run.metrics[metric] for run in results.of(simulation_id) if metric in run.metrics]
    values = [value for value in values if not math.isnan(value)]
    return f"{sum(values) / len(values):.4g}" if values else ""


def _shown_parameters(results: Results) -> dict[str, dict[str, Any]]:
    """Return the parameters in which simulations differ, first those that tell simulations of one kind apart."""
    varying = results.varying_parameters()
    classes: dict[Any, list[str]] = {}
    for name in results.simulation_ids:
        parameters = results.parameters(name)
        kind = tuple(str(parameters.get(part)) for part in ("agent_class", "env_class", "training_loop"))
        classes.setdefault(kind, []).append(name)

    def told_apart(parameter: str) -> int:
        values = varying[parameter]
        return sum(len({repr(values.get(name)) for name in names}) > 1 for names in classes.values())

    shared = {name: len(values) == len(results.simulation_ids) for name, values in varying.items()}
    useful = sorted((name for name in varying if told_apart(name) or shared[name]), key=lambda name: -told_apart(name))
    return {name: varying[name] for name in useful[:_MAX_PARAMETERS]}


def runs_table(results: Results) -> Table:
    """Return a row for each run: state, duration, memory, metrics, error."""
    metrics = results.metric_names
    files = [files_in_words(run.artefacts) for run in results]
    some = any(files)
    rows = [
        (
            run.simulation_id,
            run.run_id,
            Cell(run.state, style=look_of(run.state).terminal),
            duration(run.duration_s),
            "" if run.peak_mb is None else f"{run.peak_mb:.0f}",
            *(_metric(run, name) for name in metrics),
            *([written] if some else []),
            run.error,
        )
        for run, written in zip(results, files, strict=True)
    ]
    titles = ("simulation", "run", "state", "duration", "peak MB", *metrics, *(["files"] if some else []), "error")
    return Table(titles, rows)


def mixtures(results: Results) -> list[str]:
    """Return in words which simulations have finished runs that were made otherwise than they are now."""
    lines = []
    for name in results.simulation_ids:
        finished = [run for run in results.of(name) if run.state == RunState.FINISHED]
        others = results.made_otherwise(name, [run.run_id for run in finished])
        for what, number in zip(("parameters", "code"), others, strict=True):
            if number:
                runs = count(len(finished), "finished run")
                lines.append(f"{name}: {number} of {runs} made with other {what} than it has now")
    return lines


def metric_failures(results: Results) -> list[str]:
    """Return a line for each reason for which metrics failed: ``grid_score failed in 2 runs: ValueError: ...``."""
    return _counted((f"{name} failed", why) for run in results for name, why in run.metric_errors.items())


def not_kept(results: Results) -> list[str]:
    """Return a line for each result that was not saved, and each history key that has no curve, with the reason."""
    parts = [(f"{name} not saved", why) for run in results for name, why in run.not_saved.items()]
    keys = [(f"{name} has no curve", why) for run in results for name, why in run.left_out.items()]
    return _counted([*parts, *keys])


def _counted(reasons: Iterable[tuple[str, str]]) -> list[str]:
    return [
        plain(f"{what} in {count(number, 'run')}: {why}").replace("\n", " ")
        for (what, why), number in Counter(reasons).items()
    ]


def _metric(run: RunResult, name: str) -> str:
    if name in run.metric_errors:
        return "failed"
    return f"{run.metrics[name]:.4g}" if name in run.metrics else ""


def _value(value: Any) -> str:
    text = plain("" if value is None else str(value)).replace("\n", " ")
    return text if len(text) <= _MAX_VALUE else f"{text[: _MAX_VALUE - 1]}…"
