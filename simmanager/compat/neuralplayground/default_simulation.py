"""NeuralPlayground's default simulations, by their names, as simulations of simmanager; its package must be installed.

Agents, arenas, training loops and parameters are its own. They are copies: changing one changes nothing of its.
"""

from __future__ import annotations

from typing import Any

from ...base.errors import suggest
from ...batch.neuralplayground_folder import load
from ...simulation.description import FIELDS
from .simulation_manager import SingleSim

_MODULE = "backend.default_simulation"


def __getattr__(name: str) -> Any:
    """Return one of its simulations, or whatever else its module has by that name."""
    if name.startswith("_"):  # asked for by tools that look at modules; its import takes seconds
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    theirs = load(_MODULE)
    if not hasattr(theirs, name):
        raise AttributeError(f"NeuralPlayground has no default simulation {name!r}.{suggest(name, names())}")
    thing = getattr(theirs, name)
    if _is_simulation(thing):
        globals()[name] = thing = SingleSim.from_object(thing).copy()
    return thing


def __dir__() -> list[str]:
    return [*globals(), *names()]


def names() -> list[str]:
    """Return the names of all of its default simulations; raises `PackageMissing` if it is not installed."""
    return [name for name, thing in vars(load(_MODULE)).items() if _is_simulation(thing)]


def _is_simulation(thing: Any) -> bool:
    return not isinstance(thing, type) and all(hasattr(thing, name) for name in FIELDS)
