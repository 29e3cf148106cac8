"""The spatial autocorrelogram of a rate map: how alike the map is to itself, shifted."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..base.checks import check_integer
from ..base.public import public
from .arrays import FloatArray, check_map

#: Overlapping bins below which a lag is not estimated (Sargolini et al. 2006).
MIN_OVERLAP = 20

#: An overlap that varies less than this, as a fraction of the map's variance, is flat: its correlation is undefined.
_FLAT = 1e-8

#: A map that varies less than this, as a fraction of its largest value, is constant up to rounding.
_ROUNDING = 1e-12


@public("simmanager.analysis")
def spatial_autocorrelogram(rate_map: npt.ArrayLike, min_overlap: int = MIN_OVERLAP) -> FloatArray:
    """Return the spatial autocorrelogram of a rate map.

    At each lag it is the Pearson correlation between the map and the shifted map, over the n bins where both
    have a rate: r = (n sum(ab) - sum(a) sum(b)) / sqrt((n sum(a^2) - sum(a)^2) (n sum(b^2) - sum(b)^2)), the first
    equation of the supporting material of Sargolini et al. 2006. The sums are computed by Fourier transforms.

    Parameters
    ----------
    rate_map : array, (n_y, n_x)
        Rates; NaN in bins that were not visited.
    min_overlap : int
        Lags with fewer overlapping bins are NaN. At least 2; default 20, as in the paper.

    Returns
    -------
    ndarray, (2 n_y - 1, 2 n_x - 1)
        From -1 to 1, with lag (0, 0) at [n_y - 1, n_x - 1], where it is 1. NaN at lags with too few overlapping
        bins, or where one of the overlapping parts is flat; a constant or empty map gives NaN everywhere.

    Raises
    ------
    ParameterError
        The map is no map, or ``min_overlap`` is less than 2.

    References
    ----------
    Sargolini et al., "Conjunctive representation of position, direction, and velocity in entorhinal cortex",
    Science 312, 2006, https://doi.org/10.1126/science.1125572.
    """
    rates = check_map(rate_map)
    check_integer("min_overlap", min_overlap, minimum=2)
    seen = ~np.isnan(rates)
    standard = _standardised(rates, seen)
    if standard is None:
        return np.full((2 * rates.shape[0] - 1, 2 * rates.shape[1] - 1), np.nan)
    n, total, squares, products = _lagged_sums(standard, seen)
    shared = np.maximum(n, 1)
    # The sums over the other copy's part of the overlap are those at the opposite lag.
    mean, other_mean = total / shared, total[::-1, ::-1] / shared
    variance = squares / shared - mean**2
    other_variance = variance[::-1, ::-1]
    defined = (n >= min_overlap) & (variance > _FLAT) & (other_variance > _FLAT)
    spread = np.sqrt(np.where(defined, variance * other_variance, 1.0))
    correlation = np.clip((products / shared - mean * other_mean) / spread, -1, 1)
    return np.where(defined, correlation, np.nan)


def _standardised(rates: FloatArray, seen: npt.NDArray[np.bool_]) -> FloatArray | None:
    """Return a map with mean 0 and variance 1, and 0 where it has no rate; None if it is constant or empty."""
    largest = np.abs(rates[seen]).max(initial=0.0)
    if largest == 0:
        return None
    rates = rates / largest
    spread = rates[seen].std()
    if spread <= _ROUNDING:
        return None
    return np.where(seen, (rates - rates[seen].mean()) / spread, 0.0)


def _lagged_sums(
    rates: FloatArray, seen: npt.NDArray[np.bool_]
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return number, sum, sum of squares and sum of products over the bins that overlap at each lag."""
    from scipy import fft

    n_y, n_x = rates.shape
    shape = [fft.next_fast_len(2 * n - 1, real=True) for n in rates.shape]
    mask, values, squares = (fft.rfft2(part, shape) for part in (seen.astype(np.float64), rates, rates**2))
    lags = np.ix_(np.arange(1 - n_y, n_y) % shape[0], np.arange(1 - n_x, n_x) % shape[1])

    def correlate(first: npt.NDArray[np.complex128], second: npt.NDArray[np.complex128]) -> FloatArray:
        sums: FloatArray = fft.irfft2(first * np.conj(second), shape)[lags]
        return sums

    n = np.rint(correlate(mask, mask))
    return n, correlate(values, mask), correlate(squares, mask), correlate(values, values)
