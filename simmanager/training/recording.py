"""What happened during a run, kept in arrays: transitions of an arena, outputs of an agent."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from ..base.errors import ParameterError, UnknownName, suggest
from ..base.public import public
from ..base.rules import EndOfRun
from .history_columns import NumberColumn, ObjectColumn, is_numeric, new_column


@public("simmanager.arenas")
class GrowingArray:
    """Rows of one shape and dtype; appending is cheap, reading gives one array.

    The memory doubles when it is full, so n appends cost O(n). Only the filled part is pickled.

    Parameters
    ----------
    row_shape : tuple of int
        Shape of one row; ``()`` for numbers.
    dtype : dtype
        Of the elements. Default float64.
    capacity : int
        Rows to have room for from the start. Default 64.
    """

    def __init__(self, row_shape: tuple[int, ...] = (), dtype: npt.DTypeLike = np.float64, capacity: int = 64) -> None:
        self._n = 0
        self._take(np.empty((max(capacity, 1), *row_shape), dtype=dtype))

    def _take(self, table: npt.NDArray[Any]) -> None:
        """Use ``table`` as the memory; ``append_floats`` writes through a plain buffer onto it."""
        self._table = table
        self._capacity = len(table)
        self._row_bytes = table.itemsize * int(np.prod(table.shape[1:]))
        floats = table.dtype == np.float64
        self._pack_into = struct.Struct(f"{self._row_bytes // 8}d").pack_into if floats else None
        self._buffer = memoryview(table.data).cast("B") if floats else None

    def _grow(self) -> None:
        table = np.empty((max(2 * self._capacity, 64), *self._table.shape[1:]), dtype=self._table.dtype)
        table[: self._n] = self._table[: self._n]
        self._take(table)

    def append(self, row: npt.ArrayLike) -> None:
        """Add one row (anything that can be assigned to one)."""
        if self._n == self._capacity:
            self._grow()
        self._table[self._n] = row
        self._n += 1

    def extend(self, rows: npt.NDArray[Any]) -> None:
        """Add several rows, (n, *row_shape)."""
        while self._n + len(rows) > self._capacity:
            self._grow()
        self._table[self._n : self._n + len(rows)] = rows
        self._n += len(rows)

    def append_floats(self, *values: float) -> None:
        """Add one row, given as its numbers: several times faster than `append`, for float64 only."""
        n = self._n
        if n == self._capacity:
            self._grow()
        self._pack_into(self._buffer, n * self._row_bytes, *values)  # type: ignore[misc, arg-type]
        self._n = n + 1

    @property
    def array(self) -> npt.NDArray[Any]:
        """The filled part, (n, *row_shape): a view, which later appends leave as it is."""
        return self._table[: self._n]

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> npt.NDArray[Any]:
        return np.array(self.array, dtype=dtype) if copy else np.asarray(self.array, dtype=dtype)

    def __len__(self) -> int:
        return self._n

    def __getitem__(self, index: Any) -> Any:
        return self.array[index]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.array)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, GrowingArray):
            return NotImplemented
        return np.array_equal(self.array, other.array, equal_nan=self._table.dtype.kind in "fc")

    def __repr__(self) -> str:
        return f"GrowingArray({self._n} rows of {self._table.shape[1:]} {self._table.dtype})"

    def __getstate__(self) -> dict[str, Any]:
        return {"rows": self.array}

    def __setstate__(self, state: dict[str, Any]) -> None:
        rows = state["rows"]
        self._n = len(rows)
        self._take(np.ascontiguousarray(rows) if self._n else np.empty((1, *rows.shape[1:]), rows.dtype))


class ListOfTransitions(Sequence[dict[str, Any]]):
    """Transitions that are kept in arrays and read like a list of dicts; a slice gives a plain list."""

    #: Names of the columns.
    _KEYS: Sequence[str]

    def _transition(self, index: int) -> dict[str, Any]:
        """Return one of them, by its number from 0 on."""
        raise NotImplementedError

    def _check_key(self, key: str) -> None:
        if key not in self._KEYS:
            known = ", ".join(self._KEYS)
            raise UnknownName(f"A transition has no {key!r}.{suggest(key, self._KEYS)} It has: {known}.")

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        if isinstance(index, slice):
            return [self._transition(i) for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f"There is no transition {index}: the history has {len(self)}.")
        return self._transition(index % len(self))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return map(self._transition, range(len(self)))

    def __eq__(self, other: object) -> bool:
        return vars(self) == vars(other) if type(other) is type(self) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} transitions)"


@public("simmanager.arenas")
class TransitionHistory(ListOfTransitions):
    """The transitions of an arena with a two-dimensional state; reads like a list of dicts.

    Each has the keys ``action`` ((2,) array, or None if there was none), ``state``, ``next_state``
    ((2,) arrays), ``reward`` (float) and ``step`` (int). As in NeuralPlayground, ``state`` and
    ``next_state`` both hold the position *after* the step. A slice gives a plain list.

    >>> history = TransitionHistory()
    >>> history.record(0.0, 1.0, 2.0, 3.0, 0.0, 1)
    >>> history[-1]["state"]
    array([2., 3.])
    """

    _COLUMNS: Mapping[str, slice | int] = {
        "action": slice(0, 2),
        "state": slice(2, 4),
        "next_state": slice(2, 4),
        "reward": 4,
        "step": 5,
    }
    _KEYS = tuple(_COLUMNS)

    def __init__(self) -> None:
        self._rows = GrowingArray((6,))

    def record(self, dx: float, dy: float, x: float, y: float, reward: float, step: int) -> None:
        """Add one transition: action (NaN, NaN if none), position after it, reward, number; faster than `append`."""
        rows, n = self._rows, self._rows._n
        if n == rows._capacity:
            rows._grow()
        rows._pack_into(rows._buffer, n * rows._row_bytes, dx, dy, x, y, reward, step)  # type: ignore[misc, arg-type]
        rows._n = n + 1

    def record_block(self, actions: npt.NDArray[Any], states: npt.NDArray[Any], reward: float, step: int) -> None:
        """Add n transitions: actions and the positions after them, (n, 2) each, reward of each, number of the first."""
        n = len(actions)
        steps = np.arange(step, step + n)
        self._rows.extend(np.column_stack((actions, states, np.full(n, reward), steps)))

    def append(self, transition: Mapping[str, Any]) -> None:
        """Add one transition, given as a dict with the keys above; `ParameterError` if it has others."""
        action = transition.get("action")
        try:
            ax, ay = (np.nan, np.nan) if action is None else action
            x, y = transition["state"]
            self.record(float(ax), float(ay), float(x), float(y), float(transition["reward"]), int(transition["step"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ParameterError(
                f"A transition needs action (two numbers or None), state (two numbers), reward and step, "
                f"not {transition!r}. An arena with other states keeps its history in a list: self.history = []."
            ) from error

    def array(self, key: str) -> npt.NDArray[Any]:
        """Return one column as an array, without copying.

        Parameters
        ----------
        key : {"action", "state", "next_state", "reward", "step"}
            The first three give (n, 2), the others (n,). An action that was None is NaN, NaN.

        Raises
        ------
        UnknownName
            No such column.
        """
        self._check_key(key)
        column = self._rows.array[:, self._COLUMNS[key]]
        if key == "step":
            return column.astype(np.int64)
        column.flags.writeable = False
        return column

    def _transition(self, index: int) -> dict[str, Any]:
        row = self._rows.array[index]
        ax, _, _, _, reward, step = row.tolist()
        action = None if ax != ax else row[0:2].copy()
        return {
            "action": action,
            "state": row[2:4].copy(),
            "next_state": row[2:4].copy(),
            "reward": reward,
            "step": int(step),
        }

    def __len__(self) -> int:
        return len(self._rows)

    def __getstate__(self) -> dict[str, Any]:
        return {"rows": self._rows.array}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._rows = GrowingArray((6,), capacity=1)
        self._rows.__setstate__(state)


class HistoryRecorder:
    """The outputs of an agent's updates: one array for each key, with ``n_rows`` rows, one for each recorded iteration.

    A row without a value (``update`` gave None, or not that key) is NaN; numbers that are not floating point become so
    when that happens. Values that are not numeric, or change their shape, go to an object array with one value each,
    and None where there is none.

    A key of more than 32 MB in all is written to a temporary file while it grows, and the array that `history` returns
    shows this file: a long run does not need the memory for what it records. Without room for the file, it is kept
    in memory.
    """

    def __init__(self, n_rows: int) -> None:
        self._n_rows = n_rows
        self._columns: dict[str, NumberColumn | ObjectColumn] = {}

    def record(self, row: int, output: Any) -> None:
        """Keep the output of one update, in a row after those of the calls before.

        A mapping gives one value for each key, None nothing, anything else goes under "update".
        """
        if output is None:
            return
        if not isinstance(output, dict):
            output = output if isinstance(output, Mapping) else {"update": output}
        for key, value in output.items():
            column = self._columns.get(key)
            # What nearly every value is goes straight into its row.
            if column is not None and row == column.next_row < column.end:
                if type(value) is np.ndarray:
                    plain = value.dtype is column.dtype and value.shape == column.shape
                else:
                    plain = column.is_float_list and type(value) is float
                if plain:
                    column.block[row - column.start] = value
                    column.next_row = row + 1
                    continue
            self._column_for(key, row, _as_array(value)).put(row, value)

    def record_block(self, row: int, outputs: Mapping[str, npt.NDArray[Any]]) -> None:
        """Keep the outputs of several updates from ``row`` on: for each key an array, first axis = row."""
        for key, values in outputs.items():
            if len(values):
                self._column_for(key, row, values[0, ...]).put_block(row, values)

    def _column_for(self, key: str, row: int, value: npt.NDArray[Any]) -> NumberColumn | ObjectColumn:
        column = self._columns.get(key) or new_column(self._n_rows, value)
        self._columns[key] = column = column.fitting(row, value)
        return column

    def history(self) -> dict[str, npt.NDArray[Any]]:
        """Return name -> array, first axis = row."""
        return {key: column.finished() for key, column in self._columns.items()}


def history_until(end: EndOfRun, recorder: HistoryRecorder, n_rows: int) -> dict[str, npt.NDArray[Any]]:
    """Return the history of a run that a rule has stopped early: its first rows; what has failed is raised again."""
    if not end.finishes:
        raise end
    return {key: rows[:n_rows] for key, rows in recorder.history().items()}


def _as_array(value: Any) -> npt.NDArray[Any]:
    """Return a numeric array of the value, or a zero-dimensional object array around it."""
    try:
        array = np.asarray(value)
    except ValueError:  # a ragged list
        array = np.empty(0, dtype=object)
    if not is_numeric(array):
        array = np.empty((), dtype=object)
        array[()] = value
    return array
