"""What the measures of this package are given: rate maps and sizes of bins, checked."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..base.checks import check_number
from ..base.errors import ParameterError
from ..base.float_array import float_array

FloatArray = npt.NDArray[np.float64]


def check_map(rate_map: npt.ArrayLike) -> FloatArray:
    """Return a rate map as floats, (n_y, n_x), with NaN for all bins without a finite rate; raise if it is no map."""
    try:
        rates = float_array(rate_map)
    except (TypeError, ValueError):
        raise ParameterError("A rate map must be an array of real numbers, (n_y, n_x).") from None
    if rates.ndim != 2 or rates.size == 0:
        raise ParameterError(f"A rate map must have the shape (n_y, n_x) and at least one bin, not {rates.shape}.")
    rates[~np.isfinite(rates)] = np.nan
    return rates


def check_bin_size(bin_size: float | tuple[float, float]) -> FloatArray:
    """Return the size of a bin in y and in x, (2,), given one number or (size in x, size in y), or raise."""
    sizes = np.atleast_1d(np.asarray(bin_size, dtype=np.float64))
    if sizes.shape not in ((1,), (2,)):
        raise ParameterError(f"bin_size must be a number, or one for x and one for y, not {bin_size!r}.")
    for size in sizes.tolist():
        check_number("bin_size", size, above=0)
    return np.array([sizes[-1], sizes[0]])
