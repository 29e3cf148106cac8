"""One ``run_all``: from the runs that are due to the summary."""

from __future__ import annotations

import dataclasses
import signal
import sys
import time
from collections.abc import Set as AbstractSet
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..base.advice import command, either, target_of
from ..base.errors import SimManagerError
from ..base.provenance import changed_files, changes_since, frozen_code_of, working_directory
from ..base.tell import tell
from ..base.text import count, plain
from ..disk.batch_folder import BatchFolder, OpenBatch
from ..disk.files import remove_all
from ..disk.locks import is_held, network_file_system
from ..disk.run_folder import RunFolder
from ..disk.starts import StartsLog
from ..disk.state import RunState
from ..status.progress_bar import Progress
from ..status.reader import StatusReader
from ..status.status import BatchStatus, mean_durations
from ..status.tree import console, headline, show_line
from ..worker.attempt import execute_run
from ..worker.capture import errors_to_log
from ..worker.preparation import call_setup
from ..worker.session import session_of
from ..worker.shared_directory import advice
from ..worker.task import EXECUTABLE, Outcome, Task
from .copies import copies_in_words
from .events import Announcer, Event
from .executor import Executor
from .orphans import stop_orphans, whom_it_waits_for
from .run_options import RunOptions
from .run_queue import RunQueue
from .stop import said_of_signal, stop_on_signals
from .supervision import TELL_AFTER_S
from .tasks import make_tasks

if TYPE_CHECKING:
    from .dask_executor import DaskExecutor


#: Runs that wait for another process and are named one by one.
_NAMED = 10


class Chosen(NamedTuple):
    """Which runs of a batch are meant: all of them, those of a simulation, or one."""

    simulation_id: str | None = None
    run_id: int | None = None

    def has(self, simulation_id: str, run_id: int | None) -> bool:
        """Return whether a run is among them."""
        return self.simulation_id in (None, simulation_id) and self.run_id in (None, run_id)


#: All runs of a batch.
ALL = Chosen()


class StoppedBySignal(SystemExit):
    """The manager was asked to stop by SIGTERM or SIGHUP, and all is in order."""


def run_batch(
    batch: OpenBatch,
    states: AbstractSet[RunState],
    n_jobs: int,
    options: RunOptions,
    as_before: str = "",
    *,
    only: Chosen = ALL,
    in_process: bool = False,
    show: bool = True,
) -> BatchStatus:
    """Execute the runs of a batch that are in one of ``states``, and return the final status.

    ``as_before`` says which options are used because the batch kept them. ``only`` means only these runs;
    ``in_process``, one after the other in this process, where the first error is raised. After Ctrl-C, when all is in
    order, it raises KeyboardInterrupt.
    """
    folder = batch.folder
    folder.clear_stop_request()
    for text in remove_leftovers(batch):
        if show:
            tell(f"note: {plain(text)}; that is tried again at each start.")
    is_first = StartsLog(folder.path).begin()
    executor = _executor(batch, n_jobs, options) if is_first and not in_process else None
    try:
        if executor is not None:  # all runs are due: workers get ready while they are looked at
            found = ((name, run_id) for name in batch.simulation_ids for run_id in batch.run_folders(name))
            executor.prepare(sum(only.has(name, run_id) for name, run_id in found))
        return _run_due(
            batch, states, n_jobs, options, as_before, executor, only=only, in_process=in_process, show=show
        )
    finally:
        if executor is not None:
            executor.close()


