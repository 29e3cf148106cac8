"""BatchStatus: what a second terminal sees. Reads text and JSON only; never unpickles, takes no exclusive lock."""

from __future__ import annotations

import heapq
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from ..base.advice import command
from ..base.errors import UnknownName, unknown
from ..base.public import public
from ..base.text import count
from ..disk.batch_lock import FROZEN
from ..disk.batch_log import last_line
from ..disk.frozen import is_frozen
from ..disk.metric_log import read_last_logged
from ..disk.state import RunState

#: Seconds (some ten thousand years) from which an estimate says nothing but that a run has hardly begun.
_LONGEST_S = 1e12

#: The reason of a run that is promised only.
NO_FOLDER = "it has no folder yet"

#: Runs that tell how much time passes between two of them: those that ended last.
_LOOKED_AT = 500


@public("simmanager")
class RunStatus(NamedTuple):
    """One run, as its folder shows it.

    Parameters
    ----------
    simulation_id, run_id : str, int or None
        Which run.
    state : RunState
        ``in_queue``, ``running``, ``finished``, ``error`` or ``interrupted``.
    path : str
        Its folder.
    reason : str
        Last line of what went wrong, or ""; of a finished run, which of its results could not be saved.
    seed : int or None
        Seed of its random generators.
    attempt : int
        How often it was started; 0 before the first time.
    started, ended : str
        UTC ISO-8601, or "".
    duration_s, cpu_s, peak_mb : float or None
        Wall and processor time in seconds, peak memory in MB; of a running run, the time so far.
    fraction : float or None
        How far it is, 0 to 1; None if a running run did not say.
    pid, host : int or None, str
        Where it is or was executed.
    """

    simulation_id: str
    run_id: int | None
    state: RunState
    path: str
    reason: str = ""
    seed: int | None = None
    attempt: int = 0
    started: str = ""
    ended: str = ""
    duration_s: float | None = None
    cpu_s: float | None = None
    peak_mb: float | None = None
    fraction: float | None = None
    pid: int | None = None
    host: str = ""

    @property
    def last_logged(self) -> dict[str, float]:
        """The last values that the run has logged (`log_metrics`), as its folder has them now: name -> value."""
        return read_last_logged(self.path)

    def _repr_html_(self) -> str:
        from .html import run_html

        return run_html(self)


