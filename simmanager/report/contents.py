"""What the page says about a batch, as plain records and texts: numbers, tables, provenance."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any

from ..base.clock import duration
from ..base.errors import BatchDamaged, BatchNotFound
from ..base.tables import Cell, Column, Table
from ..base.text import count, files_in_words, memory
from ..disk.batch_folder import BatchFolder
from ..disk.state import RunState
from ..disk.state_look import LOOKS, look_of

if TYPE_CHECKING:
    from ..results.results import Results, RunResult

MAX_ROWS = 5000  # runs in the table of the page; of more, those that did not finish come first
MAX_SIMULATIONS = 300  # in a table of the page
MAX_METRICS = 6  # metrics that have a column of their own in the table of runs
MAX_COLUMNS = 5  # parameters that have a column in the table of simulations; more have a table of their own
MAX_TEXT = 300  # longest text of a value or reason that a table shows


@dataclass(frozen=True, slots=True)
class Tile:
    """One number of the summary; ``state`` is set if it is about runs in that state."""

    label: str
    value: str
    detail: str = ""
    state: str = ""


def moment(iso: str) -> str:
    """Return a time of day from UTC ISO-8601: ``2026-11-22 14:15:33``; what is no such text as it is."""
    return iso[:19].replace("T", " ") if _instant(iso) else iso[:40]


def parameter_text(name: str, value: Any) -> str:
    """Return the value of a parameter as a table shows it; of a class or function its name without its module.

    >>> parameter_text("agent_class", "models.sr:Agent"), parameter_text("agent_params.policy", "greedy")
    ('Agent', 'greedy')
    >>> parameter_text("agent_params.lr_td", 0.1), parameter_text("agent_params.lr_td", "0.1")
    ('0.1', '"0.1"')
    """
    if not isinstance(value, str):
        return value_text(value)
    if name in ("agent_class", "env_class", "training_loop"):
        return value_text(value.rpartition(":")[2])
    return f'"{value_text(value)}"' if _reads_as_something_else(value) else value_text(value)


def _reads_as_something_else(text: str) -> bool:
    """Return whether a text is, without quotes, a number or the like; or nothing at all."""
    try:
        json.loads(text)
    except ValueError:
        return not text.strip()
    except RecursionError:
        pass
    return True


def value_text(value: Any) -> str:
    """Return a value from a file as a table shows it."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}…"


# Summary -------------------------------------------------------------------------------------------------------


def tiles(results: Results) -> list[Tile]:
    """Return the numbers at the top of the page."""
    status = results.status
    counts, total = status.counts, status.total
    found = [Tile("finished", f"{counts['finished']:,}", f"of {count(total, 'run')}", "finished")]
    failed = "error" if counts["error"] else ""  # "0 failed" is not red
    found.append(Tile("failed", f"{counts['error']:,}", _share(counts["error"], total), failed))
    if counts["interrupted"]:
        found.append(Tile("interrupted", f"{counts['interrupted']:,}", "resume takes them up", "interrupted"))
    if counts["running"] or status.manager_alive:
        left = f"at least {duration(status.eta_s)} left" if status.eta_s else ""
        found.append(Tile("running", f"{counts['running']:,}", left, "running"))
    if counts["in_queue"]:
        found.append(Tile("in the queue", f"{counts['in_queue']:,}", _share(counts["in_queue"], total), "in_queue"))
    return [*found, *_effort(results.runs)]


def _share(number: int, total: int) -> str:
    return f"{number / total:.0%} of all" if number else "none"


def _effort(runs: Iterable[RunResult]) -> list[Tile]:
    """Return how long the batch and its runs took, and how much memory."""
    executed = [run for run in runs if run.started]
    if not executed:
        return []
    starts = [instant for run in executed if (instant := _instant(run.started))]
    ends = [instant for run in executed if (instant := _instant(run.ended))]
    cpu = sum(run.cpu_s or 0.0 for run in executed)
    found = []
    elapsed = (max(ends) - min(starts)).total_seconds() if starts and ends else 0.0
    if elapsed > 0:
        found.append(Tile("wall time", duration(elapsed), f"from {min(starts):%Y-%m-%d %H:%M} UTC"))
    if cpu:
        busy = f"{cpu / elapsed:.1f} cores busy on average" if elapsed else ""
        found.append(Tile("processor time", duration(cpu), busy))
    times = [run.duration_s for run in executed if run.state == "finished" and run.duration_s is not None]
    if times:
        found.append(Tile("median run", duration(median(times)), f"{duration(min(times))} to {duration(max(times))}"))
    peaks = [run.peak_mb for run in executed if run.peak_mb]
    if peaks:
        found.append(Tile("peak memory", memory(max(peaks)), f"median {memory(median(peaks))}"))
    return found


