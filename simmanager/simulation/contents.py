"""What the description of a simulation does not tell: the content of its parameters, the code that travels with it."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from ..base.content_hash import content_hash, is_plain, travels_with_recipe, users_part
from .description import PARAMS
from .one_shot import FunctionCall

#: The parts of a simulation that are code, besides its metrics.
_CODE = ("agent_class", "env_class", "training_loop")

#: Hashes of parts of a simulation, by their names.
Contents = dict[str, str]


def contents_of(simulations: Iterable[Any]) -> dict[str, Contents]:
    """Return simulation_id -> a hash of each of its parts that manager.json does not tell completely.

    These are parameters that are no plain numbers and texts (``agent_params.policy``), and the classes, loops and
    metrics that travel with the recipe (``agent_class``, ``metrics.score``). What cannot be hashed is left out.
    """
    simulations, known = list(simulations), dict[tuple[bool, int], str]()

    def hash_of(part: Any) -> str:  # many simulations share their code, and large parameters
        is_call = type(part) is FunctionCall  # each `OneShot` has its own
        key = is_call, id(part.function if is_call else part)
        if key not in known:
            known[key] = content_hash(part)
        return known[key]

    found = {}
    for sim in simulations:
        parts = {**_parameters(sim), **travelling_code(sim)}
        hashes = {name: hash_of(part) for name, part in parts.items()}
        found[str(sim.simulation_id)] = {name: content for name, content in hashes.items() if content}
    return found


def _parameters(sim: Any) -> dict[str, Any]:
    return {
        f"{group}.{name}": value
        for group in PARAMS
        for name, value in (getattr(sim, group) or {}).items()
        if not is_plain(value)
    }


def travelling_code(sim: Any) -> dict[str, Any]:
    """Return the classes, loops and metrics of a simulation that workers do not import, by their names."""
    parts = {name: getattr(sim, name) for name in _CODE}
    parts |= {f"metrics.{name}": metric for name, metric in (sim.metrics or {}).items()}
    return {
        name: part
        for name, part in parts.items()
        if travels_with_recipe(part) and travels_with_recipe(users_part(part))
    }


def sources_of(simulations: Iterable[Any], contents: Mapping[str, Contents]) -> dict[str, str]:
    """Return the source of the code that travels with the recipes, by its hash in their contents, if there is any."""
    found: dict[str, str] = {}
    for sim in simulations:
        known = contents[str(sim.simulation_id)]
        for name, part in travelling_code(sim).items():
            if name in known and known[name] not in found:
                with suppress(OSError, TypeError, SyntaxError):  # made by exec, or its file is gone
                    found[known[name]] = inspect.getsource(users_part(part))
    return found
