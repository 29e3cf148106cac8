"""What the manager does while the runs of a batch are executed: it counts, shows, and does what it is asked."""

from __future__ import annotations

import dataclasses
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import groupby
from typing import TYPE_CHECKING

from ..base.advice import command
from ..base.clock import duration
from ..base.errors import ParameterError, SimManagerError
from ..base.provenance import working_directory
from ..base.text import count, plain
from ..disk.batch_folder import OpenBatch
from ..disk.batch_lock import FROZEN, PAUSED, sign
from ..disk.batch_log import write_log
from ..disk.frozen import is_frozen, note_freeze
from ..disk.locks import is_held
from ..disk.orders import Order, orders_to
from ..disk.run_folder import RunFolder
from ..disk.state import RunState
from ..status.progress_bar import Progress
from ..status.reader import StatusReader
from ..status.status import BatchStatus, largest_peaks, mean_durations, time_left
from ..status.tree import console, headline, show_line
from ..worker.shared_directory import advice
from ..worker.task import Outcome, Task
from .events import Announcer, event_of
from .executor import Executor
from .orphans import freeze_orphan, running_at, stop_orphans, thaw_orphans, whom_it_waits_for
from .run_options import OPTIONS
from .run_queue import RunQueue
from .stop import said_of_signal, stop_on_signals
from .supervision import TELL_AFTER_S
from .tasks import DueRuns

if TYPE_CHECKING:
    from .dask_executor import DaskExecutor

#: Runs that wait for another process and are named one by one.
_NAMED = 10


class StoppedBySignal(SystemExit):
    """The manager was asked to stop by SIGTERM or SIGHUP, and all is in order."""


