"""Loading a pickle whose large arrays stay in the file until they are looked at."""

from __future__ import annotations

import mmap
import os
import pickle
import struct
from typing import Any, BinaryIO, ClassVar

from . import pickling
from .travelling import Classes

#: Bytes from which on an array stays in the file.
MAP_ABOVE = 64 << 10

#: With more bytes than this beside the large arrays, `pickling.load` is faster.
_MAX_PLAIN = 256 << 10

#: The unpickler of the standard library that is written in Python, which joblib builds upon, too.
_PythonUnpickler: Any = pickle._Unpickler


def load(file: BinaryIO, classes: Classes | None = None) -> Any:
    """Unpickle a file, as ``pickle.load`` does, but leave large arrays in it: their pages are read when they are used.

    Changes of such an array stay in memory and do not get into the file. The file may be removed or replaced
    meanwhile; it must not be cut short. It stays open as long as an array that it holds. Arrays that were saved by
    `pickling.dump` are aligned; others work as well, somewhat slower.

    What cannot be mapped is loaded: arrays that were not contiguous, files that are mostly other things than arrays,
    pickles of older protocols than 5, files on a system that does not map them.

    Parameters
    ----------
    file : binary file
        At its beginning. This runs code from the file: only for your own.
    classes : Classes, optional
        As for `pickling.load`.

    Raises
    ------
    Exception
        As ``pickle.load``.
    """
    classes = classes or Classes()
    try:
        return _Unpickler(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY), classes).load()
    except Exception:  # whatever it is, the plain way is the measure of what is an error
        return pickling.load(file, classes)


class _Unpickler(_PythonUnpickler):  # type: ignore[misc]
    """Knows where in the file it is, and what it is about to make."""

    def __init__(self, mapping: mmap.mmap, classes: Classes) -> None:
        super().__init__(mapping)
        self._classes = classes
        self._mapping = mapping
        self._n_plain = 0

    def find_class(self, module: str, name: str) -> Any:
        return pickling.find_class(self._classes, module, name, super().find_class)

    def load_frame(self) -> None:
        (size,) = struct.unpack("<Q", self.read(8))
        self._n_plain += size
        if self._n_plain > _MAX_PLAIN:
            raise pickle.UnpicklingError("this takes long in Python")
        self._unframer.load_frame(size)

    def load_bytearray8(self) -> None:
        self._load_bytes("<Q", changeable=True)

    def load_binbytes8(self) -> None:
        self._load_bytes("<Q", changeable=False)

    def load_binbytes(self) -> None:
        self._load_bytes("<I", changeable=False)

    def _load_bytes(self, size_format: str, *, changeable: bool) -> None:
        (size,) = struct.unpack(size_format, self.read(struct.calcsize(size_format)))
        if size >= MAP_ABOVE and self._unframer.current_frame is None and self._makes_an_array():
            start = self._mapping.tell()
            self._mapping.seek(size, os.SEEK_CUR)  # raises at the end of a file that was cut short
            content = memoryview(self._mapping)[start : start + size]
            self.append(content if changeable else content.toreadonly())
            return
        content = self.read(size)
        if len(content) < size:
            raise pickle.UnpicklingError("pickle data was truncated")
        self.append(bytearray(content) if changeable else content)

    def _makes_an_array(self) -> bool:
        """Return whether what comes now is the first argument of NumPy's function that makes an array of a buffer."""
        before = self.metastack[-1] if self.metastack and not self.stack else []
        function = before[-1] if before else None
        return getattr(function, "__name__", "") == "_frombuffer" and function.__module__.startswith("numpy.")

    dispatch: ClassVar[dict[int, Any]] = {
        **_PythonUnpickler.dispatch,
        pickle.FRAME[0]: load_frame,
        pickle.BYTEARRAY8[0]: load_bytearray8,
        pickle.BINBYTES8[0]: load_binbytes8,
        pickle.BINBYTES[0]: load_binbytes,
    }
