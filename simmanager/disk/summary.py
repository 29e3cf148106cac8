"""summary.npz: every history key as one scalar curve of at most 1,000 points, read without pickle."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.errors import ParameterError
from ..base.model_arrays import EXTENT, MAPS
from .files import write_new
from .npz import npz_bytes

if TYPE_CHECKING:
    import numpy.typing as npt

#: Points of a curve that a summary keeps.
MAX_POINTS = 1000

#: Arrays of a summary, at most: curves of further history keys are left out.
MAX_ARRAYS = 9_000

#: Arrays of one history key, at most.
_OF_ONE_KEY = 3

#: How a value that is an array becomes one number.
REDUCTION = "mean absolute value"

#: Before the name of a curve: its iterations.
ITERATIONS = "iterations:"

#: Before the name of a curve: shape of the values that were reduced to numbers.
SHAPE = "shape:"


#: Positions, (n_points, 2); their indices in the whole trajectory, (n_points,); walls, (n_walls, 2, 2).
TRAJECTORY, STEPS, WALLS = "trajectory:", "steps:", "walls:"

#: How the names of our own arrays in summary.npz begin; history keys that begin so are left out.
RESERVED = (ITERATIONS, SHAPE, MAPS, EXTENT, TRAJECTORY, STEPS, WALLS)

#: What a model may give.
_MODEL_ARRAYS = (MAPS, EXTENT, TRAJECTORY, WALLS)

#: Maps of one name that a summary keeps.
MAX_MAPS = 16

#: Smallest and largest size along each axis.
_SHAPES = {
    MAPS: ((1, MAX_MAPS), (1, 1000), (1, 1000)),
    EXTENT: ((4, 4),),
    TRAJECTORY: ((0, MAX_POINTS), (2, 2)),
    STEPS: ((0, MAX_POINTS),),
    WALLS: ((0, 10_000), (2, 2), (2, 2)),
}


def summarise(history: Mapping[str, Any]) -> dict[str, Any]:
    """Reduce a training history to scalar curves.

    Parameters
    ----------
    history : mapping
        Name -> one value per iteration (first axis = iteration).

    Returns
    -------
    dict
        Each numeric key -> (n_points,) float array, n_points <= 1000, at evenly spaced iterations; with
        ``"iterations:" + key`` -> (n_points,) the indices along the first axis. Values that are arrays are reduced
        to their mean absolute value; keys that are not numeric are left out.
    """
    import numpy as np

    from .spool import take

    curves: dict[str, Any] = {}
    for key, values in history.items():
        if len(curves) > MAX_ARRAYS - _OF_ONE_KEY:
            break
        if not isinstance(key, str) or not _can_be_a_name(key):
            continue
        try:
            length = len(values)
            few = length <= MAX_POINTS
            picked = np.arange(length) if few else np.linspace(0, length - 1, MAX_POINTS).round().astype(int)
            array = np.asarray(_filled(values)) if isinstance(values, np.ndarray) else None
            rows = take(array, picked) if array is not None else np.asarray([values[i] for i in picked])
            if not (np.issubdtype(rows.dtype, np.number) or rows.dtype == bool):
                continue
            plain = rows.ndim == 1 and not np.iscomplexobj(rows)
            points = rows if plain else np.abs(rows).mean(axis=tuple(range(1, rows.ndim)))
            curves[key] = np.asarray(points, dtype=float)
            curves[ITERATIONS + key] = picked
            if not plain:
                curves[SHAPE + key] = np.array(rows.shape[1:], dtype=int)
        except (TypeError, ValueError, KeyError, IndexError):
            continue
    return curves


def _filled(values: Any) -> Any:
    """Return an array with NaN where it is masked: what is under a mask is no value."""
    import numpy as np

    if not isinstance(values, np.ma.MaskedArray) or values.dtype.kind not in "biuf":
        return values
    return np.ma.filled(values.astype(float), np.nan)


def model_arrays(given: Mapping[str, Any]) -> dict[str, Any]:
    """Check what ``summary_arrays()`` of an agent or arena gave, and cut it to what a summary keeps.

    An agent or arena may have the method ``summary_arrays() -> dict of str to array``; what it gives is what figures
    show without loading the model:

    - ``"maps:<name>"``: (n_maps, n_y, n_x), the lowest x and y first; the first 16 are kept, as float32;
      ``"extent:<name>"``: x_min, x_max, y_min, y_max of their outer edges;
    - ``"trajectory:"``: (n_points, 2), x and y after each step; 1,000 evenly spaced ones are kept;
    - ``"walls:"``: (n_walls, 2, 2), start and end of each;
    - ``"extent:"``: x_min, x_max, y_min, y_max of the room. All lengths are in the unit of the arena.

    Raises
    ------
    ParameterError
        Another name, or an array of another shape.
    """
    import numpy as np

    arrays: dict[str, Any] = {}
    for name, value in given.items():
        if not (isinstance(name, str) and _names_a_model_array(name)):
            raise ParameterError(f"summary_arrays gave {name!r}; it may give {', '.join(_MODEL_ARRAYS)}.")
        array = np.asarray(value)
        if name.startswith(MAPS):
            array = array[:MAX_MAPS].astype(np.float32)
        if name == TRAJECTORY and array.ndim and len(array) > MAX_POINTS:
            arrays[STEPS] = np.linspace(0, len(array) - 1, MAX_POINTS).round().astype(int)
            array = array[arrays[STEPS]]
        if not fits(name, array):
            raise ParameterError(f"{name!r} in summary_arrays cannot be an array of {array.dtype} {array.shape}.")
        arrays[name] = np.ascontiguousarray(array)
    return arrays


def _names_a_model_array(name: str) -> bool:
    kind, colon, rest = name.partition(":")
    if kind + colon in (MAPS, EXTENT):
        return rest.isprintable() and "/" not in rest and len(rest) <= 100
    return name in _MODEL_ARRAYS


def write_summary(path: Path | str, history: Mapping[str, Any], arrays: Mapping[str, Any] | None = None) -> None:
    """Write summary.npz.

    Parameters
    ----------
    path : path-like
        The file.
    history : mapping
        Becomes curves.
    arrays : mapping, optional
        What `model_arrays` returned.
    """
    write_new(str(path), npz_bytes({**summarise(history), **(arrays or {})}))


def _can_be_a_name(key: str) -> bool:
    """Return whether a history key can be the name of an array in an archive, and is not one of our own."""
    return key.isprintable() and "/" not in key and len(key) <= 1000 and not key.startswith(RESERVED)


def fits(name: str, array: npt.NDArray[Any]) -> bool:
    """Return whether an array has the type and shape that its name promises."""
    limits = _SHAPES.get(name[: name.find(":") + 1])
    if limits is None or array.dtype.kind not in "biuf" or array.ndim != len(limits):
        return False
    if not all(low <= size <= high for size, (low, high) in zip(array.shape, limits, strict=True)):
        return False
    return not name.startswith(EXTENT) or _is_extent(*array.tolist())


def _is_extent(x_min: float, x_max: float, y_min: float, y_max: float) -> bool:
    return -1e300 < x_min < x_max < 1e300 and -1e300 < y_min < y_max < 1e300