def _run_due(
    batch: OpenBatch,
    states: AbstractSet[RunState],
    n_jobs: int,
    options: RunOptions,
    as_before: str,
    executor: Executor | DaskExecutor | None,
    *,
    only: Chosen,
    in_process: bool,
    show: bool,
) -> BatchStatus:
    folder = batch.folder
    reader = StatusReader(folder.path)
    before = reader.read_open(batch)
    due = [run for run in before.runs if run.state in states and only.has(run.simulation_id, run.run_id)]
    execute = (*EXECUTABLE, RunState.ERROR.value) if RunState.ERROR in states else EXECUTABLE
    tasks = make_tasks(batch, due, options, execute)
    progress = Progress(len(tasks), shown=show)
    announcer = Announcer(options.on_event)
    if executor is None and tasks and not in_process:
        executor = _executor(batch, n_jobs, options)
    n_jobs = 1 if executor is None else executor.n_jobs
    if show:
        _announce(folder, before, tasks, n_jobs, progress, only)
        if tasks and as_before:
            progress.say(as_before)
        _announce_changes(batch, tasks, progress)
    try:
        if executor is not None and tasks:
            held = {run.path for run in before.runs if run.state is RunState.RUNNING}
            orphans = [task for task in tasks if task.folder in held]
            alone = [task for task in tasks if task.folder not in held]
            queue = RunQueue(alone, mean_durations(before.runs), orphans, n_jobs)
            _Supervision(batch, queue, orphans, executor, progress, announcer).run(reader)
        else:
            if tasks and (setup := tasks[0].session.get("setup")):
                call_setup(Path(setup))
            for task in tasks:
                _run_here(task, progress, announcer)
    finally:
        if announcer.wanted and not batch.why_not_there():
            status = final_status(reader)
            announcer.send(Event("batch_ended", "", None, str(folder.path), "", status.fraction, "", status))
        announcer.close()
    status = finish(reader, show=show and bool(tasks))
    if show:
        for line in copies_in_words(status.runs, {task.simulation_id for task in tasks}):
            progress.say(line, "yellow")
    return status


def _executor(batch: OpenBatch, n_jobs: int, options: RunOptions) -> Executor | DaskExecutor:
    """Return what executes the runs: slots of this machine, or a Dask cluster, if one is asked for or active."""
    if options.backend == "dask":
        from .dask_executor import DaskExecutor

        return DaskExecutor(batch, n_jobs, options)
    if "distributed" in sys.modules:  # inside joblib.parallel_config(backend="dask")
        from .dask_executor import DaskExecutor, active_client

        if (client := active_client()) is not None:
            return DaskExecutor(batch, n_jobs, options, client)
    sessions = (session_of(batch.folder, batch.manifest.provenance, name) for name in batch.simulation_ids)
    return Executor(n_jobs, options, next(sessions, {}).get("flags", []))


def remove_leftovers(batch: OpenBatch) -> list[str]:
    """Remove what a killed manager left half removed or half written; return in words what could not be removed."""
    simulations = [batch.folder.own_simulation(name) for name in batch.simulation_ids]
    remains = [simulation / name for simulation in simulations for name in batch.remains(simulation.name)]
    return batch.folder.remove_scratch() + remove_all(remains)


def _announce(
    folder: BatchFolder, before: BatchStatus, tasks: list[Task], n_jobs: int, progress: Progress, only: Chosen
) -> None:
    if not tasks:
        failed = before.counts[RunState.ERROR]
        hint = f"; {failed} failed, see: {command('logs', folder.path)}" if failed else ""
        if only.simulation_id is not None and before.counts[RunState.FINISHED]:
            again = either(command("rerun", folder.path, only.simulation_id, "--all"), "include_finished=True")
            hint += f"; to run those of {plain(only.simulation_id)} again: {again}"
        tell(f"Nothing to do: {before.counts[RunState.FINISHED]} of {before.total} runs are finished{hint}.")
        return
    skipped = before.total - len(tasks)
    rest = f" ({skipped} others stay as they are)" if skipped else ""
    progress.say(f"{count(len(tasks), 'run')}{rest}, {min(n_jobs, len(tasks))} at a time, in {plain(str(folder.path))}")
    if kind := network_file_system(folder.path):
        progress.say(f"note: this is a {kind} file system; run a batch from one machine at a time only.", "yellow")


