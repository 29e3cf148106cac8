"""The id of a simulation of a sweep names values: it must not say another one than the parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..base.errors import SimulationError
from .description import PARAMS
from .single_sim import SingleSim
from .value_labels import label_values, safe


def refuse_contradiction(sim: SingleSim, before: Mapping[str, Any]) -> None:
    """Raise if the id of a simulation names the value that a parameter had, and it has another now.

    Parameters
    ----------
    sim : SingleSim
        The simulation, changed.
    before : mapping
        As it is described in manager.json.

    Raises
    ------
    SimulationError
        ``SR__lr_td=0.1`` with another ``lr_td``.
    """
    words = [word.partition("=")[::2] for word in str(sim.simulation_id).split("__") if "=" in word]
    if not words:
        return
    old = dict(_leaves({group: before.get(group) or {} for group in PARAMS}))
    for path, value in _leaves({group: getattr(sim, group) or {} for group in PARAMS}):
        for name, label in words:
            if f".{path}".endswith(f".{name}") and path in old and _is(label, old[path]) and not _is(label, value):
                raise SimulationError(
                    f"The id of simulation {sim.simulation_id!r} says {name}={label}, and {path} is {value!r} now. A "
                    "value of its own is a simulation of its own: add one with another simulation_id."
                )


def _is(label: str, value: Any) -> bool:
    """Return whether a label names a value, as far as it can be told."""
    return label in {safe(text)[:40] for text in (*label_values([value]), repr(value))}


def _leaves(params: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    found = []
    for name, value in params.items():
        found.append((f"{prefix}{name}", value))
        if isinstance(value, Mapping):
            found += _leaves(value, f"{prefix}{name}.")
    return found
