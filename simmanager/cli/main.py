"""The command line: one short function per verb."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.errors import SimManagerError, UnknownName, suggest
from .parser import build_parser, parse

if TYPE_CHECKING:
    from ..status.status import BatchStatus, RunStatus

EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    parser = build_parser()
    if "_ARGCOMPLETE" in os.environ:  # a shell asks what it may complete
        from .completion import answer_shell

        answer_shell(parser)
    arguments = parse(parser, sys.argv[1:] if argv is None else argv)
    try:
        code = VERBS[arguments.verb](arguments)
        sys.stdout.flush()  # here, so that a pipe that is closed is seen here
        return code
    except SimManagerError as error:
        from ..base.text import plain

        print(f"simmanager: {plain(str(error))}", file=sys.stderr)
        return EXIT_USAGE
    except KeyboardInterrupt:
        print("simmanager: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # "simmanager status | head"
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK


def _options(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the options that were given; what was not is left to a batch file, or to the defaults."""
    options = {
        "n_jobs": arguments.jobs,
        "timeout": arguments.timeout,
        "retries": arguments.retries,
        "retry_errors": arguments.retry_errors,
        "memory_limit_mb": arguments.memory_limit,
        "fail_fast": arguments.fail_fast,
        "checkpoint_every_s": arguments.checkpoint_every,
        "durable": arguments.durable,
        "fresh_process": arguments.fresh_process,
        "threads_per_run": arguments.threads_per_run,
        "slot_env": None if arguments.gpus is None else _gpus(arguments.gpus),
        "backend": None if arguments.dask is None else "dask",
        "address": arguments.dask,
    }
    return {name: value for name, value in options.items() if value is not None}


def _gpus(text: str) -> list[dict[str, str]]:
    """Return the environment of each slot from ``"0,1"``."""
    from ..base.errors import ParameterError

    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise ParameterError(f"--gpus takes numbers or ids with commas between them, e.g. 0,1; not {text!r}.")
    return [{"CUDA_VISIBLE_DEVICES": name} for name in names]


def _executed(arguments: argparse.Namespace, manager: Any, run: Callable[[], BatchStatus]) -> int:
    """Execute runs, tell the user's command that they have ended, and return the exit code."""
    from ..dispatch.events import notify

    try:
        status = run()
    except (KeyboardInterrupt, SystemExit):  # stopped, and all is in order
        if arguments.notify:
            notify(arguments.notify, manager.status())
        raise
    if arguments.notify:
        notify(arguments.notify, status)
    return _exit_code(status)


# Verbs ---------------------------------------------------------------------------------------------------------


def cmd_run(arguments: argparse.Namespace) -> int:
    """Run the simulations of a file."""
    from ..batch.python_file import load_plan, users_traceback

    given = {"manager_id": arguments.id, "runs_per_sim": arguments.runs, "seed": arguments.seed}
    try:
        plan = load_plan(arguments.file)
    except SimManagerError:
        raise
    except Exception as error:  # of the user's file, whatever it is
        print(f"{users_traceback(error)}simmanager: {arguments.file} could not be loaded.", file=sys.stderr)
        return EXIT_USAGE
    plan = plan.swept(arguments.sweep).with_fields(**given)
    manager = plan.manager(arguments.dir, extend=arguments.extend)
    options = {**plan.options, **_options(arguments)}
    return _executed(arguments, manager, lambda: manager.run_all(**options))


def cmd_demo(arguments: argparse.Namespace) -> int:
    """Run the default simulations and draw figures."""
    from .demo import run_demo

    return _exit_code(run_demo(Path(arguments.dir), runs=arguments.runs, n_jobs=arguments.jobs))


def cmd_status(arguments: argparse.Namespace) -> int:
    """Show how far a batch is."""
    from ..status.reader import read_status

    if arguments.watch:
        from ..status.watch import watch

        return _exit_code(watch(Path(arguments.path)), running_is_fine=True)
    status = read_status(arguments.path)
    if arguments.json:
        import json

        print(json.dumps(status.as_json(), indent=1))
    else:
        from ..status.tree import print_status

        print_status(status)
    return _exit_code(status, running_is_fine=True)


