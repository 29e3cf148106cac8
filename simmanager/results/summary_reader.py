"""Reading summary.npz of a run that may be anybody's: no pickle, no archive that unfolds, no more than fits."""

from __future__ import annotations

import functools
import io
import math
import os
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.model_arrays import EXTENT, MAPS
from ..disk.curves import MAX_POINTS
from ..disk.files import open_regular
from ..disk.run_folder import RunFolder
from ..disk.summary import ITERATIONS, LOGGED, REDUCTION, RESERVED, SHAPE, STEPS, TRAJECTORY, WALLS, fits
from .values import Map, Trajectory

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Arrays = dict[str, npt.NDArray[np.generic]]

#: Bytes of the longest summary that is read; ours have some ten thousand.
MAX_BYTES = 64_000_000

#: Largest iteration that is accepted from a file: times any stride, it still fits 64 bits.
_MAX_ITERATION = 2**31

#: Lengths of name and extra field in the header of a member.
_LENGTHS = struct.Struct("<HH")

#: Arrays of the fullest summary that is read.
MAX_ARRAYS = 10_000


class SummaryUnreadable(Exception):
    """A summary is damaged, or is none of ours."""


def read_summary(path: Path | str) -> Arrays:
    """Return all arrays of a summary by name; {} if there is no such file.

    Only what `simmanager.disk.summary` writes is read: members that are not compressed, so that nothing unfolds to more
    than the file has bytes, each one array of numbers.

    Raises
    ------
    SummaryUnreadable
        It is something else, or damaged; says what.
    """
    try:
        with os.fdopen(open_regular(path), "rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise SummaryUnreadable(f"it cannot be read ({error.strerror})") from None
    if len(content) > MAX_BYTES:
        raise SummaryUnreadable(f"it has more than {MAX_BYTES} bytes")
    try:
        return _arrays(content)
    except SummaryUnreadable:
        raise
    except Exception as error:  # whatever damaged bytes make of zipfile and numpy
        raise SummaryUnreadable(f"it is damaged ({type(error).__name__}: {error})"[:300]) from None


def _arrays(content: bytes) -> Arrays:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = archive.infolist()
        if len(members) > MAX_ARRAYS:
            raise SummaryUnreadable(f"it has more than {MAX_ARRAYS} arrays")
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise SummaryUnreadable("it is compressed")
        if sum(member.file_size for member in members) > len(content):
            raise SummaryUnreadable("it claims to hold more than its size")
        return {member.filename.removesuffix(".npy"): _array(_stored(content, member)) for member in members}


def _stored(content: bytes, member: zipfile.ZipInfo) -> bytes:
    """Return the bytes of a member that is not compressed: four times as fast as `zipfile.ZipFile.read`."""
    name, extra = _LENGTHS.unpack_from(content, member.header_offset + 26)
    start = member.header_offset + 30 + name + extra
    found = content[start : start + member.file_size]
    if zlib.crc32(found) != member.CRC:
        raise SummaryUnreadable(f"{member.filename} does not have its checksum")
    return found


def _array(content: bytes) -> npt.NDArray[Any]:
    """Return the array in the bytes of a .npy file, without copying."""
    import numpy as np

    start = 10 + int.from_bytes(content[8:10], "little")  # as a file of version 1.0 has it
    shape, dtype = _header(content[:start])
    if math.prod(shape) * dtype.itemsize != len(content) - start:
        raise SummaryUnreadable(f"an array of shape {shape} does not have its bytes")
    return np.frombuffer(content, dtype, offset=start).reshape(shape)


@functools.lru_cache(maxsize=256)  # the runs of a batch have the same few
def _header(content: bytes) -> tuple[tuple[int, ...], np.dtype[Any]]:
    import numpy as np

    file = io.BytesIO(content)
    version = np.lib.format.read_magic(file)
    if version != (1, 0):
        raise SummaryUnreadable(f"an array has version {version}")
    shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(file)
    if dtype.kind not in "biuf" or fortran_order:
        raise SummaryUnreadable(f"an array is of type {dtype}")
    return shape, dtype


class Summaries:
    """Summaries of runs that are finished, read when asked for and kept as long as they are few.

    Parameters
    ----------
    limit : int
        Bytes of arrays to keep; what is beyond is read again when asked for again.
    """

    def __init__(self, limit: int = 256_000_000) -> None:
        self._room = limit
        self._kept: dict[Path, Arrays] = {}
        #: Runs whose summary is damaged -> what is wrong with it.
        self.unreadable: dict[Path, str] = {}

    def of(self, run: Path) -> Arrays:
        """Return the arrays of the run in a folder; {} if its summary is missing or damaged."""
        if run in self.unreadable:
            return {}
        arrays = self._kept.get(run)
        if arrays is None:
            try:
                arrays = read_summary(RunFolder(run).summary)
            except SummaryUnreadable as error:
                self.unreadable[run] = str(error)
                return {}
            size = sum(array.nbytes for array in arrays.values())
            if size <= self._room:
                self._room -= size
                self._kept[run] = arrays
        return arrays


# What is in it -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """One history key of one run, as its summary keeps it.

    Parameters
    ----------
    iterations : ndarray of int, (n_points,)
        Rows of the history, ascending.
    values : ndarray, (n_points,)
        One number each.
    reduction : str
        How arrays became numbers; "" if they were numbers.
    is_logged : bool
        The run has logged it: ``iterations`` are steps that it gave, not rows of its history.
    """

    iterations: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]
    reduction: str
    is_logged: bool = False


def curve_keys(arrays: Arrays) -> list[str]:
    """Return the history keys that a summary has curves of."""
    return [name for name in arrays if ITERATIONS + name in arrays and not name.startswith(RESERVED)]


def curve_of(arrays: Arrays, key: str) -> Curve | None:
    """Return the curve of a history key; None if there is none that can be one."""
    import numpy as np

    values, iterations = arrays.get(key), arrays.get(ITERATIONS + key)
    if values is None or iterations is None or key.startswith(RESERVED):
        return None
    if values.shape != iterations.shape or values.ndim != 1 or len(values) > MAX_POINTS or iterations.dtype.kind != "i":
        return None
    rows = iterations.astype(np.int64)
    if len(rows) and (rows[0] < 0 or rows[-1] >= _MAX_ITERATION or (rows[1:] <= rows[:-1]).any()):
        return None
    return Curve(rows, values.astype(np.float64), REDUCTION if SHAPE + key in arrays else "", LOGGED + key in arrays)


def maps_of(arrays: Arrays) -> dict[str, Map]:
    """Return the maps in a summary by name; those that can be none are left out."""
    import numpy as np

    maps = {}
    for full_name, array in arrays.items():
        name = full_name.removeprefix(MAPS)
        if name == full_name or not fits(full_name, array):
            continue
        values = array.astype(np.float64)
        bins = (0.0, float(values.shape[2]), 0.0, float(values.shape[1]))
        maps[name] = Map(name, values, _extent(arrays, EXTENT + name) or _extent(arrays, EXTENT) or bins)
    return maps


def trajectory_of(arrays: Arrays) -> Trajectory | None:
    """Return the trajectory in a summary; None if there is none that can be one."""
    import numpy as np

    positions, walls, steps = (arrays.get(name) for name in (TRAJECTORY, WALLS, STEPS))
    if positions is None or not fits(TRAJECTORY, positions) or not len(positions):
        return None
    places = positions.astype(np.float64)
    if not np.isfinite(places).all():
        return None
    (x_min, y_min), (x_max, y_max) = places.min(axis=0).tolist(), places.max(axis=0).tolist()
    return Trajectory(
        places,
        _extent(arrays, EXTENT) or (x_min, x_max, y_min, y_max),
        walls.astype(np.float64) if walls is not None and fits(WALLS, walls) else np.empty((0, 2, 2)),
        steps.astype(np.int64) if steps is not None and steps.shape == places.shape[:1] else np.arange(len(places)),
    )


def _extent(arrays: Arrays, name: str) -> tuple[float, float, float, float] | None:
    array = arrays.get(name)
    if array is None or not fits(name, array):
        return None
    x_min, x_max, y_min, y_max = array.astype(float).tolist()
    return x_min, x_max, y_min, y_max
