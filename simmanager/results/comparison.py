"""The record of a comparison: what each simulation gave, how they differ; prints as tables."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from ..analysis.bootstrap import FEWEST
from ..base.errors import UnknownName, unknown
from ..base.public import public
from ..base.tables import Column, Table
from ..base.text import count, plain
from .in_digits import interval, number, with_interval

if TYPE_CHECKING:
    import pandas as pd


@public("simmanager")
@dataclass(frozen=True, slots=True)
class SimulationSummary:
    """What the runs of one simulation gave.

    Parameters
    ----------
    simulation_id : str
        Which simulation.
    n_runs : int
        Runs that have a value: what all statistics here are about.
    n_total : int
        Runs of the simulation, in whatever state.
    n_finished : int
        Runs that are finished.
    mean, median, iqm, std : float
        Of the values of the runs: mean, median, interquartile mean, standard deviation (n - 1). NaN if there are too
        few runs.
    low, high : float or None
        Ends of the confidence interval of the statistic asked for; None with fewer than three runs.
    final, auc, iterations_to_threshold : float or None
        The statistic asked for, of the final values, of the areas under the curves, and of the iterations to the
        threshold, up to the horizon; None for a metric, or without a threshold. NaN without a run.
    n_reached : int or None
        Runs that reach the threshold.
    n_diverged : int
        Failed runs that a rule (``fail_when``) has ended.
    n_nan : int
        Finished runs whose value is NaN; they are left out.
    n_infinite : int
        Runs whose value is infinite; they count.
    n_failed, n_missing : int
        Finished runs whose metric raised; those that have no such curve or metric at all.
    n_shorter, n_not_finite, n_unreadable : int
        Runs whose curve is shorter than the longest of this simulation, or holds NaN or infinities; finished runs
        whose summary is damaged.
    n_other_parameters, n_other_code : int
        Runs that were made with other parameters, or other code, than the simulation has now, before a rerun.
    n_stopped_early : int
        Runs with a value that a rule (``stop_when``) has stopped early.
    run_ids, values : tuple, (n_runs,)
        The runs and their values.
    """

    simulation_id: str
    n_runs: int
    n_total: int
    n_finished: int
    mean: float
    median: float
    iqm: float
    std: float
    low: float | None
    high: float | None
    final: float | None
    auc: float | None
    iterations_to_threshold: float | None
    n_reached: int | None
    n_diverged: int
    n_nan: int
    n_infinite: int
    n_failed: int
    n_missing: int
    n_shorter: int
    n_not_finite: int
    n_unreadable: int
    n_other_parameters: int
    n_other_code: int
    n_stopped_early: int
    run_ids: tuple[int, ...]
    values: tuple[float, ...]

    @property
    def remarks(self) -> tuple[str, ...]:
        """What has to be known about these runs, in words: ``("1 run: no interval", "metric failed in 2 runs")``."""
        if self.n_finished == 0 and not self.n_runs:
            return ("no finished runs",)
        few: tuple[str, ...] = ()
        if self.n_runs < FEWEST:
            few = (f"{count(self.n_runs, 'run')}: no interval ({FEWEST} are needed)",)
        if self.n_runs == 0:
            few = ("no finished run has a value",)
        counts = (
            (self.n_total - self.n_finished - self.n_diverged, "{} not finished"),
            (self.n_diverged, "{} diverged"),
            (self.n_other_parameters, "{} made with other parameters"),
            (self.n_other_code, "{} made with other code"),
            (self.n_failed, "metric failed in {}"),
            (self.n_missing, "{} without this value"),
            (self.n_nan, "{} left out (NaN)"),
            (self.n_infinite, "{} infinite"),
            (self.n_not_finite, "NaN or inf in the curve of {}"),
            (self.n_shorter, "{} shorter"),
            (self.n_stopped_early, "{} stopped early"),
            (self.n_unreadable, "summary of {} damaged"),
        )
        found = (text.format(count(n, "run")) for n, text in counts if n)
        return (*few, *found)


@public("simmanager")
@dataclass(frozen=True, slots=True)
class Difference:
    """How two simulations differ.

    Parameters
    ----------
    first, second : str
        The simulations.
    difference : float
        Statistic of the first minus that of the second; if paired, statistic of the differences of the pairs.
    low, high : float or None
        Ends of its interval, which holds its level for all pairs together; None if one has fewer than three runs.
    p : float or None
        Two-sided p-value, adjusted for the number of pairs (Holm); None as the interval, with the bootstrap, and where
        no value varies.
    probability_of_improvement : float
        Probability that a run of the first has a larger value than one of the second; ties count half.
    probability_low, probability_high : float or None
        Ends of its interval, for all pairs together as well.
    paired : bool
        Runs of the same id have the same seed: they are compared with each other.
    n_first, n_second : int
        Runs that were compared; if paired, the number of pairs.
    """

    first: str
    second: str
    difference: float
    low: float | None
    high: float | None
    p: float | None
    probability_of_improvement: float
    probability_low: float | None
    probability_high: float | None
    paired: bool
    n_first: int
    n_second: int

    @property
    def n(self) -> int:
        """Number of pairs if paired, else of all runs of both."""
        return self.n_first if self.paired else self.n_first + self.n_second


@public("simmanager")
@dataclass(frozen=True, slots=True, repr=False)
class Comparison:
    """What `compare` found; prints as two tables.

    Parameters
    ----------
    name : str
        Id of the batch.
    key, metric : str or None
        The history key or the metric that was compared.
    value : str
        Which number of a curve: "final", "auc" or "iterations_to_threshold"; "" for a metric.
    last : int, float or None
        Of how many of the last points, or of which part of them, a final value is the mean; None for a metric.
    reduction : str
        How a value that is an array became one number; "" if it was one.
    statistic : str
        "iqm", "mean" or "median": what the intervals and differences are about.
    level : float
        Of the intervals.
    method : str
        Of the intervals: "t" or "bootstrap".
    n_resamples, seed : int
        Of the bootstrap.
    threshold, direction : float or None, str
        What a curve had to reach, and from which side.
    horizon : float or None
        The iteration up to which all runs are known: what has not reached the threshold by then counts with it.
    simulations : tuple of SimulationSummary
        In the order of the batch.
    differences : tuple of Difference
        One for each pair of simulations that have a value, or for each with the baseline.
    notes : tuple of str
        What has to be known about all of it, in words: which differences are missing, and why.
    """

    name: str
    key: str | None
    metric: str | None
    value: str
    last: float | None
    reduction: str
    statistic: str
    level: float
    method: str
    n_resamples: int
    seed: int
    threshold: float | None
    direction: str
    horizon: float | None
    simulations: tuple[SimulationSummary, ...]
    differences: tuple[Difference, ...]
    notes: tuple[str, ...] = ()

    def __getitem__(self, simulation_id: str) -> SimulationSummary:
        for one in self.simulations:
            if one.simulation_id == simulation_id:
                return one
        raise UnknownName(unknown("No simulation", simulation_id, (one.simulation_id for one in self.simulations)))

    def __str__(self) -> str:
        return text_of(self)

    def __repr__(self) -> str:
        return str(self)  # at a prompt, the table as well

    def _repr_html_(self) -> str:
        return html_of(self)

    def to_latex(self) -> str:
        """Return a table for a paper: simulation, runs, and the statistic with its interval, ``0.43 [0.31, 0.64]``.

        It is a ``tabular`` with the rules of the LaTeX package booktabs.
        """
        return short_table(self).latex()

    def to_frame(self, *, tidy: bool = False) -> pd.DataFrame:
        """Return a pandas DataFrame with a row for each simulation: the fields of `SimulationSummary` but the last two.

        Parameters
        ----------
        tidy : bool, default False
            Only the columns of `to_latex`, as texts.

        Raises
        ------
        PackageMissing
            pandas is not installed; says how to install it.
        """
        if tidy:
            return short_table(self).frame()
        return _records(SimulationSummary, self.simulations, without=("run_ids", "values")).frame()

    def differences_to_frame(self) -> pd.DataFrame:
        """Return a pandas DataFrame with a row for each `Difference`. Raises as `to_frame` does."""
        return _records(Difference, self.differences).frame()


#: What the statistics are called in a table.
_TITLES = {"iqm": "IQM", "mean": "mean", "median": "median"}
_NAMES = {"iqm": "interquartile mean", "mean": "mean", "median": "median"}

#: The number of a curve that not every run has.
_TIMES = "iterations_to_threshold"

#: What the numbers of a curve are called.
_VALUES = {
    "final": "final value of {}",
    "auc": "area under the curve of {}",
    "iterations_to_threshold": "iterations to the threshold of {}",
}


def text_of(comparison: Comparison) -> str:
    """Return a comparison as text: a heading, a table of simulations, a table of differences, what is missing."""
    parts = [plain(heading(comparison)), *(table.text() for table in tables(comparison))]
    return "\n".join([*parts, *map(plain, comparison.notes)])


def html_of(comparison: Comparison) -> str:
    """Return a comparison as HTML, for a notebook; whatever a name holds is shown as text."""
    parts = [f"<p>{escape(plain(heading(comparison)))}</p>", *(table.html() for table in tables(comparison))]
    return f"<div>{''.join([*parts, *(f'<p>{escape(plain(line))}</p>' for line in comparison.notes)])}</div>"


def tables(comparison: Comparison) -> list[Table]:
    """Return the table of simulations, and that of differences if there are any."""
    return [simulations_table(comparison), *([differences_table(comparison)] if comparison.differences else [])]


def short_table(comparison: Comparison) -> Table:
    """Return the columns that a paper needs: simulation, runs with a value, the statistic with its interval."""
    title = f"{_TITLES[comparison.statistic]} [{100 * comparison.level:.4g}% CI]"
    rows = (
        (one.simulation_id, one.n_runs, with_interval(getattr(one, comparison.statistic), one.low, one.high))
        for one in comparison.simulations
    )
    return Table(("simulation", Column("runs", "number"), Column(title, "number")), rows)


def _records(kind: type, records: Iterable[Any], without: Sequence[str] = ()) -> Table:
    """Return dataclass records as a table: their fields, as they are."""
    names = [field.name for field in dataclasses.fields(kind) if field.name not in without]
    return Table(names, ([getattr(record, name) for name in names] for record in records))


def heading(comparison: Comparison) -> str:
    """Return what is compared, and how, in one line."""
    if comparison.key is None:
        quantity = str(comparison.metric)
    else:
        quantity = _VALUES[comparison.value].format(comparison.key)
    is_mean = comparison.value == "final" and comparison.last not in (None, 1)
    if comparison.value == _TIMES and comparison.horizon is not None and comparison.horizon == comparison.horizon:
        quantity += f", at most {comparison.horizon:.4g}, with which runs count that have not arrived by then"
    details = [comparison.reduction, f"mean of the last {_points(comparison.last or 1)}" if is_mean else ""]
    reduced = f" ({'; '.join(filter(None, details))})" if any(details) else ""
    by = "Student's t"
    if comparison.method == "bootstrap":
        by = f"percentiles of a bootstrap: {comparison.n_resamples} resamples, seed {comparison.seed}"
    return (
        f"{comparison.name}: {quantity}{reduced}. {_NAMES[comparison.statistic].capitalize()} over runs, "
        f"{100 * comparison.level:.4g}% confidence interval ({by})"
    )


def _points(last: float) -> str:
    return f"{last} points" if isinstance(last, int) else f"{100 * last:.4g}% of the points"


def simulations_table(comparison: Comparison) -> Table:
    """Return a row for each simulation."""
    main = comparison.statistic
    others = [name for name in _TITLES if name != main]
    header = ["runs", _TITLES[main], "interval", *(_TITLES[name] for name in others), "std"]
    if comparison.key is not None:
        header += [title for name, title in (("final", "final"), ("auc", "AUC")) if name != comparison.value]
    if comparison.threshold is not None:
        side = "<=" if comparison.direction == "below" else ">="
        header.append(f"iterations to {side} {comparison.threshold:.4g}")
    rows = [_simulation_row(comparison, one, others) for one in comparison.simulations]
    return Table(("simulation", *_numbers(header), Column("remarks", "text")), rows)


def _numbers(titles: Iterable[str]) -> list[Column]:
    return [Column(title, "number") for title in titles]


def _simulation_row(comparison: Comparison, one: SimulationSummary, others: list[str]) -> tuple[str, ...]:
    cells = [
        one.simulation_id,
        f"{one.n_runs} of {one.n_total}",
        number(getattr(one, comparison.statistic)),
        interval(one.low, one.high),
        *(number(getattr(one, name)) for name in others),
        number(one.std),
    ]
    if comparison.key is not None:
        cells += [number(getattr(one, name)) for name in ("final", "auc") if name != comparison.value]
    if comparison.threshold is not None:
        n_curves = len(one.run_ids) + one.n_nan + (one.n_diverged if comparison.value != _TIMES else 0)
        reached = f" ({one.n_reached} of {n_curves})" if n_curves else ""
        cells.append(f"{number(one.iterations_to_threshold)}{reached}")
    return (*cells, "; ".join(one.remarks))


def differences_table(comparison: Comparison) -> Table:
    """Return a row for each difference; the titles say if intervals and p-values hold for several pairs together."""
    together, holm = (" of all", " (Holm)") if len(comparison.differences) > 1 else ("", "")
    interval = f"interval{together}"
    header = (_TITLES[comparison.statistic], interval, f"p{holm}", "P(first > second)", interval, "runs")
    return Table(("difference", *_numbers(header)), map(_difference_row, comparison.differences))


def _difference_row(one: Difference) -> tuple[str, ...]:
    return (
        f"{one.first} - {one.second}",
        number(one.difference),
        interval(one.low, one.high),
        "" if one.p is None else f"{one.p:.2g}" if one.p >= 1e-4 else "< 0.0001",
        number(one.probability_of_improvement),
        interval(one.probability_low, one.probability_high),
        f"{one.n_first} pairs, same seeds" if one.paired else f"{one.n_first} and {one.n_second}",
    )
