"""The numbers that a comparison is about: one for each run, with those that are missing counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from ..analysis.learning_curves import (
    Direction,
    area_under_curve,
    check_last,
    final_value,
    iterations_to_threshold,
    restricted_times,
)
from ..base.errors import ParameterError, unknown
from ..base.rules import DIVERGED

if TYPE_CHECKING:
    from .results import Results
    from .run_result import RunResult
    from .values import Curves, MetricValues

FloatArray = npt.NDArray[np.float64]

#: Which number of a learning curve is compared.
Value: TypeAlias = Literal["final", "auc", "iterations_to_threshold"]

#: Which part of the points of a curve its final value is the mean of: one alone is as noisy as the curve.
LAST = 0.1

VALUES = ("final", "auc", "iterations_to_threshold")


@dataclass(frozen=True, slots=True, eq=False)
class RunValues:
    """One value for each run of a simulation.

    Parameters
    ----------
    simulation_id : str
        Which simulation.
    run_ids : tuple of int, (n_runs,)
        The runs that have a value.
    seeds : tuple of (int or None), (n_runs,)
        Their seeds.
    values : ndarray, (n_runs,)
        Their values, none of them NaN.
    n_total, n_finished : int
        Runs in whatever state, and finished ones.
    n_nan, n_failed, n_missing : int
        Finished runs whose value is NaN, whose metric raised, that have no such curve or metric.
    n_shorter, n_not_finite, n_unreadable, n_other_parameters, n_other_code : int
        As of `Curves`.
    n_stopped_early : int
        Runs with a value that a rule has stopped early.
    reduction : str
        As of `Curves`.
    n_diverged : int
        Failed runs that a rule (``fail_when``) has ended: they never arrive at a threshold.
    horizon : float or None
        Up to which iteration times to a threshold are compared (`restricted_times`).
    last_iteration : int or None
        At which the longest curve ends; None for a metric, or without a curve.
    numbers : dict of str to ndarray
        "final", "auc" and, with a threshold, "iterations_to_threshold" of all runs that have the curve; of the
        last also diverged runs.
    n_reached : int or None
        Runs that arrive at the threshold.
    """

    simulation_id: str
    run_ids: tuple[int, ...]
    seeds: tuple[int | None, ...]
    values: FloatArray
    n_total: int
    n_finished: int
    n_nan: int
    n_failed: int
    n_missing: int
    n_shorter: int
    n_not_finite: int
    n_unreadable: int
    n_other_parameters: int
    n_other_code: int
    n_stopped_early: int
    reduction: str
    last_iteration: int | None
    numbers: dict[str, FloatArray]
    n_diverged: int
    horizon: float | None
    n_reached: int | None


def values_of(
    results: Results,
    key: str | None,
    metric: str | None,
    value: Value = "final",
    threshold: float | None = None,
    direction: Direction = "below",
    last: float | None = None,
) -> list[RunValues]:
    """Return the values of all simulations in results, by a history key or by a metric.

    Parameters
    ----------
    results : Results
        The runs.
    key, metric : str or None
        One of them.
    value, threshold, direction, last
        As in `compare`; only for a key.

    Raises
    ------
    ParameterError
        ``value`` does not exist, needs a threshold that is not given, or there is a threshold for a metric.
    UnknownName
        There is no such key or metric.
    """
    points = LAST if last is None else check_last(last)
    if value not in VALUES:
        raise ParameterError(unknown("No value", value, VALUES))
    if metric is not None and (threshold is not None or last is not None or value != "final"):
        raise ParameterError("A metric is one number: value, threshold and last are for a key only.")
    if value == "iterations_to_threshold" and threshold is None:
        raise ParameterError("value='iterations_to_threshold' needs a threshold.")
    if key is None:
        return [_of_metric(results, values) for values in results.metric(str(metric)).values()]
    every = list(results.curves(key).values())
    if threshold is None:
        return [_of_curves(results, curves, value, points) for curves in every]
    times = [_times(results, curves, threshold, direction) for curves in every]
    restricted, horizon = restricted_times([time for _, time, _ in times], [ends for _, _, ends in times])
    return [
        _of_curves(results, curves, value, points, _Times(ids, at_most, horizon, int((time <= horizon).sum())))
        for curves, (ids, time, _), at_most in zip(every, times, restricted, strict=True)
    ]


class _Times(NamedTuple):
    """The iterations to a threshold of the runs of a simulation."""

    run_ids: tuple[int, ...]
    restricted: FloatArray
    horizon: float
    n_reached: int


def _times(
    results: Results, curves: Curves, threshold: float, direction: Direction
) -> tuple[tuple[int, ...], FloatArray, FloatArray]:
    """Return runs, when each arrives (NaN: it does not), and until when it was followed; a diverged one never does."""
    times = iterations_to_threshold(curves.iterations, curves.values, threshold, direction)
    diverged = [run.run_id for run in results.of(curves.simulation_id) if is_diverged(run)]
    ends = np.where(np.array(curves.ends) >= 0, curves.ends, np.nan) if len(curves.ends) else np.empty(0)
    never = np.full(len(diverged), np.nan), np.full(len(diverged), np.inf)
    return (*curves.run_ids, *diverged), np.append(times, never[0]), np.append(ends, never[1])


def is_diverged(run: RunResult) -> bool:
    """Return whether a rule has ended a run as failed (`rules.diverged`)."""
    return run.state == "error" and run.error.startswith(DIVERGED)


def _of_metric(results: Results, found: MetricValues) -> RunValues:
    n_finished = results.counts(found.simulation_id)["finished"]
    return _known(
        results,
        found.simulation_id,
        found.run_ids,
        found.values,
        n_failed=found.n_failed,
        n_missing=n_finished - found.n_runs - found.n_failed,
        n_other_parameters=found.n_other_parameters,
        n_other_code=found.n_other_code,
    )


def _of_curves(results: Results, curves: Curves, value: Value, last: float, times: _Times | None = None) -> RunValues:
    n_points = np.searchsorted(curves.iterations, curves.ends, side="right")
    numbers = {
        "final": final_value(curves.values, n_points, last),
        "auc": area_under_curve(curves.iterations, curves.values),
    }
    if times is not None:
        numbers["iterations_to_threshold"] = times.restricted
    n_finished = results.counts(curves.simulation_id)["finished"]
    return _known(
        results,
        curves.simulation_id,
        times.run_ids if times is not None and value == "iterations_to_threshold" else curves.run_ids,
        numbers[value],
        n_missing=n_finished - curves.n_runs - curves.n_unreadable,
        n_shorter=curves.n_shorter,
        n_not_finite=curves.n_not_finite,
        n_unreadable=curves.n_unreadable,
        n_other_parameters=curves.n_other_parameters,
        n_other_code=curves.n_other_code,
        reduction=curves.reduction,
        last_iteration=max((end for end in curves.ends if end >= 0), default=None),
        numbers=numbers,
        horizon=None if times is None else times.horizon,
        n_reached=None if times is None else times.n_reached,
    )


def _known(
    results: Results,
    simulation_id: str,
    run_ids: Sequence[int],
    values: FloatArray,
    *,
    n_failed: int = 0,
    n_missing: int = 0,
    n_shorter: int = 0,
    n_not_finite: int = 0,
    n_unreadable: int = 0,
    n_other_parameters: int = 0,
    n_other_code: int = 0,
    reduction: str = "",
    last_iteration: int | None = None,
    numbers: dict[str, FloatArray] | None = None,
    horizon: float | None = None,
    n_reached: int | None = None,
) -> RunValues:
    """Return the runs whose value is not NaN, and what is known about the others."""
    known = ~np.isnan(values)
    chosen = tuple(run_id for run_id, there in zip(run_ids, known.tolist(), strict=True) if there)
    runs = {run.run_id: run for run in results.of(simulation_id)}
    return RunValues(
        simulation_id=simulation_id,
        run_ids=chosen,
        seeds=tuple(runs[run_id].seed for run_id in chosen),
        values=values[known],
        n_total=results.total(simulation_id),
        n_finished=results.counts(simulation_id)["finished"],
        n_nan=int((~known).sum()),
        n_failed=n_failed,
        n_missing=n_missing,
        n_shorter=n_shorter,
        n_not_finite=n_not_finite,
        n_unreadable=n_unreadable,
        n_other_parameters=n_other_parameters,
        n_other_code=n_other_code,
        n_stopped_early=sum(bool(runs[run_id].stopped_early) for run_id in chosen),
        reduction=reduction,
        last_iteration=last_iteration,
        numbers=numbers or {},
        n_diverged=sum(map(is_diverged, runs.values())),
        horizon=horizon,
        n_reached=n_reached,
    )


def pair(first: RunValues, second: RunValues) -> tuple[FloatArray, FloatArray] | None:
    """Return the values of two simulations run by run, if their runs belong together.

    They do if at least two runs have the same id, and all runs that have the same id have the same seed.
    """
    others = dict(zip(second.run_ids, zip(second.seeds, second.values.tolist(), strict=True), strict=True))
    pairs = [
        (seed, value, *others[run_id])
        for run_id, seed, value in zip(first.run_ids, first.seeds, first.values.tolist(), strict=True)
        if run_id in others
    ]
    if len(pairs) < 2 or any(seed is None or seed != other for seed, _, other, _ in pairs):
        return None
    return np.array([value for _, value, _, _ in pairs]), np.array([value for _, _, _, value in pairs])
