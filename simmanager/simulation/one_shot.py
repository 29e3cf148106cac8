"""OneShot: a simulation that is just a function."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from ..base.checks import parameter_names
from ..base.current_run import current_run
from ..base.errors import SimulationError
from ..base.metrics import as_number, check_metrics
from ..base.public import public
from ..base.text import name_of
from ..disk.history import HistoryRefused, as_history, columns_of, is_table
from ..disk.run_record import draw_seed
from .single_sim import SingleSim

if TYPE_CHECKING:
    import numpy.typing as npt

#: The parameter of a function that gets the seed of the run.
SEED = "seed"


@public("simmanager")
class OneShot(SingleSim):
    """A simulation that is one call of a function: no agent, no arena, no loop.

    It has the same folders, states, seeds and tools as any other. What the function returns, a dict of name -> value,
    is the history: an array or list is a curve, a single value a curve of one point. Single numbers are metrics of the
    run, too. `load_results` gives ``result, None, history``, where ``result`` is the dict as the function returned it.
    A DataFrame, a Dataset of xarray and a list of dicts are histories, too; None is an empty one.

    Parameters
    ----------
    function : callable, optional
        ``function(**params)`` returns a dict. If it has a parameter ``seed`` that ``params`` does not set, it gets the
        seed of the run, an int. ``random`` and ``numpy.random`` are seeded with it in any case.
    params : dict, optional
        Parameters of the function. It is the field ``training_loop_params``: sweeps and ``--set`` name a parameter
        ``training_loop_params.NAME``.
    simulation_id : str, optional
        Name of the simulation; it becomes the name of a folder. By default the name of the function.
    metrics : dict, optional
        Further metrics: name -> ``function(result, None, history)`` that returns a number.
    cwd, fail_when, stop_when, resources, timeout : optional
        As of `SingleSim`.

    Raises
    ------
    SimulationError
        ``function`` cannot be called.
    """

    _words: ClassVar[dict[str, str]] = {"training_loop_params": "params"}

    def __init__(
        self,
        function: Callable[..., Mapping[str, Any]] | None = None,
        params: dict[str, Any] | None = None,
        simulation_id: str | None = None,
        metrics: dict[str, Any] | None = None,
        cwd: str | None = None,
        fail_when: list[Any] | None = None,
        stop_when: list[Any] | None = None,
        resources: dict[str, Any] | None = None,
        timeout: float | str | None = None,
    ) -> None:
        more = (metrics, cwd, fail_when, stop_when, resources, timeout)
        if function is None:
            super().__init__(None, None, None, None, None, params, simulation_id, *more)
            return
        call = FunctionCall(function)
        name = getattr(function, "__name__", "")
        if simulation_id is None and name.isidentifier():  # a lambda has no name
            simulation_id = name
        super().__init__(nothing, None, nothing, None, call, params, simulation_id, *more)

    @property
    def function(self) -> Any:
        """The function."""
        return getattr(self.training_loop, "function", None)

    @property
    def params(self) -> dict[str, Any] | None:
        """Parameters of the function; another word for ``training_loop_params``."""
        return self.training_loop_params

    @params.setter
    def params(self, params: dict[str, Any] | None) -> None:
        self.training_loop_params = params

    def copy(self, **changes: Any) -> OneShot:
        """Return a copy that shares no parameters with this one.

        Parameters
        ----------
        **changes
            ``function``, ``params``, or any field to set in the copy.

        Raises
        ------
        ParameterTypeError
            There is no such field.
        SimulationError
            ``function`` cannot be called.
        """
        if "params" in changes:
            changes["training_loop_params"] = changes.pop("params")
        if "function" in changes:
            changes["training_loop"] = FunctionCall(changes.pop("function"))
        copied = type(self).__new__(type(self))
        vars(copied).update(SingleSim(**self.fields).copy(**changes).fields)
        return copied

    def check(self, *, with_id: bool = True) -> None:
        """Raise if this simulation cannot be run.

        Raises
        ------
        SimulationError
            Names every field that is missing or of the wrong type, or the parameter that the function does not have,
            or needs.
        """
        if self.training_loop is None:
            raise SimulationError(f"The OneShot {self.simulation_id!r} has no function: OneShot(function, params).")
        super().check(with_id=with_id)

    def __str__(self) -> str:
        return f"Simulation: {self.simulation_id}\nFunction: {name_of(self.function)}\nParams: {self.params}\n" + (
            f"Metrics: {', '.join(map(str, self.metrics))}\n" if self.metrics else ""
        )

    def __repr__(self) -> str:
        return f"<OneShot {self.simulation_id!r}: {name_of(self.function)}>"


@public("simmanager")
def nothing() -> None:
    """Return None: the agent and the arena of a function."""


@public("simmanager")
class FunctionCall:
    """A function, as a training loop that calls it.

    Parameters
    ----------
    function : callable
        Returns a dict.

    Raises
    ------
    SimulationError
        It cannot be called.
    """

    def __init__(self, function: Callable[..., Mapping[str, Any]]) -> None:
        if not callable(function):
            raise SimulationError(f"function must be one that can be called, not {function!r}.")
        self.function = function
        functools.update_wrapper(self, function, updated=())  # so that a batch shows the name of the function
        if (signature := _signature_of(function)) is not None:
            self.__signature__ = signature  # what it takes behind the agent and the arena of every training loop

    def __reduce__(self) -> tuple[type[FunctionCall], tuple[Any]]:
        return type(self), (self.function,)

    def __eq__(self, other: object) -> bool:
        return self.function == other.function if isinstance(other, FunctionCall) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.function)

    def __call__(self, agent: Any, env: Any, /, **params: Any) -> tuple[FunctionResult, None, Any]:
        """Call the function.

        Parameters
        ----------
        agent, env : object
            Not used.
        **params
            Of the function.

        Returns
        -------
        result, None, history
            What it returned, and the same as curves.

        Raises
        ------
        SimulationError
            It returned what cannot be a history.
        """
        if SEED not in params and SEED in _named(self.function):
            run = current_run()
            params[SEED] = run.seed if run else draw_seed()
        returned = self.function(**params)
        history = as_history(returned)
        if history is None:
            raise HistoryRefused(
                f"{name_of(self.function)} returned {repr(returned)[:100]} ({type(returned).__name__}); "
                "it must return a dict of name -> number, array or list.",
                returned,
            )
        result = FunctionResult(columns_of(history))
        return result, None, history if is_table(history) else {name: _curve(value) for name, value in result.items()}


@public("simmanager")
class FunctionResult(dict[str, Any]):
    """What a function returned."""

    def summary_metrics(self) -> dict[str, float]:
        """Return those values that are single real numbers, and whose names metrics may have."""
        numbers = {name: _number(value) for name, value in self.items() if _can_be_a_metric(name)}
        return {name: as_number(one) for name, one in numbers.items() if one is not None and one.dtype.kind != "c"}


def _can_be_a_metric(name: str) -> bool:
    try:
        check_metrics({name: float}, name)
    except SimulationError:
        return False
    return True


def _number(value: Any) -> npt.NDArray[Any] | None:
    """Return one number (Python's, NumPy's, an array or tensor without dimensions) as an array; None for others."""
    import numpy as np

    if not isinstance(value, (bool, int, float, complex)) and getattr(value, "ndim", None) != 0:
        return None
    array = np.asanyarray(value)  # what is masked stays masked
    return array if array.dtype.kind in "biufc" and array.ndim == 0 else None


def _curve(value: Any) -> Any:
    """Return a value with a first axis: a single one as a curve of one point."""
    number = _number(value)
    if number is not None:
        return number.reshape(1)
    several = hasattr(value, "__len__") and not isinstance(value, (str, bytes, Mapping))
    return value if several and getattr(value, "ndim", 1) != 0 else [value]


def _named(function: Any) -> list[str]:
    """Return the parameters that a function names; none where Python cannot tell."""
    try:
        return parameter_names(function)
    except (TypeError, ValueError):
        return []


def _signature_of(function: Any) -> inspect.Signature | None:
    """Return the signature of a function as that of a training loop; None where Python cannot tell."""
    try:
        own = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    models = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_ONLY) for name in ("no_agent", "no_arena")]
    by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    named = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own if p.kind in by_name]
    named = [p.replace(default=None) if p.name == SEED and p.default is p.empty else p for p in named]
    return inspect.Signature([*models, *named, *(p for p in own if p.kind is p.VAR_KEYWORD)])
