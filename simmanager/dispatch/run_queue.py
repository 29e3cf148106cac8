"""The order of runs: longest first, so that the last run does not start when all others are over."""

from __future__ import annotations

import heapq
import threading
from collections import deque
from collections.abc import Iterable, Mapping

from ..disk.state import RunState
from ..worker.task import Outcome, Task

#: Runs are taken several at a time while the longest of their simulation took less than this, in seconds.
SHORT_S = 0.01

#: Decay, per finished run, of the longest duration remembered: a slow first run (imports) is forgotten.
_FORGET = 0.9

#: Most further runs that are handed over in one message: of a simulation whose runs are short, of unknown ones.
AT_ONCE, UNKNOWN_AT_ONCE = 31, 7

#: So much longer than a short run a run of an unknown simulation is thought to be, before any has ended.
_DOUBT = 2.5


class RunQueue:
    """Tasks, taken out in the order of what is known about their simulations.

    First one run of each simulation of which nothing is known, then the simulations by their mean duration in seconds,
    longest first; unknown ones count as long, until many runs in a row were short; then the ``last`` (runs that another
    process still executes). Within a simulation they keep their order. The order never changes results.
    """

    def __init__(self, tasks: Iterable[Task], durations: Mapping[str, float], last: Iterable[Task] = ()) -> None:
        self._waiting: dict[str, deque[Task]] = {}
        for task in tasks:
            self._waiting.setdefault(task.simulation_id, deque()).append(task)
        self._last = deque(last)
        self._durations = dict(durations)
        self._longest = dict(durations)
        self._longest_of_all = _DOUBT * SHORT_S
        self._lock = threading.Lock()
        self._left = sum(map(len, self._waiting.values())) + len(self._last)
        self._probes = deque(name for name in self._waiting if name not in self._durations)
        self._places = {name: place for place, name in enumerate(self._waiting)}
        self._order = [self._entry(name) for name in self._waiting]  # a heap; a simulation may be in it twice
        heapq.heapify(self._order)

    def __len__(self) -> int:
        return self._left

    def take(self, takers: int | None = None) -> list[Task]:
        """Take out the next task, or several whose runs are so short that handing them over costs.

        ``takers`` is how many take from this queue; None: one task at a time. The list is empty when none is left.
        """
        with self._lock:
            taken = self._next()
            if takers is None or not taken or not self._is_short(name := taken[0].simulation_id):
                return taken
            most = min(AT_ONCE if name in self._longest else UNKNOWN_AT_ONCE, self._left // (2 * takers))
            while len(taken) <= most and (following := self._following()) and self._is_short(following):
                taken += self._next()
            return taken

    def learn(self, task: Task, outcome: Outcome) -> None:
        """Take note of how long a run took."""
        if not outcome.executed or outcome.state != RunState.FINISHED.value or outcome.duration_s is None:
            return
        name = task.simulation_id
        with self._lock:
            self._longest[name] = max(_FORGET * self._longest.get(name, 0.0), outcome.duration_s)
            self._longest_of_all = max(_FORGET * self._longest_of_all, outcome.duration_s)
            if name not in self._durations:
                self._durations[name] = outcome.duration_s
                if self._waiting.get(name):
                    heapq.heappush(self._order, self._entry(name))

    def _entry(self, name: str) -> tuple[float, int, str]:
        """Return what the order is by: the longest first; equals as they are in the list."""
        return -self._durations.get(name, float("inf")), self._places[name], name

    def _is_short(self, name: str) -> bool:
        return self._longest.get(name, self._longest_of_all) < SHORT_S

    def _following(self) -> str:
        """Return the simulation whose turn it is; "" if only the last are left."""
        if self._probes:
            return self._probes[0]
        while self._order:
            name = self._order[0][-1]
            if self._waiting[name] and self._order[0] == self._entry(name):
                return name
            heapq.heappop(self._order)  # it has no tasks, or another place since more is known
        return ""

    def _next(self) -> list[Task]:
        """Take out one task, if one is left."""
        if name := self._following():
            if self._probes:
                self._probes.popleft()
            tasks = self._waiting[name]
        else:
            tasks = self._last
        self._left -= bool(tasks)
        return [tasks.popleft()] if tasks else []
