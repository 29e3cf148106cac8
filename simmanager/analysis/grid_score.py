"""Grid cells: the grid score of a rate map, and the spacing and orientation of its grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..base.checks import check_number
from ..base.errors import ParameterError
from ..base.float_array import float_array
from ..base.model_arrays import EXTENT, MAPS
from ..base.public import public
from .arrays import FloatArray, check_bin_size
from .autocorrelogram import MIN_OVERLAP, spatial_autocorrelogram

#: Rotations at which a hexagonal grid looks like itself, and at which it does not, in degrees.
_ALIKE, _UNLIKE = (60, 120), (30, 90, 150)

#: The outer radius goes from the inner one + 10% to 90% of the shorter side (10 cm in a box of 1 m).
_EDGE = 0.1

#: Correlations lower than this are no peaks of a grid.
_LOWEST_PEAK = 0.1

#: Product of two variances below which annuli are flat.
_FLAT = 1e-20

#: Two distances that differ by less, in bins, are the same.
_SAME_DISTANCE = 1e-9


@public("simmanager.analysis")
@dataclass(frozen=True, slots=True, eq=False)
class GridProperties:
    """What `grid_properties` says about a rate map; NaN where it cannot be said.

    Parameters
    ----------
    score : float
        Grid score, from -2 to 2; above about 0.3 to 0.4 cells are usually called grid cells.
    inner, outer : float
        Radii of the annulus of the autocorrelogram that gave the score, in the unit of ``bin_size``.
    spacing : float
        Median distance from the centre of the autocorrelogram to the six nearest peaks, in the unit of ``bin_size``.
    orientation : float
        Direction of the peaks, in degrees, in [0, 60), from the x axis towards the y axis.
    peaks : ndarray, (n_peaks, 2)
        x and y of the up to six nearest peaks, as lags in the unit of ``bin_size``.
    """

    score: float
    inner: float
    outer: float
    spacing: float
    orientation: float
    peaks: FloatArray


@public("simmanager.analysis")
def grid_score(
    rate_map: npt.ArrayLike,
    bin_size: float | tuple[float, float] = 1.0,
    annulus: tuple[float, float] | None = None,
    min_overlap: int = MIN_OVERLAP,
) -> float:
    """Return the grid score ("gridness") of a rate map: how much its autocorrelogram looks like a hexagonal grid.

    An annulus of the spatial autocorrelogram is correlated with itself, rotated; the score is the lower of the
    correlations at 60 and 120 degrees minus the highest of those at 30, 90 and 150 degrees (Sargolini et al. 2006,
    in the form of Langston et al. 2010).

    Parameters
    ----------
    rate_map : array, (n_y, n_x)
        Rates; NaN in bins that were not visited.
    bin_size : float or (float, float)
        Size of a bin, or its sizes in x and y, in any unit. Default 1.
    annulus : (float, float), optional
        Inner and outer radius in the unit of ``bin_size``. By default the central peak is excluded (the inner radius
        is where the mean of the autocorrelogram around a circle first is 0 or lower, or rises again), and the score
        is the highest over successive outer radii in steps of one bin, from the inner radius + 10% of the map's
        shorter side to 90% of it, as in Langston et al. 2010 (10 cm each way in a box of 1 m).
    min_overlap : int
        As in `spatial_autocorrelogram`.

    Returns
    -------
    float
        From -2 to 2; NaN for a map that is constant, empty or too small.

    Raises
    ------
    ParameterError
        The map is no map, a size is not greater than 0, or the annulus is none.

    References
    ----------
    Sargolini et al., Science 312, 2006, https://doi.org/10.1126/science.1125572.
    Langston et al., "Development of the spatial representation system in the rat", Science 328, 2010,
    https://doi.org/10.1126/science.1188210.
    """
    return _Lags(spatial_autocorrelogram(rate_map, min_overlap), check_bin_size(bin_size)).score(annulus)[0]


@public("simmanager.analysis")
def grid_properties(
    rate_map: npt.ArrayLike,
    bin_size: float | tuple[float, float] = 1.0,
    annulus: tuple[float, float] | None = None,
    min_overlap: int = MIN_OVERLAP,
) -> GridProperties:
    """Return the grid score of a rate map with its annulus, and the spacing and orientation of the grid.

    Parameters and errors are those of `grid_score`. Peaks of the autocorrelogram are maxima above 0.1 within a square
    of the size of the central peak, placed between bins by a parabola through their neighbours. The spacing is the
    median distance of the six peaks nearest to the centre; the orientation is the angle to the first peak
    counter-clockwise from the x axis (Hafting et al. 2005), as the mean over all six, which lie 60 degrees apart.
    Both are NaN if there are fewer than six peaks.

    Returns
    -------
    GridProperties

    References
    ----------
    Hafting et al., "Microstructure of a spatial map in the entorhinal cortex", Nature 436, 2005,
    https://doi.org/10.1038/nature03721.
    """
    lags = _Lags(spatial_autocorrelogram(rate_map, min_overlap), check_bin_size(bin_size))
    score, inner, outer = lags.score(annulus)
    peaks = lags.nearest_peaks(6) * lags.unit
    spacing = orientation = np.nan
    if len(peaks) == 6:
        spacing = float(np.median(np.hypot(*peaks.T)))
        turns = np.exp(6j * np.arctan2(peaks[:, 1], peaks[:, 0])).mean()  # one turn for each 60 degrees
        orientation = float(np.degrees(np.angle(turns)) / 6 % 60 % 60)  # twice: -1e-16 % 60 is 60.0
    return GridProperties(score, inner, outer, spacing, orientation, peaks)


@public("simmanager.analysis")
def best_grid_score(agent: Any, env: Any, history: Any) -> float:
    """Return the highest grid score of an agent's maps: a metric for ``SingleSim(metrics={...: best_grid_score})``.

    The highest of many is higher than the highest of few, also without any grid: compare agents with as many maps.

    Parameters
    ----------
    agent : object
        With ``summary_arrays()``, whose ``"maps:..."`` arrays (n_maps, n_y, n_x) are taken, or else with
        ``get_rate_map_matrix()``, one map.
    env, history : object
        Not used.

    Returns
    -------
    float
        From -2 to 2; NaN if no map has a grid score.

    Raises
    ------
    ParameterError
        The agent has no maps.
    """
    maps = _maps_of(agent)
    if not maps:
        raise ParameterError(f"{type(agent).__name__} has no rate maps, so it has no grid score.")
    return max((score for score in (grid_score(*one) for one in maps) if np.isfinite(score)), default=np.nan)


def _maps_of(agent: Any) -> list[tuple[FloatArray, float | tuple[float, float]]]:
    """Return the rate maps of an agent, each with the sizes of its bins."""
    if not hasattr(agent, "summary_arrays"):
        alone = agent.get_rate_map_matrix() if hasattr(agent, "get_rate_map_matrix") else None
        return [] if alone is None else [(alone, 1.0)]
    arrays = agent.summary_arrays()
    maps: list[tuple[FloatArray, float | tuple[float, float]]] = []
    for name in (name for name in arrays if name.startswith(MAPS)):
        stack = float_array(arrays[name])
        extent = arrays.get(EXTENT + name.removeprefix(MAPS))
        n_y, n_x = stack.shape[1:]
        x_min, x_max, y_min, y_max = (0, n_x, 0, n_y) if extent is None else np.asarray(extent).tolist()
        maps += [(rates, ((x_max - x_min) / n_x, (y_max - y_min) / n_y)) for rates in stack]
    return maps


class _Lags:
    """An autocorrelogram with the place of each lag, in units of the smaller side of a bin."""

    def __init__(self, correlogram: FloatArray, bin_size: FloatArray) -> None:
        self.correlogram = correlogram
        self.unit = float(bin_size.min())
        self.bin_size = bin_size / self.unit
        self.centre = (np.array(correlogram.shape) - 1) // 2
        y, x = (np.arange(-n, n + 1) * size for n, size in zip(self.centre, self.bin_size, strict=True))
        self.x, self.y = np.meshgrid(x, y)
        self.distance = np.hypot(self.x, self.y)
        #: Number of the ring, one unit wide, in which a lag lies.
        self.ring = np.rint(self.distance).astype(np.intp)
        self.shorter_side = float(((self.centre + 1) * self.bin_size).min())

    def inner_radius(self) -> float:
        """Return the radius at which the central peak has its first minimum or is not positive any more, or NaN."""
        if not self.centre.all():  # one row or column of bins: there are no angles
            return np.nan
        known = np.isfinite(self.correlogram)
        rings = self.ring[known]
        n = np.bincount(rings)
        sums = np.bincount(rings, self.correlogram[known])
        profile = sums[n > 0] / n[n > 0]
        radii = np.flatnonzero(n > 0)
        not_positive = np.flatnonzero(profile[1:] <= 0) + 1
        minima = np.maximum(np.flatnonzero(np.diff(profile) >= 0), 1)  # the ring before the one that rises
        ends = [*not_positive[:1], *minima[:1]]
        return float(radii[min(ends)]) if ends else np.nan

    def score(self, annulus: tuple[float, float] | None) -> tuple[float, float, float]:
        """Return the grid score and the inner and outer radius of the annulus that gave it."""
        undefined = (np.nan, np.nan, np.nan)
        if annulus is None:
            inner = self.inner_radius()
            if np.isnan(inner):
                return undefined
            first, last = inner + _EDGE * self.shorter_side, (1 - _EDGE) * self.shorter_side
            radii = np.arange(first, last + _SAME_DISTANCE)
        else:
            inner, outer = (radius / self.unit for radius in _radii(annulus))
            radii = np.array([outer])
        if not len(radii):
            return undefined
        scores = self._scores(inner, radii)
        if np.isnan(scores).all():
            return undefined
        best = int(np.nanargmax(scores))
        return float(scores[best]), inner * self.unit, float(radii[best]) * self.unit

    def nearest_peaks(self, most: int) -> FloatArray:
        """Return x and y of the peaks nearest to the centre, (n_peaks, 2)."""
        from scipy.ndimage import label, maximum_filter

        inner = self.inner_radius()
        if np.isnan(inner):
            return np.empty((0, 2))
        filled = np.where(np.isfinite(self.correlogram), self.correlogram, -2.0)
        sides = 2 * np.rint(inner / self.bin_size).astype(int) + 1
        high = (filled == maximum_filter(filled, size=tuple(sides))) & (filled > _LOWEST_PEAK) & (self.distance > inner)
        labels = label(high, structure=np.ones((3, 3)))[0]
        first = np.unique(labels, return_index=True)[1][1:]  # one bin of each peak; 0 is no peak
        rows, columns = np.unravel_index(first, labels.shape)
        offsets = [_vertex(filled, rows, columns, *step) for step in ((0, 1), (1, 0))]
        x = self.x[rows, columns] + offsets[0] * self.bin_size[1]
        y = self.y[rows, columns] + offsets[1] * self.bin_size[0]
        nearest = np.argsort(np.hypot(x, y), kind="stable")[:most]
        return np.column_stack((x, y))[nearest]

    def _scores(self, inner: float, radii: FloatArray) -> FloatArray:
        """Return the score of each annulus from one inner radius to several outer ones."""
        radii, inner = radii + _SAME_DISTANCE, inner - _SAME_DISTANCE
        inside = (self.distance >= inner) & (self.distance <= radii[-1]) & np.isfinite(self.correlogram)
        x, y, values = self.x[inside], self.y[inside], self.correlogram[inside]
        # The first annulus that a lag belongs to; the sums over annuli are then cumulative.
        annulus = np.searchsorted(radii, self.distance[inside])
        alike, unlike = (
            np.array([_correlations(values, self._rotated(x, y, angle), annulus, len(radii)) for angle in angles])
            for angles in (_ALIKE, _UNLIKE)
        )
        scores: FloatArray = alike.min(axis=0) - unlike.max(axis=0)
        return scores

    def _rotated(self, x: FloatArray, y: FloatArray, degrees: float) -> FloatArray:
        """Return the autocorrelogram at lags that are rotated; NaN where it has no value."""
        from scipy.ndimage import map_coordinates

        cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        places = np.array([sin * x + cos * y, cos * x - sin * y]) / self.bin_size[:, None] + self.centre[:, None]
        values: FloatArray = map_coordinates(self.correlogram, places, order=1, cval=np.nan)
        return values


def _correlations(first: FloatArray, second: FloatArray, group: npt.NDArray[np.intp], n_groups: int) -> FloatArray:
    """Return the Pearson correlations over groups 0, 0 to 1, 0 to 2, ... (n_groups,); NaN where undefined."""
    known = np.isfinite(second)
    a, b, group = first[known], second[known], group[known]
    n, a_sum, b_sum, aa, bb, ab = (
        np.cumsum(np.bincount(group, weights, minlength=n_groups))
        for weights in (np.ones_like(a), a, b, a * a, b * b, a * b)
    )
    shared = np.maximum(n, 1)
    spread = (aa / shared - (a_sum / shared) ** 2) * (bb / shared - (b_sum / shared) ** 2)
    defined = (n >= MIN_OVERLAP) & (spread > _FLAT)
    covariance = ab / shared - a_sum * b_sum / shared**2
    return np.where(defined, np.clip(covariance / np.sqrt(np.where(defined, spread, 1.0)), -1, 1), np.nan)


def _vertex(
    values: FloatArray, rows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp], down: int, right: int
) -> FloatArray:
    """Return how far, in bins, the vertex of the parabola through a bin and its two neighbours is from the bin."""
    padded = np.pad(values, 1, constant_values=-2.0)
    before, here, after = (padded[rows + 1 + k * down, columns + 1 + k * right] for k in (-1, 0, 1))
    curvature = before - 2 * here + after
    usable = (before > -2) & (after > -2) & (curvature < 0)  # -2 stands for no value
    return np.where(usable, np.clip((before - after) / np.where(usable, 2 * curvature, 1.0), -0.5, 0.5), 0.0)


def _radii(annulus: Any) -> tuple[float, float]:
    try:
        inner, outer = annulus
    except (TypeError, ValueError):
        raise ParameterError(f"annulus must be an inner and an outer radius, not {annulus!r}.") from None
    check_number("the inner radius", inner, minimum=0)
    check_number("the outer radius", outer, above=inner)
    return float(inner), float(outer)
