"""A pickler that takes along what a worker cannot import: the code of scripts, notebooks and batch files.

Imported late: cloudpickle takes a while.
"""

from __future__ import annotations

import functools
import importlib.machinery
import sys
import types
import typing
from collections.abc import Callable
from typing import Any, Protocol

from cloudpickle import cloudpickle

from .travelling import label_of

#: Makers of things that pickle knows by their names only.
_NAMED = tuple(
    getattr(typing, name) for name in ("NewType", "ParamSpec", "TypeVarTuple", "TypeAliasType") if hasattr(typing, name)
)

#: What makes a class that travels.
_MAKERS = (cloudpickle._make_skeleton_class, cloudpickle._make_skeleton_enum)

#: Forms of ``__slots__`` that can be read twice.
_SLOTS = (str, tuple, list, dict)


class Writable(Protocol):
    """Where a pickle goes."""

    def write(self, content: Any, /) -> Any:
        """Take what a pickler writes."""


class Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    """cloudpickle's pickler, with what it cannot pickle or would pickle by a name that nobody can import.

    A class is written without the random number by which cloudpickle finds it again: whoever loads it, be it with plain
    ``pickle.load``, makes a new one and leaves those that are there alone; and the same class gives the same bytes.

    Parameters
    ----------
    file : object
        With ``write``.
    recipe : bool
        What is pickled is loaded for itself: the labels of its classes depend on nothing that was loaded before.
    buffer_callback : callable, optional
        As for ``pickle.Pickler``.
    """

    def __init__(self, file: Writable, protocol: int = 5, *, recipe: bool = False, buffer_callback: Any = None) -> None:
        super().__init__(file, protocol=protocol, buffer_callback=buffer_callback)
        self._recipe = recipe
        #: The classes that were taken along, by their labels.
        self.classes: dict[str, type] = {}

    def reducer_override(self, thing: Any) -> Any:
        """Return how a thing is taken apart, or NotImplemented: as it says itself."""
        if isinstance(thing, type):
            reduced = cloudpickle.Pickler.reducer_override(self, thing)
            if reduced is NotImplemented and is_gone(thing.__module__):
                reduced = cloudpickle._dynamic_class_reduce(thing)
            return self._with_label(thing, reduced)
        if isinstance(thing, types.FunctionType):
            return self._of_function(thing)
        if isinstance(thing, functools._lru_cache_wrapper) and travels(thing):
            state = {name: value for name, value in vars(thing).items() if name != "cache_parameters"}
            return _lru_cache, (thing.__wrapped__, *thing.cache_parameters().values()), state
        if type(thing) is functools.cached_property:  # before Python 3.12 it holds a lock
            state = {name: value for name, value in vars(thing).items() if name not in ("func", "lock")}
            return functools.cached_property, (thing.func,), state
        if isinstance(thing, (typing.TypeVar, *_NAMED)) and travels(thing):
            return _taken_apart(thing)
        if _may_be_a_sentinel(thing) and (place := _place_of(thing)) is not None:
            return getattr, place
        return cloudpickle.Pickler.reducer_override(self, thing)

    def _of_function(self, function: Any) -> Any:
        if _dispatches(function) and travels(function):
            return _singledispatch, (function.__wrapped__, list(function.registry.items()))
        reduced = cloudpickle.Pickler.reducer_override(self, function)
        if reduced is NotImplemented and is_gone(function.__module__):
            return self._dynamic_function_reduce(function)
        return reduced

    def _with_label(self, kind: type, reduced: Any) -> Any:
        if reduced is NotImplemented or reduced[0] not in _MAKERS:
            return reduced
        reduced[2][0].pop("__slotnames__", None)  # a note that pickle makes when it first meets an object
        label = label_of(kind, self.classes, unique=not self._recipe)
        self.classes[label] = kind
        extra = {"label": label, "qualname": "".join(kind.__qualname__)}
        arguments = list(reduced[1][:-2])
        if reduced[0] is cloudpickle._make_skeleton_class and isinstance(slots := vars(kind).get("__slots__"), _SLOTS):
            arguments[3] = {**arguments[3], "__slots__": slots}  # or its objects would have a dict beside them
            if issubclass(kind, tuple):  # typing.NamedTuple makes the slots itself
                arguments[2] = kind.__bases__
        return (reduced[0], (*arguments, None, extra), *reduced[2:])


