"""Whether a class that came out of a pickle is the same as one of this process, in code and in what it reads."""

from __future__ import annotations

import collections
import dataclasses
import functools
import types
import typing
from collections.abc import Mapping
from enum import Enum
from typing import Any

#: Parts of a code object that make it do what it does; names of files and lines are not among them.
_CODE = (
    "co_code",
    "co_names",
    "co_varnames",
    "co_freevars",
    "co_cellvars",
    "co_argcount",
    "co_posonlyargcount",
    "co_kwonlyargcount",
    "co_flags",
    "co_exceptiontable",
)

#: What differs between two classes of the same code.
_NO_CONTENT = ("__firstlineno__", "__static_attributes__", "__slotnames__", "__dict__", "__weakref__")

#: Wrappers, and what they hold.
_WRAPPERS: dict[type, tuple[str, ...]] = {
    property: ("fget", "fset", "fdel", "__doc__"),
    classmethod: ("__func__",),
    staticmethod: ("__func__",),
    types.MethodType: ("__func__", "__self__"),
    functools.partial: ("func", "args", "keywords"),
    functools.cached_property: ("func", "attrname"),
    functools.singledispatchmethod: ("func", "dispatcher"),
    functools._lru_cache_wrapper: ("__wrapped__",),
    dataclasses.Field: tuple(name for name in dataclasses.Field.__slots__ if name != "__weakref__"),
    dataclasses._DataclassParams: ("init", "repr", "eq", "order", "unsafe_hash", "frozen"),  # type: ignore[attr-defined]
    dataclasses.InitVar: ("type",),
    typing.TypeVar: ("__name__", "__bound__", "__constraints__", "__covariant__", "__contravariant__"),
}

#: What gives the field of a named tuple.
_TupleGetter = type(collections.namedtuple("_Named", "x").x)  # type: ignore[attr-defined]


def same_class_content(content: Mapping[str, Any], live: type) -> bool:
    """Return whether attributes of a class, as cloudpickle takes them along, are those of a live class."""
    return _Comparison().of_class(content, live)


def same(one: Any, other: Any) -> bool:
    """Return whether two things, one of them out of a pickle, are the same code or equal values of one type."""
    return _Comparison().of(one, other)


class _Comparison:
    """One comparison; remembers what it is comparing, since code refers to itself."""

    def __init__(self) -> None:
        self._begun: dict[tuple[int, int], tuple[Any, Any]] = {}

    def of_class(self, content: Mapping[str, Any], live: type) -> bool:
        try:
            return self.of_mappings(_named(content), _named(_content_of(live)))
        except Exception:
            return False

    def of(self, one: Any, other: Any) -> bool:
        if one is other:
            return True
        if type(one) is not type(other):
            return False
        if (id(one), id(other)) in self._begun:
            return True
        self._begun[id(one), id(other)] = (one, other)
        if isinstance(one, types.FunctionType):
            return self._of_functions(one, other)
        if isinstance(one, types.CodeType):
            return all(getattr(one, name) == getattr(other, name) for name in _CODE) and self.of(
                one.co_consts, other.co_consts
            )
        if isinstance(one, types.CellType):
            return self.of(_content(one), _content(other))
        if isinstance(one, type):
            return self._of_classes(one, other)
        if isinstance(one, _TupleGetter):
            return self.of(one.__reduce__(), other.__reduce__())
        if type(one) in _WRAPPERS:
            return all(self.of(getattr(one, n, None), getattr(other, n, None)) for n in _WRAPPERS[type(one)])
        return self._of_values(one, other)

    def of_mappings(self, one: Mapping[Any, Any], other: Mapping[Any, Any]) -> bool:
        return one.keys() == other.keys() and all(self.of(value, other[key]) for key, value in one.items())

    def _of_functions(self, one: types.FunctionType, other: types.FunctionType) -> bool:
        from cloudpickle.cloudpickle import _extract_code_globals

        names = _extract_code_globals(one.__code__)
        ours, theirs = ({n: f.__globals__[n] for n in names if n in f.__globals__} for f in (one, other))
        return all(
            self.of(getattr(one, name), getattr(other, name))
            for name in ("__code__", "__defaults__", "__kwdefaults__", "__annotations__", "__dict__", "__closure__")
        ) and self.of_mappings(ours, theirs)

    def _of_classes(self, one: type, other: type) -> bool:
        names = ("__name__", "__module__", "__bases__")
        same_names = all(self.of(getattr(one, name), getattr(other, name)) for name in names)
        return same_names and self.of_class(_content_of(one), other)

    def _of_values(self, one: Any, other: Any) -> bool:
        if isinstance(one, dict):
            return list(one) == list(other) and self.of_mappings(one, other)
        if isinstance(one, (list, tuple)):
            return len(one) == len(other) and all(map(self.of, one, other))
        if hasattr(one, "__origin__") and hasattr(one, "__args__"):  # list[int], Generic[T]
            return self.of(one.__origin__, other.__origin__) and self.of(one.__args__, other.__args__)
        try:
            if hasattr(one, "tobytes") and hasattr(one, "dtype"):
                plain = not getattr(one.dtype, "hasobject", True) and one.dtype == other.dtype
                return plain and one.shape == other.shape and one.tobytes() == other.tobytes()
            # Without an equality of its own, it matters which one it is: that in the pickle is another one.
            kind: Any = type(one)
            has_equality = kind.__eq__ is not object.__eq__
            return has_equality and bool(one == other or (one != one and other != other))
        except Exception:
            return False


def _content_of(kind: type) -> Mapping[str, Any]:
    """Return the attributes of a class that cloudpickle takes along."""
    from cloudpickle import cloudpickle

    extract = cloudpickle._enum_getstate if issubclass(kind, Enum) else cloudpickle._class_getstate
    content: Mapping[str, Any] = extract(kind)[0]
    return content


def _named(content: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in content.items() if name not in _NO_CONTENT}


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return None
