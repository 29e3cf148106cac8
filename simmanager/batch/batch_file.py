"""Batch files: a batch described in TOML or YAML, without code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..base.checks import refuse_unknown
from ..base.errors import (
    BatchFileError,
    ParameterError,
    SimManagerError,
    SimulationError,
    UnknownName,
    hint,
    suggest,
    unknown,
)
from ..base.resources import EXECUTION_FIELDS
from ..base.rules import RULE_FIELDS, rules_from
from ..disk.manifest import check_name
from ..dispatch.run_options import OPTIONS, check_options
from ..simulation.parameter_path import GROUPS, ParameterPath, named_parameters, takes_any
from ..simulation.single_sim import SingleSim
from ..simulation.sweep import sweep
from .document import Document, Where, read_document
from .making import check_all, check_runs, check_seed, check_seeds
from .named_object import named_object
from .plan import BatchPlan

#: Fields of a batch file, with the type of each.
_FIELDS = {
    "manager_id": str,
    "runs_per_sim": int,
    "seed": int,
    "seeds": str,
    "setup": str,
    "options": dict,
    "simulations": list,
}

#: Fields of one of its simulations.
_SIMULATION = {
    "default": str,
    "simulation_id": str,
    "agent_class": str,
    "agent_params": dict,
    "env_class": str,
    "env_params": dict,
    "training_loop": str,
    "training_loop_params": dict,
    "metrics": dict,
    "cwd": str,
    "fail_when": list,
    "stop_when": list,
    "resources": dict,
    "timeout": (int, float, str),
    "sweep": dict,
}

#: Fields of a sweep, besides the parameters.
_SWEEP = {"mode": str, "n": int, "seed": int}

#: Types of fields, in words.
_WORDS: dict[Any, str] = {
    (int, float, str): "a number of seconds, or a text with a unit such as 2h",
    str: "a text",
    int: "a whole number",
    dict: "a table of names and values",
    list: "a list",
}


def read_batch_file(path: Path | str) -> BatchPlan:
    """Read a batch from a TOML or YAML file. This imports the modules that it names: only for your own files.

    Parameters
    ----------
    path : path-like
        ``.toml``, ``.yaml`` or ``.yml`` (for these PyYAML is needed, extra ``yaml``). Modules next to it are found.

    Returns
    -------
    BatchPlan
        With ``manager_id``, by default the name of the file.

    Raises
    ------
    BatchFileError
        Names file, line and field, the reason, and the nearest name that exists.
    PackageMissing
        PyYAML is not installed.

    Notes
    -----
    A file has the fields ``manager_id``, ``runs_per_sim``, ``seed``, ``seeds``, ``setup`` (``"module:function"``,
    called once in each worker), ``options`` (the keywords of ``run_all``) and ``simulations``, a list of tables. Each
    of these has the fields of `SingleSim`, classes, loop and metrics as ``"module:name"``; ``default =
    "stachenfeld_in_2d"`` takes what it does not say from ``default_simulation``, and ``sweep`` holds what `sweep`
    takes: parameters with their values, and ``mode``, ``n`` and ``seed``. Drawn values are written as ``{distribution =
    "loguniform", a = 1e-4, b = 1e-1}``, by their names in ``scipy.stats``.
    """
    path = Path(path)
    document = read_document(path)
    return _BatchFile(document).plan(path.stem)


class _BatchFile:
    """Makes a plan of a document; every refusal names the line."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._folder = document.path.resolve().parent

    def plan(self, stem: str) -> BatchPlan:
        content = self._fields(self._document.content, _FIELDS, ())
        with self._at("manager_id"):
            manager_id = check_name("manager_id", content.get("manager_id", stem))
        with self._at("runs_per_sim"):
            runs_per_sim = check_runs(content["runs_per_sim"]) if "runs_per_sim" in content else None
        with self._at("seed"):
            seed = check_seed(content["seed"]) if "seed" in content else None
        options = self._options(content.get("options", {}))
        with self._at("setup"):
            setup = named_object(content["setup"], self._folder) if "setup" in content else None
        with self._at("seeds"):
            seeds = check_seeds(content["seeds"]) if "seeds" in content else None
        simulations = self._simulations(content.get("simulations"))
        return BatchPlan(manager_id, simulations, runs_per_sim, seed, options, setup, seeds)

    @contextmanager
    def _at(self, *where: Any) -> Iterator[None]:
        """Say where in the file it is that something is not allowed."""
        try:
            yield
        except BatchFileError:
            raise
        except SimManagerError as error:
            raise self._document.error(where, str(error)) from None

    def _fields(self, table: Any, known: Mapping[str, Any], where: Where) -> dict[str, Any]:
        """Return a table if all of its fields are known and of the right type."""
        if not isinstance(table, dict):
            raise self._document.error(where, f"this must be {_WORDS[dict]}, not {table!r}.")
        for name, value in table.items():
            place = (*where, str(name))
            if name not in known:
                raise self._document.error(place, f"there is no such field.{hint(place[-1], known)}")
            if not isinstance(value, known[name]) or isinstance(value, bool):
                raise self._document.error(place, f"this must be {_WORDS[known[name]]}, not {value!r}.")
        return table

    def _options(self, options: Any) -> dict[str, Any]:
        for name, value in options.items():
            with self._at("options", name):
                if name not in OPTIONS:
                    raise UnknownName(f"there is no such option.{hint(name, OPTIONS)}")
                OPTIONS[name].checked(name, value)
        with self._at("options"):
            check_options({name: value for name, value in options.items() if name != "n_jobs"})
        return dict(options)

    # Simulations -----------------------------------------------------------------------------------------------

    def _simulations(self, entries: list[Any] | None) -> list[SingleSim]:
        if not entries:
            raise self._document.error((), "there is no simulation: add [[simulations]] (TOML) or simulations: (YAML).")
        simulations: list[SingleSim] = []
        lines: dict[str, int] = {}
        for index, entry in enumerate(entries):
            where = ("simulations", index)
            for simulation in self._described(self._fields(entry, _SIMULATION, where), where):
                name = str(simulation.simulation_id)
                if name.lower() in lines:
                    text = f"{name!r} is the id of the simulation at line {lines[name.lower()]}; give each its own."
                    raise self._document.error((*where, "simulation_id"), text)
                lines[name.lower()] = self._document.line(where)
                simulations.append(simulation)
        return simulations

    def _described(self, entry: dict[str, Any], where: Where) -> list[SingleSim]:
        """Return what one entry describes: a simulation, or those of its sweep."""
        sim = self._default(entry["default"], where) if "default" in entry else SingleSim()
        for group, owner in GROUPS.items():
            if owner in entry:
                with self._at(*where, owner):
                    thing = named_object(entry[owner], self._folder)
                if thing is not getattr(sim, owner):
                    setattr(sim, group, None)  # parameters of the default's class are no longer meant
                setattr(sim, owner, thing)
            elif getattr(sim, owner) is None:
                raise self._document.error(where, f"{owner} is missing: add it, or take a default.")
            if group in entry:
                self._check_parameters(sim, group, entry[group], where)
                setattr(sim, group, {**(getattr(sim, group) or {}), **entry[group]})
        sim.metrics = self._metrics(entry, where) or sim.metrics
        sim.cwd = entry.get("cwd", sim.cwd)
        for name in (*RULE_FIELDS, *EXECUTION_FIELDS):
            if name in entry:
                with self._at(*where, name):
                    setattr(sim, name, _made_of(name, entry[name]))
        sim.simulation_id = entry.get("simulation_id", sim.simulation_id)
        if sim.simulation_id is None:
            raise self._document.error(where, "simulation_id is missing: add it.")
        with self._at(*where, "simulation_id"):
            check_name("A simulation_id", sim.simulation_id)
        with self._at(*where):
            check_all([sim])
        return self._swept(sim, entry["sweep"], (*where, "sweep")) if "sweep" in entry else [sim]

    def _default(self, name: str, where: Where) -> SingleSim:
        from .. import default_simulation

        known = {key: value for key, value in vars(default_simulation).items() if isinstance(value, SingleSim)}
        if name not in known:
            text = unknown("there is no default simulation", name, known)
            raise self._document.error((*where, "default"), text)
        return known[name].copy()

    def _check_parameters(self, sim: SingleSim, group: str, given: dict[str, Any], where: Where) -> None:
        if takes_any(sim, group):
            return
        owner, known = getattr(sim, GROUPS[group]), named_parameters(sim, group)
        for name in given:
            if name not in known:
                with self._at(*where, group, name):
                    refuse_unknown(getattr(owner, "__name__", repr(owner)), {str(name): None}, known)

    def _metrics(self, entry: dict[str, Any], where: Where) -> dict[str, Any]:
        metrics = {}
        for name, function in entry.get("metrics", {}).items():
            with self._at(*where, "metrics", name):
                if not isinstance(function, str):
                    raise SimulationError(f"this must be a name like 'module:function', not {function!r}.")
                metrics[name] = named_object(function, self._folder)
        return metrics

    # Sweeps ----------------------------------------------------------------------------------------------------

    def _swept(self, sim: SingleSim, table: dict[str, Any], where: Where) -> list[SingleSim]:
        settings = {name: value for name, value in table.items() if name in _SWEEP}
        self._fields(settings, _SWEEP, where)
        parameters = {}
        for key, value, place in _leaves({name: table[name] for name in table if name not in _SWEEP}, where):
            with self._at(*place):
                if "." not in key:
                    near = suggest(key, (*GROUPS, *_SWEEP))
                    raise UnknownName(f"there is no such field of a sweep.{near} It has parameters, mode, n and seed.")
                ParameterPath.parse(key).check(sim)
                if not isinstance(value, (list, dict)):
                    raise ParameterError(f"this must be a list of values, not {value!r}.")
                parameters[key] = _distribution(value) if isinstance(value, dict) else value
        with self._at(*where):
            return sweep(sim, parameters, **settings)


