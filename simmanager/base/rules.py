"""Rules that end a run by what it logs (`log_metrics`): as failed, when it has diverged; or as finished."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, ClassVar

from .checks import check_integer, check_number
from .errors import ParameterError, ParameterTypeError, SimulationError, unknown
from .public import public

#: Takes a value of the metric and its step; returns in words why the run is to end, or "".
Check = Callable[[float, int], str]


#: Begins the reason of a run that has diverged.
DIVERGED = "diverged: "


class EndOfRun(BaseException):
    """A rule ends the run. No `Exception`: a model that catches its own errors does not go on.

    Parameters
    ----------
    why : str
        In words.
    finishes : bool
        Whether the run ends as finished.
    """

    def __init__(self, why: str = "", *, finishes: bool = False) -> None:
        super().__init__(why)
        self.finishes = finishes


@public("simmanager")
@dataclass(frozen=True, slots=True)
class Diverged:
    """See `diverged`."""

    name: str
    bound: float | None = None

    finishes: ClassVar[bool] = False

    def begin(self) -> Check:
        """Return what looks at the values of one run; it can be pickled, with what it has seen."""
        return partial(_why_diverged, self.name, math.inf if self.bound is None else self.bound)

    def __str__(self) -> str:
        return _in_words("diverged", self)


def _why_diverged(name: str, bound: float, value: float, step: int) -> str:
    if math.isfinite(value) and abs(value) <= bound:
        return ""
    beyond = f", beyond {bound:g}" if math.isfinite(value) else ""
    return f"{DIVERGED}{name} is {value:g}{beyond} at step {step}"


@public("simmanager")
@dataclass(frozen=True, slots=True)
class NoImprovement:
    """See `no_improvement`."""

    name: str
    patience: int
    mode: str = "min"
    min_delta: float = 0.0

    finishes: ClassVar[bool] = True

    def begin(self) -> Check:
        """Return what looks at the values of one run; it can be pickled, with what it has seen."""
        return _Improvement(self)

    def __str__(self) -> str:
        return _in_words("no_improvement", self)


@dataclass(slots=True)
class _Improvement:
    """The best value so far of one run, lowest first, and the step that it is of."""

    rule: NoImprovement
    best: float = math.inf
    since: int = -1

    def __call__(self, value: float, step: int) -> str:
        rule = self.rule
        score = value if rule.mode == "min" else -value
        if score < self.best - rule.min_delta or self.since < 0:
            self.best, self.since = (math.inf if math.isnan(score) else score), step
            return ""
        if step - self.since < rule.patience:
            return ""
        return f"stopped early: {rule.name} has not improved since step {self.since}, at step {step}"


Rule = Diverged | NoImprovement


def _in_words(function: str, rule: Rule) -> str:
    """Return the call that makes a rule, without what it has by default."""
    given = [(each.name, getattr(rule, each.name)) for each in fields(rule) if getattr(rule, each.name) != each.default]
    (_, name), *others = given
    return f"{function}({', '.join([repr(name), *(f'{key}={value!r}' for key, value in others)])})"


@public("simmanager")
def diverged(name: str, bound: float | None = None) -> Diverged:
    """Return a rule for ``fail_when``: the run has failed when a metric is NaN, infinite, or beyond a bound.

    Parameters
    ----------
    name : str
        Of the metric, as `log_metrics` is given it.
    bound : float, optional
        Largest absolute value, at least 0; any finite one by default.
    """
    return Diverged(_checked_name(name), None if bound is None else check_number("bound", bound, minimum=0))


@public("simmanager")
def no_improvement(name: str, patience: int, mode: str = "min", min_delta: float = 0.0) -> NoImprovement:
    """Return a rule for ``stop_when``: the run has finished when a metric has not improved for so many steps.

    Parameters
    ----------
    name : str
        Of the metric, as `log_metrics` is given it.
    patience : int
        Steps (of `log_metrics`) since its best value.
    mode : {"min", "max"}, default "min"
        Whether lower or higher values are better. NaN is never better.
    min_delta : float, default 0
        A value must be better by more than this.
    """
    if mode not in ("min", "max"):
        raise ParameterError(f"mode must be 'min' or 'max', not {mode!r}.")
    steps = check_integer("patience", patience, minimum=1)
    return NoImprovement(_checked_name(name), steps, mode, check_number("min_delta", min_delta, minimum=0))


def _checked_name(name: Any) -> str:
    if not isinstance(name, str) or not name:
        raise ParameterTypeError(f"The name of the metric must be a text, not {name!r}.")
    return name


#: What makes a rule, by its name.
RULES: Mapping[str, Callable[..., Rule]] = {"diverged": diverged, "no_improvement": no_improvement}

#: What each of the fields of a simulation takes.
_KINDS = {"fail_when": (Diverged, "diverged('loss')"), "stop_when": (NoImprovement, "no_improvement('loss', 500)")}

#: The fields of a simulation that hold rules.
RULE_FIELDS = tuple(_KINDS)


def check_rules(field: str, rules: Any, owner: str) -> None:
    """Raise `SimulationError` if the rules of a field of a simulation are none of that kind."""
    kind, example = _KINDS[field]
    if rules is None or (isinstance(rules, (list, tuple)) and all(isinstance(rule, kind) for rule in rules)):
        return
    raise SimulationError(f"{field} of {owner} must be a list of rules like {example}, not {rules!r:.200}.")


def rules_from(entries: Iterable[Mapping[str, Any]]) -> list[Rule]:
    """Return rules as a batch file describes them: ``{diverged = "loss", bound = 10.0}``; or a `ParameterError`."""
    rules = []
    for entry in entries:
        names = [name for name in entry if name in RULES]
        if len(names) != 1:
            raise ParameterError(unknown("No rule", next(iter(entry), ""), RULES))
        rest = {key: value for key, value in entry.items() if key != names[0]}
        try:
            rules.append(RULES[names[0]](entry[names[0]], **rest))
        except TypeError as error:
            raise ParameterError(f"{names[0]}: {error}.") from None
    return rules
