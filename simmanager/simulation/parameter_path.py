"""ParameterPath: the name of one parameter of a simulation, ``agent_params.lr_td`` or ``env_params.room.width``."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..base.checks import parameter_names
from ..base.errors import ParameterTypeError, SimulationError, UnknownName, near_name, suggest, unknown
from .single_sim import SingleSim

#: Parameter group -> the field whose class or function takes its parameters.
GROUPS = {"agent_params": "agent_class", "env_params": "env_class", "training_loop_params": "training_loop"}

_MISSING: Any = object()


@dataclass(frozen=True, slots=True)
class ParameterPath:
    """Where a parameter stands in a simulation.

    Parameters
    ----------
    group : {"agent_params", "env_params", "training_loop_params"}
        Whose parameter it is.
    names : tuple of str
        Its name; more than one for a value in nested dicts.
    """

    group: str
    names: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> ParameterPath:
        """Return the path that a text like ``agent_params.lr_td`` names.

        Raises
        ------
        SimulationError
            It has another form.
        UnknownName
            There is no such parameter group.
        """
        group, *names = str(text).strip().split(".")
        if not names or not all(names):
            raise SimulationError(f"{text!r} is not of the form agent_params.NAME.")
        if group not in GROUPS:
            raise UnknownName(unknown("No parameter group", group, GROUPS))
        return cls(group, tuple(names))

    def __str__(self) -> str:
        return ".".join((self.group, *self.names))

    def contains(self, other: ParameterPath) -> bool:
        """Return whether the other one is this one, or a value inside of it."""
        return self.group == other.group and self.names == other.names[: len(self.names)]

    def defaults(self, sim: SingleSim) -> list[Any]:
        """Return what the parameter is in a simulation now, and by default, as far as they are known."""
        values: list[Any] = []
        params: Any = getattr(sim, self.group) or {}
        for name in self.names:
            params = params.get(name, _MISSING) if isinstance(params, Mapping) else _MISSING
        if params is not _MISSING:
            values.append(params)
        if len(self.names) == 1:
            values += [
                p.default for p in _signature(sim, self.group) if p.name == self.names[0] and p.default is not p.empty
            ]
        return values

    def known_to(self, sim: SingleSim) -> bool:
        """Return whether a simulation has this parameter, or its class or loop names it."""
        return not self._problem(sim)

    def check(self, sim: SingleSim) -> None:
        """Raise if a simulation neither has this parameter nor can be given it.

        Raises
        ------
        UnknownName
            Names the nearest one and those that exist.
        """
        if problem := self._problem(sim):
            raise UnknownName(problem)

    def set(self, sim: SingleSim, value: Any) -> None:
        """Set the parameter in a simulation; its dicts are replaced, not changed.

        Raises
        ------
        ParameterTypeError
            The path goes through a value that is no dict.
        """
        setattr(sim, self.group, self._with(getattr(sim, self.group) or {}, value, 0))

    def _with(self, params: Any, value: Any, depth: int) -> Any:
        if depth == len(self.names):
            return value
        if not isinstance(params, Mapping):
            inner = ".".join((self.group, *self.names[:depth]))
            raise ParameterTypeError(f"{self} cannot be set: {inner} is no dict, it is {params!r}.")
        name = self.names[depth]
        return {**params, name: self._with(params.get(name), value, depth + 1)}

    def _problem(self, sim: SingleSim) -> str:
        """Return why a simulation cannot be given this parameter, or ""."""
        params, where = getattr(sim, self.group) or {}, self.group
        for depth, name in enumerate(self.names):
            if not isinstance(params, Mapping):
                return f"{where} of simulation {sim.simulation_id!r} is no dict, so there is no {self}."
            known = list(params) if depth else _known(sim, self.group)
            if name not in known:
                return self._unknown(sim, f"{where}.{name}", suggest(name, known), known)
            params, where = params.get(name), f"{where}.{name}"
        return ""

    def _unknown(self, sim: SingleSim, path: str, near: str, known: list[str]) -> str:
        owner = getattr(sim, GROUPS[self.group])
        elsewhere = [group for group in GROUPS if self.names[0] in _known(sim, group)]
        if not near and elsewhere and len(self.names) == 1:
            near = f" Did you mean '{elsewhere[0]}.{self.names[0]}'?"
        there = f" There are: {', '.join(known)}." if known else ""
        return f"Simulation {sim.simulation_id!r} ({getattr(owner, '__name__', owner)}) has no {path}.{near}{there}"


def _known(sim: SingleSim, group: str) -> list[str]:
    """Return the parameters that a simulation has in a group, and those that the class or loop of the group names."""
    return list(dict.fromkeys((*(getattr(sim, group) or {}), *named_parameters(sim, group))))


def named_parameters(sim: SingleSim, group: str) -> list[str]:
    """Return the parameters that the class or loop of a group names; none where Python cannot tell."""
    try:
        names = parameter_names(getattr(sim, GROUPS[group]))
    except (TypeError, ValueError):
        return []
    return names[2:] if group == "training_loop_params" else names  # agent and environment come first


def full_name(sim: SingleSim, name: str) -> str:
    """Return the parameter of a simulation that a name without its group means, or the nearest; "" if there is none."""
    known = {group: _known(sim, group) for group in GROUPS}
    near = {group: name if name in names else near_name(name, names) for group, names in known.items()}
    exact = [group for group, found in near.items() if found == name]
    return next((f"{group}.{near[group]}" for group in (*exact, *near) if near[group]), "")


def _signature(sim: SingleSim, group: str) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(getattr(sim, GROUPS[group])).parameters.values())
    except (TypeError, ValueError):
        return []


def takes_any(sim: SingleSim, group: str) -> bool:
    """Return whether the class or loop of a group may take parameters that it does not name."""
    try:
        parameters = inspect.signature(getattr(sim, GROUPS[group])).parameters.values()
    except (TypeError, ValueError):
        return True
    return any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)
