"""Pickling long chains of objects: the usual pickler recurses for each link."""

from __future__ import annotations

import functools
import pickle
import sys
import threading
from collections.abc import Callable
from typing import Any

#: Bytes of the stack on which it is done, the second where the first is not to be had (a memory limit). The system
#: gives memory only for what is used of it.
_STACKS = (512 << 20, 64 << 20)

#: Bytes of stack for each level of recursion: several times what one takes.
_LEVEL = 1 << 11

#: What cloudpickle adds to a pickler so that classes and functions are pickled by value.
_BY_VALUE = (
    "dispatch_table",
    "_function_reduce",
    "_dynamic_function_reduce",
    "_function_getnewargs",
)

#: What our own pickler adds to that.
_OURS = ("reducer_override", "_of_function", "_with_label")


def dump(thing: Any, file: Any) -> None:
    """Pickle by value into a file: also chains of some ten thousand objects.

    Slower than the usual pickler: this one is written in Python, of which each call needs little stack. It works in a
    thread of its own, with a stack that cannot overflow before the recursion limit is reached.
    """
    raised: list[BaseException] = []

    def work() -> None:
        try:
            _pickler()(file, protocol=5).dump(thing)
        except BaseException as error:
            raised.append(error)

    limit = sys.getrecursionlimit()
    try:
        thread = _start(work)
        thread.join()
    finally:
        sys.setrecursionlimit(limit)
    if raised:
        raise raised[0]


def _start(work: Callable[[], None]) -> threading.Thread:
    """Start a thread with a large stack, and set the recursion limit to what this stack has room for."""
    before = threading.stack_size()
    try:
        for size in _STACKS:
            threading.stack_size(size)
            sys.setrecursionlimit(max(size // _LEVEL, sys.getrecursionlimit()))
            thread = threading.Thread(target=work, name="simmanager: a deep pickle")
            try:
                thread.start()
            except RuntimeError:
                continue
            return thread
        raise RecursionError("the object is too deep to be pickled with the memory that is left")
    finally:
        threading.stack_size(before)


@functools.cache
def _pickler() -> Any:
    import cloudpickle

    from .by_value import Pickler

    by_value = {name: vars(cloudpickle.Pickler)[name] for name in _BY_VALUE}
    by_value |= {name: vars(Pickler)[name] for name in _OURS}
    standard: Any = pickle._Pickler

    def init(self: Any, file: Any, protocol: int) -> None:
        standard.__init__(self, file, protocol=protocol)
        self.globals_ref, self.classes, self._recipe = {}, {}, False

        # The pickler calls this with a star. As a function it needs no recursion in C, which Python 3.12 and later
        # limit on their own; a bound method would.
        def save_reduce(*parts: Any, **named: Any) -> None:
            standard.save_reduce(self, *parts, **named)

        self.save_reduce = save_reduce

    return type("DeepPickler", (standard,), {**by_value, "__init__": init})
