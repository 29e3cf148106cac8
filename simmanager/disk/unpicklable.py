"""What in an object cannot be pickled, by its path of attributes and items; and a first look before the work begins."""

from __future__ import annotations

import functools
import pickle
import sys
from collections.abc import Callable, Hashable, Iterator, Mapping
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, cast

from ..base.text import describe

#: Parts in parts that are looked at, and parts of one object.
_DEPTH, _PARTS = 8, 1000

#: Methods by which a class says itself how it is pickled, or does something when it is asked for one it lacks.
_OWN_WAYS = ("__reduce__", "__reduce_ex__", "__getstate__", "__getnewargs__", "__getnewargs_ex__", "__getattr__")

#: What is pickled by name or by value, and has no state of its own.
_CALLED = (FunctionType, BuiltinFunctionType, MethodType, ModuleType)

#: A first look ends after so many objects or bytes: it must not cost a run anything that it could feel.
_LOOKED_AT, _LOOKED_THROUGH = 2000, 1 << 20


def why_not(value: Any, name: str) -> str:
    """Return what in a value cannot be pickled, and why: ``Agent.writer cannot be pickled (TypeError: ...)``.

    Parameters
    ----------
    value : object
        What could not be saved.
    name : str
        What to call it.

    Returns
    -------
    str
        "" if all of it can be pickled.
    """
    where = unpicklable(value, name)
    return f"{where[0]} cannot be pickled ({describe(where[1])})" if where is not None else ""


def unpicklable(
    value: Any, name: str, *, attempt: Callable[[Any], Exception | None] | None = None, depth: int = _DEPTH
) -> tuple[str, Exception] | None:
    """Return the path of the innermost part that cannot be pickled, e.g. ``agent_params['policy'].lock``, and why.

    Parameters
    ----------
    value : object
        What to look into.
    name : str
        What to call it; "" for a dict whose keys are names.
    attempt : callable, optional
        Tries to pickle a part and returns the error; by default in earnest.
    depth : int
        So many parts in parts are looked into.

    Returns
    -------
    (str, Exception) or None
        None if all can.
    """
    attempt = attempt or _error_of
    error = attempt(value)
    if error is None:
        return None
    for part, path in _parts(value, name) if depth else ():
        if part is not value and (found := unpicklable(part, path, attempt=attempt, depth=depth - 1)) is not None:
            return found
    return name, error


def _error_of(value: Any) -> Exception | None:
    """Try to pickle a value; arrays are not copied for that."""
    from .by_value import Pickler

    try:
        Pickler(_Nowhere(), protocol=5, buffer_callback=lambda buffer: False).dump(value)
    except Exception as error:
        return error
    return None


def _parts(value: Any, name: str) -> Iterator[tuple[Any, str]]:
    """Return what a value consists of, with the path of each part."""
    if isinstance(value, Mapping):
        named = ((item, f"{name}[{key!r}]" if name else str(key)) for key, item in value.items())
    elif isinstance(value, (list, tuple)):
        named = ((item, f"{name}[{index}]") for index, item in enumerate(value))
    else:
        named = ((item, f"{name}.{attribute}") for attribute, item in _state_of(value).items())
    for number, part in enumerate(named):
        if number == _PARTS:
            return
        yield part


def _state_of(value: Any) -> dict[str, Any]:
    """Return the attributes that a pickle of an object would hold; {} where it does not tell."""
    if isinstance(value, type) or callable(value):
        return {}
    try:
        state = value.__getstate__()
    except Exception:
        state = getattr(value, "__dict__", None)
    states = state if isinstance(state, tuple) else (state,)
    return {name: item for one in states if isinstance(one, dict) for name, item in one.items() if type(name) is str}


class _Nowhere:
    """A file that keeps nothing."""

    def write(self, content: Any) -> int:
        return len(content)


# The first look ------------------------------------------------------------------------------------------------


class _SeenEnough(Exception):
    """As much of an object was looked at as may be."""


def first_look(value: Any, name: str) -> str:
    """Return what in a small object cannot be pickled, as `why_not` does, without executing any code of the user.

    Objects that say themselves how they are pickled are passed over, so are arrays, classes and functions; of a large
    object only the beginning is looked at.
    """
    where = unpicklable(value, name, attempt=_look)
    return f"{where[0]} cannot be pickled ({describe(where[1])})" if where is not None else ""


def _look(value: Any) -> Exception | None:
    try:
        _looker()(_Room()).dump(value)
    except _SeenEnough:
        pass
    except Exception as error:
        return error
    return None


@functools.cache
def _looker() -> Any:
    import cloudpickle

    reducers = dict(cloudpickle.Pickler.dispatch_table)  # a ChainMap is slow

    class Looker(pickle.Pickler):
        def __init__(self, file: Any) -> None:
            super().__init__(file, protocol=5)
            self.dispatch_table, self.n_seen = reducers, 0

        def persistent_id(self, thing: Any) -> int | None:
            """Return a number for what is passed over, None for what is looked at."""
            self.n_seen += 1
            if self.n_seen > _LOOKED_AT or (type(thing) in (str, bytes, bytearray) and len(thing) > _LOOKED_THROUGH):
                raise _SeenEnough
            return 0 if _is_passed_over(cast("Hashable", type(thing))) else None

    return Looker


@functools.lru_cache(maxsize=256)
def _is_passed_over(kind: Any) -> bool:
    """Return whether a first look takes instances of a class for granted."""
    if issubclass(kind, (type, *_CALLED)) or kind.__module__.partition(".")[0] == "numpy":
        return True
    if kind.__module__.partition(".")[0] in sys.stdlib_module_names:
        return False
    return any(isinstance(getattr(kind, name, None), FunctionType) for name in _OWN_WAYS)


class _Room:
    """A file that is full soon."""

    def __init__(self) -> None:
        self._left = _LOOKED_THROUGH

    def write(self, content: Any) -> int:
        self._left -= len(content)
        if self._left < 0:
            raise _SeenEnough
        return len(content)
