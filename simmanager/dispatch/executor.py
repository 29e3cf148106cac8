"""Runs on slots: dispatch through joblib, crashes, timeouts, retries, and the user's wish to stop or to pause."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from queue import SimpleQueue

from ..base.errors import SimManagerError, limit_met
from ..disk.locks import is_held
from ..disk.run_folder import RunFolder
from ..disk.state import RunState
from ..worker.task import Outcome, Task
from .allotment import Allotment, gpus_seen_by
from .orphans import running_at
from .room import Room
from .run_options import RunOptions, count_jobs
from .run_queue import RunQueue
from .slots import Slots
from .stop import BY_ERROR, Stop, ticking
from .supervision import Job, supervise, supervise_together
from .worker_process import WorkerSettings

#: Seconds between two looks whether something may start, or is to stop, if nobody tells.
_LOOK_S = 0.25


#: What a loop of a slot tells: runs that have ended, or what went wrong; None: all loops that were begun together have
#: ended.
_Told = list[tuple[Task, Outcome]] | BaseException | None


class Executor:
    """Executes a queue of jobs on slots, by workers whose interpreters have these flags."""

    def __init__(self, n_jobs: int, options: RunOptions, flags: Sequence[str] = ()) -> None:
        #: Runs at a time.
        self.n_jobs = n_jobs
        self.options = options
        self.stop = Stop()
        self._slots = Slots(WorkerSettings(options.threads_per_run, flags=tuple(flags)), options.slot_env or ())
        self._room = Room(self.stop.say)
        self._allotment = Allotment(self.stop.say, options.slot_env or ())
        #: Runs that count though no slot has them yet: they are executed elsewhere.
        self._orphans: set[str] = set()
        #: Whether a run has its own time limit, threads or GPUs, so that none is handed over with others.
        self._is_one_each = not options.allow_several
        self._failures = 0
        self._counting = threading.Lock()
        self._told: SimpleQueue[_Told] = SimpleQueue()
        #: Held to change what follows; told of when something may start that could not before.
        self._changed = threading.Condition()
        #: Loops that take from the queue, those that have runs at hand, and how often loops were begun and not ended.
        self._loops, self._busy, self._begun = 0, 0, 0
        self._is_over = False

    @property
    def busy(self) -> int:
        """Slots that have runs at hand."""
        return self._busy

    def provide_for(self, tasks: Iterable[Task]) -> None:
        """Take note of what runs declare to need; raise `ParameterError` if one can never start."""
        tasks = list(tasks)
        with self._changed:
            self._allotment.provide_for({task.simulation_id: task.needs for task in tasks}, self.n_jobs)
            declare = self._allotment.is_used or any(task.timeout_s is not None for task in tasks)
            self._is_one_each = self._is_one_each or declare

    def count_orphans(self, tasks: Iterable[Task]) -> None:
        """Count what runs hold that are executed for a manager which is gone, until they end, if they declare it."""
        for task in tasks:
            if task.needs and (run := running_at(RunFolder(task.folder))) is not None:
                self._orphans.add(task.folder)
                self._allotment.take(task.folder, task.needs, gpus_seen_by(run.pid))

    def prepare(self, runs: int) -> None:
        """Start the workers for so many runs ahead of `run`; whoever does so calls `close`, whatever happens."""
        self._slots.prepare(min(self.n_jobs, runs))

    def close(self) -> None:
        """End all workers."""
        self._slots.close()

    def run(
        self,
        queue: RunQueue,
        on_end: Callable[[Task, Outcome], None],
        on_tick: Callable[[], None],
        on_start: Callable[[Task], None] = lambda task: None,
    ) -> None:
        """Execute all tasks; returns when the last has ended, or when the user's wish to stop is fulfilled.

        Tasks are taken as slots become free. ``on_start`` is called in the thread of the slot that takes one,
        ``on_end`` in this thread, ``on_tick`` about four times a second in another, which may stop the runs by `stop`,
        and use `adjust` and `renew`.
        """
        if not len(queue):
            return
        self._work = partial(self._work_off, queue, on_start)
        try:
            with ticking(on_tick):
                self.prepare(len(queue))
                self.adjust(self.n_jobs, queue)
                self._hear(on_end)
        except BaseException as error:
            self.stop.now("the manager raised an error", BY_ERROR)
            self.thaw()  # nobody else does so now
            while self._begun:  # until each run at hand has its verdict
                self._begun -= self._told.get() is None
            if not isinstance(error, SimManagerError) and (why := limit_met(error)):
                raise SimManagerError(f"The batch cannot be executed: {why}.") from error
            raise
        finally:
            self.close()

    def _hear(self, on_end: Callable[[Task, Outcome], None]) -> None:
        """Take what the loops tell until all have ended."""
        while True:
            with self._changed:
                self._is_over = not self._begun
            if self._is_over:
                return
            told = self._told.get()
            if told is None:
                with self._changed:
                    self._begun -= 1
            elif isinstance(told, BaseException):
                raise told
            else:
                for task, outcome in told:
                    if outcome.state:
                        on_end(task, outcome)

    def adjust(self, n_jobs: int, queue: RunQueue) -> None:
        """Let so many runs go at a time from now on (-1: one on each core); if more are at hand, these end first."""
        n_jobs = count_jobs(n_jobs, self.options)
        with self._changed:
            self.n_jobs = queue.slots = n_jobs
            wanted = min(n_jobs, self._busy + len(queue)) - self._loops
            if wanted > 0 and not self._is_over:
                threading.Thread(target=self._begin, args=[wanted], name="simmanager-slots", daemon=True).start()
                self._loops += wanted
                self._begun += 1
            self._changed.notify_all()
        self._slots.limit(n_jobs)

    def renew(self) -> None:
        """Give the runs to come to new workers, which know the import path as it is now."""
        self._slots.renew()

    def know_peaks(self, peaks: Mapping[str, float]) -> None:
        """Take note of the peak memory of earlier runs, in MB, by simulation."""
        for simulation_id, peak_mb in peaks.items():
            self._room.learn(simulation_id, peak_mb)

    def watch(self) -> None:
        """Look whether the memory suffices for the runs at hand, and whether those that run elsewhere have ended."""
        with self._changed:
            orphans = list(self._orphans)
        for folder in [folder for folder in orphans if not is_held(RunFolder(folder).lock_path)]:
            with self._changed:
                if folder in self._orphans:  # no slot has taken it over
                    self._orphans.discard(folder)
                    self._allotment.free(folder)
                    self._changed.notify_all()
        if not self.stop.paused:
            self._room.watch()

    def freeze(self) -> None:
        """Stop the runs at hand, with all their processes, until `thaw`."""
        self._slots.freeze()

    def thaw(self) -> None:
        """Let them go on."""
        self._slots.thaw()

    def _begin(self, number: int) -> None:
        """Work off the queue with so many further slots, each a thread of joblib."""
        from joblib import Parallel, delayed

        try:
            Parallel(number, backend="threading", batch_size=1, pre_dispatch="all")(
                delayed(self._work)() for _ in range(number)
            )
        except BaseException as error:
            self._told.put(error)
        finally:
            self._told.put(None)

    def _work_off(self, queue: RunQueue, on_start: Callable[[Task], None]) -> None:
        """Execute runs of the queue on one slot, until none is left or nothing is to start any more."""
        while tasks := self._take(queue):
            try:
                self._told.put(self._supervise_tasks(queue, on_start, tasks))
            except BaseException as error:
                self._told.put(error)
            finally:
                with self._changed:
                    for task in tasks:
                        self._allotment.free(task.folder)
                    self._busy -= 1
                    self._changed.notify_all()

    def _take(self, queue: RunQueue) -> list[Task]:
        """Take out what this slot executes next; waits as long as nothing may start; [] if there is no more."""
        with self._changed:
            while not self.stop.mode and (len(queue) or self._busy):
                # None is taken ahead of time: the queue learns, and a wish to stop is obeyed at once.
                may_start = not self.stop.paused and self._busy < self.n_jobs
                if may_start and (tasks := self._what_fits(queue)):
                    self._busy += 1
                    return tasks
                self._changed.wait(_LOOK_S)
            self._loops -= 1
            self._changed.notify_all()
        return []

    def _what_fits(self, queue: RunQueue) -> list[Task]:
        """Take out what may start now.

        Runs that need no GPU pass those that wait for one. No other run is passed, so that a large one is not starved.
        """
        at_most, passed = min(self.n_jobs, self._busy + len(queue)), set[str]()
        while (task := queue.following(passed)) is not None:
            name = task.simulation_id
            lacks = self._allotment.lacks(name, task.needs, at_most)
            if lacks == "cpus":
                return []
            if lacks == "gpus" or (passed and task.needs.get("gpus")):
                passed.add(name)
                continue
            self._room.learn(name, task.needs.get("memory_mb"))
            if not self._room.may_start(name, at_most):
                return []
            break
        if task is None:
            tasks = self._what_runs_elsewhere(queue, at_most)
        else:  # by `first` it may be the turn of another one since
            tasks = queue.take(None if self._is_one_each else self.n_jobs, passed, task)
        for task in tasks:
            self._room.take(task.folder, task.simulation_id)
        for task in tasks[:1]:  # the others come after it
            if task.folder not in self._orphans:
                self._allotment.take(task.folder, task.needs)
            self._orphans.discard(task.folder)
        if self._allotment.is_used:
            return [replace(task, environ=self._allotment.environ(task.folder, task.needs)) for task in tasks]
        return tasks

    def _what_runs_elsewhere(self, queue: RunQueue, at_most: int) -> list[Task]:
        """Take out a run that another process executes, or did: it is waited for, then executed if it has to be."""
        task = queue.last()
        if task is None:
            return []
        if task.folder not in self._orphans and self._allotment.lacks(task.simulation_id, task.needs, at_most):
            return []
        return queue.take_last()

    def _count(self, outcome: Outcome) -> None:
        with self._counting:
            self._failures += outcome.executed and outcome.state == RunState.ERROR.value
        if self.options.fail_fast and self._failures >= int(self.options.fail_fast):
            self.stop.finish(f"{self._failures} run(s) failed (fail_fast)")

    def _supervise_tasks(
        self, queue: RunQueue, on_start: Callable[[Task], None], tasks: list[Task]
    ) -> list[tuple[Task, Outcome]]:
        for task in tasks:
            on_start(task)
        ended = supervise_together(tasks, self._slots, self.stop) if len(tasks) > 1 else {}
        pairs = []
        for task in tasks:
            outcome = ended.get(task.folder) or supervise(Job(task, self.options), self._slots, self.stop, self._room)
            self._count(outcome)  # in the thread of the slot: before it takes the next run
            queue.learn(task, outcome)
            if outcome.executed:
                self._room.learn(task.simulation_id, outcome.peak_mb)
            self._room.end(task.folder)
            pairs.append((task, outcome))
        return pairs
