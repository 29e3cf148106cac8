"""Globals of a script that cannot be pickled: taken from their module where they are of one, else named."""

from __future__ import annotations

import copyreg
import functools
import importlib.machinery
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple


class Global(NamedTuple):
    """A global of a script that cannot be pickled.

    Parameters
    ----------
    user, name : str
        The function that uses it, and what it is called there.
    value : object
        The thing itself.
    place : (module, str) or None
        The module that has it, and under which name there: one that a worker can import.
    """

    user: str
    name: str
    value: Any
    place: tuple[types.ModuleType, str] | None


def dump_with_globals(dump: Callable[[Any], bytes], fields: Mapping[str, Any]) -> bytes:
    """Pickle the fields of a simulation; what its functions have from a module, and cannot be pickled, goes by name.

    ``from neuron import h`` at the top of a script is such a thing.

    Raises
    ------
    Exception
        What ``dump`` raises.
    """
    try:
        return dump(fields)
    except Exception:
        found = troublesome_globals(fields)
        if not found or any(one.place is None for one in found):
            raise
        with _by_name(found):
            return dump(fields)


def words_about(fields: Mapping[str, Any]) -> str:
    """Return which globals of the script are in the way, and the way out; "" if none is."""
    found = [one for one in troublesome_globals(fields) if one.place is None]
    if not found:
        return ""
    names = ", ".join(f"{one.name!r} ({type(one.value).__name__}), which {one.user} uses" for one in found)
    it = "it" if len(found) == 1 else "them"
    return (
        f"In the way is the global {names}: make or import {it} inside the function, or put {it} into a module of its "
        f"own and import that."
    )


def troublesome_globals(fields: Mapping[str, Any]) -> list[Global]:
    """Return the globals, of functions that travel by value, that cannot be pickled."""
    found: dict[tuple[str, int], Global] = {}
    todo, seen = list(fields.values()), set[int]()
    while todo:
        thing = todo.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, types.FunctionType):
            for name, value in _globals_of(thing) if _travels(thing) else ():
                if isinstance(value, (types.FunctionType, type)):
                    todo.append(value)
                elif not isinstance(value, types.ModuleType) and not _can_be_pickled(value):
                    found[name, id(value)] = Global(thing.__qualname__, name, value, _place_of(value))
        else:
            todo += _functions_in(thing)
    return list(found.values())


def _functions_in(thing: Any) -> list[Any]:
    """Return what may be or hold functions in a class that travels, a method, or an object that wraps a function."""
    if isinstance(thing, type):
        inside = [getattr(value, "__func__", value) for value in vars(thing).values()] if _travels(thing) else []
        return [*inside, *(thing.__bases__ if _travels(thing) else ())]
    if isinstance(thing, types.MethodType):
        return [thing.__func__]
    if isinstance(thing, functools.partial):
        return [thing.func, *thing.args, *thing.keywords.values()]
    if isinstance(thing, Mapping):
        return list(thing.values())
    if callable(thing):
        return list(getattr(thing, "__dict__", {}).values())
    return []


def _globals_of(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    todo = [function.__code__]
    while todo:
        code = todo.pop()
        todo += [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
        for name in code.co_names:
            if name in function.__globals__:
                yield name, function.__globals__[name]


def _travels(thing: Any) -> bool:
    """Return whether a function or class is pickled by value."""
    module = getattr(thing, "__module__", None) or "__main__"
    return not _can_be_imported(module)


def _can_be_imported(name: str) -> bool:
    from cloudpickle import list_registry_pickle_by_value

    module = sys.modules.get(name)
    by_value = list_registry_pickle_by_value()
    parts = name.split(".")
    if name == "__main__" or any(".".join(parts[: i + 1]) in by_value for i in range(len(parts))):
        return False
    return module is not None and isinstance(getattr(module, "__spec__", None), importlib.machinery.ModuleSpec)


def _can_be_pickled(value: Any) -> bool:
    import cloudpickle

    try:
        cloudpickle.dumps(value)
    except Exception:
        return False
    return True


def _place_of(value: Any) -> tuple[types.ModuleType, str] | None:
    """Return a module that a worker can import, and the name under which it has this very object."""
    for name, module in sorted(list(sys.modules.items())):  # packages before their modules
        if isinstance(module, types.ModuleType) and _can_be_imported(name):
            for attribute, held in list(vars(module).items()):
                if held is value:
                    return module, attribute
    return None


@contextmanager
def _by_name(found: list[Global]) -> Iterator[None]:
    """Have these very objects pickled as attributes of their modules for a while."""
    places = {id(one.value): one.place for one in found}
    before = {type(one.value): copyreg.dispatch_table.get(type(one.value)) for one in found}

    def reduce(value: Any) -> Any:
        place = places.get(id(value))
        if place is not None:
            return getattr, place
        usual = before[type(value)]
        return usual(value) if usual is not None else value.__reduce_ex__(4)

    try:
        for kind in before:
            copyreg.dispatch_table[kind] = reduce
        yield
    finally:
        for kind, usual in before.items():
            if usual is None:
                del copyreg.dispatch_table[kind]
            else:
                copyreg.dispatch_table[kind] = usual