def cmd_results(arguments: argparse.Namespace) -> int:
    """Show what the runs gave."""
    from ..results.results import read_results
    from ..results.rows import as_json, curve_rows, write_csv

    results = read_results(arguments.path).select(arguments.simulations or None)
    if not (arguments.csv or arguments.json or arguments.key):
        from ..results.terminal import print_results

        print_results(results)
    else:
        rows = curve_rows(results.curves(arguments.key)) if arguments.key else results.rows()
        if arguments.json:
            print(as_json(rows))
        else:
            write_csv(rows, sys.stdout)
    return _exit_code(results.status, running_is_fine=True)


def cmd_logs(arguments: argparse.Namespace) -> int:
    """Show what runs wrote."""
    from ..base.text import plain
    from ..disk.run_folder import RunFolder
    from ..status.logs import print_log

    runs = _chosen_runs(arguments)
    if arguments.follow:
        from ..status.logs import follow_logs

        follow_logs(arguments.path, arguments.type, [run.path for run in runs])
        return EXIT_OK
    everything = arguments.simulation is None
    shown = 0
    for run in runs:
        folder = RunFolder(run.path)
        log = folder.log(arguments.type)
        reason = run.reason if arguments.type == "error" else ""
        if reason and reason in folder.read_log("error", limit=10_000):
            reason = ""  # the log says so itself; it does not if the run was killed or timed out
        if everything and not reason and not (log.is_file() and log.stat().st_size):
            continue
        why = f": {plain(reason)}" if reason else ""
        print(f"==> {plain(run.simulation_id)} run {run.run_id}: {run.state.value}{why} <==")
        print_log(folder, arguments.type)
        shown += 1
    if not shown:
        print(f"No run has written to {arguments.type}.log.")
    return EXIT_OK


def cmd_report(arguments: argparse.Namespace) -> int:
    """Write a page about a batch."""
    import webbrowser

    from ..base.text import plain
    from ..report import watch_report, write_report

    seen: list[Path] = []

    def tell(page: Path) -> None:
        if not seen:
            print(plain(str(page)), flush=True)
            if arguments.open:
                webbrowser.open(page.absolute().as_uri())
        seen.append(page)

    if arguments.watch:
        watch_report(arguments.path, arguments.output, on_write=tell)
    else:
        tell(write_report(arguments.path, arguments.output))
    return EXIT_OK


def cmd_show(arguments: argparse.Namespace) -> int:
    """Show what a run is made of."""
    from ..status.run_facts import find_run, record_of, run_lines

    folder = find_run(arguments.path, arguments.simulation, arguments.run)
    if arguments.json:
        print(_json(record_of(folder)))
    else:
        print("\n".join(run_lines(folder)))
    return EXIT_OK


def cmd_diff(arguments: argparse.Namespace) -> int:
    """Say in what two runs differ."""
    from ..status.run_facts import compare_runs, difference_lines, find_run

    first, second = find_run(arguments.first), find_run(arguments.second)
    found = compare_runs(first, second)
    if arguments.json:
        print(_json([difference._asdict() for difference in found]))
    else:
        print("\n".join(difference_lines(first, second)))
    return EXIT_FAILED if found else EXIT_OK


def cmd_reproduce(arguments: argparse.Namespace) -> int:
    """Run a run again and compare."""
    from ..base.text import plain
    from ..batch.reproduction import reproduce
    from ..status.run_facts import find_run

    done = reproduce(find_run(arguments.path, arguments.simulation, arguments.run), arguments.to)
    print(plain(str(done)))
    return EXIT_OK if done.same else EXIT_FAILED


def _json(content: Any) -> str:
    import json

    return json.dumps(content, indent=1, ensure_ascii=True, default=str)


