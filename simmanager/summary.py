"""summary.npz: every history key as one scalar curve of at most 1,000 points, read without pickle."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

#: Points of a curve that a summary keeps.
MAX_POINTS = 1000

#: How a value that is an array becomes one number.
REDUCTION = "mean absolute value"

#: Key of the iterations in summary.npz; a history key of this name is left out.
ITERATIONS = "iterations:"


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
            points = rows if rows.ndim == 1 else np.abs(rows).mean(axis=tuple(range(1, rows.ndim)))
            curves[key] = np.asarray(np.abs(points) if np.iscomplexobj(points) else points, dtype=float)
            curves[ITERATIONS + key] = picked
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
    return key.isprintable() and "/" not in key and len(key) <= 1000 and not key.startswith(ITERATIONS)
