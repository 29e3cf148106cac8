"""Verbs about one run: show, diff, reproduce."""

from __future__ import annotations

import argparse
from typing import Any

from .verb import EXIT_FAILED, EXIT_OK, JSON, argument, verb


def _run(parser: argparse.ArgumentParser) -> None:
    """Add the words that name a run."""
    words = "folder of a run, or of its batch, or BATCH/SIM/RUN"
    argument("path", metavar="PATH", completed_by="folder", help=words)(parser)
    words = "simulation_id, if PATH is a batch"
    argument("simulation", nargs="?", metavar="SIM", completed_by="simulation", help=words)(parser)
    argument("run", nargs="?", type=int, metavar="RUN", completed_by="run", help="run id, if PATH is a batch")(parser)


def _print_json(content: Any) -> None:
    import json

    from ..disk.run_record import json_ready

    print(json.dumps(json_ready(content), indent=1, ensure_ascii=True, default=str))


@verb(
    _run,
    JSON,
    examples=(
        ("simmanager show tonight SR 3", "run 3 of SR"),
        ("simmanager show tonight/SR/3 --json", "the same, for a program"),
    ),
    exits=("the record was shown",),
)
def show(arguments: argparse.Namespace) -> int:
    """Show what one run is made of: parameters, seed, versions.

    Shows the record of a run: state, seed, attempt, times, host, command line,
    parameters, versions of Python and of the packages that it loaded, and the git
    commit of your code (and whether it was changed since).
    """
    from ..status.run_facts import find_run, record_of, run_lines

    folder = find_run(arguments.path, arguments.simulation, arguments.run)
    if arguments.json:
        _print_json(record_of(folder))
    else:
        print("\n".join(run_lines(folder)))
    return EXIT_OK


@verb(
    argument("first", metavar="A", completed_by="folder", help="folder of a run, or BATCH/SIM/RUN"),
    argument("second", metavar="B", completed_by="folder", help="the other"),
    JSON,
    examples=(
        ("simmanager diff tonight/SR/0 yesterday/SR/0", "why did it work yesterday?"),
        ("simmanager diff tonight/SR/0 tonight/SR_slow/0 --json", "for a program"),
    ),
    exits=("they are made of the same", "they differ"),
)
def diff(arguments: argparse.Namespace) -> int:
    """Say in what two runs differ.

    Compares what two runs are made of, and how they ended: parameters, seed,
    versions, commit, program, outcome. Times, memory and process ids, which always
    differ, are left out. The runs may be of different batches.
    """
    from ..status.run_facts import compare_runs, difference_lines, find_run

    first, second = find_run(arguments.first), find_run(arguments.second)
    found = compare_runs(first, second)
    if arguments.json:
        _print_json([difference._asdict() for difference in found])
    else:
        print("\n".join(difference_lines(first, second)))
    return EXIT_FAILED if found else EXIT_OK


@verb(
    _run,
    argument(
        "--to", metavar="DIR", completed_by="folder", help="keep the new run in this folder (default: a temporary one)"
    ),
    examples=(
        ("simmanager reproduce tonight SR 3", "is run 3 of SR reproducible?"),
        ("simmanager reproduce tonight/SR/3 --to again", "and keep what came out"),
    ),
    exits=("the same values", "other values, or it did not finish"),
)
def reproduce(arguments: argparse.Namespace) -> int:
    """Run a finished run again elsewhere and compare what comes out.

    Runs a finished run once more with the same parameters and seed, in another
    folder, and says of each of its results whether the bytes or at least the
    values are the same, and what has changed in the program since. The run itself
    is not touched. This unpickles parameters and results and runs their code:
    only for folders of your own.
    """
    from ..base.text import plain
    from ..batch.reproduction import reproduce
    from ..status.run_facts import find_run

    done = reproduce(find_run(arguments.path, arguments.simulation, arguments.run), arguments.to)
    print(plain(str(done)))
    return EXIT_OK if done.same else EXIT_FAILED


@verb(
    _run,
    examples=(
        ("simmanager debug tonight SR 3", "run 3 of SR, with pdb at its error"),
        ("simmanager debug tonight/SR/3", "the same"),
    ),
    exits=("it raised no error this time", "it did"),
)
def debug(arguments: argparse.Namespace) -> int:
    """Run one run again in this terminal, with pdb at its error.

    Runs it in this process with the same parameters and seed, and opens Python's
    debugger at the line of your code where it raises; breakpoint() in a model
    stops there, too. The folder of the run is not touched. Without a terminal the
    traceback is shown. This unpickles the parameters and runs their code: only for
    folders of your own.
    """
    from ..batch.debugging import debug
    from ..status.run_facts import find_run

    outcome = debug(find_run(arguments.path, arguments.simulation, arguments.run))
    if outcome.state == "finished":
        print("It finished without an error this time.")
        return EXIT_OK
    return EXIT_FAILED
