"""Whether two values are equal, whatever they are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def same(one: Any, other: Any, *, dtypes: bool = False) -> bool:
    """Return True if two values are equal: arrays element by element, generators by their state, NaN equal to NaN.

    A list is no tuple; of two arrays the kind of numbers (``dtype``) matters only if that is asked for.
    """
    if one is other:
        return True
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(v, other[key], dtypes=dtypes) for key, v in one.items())
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        pairs = zip(one, other, strict=False)
        return type(one) is type(other) and len(one) == len(other) and all(same(*p, dtypes=dtypes) for p in pairs)
    if _is_array(one) or _is_array(other):
        return _is_array(one) and _is_array(other) and _same_arrays(one, other, dtypes)
    if hasattr(one, "bit_generator") and type(one) is type(other):
        return same(one.bit_generator.state, other.bit_generator.state)
    return bool(one == other) or bool(one != one and other != other)


def _is_array(value: Any) -> bool:
    """Return whether it is an array, of NumPy or another package; NumPy's numbers are numbers."""
    return hasattr(value, "__array__") and (getattr(value, "shape", None) != () or hasattr(value, "__setitem__"))


def _same_arrays(one: Any, other: Any, dtypes: bool) -> bool:
    import numpy as np

    if not (isinstance(one, np.ndarray) and isinstance(other, np.ndarray)) and type(one) is not type(other):
        return False
    one, other = np.asarray(one), np.asarray(other)
    if one.shape != other.shape or (dtypes and one.dtype != other.dtype):
        return False
    if one.dtype == object or other.dtype == object:
        return same(one.tolist(), other.tolist(), dtypes=dtypes)
    return np.array_equal(one, other, equal_nan=one.dtype.kind in "fc" and other.dtype.kind in "fc")
