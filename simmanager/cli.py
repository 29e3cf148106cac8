"""The command line: one short function per verb."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import BatchNotFound, SimManagerError

if TYPE_CHECKING:
    from .status import BatchStatus, RunStatus
    from .status_reader import StatusReader

EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130

_EPILOG = """\
exit codes:
  0    all runs are finished (status: nothing failed so far)
  1    a run failed or was interrupted
  2    wrong usage, or there is no such batch
  130  after Ctrl-C

A batch is a folder; looking at one (status, results, logs) needs no lock and never disturbs it.
"""


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    arguments = build_parser().parse_args(argv)
    verb: Callable[[argparse.Namespace], int] = arguments.verb
    try:
        code = verb(arguments)
        sys.stdout.flush()  # here, so that a pipe that is closed is seen here
        return code
    except SimManagerError as error:
        from .display import plain

        print(f"simmanager: {plain(str(error))}", file=sys.stderr)
        return EXIT_USAGE
    except KeyboardInterrupt:
        print("simmanager: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # "simmanager status | head"
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    from . import __version__

    parser = argparse.ArgumentParser(
        prog="simmanager",
        description="Run many simulations in parallel, each in its own folder; look at them and repair them.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"simmanager {__version__}")
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    run = _verb(verbs, "run", cmd_run, "run the simulations of a Python, TOML or YAML file")
    run.add_argument(
        "file",
        metavar="FILE",
        help="FILE.py[:NAME], NAME being a SingleSim, a list, or a function that returns one; or FILE.toml, FILE.yaml",
    )
    run.add_argument(
        "--runs", type=int, metavar="N", help="runs of each simulation (default: what the file says, or 5)"
    )
    run.add_argument("--id", help="name of the batch and its folder (default: what the file says, or its name)")
    run.add_argument("--seed", type=int, metavar="S", help="seed of the batch (default: drawn, and kept)")
    run.add_argument(
        "--sweep",
        action="append",
        default=[],
        metavar="GROUP.NAME=V1,V2",
        help="one simulation for each value, e.g. agent_params.lr_td=0.001,0.01; several: every combination",
    )
    run.add_argument(
        "--extend",
        action="store_true",
        help="if the batch is there: add the simulations that it lacks, and runs up to N; what is finished stays",
    )
    run.add_argument("--dir", default=".", metavar="DIR", help="where the folder of the batch is made (default: here)")
    _add_options(run)

    demo = _verb(verbs, "demo", cmd_demo, "run the default simulations, full size, and draw figures")
    demo.add_argument("--dir", default=".", metavar="DIR", help="where simmanager_demo/ is made (default: here)")
    demo.add_argument("--runs", type=int, default=5, metavar="N", help="runs of each simulation (default: %(default)s)")
    demo.add_argument("--jobs", type=int, default=-1, metavar="N", help="runs at a time (default: one on each core)")

    status = _verb(verbs, "status", cmd_status, "show how far a batch is")
    _add_path(status)
    status.add_argument("--watch", action="store_true", help="show it until the batch ends; Ctrl-C leaves it alone")
    status.add_argument("--json", action="store_true", help="print it as JSON")

    results = _verb(verbs, "results", cmd_results, "show what the runs gave, as a table")
    _add_path(results)
    results.add_argument("simulations", nargs="*", metavar="SIM", help="simulation_id (default: all)")
    results.add_argument("--key", help="the points of this curve of the histories instead, as CSV or JSON")
    form = results.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="print all fields and parameters as CSV")
    form.add_argument("--json", action="store_true", help="print them as JSON")

    logs = _verb(verbs, "logs", cmd_logs, "show what runs wrote")
    _add_path(logs)
    logs.add_argument("simulation", nargs="?", metavar="SIM", help="simulation_id (default: all)")
    logs.add_argument("run", nargs="?", type=int, metavar="RUN", help="run id (default: all)")
    logs.add_argument(
        "--type", choices=("error", "run", "state"), default="error", help="which log (default: %(default)s)"
    )
    logs.add_argument("--follow", action="store_true", help="go on with what is written, until the runs end")

    report = _verb(verbs, "report", cmd_report, "write a page about a batch, to be opened in a browser")
    _add_path(report)
    report.add_argument(
        "-o", "--output", metavar="FILE.html", help="where to (default: report.html in the folder of the batch)"
    )
    report.add_argument("--watch", action="store_true", help="write it anew while the batch runs; it refreshes itself")
    report.add_argument("--open", action="store_true", help="open it in the browser")

    show = _verb(verbs, "show", cmd_show, "show what one run is made of: parameters, seed, versions, commit")
    _add_run(show)
    show.add_argument("--json", action="store_true", help="print it as JSON")

    diff = _verb(verbs, "diff", cmd_diff, "say in what two runs differ; exit code 1 if they do")
    diff.add_argument("first", metavar="A", help="folder of a run, or BATCH/SIM/RUN")
    diff.add_argument("second", metavar="B", help="the other")
    diff.add_argument("--json", action="store_true", help="print it as JSON")

    again = _verb(verbs, "reproduce", cmd_reproduce, "run a finished run again elsewhere and compare the bytes")
    _add_run(again)
    again.add_argument("--to", metavar="DIR", help="keep the new run in this folder (default: a temporary one)")

    resume = _verb(verbs, "resume", cmd_resume, "go on with what is not finished")
    _add_path(resume)
    _add_options(resume)

    rerun = _verb(verbs, "rerun", cmd_rerun, "replace the failed runs of a simulation by new ones")
    _add_path(rerun)
    rerun.add_argument("simulation", metavar="SIM", help="simulation_id")
    rerun.add_argument("--all", action="store_true", help="replace its finished runs, too")
    rerun.add_argument(
        "--set", action="append", default=[], metavar="GROUP.NAME=VALUE", help="e.g. agent_params.lr_td=0.001"
    )
    _add_options(rerun)

    stop = _verb(verbs, "stop", cmd_stop, "ask the manager of a batch to stop")
    _add_path(stop)
    stop.add_argument("--now", action="store_true", help="end the runs at hand, too")
    return parser


def _verb(verbs: Any, name: str, function: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    parser.set_defaults(verb=function)
    return parser


def _add_path(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", metavar="PATH", help="folder of the batch")


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", metavar="PATH", help="folder of a run, or of its batch, or BATCH/SIM/RUN")
    parser.add_argument("simulation", nargs="?", metavar="SIM", help="simulation_id, if PATH is a batch")
    parser.add_argument("run", nargs="?", type=int, metavar="RUN", help="run id, if PATH is a batch")


def _add_options(parser: argparse.ArgumentParser) -> None:
    """Add what every command that executes runs understands."""
    group = parser.add_argument_group("execution")
    group.add_argument("--jobs", type=int, metavar="N", help="runs at a time (default: one on each core)")
    group.add_argument("--timeout", type=float, metavar="S", help="end a run after so many seconds")
    group.add_argument("--retries", type=int, metavar="N", help="start crashed or timed-out runs again")
    group.add_argument(
        "--retry-errors", action="store_true", default=None, help="start runs that raised an error again, too"
    )
    group.add_argument("--memory-limit", type=float, metavar="MB", help="memory that a run may add")
    group.add_argument(
        "--fail-fast", type=int, nargs="?", const=1, metavar="K", help="after K failures start nothing new"
    )
    group.add_argument("--checkpoint-every", type=float, metavar="S", help="save a checkpoint of each run so often")
    group.add_argument(
        "--durable", action="store_true", default=None, help="force results to the disk (fsync) before they count"
    )
    group.add_argument("--fresh-process", action="store_true", default=None, help="a new process for each run")
    group.add_argument(
        "--threads-per-run", type=int, metavar="N", help="threads of numerical libraries per run (default: 1)"
    )


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
    }
    return {name: value for name, value in options.items() if value is not None}


# Verbs ---------------------------------------------------------------------------------------------------------


def cmd_run(arguments: argparse.Namespace) -> int:
    """Run the simulations of a file."""
    from .loader import load_plan

    given = {"manager_id": arguments.id, "runs_per_sim": arguments.runs, "seed": arguments.seed}
    plan = load_plan(arguments.file).swept(arguments.sweep).with_fields(**given)
    manager = plan.manager(arguments.dir, extend=arguments.extend)
    return _exit_code(manager.run_all(**{**plan.options, **_options(arguments)}))


def cmd_demo(arguments: argparse.Namespace) -> int:
    """Run the default simulations and draw figures."""
    from .demo import run_demo

    return _exit_code(run_demo(Path(arguments.dir), runs=arguments.runs, n_jobs=arguments.jobs))


def cmd_status(arguments: argparse.Namespace) -> int:
    """Show how far a batch is."""
    from .status import read_status

    if arguments.watch:
        return _exit_code(_watch(Path(arguments.path)), running_is_fine=True)
    status = read_status(arguments.path)
    if arguments.json:
        import json

        print(json.dumps(status.as_json(), indent=1))
    else:
        from .display import print_status

        print_status(status)
    return _exit_code(status, running_is_fine=True)


def cmd_results(arguments: argparse.Namespace) -> int:
    """Show what the runs gave."""
    from .results import read_results
    from .results_table import as_json, curve_rows, write_csv

    results = read_results(arguments.path).select(arguments.simulations or None)
    if not (arguments.csv or arguments.json or arguments.key):
        from .results_view import print_results

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
    from .display import plain, print_log
    from .run_folder import RunFolder

    runs = _chosen_runs(arguments)
    if arguments.follow:
        return _follow(runs, arguments)
    everything = arguments.simulation is None
    shown = 0
    for run in runs:
        folder = RunFolder(run.path)
        log = folder.log(arguments.type)
        if everything and not (log.is_file() and log.stat().st_size):
            continue
        print(f"==> {plain(run.simulation_id)} run {run.run_id}: {run.state.value} <==")
        print_log(folder, arguments.type)
        shown += 1
    if not shown:
        print(f"No run has written to {arguments.type}.log.")
    return EXIT_OK


def cmd_report(arguments: argparse.Namespace) -> int:
    """Write a page about a batch."""
    import webbrowser

    from .display import plain
    from .report import watch_report, write_report

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
    from .run_view import find_run, record_of, run_lines

    folder = find_run(arguments.path, arguments.simulation, arguments.run)
    if arguments.json:
        print(_json(record_of(folder)))
    else:
        print("\n".join(run_lines(folder)))
    return EXIT_OK


def cmd_diff(arguments: argparse.Namespace) -> int:
    """Say in what two runs differ."""
    from .run_view import compare_runs, difference_lines, find_run

    first, second = find_run(arguments.first), find_run(arguments.second)
    found = compare_runs(first, second)
    if arguments.json:
        print(_json([difference._asdict() for difference in found]))
    else:
        print("\n".join(difference_lines(first, second)))
    return EXIT_FAILED if found else EXIT_OK


def cmd_reproduce(arguments: argparse.Namespace) -> int:
    """Run a run again and compare."""
    from .display import plain
    from .reproduction import reproduce
    from .run_view import find_run

    done = reproduce(find_run(arguments.path, arguments.simulation, arguments.run), arguments.to)
    print(plain(str(done)))
    return EXIT_OK if done.same else EXIT_FAILED


def _json(content: Any) -> str:
    import json

    return json.dumps(content, indent=1, ensure_ascii=True, default=str)


def cmd_resume(arguments: argparse.Namespace) -> int:
    """Go on with what is not finished."""
    from .manager import SimulationManager

    return _exit_code(SimulationManager(existing_simulation=arguments.path).run_all(**_options(arguments)))


def cmd_rerun(arguments: argparse.Namespace) -> int:
    """Replace the failed runs of a simulation by new ones."""
    from .assignment import set_parameter
    from .manager import SimulationManager

    manager = SimulationManager(existing_simulation=arguments.path)
    if arguments.simulation not in manager.simulation_ids:
        manager.rerun_simulation(arguments.simulation)  # raises, and lists those that exist
    if arguments.set:
        index = manager.simulation_ids.index(arguments.simulation)
        for assignment in arguments.set:
            set_parameter(manager.simulation_list[index], assignment)
    return _exit_code(
        manager.rerun_simulation(arguments.simulation, include_finished=arguments.all, **_options(arguments))
    )


def cmd_stop(arguments: argparse.Namespace) -> int:
    """Ask the manager of a batch to stop."""
    from .batch_folder import BatchFolder
    from .display import plain

    folder = BatchFolder(arguments.path)
    folder.read_manifest()
    if not folder.is_held():
        print("No manager is running this batch.")
        return EXIT_OK
    folder.request_stop(now=arguments.now)
    print(f"Asked {plain(folder.owner())} to stop{' now' if arguments.now else ' after the runs at hand'}.")
    return EXIT_OK


# What they share -----------------------------------------------------------------------------------------------


def _exit_code(status: BatchStatus, *, running_is_fine: bool = False) -> int:
    counts = status.counts
    bad = counts["error"] + counts["interrupted"]
    if not running_is_fine:
        bad += counts["in_queue"] + counts["running"]
    return EXIT_FAILED if bad else EXIT_OK


def _chosen_runs(arguments: argparse.Namespace) -> list[RunStatus]:
    from .errors import UnknownName
    from .status import read_status

    status = read_status(arguments.path)
    runs = list(status.runs if arguments.simulation is None else status.simulation(arguments.simulation))
    if arguments.run is None:
        return runs
    chosen = [run for run in runs if run.run_id == arguments.run]
    if not chosen:
        ids = ", ".join(str(run.run_id) for run in runs)
        raise UnknownName(f"Simulation {arguments.simulation!r} has no run {arguments.run}; its runs are {ids}.")
    return chosen


def _follow(runs: list[RunStatus], arguments: argparse.Namespace) -> int:
    """Print what runs write as they write it, until all of them have ended."""
    from .display import plain
    from .run_folder import RunFolder
    from .state import open_regular
    from .status import read_status

    positions = dict.fromkeys((run.path for run in runs), 0)
    last_path = ""
    while True:
        status = read_status(arguments.path)
        states = {run.path: run.state for run in status.runs}
        over = _is_over(status) or all(states.get(path) not in ("in_queue", "running") for path in positions)
        for path, position in positions.items():
            try:
                with os.fdopen(open_regular(RunFolder(path).log(arguments.type)), "rb") as file:
                    file.seek(position)
                    text = file.read().decode("utf-8", "replace")
                    positions[path] = file.tell()
            except OSError:
                continue
            if text and len(positions) > 1 and path != last_path:
                print(f"==> {plain(path)} <==")
            last_path = path if text else last_path
            print(plain(text), end="", flush=True)
        if over:
            return EXIT_OK
        time.sleep(0.3)


def _watch(path: Path) -> BatchStatus:
    """Show the status until the batch ends; Ctrl-C ends the looking, not the batch."""
    from .display import console, status_view
    from .status_reader import StatusReader

    screen, reader = console(), StatusReader(path)
    status = reader.read()
    if not screen.is_terminal:
        return _watch_in_lines(reader)
    from rich.live import Live

    def view() -> Any:
        rows = screen.size.height - 6
        simulations = len({run.simulation_id for run in status.runs})
        return status_view(status, max_runs=max(rows - simulations, 0))

    with Live(view(), console=screen, auto_refresh=False, transient=True) as live:
        while not _is_over(status):
            time.sleep(0.5)
            status = _read_again(reader, status)
            live.update(view(), refresh=True)
    screen.print(status_view(status))
    return status


def _watch_in_lines(reader: StatusReader) -> BatchStatus:
    from .display import plain

    status, last = reader.read(), ""
    while True:
        if str(status) != last:
            last = str(status)
            print(plain(last), flush=True)
        if _is_over(status):
            return status
        time.sleep(1.0)
        status = _read_again(reader, status)


def _read_again(reader: StatusReader, status: BatchStatus) -> BatchStatus:
    try:
        return reader.read()
    except BatchNotFound:
        if not Path(status.path).exists():
            raise
        return status


def _is_over(status: BatchStatus) -> bool:
    return not status.manager_alive and status.counts["running"] == 0
