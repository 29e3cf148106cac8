"""One ``run_all``: from the runs that are due to the summary."""

from __future__ import annotations

import sys
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.advice import command, either, target_of
from ..base.provenance import changed_files, changes_since, frozen_code_of
from ..base.tell import tell
from ..base.text import count, one_line, plain
from ..disk.batch_folder import BatchFolder, OpenBatch
from ..disk.batch_log import who_runs, write_log
from ..disk.files import remove_all
from ..disk.frozen import is_frozen
from ..disk.locks import network_file_system
from ..disk.orders import end_of_orders, forget_orders, orders_to
from ..disk.run_folder import RunFolder
from ..disk.starts import StartsLog
from ..disk.state import RunState
from ..status.progress_bar import Progress
from ..status.reader import StatusReader
from ..status.status import BatchStatus
from ..worker.attempt import execute_run
from ..worker.capture import errors_to_log
from ..worker.preparation import call_setup
from ..worker.session import session_of
from ..worker.task import Task
from .batch_supervision import BatchSupervision, final_status, finish
from .copies import copies_in_words
from .events import Announcer, Event, event_of
from .executor import Executor
from .orphans import orphans_of, thaw_orphans, whom_it_waits_for
from .run_options import RunOptions
from .tasks import ALL, Chosen, DueRuns

if TYPE_CHECKING:
    from .dask_executor import DaskExecutor


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
    forget_orders(folder.path, batch.signature)
    folder.clear_stop_request()
    for text in remove_leftovers(batch):
        if show:
            tell(f"note: {plain(text)}; that is tried again at each start.")
    if is_frozen(folder.path):  # by a manager that was killed
        thaw_orphans(folder.path, orphans_of(batch))
    is_first = StartsLog(folder.path).begin()
    executor: Executor | DaskExecutor | None = None
    try:
        if is_first and not in_process:
            executor = _executor(batch, n_jobs, options)
        if executor is not None:  # all runs are due: workers get ready while they are looked at
            found = ((name, run_id) for name in batch.simulation_ids for run_id in batch.run_folders(name))
            executor.prepare(sum(only.has(name, run_id) for name, run_id in found))
        due = DueRuns(batch, StatusReader(folder.path), states, only, options)
        if executor is None and due.tasks and not in_process:
            executor = _executor(batch, n_jobs, options)
        if executor is not None:
            executor.provide_for(due.tasks)
        batch.allow_changes()
        return _run_due(batch, due, executor, options, as_before, only, show=show)
    except BaseException as error:
        _note_early_end(batch, executor, error)
        raise
    finally:
        if executor is not None:
            executor.close()
        folder.clear_stop_request()
        end_of_orders(folder.path, batch.signature)


def _run_due(
    batch: OpenBatch,
    due: DueRuns,
    executor: Executor | DaskExecutor | None,
    options: RunOptions,
    as_before: str,
    only: Chosen,
    *,
    show: bool,
) -> BatchStatus:
    folder, tasks, reader = batch.folder, due.tasks, due.reader
    progress = Progress(len(tasks), shown=show)
    announcer = Announcer(options.on_event)
    n_jobs = 1 if executor is None else executor.n_jobs
    if show:
        _announce(folder, due.before, tasks, n_jobs, progress, only)
        progress.say(as_before)
        _announce_changes(batch, tasks, progress)
    if tasks:
        how = ", ".join([count(len(tasks), "run"), f"{min(n_jobs, len(tasks))} at a time", *options.in_words()])
        write_log(folder.path, f"{who_runs()}: {how}")
    try:
        if executor is None:
            _run_all_here(batch, tasks, progress, announcer)
        elif tasks:
            BatchSupervision(batch, due, executor, progress, announcer).run()
    finally:
        if announcer.wanted and not batch.why_not_there():
            status = final_status(reader)
            announcer.send(Event("batch_ended", "", None, str(folder.path), "", status.fraction, "", status))
        announcer.close()
    status = finish(reader, show=show and bool(tasks))
    if tasks:
        write_log(folder.path, f"ended{_why(executor)}: {status.headline}")
    if show:
        for line in copies_in_words(status.runs, {task.simulation_id for task in tasks}):
            progress.say(line, "yellow")
    return status


def _why(executor: Executor | DaskExecutor | None) -> str:
    """Return in words what ended a batch early; "" if nothing did."""
    return f" early ({executor.stop.reason})" if executor is not None and executor.stop.mode else ""


def _note_early_end(batch: OpenBatch, executor: Executor | DaskExecutor | None, error: BaseException) -> None:
    """Write into the log of a batch why its manager ends early."""
    if batch.why_not_there():
        return
    why = _why(executor) or f" early ({type(error).__name__})"
    state: object = error
    if isinstance(error, (KeyboardInterrupt, SystemExit)):
        state = final_status(StatusReader(batch.folder.path)).headline
    write_log(batch.folder.path, one_line(f"{who_runs()} ended{why}: {state}"))


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


def _run_all_here(batch: OpenBatch, tasks: list[Task], progress: Progress, announcer: Announcer) -> None:
    if tasks and (setup := tasks[0].session.get("setup")):
        call_setup(Path(setup))
    for task in tasks:
        for order in orders_to(batch.folder.path, batch.signature):
            if order.verb == "stop":
                order.answer("nothing new starts, and no run is at hand")
                return
            order.answer("", "the runs are executed one after the other in the process of the manager: it only stops")
        _run_here(task, progress, announcer)


def _run_here(task: Task, progress: Progress, announcer: Announcer) -> None:
    progress.say(f"running {task.folder} in this process")
    announcer.send(event_of("started", task, RunState.RUNNING.value))
    outcome, error = execute_run(task, capture=errors_to_log)
    announcer.send(event_of("ended", task, outcome.state, None, outcome.reason))
    if outcome.state:
        progress.ended(task.folder, outcome.state, outcome.reason)
    else:  # another process holds it, or looks at it
        progress.say(f"left alone: {whom_it_waits_for(RunFolder(task.folder))}", "yellow")
    if error is not None:
        raise error
