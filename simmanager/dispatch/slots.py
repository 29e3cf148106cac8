"""Slots: long-lived worker processes, each with a pipe, and what is known when one dies."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType

from ..base.errors import limit_met
from .deadlines import FREEZE, THAW, Deadlines
from .recipe_imports import imports_of
from .worker_process import Worker, WorkerLost, WorkerSettings, is_named_python

#: No further environment variables.
NONE: Mapping[str, str] = MappingProxyType({})


class Slots:
    """The workers of a batch: as many as there are runs at a time.

    ``slot_environs`` are further environment variables of each slot, shared out evenly if there are more slots.
    """

    def __init__(self, settings: WorkerSettings, slot_environs: Sequence[Mapping[str, str]] = ()) -> None:
        self._settings, self._slot_environs = settings, slot_environs
        #: Keeps the deadlines of runs, should this process be killed.
        self.deadlines = Deadlines(settings)
        self._idle: list[Worker] = []
        self._busy: set[Worker] = set()
        #: Numbers of the slots of living workers: a new worker takes the lowest that is free.
        self._taken: set[int] = set()
        #: Recipe -> name of what loading it imports, where that had to be known.
        self._imports: dict[str, str] = {}
        self._lock = threading.Lock()
        #: How many may live, and those that take no further run.
        self._most, self._outdated = 1 << 30, set[Worker]()

        #: Not while the workers are frozen.
        self._may_take = threading.Event()
        self._may_take.set()

    def limit(self, number: int) -> None:
        """Let so many workers live at most; of those that have nothing to do, the others end."""
        with self._lock:
            self._most = number
            too_many = len(self._busy) + len(self._idle) - number
            surplus = [self._idle.pop() for _ in range(min(too_many, len(self._idle)))]
        for worker in surplus:
            self.retire(worker)

    def renew(self) -> None:
        """Give no further run to the workers that there are."""
        with self._lock:
            idle, self._idle = self._idle, []
            self._outdated |= self._busy
        for worker in idle:
            self.retire(worker)

    def freeze(self) -> None:
        """Stop the workers that have something to do, with all that they started; none can be taken until `thaw`."""
        with self._lock:
            self._may_take.clear()
            workers = list(self._busy)
        self.deadlines.tell(FREEZE)
        for worker in workers:
            worker.freeze()

    def thaw(self) -> None:
        """Let them go on."""
        with self._lock:
            self._may_take.set()
            workers = list(self._busy)
        for worker in workers:
            worker.thaw()
        self.deadlines.tell(THAW)

    def take(self, recipe: str, environ: Mapping[str, str] = NONE) -> Worker:
        """Return an idle worker that may take this recipe, with these environment variables, or a new one."""
        self._may_take.wait()
        self._retire_dead_workers()
        with self._lock:
            imports = self._imports_of(recipe) if any(worker.bound_to for worker in self._idle) else ""
            for worker in sorted(self._idle, key=lambda worker: worker.bound_to != imports):
                if worker.bound_to in ("", imports) and worker.environ == environ:
                    self._idle.remove(worker)
                    self._lend(worker)
                    return worker
            unfit = self._idle.pop() if self._idle else None
        if unfit is not None:
            self.retire(unfit)
        worker = self._start(environ)
        with self._lock:
            self._lend(worker)
        return worker

    def _lend(self, worker: Worker) -> None:
        """Count a worker as one that has something to do; the lock is held, so that none is missed by `freeze`."""
        self._busy.add(worker)
        if not self._may_take.is_set():
            worker.freeze()

    def bind(self, worker: Worker, recipe: str) -> None:
        """Let a worker take only recipes that import what this one imports: its modules changed the process."""
        if not worker.bound_to:
            with self._lock:
                worker.bound_to = self._imports_of(recipe)

    def fits(self, worker: Worker, recipe: str) -> bool:
        """Return whether a worker may take a recipe."""
        if not worker.bound_to:
            return True
        with self._lock:
            return worker.bound_to == self._imports_of(recipe)

    def _imports_of(self, recipe: str) -> str:
        if recipe not in self._imports:
            self._imports[recipe] = imports_of(recipe)
        return self._imports[recipe]

    def _retire_dead_workers(self) -> None:
        """Retire workers that died while they had nothing to do: no run is to be blamed for it."""
        with self._lock:
            dead = [worker for worker in self._idle if worker.has_ended()]
            self._idle = [worker for worker in self._idle if worker not in dead]
        for worker in dead:
            self.retire(worker)

    def _start(self, further: Mapping[str, str] = NONE) -> Worker:
        with self._lock:
            slot = next(number for number in itertools.count() if number not in self._taken)
            self._taken.add(slot)
        environ = self._slot_environs[slot % len(self._slot_environs)] if self._slot_environs else {}
        try:
            worker = Worker(self._settings, slot, {**environ, **further})
            worker.environ = further
            return worker
        except BaseException as error:
            self._free(slot)
            if isinstance(error, OSError):
                raise WorkerLost(f"A worker process could not be started: {limit_met(error) or error}.") from error
            raise

    def _free(self, slot: int) -> None:
        with self._lock:
            self._taken.discard(slot)

    def give_back(self, worker: Worker, *, usable: bool = True) -> None:
        """Return a clean worker for the next run; one that is not usable any more, or one too many, is ended."""
        with self._lock:
            self._busy.discard(worker)
            is_one_too_many = len(self._busy) + len(self._idle) >= self._most
            usable = usable and worker not in self._outdated and not is_one_too_many
            self._outdated.discard(worker)
            if usable:
                self._idle.append(worker)
        if not usable:
            self.retire(worker)

    def retire(self, worker: Worker, patience_s: float = 0.5) -> None:
        """End a worker that is not to take another run; its slot is free then."""
        try:
            worker.retire(patience_s)
        finally:
            self._free(worker.slot)

    def prepare(self, number: int) -> None:
        """Start what is missing to so many workers ahead of the first runs; each gets ready while the others do.

        If sys.executable may be a program that only embeds Python, the first must get ready before others are started.
        """
        if number > len(self._idle) == 0 and not is_named_python():
            first = self._start()
            self.give_back(first)
            first.wait_until_ready()
        for _ in range(number - len(self._idle)):
            self.give_back(self._start())

    def close(self) -> None:
        """End all idle workers."""
        with self._lock:
            workers, self._idle = self._idle, []
        for worker in workers:
            with suppress(OSError):
                worker._input.close()
        for worker in workers:
            self.retire(worker, 2.0)
        self.deadlines.close()
