"""The runs of a sweep, by the values of its parameters."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..base.errors import ParameterError, UnknownName, suggest

if TYPE_CHECKING:
    from ..analysis.arrays import FloatArray
    from ..results.results import Results


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """The runs of all simulations that have the same values of some parameters."""

    place: tuple[Any, ...]  # those values
    simulation_ids: tuple[str, ...]
    values: FloatArray  # (n_runs,): the metric of the runs, NaN left out
    n_total: int  # runs, in whatever state

    @property
    def text(self) -> str:
        """How many of the runs these are: ``4 of 5 runs``."""
        return f"{len(self.values)} of {self.n_total} runs"


def groups_of(batch: Results, metric: str, parameters: Sequence[str]) -> list[Group]:
    """Return the runs grouped by the values of parameters; simulations that lack one of them are left out."""
    import numpy as np

    _check(batch, parameters)
    alike: dict[Hashable, tuple[tuple[Any, ...], list[str]]] = {}
    for simulation_id in batch.simulation_ids:
        own = batch.parameters(simulation_id)
        if all(name in own for name in parameters):
            place = tuple(own[name] for name in parameters)
            alike.setdefault(value_key(place), (place, []))[1].append(simulation_id)
    found = batch.metric(metric)
    groups = []
    for place, simulations in alike.values():
        values = np.concatenate([found[simulation].values for simulation in simulations])
        n_total = sum(found[simulation].n_total for simulation in simulations)
        groups.append(Group(place, tuple(simulations), values[~np.isnan(values)], n_total))
    return groups


def value_key(value: Any) -> Hashable:
    """Return what equal values of a parameter have in common, and no others have: 1 and 1.0 are equal, True is not."""
    if isinstance(value, (list, tuple)):
        return "list", *map(value_key, value)
    if isinstance(value, dict):
        return "dict", *sorted(((str(key), value_key(item)) for key, item in value.items()), key=repr)
    return "bool" if isinstance(value, bool) else "", value if isinstance(value, Hashable) else repr(value)


def other_differences(batch: Results, groups: Iterable[Group], parameters: Sequence[str]) -> list[str]:
    """Return the other parameters in which simulations of one group differ."""
    varying = {name: own for name, own in batch.varying_parameters().items() if name not in parameters}
    return [
        name
        for name, own in varying.items()
        if any(len({value_key(own.get(sim, "missing")) for sim in group.simulation_ids}) > 1 for group in groups)
    ]


def without(batch: Results, parameters: Sequence[str]) -> list[str]:
    """Return the simulations that lack one of some parameters."""
    return [sim for sim in batch.simulation_ids if not set(parameters) <= set(batch.parameters(sim))]


def _check(batch: Results, parameters: Sequence[str]) -> None:
    if len(set(parameters)) < len(parameters):
        raise ParameterError(f"The two parameters are the same: {parameters[0]!r}.")
    known = {name for simulation in batch.simulation_ids for name in batch.parameters(simulation)}
    for name in parameters:
        if name not in known:
            varying = list(batch.varying_parameters())
            there = f"Those that differ: {', '.join(varying)}." if varying else "The simulations do not differ in any."
            raise UnknownName(f"No parameter {name!r}.{suggest(str(name), known)} {there}")
