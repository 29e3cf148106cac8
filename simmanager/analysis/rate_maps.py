"""Rate maps: how long an agent was where, and how much a cell fired there."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..base.checks import check_integer, check_number
from ..base.errors import ParameterError
from ..base.float_array import float_array
from ..base.public import public
from .arrays import FloatArray


@public("simmanager.analysis")
def occupancy(
    positions: npt.ArrayLike, n_bins: int | tuple[int, int], limits: npt.ArrayLike, dt_s: float = 1.0
) -> FloatArray:
    """Return the time spent in each bin of a room.

    Parameters
    ----------
    positions : array, (n_samples, 2)
        x and y in the unit of the arena, one for each time step; those outside the limits, and NaN, do not count.
    n_bins : int or (int, int)
        Bins in x and in y; one number for both.
    limits : array
        [[x_min, x_max], [y_min, y_max]] as ``arena_limits``, or x_min, x_max, y_min, y_max as an extent.
    dt_s : float
        Time step in s. Default 1.

    Returns
    -------
    ndarray, (n_y, n_x)
        In s; [0, 0] is at the lowest x and y.

    Raises
    ------
    ParameterError
        A shape or a value is not allowed.
    """
    check_number("dt_s", dt_s, above=0)
    return _histogram(_positions(positions), None, _edges(n_bins, limits)) * dt_s


@public("simmanager.analysis")
def rate_map(
    positions: npt.ArrayLike,
    n_bins: int | tuple[int, int],
    limits: npt.ArrayLike,
    *,
    rates: npt.ArrayLike | None = None,
    spikes: npt.ArrayLike | None = None,
    smoothing_m: float = 0.0,
    dt_s: float = 1.0,
) -> FloatArray:
    """Return the rate of a cell at each place of a room: what it fired there, divided by the time spent there.

    With smoothing, activity and time are both smoothed by a Gaussian before the division, so that the rate is not
    drawn towards 0 beside places that were never visited.

    Parameters
    ----------
    positions, n_bins, limits
        As in `occupancy`.
    rates : array, (n_samples,), optional
        Rate of the cell at each sample, in any unit; the map is its mean. NaN and infinities do not count.
    spikes : array, (n_samples,), optional
        Spikes of the cell in each time step; the map is in spikes per s. Give either ``rates`` or ``spikes``.
    smoothing_m : float
        Standard deviation of the Gaussian in the unit of the arena, at least 0. Default 0: no smoothing.
    dt_s : float
        Time step in s, for ``spikes``. Default 1.

    Returns
    -------
    ndarray, (n_y, n_x)
        NaN in bins that were not visited; [0, 0] is at the lowest x and y.

    Raises
    ------
    ParameterError
        A shape or a value is not allowed, or there are both or neither of ``rates`` and ``spikes``.
    """
    check_number("dt_s", dt_s, above=0)
    check_number("smoothing_m", smoothing_m, minimum=0)
    if (rates is None) == (spikes is None):
        raise ParameterError("Give either rates or spikes, one value for each position.")
    places, edges = _positions(positions), _edges(n_bins, limits)
    activity = float_array(spikes if rates is None else rates)
    if activity.shape != places.shape[:1]:
        name = "spikes" if rates is None else "rates"
        raise ParameterError(
            f"{name} must have the shape ({len(places)},), as many as positions, not {activity.shape}."
        )
    known = np.isfinite(activity)
    visits = _histogram(places[known], None, edges)
    total = _histogram(places[known], activity[known], edges)
    visited = visits > 0
    if smoothing_m > 0:
        total, visits = (_smoothed(part, smoothing_m, edges) for part in (total, visits))
    time = visits * (dt_s if rates is None else 1.0)
    return np.where(visited, total / np.where(visited, time, 1.0), np.nan)


def _smoothed(counts: FloatArray, smoothing_m: float, edges: tuple[FloatArray, FloatArray]) -> FloatArray:
    from scipy.ndimage import gaussian_filter

    x, y = edges
    sigma = (smoothing_m / (y[1] - y[0]), smoothing_m / (x[1] - x[0]))
    smooth: FloatArray = gaussian_filter(counts, sigma, mode="constant")
    return smooth


def _histogram(positions: FloatArray, weights: FloatArray | None, edges: tuple[FloatArray, FloatArray]) -> FloatArray:
    x, y = edges
    return np.histogram2d(positions[:, 1], positions[:, 0], bins=(y, x), weights=weights)[0]


def _positions(positions: npt.ArrayLike) -> FloatArray:
    """Return positions, (n_samples, 2); infinities, which lie nowhere, as NaN."""
    places = float_array(positions)
    if places.ndim != 2 or places.shape[1] != 2:
        raise ParameterError(f"positions must have the shape (n_samples, 2), not {places.shape}.")
    places[~np.isfinite(places)] = np.nan
    return places


def _edges(n_bins: int | tuple[int, int], limits: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return the edges of the bins in x and in y."""
    numbers = n_bins if isinstance(n_bins, (tuple, list)) else (n_bins, n_bins)
    ends = np.asarray(limits, dtype=np.float64)
    if ends.size != 4 or len(numbers) != 2:
        raise ParameterError("limits must be [[x_min, x_max], [y_min, y_max]], and n_bins one number or two.")
    (x_min, x_max), (y_min, y_max) = ends.reshape(2, 2).tolist()
    for name, low, high in (("x", x_min, x_max), ("y", y_min, y_max)):
        check_number(f"the lower limit of {name}", low)
        check_number(f"the upper limit of {name}", high, above=low)
    n_x, n_y = (check_integer("n_bins", n, minimum=1) for n in numbers)
    return np.linspace(x_min, x_max, n_x + 1), np.linspace(y_min, y_max, n_y + 1)
