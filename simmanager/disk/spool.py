"""Memory that is a temporary file: for arrays too large to be kept in memory while a simulation runs."""

from __future__ import annotations

import math
import mmap
import weakref
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

#: Rows that are taken at once: each brings its surroundings into memory.
_ROWS = 64


class Spool:
    """A temporary file without a name, to which arrays are written, and which is then read like one.

    It is in the folder for temporary files (``TMPDIR``) and gone with the last array that shows it. What is written
    there needs no memory of the process: the system keeps as much of it in memory as is free.
    """

    def __init__(self) -> None:
        import tempfile

        self._file = tempfile.TemporaryFile(prefix="simmanager-", buffering=0)
        weakref.finalize(self, self._file.close)  # what shows the file keeps it open by itself

    def write(self, offset: int, content: npt.NDArray[Any]) -> None:
        """Write a contiguous array at so many bytes from the beginning."""
        rest = content.reshape(-1).view("u1").data
        self._file.seek(offset)
        while rest:
            rest = rest[self._file.write(rest) :]

    def array(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
        """Return the beginning of the file, at least one element, as an array; changes of it go to the file."""
        import numpy as np

        size = math.prod(shape) * dtype.itemsize
        return np.frombuffer(_SpoolMap(self._file.fileno(), size), dtype).reshape(shape)


class _SpoolMap(mmap.mmap):
    """A file in memory of which nothing is lost when its memory is given back."""

    def release(self) -> None:
        """Give the memory back; what is read again comes from the file."""
        if hasattr(mmap, "MADV_DONTNEED"):
            self.madvise(mmap.MADV_DONTNEED)


def release(content: Any) -> None:
    """Give back the memory of an array, or of a buffer of one, that shows a `Spool`; other ones stay as they are.

    Nothing is lost: what is read again comes from the file.
    """
    while content is not None:
        if isinstance(content, _SpoolMap):
            content.release()
            return
        content = content.obj if isinstance(content, memoryview) else getattr(content, "base", None)


def take(array: npt.NDArray[Any], rows: npt.NDArray[np.intp]) -> npt.NDArray[Any]:
    """Return some rows of an array, as ``array[rows]``; one that shows a `Spool` does not come into memory for them."""
    import numpy as np

    taken = np.empty((len(rows), *array.shape[1:]), array.dtype)
    for start in range(0, len(rows), _ROWS):
        taken[start : start + _ROWS] = array[rows[start : start + _ROWS]]
        release(array)
    return taken
