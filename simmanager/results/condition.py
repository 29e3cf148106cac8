"""Condition: which runs are meant, as text: ``lr_td < 0.01 and state == 'finished'``. Nothing of it is executed."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from ..base.errors import ParameterError, UnknownName, unknown
from .run_result import RunResult

#: What is known of every run.
_FACTS = (
    "simulation_id",
    "run_id",
    "state",
    "seed",
    "attempt",
    "duration_s",
    "cpu_s",
    "peak_mb",
    "error",
    "host",
    "stopped_early",
)

#: How two values are compared.
_COMPARED: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda one, other: one in other,
    ast.NotIn: lambda one, other: one not in other,
}

#: Characters of a condition.
_LONGEST = 10_000

#: A name in backticks; or a text, in which a backtick is one.
_QUOTED = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`([^`]*)`""", re.DOTALL)

#: Takes a run; returns a value of it.
_Value = Callable[[RunResult], Any]


class Names:
    """The names that a condition may use: facts, metrics, parameters; of a parameter the end is enough, if unique."""

    def __init__(self, metrics: Iterable[str], parameters: Iterable[str]) -> None:
        self._metrics = dict.fromkeys(metrics)
        self._parameters = dict.fromkeys(parameters)
        #: The names in full.
        self.all = tuple(dict.fromkeys((*_FACTS, *self._metrics, *self._parameters)))

    def value_of(self, name: str) -> _Value:
        """Return what takes this value out of a run; None stands for one that it does not have.

        Raises
        ------
        UnknownName
            There is no such name.
        ParameterError
            Several parameters end with it.
        """
        full: dict[str, _Value] = {
            **{f"run.{fact}": operator.attrgetter(fact) for fact in _FACTS},
            **{f"metrics.{metric}": partial(_metric, metric) for metric in self._metrics},
            **{parameter: partial(_parameter, parameter) for parameter in self._parameters},
        }
        if name in full:
            return full[name]
        meant = sorted(each for each in full if each.endswith(f".{name}"))
        if len(meant) > 1:
            raise ParameterError(f"{name!r} may be {' or '.join(meant)}: give one of these in full.")
        if not meant:
            short = [each.rpartition(".")[2] for each in self._parameters]
            raise UnknownName(unknown("No run has a", name, dict.fromkeys((*self.all, *short))))
        return full[meant[0]]


def _metric(name: str, run: RunResult) -> Any:
    return run.metrics.get(name)


def _parameter(name: str, run: RunResult) -> Any:
    return run.parameters.get(name)


class Condition:
    """A condition on runs.

    It has comparisons (``== != < <= > >= in``, also ``0.1 < x <= 1``) of names with numbers, texts and lists of these,
    joined by ``and``, ``or``, ``not`` and parentheses. A name that may be several is given in full: ``run.error``,
    ``metrics.error``, ``agent_params.error``. A name that Python would not take stands in backticks. A value
    that a run does not have, and NaN, fulfil no comparison but ``!=`` and ``not in``.

    Raises
    ------
    ParameterError
        It is something else; names what.
    UnknownName
        There is no such name; names the nearest.
    """

    def __init__(self, text: str, names: Names) -> None:
        self._names = names
        self._quoted: dict[str, str] = {}
        self._text = text
        if not isinstance(text, str) or len(text) > _LONGEST:
            raise ParameterError(
                f"A condition is a text such as \"lr_td < 0.01 and state == 'finished'\", not {text!r:.100}."
            )
        try:
            tree = ast.parse(_QUOTED.sub(self._stand_in, text.strip()), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise ParameterError(f"{text!r} is no condition: {getattr(error, 'msg', error)}.") from None
        try:
            self._holds = self._condition(tree)
        except RecursionError:
            raise ParameterError("A condition must not be nested so deeply.") from None

    def holds(self, run: RunResult) -> bool:
        """Return whether a run fulfils it."""
        return bool(self._holds(run))

    def _stand_in(self, quoted: re.Match[str]) -> str:
        if quoted[1] is None:
            return quoted[0]
        name = f"quoted_name_{len(self._quoted)}"
        self._quoted[name] = quoted[1]
        return name

    def _condition(self, node: ast.expr) -> _Value:
        if isinstance(node, ast.BoolOp):
            parts = [self._condition(value) for value in node.values]
            every = all if isinstance(node.op, ast.And) else any
            return lambda run: every(part(run) for part in parts)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            part = self._condition(node.operand)
            return lambda run: not part(run)
        if not isinstance(node, ast.Compare):
            raise self._refusal(node, "a comparison, such as lr_td < 0.01")
        values = [self._value(side) for side in (node.left, *node.comparators)]
        operators = [_COMPARED.get(type(op)) for op in node.ops]
        if None in operators:
            raise self._refusal(node, "a comparison by == != < <= > >= in")
        links = list(zip(operators, values, values[1:], strict=False))
        return lambda run: all(_compare(how, one(run), other(run)) for how, one, other in links if how)

    def _value(self, node: ast.expr) -> _Value:
        if isinstance(node, (ast.Name, ast.Attribute)):
            return self._names.value_of(self._name(node))
        constant = self._constant(node)
        return lambda run: constant

    def _name(self, node: ast.expr) -> str:
        if isinstance(node, ast.Attribute):
            return f"{self._name(node.value)}.{node.attr}"
        if isinstance(node, ast.Name):
            return self._quoted.get(node.id, node.id)
        raise self._refusal(node, "a name")

    def _constant(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Constant) and isinstance(node.value, (bool, int, float, str, type(None))):
            return node.value
        if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
            return [self._constant(item) for item in node.elts]
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
            number = self._constant(node.operand)
            if isinstance(number, (int, float)):
                return -number if isinstance(node.op, ast.USub) else number
        raise self._refusal(node, "a name, a number, a text or a list of these")

    def _refusal(self, node: ast.expr, wanted: str) -> ParameterError:
        part = ast.unparse(node)[:100]
        return ParameterError(f"{self._text!r} is no condition: {part!r} is not {wanted}. Nothing was executed.")


def _compare(how: Callable[[Any, Any], bool], one: Any, other: Any) -> bool:
    """Return whether two values compare so; what cannot be compared does not, and is unequal."""
    is_negative = how in (_COMPARED[ast.NotEq], _COMPARED[ast.NotIn])
    missing = [value is None or value != value for value in (one, other)]
    if any(missing) and not (one is None and other is None):
        return is_negative
    try:
        return bool(how(one, other))
    except TypeError:
        return is_negative


def chosen_by(text: str, runs: Sequence[RunResult], names: Names) -> list[RunResult]:
    """Return the runs that fulfil a condition. Raises as `Condition`."""
    condition = Condition(text, names)
    return [run for run in runs if condition.holds(run)]


def ordered_by(name: str, runs: Iterable[RunResult], names: Names) -> list[RunResult]:
    """Return runs in the order of a value, smallest first (``-name``: largest first); those without it come last.

    Raises
    ------
    UnknownName, ParameterError
        As `Names.value_of`; or the values cannot be ordered.
    """
    value_of = names.value_of(name.removeprefix("-"))
    known: list[RunResult] = []
    missing: list[RunResult] = []
    for run in runs:
        value = value_of(run)
        (missing if value is None or value != value else known).append(run)
    try:
        return [*sorted(known, key=value_of, reverse=name.startswith("-")), *missing]
    except TypeError:
        raise ParameterError(
            f"{name.removeprefix('-')!r} cannot be ordered: its values are of several kinds."
        ) from None
