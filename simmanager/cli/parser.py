"""The words of the command line: the arguments that each verb takes."""

from __future__ import annotations

import argparse
from typing import Any

from .verb import EPILOG, HELP

#: Shells that "completion" writes a script for.
SHELLS = ("bash", "zsh", "fish")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    from ..version import __version__

    parser = argparse.ArgumentParser(
        prog="simmanager",
        description="Run many simulations in parallel, each run in its own folder; look at them and\nrepair them.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "-V", "--version", action="version", version=f"simmanager {__version__}", help="show the version and exit"
    )
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for add_verb in _VERBS:
        add_verb(verbs)
    return parser


def parse(parser: argparse.ArgumentParser, words: list[str]) -> argparse.Namespace:
    """Parse the words of a command line; options may stand between the others (``logs BATCH --type run SIM``)."""
    (verbs,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    if words and words[0] in verbs.choices:
        verb: argparse.ArgumentParser = verbs.choices[words[0]]
        return verb.parse_intermixed_args(words[1:])
    return parser.parse_args(words)


def _verb(verbs: Any, name: str) -> argparse.ArgumentParser:
    said = HELP[name]
    parser: argparse.ArgumentParser = verbs.add_parser(
        name,
        help=said.summary,
        description=said.description,
        epilog=said.epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(verb=name)
    return parser


def _add_path(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", metavar="PATH", help="folder of the batch")


def _add_run_words(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", metavar="PATH", help="folder of a run, or of its batch, or BATCH/SIM/RUN")
    parser.add_argument("simulation", nargs="?", metavar="SIM", help="simulation_id, if PATH is a batch")
    parser.add_argument("run", nargs="?", type=int, metavar="RUN", help="run id, if PATH is a batch")


def _add_options(parser: argparse.ArgumentParser) -> None:
    """Add what every command that executes runs understands."""
    group = parser.add_argument_group("execution")
    group.add_argument("--jobs", type=int, metavar="N", help="runs at a time (default: one on each core)")
    group.add_argument("--timeout", type=float, metavar="S", help="end a run after so many seconds (default: no limit)")
    group.add_argument(
        "--retries",
        type=int,
        metavar="N",
        help="start a run that crashed or timed out again, N times at most (default: 0)",
    )
    group.add_argument(
        "--retry-errors", action="store_true", default=None, help="start runs that raised an error again, too"
    )
    group.add_argument(
        "--memory-limit", type=float, metavar="MB", help="memory that a run may add to its process (default: no limit)"
    )
    group.add_argument(
        "--fail-fast",
        type=int,
        nargs="?",
        const=1,
        metavar="K",
        help="after K failures (1, if not given) start nothing new (default: go on)",
    )
    group.add_argument(
        "--checkpoint-every",
        type=float,
        metavar="S",
        help="save a checkpoint of each run every S seconds (default: none)",
    )
    group.add_argument(
        "--durable",
        action="store_true",
        default=None,
        help="force results to the disk (fsync) before they count (default: no)",
    )
    group.add_argument(
        "--fresh-process", action="store_true", default=None, help="a new process for each run (default: one for many)"
    )
    group.add_argument(
        "--threads-per-run", type=int, metavar="N", help="threads of numerical libraries per run (default: 1)"
    )
    group.add_argument(
        "--gpus", metavar="0,1,...", help="GPUs that the runs share: one run at a time on each, unless --jobs says more"
    )
    group.add_argument(
        "--dask", metavar="ADDRESS", help="run on the workers of this Dask cluster, e.g. tcp://10.0.0.1:8786"
    )
    group.add_argument(
        "--notify", metavar="COMMAND", help="shell command at the end; it finds $SIMMANAGER_SUMMARY and its like"
    )


def _add_run(verbs: Any) -> None:
    run = _verb(verbs, "run")
    run.add_argument(
        "file",
        metavar="FILE",
        help="FILE.py[:NAME], NAME being a SingleSim, a list, or a function that returns one; or FILE.toml, FILE.yaml",
    )
    run.add_argument(
        "--runs", type=int, metavar="N", help="runs of each simulation (default: what the file says, or 5)"
    )
    run.add_argument(
        "--id", metavar="ID", help="name of the batch and its folder (default: what the file says, or its name)"
    )
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


def _add_demo(verbs: Any) -> None:
    demo = _verb(verbs, "demo")
    demo.add_argument("--dir", default=".", metavar="DIR", help="where simmanager_demo/ is made (default: here)")
    demo.add_argument("--runs", type=int, default=5, metavar="N", help="runs of each simulation (default: %(default)s)")
    demo.add_argument("--jobs", type=int, default=-1, metavar="N", help="runs at a time (default: one on each core)")


def _add_status(verbs: Any) -> None:
    status = _verb(verbs, "status")
    _add_path(status)
    status.add_argument("--watch", action="store_true", help="show it until the batch ends; Ctrl-C leaves it alone")
    status.add_argument("--json", action="store_true", help="print it as JSON")


def _add_results(verbs: Any) -> None:
    results = _verb(verbs, "results")
    _add_path(results)
    results.add_argument("simulations", nargs="*", metavar="SIM", help="simulation_id (default: all)")
    results.add_argument(
        "--key", metavar="KEY", help="the points of this curve of the histories instead, as CSV or JSON"
    )
    form = results.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="print all fields and parameters as CSV")
    form.add_argument("--json", action="store_true", help="print them as JSON")


def _add_logs(verbs: Any) -> None:
    logs = _verb(verbs, "logs")
    _add_path(logs)
    logs.add_argument("simulation", nargs="?", metavar="SIM", help="simulation_id (default: all)")
    logs.add_argument("run", nargs="?", type=int, metavar="RUN", help="run id (default: all)")
    logs.add_argument(
        "--type", choices=("error", "run", "state"), default="error", help="which log (default: %(default)s)"
    )
    logs.add_argument("--follow", action="store_true", help="go on with what is written, until the runs end")


def _add_report(verbs: Any) -> None:
    report = _verb(verbs, "report")
    _add_path(report)
    report.add_argument(
        "-o", "--output", metavar="FILE.html", help="where to (default: report.html in the folder of the batch)"
    )
    report.add_argument("--watch", action="store_true", help="write it anew while the batch runs; it refreshes itself")
    report.add_argument("--open", action="store_true", help="open it in the browser")


def _add_show(verbs: Any) -> None:
    show = _verb(verbs, "show")
    _add_run_words(show)
    show.add_argument("--json", action="store_true", help="print it as JSON")


def _add_diff(verbs: Any) -> None:
    diff = _verb(verbs, "diff")
    diff.add_argument("first", metavar="A", help="folder of a run, or BATCH/SIM/RUN")
    diff.add_argument("second", metavar="B", help="the other")
    diff.add_argument("--json", action="store_true", help="print it as JSON")


def _add_reproduce(verbs: Any) -> None:
    again = _verb(verbs, "reproduce")
    _add_run_words(again)
    again.add_argument("--to", metavar="DIR", help="keep the new run in this folder (default: a temporary one)")


def _add_resume(verbs: Any) -> None:
    resume = _verb(verbs, "resume")
    _add_path(resume)
    _add_options(resume)


def _add_rerun(verbs: Any) -> None:
    rerun = _verb(verbs, "rerun")
    _add_path(rerun)
    rerun.add_argument("simulation", metavar="SIM", help="simulation_id")
    rerun.add_argument("--all", action="store_true", help="replace its finished runs, too")
    rerun.add_argument(
        "--from",
        dest="source",
        metavar="FILE.py",
        help="take the simulation of this id from a file, with its code and parameters as they are now",
    )
    rerun.add_argument(
        "--set", action="append", default=[], metavar="GROUP.NAME=VALUE", help="e.g. agent_params.lr_td=0.001"
    )
    _add_options(rerun)


def _add_stop(verbs: Any) -> None:
    stop = _verb(verbs, "stop")
    _add_path(stop)
    stop.add_argument("--now", action="store_true", help="end the runs at hand, too")


def _add_completion(verbs: Any) -> None:
    completion = _verb(verbs, "completion")
    completion.add_argument("shell", choices=SHELLS, metavar="SHELL", help=f"one of {', '.join(SHELLS)}")


#: The commands, in the order of the help.
_VERBS = (
    _add_run,
    _add_demo,
    _add_status,
    _add_results,
    _add_logs,
    _add_report,
    _add_show,
    _add_diff,
    _add_reproduce,
    _add_resume,
    _add_rerun,
    _add_stop,
    _add_completion,
)