class BatchSupervision:
    """What the manager does while its slots work: counts, shows, and does what it is asked."""

    def __init__(
        self,
        batch: OpenBatch,
        due: DueRuns,
        executor: Executor | DaskExecutor,
        progress: Progress,
        announcer: Announcer,
    ) -> None:
        self._batch, self._folder, self._due = batch, batch.folder, due
        held = {run.path for run in due.before.runs if run.state is RunState.RUNNING}
        #: Runs that processes execute which a manager that is gone has left; they come last in the queue.
        self._orphans = [task for task in due.tasks if task.folder in held]
        alone = [task for task in due.tasks if task.folder not in held]
        self._queue = RunQueue(alone, mean_durations(due.before.runs), self._orphans, executor.n_jobs)
        self._progress, self._announcer = progress, announcer
        #: Runs that were started and have not ended, with what was told of them last; and since when.
        self._at_hand: dict[str, tuple[Task, str]] = {}
        self._since: dict[str, float] = {}
        self._total = len(due.tasks)
        executor.count_orphans(self._orphans)
        executor.know_peaks(largest_peaks(due.before.runs))
        self._executor, self._stop = executor, executor.stop
        self._durations: list[float] = []
        self._done, self._begun = 0, self._now()
        self._last_end = self._begun
        self._announced_stop, self._told_of_files, self._told_of_orphans = "", False, not self._orphans
        self._why_not_there = ""
        self._is_quiet, self._paused_at = False, 0.0

    def _now(self) -> float:
        """Return the time of a clock that stands still while the batch pauses, in seconds."""
        return time.monotonic() - self._stop.paused_s()

    def run(self) -> None:
        """Execute the queue; tell what ended it early, and raise that again."""
        stop = self._stop
        with stop_on_signals(stop), self._progress.shown():
            try:
                self._executor.run(self._queue, self._on_end, self._on_tick, self._on_start)
            finally:
                if self._stop.paused:
                    self._go_on()
        if self._why_not_there:
            raise SimManagerError(
                f"The batch is not at {plain(str(self._folder.path))} any more: {self._why_not_there}. Its runs were "
                f"stopped; to go on, name its folder as it is now: {command('resume', 'FOLDER')}"
            )
        if stop.is_now():
            for text in stop_orphans(self._orphans, stop.ends_runs()):
                self._progress.say(text, "yellow")
        if stop.by_signal:
            if stop.by_signal != signal.SIGINT:
                with suppress(OSError):  # the terminal was closed
                    self._progress.say(said_of_signal(stop.by_signal), "yellow")
            finish(self._due.reader, show=True)
            if stop.by_signal == signal.SIGINT:
                raise KeyboardInterrupt
            raise StoppedBySignal(128 + stop.by_signal)
        if stop.mode:
            self._progress.say(f"stopped early: {stop.reason}", "yellow")
        if stop.error is not None:
            raise SimManagerError(str(stop.error)) from stop.error

    def _on_start(self, task: Task) -> None:
        self._since[task.folder] = self._now()
        if self._announcer.wanted:
            self._at_hand[task.folder] = (task, "")
            self._announcer.send(event_of("started", task, RunState.RUNNING.value))

    def _tell_progress(self) -> None:
        for path, (task, known) in list(self._at_hand.items()):
            event = event_of("progress", task, RunState.RUNNING.value, RunFolder(path).read_progress())
            if (event.fraction is not None or event.metrics) and repr(event) != known:  # NaN is not NaN
                self._at_hand[path] = (task, repr(event))
                self._announcer.send(event)

    def _on_end(self, task: Task, outcome: Outcome) -> None:
        self._done, self._last_end = self._done + 1, self._now()
        self._since.pop(task.folder, None)
        if self._announcer.wanted:
            self._at_hand.pop(task.folder, None)
            self._announcer.send(event_of("ended", task, outcome.state, None, outcome.reason))
        if outcome.executed and outcome.state == RunState.FINISHED.value and outcome.duration_s is not None:
            self._durations.append(outcome.duration_s)
        self._progress.ended(task.folder, outcome.state, outcome.reason)
        if outcome.wrote and not self._told_of_files:
            self._told_of_files = True
            self._progress.say(plain(advice(outcome.wrote, working_directory())), "yellow")

    def _on_tick(self) -> None:
        self._tell_progress()
        self._executor.watch()
        if not self._told_of_orphans and self._now() >= self._begun + TELL_AFTER_S:
            self._told_of_orphans = True
            self._tell_of_orphans()
        for text in self._stop.said():
            self._progress.say(text, "yellow")
        if not self._why_not_there and (why := self._batch.why_not_there()):
            self._why_not_there = why
            self._stop.now(why, "the folder of the batch was moved")
            return
        for order in orders_to(self._folder.path, self._batch.signature):
            self._obey(order)
        if self._stop.mode and self._stop.paused:  # by Ctrl-C, say: what is frozen must go on to end
            self._go_on()
        if self._stop.mode != self._announced_stop:
            self._announced_stop = self._stop.mode
            self._say(f"{self._stop.reason}: {self._how_it_stops()}")
        if self._stop.paused and not self._is_quiet and not self._executor.busy:
            self._is_quiet = True
            self._say("paused: no run is at hand any more")
        self._progress.tick(self._executor.busy, None if self._stop.paused else self._time_left(), self._stop.paused)

    def _say(self, words: str) -> None:
        """Tell the user something of which the log of the batch is to know."""
        self._progress.say(words, "yellow")
        write_log(self._folder.path, words)

    def _tell_of_orphans(self) -> None:
        """Say for whom runs wait, also those whose turn has not come."""
        folders = [RunFolder(task.folder) for task in self._orphans]
        held = [folder for folder in folders if is_held(folder.lock_path)]
        for folder in held[:_NAMED]:
            self._stop.say(whom_it_waits_for(folder))
        if len(held) > _NAMED:
            self._stop.say(f"{count(len(held) - _NAMED, 'more run')} wait for such processes")

    def _time_left(self) -> float | None:
        """Return the seconds that are left at least; None if nothing is known.

        That is never less than what a running run has left, by how far it says that it is.
        """
        left, cost, now = self._total - self._done, self._cost_of_a_run(), self._now()
        longest = 0.0
        for path, since in list(self._since.items()):
            if now - since >= TELL_AFTER_S and (run := running_at(RunFolder(path))) is not None:
                longest = max(longest, time_left(run))
        if not cost:
            return longest or None
        return max(cost * left / max(min(self._executor.n_jobs, left), 1) - (now - self._last_end), longest)

    def _cost_of_a_run(self) -> float:
        """Return the seconds of a slot that a run takes, with what passes between two; 0.0 if none has finished."""
        if not self._durations:
            return 0.0
        mean = sum(self._durations) / len(self._durations)
        slots = self._executor.n_jobs
        return max(mean, (self._last_end - self._begun) * slots / (self._done + slots - 1))

    def _how_it_stops(self) -> str:
        if self._stop.is_now():
            return "stopping the runs at hand"
        running = count(self._executor.busy, "run is", "runs are")
        again = "press Ctrl-C again to stop them" if self._stop.reason == "Ctrl-C" else "ask again to stop them at once"
        return f"{running} finishing; {again}"

    # What it is asked ------------------------------------------------------------------------------------------------

    def _obey(self, order: Order) -> None:
        """Do what another process asks, tell it, and note it."""
        actions: dict[str, Callable[..., str]] = {
            "stop": self._stop_runs,
            "pause": self._pause,
            "resume": self._resume,
            "jobs": self._set_jobs,
            "first": self._put_first,
            "add": self._take_added,
        }
        try:
            if self._stop.mode and order.verb != "stop":
                raise ParameterError(f"the manager is stopping already ({self._stop.reason})")
            if order.verb not in actions:
                raise ParameterError(f"this manager knows no {order.verb!r}; it is of another version of simmanager")
            said = actions[order.verb](**order.arguments)
        except Exception as error:  # whatever an order has, it harms no run
            order.answer("", str(error))
            return
        order.answer(said)
        if order.verb != "stop":  # of which more is said in a moment
            self._say(f"simmanager {order.verb}: {said}")

    def _stop_runs(self, now: bool = False) -> str:
        if not self._stop.mode:
            self._stop.finish("simmanager stop")
        if now and not self._stop.is_now():
            self._stop.now("simmanager stop --now")
        return self._how_it_stops()

    def _pause(self, freeze: bool = False) -> str:
        before = self._stop.paused
        if not before:
            self._paused_at = time.monotonic()
        self._stop.pause(FROZEN if freeze or self._stop.paused == FROZEN else PAUSED)
        self._is_quiet = False
        running = self._executor.busy
        try:
            if freeze:
                self._freeze()
        except (OSError, SimManagerError):  # it is as it was
            if before:
                self._stop.pause(before)
            else:
                self._go_on()
            raise
        self._sign()
        if self._stop.paused == FROZEN:
            self._is_quiet = True
            return f"nothing new starts, {count(running, 'run is', 'runs are')} stopped"
        finishing = f", {count(running, 'run is', 'runs are')} finishing" if running else ""
        return f"nothing new starts{finishing}"

    def _resume(self) -> str:
        if not self._stop.paused:
            return "it does not pause"
        paused_s = time.monotonic() - self._paused_at
        self._go_on()
        return f"going on after {duration(paused_s)}"

    def _freeze(self) -> None:
        if not is_frozen(self._folder.path):
            note_freeze(self._folder.path)
        self._executor.freeze()
        for task in self._orphans:
            freeze_orphan(task)

    def _go_on(self) -> None:
        if self._stop.paused == FROZEN:
            self._executor.thaw()
            thaw_orphans(self._folder.path, self._orphans)
        self._stop.go_on()
        self._sign()
        self._executor.adjust(self._executor.n_jobs, self._queue)

    def _sign(self) -> None:
        """Let everybody who looks know whether it pauses."""
        lock, since = self._folder.lock_file, self._batch.signature.since
        self._batch.signature = sign(lock, paused=self._stop.paused, since=since)

    def _set_jobs(self, n_jobs: int) -> str:
        before, busy = self._executor.n_jobs, self._executor.busy
        self._executor.adjust(OPTIONS["n_jobs"].checked("n_jobs", n_jobs), self._queue)
        late = f"; {count(busy - self._executor.n_jobs, 'run')} at hand will end first"
        return f"{count(self._executor.n_jobs, 'run')} at a time{late if busy > self._executor.n_jobs < before else ''}"

    def _put_first(self, simulation_id: str) -> str:
        return f"{count(self._queue.first(simulation_id), 'run')} of {plain(simulation_id)} that wait come first"

    def _take_added(self) -> str:
        path, before = list(sys.path), self._total
        tasks, refused = self._what_can_start(self._due.added())
        if sys.path != path:
            self._executor.renew()
        self._queue.add(tasks)
        self._total += len(tasks)
        self._progress.more(len(tasks))
        self._executor.adjust(self._executor.n_jobs, self._queue)
        return f"{count(self._total - before, 'run')} more to execute{''.join(refused)}"

    def _what_can_start(self, added: list[Task]) -> tuple[list[Task], list[str]]:
        """Return those of the runs that this machine can ever execute, and of the others in words why not."""
        tasks: list[Task] = []
        refused = []
        for name, own in groupby(added, key=lambda task: task.simulation_id):
            together = list(own)
            try:
                self._executor.provide_for(together)
                tasks += together
            except ParameterError as error:
                refused.append(
                    f"; {count(len(together), 'run')} of {plain(name)} wait in the batch: {str(error).rstrip('.')}"
                )
        return tasks, refused


def final_status(reader: StatusReader) -> BatchStatus:
    """Return how a batch stands whose manager has nothing more to do."""
    return dataclasses.replace(reader.read(look_at_all=True), manager_alive=False, eta_s=None, paused="")


def finish(reader: StatusReader, *, show: bool) -> BatchStatus:
    """Return the final status and show a summary of it."""
    status = final_status(reader)
    if show:
        for line in filter(None, (headline(status), status.advice)):
            show_line(line, console())
    return status
