"""summary.npz: every history key as one scalar curve of at most 1,000 points, read without pickle."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy.typing as npt

#: Points of a curve that a summary keeps.
MAX_POINTS = 1000

#: How a value that is an array becomes one number.
REDUCTION = "mean absolute value"

#: Before the name of a curve: its iterations.
ITERATIONS = "iterations:"

#: Before the name of a curve: shape of the values that were reduced to numbers.
SHAPE = "shape:"

#: Before the name of maps, (n_maps, n_y, n_x), the lowest x and y first.
MAPS = "maps:"

#: x_min, x_max, y_min, y_max of the room; before the name of maps: their outer edges.
EXTENT = "extent:"

#: Positions, (n_points, 2); the steps after which they were reached, (n_points,); walls, (n_walls, 2, 2).
TRAJECTORY, STEPS, WALLS = "trajectory:", "steps:", "walls:"

#: How the names of our own arrays in summary.npz begin; history keys that begin so are left out.
RESERVED = (ITERATIONS, SHAPE, MAPS, EXTENT, TRAJECTORY, STEPS, WALLS)

#: Maps of one name, and rows or columns of a map, that a summary keeps at most.
MAX_MAPS, MAX_BINS = 16, 1000

#: Walls that a summary keeps at most.
MAX_WALLS = 10_000


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

    curves: dict[str, Any] = {}
    for key, values in history.items():
        if not isinstance(key, str) or not _can_be_a_name(key):
            continue
        try:
            length = len(values)
            few = length <= MAX_POINTS
            picked = np.arange(length) if few else np.linspace(0, length - 1, MAX_POINTS).round().astype(int)
            array = np.asarray(values) if isinstance(values, np.ndarray) else None
            rows = array[picked] if array is not None else np.asarray([values[i] for i in picked])
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


def write_summary(path: Path, history: Mapping[str, Any]) -> None:
    """Write summary.npz for a history."""
    import numpy as np

    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:  # as np.savez does, which refuses the keys "file" and "allow_pickle"
        for name, array in summarise(history).items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)
    path.write_bytes(content.getbuffer())  # at once: a zip writes many small pieces


def _can_be_a_name(key: str) -> bool:
    """Return whether a history key can be the name of an array in an archive, and is not one of our own."""
    return key.isprintable() and "/" not in key and len(key) <= 1000 and not key.startswith(RESERVED)


def fits(name: str, array: npt.NDArray[Any]) -> bool:
    """Return whether an array of real numbers can be what its name says: maps, a trajectory, walls or an extent."""
    if array.dtype.kind not in "biuf":
        return False
    if name.startswith(MAPS) and array.ndim == 3:
        n_maps, n_y, n_x = array.shape
        return 0 < n_maps <= MAX_MAPS and 0 < n_y <= MAX_BINS and 0 < n_x <= MAX_BINS
    if name.startswith(EXTENT) and array.shape == (4,):
        x_min, x_max, y_min, y_max = array.tolist()
        return bool(-1e300 < x_min < x_max < 1e300 and -1e300 < y_min < y_max < 1e300)
    limits = {TRAJECTORY: (2, MAX_POINTS), STEPS: (1, MAX_POINTS), WALLS: (3, MAX_WALLS)}
    n_axes, most = limits.get(name, (-1, 0))
    return array.ndim == n_axes and array.shape[0] <= most and all(size == 2 for size in array.shape[1:])
