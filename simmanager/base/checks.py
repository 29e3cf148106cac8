"""Checks of what a user passes: each names the parameter, the value and what is allowed."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from typing import Any

from .errors import ParameterError, ParameterTypeError, unknown


def refuse_unknown(owner: str, given: Mapping[str, Any], known: Iterable[str]) -> None:
    """Raise if parameters are left over that ``owner`` does not have; the message names the first of them."""
    for name in given:
        raise ParameterTypeError(unknown(f"{owner} has no parameter", name, known, "It takes"))


def parameter_names(function: Any) -> list[str]:
    """Return the named parameters of a callable, without ``self`` and without ``*args`` / ``**kwargs``."""
    variable = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    parameters = inspect.signature(function).parameters.values()
    return [p.name for p in parameters if p.name != "self" and p.kind not in variable]


def check_number(
    name: str,
    value: Any,
    *,
    minimum: float = -math.inf,
    maximum: float = math.inf,
    above: float = -math.inf,
    below: float = math.inf,
) -> float:
    """Return ``value`` if it is a finite real number in the range, else raise `ParameterError`.

    ``minimum`` and ``maximum`` are allowed, ``above`` and ``below`` are not. A ``bool`` is no number here: that, like
    anything else that is no number, is a `ParameterTypeError`.
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ParameterTypeError(f"{name} must be a number, not {value!r} ({type(value).__name__}).")
    number: Any = value  # as it is: a float would round whole numbers above 2**53
    if number != number or abs(number) == math.inf:
        raise ParameterError(f"{name} must be a finite number, not {value!r}.")
    # The unbounded ends (infinities) can never be violated by a finite value.
    if number < minimum or number > maximum or number <= above or number >= below:
        raise ParameterError(f"{name} must be {limits(minimum, maximum, above, below)}, not {value!r}.")
    return value  # type: ignore[return-value]


def limits(
    minimum: float = -math.inf, maximum: float = math.inf, above: float = -math.inf, below: float = math.inf
) -> str:
    """Return the limits of `check_number` in words, ``"at least 0 and less than 1"``; empty if there are none."""
    named = zip(("at least", "at most", "greater than", "less than"), (minimum, maximum, above, below), strict=True)
    return " and ".join(f"{words} {limit:g}" for words, limit in named if math.isfinite(limit))


def check_integer(name: str, value: Any, *, minimum: float = -math.inf, maximum: float = math.inf) -> int:
    """Return ``value`` as an int if it is a whole number in the range, else raise as `check_number` does."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise ParameterTypeError(f"{name} must be a whole number, not {value!r} ({type(value).__name__}).")
    check_number(name, value, minimum=minimum, maximum=maximum)
    return int(value)


def check_flag(name: str, value: Any) -> bool:
    """Return ``value`` if it is a bool (NumPy's too), else raise `ParameterTypeError`."""
    if type(value).__name__ not in ("bool", "bool_"):
        raise ParameterTypeError(f"{name} must be True or False, not {value!r} ({type(value).__name__}).")
    return bool(value)