def _announce_changes(batch: OpenBatch, tasks: list[Task], progress: Progress) -> None:
    """Say so if runs would be made with other versions or another commit than the batch was begun with."""
    if not tasks:
        return
    made_with = batch.manifest.provenance
    for change in changes_since(made_with, tasks[0].provenance)[:10]:
        progress.say(f"note: this batch goes on with another program than it was begun with: {change}", "yellow")
    frozen = frozen_code_of(made_with)
    due = dict.fromkeys(task.simulation_id for task in tasks)
    untold = [name for name in due if name in frozen and name not in batch.folder.told_of_old_code]
    stale = {name: changed_files(frozen[name]) for name in untold}
    for name, files in [(name, files) for name, files in stale.items() if files][:10]:
        progress.say(
            f"note: {plain(', '.join(files))} changed since simulation {name} was made; its runs use the code as it "
            f"was. {_new_code(batch.folder, name, files[0], target_of(made_with))}",
            "yellow",
        )


def _new_code(folder: BatchFolder, simulation_id: str, file: str, source: str) -> str:
    """Return how a simulation takes over the code that was changed: a file of the command line, else a call."""
    if source:
        return f"The new code: {command('rerun', folder.path, simulation_id, '--from', source, '--all')}"
    return (
        f"The new code, with sim the simulation made of {plain(file)}: "
        f"manager.simulation_list[manager.simulation_ids.index({simulation_id!r})] = sim; "
        f"manager.rerun_simulation({simulation_id!r}, include_finished=True)"
    )


def _event(kind: str, task: Task, state: str, fraction: float | None = None, reason: str = "") -> Event:
    folder = RunFolder(task.folder)
    return Event(kind, folder.simulation_id, folder.run_id, task.folder, state, fraction, reason)


def _run_here(task: Task, progress: Progress, announcer: Announcer) -> None:
    progress.say(f"running {task.folder} in this process")
    announcer.send(_event("started", task, RunState.RUNNING.value))
    outcome, error = execute_run(task, capture=errors_to_log)
    announcer.send(_event("ended", task, outcome.state, None, outcome.reason))
    if outcome.state:
        progress.ended(task.folder, outcome.state, outcome.reason)
    else:  # another process holds it, or looks at it
        progress.say(f"left alone: {whom_it_waits_for(RunFolder(task.folder))}", "yellow")
    if error is not None:
        raise error


