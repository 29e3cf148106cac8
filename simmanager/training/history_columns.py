"""The columns of a training history: rows that are written one after the other."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt

from ..disk.spool import Spool

#: A column of more bytes than this is kept in a temporary file.
SPOOL_ABOVE = 32 << 20

#: It gets there in blocks of about so many bytes, which stay in the processor's cache until they are full.
_BLOCK_BYTES = 256 << 10

#: Kinds of dtypes that have no NaN.
_NO_NAN = "biu"


class NumberColumn:
    """Rows of numbers of one shape, ``()`` for single ones, and one dtype.

    A column of more than `SPOOL_ABOVE` bytes goes to a `Spool`; where there is no room for one, it stays in memory.
    """

    def __init__(self, n_rows: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.n_rows, self.shape, self.dtype = n_rows, shape, dtype
        self.is_float_list = dtype == np.float64 and shape == ()
        #: Number of the row to be written next, and of the first row that is in memory.
        self.next_row = self.start = 0
        self._row_bytes = dtype.itemsize * math.prod(shape)
        self._spool: Spool | None = None
        if n_rows * self._row_bytes > SPOOL_ABOVE:
            with suppress(OSError):
                self._spool = Spool()
        #: Number of the row after the last one that memory has room for; all rows, or a block for the spool.
        self.end = n_rows if self._spool is None else min(max(_BLOCK_BYTES // self._row_bytes, 1), n_rows)
        self.block = np.empty((self.end, *shape), dtype)

    def fitting(self, row: int, value: npt.NDArray[Any]) -> NumberColumn | ObjectColumn:
        """Return this column, or a copy of it that can hold ``value`` in that row, and NaN in those before."""
        if not is_numeric(value) or value.shape != self.shape:
            objects = ObjectColumn(self.n_rows)
            objects.put_block(0, self.rows())
            return objects
        dtype = np.promote_types(self.dtype, value.dtype)
        if row > self.next_row and dtype.kind in _NO_NAN:
            dtype = np.dtype(np.float64)
        if dtype == self.dtype:
            return self
        return _filled(self.n_rows, dtype, self.rows())

    def put(self, row: int, value: Any) -> None:
        """Write a row; those that were left out before it become NaN."""
        self._leave_out(row)
        if row == self.end:
            self._next_block()
        self.block[row - self.start] = value
        self.next_row = row + 1

    def put_block(self, row: int, values: npt.NDArray[Any]) -> None:
        """Write several rows."""
        self._leave_out(row)
        self._extend(values)

    def _leave_out(self, until: int) -> None:
        self._extend(np.broadcast_to(np.nan, (until - self.next_row, *self.shape)))

    def _extend(self, rows: npt.NDArray[Any]) -> None:
        while len(rows):
            if self.next_row == self.end:
                self._next_block()
            part = rows[: self.end - self.next_row]
            self.block[self.next_row - self.start :][: len(part)] = part
            self.next_row += len(part)
            rows = rows[len(part) :]

    def _next_block(self) -> None:
        self._write_block()
        if self._spool is not None:
            self.start, self.end = self.end, min(self.end + len(self.block), self.n_rows)

    def _write_block(self) -> None:
        """Write what is in the block to the spool, if there is one; without room for it, go on in memory."""
        if self._spool is None:
            return
        filled = self.block[: self.next_row - self.start]
        try:
            self._spool.write(self.start * self._row_bytes, filled)
        except OSError:
            table = np.empty((self.n_rows, *self.shape), self.dtype)
            if self.start:
                table[: self.start] = self._spool.array((self.start, *self.shape), self.dtype)
            table[self.start : self.next_row] = filled
            self.block, self.start, self.end, self._spool = table, 0, self.n_rows, None

    def rows(self) -> npt.NDArray[Any]:
        """Return what was written so far, (next_row, *shape)."""
        self._write_block()
        if self._spool is None or not self.next_row:
            return self.block[: self.next_row]
        return self._spool.array((self.next_row, *self.shape), self.dtype)

    def finished(self) -> npt.NDArray[Any]:
        """Return all rows, (n_rows, *shape); what was not written is NaN."""
        if self.next_row < self.n_rows and self.dtype.kind in _NO_NAN:
            return _filled(self.n_rows, np.dtype(np.float64), self.rows()).finished()
        self._leave_out(self.n_rows)
        return self.rows()

    def __reduce__(self) -> tuple[Any, ...]:
        # A function, not a class method: cloudpickle would put the byte code of that into the checkpoint.
        return _filled, (self.n_rows, self.dtype, self.rows())


def _filled(n_rows: int, dtype: np.dtype[Any], rows: npt.NDArray[Any]) -> NumberColumn:
    """Return a column in which some rows are written."""
    column = NumberColumn(n_rows, rows.shape[1:], dtype)
    column._extend(rows)
    return column


class ObjectColumn:
    """Rows that are anything, such as texts or arrays of different shapes; one that is left out is None."""

    dtype = np.dtype(object)
    is_float_list = False
    #: No row is the next one of a block: nothing goes straight into it, all is put.
    next_row = start = end = 0

    def __init__(self, n_rows: int) -> None:
        self.block = np.empty(n_rows, dtype=object)
        self.shape = self.block.shape

    def fitting(self, row: int, value: npt.NDArray[Any]) -> ObjectColumn:
        """Return this column, which can hold everything."""
        return self

    def put(self, row: int, value: Any) -> None:
        """Write a row."""
        self.block[row] = value

    def put_block(self, row: int, values: npt.NDArray[Any]) -> None:
        """Write several rows."""
        for number, value in enumerate(values, row):
            self.block[number] = value

    def finished(self) -> npt.NDArray[Any]:
        """Return all rows, (n_rows,)."""
        return self.block


def new_column(n_rows: int, value: npt.NDArray[Any]) -> NumberColumn | ObjectColumn:
    """Return a column for values like this one."""
    return NumberColumn(n_rows, value.shape, value.dtype) if is_numeric(value) else ObjectColumn(n_rows)


def is_numeric(value: npt.NDArray[Any]) -> bool:
    """Return whether an array is of numbers or truth values."""
    return value.dtype.kind in "biufc"
