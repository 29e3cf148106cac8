"""Why runs failed: those that failed for one reason together, with the end of one of their logs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..base.text import as_last_seen
from ..disk.run_folder import RunFolder
from ..disk.state import RunState

if TYPE_CHECKING:
    from ..results.results import Results, RunResult

MAX_GROUPS = 30  # that the page shows, the largest first
MAX_LOG = 12_000  # bytes of an error.log that the page shows, from its end
MAX_NAMED = 100  # runs that a group names

#: What differs between runs that failed for the same reason: addresses, process ids, iterations.
_CHANGING = re.compile(r"0x[0-9a-fA-F]+|\d+(?:\.\d+)?(?:e[-+]?\d+)?")


@dataclass(frozen=True, slots=True)
class Problem:
    """Runs that failed, were interrupted, or lack a metric, for one reason."""

    state: str  # "error", "interrupted" or "finished" (with a metric that failed)
    reason: str  # the last line of the first of them
    runs: tuple[RunResult, ...]
    log: str  # the end of the error.log of the first one that wrote something, or ""
    log_of: RunResult | None  # whose log that is

    @property
    def where(self) -> list[tuple[str, str]]:
        """The runs by simulation: simulation_id and run ids, as far as they are named."""
        named: dict[str, list[str]] = {}
        for run in self.runs[:MAX_NAMED]:
            named.setdefault(run.simulation_id, []).append(str(run.run_id))
        return [(simulation_id, ", ".join(run_ids)) for simulation_id, run_ids in named.items()]

    @property
    def unnamed(self) -> int:
        """How many runs `where` leaves out."""
        return max(len(self.runs) - MAX_NAMED, 0)


def problems(results: Results) -> list[Problem]:
    """Return what went wrong, grouped by reason: failed runs first, then interrupted ones, then metrics that failed.

    Large groups come before small ones.
    """
    groups: dict[tuple[str, str], list[tuple[RunResult, str]]] = {}
    for run in results.runs:
        for reason in _reasons(run):
            groups.setdefault((run.state, _CHANGING.sub("0", reason)), []).append((run, reason))
    order = (RunState.ERROR, RunState.INTERRUPTED, RunState.FINISHED)
    ordered = sorted(groups.items(), key=lambda item: (order.index(RunState(item[0][0])), -len(item[1])))
    return [
        _problem(state, found[0][1], [run for run, _ in found], with_log=position < MAX_GROUPS)
        for position, ((state, _), found) in enumerate(ordered)
    ]


def _reasons(run: RunResult) -> list[str]:
    if run.state in (RunState.ERROR, RunState.INTERRUPTED):
        return [run.error]
    if run.state == RunState.FINISHED:
        return [f"the metric {name} failed: {why}" for name, why in run.metric_errors.items()]
    return []


def _problem(state: str, reason: str, runs: list[RunResult], *, with_log: bool) -> Problem:
    for run in runs[:10] if with_log else ():
        read = RunFolder(run.path).read_log("error", MAX_LOG)
        if log := as_last_seen(read).strip():
            whole = len(read.encode("utf-8", "replace")) < MAX_LOG - 3
            text = log if whole else f"…\n{log.partition(chr(10))[2]}"
            return Problem(state, reason, tuple(runs), text, run)
    return Problem(state, reason, tuple(runs), "", None)
