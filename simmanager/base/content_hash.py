"""A hash of what a value is made of: the same in every process, another one as soon as the content is another."""

from __future__ import annotations

import dis
import functools
import hashlib
import math
import sys
import types
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .provenance import is_pickled_by_value

#: Attributes of a class that say nothing about what it does, or that Python fills in another order each time.
_NOT_CONTENT = {
    "__abstractmethods__",
    "__annotations__",
    "__annotations_cache__",
    "__dict__",
    "__doc__",
    "__firstlineno__",
    "__module__",
    "__qualname__",
    "__slotnames__",
    "__static_attributes__",
    "__weakref__",
    "_abc_impl",
}

#: Flag of a class that a class statement made, as opposed to one that is written in C.
_MADE_BY_PYTHON = 1 << 9

_MISSING = object()

#: Characters of a hash.
_LENGTH = 16


def content_hash(value: Any) -> str:
    """Return a hash of the content of a value, or "" if that cannot be told.

    Classes and functions that workers import count by their name, those that travel with a recipe by their code and by
    what they use of their module. Objects count by what a pickle of them holds. Kinds of numbers and arrays matter
    (float32 is not float64), the order in dicts and sets does not, nor on which line of a file code stands.
    """
    try:
        return _Walk().digest(value).hex()[:_LENGTH]
    except Exception:  # of the value's own methods; or it is nested too deeply
        return ""


def is_plain(value: Any) -> bool:
    """Return whether JSON tells a value completely: texts, finite numbers, lists and dicts of a moderate size."""
    try:
        return _is_plain(value)
    except RecursionError:
        return False


def _is_plain(value: Any) -> bool:
    kind = type(value)
    if kind is dict:
        return len(value) <= 100 and all(type(key) is str and _is_plain(item) for key, item in value.items())
    if kind is list:
        return len(value) <= 100 and all(map(_is_plain, value))
    if kind is float:
        return math.isfinite(value)
    if kind is str:
        return len(value) <= 1000
    return value is None or kind is bool or (kind is int and value.bit_length() <= 1000)


def travels_with_recipe(thing: Any) -> bool:
    """Return whether a class or function is pickled by value: workers do not import it."""
    module, name = getattr(thing, "__module__", None), getattr(thing, "__qualname__", "")
    if not isinstance(module, str) or is_pickled_by_value(module):
        return True
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found is not thing


def users_part(thing: Any) -> Any:
    """Return the class or function behind a wrapper, a partial, or a method; anything else as it is."""
    for _ in range(10):
        inner = next((vars(thing)[name] for name in ("function", "__wrapped__") if name in _vars(thing)), None)
        inner = thing.func if isinstance(thing, functools.partial) else getattr(thing, "__func__", inner)
        if inner is None:
            break
        thing = inner
    return thing if isinstance(thing, (type, types.FunctionType)) else type(thing)


def _vars(thing: Any) -> dict[str, Any]:
    return getattr(thing, "__dict__", {}) if not isinstance(thing, type) else {}


def changed_parts(before: Mapping[str, str], now: Mapping[str, str], *, code: bool) -> list[str]:
    """Return the names of the parts of a simulation whose content differs between two of its states.

    Parameters
    ----------
    before, now : mapping
        Name -> hash: ``agent_params.policy``, ``agent_class``, ``metrics.score``.
    code : bool
        Those that are code, or those that are parameters. A metric that one of the two lacks is no change.
    """
    both = before.keys() & now.keys()
    names = [name for name in {**before, **now} if name.partition(".")[0].endswith("_params") is not code]
    return [name for name in names if before.get(name) != now.get(name) and (name in both or name[:8] != "metrics.")]