def _instant(iso: str) -> datetime | None:
    try:
        instant = datetime.fromisoformat(iso)
    except ValueError:
        return None
    return instant if instant.tzinfo else None


# Simulations and their parameters ------------------------------------------------------------------------------


def simulations(results: Results) -> dict[str, Any]:
    """Return the table of simulations: a row for each with its runs by state, what differs, and how long they take."""
    several = differing(results)
    first, *names = several.titles if several else ("",)
    beside = several if first == "simulation" and len(names) <= MAX_COLUMNS else None
    values = {row[0]: row[1:] for row in beside.rows} if beside else {}
    rows = [
        {"values": values.get(simulation_id, ()), **_simulation(results, simulation_id)}
        for simulation_id in results.simulation_ids[:MAX_SIMULATIONS]
    ]
    return {"columns": names if beside else [], "rows": rows, "differing": None if beside else several}


def _simulation(results: Results, simulation_id: str) -> dict[str, Any]:
    finished = [run for run in results.of(simulation_id) if run.state == "finished"]
    times = [run.duration_s for run in finished if run.duration_s is not None]
    peaks = [run.peak_mb for run in finished if run.peak_mb is not None]
    return {
        "simulation_id": simulation_id,
        "counts": results.counts(simulation_id),
        "total": results.total(simulation_id),
        "median": duration(median(times)) if times else "",
        "peak": memory(max(peaks)) if peaks else "",
    }


def differing(results: Results) -> Table | None:
    """Return the parameters that have several values, simulation by simulation; None if there are none."""
    return _grid(results, {name: texts for name, texts in _varying(results).items() if len({*texts.values()}) > 1})


def partly_shared(results: Results) -> Table | None:
    """Return the parameters that only some simulations have, all with one value; None if there are none."""
    return _grid(results, {name: texts for name, texts in _varying(results).items() if len({*texts.values()}) == 1})


def shared(results: Results) -> Table | None:
    """Return the parameters that are the same in all simulations; None if there are none."""
    varying = results.varying_parameters()
    first = results.parameters(results.simulation_ids[0]) if results.simulation_ids else {}
    rows = [(name, parameter_text(name, value)) for name, value in first.items() if name not in varying]
    return Table(("parameter", "value"), rows) if rows else None


def _varying(results: Results) -> dict[str, dict[str, str]]:
    """Return parameter -> simulation_id -> its value in a table, for those that not all simulations share."""
    return {
        name: {sim: parameter_text(name, value) for sim, value in values.items()}
        for name, values in results.varying_parameters().items()
    }


def _grid(results: Results, texts: Mapping[str, Mapping[str, str]]) -> Table | None:
    """Return a table of parameters by simulations; the fewer of the two are its columns."""
    if not texts:
        return None
    simulation_ids = results.simulation_ids[:MAX_SIMULATIONS]
    if len(simulation_ids) > len(texts):
        rows = [(sim, *(values.get(sim, "") for values in texts.values())) for sim in simulation_ids]
        return Table(("simulation", *texts), rows)
    rows = [(name, *(values.get(sim, "") for sim in simulation_ids)) for name, values in texts.items()]
    return Table(("parameter", *simulation_ids), rows)


# Runs ----------------------------------------------------------------------------------------------------------


