"""Single numbers from learning curves: final value, area under the curve, iterations to a threshold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from ..base.checks import check_number
from ..base.errors import ParameterError
from ..base.float_array import float_array
from ..base.public import public
from .arrays import FloatArray

#: On which side of a threshold a curve has to arrive.
Direction: TypeAlias = Literal["below", "above"]

DIRECTIONS = ("below", "above")


@public("simmanager.analysis")
def final_value(values: npt.ArrayLike, n_points: npt.ArrayLike | None = None, last: float = 1) -> FloatArray:
    """Return the last value of each curve, or the mean of its last values.

    Parameters
    ----------
    values : array, (n_runs, n_points)
        One curve for each run; NaN after the end of a shorter run.
    n_points : array of int, (n_runs,), optional
        Points of each run, so that a run that itself ended with NaN keeps it. By default NaN at the end of a curve
        are taken for its end: the last value that is not NaN.
    last : int or float, default 1
        The mean of so many points is taken, or, between 0 and 1, of such a part of the points of the curve, rounded up.
        Points before the last one that are NaN are left out.

    Returns
    -------
    ndarray, (n_runs,)
        NaN for a run without points, or that itself ended with NaN.

    Raises
    ------
    ParameterError
        The shape is another one, or ``last`` is out of range.
    """
    check_last(last)
    curves = _curves(values)
    if n_points is None:
        known = ~np.isnan(curves)
        places = np.arange(1, curves.shape[1] + 1)
        ends = np.where(known, places, 0).max(axis=1, initial=0)
    else:
        ends = np.asarray(n_points)
        if ends.shape != curves.shape[:1] or (ends < 0).any() or (ends > curves.shape[1]).any():
            raise ParameterError(f"n_points must hold a number from 0 to {curves.shape[1]} for each of the runs.")
    final = np.full(len(curves), np.nan)
    for i, (curve, end) in enumerate(zip(curves, ends.tolist(), strict=True)):
        if end and not np.isnan(curve[end - 1]):
            known = curve[:end][~np.isnan(curve[:end])]
            n = last if isinstance(last, int) else max(math.ceil(last * len(known) - 1e-9), 1)
            with np.errstate(invalid="ignore"):  # inf - inf is NaN, as it should be
                final[i] = known[-n:].mean()
    return final


def check_last(last: Any) -> float:
    """Return a number of points (int), or a part of them (float), if it is allowed, else raise `ParameterError`."""
    if isinstance(last, int) and not isinstance(last, bool) and last >= 1:
        return last
    if isinstance(last, float) and 0 < last < 1:
        return last
    raise ParameterError(f"last must be a number of points from 1, or a part of them between 0 and 1, not {last!r}.")


@public("simmanager.analysis")
def area_under_curve(iterations: npt.ArrayLike, values: npt.ArrayLike) -> FloatArray:
    """Return the area under each curve by the trapezoid rule over iterations.

    Points that are NaN are left out, so a gap is bridged by a straight line, and a run that ended early has the area
    up to its end: compare areas only between runs of the same length.

    Parameters
    ----------
    iterations : array, (n_points,)
        Ascending.
    values : array, (n_runs, n_points)
        One curve for each run.

    Returns
    -------
    ndarray, (n_runs,)
        In units of value x iteration; NaN for a run with fewer than two points.

    Raises
    ------
    ParameterError
        The shapes do not belong together.
    """
    curves = _curves(values)
    places = _places(iterations, curves)
    areas = np.full(len(curves), np.nan)
    for i, curve in enumerate(curves):
        known = ~np.isnan(curve)
        x, y = places[known], curve[known]
        if len(y) >= 2:
            with np.errstate(invalid="ignore"):  # inf - inf is NaN, as it should be
                areas[i] = np.sum(np.diff(x) * (y[1:] + y[:-1]) / 2)
    return areas


@public("simmanager.analysis")
def iterations_to_threshold(
    iterations: npt.ArrayLike, values: npt.ArrayLike, threshold: float, direction: Direction = "below"
) -> FloatArray:
    """Return the first iteration at which each curve is at or beyond a threshold.

    Parameters
    ----------
    iterations, values
        As in `area_under_curve`; NaN is on neither side.
    threshold : float
        In units of the values.
    direction : {"below", "above"}
        "below" (default): value <= threshold, for errors; "above": value >= threshold, for rewards.

    Returns
    -------
    ndarray, (n_runs,)
        NaN for a run that never gets there.

    Raises
    ------
    ParameterError
        The shapes do not belong together, the threshold is not finite, or there is no such direction.
    """
    curves = _curves(values)
    places = _places(iterations, curves)
    check_number("threshold", threshold)
    if direction not in DIRECTIONS:
        raise ParameterError(f"direction must be 'below' or 'above', not {direction!r}.")
    reached = curves <= threshold if direction == "below" else curves >= threshold
    first = np.where(reached, places, np.inf).min(axis=1, initial=np.inf)
    return np.where(np.isfinite(first), first, np.nan)


@public("simmanager.analysis")
def restricted_times(times: Sequence[npt.ArrayLike], ends: Sequence[npt.ArrayLike]) -> tuple[list[FloatArray], float]:
    """Return the times to an event up to a common horizon, with those of runs that were not seen to arrive.

    Such a time is censored: it is longer than the run was followed, and to leave it out would favour those that fail
    most. Every run is known up to the horizon, the shortest time that one which has not arrived was followed; what is
    compared is ``min(time, horizon)``, whose mean is the restricted mean time.

    Parameters
    ----------
    times : sequence of array, each (n_runs,)
        Of each group: when a run arrived; NaN for one that did not.
    ends : sequence of array, each (n_runs,)
        Until when each run was followed, in the same unit; infinity for one that cannot arrive any more. NaN: nothing
        is known of the run, and it stays without a time.

    Returns
    -------
    restricted : list of ndarray, each (n_runs,)
        ``min(time, horizon)``; the horizon for a run that did not arrive.
    horizon : float
        Without censored runs the longest time that a run was followed; NaN without any run.

    Raises
    ------
    ParameterError
        The shapes do not belong together.

    References
    ----------
    Royston P., Parmar M. K. B. (2013). Restricted mean survival time: an alternative to the hazard ratio for the
    design and analysis of randomized trials with a time-to-event outcome. BMC Medical Research Methodology 13, 152.
    """
    groups = [(float_array(time), float_array(end)) for time, end in zip(times, ends, strict=True)]
    if any(time.shape != end.shape or time.ndim != 1 for time, end in groups):
        raise ParameterError("times and ends must have the same shape (n_runs,), group by group.")
    censored = [end[np.isnan(time) & np.isfinite(end)].min(initial=np.inf) for time, end in groups]
    known = [value[np.isfinite(value)].max(initial=-np.inf) for pair in groups for value in pair]
    horizon = min(censored, default=np.inf)
    if not np.isfinite(horizon):
        horizon = max(known, default=np.nan)
    horizon = float(horizon) if np.isfinite(horizon) else np.nan
    restricted = [np.where(np.isnan(time), horizon, np.minimum(time, horizon)) for time, _ in groups]
    nothing = [np.isnan(time) & np.isnan(end) for time, end in groups]
    return [np.where(no, np.nan, each) for each, no in zip(restricted, nothing, strict=True)], horizon


def _curves(values: npt.ArrayLike) -> FloatArray:
    curves = float_array(values)
    if curves.ndim != 2:
        raise ParameterError(f"values must have the shape (n_runs, n_points), not {curves.shape}.")
    return curves


def _places(iterations: npt.ArrayLike, curves: FloatArray) -> FloatArray:
    places = float_array(iterations)
    if places.shape != curves.shape[1:]:
        raise ParameterError(f"iterations must have the shape {curves.shape[1:]}, not {places.shape}.")
    return places