class _Walk:
    """Goes through a value; what it is in the middle of is not entered a second time."""

    def __init__(self) -> None:
        self._known: dict[int, bytes] = {}
        self._kept: list[Any] = []  # so that no id is used twice

    def digest(self, value: Any) -> bytes:
        """Return the hash of a value."""
        kind = type(value)
        if value is None or kind in (bool, int, float, complex, str, bytes):
            return _hashed(kind.__name__, repr(value))
        number = id(value)
        if number not in self._known:
            self._known[number] = b"itself"
            self._kept.append(value)
            self._known[number] = _hashed(*self._parts(value))
        return self._known[number]

    def _parts(self, value: Any) -> Iterator[str | bytes]:
        yield type(value).__name__
        for kinds, parts in _KINDS:
            if isinstance(value, kinds):
                yield from parts(self, value)
                return
        yield from self._collection(value)

    def _collection(self, value: Any) -> Iterator[str | bytes]:
        kind = type(value)
        if kind in (tuple, list):
            yield from map(self.digest, value)
        elif kind in (set, frozenset):
            yield from sorted(map(self.digest, value))
        elif kind in (dict, types.MappingProxyType):
            yield from self._items(value)
        elif _is_array(value):
            yield from (str(value.dtype), repr(value.shape), value.tobytes())
        else:
            yield from self._object(value)

    def _module(self, module: types.ModuleType) -> Iterator[str | bytes]:
        yield module.__name__

    def _method(self, method: Any) -> Iterator[str | bytes]:
        yield self.digest(method.__func__)
        yield self.digest(getattr(method, "__self__", None))

    def _property(self, value: property) -> Iterator[str | bytes]:
        yield from map(self.digest, (value.fget, value.fset, value.fdel))

    def _items(self, items: Mapping[Any, Any]) -> Iterator[bytes]:
        yield from sorted(self.digest(key) + self.digest(item) for key, item in items.items())

    def _cell(self, cell: types.CellType) -> Iterator[bytes]:
        try:
            yield self.digest(cell.cell_contents)
        except ValueError:  # it is empty
            return

    def _function(self, function: types.FunctionType) -> Iterator[str | bytes]:
        if not travels_with_recipe(function):
            yield f"{function.__module__}:{function.__qualname__}"
            return
        yield function.__name__
        yield self.digest(function.__code__)
        yield self.digest(function.__defaults__)
        yield self.digest(function.__kwdefaults__)
        yield self.digest(function.__closure__)
        used = global_names(function.__code__)
        yield from self._items({name: function.__globals__[name] for name in used if name in function.__globals__})

    def _code(self, code: types.CodeType) -> Iterator[str | bytes]:
        yield from (code.co_code, code.co_exceptiontable)
        yield f"{code.co_flags} {code.co_argcount} {code.co_kwonlyargcount}"
        yield from map(self.digest, (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars))
        yield self.digest(code.co_consts)

    def _class(self, cls: type) -> Iterator[str | bytes]:
        if not cls.__flags__ & _MADE_BY_PYTHON or not travels_with_recipe(cls):
            yield f"{cls.__module__}:{cls.__qualname__}"
            return
        yield cls.__name__
        yield from map(self.digest, cls.__bases__)
        yield self.digest(type(cls))
        content = {name: item for name, item in vars(cls).items() if name not in _NOT_CONTENT}
        slots = {name for name, item in content.items() if isinstance(item, types.MemberDescriptorType)}
        yield from self._items({name: item for name, item in content.items() if name not in slots})

    def _object(self, value: Any) -> Iterator[str | bytes]:
        yield self.digest(type(value))
        if _is_global_generator(value):
            return
        try:
            reduced = _reduced(value)
        except Exception:  # a lock, an open file: there is nothing more to tell
            return
        if isinstance(reduced, str):
            yield reduced
            return
        function, arguments, state, items, pairs = (*reduced, None, None, None)[:5]
        yield from map(self.digest, (function, arguments, state))
        yield from map(self.digest, items or ())
        yield from sorted(self.digest(pair) for pair in pairs or ())


#: What is neither a collection nor told completely by its pickle.
_KINDS: tuple[tuple[Any, Any], ...] = (
    (types.ModuleType, _Walk._module),
    (types.FunctionType, _Walk._function),
    (type, _Walk._class),
    (types.CodeType, _Walk._code),
    (types.CellType, _Walk._cell),
    ((staticmethod, classmethod, types.MethodType), _Walk._method),
    (property, _Walk._property),
)


def _is_global_generator(value: Any) -> bool:
    """Return whether it is the generator that ``random`` or ``numpy.random`` share: its state is not the user's."""
    shared = (("random", "_inst"), ("numpy.random.mtrand", "_rand"))
    return any(value is getattr(sys.modules.get(module), name, _MISSING) for module, name in shared)


def _reduced(value: Any) -> Any:
    """Return what a pickler is told about a value."""
    import copyreg

    if reducer := copyreg.dispatch_table.get(type(value)):
        return reducer(value)
    return value.__reduce_ex__(4)


def _is_array(value: Any) -> bool:
    """Return whether it is an array of NumPy, or a number of it, that holds no Python objects."""
    kind = type(value)
    ours = kind.__module__ == "numpy" and hasattr(value, "tobytes")
    return ours and getattr(getattr(value, "dtype", None), "hasobject", True) is False


@functools.lru_cache(maxsize=5000)
def global_names(code: types.CodeType) -> tuple[str, ...]:
    """Return the names of its module that code uses, with the code inside of it."""
    names = {
        step.argval
        for step in dis.get_instructions(code)
        if step.opname in ("LOAD_GLOBAL", "STORE_GLOBAL", "LOAD_NAME")
    }
    inner = (const for const in code.co_consts if isinstance(const, types.CodeType))
    return tuple(sorted(names.union(*map(global_names, inner))))


def _hashed(*parts: str | bytes) -> bytes:
    return _hash_of(part.encode("utf-8", "backslashreplace") if isinstance(part, str) else part for part in parts)


def _hash_of(parts: Iterable[bytes]) -> bytes:
    hasher = hashlib.sha256()
    for part in parts:
        hasher.update(b"%d:" % len(part))
        hasher.update(part)
    return hasher.digest()