@public("simmanager")
@dataclass(frozen=True, slots=True, repr=False)
class BatchStatus:
    """A batch at one moment.

    Parameters
    ----------
    manager_id : str
        Id of the batch.
    path : str
        Its folder.
    counts : dict
        Each of the five state keywords -> number of runs.
    total : int
        Number of runs.
    fraction : float
        How far the batch is, 0 to 1; failed runs count as done.
    eta_s : float or None
        Estimated seconds to the end; None if nothing is known yet or nothing runs.
    manager_alive : bool or None
        Whether a manager is running the batch; None if that cannot be told: its lock may not be opened.
    runs : tuple of RunStatus
        In (simulation, run_id) order.
    damage : tuple of str
        What could not be read, in words.
    mixed : tuple of str
        Simulations whose runs were not all made with the same parameters and code, in words.
    paused : str
        ``"paused"`` if its manager starts nothing new for now, ``"frozen"`` if its runs are stopped, too; else "".
    """

    manager_id: str
    path: str
    counts: dict[str, int]
    total: int
    fraction: float
    eta_s: float | None
    manager_alive: bool | None
    runs: tuple[RunStatus, ...]
    damage: tuple[str, ...] = ()
    mixed: tuple[str, ...] = ()
    paused: str = ""

    def __repr__(self) -> str:
        return f"<BatchStatus {self}>"

    def __str__(self) -> str:
        return f"{self.manager_id}: {self.headline}"

    def _repr_html_(self) -> str:
        from .html import status_html

        return status_html(self)

    @property
    def headline(self) -> str:
        """The counts in words: ``10 finished, 5 error``."""
        return ", ".join(f"{number} {state}" for state, number in self.counts.items() if number) or "no runs"

    @property
    def last_said(self) -> str:
        """The last line of ``batch.log`` in its folder: when, who, what; "" if there is none."""
        return last_line(Path(self.path))

    @property
    def all_finished(self) -> bool:
        """Whether every run is finished."""
        return self.counts[RunState.FINISHED] == self.total

    @property
    def advice(self) -> str:
        """What the user can do next, or ""."""
        if self.counts[RunState.RUNNING] and self.manager_alive is False:
            left = [str(run.pid) for run in self.runs if run.state is RunState.RUNNING]
            named = ", ".join(left[:5]) + (", ..." if len(left) > 5 else "")
            frozen = ", stopped by pause --freeze" if is_frozen(self.path) else ""
            return (
                f"no manager is running; one that is gone has left process {named} with "
                f"{count(len(left), 'run')}{frozen}; "
                f"go on: {command('resume', self.path)}; or end what it left: {command('stop', self.path, '--now')}"
            )
        if self.paused:
            runs = ", and its runs are stopped" if self.paused == FROZEN else ""
            return f"its manager pauses{runs}; go on: {command('resume', self.path)}"
        waiting = self.counts[RunState.IN_QUEUE] + self.counts[RunState.INTERRUPTED]
        waiting_runs = count(waiting, "run is", "runs are")
        if self.manager_alive is None and (waiting or self.counts[RunState.RUNNING]):
            state = f"{waiting_runs} waiting" if waiting else f"{count(self.counts[RunState.RUNNING], 'run')} running"
            return f"cannot tell whether a manager is running (the lock may not be opened); {state}"
        if waiting and not self.manager_alive:
            return f"no manager is running; {waiting_runs} waiting: {command('resume', self.path)}"
        if self.counts[RunState.ERROR] and not self.manager_alive:
            return f"see why with: {command('logs', self.path)}"
        return ""

    def simulation(self, simulation_id: str) -> tuple[RunStatus, ...]:
        """Return the runs of one simulation.

        Raises
        ------
        UnknownName
            There is none of that id.
        """
        found = tuple(run for run in self.runs if run.simulation_id == simulation_id)
        if not found:
            known = dict.fromkeys(run.simulation_id for run in self.runs)
            raise UnknownName(unknown("No simulation", simulation_id, known))
        return found

    def as_json(self) -> dict[str, Any]:
        """Return plain data with exactly these names."""
        content = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {
            **content,
            "runs": [run._asdict() for run in self.runs],
            "damage": list(self.damage),
            "mixed": list(self.mixed),
        }


def summarise_runs(
    name: str,
    path: Path,
    runs: tuple[RunStatus, ...],
    *,
    alive: bool | None,
    damage: Iterable[str] = (),
    mixed: Iterable[str] = (),
    paused: str = "",
) -> BatchStatus:
    """Count runs and estimate the end."""
    counts = dict.fromkeys((state.value for state in RunState), 0)
    progress, error = 0.0, RunState.ERROR
    for run in runs:
        counts[run.state] += 1
        progress += 1.0 if run.state is error else (run.fraction or 0.0)
    return BatchStatus(
        manager_id=name,
        path=str(path),
        counts=counts,
        total=len(runs),
        fraction=progress / len(runs) if runs else 0.0,
        eta_s=estimate_remaining(runs) if alive and not paused else None,
        manager_alive=alive,
        runs=runs,
        damage=tuple(damage),
        mixed=tuple(mixed),
        paused=paused,
    )


def is_over(status: BatchStatus) -> bool:
    """Return whether nothing of a batch runs any more."""
    return not status.manager_alive and status.counts["running"] == 0


def by_simulation(runs: Iterable[RunStatus]) -> dict[str, list[RunStatus]]:
    """Return the runs of each simulation."""
    grouped: dict[str, list[RunStatus]] = {}
    for run in runs:
        grouped.setdefault(run.simulation_id, []).append(run)
    return grouped