def has_a_name(thing: Any) -> bool:
    """Return whether pickle knows a thing by its module and name, unless it is taken along by value."""
    if isinstance(thing, (type, types.FunctionType, functools._lru_cache_wrapper, typing.TypeVar, *_NAMED)):
        return getattr(thing, "__module__", None) != "builtins"
    return False


def travels(thing: Any) -> bool:
    """Return whether a class, function or other thing with a name must be taken along by value."""
    found = cloudpickle._lookup_module_and_qualname(thing)
    return found is None or cloudpickle._is_registered_pickle_by_value(found[0]) or is_gone(found[0].__name__)


def is_gone(name: Any) -> bool:
    """Return whether a module exists in this process only, as that of ``runpy.run_path``."""
    module = sys.modules.get(name)
    if module is None or getattr(module, "__spec__", None) is not None or "." in name:
        return False
    return importlib.machinery.PathFinder.find_spec(name) is None


def _may_be_a_sentinel(thing: Any) -> bool:
    """Return whether nothing tells an object from others of its class but which one it is: ``MISSING = object()``."""
    kind: Any = type(thing)
    if any(getattr(kind, name) is not getattr(object, name) for name in ("__reduce_ex__", "__reduce__", "__eq__")):
        return False
    try:
        return not getattr(thing, "__dict__", None) and not _slots_of(kind)
    except Exception:  # something that stands for another thing, and looks for it when it is asked
        return False


def _slots_of(kind: type) -> bool:
    return any(vars(base).get("__slots__") for base in kind.__mro__)


#: Number of modules when this was filled; sentinel by its id -> module and name.
_places: tuple[int, dict[int, tuple[types.ModuleType, str]]] = (-1, {})


def _place_of(thing: Any) -> tuple[types.ModuleType, str] | None:
    """Return the module, one that a worker can import, and the name under which it has an object."""
    global _places
    if _places[0] != len(sys.modules):
        found: dict[int, tuple[types.ModuleType, str]] = {}
        for module in list(sys.modules.values()):
            if isinstance(module, types.ModuleType) and not _is_the_users(module):
                for name, value in list(vars(module).items()):
                    if _may_be_a_sentinel(value):
                        found.setdefault(id(value), (module, name))
        _places = (len(sys.modules), found)
    place = _places[1].get(id(thing))
    return place if place is not None and vars(place[0]).get(place[1]) is thing else None


def _is_the_users(module: types.ModuleType) -> bool:
    """Return whether a module is one whose code travels by value."""
    name = module.__name__
    return name in ("__main__", "__mp_main__") or cloudpickle._is_registered_pickle_by_value(module) or is_gone(name)


def _dispatches(function: Any) -> bool:
    """Return whether it is a generic function of ``functools.singledispatch``."""
    return all(hasattr(function, name) for name in ("registry", "dispatch", "register", "__wrapped__"))


def _singledispatch(function: Callable[..., Any], others: list[tuple[type, Callable[..., Any]]]) -> Any:
    dispatching = functools.singledispatch(function)
    for kind, implementation in others:
        dispatching.register(kind, implementation)
    return dispatching


def _lru_cache(function: Callable[..., Any], maxsize: int | None, typed: bool) -> Any:
    return functools.lru_cache(maxsize, typed)(function)


def _taken_apart(thing: Any) -> tuple[Any, ...]:
    if isinstance(thing, typing.TypeVar):
        return cloudpickle._make_typevar, (*cloudpickle._decompose_typevar(thing)[:-1], None)
    if isinstance(thing, typing.NewType):
        return typing.NewType, (thing.__name__, thing.__supertype__), {"__module__": thing.__module__}
    if hasattr(thing, "__value__"):
        return type(thing), (thing.__name__, thing.__value__)
    return type(thing), (thing.__name__,)
