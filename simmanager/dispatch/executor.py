"""Runs on slots: dispatch through joblib, crashes, timeouts, retries, and the user's wish to stop."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial

from ..base.errors import SimManagerError, limit_met
from ..disk.state import RunState
from ..worker.task import Outcome, Task
from .run_options import RunOptions
from .run_queue import RunQueue
from .slots import Slots
from .stop import BY_ERROR, Stop, ticking
from .supervision import Job, supervise, supervise_together
from .worker_process import WorkerSettings


class Executor:
    """Executes a queue of jobs on slots, by workers whose interpreters have these flags."""

    def __init__(self, n_jobs: int, options: RunOptions, flags: Sequence[str] = ()) -> None:
        self.n_jobs = n_jobs
        self.options = options
        self.stop = Stop()
        self._slots = Slots(WorkerSettings(options.threads_per_run, flags=tuple(flags)), options.slot_env or ())
        self._failures = 0
        self._counting = threading.Lock()

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
        ``on_end`` in this thread, ``on_tick`` about four times a second in another, which may stop the runs by `stop`.
        """
        from joblib import Parallel, delayed

        slots = min(self.n_jobs, len(queue))
        if slots == 0:
            return
        results: Iterator[list[tuple[Task, Outcome]]] = iter(())
        try:
            with ticking(on_tick):
                self.prepare(len(queue))
                # None is taken ahead of time: the queue learns, and a wish to stop is obeyed at once.
                parallel = Parallel(
                    slots, backend="threading", return_as="generator_unordered", batch_size=1, pre_dispatch=slots
                )
                supervise_tasks = delayed(partial(self._supervise_tasks, queue, on_start))
                results = parallel(map(supervise_tasks, self._until_stopped(queue)))
                for ended in results:
                    for task, outcome in ended:
                        if outcome.state:
                            on_end(task, outcome)
        except BaseException as error:
            self.stop.now("the manager raised an error", BY_ERROR)
            with suppress(Exception):
                deque(results, maxlen=0)  # until each run at hand has its verdict
            if not isinstance(error, SimManagerError) and (why := limit_met(error)):
                raise SimManagerError(f"The batch cannot be executed: {why}.") from error
            raise
        finally:
            self.close()

    def _until_stopped(self, queue: RunQueue) -> Iterator[list[Task]]:
        takers = self.n_jobs if self.options.allow_several else None
        while not self.stop.mode and (tasks := queue.take(takers)):
            yield tasks

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
            outcome = ended.get(task.folder) or supervise(Job(task, self.options), self._slots, self.stop)
            self._count(outcome)  # in the thread of the slot: before it takes the next run
            queue.learn(task, outcome)
            pairs.append((task, outcome))
        return pairs