def mean_duration(runs: Iterable[RunStatus]) -> float | None:
    """Return the mean duration in seconds of those runs that have finished, None if there are none."""
    known = [run.duration_s for run in runs if run.state is RunState.FINISHED and run.duration_s is not None]
    return sum(known) / len(known) if known else None


def mean_durations(runs: Iterable[RunStatus]) -> dict[str, float]:
    """Return the mean duration in seconds of the finished runs of each simulation that has some."""
    means = {simulation: mean_duration(own) for simulation, own in by_simulation(runs).items()}
    return {simulation: mean for simulation, mean in means.items() if mean is not None}


def largest_peaks(runs: Iterable[RunStatus]) -> dict[str, float]:
    """Return the largest peak memory in MB of those runs of each simulation that have ended, where one is known."""
    peaks: dict[str, float] = {}
    for run in runs:
        if run.peak_mb is not None and run.state is not RunState.RUNNING:
            peaks[run.simulation_id] = max(peaks.get(run.simulation_id, 0.0), run.peak_mb)
    return peaks


def _time_between(runs: Iterable[RunStatus]) -> float:
    """Return the median of the seconds from the end of a run to the start of the next one in its worker, or 0.0."""
    latest = heapq.nlargest(_LOOKED_AT, (run for run in runs if run.ended and run.started), key=lambda run: run.ended)
    between, ends = [], dict[tuple[str | None, int | None], float]()
    for run in sorted(latest, key=lambda run: (run.started, run.ended)):
        try:
            start, end = (datetime.fromisoformat(moment).timestamp() for moment in (run.started, run.ended))
        except ValueError:  # of a damaged record
            continue
        worker = run.host, run.pid
        if run.pid is not None and worker in ends:
            between.append(start - ends[worker])
        ends[worker] = end
    return statistics.median(between) if between else 0.0


def _by_its_progress(run: RunStatus) -> float | None:
    """Return the seconds that a run will take in all, by how far it says that it is."""
    return run.duration_s / run.fraction if run.fraction and run.duration_s else None


def time_left(run: RunStatus) -> float:
    """Return the seconds that a running run has left by how far it says that it is; 0.0 if it does not say."""
    left = (_by_its_progress(run) or 0.0) - (run.duration_s or 0.0)
    return left if 0 < left < _LONGEST_S else 0.0


def estimate_remaining(runs: Iterable[RunStatus]) -> float | None:
    """Return the estimated seconds to the end from what is known so far.

    These are the durations, simulation by simulation, and the time that passes in a worker between two runs.
    """
    runs = list(runs)
    known: dict[str, list[float]] = {}
    waiting: list[RunStatus] = []
    running: list[RunStatus] = []
    for run in runs:
        if run.state is RunState.FINISHED and run.duration_s is not None:
            known.setdefault(run.simulation_id, []).append(run.duration_s)
        elif run.state in (RunState.IN_QUEUE, RunState.INTERRUPTED):
            waiting.append(run)
        elif run.state is RunState.RUNNING:
            running.append(run)
            if whole := _by_its_progress(run):
                known.setdefault(run.simulation_id, []).append(whole)
    if not waiting and not running:
        return 0.0
    if not known:
        return None
    means = {simulation: sum(values) / len(values) for simulation, values in known.items()}
    overall = sum(means.values()) / len(means)
    work = sum(means.get(run.simulation_id, overall) for run in waiting) + len(waiting) * _time_between(runs)
    wholes = [_by_its_progress(run) or means.get(run.simulation_id, overall) for run in running]
    left = [max(whole - (run.duration_s or 0.0), 0.0) for run, whole in zip(running, wholes, strict=True)]
    estimate = max((work + sum(left)) / max(len(running), 1), *left, 0.0)  # never less than one of them has left
    return round(estimate, 1) if estimate < _LONGEST_S else None
