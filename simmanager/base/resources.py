"""Resources: what a run of a simulation needs of a machine, as the simulation declares it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .checks import check_integer, check_number
from .errors import ParameterError, ParameterTypeError, SimManagerError, SimulationError, unknown
from .quantity import MEGABYTES, SECONDS


def needs_of(declared: Any) -> dict[str, float]:
    """Return resources as numbers.

    Parameters
    ----------
    declared : mapping or None
        ``cpus``: a whole number; ``gpus``: a whole number, or a share below 1; ``memory_mb``: MB, or a text with a
        unit.

    Raises
    ------
    ParameterError, ParameterTypeError
        Names what is wrong.
    """
    if declared is None:
        return {}
    if not isinstance(declared, Mapping):
        raise ParameterTypeError(f'resources must be a dict, e.g. {{"cpus": 4, "gpus": 1}}, not {declared!r}.')
    checks = {"cpus": _check_cpus, "gpus": _check_gpus, "memory_mb": MEGABYTES.check}
    for name in declared:
        if name not in checks:
            raise ParameterError(unknown("There is no resource", name, checks))
    needs = {name: float(checks[name](f"resources[{name!r}]", value)) for name, value in declared.items()}
    return {name: int(number) if number.is_integer() else number for name, number in needs.items()}


def _check_cpus(name: str, value: Any) -> float:
    return check_integer(name, value, minimum=1)


def _check_gpus(name: str, value: Any) -> float:
    number = check_number(name, value, minimum=0)
    if number > 1 and number != int(number):
        raise ParameterError(f"{name} must be a whole number of GPUs, or a share of one below 1, not {value!r}.")
    return number


def time_limit(timeout: Any) -> float | None:
    """Return the seconds that a run may take; None: no limit."""
    return None if timeout is None else SECONDS.check("timeout", timeout)


#: Fields of a simulation that say how its runs are executed, and nothing of their results, and what checks each.
EXECUTION_FIELDS: dict[str, Callable[[Any], Any]] = {"resources": needs_of, "timeout": time_limit}


def check_execution(fields: Mapping[str, Any], owner: str) -> None:
    """Raise `SimulationError` if one of these fields of a simulation is wrong; ``owner`` is the simulation."""
    for name, check in EXECUTION_FIELDS.items():
        try:
            check(fields[name])
        except SimManagerError as error:
            raise SimulationError(f"{name} of {owner} cannot be so: {error}") from None