def run_table(results: Results) -> dict[str, Any]:
    """Return the table of runs: columns, rows, and how many of the runs these are."""
    fractions = {(run.simulation_id, run.run_id or 0): run.fraction for run in results.status.runs}
    runs = list(results.runs)
    if len(runs) > MAX_ROWS:
        runs = sorted(runs, key=lambda run: run.state == "finished")[:MAX_ROWS]
    metrics = results.metric_names[:MAX_METRICS]
    columns: list[tuple[Column, Callable[[RunResult], Cell]]] = [
        (Column("simulation"), lambda run: Cell(run.simulation_id)),
        (Column("run", "number"), lambda run: Cell(str(run.run_id))),
        (Column("state", "state"), lambda run: _state(run, fractions.get((run.simulation_id, run.run_id)))),
        (Column("duration", "number"), lambda run: _number(duration(run.duration_s), run.duration_s)),
        (Column("processor", "number"), lambda run: _number(duration(run.cpu_s), run.cpu_s)),
        (Column("memory", "number"), lambda run: _number(memory(run.peak_mb), run.peak_mb)),
        *((Column(metric, "number"), partial(_metric, metric)) for metric in metrics),
    ]
    if any(run.attempt > 1 for run in runs):
        columns.append((Column("attempt", "number"), lambda run: Cell(str(run.attempt))))
    days = {run.started[:10] for run in runs if run.started}
    day = f"{days.pop()} " if len(days) == 1 else ""
    columns.append((Column(f"started ({day}UTC)"), lambda run: Cell(moment(run.started).removeprefix(day))))
    if any(map(_reason, runs)):
        columns.append((Column("what went wrong", "text"), lambda run: Cell(value_text(_reason(run)))))
    files = {run.path: run.artefacts for run in runs}
    if any(files.values()):
        columns.append((Column("files", "number"), lambda run: _files(files[run.path])))
    columns.append((Column("seed", "number"), lambda run: Cell("" if run.seed is None else str(run.seed))))
    return {
        "table": Table((column for column, _ in columns), ([cell_of(run) for _, cell_of in columns] for run in runs)),
        "runs": runs,
        "shown": len(runs),
        "total": len(results.runs),
        "more_metrics": len(results.metric_names) - len(metrics),
    }


def _state(run: RunResult, fraction: float | None) -> Cell:
    words = look_of(run.state).words
    if run.state == RunState.RUNNING and fraction is not None:
        words = f"{words}, {fraction:.0%}"
    return Cell(words, str(list(LOOKS).index(RunState(run.state))))


def _files(files: Mapping[str, int]) -> Cell:
    return _number(files_in_words(files), sum(files.values()) or None)


def _reason(run: RunResult) -> str:
    return run.error or "; ".join(f"{name}: {why}" for name, why in run.metric_errors.items())


def _metric(name: str, run: RunResult) -> Cell:
    value = run.metrics.get(name)
    return _number("" if value is None else f"{value:.4g}", value)


def _number(text: str, value: float | None) -> Cell:
    return Cell(text, "" if value is None or value != value else repr(value).replace("inf", "Infinity"))


# Provenance ----------------------------------------------------------------------------------------------------


def provenance(results: Results) -> Table:
    """Return where the batch comes from: name and text of each fact that its files tell."""
    hosts = Counter(run.host for run in results.runs if run.host)
    executed_on = ", ".join(f"{host} ({count(number, 'run')})" for host, number in hosts.most_common(20))
    facts = {"folder": str(results.path.absolute()), "runs executed on": executed_on}
    with suppress(BatchNotFound, BatchDamaged):
        manifest = BatchFolder(results.path).read_manifest()
        found = manifest.provenance
        command, versions = found.get("command"), found.get("versions")
        versions = versions.items() if isinstance(versions, dict) else ()
        changes = ", with changes" if found.get("git_dirty") else ""
        facts = {
            "folder": facts["folder"],
            "batch id": manifest.batch_id,
            "made": f"{moment(manifest.created)} UTC",
            "seed": str(manifest.seed),
            "runs of each simulation": str(manifest.runs_per_sim),
            "command": value_text(" ".join(map(str, command))) if isinstance(command, list) else "",
            "made on": value_text(found.get("host", "")),
            "runs executed on": executed_on,
            "cores": value_text(found.get("cores", "")),
            "git commit": f"{value_text(found.get('git_commit', ''))}{changes}",
            "versions": ", ".join(f"{name} {value_text(version)}" for name, version in versions),
        }
    return Table(("", Column("", "text")), [fact for fact in facts.items() if fact[1]])
