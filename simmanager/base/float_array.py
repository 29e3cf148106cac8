"""Arrays of floats of what users give: what is masked is missing, hence NaN."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def float_array(values: Any) -> npt.NDArray[np.float64]:
    """Return a new array of floats; NaN stands for what is masked, also in a list of masked arrays.

    Raises TypeError or ValueError for what is no array of real numbers, as NumPy does.
    """
    import numpy as np

    if isinstance(values, (list, tuple)) and any(_is_masked(value) for value in values):
        return np.array([float_array(value) for value in values])
    if isinstance(values, np.ma.MaskedArray):
        return np.array(np.ma.filled(values.astype(np.float64), np.nan))
    return np.array(values, dtype=np.float64)


def _is_masked(value: Any) -> bool:
    import numpy as np

    if isinstance(value, (list, tuple)):
        return any(map(_is_masked, value))
    return isinstance(value, np.ma.MaskedArray)
