"""The public module of a class or function: module paths end up in pickles and in manager.json."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Thing = TypeVar("Thing")


def public(module: str) -> Callable[[Thing], Thing]:
    """Give a class or function the module under which users know it, wherever its code is.

    What refers to it by its path (a pickle, manager.json, a traceback) then still finds it when the code moves.
    """

    def mark(thing: Thing) -> Thing:
        thing.__module__ = module
        return thing

    return mark
