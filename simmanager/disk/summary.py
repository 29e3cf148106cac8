"""summary.npz: every history key as one scalar curve of at most 1,000 points, read without pickle."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from ..base.errors import ParameterError
from ..base.model_arrays import EXTENT, MAPS
from ..base.text import describe, one_line
from .curves import MAX_POINTS, NoCurve, curve_of, evenly_spaced
from .files import write_new
from .history import columns_of, curve_name
from .metric_log import Logged
from .npz import npz_bytes

if TYPE_CHECKING:
    import numpy.typing as npt

#: Arrays of a summary, at most: curves of further history keys are left out.
MAX_ARRAYS = 9_000

#: Arrays of one history key, at most.
_OF_ONE_KEY = 3

#: Keys without a curve that are named, at most, and characters of each name and reason.
MAX_LEFT_OUT, _LONGEST_LEFT_OUT = 100, 200

#: How a value that is an array becomes one number.
REDUCTION = "mean absolute value"

#: Before the name of a curve: its iterations.
ITERATIONS = "iterations:"

#: Before the name of a curve: shape of the values that were reduced to numbers.
SHAPE = "shape:"

#: Before the name of a curve: there if the run has logged it, and its iterations are the steps that the run gave.
LOGGED = "logged:"

#: Positions, (n_points, 2); their indices in the whole trajectory, (n_points,); walls, (n_walls, 2, 2).
TRAJECTORY, STEPS, WALLS = "trajectory:", "steps:", "walls:"

#: How the names of our own arrays in summary.npz begin; history keys that begin so are left out.
RESERVED = (ITERATIONS, SHAPE, LOGGED, MAPS, EXTENT, TRAJECTORY, STEPS, WALLS)

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


#: Of a run that has logged nothing.
NOTHING_LOGGED: Mapping[str, Logged] = MappingProxyType({})


class Summary(NamedTuple):
    """The curves of a training history."""

    #: Each key that can be a curve -> (n_points,) float array, n_points <= 1000; with ``"iterations:" + key`` ->
    #: (n_points,) positions along the first axis, evenly spaced; with ``"shape:" + key`` -> shape of the values, where
    #: they were reduced to numbers.
    curves: dict[str, npt.NDArray[Any]]
    #: The other keys, and why each has no curve.
    left_out: dict[str, str]


def summarise(history: Any, logged: Mapping[str, Logged] = NOTHING_LOGGED) -> Summary:
    """Reduce a training history (name -> one value per iteration, see `curves.curve_of`) to scalar curves.

    What the run has logged is beside it; a name that both have is that of the history. Whatever an object in it raises,
    the other keys have their curves.
    """
    curves: dict[str, npt.NDArray[Any]] = {}
    left_out: dict[str, str] = {}
    for key, values in columns_of(history):
        name = curve_name(key)
        try:
            _check_room(curves, name)
            if name in curves:
                raise NoCurve("another key has the same name")
            points, rows, shape = curve_of(values)
        except NoCurve as why:
            _leave_out(left_out, name, str(why))
        except (Exception, SystemExit) as error:
            _leave_out(left_out, name, describe(error))
        else:
            curves[name], curves[ITERATIONS + name] = points, rows
            if shape is not None:
                curves[SHAPE + name] = _integers(shape)
    _add_logged(logged, curves, left_out)
    return Summary(curves, left_out)


def _add_logged(logged: Mapping[str, Logged], curves: dict[str, npt.NDArray[Any]], left_out: dict[str, str]) -> None:
    for name, (steps, values) in logged.items():
        if name in curves:
            continue
        try:
            _check_room(curves, name)
        except NoCurve as why:
            _leave_out(left_out, name, str(why))
        else:
            curves |= {name: values, ITERATIONS + name: steps, LOGGED + name: _integers(())}


def _check_room(curves: Mapping[str, Any], name: str) -> None:
    if len(curves) > MAX_ARRAYS - _OF_ONE_KEY:
        raise NoCurve(f"a summary has no room for more than {MAX_ARRAYS:,} arrays")
    if not _can_be_a_name(name):
        raise NoCurve("its name cannot be that of a curve")


def _leave_out(left_out: dict[str, str], name: str, reason: str) -> None:
    if len(left_out) < MAX_LEFT_OUT:
        left_out[one_line(name, _LONGEST_LEFT_OUT)] = one_line(reason, _LONGEST_LEFT_OUT)
    else:
        left_out["..."] = "further keys"


def _integers(shape: tuple[int, ...]) -> npt.NDArray[Any]:
    import numpy as np

    return np.array(shape, dtype=int)


def model_arrays(given: Mapping[str, Any]) -> dict[str, Any]:
    """Check what ``summary_arrays()`` of an agent or arena gave, and cut it to what a summary keeps.

    An agent or arena may have the method ``summary_arrays() -> dict of str to array``; what it gives is what figures
    show without loading the model:

    - ``"maps:<name>"``: (n_maps, n_y, n_x), the lowest x and y first; the first 16 are kept, as float32;
      ``"extent:<name>"``: x_min, x_max, y_min, y_max of their outer edges;
    - ``"trajectory:"``: (n_points, 2), x and y after each step; 1,000 evenly spaced ones are kept;
    - ``"walls:"``: (n_walls, 2, 2), start and end of each;
    - ``"extent:"``: x_min, x_max, y_min, y_max of the room. All lengths are in the unit of the arena.

    Another name, or an array of another shape, is a `ParameterError`.
    """
    import numpy as np

    arrays: dict[str, Any] = {}
    for name, value in given.items():
        if not (isinstance(name, str) and _names_a_model_array(name)):
            raise ParameterError(f"summary_arrays gave {name!r}; it may give {', '.join(_MODEL_ARRAYS)}.")
        masked = isinstance(value, np.ma.MaskedArray) and value.dtype.kind in "biuf"
        array = np.ma.filled(value.astype(float), np.nan) if masked else np.asarray(value)
        if name.startswith(MAPS):
            array = array[:MAX_MAPS].astype(np.float32)
        if name == TRAJECTORY and array.ndim and len(array) > MAX_POINTS:
            arrays[STEPS] = evenly_spaced(len(array))
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


def write_summary(path: Path | str, history: Any, arrays: Mapping[str, Any] | None = None) -> None:
    """Write summary.npz: the curves of a history, and what `model_arrays` returned."""
    write_arrays(path, {**summarise(history).curves, **(arrays or {})})


def write_arrays(path: Path | str, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write summary.npz: curves of `summarise`, arrays of `model_arrays`."""
    write_new(str(path), npz_bytes(arrays))


def _can_be_a_name(key: str) -> bool:
    """Return whether a history key can be the name of an array in an archive, and is not one of our own."""
    return key.isprintable() and ".." not in key.split("/") and len(key) <= 1000 and not key.startswith(RESERVED)


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
