"""Sweeps: one simulation x many values of its parameters -> many simulations."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..base.checks import check_integer
from ..base.content_hash import content_hash
from ..base.errors import ParameterError, ParameterTypeError, SimulationError, suggest
from ..base.public import public
from ..disk.manifest import check_name
from ..disk.run_record import draw_seed
from .parameter_path import ParameterPath
from .single_sim import SingleSim
from .value_labels import combined_id, identity, label_values, plain_value

#: Simulations that one sweep may make.
MAX_SIMULATIONS = 100_000

MODES = ("grid", "zip", "random")

#: Draws for each simulation wanted, before a random sweep says that there are no more distinct ones.
_DRAWS = 100


@public("simmanager")
def sweep(
    sim: Any,
    parameters: Mapping[str, Any],
    mode: str = "grid",
    n: int | None = None,
    seed: int | None = None,
) -> list[SingleSim]:
    """Return a simulation for each combination of parameter values, ready for a `SimulationManager`.

    Parameters
    ----------
    sim : SingleSim
        What all of them have in common; it stays as it is.
    parameters : dict of str to list
        ``"agent_params.lr_td"`` -> its values; ``"env_params.room.width"`` reaches into a dict. In ``"random"`` mode
        also a frozen distribution of ``scipy.stats`` (``loguniform(1e-4, 1e-1)``).
    mode : {"grid", "zip", "random"}, default "grid"
        Every combination (the last key changes fastest); the first values of all keys, then the second, ...; or ``n``
        distinct combinations at random, each value of a list as likely as the others.
    n : int, optional
        How many, in ``"random"`` mode.
    seed : int, optional
        Seed of the ``"random"`` mode; drawn if not given. The values of a key depend on the seed and the key only,
        not on the order of the keys, and a larger ``n`` begins with the same ones.

    Returns
    -------
    list of SingleSim
        Ids name the values, ``SR__lr_td=0.001__n_episode=10``: floats by six significant digits, or by as many as
        tell them apart; long texts, arrays and objects by name or position in the list. An id longer than 150 bytes
        ends in a hash instead. Nothing is shared between them.

    Raises
    ------
    UnknownName
        Neither has the simulation such a parameter, nor does its class or training loop name one; lists the nearest.
    ParameterError
        Values, ``mode``, ``n`` or ``seed`` that are not allowed.
    SimulationError
        The simulation has no simulation_id, or a key is not of the form ``agent_params.NAME``.
    """
    base = SingleSim.from_object(sim)
    if base.simulation_id is None:
        raise SimulationError("The simulation of a sweep needs a simulation_id: those of the sweep begin with it.")
    check_name("A simulation_id", base.simulation_id)
    paths = _check_paths(base, parameters)
    rows = _combinations(parameters, mode, n, seed)
    return _simulations(base, paths, rows)


def sweep_all(simulations: Sequence[SingleSim], parameters: Mapping[str, Any]) -> list[SingleSim]:
    """Sweep every simulation over the grid of those parameters that it has; one that has none stays as it is.

    Raises
    ------
    UnknownName
        A parameter that no simulation has.
    ParameterError
        Simulations differ in nothing but what is swept: they would become the same.
    """
    for key in parameters:
        path = ParameterPath.parse(key)
        if not any(path.known_to(sim) for sim in simulations):
            path.check(simulations[0])
    _check_that_they_stay_apart(simulations, parameters)
    swept: list[SingleSim] = []
    for sim in simulations:
        own = {key: values for key, values in parameters.items() if ParameterPath.parse(key).known_to(sim)}
        swept += sweep(sim, own) if own else [sim]
    return swept


def _check_that_they_stay_apart(simulations: Sequence[SingleSim], parameters: Mapping[str, Any]) -> None:
    paths = [ParameterPath.parse(key) for key in parameters]
    seen: dict[str, tuple[SingleSim, str]] = {}
    for sim in simulations if len(simulations) > 1 else ():
        own = [path for path in paths if path.known_to(sim)]
        rest = SingleSim(**{**sim.fields, "simulation_id": ""})
        before = content_hash(rest.fields)
        for path in own:
            path.set(rest, None)
        after = content_hash(rest.fields)
        twin, other = seen.setdefault(after, (sim, before))
        if own and after and other != before:
            keys = " and ".join(map(str, own))
            raise ParameterError(
                f"Simulations {twin.simulation_id!r} and {sim.simulation_id!r} differ in nothing but {keys}: swept "
                "over the same values they would be the same. Sweep one of them (FILE.py:NAME), or another parameter."
            )


def _check_paths(base: SingleSim, parameters: Any) -> list[ParameterPath]:
    if not isinstance(parameters, Mapping) or not parameters:
        raise ParameterTypeError(
            f"A sweep needs a dict of parameters like {{'agent_params.lr_td': [0.001, 0.01]}}, not {parameters!r}."
        )
    paths = [ParameterPath.parse(key) for key in parameters]
    for one, other in itertools.permutations(paths, 2):
        if one.contains(other):
            raise ParameterError(f"A sweep cannot set both {one} and {other}: the second is a part of the first.")
    for path in paths:
        path.check(base)
    return paths


def _simulations(base: SingleSim, paths: list[ParameterPath], rows: list[tuple[Any, ...]]) -> list[SingleSim]:
    names = _short_names(paths)
    columns = [label_values(column) for column in zip(*rows, strict=True)]
    simulations, taken = [], set[str]()
    for row, labels in zip(rows, zip(*columns, strict=True), strict=True):
        words = [f"{name}={label}" for name, label in zip(names, labels, strict=True)]
        simulation_id = combined_id(str(base.simulation_id), words, taken)
        simulation = base.copy(simulation_id=simulation_id)
        for path, value in zip(paths, row, strict=True):
            path.set(simulation, copy.deepcopy(value))
        simulations.append(simulation)
    return simulations


def _short_names(paths: list[ParameterPath]) -> list[str]:
    """Return the shortest endings of the paths that tell them apart."""
    full = [(path.group, *path.names) for path in paths]

    def ending(parts: tuple[str, ...]) -> str:
        for length in range(1, len(parts)):
            if sum(other[-length:] == parts[-length:] for other in full) == 1:
                return ".".join(parts[-length:])
        return ".".join(parts)

    return [ending(parts) for parts in full]


# Combinations --------------------------------------------------------------------------------------------------


def _combinations(parameters: Mapping[str, Any], mode: str, n: int | None, seed: int | None) -> list[tuple[Any, ...]]:
    if mode not in MODES:
        raise ParameterError(f"mode must be one of {', '.join(MODES)}, not {mode!r}.{suggest(str(mode), MODES)}")
    if mode == "random":
        return _random(parameters, n, seed)
    if n is not None or seed is not None:
        raise ParameterError(f"n and seed belong to mode='random', not to mode={mode!r}.")
    listed = _values if mode == "zip" else _distinct
    columns = {key: listed(key, values) for key, values in parameters.items()}
    lengths = {key: len(values) for key, values in columns.items()}
    if mode == "zip":
        if len(set(lengths.values())) > 1:
            told = ", ".join(f"{key} has {length}" for key, length in lengths.items())
            raise ParameterError(f"mode='zip' needs lists of one length: {told}.")
        _check_number(next(iter(lengths.values())))
        return _distinct("The list of combinations", zip(*columns.values(), strict=True))
    _check_number(math.prod(lengths.values()))
    return list(itertools.product(*columns.values()))


def _check_number(number: int) -> None:
    if number > MAX_SIMULATIONS:
        raise ParameterError(f"This sweep would make {number} simulations; at most {MAX_SIMULATIONS} are allowed.")


def _values(key: str, values: Any) -> list[Any]:
    """Return the values of a key as a list."""
    if is_distribution(values):
        raise ParameterError(f"{key} is a distribution: sweep(..., mode='random', n=...) draws from it.")
    if isinstance(values, (str, bytes, Mapping, set, frozenset)) or not isinstance(values, Iterable):
        raise ParameterTypeError(f"{key} needs a list of values, like [{values!r}], not {values!r}.")
    listed = [plain_value(value) for value in values]
    if not listed:
        raise ParameterError(f"{key} has no values: its list is empty.")
    return listed


def _distinct(key: str, values: Any) -> list[Any]:
    """Return the values of a key as a list; the same one twice is refused."""
    listed = _values(key, values)
    seen: set[Hashable] = set()
    for value in listed:
        if identity(value) in seen:
            raise ParameterError(f"{key} has the value {value!r} twice; for more runs of it, use runs_per_sim.")
        seen.add(identity(value))
    return listed


def is_distribution(values: Any) -> bool:
    """Return whether this can be drawn from: a frozen distribution of ``scipy.stats``, or anything with ``rvs``."""
    return callable(getattr(values, "rvs", None))


def _random(parameters: Mapping[str, Any], n: Any, seed: Any) -> list[tuple[Any, ...]]:
    if n is None:
        raise ParameterError("mode='random' needs n, the number of simulations.")
    number = check_integer("n", n, minimum=1, maximum=MAX_SIMULATIONS)
    seed = draw_seed() if seed is None else check_integer("seed", seed, minimum=0)
    columns = {key: v if is_distribution(v) else _distinct(key, v) for key, v in parameters.items()}
    streams = [_draws(key, values, seed) for key, values in columns.items()]
    possible = math.prod(math.inf if is_distribution(values) else len(values) for values in columns.values())
    rows: dict[Hashable, tuple[Any, ...]] = {}
    for _ in range(_DRAWS * number + 1000 if number <= possible else 0):
        row = tuple(next(stream) for stream in streams)
        rows.setdefault(identity(row), row)
        if len(rows) == number:
            return list(rows.values())
    raise ParameterError(f"n is {number}, but there are only {len(rows) or possible} distinct combinations.")


def _draws(key: str, values: Any, seed: int) -> Iterator[Any]:
    """Draw values of a key for ever, from a random generator of its own."""
    import numpy as np

    generator = np.random.default_rng([seed, *str(ParameterPath.parse(key)).encode()])
    while True:
        if is_distribution(values):
            yield plain_value(values.rvs(random_state=generator))
        else:
            yield values[int(generator.integers(len(values)))]
