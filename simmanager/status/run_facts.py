"""What a single run is made of, and what two runs differ in, for the terminal."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..base.clock import duration
from ..base.errors import BatchDamaged, BatchNotFound, SimManagerError, UnknownName, unknown
from ..base.moved_modules import described_now
from ..base.paths import exists
from ..base.provenance import commit_text, contents_in
from ..base.resources import EXECUTION_FIELDS
from ..base.rules import RULE_FIELDS
from ..base.text import count, memory, plain, size
from ..disk.batch_folder import BatchFolder
from ..disk.json_file import why_unreadable
from ..disk.run_folder import RECORD, RunFolder
from ..disk.run_record import number_of
from ..disk.sources import kept_code
from .reader import read_status

#: What is shown of a simulation, besides its parts.
_MORE = ("cwd", *RULE_FIELDS, *EXECUTION_FIELDS)

#: What is shown of a status, before anything else.
_STATUS_FIELDS = ("simulation_id", "run_id", "state", "reason", "seed", "attempt", "started", "ended")

#: What run.json does not say, or says to nobody but us.
_OURS = ("provenance", "simulation_id", "run_id", "damage")

_MAX_VALUE = 300  # characters of a value in the texts of a run


def find_run(path: Path | str, simulation_id: str | None = None, run_id: int | None = None) -> RunFolder:
    """Return a run, given by its folder, by ``BATCH/SIM/RUN``, or by batch, simulation and run id."""
    path = Path(path)
    if simulation_id is None and not exists(path) and path.name.isdecimal() and path.parent.name:
        path, simulation_id, run_id = path.parent.parent, path.parent.name, int(path.name)
    if simulation_id is None:
        if RunFolder(path).looks_like_a_run():
            return RunFolder(path)
        raise BatchNotFound(
            f"There is no run at {path}. Give the folder of a run, or BATCH/SIMULATION/RUN_ID.{_runs_there(path)}"
        )
    folder = BatchFolder(path)
    simulations = folder.read_manifest().simulation_ids
    if simulation_id not in simulations:
        raise UnknownName(unknown("No simulation", simulation_id, simulations))
    runs = folder.run_folders(simulation_id)
    if run_id is None:
        raise UnknownName(f"Name a run of simulation {simulation_id!r}, too: {_listed(sorted(runs))}.")
    if run_id not in runs:
        raise UnknownName(f"Simulation {simulation_id!r} has no run {run_id}; its runs are {sorted(runs)}.")
    return RunFolder(runs[run_id])


def _listed(names: Iterable[object]) -> str:
    """Return names with commas between them, of many the first ones."""
    shown = [str(name) for name in names]
    return ", ".join(shown[:10]) + (f", ... ({len(shown)})" if len(shown) > 10 else "")


def _runs_there(path: Path) -> str:
    """Return what can be named if a path is that of a batch, or ""."""
    try:
        simulations = BatchFolder(path).read_manifest().simulation_ids
    except BatchDamaged as error:  # or not to be read by us
        return f" {error}"
    except SimManagerError:
        return ""
    return f" Simulations of this batch: {_listed(simulations)}."


def record_of(folder: RunFolder) -> dict[str, Any]:
    """Return what is known of a run: run.json, with its state now and the parameters it was or will be made with."""
    found = read_status(folder.path)
    (status,) = found.runs
    record = folder.read_json(folder.record)
    damage = list(found.damage)
    if damage:  # then run.json is not asked how the run ended
        record.pop("reason", None)
    if why := why_unreadable(folder.record):
        damage.append(f"{RECORD} {why}, so metrics and versions are not known")
    provenance = _dict(record, "provenance")
    simulation = provenance.pop("simulation", None)
    if not isinstance(simulation, dict):
        simulation = _described(folder)
    kept = {name: value for name, value in record.items() if name not in _OURS}
    return {
        **{name: getattr(status, name) for name in _STATUS_FIELDS},
        **kept,
        "state": str(status.state),
        "artefacts": folder.list_artefacts(),
        **({"damage": damage} if damage else {}),
        **described_now(simulation),
        "provenance": provenance,
    }


def _described(folder: RunFolder) -> dict[str, Any]:
    try:
        manifest = BatchFolder(folder.path.parent.parent).read_manifest()
    except Exception:
        return {}  # a single run: its parameters are a pickle, which is not opened here
    return next((entry for entry in manifest.simulations if entry["simulation_id"] == folder.simulation_id), {})


def run_lines(folder: RunFolder) -> Iterator[str]:
    """Return a run as lines of text: how it went, its parameters, where it comes from."""
    record = record_of(folder)
    yield plain(str(folder.path))
    facts = {name.removesuffix("_id"): record.get(name) for name in _STATUS_FIELDS}
    facts |= {"duration": duration(number_of(record, "duration_s"))}
    facts |= {
        "processor time": duration(number_of(record, "cpu_s")),
        "peak memory": memory(number_of(record, "peak_mb")),
    }
    yield from _lines({**facts, "process": record.get("pid"), "host": record.get("host")})
    yield from (f"  damaged: {plain(text)}" for text in record.get("damage", ()))
    parts = {name: record.get(name) for name in ("agent_class", "env_class", "training_loop", "function", *_MORE)}
    parts["resources"] = ", ".join(f"{name} {value}" for name, value in _dict(record, "resources").items()) or None
    for title, content in (
        ("metrics", {**_dict(record, "metrics"), **_dict(record, "metric_errors")}),
        ("artefacts", {name: size(number) for name, number in _dict(record, "artefacts").items()}),
        ("simulation", parts),
        *((name, _dict(record, name)) for name in ("agent_params", "env_params", "training_loop_params")),
        ("versions", _dict(record, "versions")),
        ("program", _program(_dict(record, "provenance"))),
    ):
        lines = list(_lines(content))
        if lines:
            yield from ("", title, *lines)
    for title, text in _sources(folder, record).items():
        yield from ("", title, *(f"  {line}" for line in plain(text).split("\n") if line.strip()))


def _sources(folder: RunFolder, record: Mapping[str, Any]) -> dict[str, str]:
    """Return the kept sources of a run: of its code, and what was not committed when its batch was made."""
    kept = kept_code(folder.path.parent.parent)
    provenance = _dict(record, "provenance")
    parts = {f"source of {name}": kept[text] for name, text in (contents_in(provenance) or {}).items() if text in kept}
    code = provenance.get("code")
    folders = [
        str(entry.get("folder")) for entry in (code if isinstance(code, list) else ()) if isinstance(entry, dict)
    ]
    diffs = {name: text for name, text in kept.items() if "/" in name and (name in folders or len(folders) == 0)}
    return {**parts, **{f"not committed in {name}": text for name, text in diffs.items()}}


def _program(provenance: Mapping[str, Any]) -> dict[str, Any]:
    command = provenance.get("command")
    code = provenance.get("code")
    simmanager = provenance.get("simmanager")
    program = {
        "command": " ".join(map(str, command)) if isinstance(command, list) else command,
        "commit": commit_text(provenance),
        "simmanager": commit_text(simmanager) if isinstance(simmanager, Mapping) else None,
        **{name: provenance.get(name) for name in ("host", "cpu", "cores", "threads_per_run")},
    }
    for entry in code if isinstance(code, list) else ():
        if isinstance(entry, Mapping):
            program[f"code in {entry.get('folder')}"] = commit_text(entry)
    return program


def _dict(record: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = record.get(name)
    return value if isinstance(value, dict) else {}


def _lines(content: Mapping[str, Any]) -> Iterator[str]:
    shown = {plain(str(name)): _text(value) for name, value in content.items() if value not in (None, "", {}, [])}
    width = max(map(len, shown), default=0)
    for name, text in shown.items():
        yield f"  {name:<{width}}  {text}"


def _text(value: Any) -> str:
    text = plain(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str))
    text = " ".join(text.split("\n"))
    return text if len(text) <= _MAX_VALUE else f"{text[:_MAX_VALUE]}…"


def compare_runs(first: RunFolder, second: RunFolder) -> list[Difference]:
    """Return in what two runs differ: parameters, seed, versions, commit, program, outcome.

    Times, memory and process ids, which always differ, are left out.
    """
    return differences(record_of(first), record_of(second))


def difference_lines(first: RunFolder, second: RunFolder) -> Iterator[str]:
    """Return the differences of two runs as lines of text."""
    found = compare_runs(first, second)
    yield f"- {plain(str(first.path))}"
    yield f"+ {plain(str(second.path))}"
    if not found:
        yield "They differ in nothing but their times."
    alone = [name for name, one, other in found if name.startswith("versions.") and (one is None or other is None)]
    sources = (_sources(run, record_of(run)) for run in (first, second))
    yield from _source_difference(*sources)
    for name, one, other in found:
        if name in alone:
            continue
        yield f"{plain(name)}:"
        yield f"- {'(nothing)' if one is None else _text(one)}"
        yield f"+ {'(nothing)' if other is None else _text(other)}"
    if alone:
        yield f"({count(len(alone), 'package was', 'packages were')} loaded by one of the two only: --json names them)"


def _source_difference(first: Mapping[str, str], second: Mapping[str, str]) -> Iterator[str]:
    import difflib

    for name in sorted(first.keys() & second.keys()):
        lines = difflib.unified_diff(first[name].split("\n"), second[name].split("\n"), n=1, lineterm="")
        changed = [plain(line) for line in lines][2:]
        if changed:
            yield from (f"{plain(name)}:", *(f"  {line}" for line in changed))


#: What is not looked at when two runs are compared: which they are, and what always differs.
_NOT_COMPARED = ("format", "simulation_id", "run_id", "started", "ended", "duration_s", "cpu_s", "peak_mb", "pid")


#: What matters most comes first: code and metrics, parameters, seed and outcome; then versions, then the program.
_ORDER = ("provenance.contents", "agent_class", "env_class", "training_loop", "function", "metrics", "metric_errors")


def _rank(name: str) -> int:
    if name.startswith(tuple(f"{first}." for first in _ORDER)) or name in _ORDER:
        return 0
    return {"versions": 2, "provenance": 3}.get(name.partition(".")[0], 1)


class Difference(NamedTuple):
    """One thing in which two records differ, and its two values; None where a record has none."""

    name: str  # dotted path, e.g. "versions.numpy" or "simulation.agent_params.lr_td"
    first: Any
    second: Any


def differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Difference]:
    """Return in what two records (nested, as in run.json) differ; times, memory and process ids are left out."""
    one, other = (dict(_flat(record)) for record in (first, second))
    names = [name for name in one.keys() | other.keys() if name.partition(".")[0] not in _NOT_COMPARED]
    names.sort(key=lambda name: (_rank(name), name))
    return [Difference(name, one.get(name), other.get(name)) for name in names if one.get(name) != other.get(name)]


def _flat(record: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in record.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