class _Supervision:
    """What the manager does while its slots work: counts, shows, and listens to the user's wish to stop."""

    def __init__(
        self,
        batch: OpenBatch,
        queue: RunQueue,
        orphans: list[Task],
        executor: Executor | DaskExecutor,
        progress: Progress,
        announcer: Announcer,
    ) -> None:
        self._batch, self._folder, self._queue = batch, batch.folder, queue
        #: Runs that processes execute which a manager that is gone has left; they come last in the queue.
        self._orphans = orphans
        self._progress, self._announcer = progress, announcer
        #: Runs that were started and have not ended, with how far they said they are.
        self._at_hand: dict[str, tuple[Task, float | None]] = {}
        self._total = len(queue)
        self._executor, self._stop = executor, executor.stop
        self._durations: list[float] = []
        self._done, self._begun = 0, time.monotonic()
        self._last_end = self._begun
        self._announced_stop, self._told_of_files, self._told_of_orphans = "", False, not orphans
        self._why_not_there = ""

    def run(self, reader: StatusReader) -> None:
        """Execute the queue; tell what ended it early, and raise that again."""
        stop = self._stop
        with stop_on_signals(stop), self._progress.shown():
            self._executor.run(self._queue, self._on_end, self._on_tick, self._on_start)
        if self._why_not_there:
            raise SimManagerError(
                f"The batch is not at {plain(str(self._folder.path))} any more: {self._why_not_there}. Its runs were "
                f"stopped; to go on, name its folder as it is now: {command('resume', 'FOLDER')}"
            )
        self._folder.clear_stop_request()
        if stop.is_now():
            for text in stop_orphans(self._orphans, stop.ends_runs()):
                self._progress.say(text, "yellow")
        if stop.by_signal:
            if stop.by_signal != signal.SIGINT:
                with suppress(OSError):  # the terminal was closed
                    self._progress.say(said_of_signal(stop.by_signal), "yellow")
            finish(reader, show=True)
            if stop.by_signal == signal.SIGINT:
                raise KeyboardInterrupt
            raise StoppedBySignal(128 + stop.by_signal)
        if stop.mode:
            self._progress.say(f"stopped early: {stop.reason}", "yellow")
        if stop.error is not None:
            raise SimManagerError(str(stop.error)) from stop.error

    @property
    def _running(self) -> int:
        return min(self._executor.n_jobs, self._total - self._done)

    def _on_start(self, task: Task) -> None:
        if self._announcer.wanted:
            self._at_hand[task.folder] = (task, None)
            self._announcer.send(_event("started", task, RunState.RUNNING.value))

    def _tell_progress(self) -> None:
        for path, (task, known) in list(self._at_hand.items()):
            fraction = RunFolder(path).read_progress()
            if fraction is not None and fraction != known:
                self._at_hand[path] = (task, fraction)
                self._announcer.send(_event("progress", task, RunState.RUNNING.value, fraction))

    def _on_end(self, task: Task, outcome: Outcome) -> None:
        self._done, self._last_end = self._done + 1, time.monotonic()
        if self._announcer.wanted:
            self._at_hand.pop(task.folder, None)
            self._announcer.send(_event("ended", task, outcome.state, None, outcome.reason))
        if outcome.executed and outcome.state == RunState.FINISHED.value and outcome.duration_s is not None:
            self._durations.append(outcome.duration_s)
        self._progress.ended(task.folder, outcome.state, outcome.reason)
        if outcome.wrote and not self._told_of_files:
            self._told_of_files = True
            self._progress.say(plain(advice(outcome.wrote, working_directory())), "yellow")

    def _on_tick(self) -> None:
        self._tell_progress()
        if not self._told_of_orphans and time.monotonic() >= self._begun + TELL_AFTER_S:
            self._told_of_orphans = True
            self._tell_of_orphans()
        for text in self._stop.said():
            self._progress.say(text, "yellow")
        if not self._why_not_there and (why := self._batch.why_not_there()):
            self._why_not_there = why
            self._stop.now(why, "the folder of the batch was moved")
            return
        request = self._folder.requested_stop()
        if request and not self._stop.mode:
            self._stop.finish("simmanager stop")
        if request == "now" and not self._stop.is_now():
            self._stop.now("simmanager stop --now")
        if self._stop.mode != self._announced_stop:
            self._announced_stop = self._stop.mode
            self._say_stopping(self._stop.reason)
        left = self._total - self._done
        since = time.monotonic() - self._last_end
        cost = self._cost_of_a_run()
        self._progress.tick(self._running, max(cost * left / max(self._running, 1) - since, 0.0) if cost else None)

    def _tell_of_orphans(self) -> None:
        """Say for whom runs wait, also those whose turn has not come."""
        folders = [RunFolder(task.folder) for task in self._orphans]
        held = [folder for folder in folders if is_held(folder.lock_path)]
        for folder in held[:_NAMED]:
            self._stop.say(whom_it_waits_for(folder))
        if len(held) > _NAMED:
            self._stop.say(f"{count(len(held) - _NAMED, 'more run')} wait for such processes")

    def _cost_of_a_run(self) -> float:
        """Return the seconds of a slot that a run takes, with what passes between two; 0.0 if none has finished."""
        if not self._durations:
            return 0.0
        mean = sum(self._durations) / len(self._durations)
        slots = self._executor.n_jobs
        return max(mean, (self._last_end - self._begun) * slots / (self._done + slots - 1))

    def _say_stopping(self, why: str) -> None:
        if self._stop.is_now():
            self._progress.say(f"{why}: stopping the runs at hand", "yellow")
            return
        running = count(self._running, "run is", "runs are")
        again = "press Ctrl-C again to stop them" if why == "Ctrl-C" else "ask again to stop them at once"
        self._progress.say(f"{why}: {running} finishing; {again}", "yellow")


def final_status(reader: StatusReader) -> BatchStatus:
    """Return how a batch stands whose manager has nothing more to do."""
    return dataclasses.replace(reader.read(look_at_all=True), manager_alive=False, eta_s=None)


def finish(reader: StatusReader, *, show: bool) -> BatchStatus:
    """Return the final status and show a summary of it."""
    status = final_status(reader)
    if show:
        for line in filter(None, (headline(status), status.advice)):
            show_line(line, console())
    return status
