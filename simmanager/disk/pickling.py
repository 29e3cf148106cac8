"""One way to write a pickle (plain where that will do, by value where it must be), and one to load it."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any, BinaryIO

from ..base.moved_modules import module_now
from .spool import release

#: Large arrays begin at a multiple of so many bytes in the file, as arrays in memory do.
ALIGNMENT = 64

#: Bytes of a large array that are written at once.
_PIECE = 16 << 20

#: What comes before the bytes of an array that can be changed: an opcode and the number of bytes.
_HEADER = 9


def dump(thing: Any, path: Path | str) -> None:
    """Pickle ``thing`` to a new file.

    Plain pickle is several times faster than cloudpickle for small objects; it refuses classes and functions of a
    notebook or a main script, which cloudpickle takes by value. Both are read by ``pickle.load``. Contiguous arrays are
    written from where they are, without a copy; those of 64 KiB and more such that `mapped_pickle.load` can map them.

    Raises
    ------
    pickle.PicklingError, TypeError, AttributeError
        Neither can.
    OSError
        The file cannot be written.
    """
    try:
        _dump(pickle, thing, path)
    except (pickle.PicklingError, AttributeError, TypeError):
        import cloudpickle

        _dump(cloudpickle, thing, path)


class Unpickler(pickle.Unpickler):
    """Unpickles what this or an earlier version wrote. This runs code from the file: only for your own folders."""

    def find_class(self, module: str, name: str) -> Any:
        """Return a class or function by its path, also by the one that it had in an earlier version."""
        return super().find_class(module_now(module), name)


def load(file: BinaryIO) -> Any:
    """Unpickle a file, as ``pickle.load`` does."""
    return Unpickler(file).load()


def loads(content: bytes) -> Any:
    """Unpickle bytes, as ``pickle.loads`` does."""
    return Unpickler(io.BytesIO(content)).load()


def _dump(module: Any, thing: Any, path: Path | str) -> None:
    with open(path, "wb") as file:  # noqa: PTH123 - a hot path
        writer = PickleWriter(file)
        try:
            module.dump(thing, writer, protocol=5)
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
