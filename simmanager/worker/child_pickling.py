"""Processes that a run starts itself, with ``multiprocessing`` or ``concurrent.futures``, get code of a script, too."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..disk.pickling import loads
from ..disk.travelling import Classes, something_travelled

#: Classes that went to children or came back from them.
_classes = Classes()


@contextmanager
def code_reaches_children() -> Iterator[None]:
    """Let ``multiprocessing`` take along what a child could not find by its name, as long as a run is executed.

    In a plain script the child finds such a function or class in its copy of the script.
    """
    global _classes
    if not something_travelled():
        yield
        return
    from multiprocessing import reduction

    ForkingPickler: Any = reduction.ForkingPickler
    before = vars(ForkingPickler).get("reducer_override")
    _classes = Classes()
    ForkingPickler.reducer_override = _reduce
    try:
        yield
    finally:
        if before is None:
            del ForkingPickler.reducer_override
        else:
            ForkingPickler.reducer_override = before
        _classes = Classes()


def _reduce(pickler: Any, thing: Any) -> Any:
    from ..disk.by_value import Pickler, has_a_name, travels

    if not has_a_name(thing) or not travels(thing):
        return NotImplemented
    file = io.BytesIO()
    by_value = Pickler(file)
    by_value.dump(thing)
    _classes.know(by_value.classes)
    return load_in_child, (file.getvalue(),)


def load_in_child(content: bytes) -> Any:
    """Return what a parent or a child has sent; what this process sends back goes the same way."""
    from multiprocessing import reduction

    vars(reduction)["ForkingPickler"].reducer_override = _reduce
    return loads(content, _classes)