def cmd_resume(arguments: argparse.Namespace) -> int:
    """Go on with what is not finished."""
    from ..batch.manager import SimulationManager

    manager = SimulationManager(existing_simulation=arguments.path)
    options = _options(arguments)
    return _executed(arguments, manager, lambda: manager.run_all(**options))


def cmd_rerun(arguments: argparse.Namespace) -> int:
    """Replace the failed runs of a simulation by new ones."""
    from ..batch.manager import SimulationManager
    from ..simulation.assignment import set_parameter

    manager = SimulationManager(existing_simulation=arguments.path)
    if arguments.simulation not in manager.simulation_ids:
        manager.rerun_simulation(arguments.simulation)  # raises, and lists those that exist
    index = manager.simulation_ids.index(arguments.simulation)
    if arguments.source:
        manager.simulation_list[index] = _simulation_from(arguments.source, arguments.simulation)
    if arguments.set:
        for assignment in arguments.set:
            set_parameter(manager.simulation_list[index], assignment)
    name, options = arguments.simulation, _options(arguments)
    return _executed(
        arguments, manager, lambda: manager.rerun_simulation(name, include_finished=arguments.all, **options)
    )


def _simulation_from(target: str, simulation_id: str) -> Any:
    """Return a simulation of a file, with its code as it is now."""
    from ..batch.python_file import load_simulations

    _, simulations = load_simulations(target)
    found = {str(simulation.simulation_id): simulation for simulation in simulations}
    if simulation_id not in found:
        near, listing = suggest(simulation_id, found), ", ".join(found)
        raise UnknownName(f"{target} has no simulation {simulation_id!r}.{near} It has {listing}.")
    return found[simulation_id]


def cmd_stop(arguments: argparse.Namespace) -> int:
    """Ask the manager of a batch to stop."""
    from ..base.text import plain
    from ..disk.batch_folder import BatchFolder

    folder = BatchFolder(arguments.path)
    folder.read_manifest()
    if not folder.is_held():
        print("No manager is running this batch.")
        return EXIT_OK
    folder.request_stop(now=arguments.now)
    print(f"Asked {plain(folder.owner())} to stop{' now' if arguments.now else ' after the runs at hand'}.")
    return EXIT_OK


def cmd_completion(arguments: argparse.Namespace) -> int:
    """Print a script for a shell."""
    from .completion import shell_script

    print(shell_script(arguments.shell))
    return EXIT_OK


#: Each verb of the parser, and what does it.
VERBS: dict[str, Callable[[argparse.Namespace], int]] = {
    "run": cmd_run,
    "demo": cmd_demo,
    "status": cmd_status,
    "results": cmd_results,
    "logs": cmd_logs,
    "report": cmd_report,
    "show": cmd_show,
    "diff": cmd_diff,
    "reproduce": cmd_reproduce,
    "resume": cmd_resume,
    "rerun": cmd_rerun,
    "stop": cmd_stop,
    "completion": cmd_completion,
}


# What they share -----------------------------------------------------------------------------------------------


def _exit_code(status: BatchStatus, *, running_is_fine: bool = False) -> int:
    counts = status.counts
    bad = counts["error"] + counts["interrupted"]
    if not running_is_fine:
        bad += counts["in_queue"] + counts["running"]
    return EXIT_FAILED if bad else EXIT_OK


def _chosen_runs(arguments: argparse.Namespace) -> list[RunStatus]:
    from ..base.errors import UnknownName
    from ..status.reader import read_status

    status = read_status(arguments.path)
    runs = list(status.runs if arguments.simulation is None else status.simulation(arguments.simulation))
    if arguments.run is None:
        return runs
    chosen = [run for run in runs if run.run_id == arguments.run]
    if not chosen:
        ids = ", ".join(str(run.run_id) for run in runs)
        raise UnknownName(f"Simulation {arguments.simulation!r} has no run {arguments.run}; its runs are {ids}.")
    return chosen
