"""The order of runs: by rounds, and at the end longest first, so that none starts when all others are over."""

from __future__ import annotations

import heapq
import math
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet

from ..disk.state import RunState
from ..worker.task import Outcome, Task

#: Runs are taken several at a time while the longest of their simulation took less than this, in seconds.
SHORT_S = 0.01

#: Decay, per finished run, of the longest duration remembered: a slow first run (imports) is forgotten.
_FORGET = 0.9

#: Most further runs that are handed over in one message: of a simulation whose runs are short, of unknown ones.
AT_ONCE, UNKNOWN_AT_ONCE = 31, 7

#: The last rounds are those that take less than so many of the longest runs, with all slots at work.
_LAST_ROUNDS = 3.0

#: At the end runs of nearly one length come by rounds, too: so many classes of length there are within a doubling.
_CLASSES = 4

#: Shorter runs, in seconds, are all the same.
_SHORTEST_S = 1e-6

#: So much longer than a short run a run of an unknown simulation is thought to be, before any has ended.
_DOUBT = 2.5

#: No simulation has to wait.
NOBODY: AbstractSet[str] = frozenset()


class RunQueue:
    """Tasks, taken out in the order of what is known about their simulations.

    First one run of each simulation of which nothing is known. Then by rounds: run 0 of every simulation before run 1,
    so that a batch that is stopped has as much of each; within a round the simulations by their mean duration in
    seconds, longest first. Only at the end, where a long run that comes last would be waited for, all that is left
    comes longest first. Unknown simulations count as long, until many runs in a row were short. Then come the ``last``
    (runs that another process still executes). What the user wants `first` comes before all of that. Within a
    simulation runs keep their order. The order never changes results. ``slots`` is how many runs go at a time.
    """

    def __init__(
        self, tasks: Iterable[Task], durations: Mapping[str, float], last: Iterable[Task] = (), slots: int = 1
    ) -> None:
        self._waiting: dict[str, deque[Task]] = {}
        self._last = deque(last)
        self._left = len(self._last)
        self._durations = dict(durations)
        self._longest = dict(durations)
        self._longest_of_all = _DOUBT * SHORT_S
        self._lock = threading.Lock()
        self.slots = slots
        #: Waiting runs of unknown simulations; seconds that those of the others take together; the longest of those.
        self._unknown, self._work, self._longest_mean = 0, 0.0, 0.0
        self._by_rounds = True
        self._probes: deque[str] = deque()
        #: Simulations that the user wants first, the last one asked for first.
        self._wanted: deque[str] = deque()
        self._places: dict[str, int] = {}
        self._order: list[tuple[float, float, int, str]] = []  # a heap; a simulation may be in it twice
        self.add(tasks)

    def add(self, tasks: Iterable[Task]) -> None:
        """Put further tasks into the queue."""
        with self._lock:
            new: dict[str, deque[Task]] = {}
            for task in tasks:
                new.setdefault(task.simulation_id, deque()).append(task)
            for name, more in new.items():
                waiting = self._waiting.setdefault(name, deque())
                if name not in self._places:
                    self._places[name] = len(self._places)
                    if name not in self._durations:
                        self._probes.append(name)
                if name in self._durations:
                    self._work += self._durations[name] * len(more)
                    self._longest_mean = max(self._longest_mean, self._durations[name])
                else:
                    self._unknown += len(more)
                waiting.extend(more)
                self._left += len(more)
                heapq.heappush(self._order, self._entry(name))

    def first(self, simulation_id: str) -> int:
        """Let the runs of a simulation come before all others that wait; return how many these are."""
        with self._lock:
            self._wanted.appendleft(simulation_id)
            return len(self._waiting.get(simulation_id, ()))

    def __len__(self) -> int:
        return self._left

    def take(
        self, takers: int | None = None, passed: AbstractSet[str] = NOBODY, expected: Task | None = None
    ) -> list[Task]:
        """Take out the next task, or several whose runs are so short that handing them over costs.

        ``takers`` is how many take from this queue; None: one task at a time. Simulations that are ``passed`` have to
        wait. The list is empty when none is left, or when it is not the turn of the ``expected`` one any more.
        """
        with self._lock:
            if expected is not None and self._following(passed) != expected.simulation_id:
                return []
            taken = self._next(passed)
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
                if waiting := self._waiting.get(name):
                    self._unknown -= len(waiting)
                    self._work += outcome.duration_s * len(waiting)
                    self._longest_mean = max(self._longest_mean, outcome.duration_s)
                    heapq.heappush(self._order, self._entry(name))

    def _entry(self, name: str) -> tuple[float, float, int, str]:
        """Return what the order is by: round, length and place; at the end length, round and place."""
        number, length = float(self._waiting[name][0].run_id), self._durations.get(name, math.inf)
        if self._by_rounds:
            return number, -length, self._places[name], name
        return -round(math.log2(max(length, _SHORTEST_S)) * _CLASSES), number, self._places[name], name

    def _is_short(self, name: str) -> bool:
        return self._longest.get(name, self._longest_of_all) < SHORT_S

    def following(self, passed: AbstractSet[str] = NOBODY) -> Task | None:
        """Return the task whose turn it is, but for simulations that are ``passed``; None if only the last are left."""
        with self._lock:
            return self._waiting[name][0] if (name := self._following(passed)) else None

    def last(self) -> Task | None:
        """Return the first of the runs that another process executes; None if there are none."""
        with self._lock:
            return self._last[0] if self._last else None

    def take_last(self) -> list[Task]:
        """Take it out, if there is one."""
        with self._lock:
            if not self._last:
                return []
            self._left -= 1
            return [self._last.popleft()]

    def _following(self, passed: AbstractSet[str] = NOBODY) -> str:
        """Return the simulation whose turn it is; "" if only the last are left."""
        if passed:
            left = [name for name, waiting in self._waiting.items() if waiting and name not in passed]
            early = [name for name in (*self._wanted, *self._probes) if name in left]
            return early[0] if early else min(left, key=self._entry, default="")
        for known in (self._wanted, self._probes):
            while known and not self._waiting.get(known[0]):
                known.popleft()
            if known:
                return known[0]
        if self._by_rounds and self._are_last_rounds():
            self._by_rounds = False
            self._order = [self._entry(name) for name, waiting in self._waiting.items() if waiting]
            heapq.heapify(self._order)
        while self._order:
            name = self._order[0][-1]
            if self._waiting[name] and self._order[0] == self._entry(name):
                return name
            heapq.heappop(self._order)  # it has no tasks, or another place since more is known
        return ""

    def _are_last_rounds(self) -> bool:
        """Return whether a long run might be waited for at the end, if it did not come before others."""
        return self.slots > 1 and not self._unknown and self._work < _LAST_ROUNDS * self.slots * self._longest_mean

    def _next(self, passed: AbstractSet[str] = NOBODY) -> list[Task]:
        """Take out one task, if one is left."""
        if name := self._following(passed):
            if name in self._probes:
                self._probes.remove(name)
            task = self._waiting[name].popleft()
            self._unknown -= name not in self._durations
            self._work -= self._durations.get(name, 0.0)
            if self._waiting[name]:
                heapq.heappush(self._order, self._entry(name))
        elif self._last and not passed:
            task = self._last.popleft()
        else:
            return []
        self._left -= 1
        return [task]
