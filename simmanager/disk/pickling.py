"""One way to write a pickle (plain where that will do, by value where it must be), and one to load it."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from ..base.moved_modules import module_now
from .spool import release
from .travelling import Classes, something_travelled

#: Large arrays begin at a multiple of so many bytes in the file, as arrays in memory do.
ALIGNMENT = 64

#: Bytes of a large array that are written at once.
_PIECE = 16 << 20

#: What comes before the bytes of an array that can be changed: an opcode and the number of bytes.
_HEADER = 9


def dump(thing: Any, path: Path | str) -> None:
    """Pickle ``thing`` to a new file.

    Plain pickle is several times faster for small objects; it refuses classes and functions of a notebook or a main
    script, which travel by value. In a process that has loaded such code everything is pickled by value from the start:
    plain pickle would import the user's file by its name, and thereby execute it. Both are read by `load`. Contiguous
    arrays are written from where they are, without a copy; those of 64 KiB and more such that `mapped_pickle.load` can
    map them.

    Raises
    ------
    pickle.PicklingError, TypeError, AttributeError
        Neither can.
    OSError
        The file cannot be written.
    """
    if not something_travelled():
        try:
            _dump(pickle.Pickler, thing, path)
            return
        except (pickle.PicklingError, AttributeError, TypeError):
            pass
    from .by_value import Pickler

    _dump(Pickler, thing, path)


def dumps(thing: Any) -> bytes:
    """Return ``thing`` pickled, by value where it must be."""
    from .by_value import Pickler

    file = io.BytesIO()
    Pickler(file, protocol=5).dump(thing)
    return file.getvalue()


class Unpickler(pickle.Unpickler):
    """Unpickles what this or an earlier version wrote. This runs code from the file: only for your own folders.

    Parameters
    ----------
    file : binary file
        At its beginning.
    classes : Classes, optional
        Makes the classes that travelled by value; by default all of them are made anew.
    """

    def __init__(self, file: BinaryIO, classes: Classes | None = None) -> None:
        super().__init__(file)
        self._classes = classes or Classes()

    def find_class(self, module: str, name: str) -> Any:
        """Return a class or function by its path, also by the one that it had in an earlier version."""
        return find_class(self._classes, module, name, super().find_class)


def find_class(classes: Classes, module: str, name: str, usual: Callable[[str, str], Any]) -> Any:
    """Return what an unpickler finds under a path.

    Parameters
    ----------
    classes : Classes
        Makes classes in the place of cloudpickle, which would write over those that are there.
    module, name : str
        The path.
    usual : callable
        ``find_class`` of the standard library.
    """
    if module.partition(".")[0] == "cloudpickle" and (function := classes.function(name)) is not None:
        return function
    return usual(module_now(module), name)


def load(file: BinaryIO, classes: Classes | None = None) -> Any:
    """Unpickle a file, as ``pickle.load`` does; no class of this process is changed by it."""
    return Unpickler(file, classes).load()


def loads(content: bytes, classes: Classes | None = None) -> Any:
    """Unpickle bytes, as ``pickle.loads`` does; no class of this process is changed by it."""
    return Unpickler(io.BytesIO(content), classes).load()


def _dump(kind: Any, thing: Any, path: Path | str) -> None:
    with open(path, "wb") as file:  # noqa: PTH123 - a hot path
        writer = PickleWriter(file)
        try:
            kind(writer, protocol=5).dump(thing)
        except (RecursionError, pickle.PicklingError) as error:
            if not isinstance(error, RecursionError) and not isinstance(error.__cause__, RecursionError):
                raise
            from . import deep_pickle

            file.seek(0)
            file.truncate()
            writer = PickleWriter(file)
            deep_pickle.dump(thing, writer)
        writer.flush()


class PickleWriter:
    """What a pickler writes to: puts large arrays at places where they can be mapped, piece by piece.

    A pickler writes such an array by itself, right after its header; everything else comes as bytes.

    Parameters
    ----------
    file : binary file
        Where it all goes, the last of it with `flush`.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._held = b""
        self._size = 0

    def write(self, content: Any) -> None:
        """Take what a pickler writes."""
        if isinstance(content, pickle.PickleBuffer):
            self._write_array(content)
        else:
            self.flush()
            self._held = bytes(content)

    def flush(self) -> None:
        """Write what was held back."""
        self._file.write(self._held)
        self._size += len(self._held)
        self._held = b""

    def _write_array(self, array: pickle.PickleBuffer) -> None:
        before, header = self._held[:-_HEADER], self._held[-_HEADER:]
        if header[:1] == pickle.BYTEARRAY8:
            n_bytes = -(self._size + len(self._held) + 3) % ALIGNMENT
            # Padding: a bytes object that the unpickler pushes and pops again.
            padding = pickle.SHORT_BINBYTES + bytes((n_bytes, *bytes(n_bytes))) + pickle.POP
            self._held = before + padding + header
        self.flush()
        content = array.raw()
        for start in range(0, len(content), _PIECE):
            self._size += self._file.write(content[start : start + _PIECE])
            release(memoryview(array))
