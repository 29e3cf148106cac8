"""The order of runs: longest first, so that the last run does not start when all others are over."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Mapping

from ..disk.state import RunState
from ..worker.task import Outcome, Task

#: Runs are taken several at a time while the longest of their simulation took less than this, in seconds.
SHORT_S = 0.01

#: Decay, per finished run, of the longest duration remembered: a slow first run (imports) is forgotten.
_FORGET = 0.9

#: Most further runs that are handed over in one message.
AT_ONCE = 31


class RunQueue:
    """Tasks, taken out in the order of what is known about their simulations.

    First one run of each simulation of which nothing is known, then the simulations by their mean duration in seconds,
    longest first; unknown ones count as long; then the ``last`` (runs that another process still executes). Within a
    simulation they keep their order. The order never changes results.
    """

    def __init__(self, tasks: Iterable[Task], durations: Mapping[str, float], last: Iterable[Task] = ()) -> None:
        self._waiting: dict[str, deque[Task]] = {}
        for task in tasks:
            self._waiting.setdefault(task.simulation_id, deque()).append(task)
        self._last = deque(last)
        self._durations = dict(durations)
        self._longest = dict(durations)
        self._lock = threading.Lock()
        self._left = sum(map(len, self._waiting.values())) + len(self._last)
        self._probes = deque(name for name in self._waiting if name not in self._durations)
        self._order: list[str] = []
        self._sort()

    def __len__(self) -> int:
        return self._left

    def take(self, takers: int | None = None) -> list[Task]:
        """Take out the next task, or several of one simulation whose runs are so short that handing them over costs.

        ``takers`` is how many take from this queue; None: one task at a time. The list is empty when none is left.
        """
        if (first := self._next()) is None:
            return []
        taken = [first]
        with self._lock:
            name = first.simulation_id
            if takers is None or self._longest.get(name, SHORT_S) >= SHORT_S:
                return taken
            waiting = self._waiting.get(name, deque())
            for _ in range(min(AT_ONCE, len(waiting) // (2 * takers))):
                taken.append(waiting.popleft())
            self._left -= len(taken) - 1
        return taken

    def learn(self, task: Task, outcome: Outcome) -> None:
        """Take note of how long a run took."""
        if not outcome.executed or outcome.state != RunState.FINISHED.value or outcome.duration_s is None:
            return
        name = task.simulation_id
        with self._lock:
            self._longest[name] = max(_FORGET * self._longest.get(name, 0.0), outcome.duration_s)
            if name not in self._durations:
                self._durations[name] = outcome.duration_s
                self._sort()

    def _sort(self) -> None:
        # The next one is taken from the end. Python's sort is stable: equals keep the order of the list.
        names = [name for name, tasks in self._waiting.items() if tasks]
        self._order = sorted(reversed(names), key=lambda name: self._durations.get(name, float("inf")))

    def _next(self) -> Task | None:
        with self._lock:
            self._left -= 1
            if self._probes:
                return self._waiting[self._probes.popleft()].popleft()
            while self._order:
                tasks = self._waiting[self._order[-1]]
                if tasks:
                    return tasks.popleft()
                self._order.pop()
            if self._last:
                return self._last.popleft()
            self._left = 0
            return None
