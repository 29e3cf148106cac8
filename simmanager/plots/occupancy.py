"""When runs were executed, and in which slot: what a timeline is drawn from."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from ..results.run_result import RunResult

_Span = tuple[float, float, RunResult]


@dataclass(frozen=True, slots=True)
class Bar:
    """One run in a timeline."""

    run: RunResult
    start: float  # seconds since the first start of all runs
    end: float  # of a running run, the time it was looked at
    slot: int  # index in `Occupancy.slots`


@dataclass(frozen=True, slots=True)
class Occupancy:
    """The last execution of each run that was started, and the slots that these executions need."""

    bars: tuple[Bar, ...]  # host by host, by their start
    slots: tuple[tuple[str, int], ...]  # host, and number on that host from 0
    origin: float  # first start, in seconds since 1970 (UTC)
    span: float  # seconds from the first start to the last end

    @property
    def busy(self) -> float:
        """Part of the time of all slots in which they executed a run, 0 to 1."""
        whole = self.span * len(self.slots)
        return sum(bar.end - bar.start for bar in self.bars) / whole if whole else 0.0


def occupancy_of(runs: Iterable[RunResult]) -> Occupancy:
    """Give each run that has a readable start a slot: on each host as many slots as runs were executed at once.

    No two runs of a slot overlap: greedy colouring of the interval graph.
    """
    spans: dict[str, list[_Span]] = {}
    for run in runs:
        if (span := _span(run)) is not None:
            spans.setdefault(run.host, []).append(span)
    origin = min((start for own in spans.values() for start, _, _ in own), default=0.0)
    last = max((end for own in spans.values() for _, end, _ in own), default=0.0)
    bars: list[Bar] = []
    slots: list[tuple[str, int]] = []
    for host in sorted(spans):
        own = _in_slots(spans[host], origin, len(slots))
        bars += own
        slots += [(host, number) for number in range(max(bar.slot for bar in own) + 1 - len(slots))]
    return Occupancy(tuple(bars), tuple(slots), origin, last - origin)


def _in_slots(spans: list[_Span], origin: float, first_slot: int) -> list[Bar]:
    bars: list[Bar] = []
    busy: list[tuple[float, int]] = []  # (end, slot), the one that ends first on top
    free: list[int] = []  # slots, the lowest on top
    for start, end, run in sorted(spans, key=lambda span: span[:2]):
        while busy and busy[0][0] <= start:
            heapq.heappush(free, heapq.heappop(busy)[1])
        slot = heapq.heappop(free) if free else first_slot + len(busy)
        heapq.heappush(busy, (end, slot))
        bars.append(Bar(run, start - origin, end - origin, slot))
    return bars


def _span(run: RunResult) -> _Span | None:
    start, end = _seconds(run.started), _seconds(run.ended)
    if start is None:
        return None
    if end is None:
        end = start + max(run.duration_s or 0.0, 0.0)
    return start, max(start, end), run


def _seconds(when: str) -> float | None:
    try:
        moment = datetime.fromisoformat(when)
        return (moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):  # no time, or one before the year 1
        return None
