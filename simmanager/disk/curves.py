"""One value of a training history as a curve: by position, whatever holds it; or why it can be none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from numbers import Number
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array = npt.NDArray[Any]

#: Points of a curve that a summary keeps.
MAX_POINTS = 1000

#: Kinds of dtypes that are numbers or truth values.
_NUMBERS = "biufc"

#: Types of which a list becomes an array as it is.
_PLAIN = frozenset({int, float, bool})

#: Names of the types of what stands for a value that is missing: None, pandas.NA, numpy.ma.masked.
_MISSING = frozenset({"NoneType", "NAType", "MaskedConstant"})


class NoCurve(Exception):
    """A value that cannot be a curve; the message says why, with the value as its subject (``it is text``)."""


class Sampled(NamedTuple):
    """A curve, thinned to what a summary keeps.

    Parameters
    ----------
    points : ndarray of float, (n_points,)
        One number for each row that was picked; NaN where there is no value.
    rows : ndarray of int, (n_points,)
        Their positions.
    shape : tuple of int or None
        Shape of the values, if they were reduced to numbers.
    """

    points: Array
    rows: Array
    shape: tuple[int, ...] | None


def curve_of(values: Any) -> Sampled:
    """Return a curve of at most 1,000 points, at evenly spaced positions.

    Parameters
    ----------
    values : object
        A list, array, Series or tensor with one value per iteration (whatever its index is, position counts), or a
        single number. None, pandas' NA and what is masked become NaN; values that are arrays become their mean absolute
        value, what is masked in them left out; tensors are detached.

    Raises
    ------
    NoCurve
        It is something else; says what.
    Exception
        Whatever an object of somebody else raises when it is looked at.
    """
    import numpy as np

    from .spool import take

    held = _held(values)
    length = len(held)
    rows: Array
    picked = np.arange(length) if length <= MAX_POINTS else _evenly(length)
    if isinstance(held, np.ma.MaskedArray):
        rows = held[picked]
    elif isinstance(held, np.ndarray) and held.dtype != object:
        rows = take(held, picked)
    else:
        rows = _stacked([held[i] for i in picked.tolist()])
    return _reduced(rows, picked)


def _evenly(length: int) -> Array:
    import numpy as np

    return np.linspace(0, length - 1, MAX_POINTS).round().astype(int)


def _held(values: Any) -> Any:
    """Return what holds the values: an array with a first axis, or something that is indexed by position."""
    if values is None:
        raise NoCurve("it is None")
    if isinstance(values, (str, bytes)):
        raise NoCurve("it is text")
    if (array := _as_array(values)) is not None:
        return array.reshape(1) if array.ndim == 0 else array
    if isinstance(values, Mapping):
        raise NoCurve("it is a dict; give each of its curves a key of its own")
    if isinstance(values, Set) or not (hasattr(values, "__len__") and hasattr(values, "__getitem__")):
        raise NoCurve(f"it has no length and no order ({type(values).__name__})")
    return values


def _as_array(value: Any) -> Array | None:
    """Return an array, tensor, Series or number as an array; None for other things."""
    import numpy as np

    if isinstance(value, np.ndarray):
        return value
    if isinstance(value, Number):
        return np.asarray(value)
    if callable(detach := getattr(value, "detach", None)):  # torch: a tensor that requires grad is no array
        value = detach()
        value = value.cpu() if callable(getattr(value, "cpu", None)) else value
    elif callable(to_numpy := getattr(value, "to_numpy", None)):  # pandas, polars: by position, without the index
        return np.asarray(to_numpy())
    if not hasattr(value, "__array__"):
        return None
    return np.asarray(value)


def _stacked(elements: list[Any]) -> Array:
    """Return values of one shape as one array; those that are missing are NaN."""
    import numpy as np

    if _PLAIN.issuperset(map(type, elements)):
        return _floats_if_objects(np.asarray(elements))
    given = [None if type(element).__name__ in _MISSING else _row(element) for element in elements]
    shapes = {row.shape: None for row in given if row is not None}
    if len(shapes) > 1:
        named = ", ".join(map(str, list(shapes)[:3])) + (", ..." if len(shapes) > 3 else "")
        raise NoCurve(f"its values are of different shapes: {named}")
    nothing = np.full(next(iter(shapes), ()), np.nan)
    rows = [nothing if row is None else row for row in given]
    if any(isinstance(row, np.ma.MaskedArray) for row in rows):
        data, mask = ([part(row) for row in rows] for part in (np.ma.getdata, np.ma.getmaskarray))
        return np.ma.array(np.asarray(data), mask=np.asarray(mask))
    return np.asarray(rows)


def _row(element: Any) -> Array:
    import numpy as np

    if isinstance(element, (str, bytes)):
        raise NoCurve("its values are text")
    array = _as_array(element)
    if array is None and isinstance(element, (list, tuple)):
        array = _stacked(list(element))
    if array is None:
        array = _converted([element])[0]
    return _floats_if_objects(array) if array.dtype == object else np.asanyarray(array)


def _floats_if_objects(array: Array) -> Array:
    """Return an array of Python objects (numbers beyond 64 bits, fractions, decimals) as floats."""
    return _converted(array.reshape(-1).tolist()).reshape(array.shape) if array.dtype == object else array


def _converted(elements: Iterable[Any]) -> Array:
    """Return things that are numbers by their own word as floats.

    Raises
    ------
    NoCurve
        They are not.
    """
    import numpy as np

    numbers = []
    for element in elements:
        kind = type(element).__name__
        if kind not in _MISSING and not callable(getattr(type(element), "__float__", None)):
            raise NoCurve(f"its values are no numbers ({kind})")
        numbers.append(np.nan if kind in _MISSING else float(element))
    return np.asarray(numbers, dtype=float)


def _reduced(rows: Array, picked: Array) -> Sampled:
    import numpy as np

    if rows.dtype.kind == "V" and rows.dtype.names is None:  # bfloat16 and other numbers that NumPy does not know
        rows = rows.astype(float)
    if rows.dtype.kind not in _NUMBERS:
        words = {"U": "text", "S": "text", "M": "dates", "m": "times"}
        raise NoCurve(f"its values are {words.get(rows.dtype.kind, f'no numbers ({rows.dtype})')}")
    if rows.ndim == 1 and rows.dtype.kind != "c":
        return Sampled(_filled(rows), picked, None)
    if len(picked) and not rows.size:
        raise NoCurve(f"its values are empty (shape {rows.shape[1:]})")
    with np.errstate(all="ignore"):
        sizes = np.abs(rows, dtype=float) if rows.dtype.kind == "i" else np.abs(rows)  # abs(-128) of 8 bits is -128
        points = sizes.mean(axis=tuple(range(1, rows.ndim)))
    return Sampled(_filled(points), picked, rows.shape[1:])


def _filled(points: Array) -> npt.NDArray[np.float64]:
    """Return numbers as floats, NaN where they are masked: what is under a mask is no value."""
    import numpy as np

    if isinstance(points, np.ma.MaskedArray):
        return np.ma.filled(points.astype(float), np.nan)
    return np.asarray(points, dtype=float)
