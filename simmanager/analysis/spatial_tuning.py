"""Spatial tuning of a cell from its rate map: spatial information, sparsity, border score."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..base.checks import check_integer, check_number
from ..base.errors import ParameterError
from ..base.public import public
from .arrays import FloatArray, check_bin_size, check_map

#: A firing field is where the rate is above this fraction of the highest one (Solstad et al. 2008).
FIELD_THRESHOLD = 0.3

#: Smallest field, as a fraction of the visited bins: 200 cm2 in a box of 1 m2 (Solstad et al. 2008).
SMALLEST_FIELD = 0.02

#: Bins from a wall within which its first visited bin is looked for (opexebo).
SEARCH_WIDTH = 8


@public("simmanager.analysis")
def spatial_information(rate_map: npt.ArrayLike, occupancy: npt.ArrayLike | None = None) -> float:
    """Return the spatial information of a cell, in bits per spike.

    I = sum_i p_i (r_i / r) log2(r_i / r), where p_i is the probability to be in bin i, r_i the rate there, and
    r = sum_i p_i r_i the mean rate (Skaggs et al. 1993, equation 2, divided by r).

    Parameters
    ----------
    rate_map : array, (n_y, n_x)
        Rates, not negative; NaN in bins that were not visited.
    occupancy : array, (n_y, n_x), optional
        Time spent in each bin, in any unit. By default the same in all bins that have a rate.

    Returns
    -------
    float
        At least 0, which is what a constant map has; at most log2(number of bins) if occupancy is even. NaN for a
        map without rates, or where all are 0.

    Raises
    ------
    ParameterError
        A rate or a time is negative, or the shapes differ.

    References
    ----------
    Skaggs, McNaughton, Gothard and Markus, "An information-theoretic approach to deciphering the hippocampal code",
    Advances in Neural Information Processing Systems 5, 1993.
    """
    rates, probability = _rates_and_probability(rate_map, occupancy)
    if rates is None:
        return np.nan
    relative = rates / (probability * rates).sum()
    spiking = relative > 0  # x log x goes to 0 with x
    information = float((probability * relative)[spiking] @ np.log2(relative[spiking]))
    return max(information, 0.0)  # rounding


@public("simmanager.analysis")
def sparsity(rate_map: npt.ArrayLike, occupancy: npt.ArrayLike | None = None) -> float:
    """Return the sparsity of a cell: the fraction of the room in which it fires.

    (sum_i p_i r_i)^2 / sum_i p_i r_i^2, with symbols and parameters as in `spatial_information`.

    Returns
    -------
    float
        Above 0; 1 for a constant map. NaN for a map without rates, or where all are 0.

    Raises
    ------
    ParameterError
        A rate or a time is negative, or the shapes differ.

    References
    ----------
    Skaggs, McNaughton, Wilson and Barnes, "Theta phase precession in hippocampal neuronal populations and the
    compression of temporal sequences", Hippocampus 6, 1996.
    """
    rates, probability = _rates_and_probability(rate_map, occupancy)
    if rates is None:
        return np.nan
    return float((probability * rates).sum() ** 2 / (probability * rates**2).sum())


def _rates_and_probability(
    rate_map: npt.ArrayLike, occupancy: npt.ArrayLike | None
) -> tuple[FloatArray | None, FloatArray]:
    """Return the rates, relative to the highest, and probabilities of all bins that have both; None if all are 0."""
    rates = check_map(rate_map)
    time = np.ones_like(rates) if occupancy is None else check_map(occupancy)
    if time.shape != rates.shape:
        raise ParameterError(f"occupancy must have the shape of the rate map, {rates.shape}, not {time.shape}.")
    known = np.isfinite(rates) & (time > 0)
    if (rates[known] < 0).any() or (time < 0).any():
        raise ParameterError("Rates and times must not be negative: information about place is then undefined.")
    highest = rates[known].max(initial=0.0)
    if highest == 0:
        return None, time[known]
    return rates[known] / highest, time[known] / time[known].sum()


@public("simmanager.analysis")
def border_score(
    rate_map: npt.ArrayLike,
    bin_size: float | tuple[float, float] = 1.0,
    threshold: float = FIELD_THRESHOLD,
    smallest_field: float = SMALLEST_FIELD,
    search_width: int = SEARCH_WIDTH,
) -> float:
    """Return the border score of a cell in a rectangular room: how much it fires along one of the four walls.

    b = (c - d) / (c + d). c is the largest fraction of a wall that a single firing field covers; d is the mean
    distance from the nearest wall over all fields, weighted by the rate, divided by half of the shorter side
    (Solstad et al. 2008). Fields are connected bins above ``threshold``. Walls inside the room do not count. Where the
    bins at a wall were not visited, as in any recording, the first visited bin behind them stands for the wall.

    Parameters
    ----------
    rate_map : array, (n_y, n_x)
        Rates; NaN in bins that were not visited. The walls are along its four sides.
    bin_size : float or (float, float)
        Size of a bin, or its sizes in x and y, in any unit. Default 1.
    threshold : float
        Fields are above this fraction of the highest rate, from 0 to 1. Default 0.3.
    smallest_field : float
        Smaller fields, as a fraction of the visited bins, do not count. Default 0.02 (200 cm2 of 1 m2).
    search_width : int
        Within so many bins of a wall its first visited bin is looked for; a place without one counts as not covered.
        Default 8, as in the package opexebo.

    Returns
    -------
    float
        From -1 (fields that touch no wall) to 1 (a thin field along a whole wall; a field that is one bin deep in a
        square of n bins has (n - 1) / (n + 1)). NaN without a field, and for a constant map.

    Raises
    ------
    ParameterError
        The map is no map, or a parameter is out of range.

    References
    ----------
    Solstad et al., "Representation of geometric borders in the entorhinal cortex", Science 322, 2008,
    https://doi.org/10.1126/science.1166466.
    """
    rates = check_map(rate_map)
    sizes = check_bin_size(bin_size)
    check_number("threshold", threshold, minimum=0, below=1)
    check_number("smallest_field", smallest_field, minimum=0, maximum=1)
    check_integer("search_width", search_width, minimum=1)
    fields = _fields(rates, threshold, smallest_field)
    if not fields:
        return np.nan
    coverage = max(_coverage(field, np.isfinite(rates), search_width) for field in fields)
    inside = np.logical_or.reduce(fields)
    half_side = (sizes * rates.shape).min() / 2
    distance = np.average(_wall_distance(rates.shape, sizes)[inside], weights=rates[inside]) / half_side
    return float((coverage - distance) / (coverage + distance))


def _wall_distance(shape: tuple[int, ...], sizes: FloatArray) -> FloatArray:
    """Return how far the middle of each bin is from the nearest side of the map, (n_y, n_x)."""
    middles = [np.arange(n) + 0.5 for n in shape]
    y, x = (np.minimum(middle, middle[::-1]) * size for middle, size in zip(middles, sizes, strict=True))
    nearest: FloatArray = np.minimum(y[:, np.newaxis], x)
    return nearest


def _fields(rates: FloatArray, threshold: float, smallest: float) -> list[npt.NDArray[np.bool_]]:
    """Return the firing fields of a map as masks; none if it is constant or nowhere positive."""
    from scipy.ndimage import label

    known = rates[np.isfinite(rates)]
    highest = known.max(initial=0.0)
    if highest <= 0 or known.min() == highest:
        return []
    labels, n_fields = label(rates > threshold * highest)  # NaN is not above anything
    fields = [labels == number for number in range(1, n_fields + 1)]
    return [field for field in fields if field.sum() >= smallest * known.size]


def _coverage(field: npt.NDArray[np.bool_], visited: npt.NDArray[np.bool_], search_width: int) -> float:
    """Return the largest fraction of a wall that a field covers, of the places before which the room was visited."""
    largest = 0.0
    for turns in range(4):  # each wall in turn is the first row
        inside, seen = (np.rot90(each, turns) for each in (field, visited))
        first = seen.argmax(axis=0)
        covered = inside[first, np.arange(len(first))] & (first < search_width)
        largest = max(largest, float(covered.sum() / max(seen.any(axis=0).sum(), 1)))
    return largest
