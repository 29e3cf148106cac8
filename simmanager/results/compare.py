"""Comparison: what the runs of each simulation gave, and how simulations differ, with confidence intervals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..analysis.aggregates import STATISTICS, interquartile_mean, mean, median
from ..analysis.bootstrap import LEVEL, N_RESAMPLES
from ..analysis.differences import difference, holm, probability_interval, probability_of_improvement
from ..analysis.intervals import Method, confidence_interval, used_method
from ..base.errors import ParameterError, ParameterTypeError, UnknownName, hint, unknown
from ..base.metrics import RECORD_METRICS
from ..base.public import public
from .compared_runs import LAST, RunValues, Value, pair, values_of
from .comparison import Comparison, Difference, SimulationSummary
from .source import Source, results_of

if TYPE_CHECKING:
    from ..analysis.learning_curves import Direction

#: More pairs than this are not compared unless a baseline is named.
MAX_PAIRS = 500


@public("simmanager")
def compare(
    batch: Source,
    key: str | None = None,
    metric: str | None = None,
    simulations: str | Iterable[str] | None = None,
    statistic: Literal["iqm", "mean", "median"] = "iqm",
    level: float = LEVEL,
    seed: int = 0,
    threshold: float | None = None,
    *,
    direction: Direction = "below",
    value: Value = "final",
    last: float | None = None,
    baseline: str | None = None,
    method: Method = "t",
    n_resamples: int = N_RESAMPLES,
) -> Comparison:
    """Compare simulations by a learning curve or by a metric.

    Each run gives one value. Simulations are summarised by mean, median and interquartile mean over runs with a
    confidence interval that holds its level for three runs and more (`simmanager.analysis.confidence_interval`), and
    compared in pairs by the difference of the statistic (`difference`) and the probability of improvement
    (`probability_interval`). The intervals of several pairs hold their level all together (Bonferroni), and their
    p-values are adjusted by the method of Holm: of equal simulations, few experiments show a difference. Two
    simulations are paired if all runs of the same id that both have, and at least two, have the same seed.

    Parameters
    ----------
    batch : Results, SimulationManager or path-like
        Results as they are; a manager or a folder is read now, without unpickling.
    key : str, optional
        A history key: its curves are compared. Give either ``key`` or ``metric``.
    metric : str, optional
        A metric of the simulations, or "duration_s", "cpu_s" or "peak_mb".
    simulations : str or iterable of str, optional
        All by default.
    statistic : {"iqm", "mean", "median"}
        What the intervals and the differences are about. Default "iqm", the interquartile mean.
    level : float
        Confidence level, between 0 and 1. Default 0.95.
    seed : int
        Of the bootstrap: the same seed gives the same intervals. Default 0.
    threshold : float, optional
        Count the iterations until a curve is at or beyond it.
    direction : {"below", "above"}
        From which side: "below" (default) for errors, "above" for rewards.
    value : {"final", "auc", "iterations_to_threshold"}
        Which number of a curve is compared: its final value (default), the area under it, or the iterations to the
        threshold. A run that does not arrive, or has diverged (``fail_when``), counts with the horizon, up to which
        all are known, and no run counts with more (`simmanager.analysis.restricted_times`).
    last : int or float, optional
        Of how many of the last recorded points the final value is the mean; between 0 and 1, of which part of them.
        Default 0.1: the last 10%. 1 is the last point alone.
    baseline : str, optional
        Compare all simulations with this one only. By default all pairs, unless they are more than 500.
    method : {"t", "bootstrap"}
        How intervals are found: by Student's t (default), or as percentiles of a bootstrap (Agarwal et al. 2021), which
        are too narrow below some 20 runs, and have no p-values.
    n_resamples : int
        Of the bootstrap. Default 2000.

    Returns
    -------
    Comparison

    Raises
    ------
    ParameterError
        Neither key nor metric, or both (lists those that exist); or a parameter is out of range.
    UnknownName
        There is no such key, metric or simulation; lists those that exist.
    BatchNotFound
        There is no batch at that path.

    Examples
    --------
    >>> print(compare("my_batch", metric="grid_score", baseline="control"))  # doctest: +SKIP
    """
    results = results_of(batch).select(simulations)
    _check_statistic(statistic)
    if (key is None) == (metric is None):
        raise ParameterError(
            f"Give either key or metric. Keys: {', '.join(results.keys) or 'none yet'}. "
            f"Metrics: {', '.join((*results.metric_names, *RECORD_METRICS))}."
        )
    found = values_of(results, key, metric, value, threshold, direction, last)
    used_method(statistic, method)  # raises for one that does not exist
    how: dict[str, Any] = {"statistic": statistic, "method": method, "n_resamples": n_resamples, "seed": seed}
    pairs, notes = _pairs(found, baseline)
    return Comparison(
        name=results.name,
        key=key,
        metric=metric,
        value=value if key is not None else "",
        last=None if key is None else LAST if last is None else last,
        reduction=next((runs.reduction for runs in found if runs.reduction), ""),
        statistic=statistic,
        level=level,
        method=method,
        n_resamples=n_resamples,
        seed=seed,
        threshold=threshold,
        direction=direction,
        horizon=found[0].horizon if found else None,
        simulations=tuple(_summary(runs, statistic, level, how) for runs in found),
        differences=_differences(pairs, level, how),
        notes=(*notes, *_note_on_lengths(found), *_note_on_horizon(found)),
    )


def _check_statistic(statistic: Any) -> None:
    if not isinstance(statistic, str):
        raise ParameterTypeError(f"statistic must be a name ({', '.join(STATISTICS)}), not {statistic!r}.")
    if statistic not in STATISTICS:
        raise ParameterError(unknown("No statistic", statistic, STATISTICS))


def _pairs(found: Sequence[RunValues], baseline: str | None) -> tuple[list[tuple[RunValues, RunValues]], list[str]]:
    """Return the pairs of simulations to compare, and why others are left out, in words."""
    ids = [runs.simulation_id for runs in found]
    if baseline is not None and baseline not in ids:
        raise UnknownName(f"No simulation {baseline!r} as baseline.{hint(baseline, ids)}")
    full = [runs for runs in found if len(runs.values)]
    empty = [runs.simulation_id for runs in found if not len(runs.values)]
    notes = [f"No differences with {name}: it has no value." for name in empty] if len(found) > 1 else []
    pairs = list(combinations(full, 2))
    if baseline is not None:
        pairs = [(one, other) for other in full if other.simulation_id == baseline for one in full if one is not other]
    if len(pairs) > MAX_PAIRS:
        return [], [*notes, f"{len(pairs)} differences are left out: name a baseline, or fewer simulations."]
    return pairs, notes


def _note_on_lengths(found: Sequence[RunValues]) -> list[str]:
    ends = {runs.last_iteration for runs in found if runs.last_iteration is not None}
    if len(ends) < 2:
        return []
    return [f"The simulations end at different iterations, {min(ends)} to {max(ends)}: so do final values and areas."]


def _note_on_horizon(found: Sequence[RunValues]) -> list[str]:
    horizon = found[0].horizon if found else None
    longest = max((runs.last_iteration for runs in found if runs.last_iteration is not None), default=0)
    if horizon is None or not horizon < longest:
        return []
    return [
        f"Times to the threshold are known up to iteration {horizon:g} only: a run that had not arrived ended there. "
        "Leave out what is so short (simulations=), or let it run on."
    ]


def _summary(runs: RunValues, statistic: str, level: float, how: dict[str, Any]) -> SimulationSummary:
    of_runs = STATISTICS[statistic]
    low, high = confidence_interval(runs.values, level=level, **how)
    numbers = {name: float(of_runs(values)) for name, values in runs.numbers.items()}
    with np.errstate(invalid="ignore"):  # infinite values have no standard deviation
        std = float(np.std(runs.values, ddof=1)) if len(runs.values) > 1 else np.nan
    return SimulationSummary(
        simulation_id=runs.simulation_id,
        n_runs=len(runs.values),
        n_total=runs.n_total,
        n_finished=runs.n_finished,
        mean=float(mean(runs.values)),
        median=float(median(runs.values)),
        iqm=float(interquartile_mean(runs.values)),
        std=std,
        low=_end(low),
        high=_end(high),
        final=numbers.get("final"),
        auc=numbers.get("auc"),
        iterations_to_threshold=numbers.get("iterations_to_threshold"),
        n_reached=runs.n_reached,
        n_diverged=runs.n_diverged,
        n_nan=runs.n_nan,
        n_infinite=int(np.isinf(runs.values).sum()),
        n_failed=runs.n_failed,
        n_missing=runs.n_missing,
        n_shorter=runs.n_shorter,
        n_not_finite=runs.n_not_finite,
        n_unreadable=runs.n_unreadable,
        n_other_parameters=runs.n_other_parameters,
        n_other_code=runs.n_other_code,
        n_stopped_early=runs.n_stopped_early,
        run_ids=runs.run_ids,
        values=tuple(runs.values.tolist()),
    )


def _differences(
    pairs: Sequence[tuple[RunValues, RunValues]], level: float, how: dict[str, Any]
) -> tuple[Difference, ...]:
    """Return how the simulations of each pair differ; the level holds for all pairs together."""
    each = 1 - (1 - level) / max(len(pairs), 1)
    found = [_difference(*pair, each, how) for pair in pairs]
    adjusted = holm([np.nan if one.p is None else one.p for one in found])
    return tuple(replace(one, p=_end(p)) for one, p in zip(found, adjusted.tolist(), strict=True))


def _difference(first: RunValues, second: RunValues, level: float, how: dict[str, Any]) -> Difference:
    pairs = pair(first, second)
    paired = pairs is not None
    a, b = pairs or (first.values, second.values)
    estimate = difference(a, b, paired, level=level, **how)
    probability_low, probability_high = probability_interval(a, b, paired, level)
    return Difference(
        first=first.simulation_id,
        second=second.simulation_id,
        difference=estimate.value,
        low=_end(estimate.low),
        high=_end(estimate.high),
        p=_end(estimate.p),
        probability_of_improvement=probability_of_improvement(a, b, paired),
        probability_low=_end(probability_low),
        probability_high=_end(probability_high),
        paired=paired,
        n_first=len(a),
        n_second=len(b),
    )


def _end(value: float) -> float | None:
    """Return an end of an interval, None if there is none."""
    return None if np.isnan(value) else float(value)
