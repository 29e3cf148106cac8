"""Verbs that look at a batch: status, results, logs, report."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .verb import EXIT_OK, JSON, LOOKED, PATH, argument, exit_code, one_of, verb

if TYPE_CHECKING:
    from ..status.status import RunStatus


@verb(
    PATH,
    argument("--watch", action="store_true", help="show it until the batch ends; Ctrl-C leaves it alone"),
    JSON,
    examples=(
        ("simmanager status tonight", "a tree"),
        ("simmanager status tonight --watch", "the same, until the batch ends"),
        ("simmanager status tonight --json", "for a program; the names are stable"),
    ),
    exits=LOOKED,
)
def status(arguments: argparse.Namespace) -> int:
    """Show how far a batch is.

    Shows each simulation and each of its runs with its state: in_queue, running
    (how far, and how long still), finished, error or interrupted (with the
    reason), and what you can do next. PATH may also be the folder of one run, or
    of NeuralPlayground's results.
    """
    from ..status.reader import read_status

    if arguments.watch:
        from ..status.watch import watch

        return exit_code(watch(Path(arguments.path)), running_is_fine=True)
    found = read_status(arguments.path)
    if arguments.json:
        import json

        print(json.dumps(found.as_json(), indent=1))
    else:
        from ..status.tree import print_status

        print_status(found)
    return exit_code(found, running_is_fine=True)


@verb(
    PATH,
    argument("simulations", nargs="*", metavar="SIM", completed_by="simulation", help="simulation_id (default: all)"),
    argument(
        "--key",
        metavar="KEY",
        completed_by="curve",
        help="the points of this curve of the histories instead, as CSV or JSON",
    ),
    argument("--where", default="", metavar="COND", help="only runs that fulfil a condition on parameters and metrics"),
    argument("--sort", default="", metavar="NAME", help="order runs by a parameter or metric; -NAME: largest first"),
    argument("--top", type=int, metavar="N", help="only the first N runs of these"),
    one_of(
        argument("--csv", action="store_true", help="print all fields and parameters as CSV"),
        argument("--json", action="store_true", help="print them as JSON"),
    ),
    examples=(
        ("simmanager results tonight", "a table"),
        ("simmanager results tonight SR --csv > runs.csv", "the runs of one simulation, for a spreadsheet"),
        ("simmanager results tonight --where \"lr_td < 0.01 and state == 'finished'\"", "some runs only"),
        ("simmanager results tonight --sort=-grid_score --top 10", "the ten best runs"),
        ("simmanager results tonight --key state_td_error --csv", "a learning curve of every run"),
    ),
    exits=LOOKED,
)
def results(arguments: argparse.Namespace) -> int:
    """Show what the runs gave, as a table.

    Shows a row for each simulation, with the parameters in which they differ and
    the means of its metrics, and a row for each run. --csv and --json print the
    rows of the runs with all fields and parameters; with --key, the points of
    one curve, of finished runs, and of running ones as far as they are.
    """
    from ..results.results import read_results
    from ..results.rows import as_json, curve_rows, write_csv

    found = read_results(arguments.path).select(arguments.simulations or None)
    if arguments.where or arguments.sort or arguments.top is not None:
        found = found.where(arguments.where, sort=arguments.sort, top=arguments.top)
    if not (arguments.csv or arguments.json or arguments.key):
        from ..results.terminal import print_results

        print_results(found)
    else:
        key = arguments.key
        rows = curve_rows(found.curves(key), found.running_curves(key)) if key else found.rows()
        if arguments.json:
            print(as_json(rows))
        else:
            write_csv(rows, sys.stdout)
    return exit_code(found.status, running_is_fine=True)


@verb(
    PATH,
    argument("simulation", nargs="?", metavar="SIM", completed_by="simulation", help="simulation_id (default: all)"),
    argument("run", nargs="?", type=int, metavar="RUN", completed_by="run", help="run id (default: all)"),
    argument("--type", choices=("error", "run", "state"), default="error", help="which log (default: %(default)s)"),
    argument("--follow", action="store_true", help="go on with what is written, until the runs end"),
    examples=(
        ("simmanager logs tonight", "why did runs fail?"),
        ("simmanager logs tonight SR 3 --type run", "what run 3 of SR printed"),
        ("simmanager logs tonight --type run --follow", "what all runs print, as they do"),
    ),
    exits=("the logs were shown",),
)
def logs(arguments: argparse.Namespace) -> int:
    """Show what runs wrote.

    Shows error.log of each run that has one: what it wrote to the standard error
    stream, and the traceback it ended with. Runs that failed for one reason are
    shown together, with the log of one of them. SIM and RUN choose one simulation,
    or one run.
    """
    from ..base.paths import size
    from ..base.text import plain
    from ..disk.run_folder import RunFolder
    from ..status.error_groups import error_groups
    from ..status.logs import follow_logs, print_log

    runs = _chosen_runs(arguments)
    if arguments.follow:
        follow_logs(arguments.path, arguments.type, [run.path for run in runs])
        return EXIT_OK
    everything = arguments.simulation is None
    shown = 0
    if arguments.type == "error":
        for group in error_groups(runs, also_silent=not everything):
            group.print()
            shown += 1
        runs = []
    for run in runs:
        folder = RunFolder(run.path)
        if everything and not size(folder.log(arguments.type)):
            continue
        print(f"==> {plain(run.simulation_id)} run {run.run_id}: {run.state.value} <==")
        print_log(folder, arguments.type)
        shown += 1
    if not shown:
        print(f"No run has written to {arguments.type}.log.")
    return EXIT_OK


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


@verb(
    PATH,
    argument(
        "-o",
        "--output",
        metavar="FILE.html",
        completed_by="page",
        help="where to (default: report.html in the folder of the batch)",
    ),
    argument("--watch", action="store_true", help="write it anew while the batch runs; it refreshes itself"),
    argument("--open", action="store_true", help="open it in the browser"),
    examples=(
        ("simmanager report tonight --open", "write tonight/report.html and look at it"),
        ("simmanager report tonight --watch -o live.html", "a page that follows the batch"),
    ),
    exits=("the page was written",),
)
def report(arguments: argparse.Namespace) -> int:
    """Write a page about a batch, to be opened in a browser.

    Writes one HTML file that needs no other and no network: states, tables,
    curves, rate maps and what went wrong. It is report.html in the folder of the
    batch unless -o names another.
    """
    import webbrowser

    from ..base.text import plain
    from ..plots.style import load_from_elsewhere
    from ..report import watch_report, write_report

    load_from_elsewhere()
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
