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
    """One run in a timeline.

    Parameters
    ----------
    run : RunResult
        Which run.
    start, end : float
        Seconds since the first start; of a running run, the end is the time it was looked at.
    lane : int
        Index of its slot in `Lanes.slots`.
    """

    run: RunResult
    start: float
    end: float
    lane: int


@dataclass(frozen=True, slots=True)
class Lanes:
    """The last execution of each run that was started, in slots.

    Parameters
    ----------
    bars : tuple of Bar
        Host by host, by their start.
    slots : tuple of (str, int)
        Host and number on that host, from 0, of each lane.
    origin : float
        First start, in seconds since 1970 (UTC).
    span : float
        Seconds from the first start to the last end.
    """

    bars: tuple[Bar, ...]
    slots: tuple[tuple[str, int], ...]
    origin: float
    span: float

    @property
    def busy(self) -> float:
        """Part of the time of all slots in which they executed a run, 0 to 1."""
        whole = self.span * len(self.slots)
        return sum(bar.end - bar.start for bar in self.bars) / whole if whole else 0.0


def lanes_of(runs: Iterable[RunResult]) -> Lanes:
    """Put runs into lanes such that none overlap in a lane, with as few lanes on each host as that takes.

    That is greedy colouring of the interval graph; there are as many lanes as runs were ever executed at once.

    Parameters
    ----------
    runs : iterable of RunResult
        Those that were never started, or whose times cannot be read, are left out.
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
        own = _in_lanes(spans[host], origin, len(slots))
        bars += own
        slots += [(host, number) for number in range(max(bar.lane for bar in own) + 1 - len(slots))]
    return Lanes(tuple(bars), tuple(slots), origin, last - origin)


def _in_lanes(spans: list[_Span], origin: float, first_lane: int) -> list[Bar]:
    bars: list[Bar] = []
    busy: list[tuple[float, int]] = []  # (end, lane), the one that ends first on top
    free: list[int] = []  # lanes, the lowest on top
    for start, end, run in sorted(spans, key=lambda span: span[:2]):
        while busy and busy[0][0] <= start:
            heapq.heappush(free, heapq.heappop(busy)[1])
        lane = heapq.heappop(free) if free else first_lane + len(busy)
        heapq.heappush(busy, (end, lane))
        bars.append(Bar(run, start - origin, end - origin, lane))
    return bars


def _span(run: RunResult) -> tuple[float, float, RunResult] | None:
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
