"""Files with recorded positions: CSV, NPY, NPZ and MATLAB, as named columns."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..base.errors import ParameterError, ParameterTypeError, UnknownName, suggest
from ..training.arrays import FloatArray

#: Texts of a CSV file that stand for a missing value.
_MISSING = {"", "nan", "na", "n/a", "null", "none"}

#: Name of the one array of a .npy file.
_UNNAMED = "positions"


def read_columns(path: str | Path) -> dict[str, npt.NDArray[Any]]:
    """Return what a file holds, by name.

    Parameters
    ----------
    path : path
        ``.csv`` (``.tsv``, ``.txt``): separated by commas, semicolons, tabs or blanks, with the names of the columns in
        the first line; without them they are "0", "1", ... Missing values are empty or NaN.
        ``.npz``: the arrays in it. ``.npy``: one array, "positions". ``.mat``: the variables of a MATLAB file
        (version 7 or older); fields of structs as ``struct.field``.

    Returns
    -------
    dict of str to ndarray

    Raises
    ------
    ParameterError
        There is no such file, it is damaged, of another kind, or a value in it is no number.
    """
    file = Path(path)
    readers = {".csv": _read_text, ".tsv": _read_text, ".txt": _read_text}
    readers |= {".npz": _read_npz, ".npy": _read_npy, ".mat": _read_mat}
    reader = readers.get(file.suffix.lower())
    if reader is None:
        raise ParameterError(f"Positions cannot be read from {str(path)!r}: its name must end in {', '.join(readers)}.")
    try:
        return reader(file)
    except ParameterError:
        raise
    except FileNotFoundError:
        raise ParameterError(f"There is no file {str(path)!r} (looked for from {Path.cwd()}).") from None
    except NotImplementedError:
        raise ParameterError(
            f"{path} is a MATLAB file of version 7.3, which cannot be read here; save it in MATLAB with "
            "save(file, '-v7'), or export the positions to CSV."
        ) from None
    except Exception as error:  # damaged files fail in many ways
        raise ParameterError(f"{path} cannot be read as {file.suffix}: {type(error).__name__}: {error}") from error


def one_column(columns: Mapping[str, npt.NDArray[Any]], name: str | int, parameter: str, where: str) -> FloatArray:
    """Return one column of what `read_columns` gave as numbers, (n,); messages say which parameter of which file."""
    numbers = _numbers(columns, name, parameter, where)
    if numbers.size != max(numbers.shape, default=0):
        raise ParameterError(f"{parameter}={name!r} of {where} must be one column, not of shape {numbers.shape}.")
    return numbers.ravel()


def two_columns(columns: Mapping[str, npt.NDArray[Any]], name: str, parameter: str, where: str) -> FloatArray:
    """Return one array of positions, (n, 2), as `one_column` does; (2, n) is turned, further columns are left out."""
    numbers = _numbers(columns, name, parameter, where)
    if numbers.ndim == 2 and numbers.shape[0] == 2 and numbers.shape[1] > 3:
        numbers = numbers.T
    if numbers.ndim != 2 or numbers.shape[1] < 2:
        raise ParameterError(f"{parameter}={name!r} of {where} must be of shape (n, 2), not {numbers.shape}.")
    return numbers[:, :2]


def _numbers(columns: Mapping[str, npt.NDArray[Any]], name: str | int, parameter: str, where: str) -> FloatArray:
    if str(name) not in columns:
        known = ", ".join(f"{key} {values.shape}" for key, values in list(columns.items())[:50])
        hint = suggest(str(name), columns)
        raise UnknownName(f"{where} has no {str(name)!r}, which {parameter} names.{hint} It has: {known}.")
    values = columns[str(name)]
    if values.dtype.kind not in "biuf":
        raise ParameterTypeError(f"{parameter}={name!r} of {where} holds no numbers, but {values.dtype}.")
    return values.astype(np.float64)


def _read_text(path: Path) -> dict[str, npt.NDArray[Any]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        first = file.readline()
        delimiter = next((mark for mark in (",", ";", "\t") if mark in first), " ")
        file.seek(0)
        rows = [row for row in _numbered_rows(file, delimiter) if any(row[1])]
    if not rows:
        raise ParameterError(f"{path} is empty.")
    names = [text.strip() for text in rows[0][1]]
    if all(_number(text) is not None for text in names):
        names = [str(i) for i in range(len(names))]
    else:
        rows = rows[1:]
    table = np.empty((len(rows), len(names)))
    for i, (line, row) in enumerate(rows):
        if len(row) != len(names):
            raise ParameterError(f"Line {line} of {path} has {len(row)} values, not {len(names)}.")
        numbers = [_number(text) for text in row]
        if None in numbers:
            raise ParameterError(f"Line {line} of {path} holds {row[numbers.index(None)]!r}, which is no number.")
        table[i] = numbers
    return {name: table[:, i] for i, name in enumerate(names)}


def _numbered_rows(file: Any, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(
        (line.lstrip("# ").rstrip(" \r\n") for line in file), delimiter=delimiter, skipinitialspace=True
    )
    for row in reader:
        yield reader.line_num, row


def _number(text: str) -> float | None:
    """Return the number that a text is, NaN for a missing one; None if it is neither."""
    try:
        return float(text)
    except ValueError:
        return np.nan if text.strip().lower() in _MISSING else None


def _read_npz(path: Path) -> dict[str, npt.NDArray[Any]]:
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def _read_npy(path: Path) -> dict[str, npt.NDArray[Any]]:
    return {_UNNAMED: np.load(path, allow_pickle=False)}


def _read_mat(path: Path) -> dict[str, npt.NDArray[Any]]:
    from scipy.io import loadmat

    content = loadmat(path, simplify_cells=True)
    return dict(_flattened({name: value for name, value in content.items() if not name.startswith("__")}))


def _flattened(content: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, npt.NDArray[Any]]]:
    for name, value in content.items():
        if isinstance(value, Mapping):
            yield from _flattened(value, f"{prefix}{name}.")
        elif isinstance(value, (np.ndarray, int, float)):
            yield f"{prefix}{name}", np.asarray(value)