def _made_of(name: str, said: Any) -> Any:
    """Return what a field of a simulation becomes that a batch file says; raise if it is wrong."""
    if name in RULE_FIELDS:
        return rules_from(said)
    EXECUTION_FIELDS[name](said)
    return said


def _leaves(table: Mapping[str, Any], where: Where, prefix: str = "") -> Iterator[tuple[str, Any, Where]]:
    """Yield key, values and place of each parameter: ``agent_params.lr_td`` without quotes is a table in a table."""
    for name, value in table.items():
        if isinstance(value, dict) and "distribution" not in value:
            yield from _leaves(value, (*where, name), f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value, (*where, name)


def _distribution(table: dict[str, Any]) -> Any:
    """Return the frozen distribution that ``{distribution = "loguniform", a = 1e-4, b = 1e-1}`` describes."""
    from scipy import stats

    kinds = (stats.rv_continuous, stats.rv_discrete)
    known = {name: value for name, value in vars(stats).items() if isinstance(value, kinds)}
    name, shapes = table["distribution"], {key: value for key, value in table.items() if key != "distribution"}
    if name not in known:
        raise UnknownName(f"scipy.stats has no distribution {name!r}.{suggest(str(name), known)}")
    try:
        frozen = known[name](**shapes)
        frozen.rvs(random_state=0)
    except (TypeError, ValueError) as error:
        raise ParameterError(f"{name} does not take these numbers: {str(error).rstrip('.')}.") from None
    return frozen
