"""Whether a further run fits into the memory: by what runs of its simulation have needed, else carefully.

Nobody has to say what a run needs: the peaks of runs that have ended tell it. As long as nothing is known of a
simulation and memory is scarce, it is thought to need as much as any other; else it is watched how its first run grows,
and each second as many again are started. If memory runs short all the same, the youngest run is ended before the
system kills one at random, and started again when there is room; a run that the system has killed beside others is
executed again alone, once.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from ..base.text import memory, plain
from ..base.usable_memory import out_of_memory_kills, resident_mb, usable_mb
from ..worker.memory import peak_memory_mb
from .stop import Stop

#: Why a run was interrupted for others.
RAN_SHORT = "memory ran short: it is started again when there is room"
RAN_OUT = "memory ran out beside other runs: it is started again alone"

#: What an unknown run is thought to need, in MB, as long as there is so much.
_UNKNOWN_MB = 2000.0

#: By how much a run that is watched may grow beyond what it has, and the seconds for which it is watched.
_GROWTH, _WATCH_S = 1.5, 1.0

#: Share of what is usable that is left free; and below which memory is short.
_MARGIN, _SHORT = 0.05, 0.03

#: Seconds for which a look at the memory holds.
_LOOK_S = 0.2

#: Seconds between two looks while a run waits.
_TICK_S = 0.1


@dataclass(slots=True)
class _Running:
    """A run at hand."""

    simulation_id: str
    pid: int = 0  #: Of its worker; 0: it has none yet.
    since: float = field(default_factory=time.monotonic)
    ends: str = ""  #: Why it is to end, for others.
    kills: int = 0  #: How many processes the system had killed when it began.
    has_mb: float = 0.0  #: What it had at the last look at the memory.


class Room:
    """The memory that there is for runs; ``say`` tells the user something, once for the same words."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        #: Simulation -> MB that a run of it needs, as known so far.
        self._needs: dict[str, float] = {}
        self._running: dict[str, _Running] = {}
        self._changed = threading.Condition(threading.RLock())
        self._usable, self._looked_at = usable_mb(), time.monotonic()
        self._bound = self._usable or 0.0
        self._told: set[str] = set()
        #: The thread whose run is to be alone.
        self._alone = 0
        #: Processes that the system had killed at the last look.
        self._kills = out_of_memory_kills()

    def learn(self, simulation_id: str, peak_mb: float | None) -> None:
        """Take note of the peak memory of a run, in MB."""
        if peak_mb is not None:
            with self._changed:
                self._needs[simulation_id] = max(self._needs.get(simulation_id, 0.0), peak_mb)

    # A run -----------------------------------------------------------------------------------------------------

    def may_start(self, simulation_id: str, at_most: int) -> bool:
        """Return whether a run of a simulation fits beside those at hand; ``at_most`` is how many could be."""
        with self._changed:
            if not self._running or self._usable is None:
                return True
            need, is_known = self._need(simulation_id)
            free = self._free()
            fits = need <= free * (1 - _MARGIN)
            if not fits and is_known and simulation_id not in self._told and len(self._running) < at_most:
                self._told.add(simulation_id)
                self._say(
                    f"{len(self._running)} at a time instead of {at_most}: a run of {plain(simulation_id)} needs "
                    f"{memory(need)}, {memory(free)} are free"
                )
            return fits

    def take(self, folder: str, simulation_id: str) -> None:
        """Count a run as one at hand, before it has a worker."""
        with self._changed:
            self._running[folder] = _Running(simulation_id, kills=self._kills)

    def begin(self, folder: str, simulation_id: str, pid: int) -> None:
        """Let a worker begin with a run: wait as long as another one is to be alone."""
        with self._changed:
            while self._alone not in (0, threading.get_ident()):
                self._changed.wait(_TICK_S)
            self._running[folder] = _Running(simulation_id, pid, kills=self._kills)

    def end(self, folder: str) -> None:
        """Count a run as one at hand no more."""
        with self._changed:
            if (run := self._running.pop(folder, None)) is not None and run.pid:
                self.learn(run.simulation_id, peak_memory_mb(run.pid))
                if run.has_mb > _MARGIN * (self._usable or 0.0):
                    self._looked_at = 0.0  # what it had is free now
            self._changed.notify_all()

    def why_to_end(self, folder: str) -> str:
        """Return why a run is to be ended for others; "" if it is not."""
        run = self._running.get(folder)
        return "" if run is None else run.ends

    def has_run_out(self, folder: str) -> bool:
        """Return whether a run that was killed by SIGKILL just now was so by the system, while others were at hand."""
        with self._changed:
            run = self._running.get(folder)
            others = [path for path, other in self._running.items() if other.pid and path != folder]
        return run is not None and bool(others) and out_of_memory_kills() > run.kills

    def wait_for(self, simulation_id: str, stop: Stop) -> None:
        """Wait until a run of a simulation fits."""
        with self._changed:
            while not stop.mode and self._running and not self.may_start(simulation_id, 0):
                self._changed.wait(_TICK_S)

    @contextmanager
    def alone(self, stop: Stop) -> Iterator[None]:
        """Wait until no run is at hand; none begins then but by this thread, as long as the context lasts."""
        with self._changed:
            while self._alone and not stop.mode:
                self._changed.wait(_TICK_S)
            self._alone = threading.get_ident()
            while any(run.pid for run in self._running.values()) and not stop.mode:
                self._changed.wait(_TICK_S)
        try:
            yield
        finally:
            with self._changed:
                self._alone = 0
                self._changed.notify_all()

    # The memory ------------------------------------------------------------------------------------------------

    def watch(self) -> None:
        """Look at the memory; if it is short, let the youngest run end."""
        kills = out_of_memory_kills()
        with self._changed:
            self._kills = kills
            if self._usable is None or len(self._running) < 2 or self._alone:
                return
            self._look()
            if self._usable > _SHORT * self._bound or any(run.ends for run in self._running.values()):
                return
            started = [run for run in self._running.values() if run.pid]
            if len(started) > 1:
                youngest = max(started, key=lambda run: run.since)
                self.learn(youngest.simulation_id, peak_memory_mb(youngest.pid))
                youngest.ends = RAN_SHORT

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._looked_at >= _LOOK_S:
            for run in self._running.values():
                run.has_mb = resident_mb(run.pid) if run.pid else 0.0
            ours = sum(run.has_mb for run in self._running.values())
            self._usable, self._looked_at = usable_mb(ours), now
            self._bound = max(self._bound, (self._usable or 0.0) + ours)

    def _free(self) -> float:
        """Return what is left when the runs at hand have got all that they need, in MB."""
        self._look()
        like_others = max(self._needs.values(), default=0.0)
        needs = [(self._needs.get(run.simulation_id, like_others), run.has_mb) for run in self._running.values()]
        reserved = sum(max(need - has, 0.0) for need, has in needs)
        return max((self._usable or 0.0) - reserved, 0.0)

    def _need(self, simulation_id: str) -> tuple[float, bool]:
        """Return what a run of a simulation is thought to need, in MB, and whether that is known."""
        if simulation_id in self._needs:
            return self._needs[simulation_id], True
        if self._free() * (1 - _MARGIN) >= _UNKNOWN_MB * (1 + len(self._running)):
            return 0.0, False
        if (like_others := max(self._needs.values(), default=math.inf)) <= self._free() * (1 - _MARGIN):
            return like_others, False
        unknown = [run for run in self._running.values() if run.simulation_id not in self._needs]
        young = sum(time.monotonic() - run.since < _WATCH_S for run in unknown)
        if young and young >= len(unknown) - young:  # as many again as have been watched
            return math.inf, False
        return _GROWTH * max(run.has_mb for run in self._running.values()) * (young + 1), False
