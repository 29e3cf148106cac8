"""Verbs that run a batch: run, resume, rerun."""

from __future__ import annotations

import argparse
import re
import shlex
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from ..base.advice import command, remember_target
from ..base.errors import BatchBusy, ParameterError, SimManagerError, UnknownName, UnsafeName, suggest
from .verb import EXIT_OK, EXIT_USAGE, PATH, RAN, Adder, argument, exit_code, verb

if TYPE_CHECKING:
    from ..batch.manager import SimulationManager
    from ..batch.plan import BatchPlan
    from ..status.status import BatchStatus


def option_argument(name: str) -> Adder:
    """Return an option of ``run_all`` as an argument: a flag alone, with a word, or with one that may be left away."""

    def add(parser: Any) -> None:
        from ..dispatch.run_options import OPTIONS

        option = OPTIONS[name]
        form: dict[str, Any] = {"metavar": option.kind.metavar}
        if not option.kind.metavar:
            form = {"action": "store_true", "default": None}
        elif option.kind.metavar.startswith("["):
            form = {"metavar": option.kind.metavar.strip("[]"), "nargs": "?", "const": True}
        parser.add_argument(option.flag, dest=name, help=option.words, **form)

    return add


def _occasions(words: str) -> set[str]:
    """Return when the command of --notify is run."""
    from ..dispatch.events import WHEN

    found = {word.strip() for word in words.split(",")}
    if not found <= {*WHEN}:
        raise argparse.ArgumentTypeError(f"takes {', '.join(WHEN)}, or both with a comma between them; not {words!r}")
    return found


def _execution(parser: argparse.ArgumentParser) -> None:
    """Add what every command that executes runs understands."""
    from ..dispatch.run_options import OPTIONS

    group = parser.add_argument_group("execution")
    for name in [name for name, option in OPTIONS.items() if option.flag]:
        option_argument(name)(group)
    words = "use the defaults, not the options that the batch was run with before"
    group.add_argument("--forget-options", action="store_true", help=words)
    words = "shell command at the end; it finds $SIMMANAGER_SUMMARY and its like"
    group.add_argument("--notify", metavar="COMMAND", help=words)
    words = "when: end, failure (the first run that fails), or failure,end (default: end); $SIMMANAGER_EVENT says which"
    group.add_argument("--notify-on", metavar="WHEN", type=_occasions, help=words)
    words = "give the terminal back when the first run has begun; what is said then goes to batch.log in the batch"
    group.add_argument("--detach", action="store_true", help=words)


def options_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the options that were given, checked; what was not is left to a batch file, or to what is kept."""
    from ..dispatch.run_options import OPTIONS

    options: dict[str, Any] = {}
    for name, word in vars(arguments).items():
        if name in OPTIONS and word is not None:
            option = OPTIONS[name]
            value = option.kind.read(word) if isinstance(word, str) else word
            options |= {**(option.implies or {}), name: option.checked(name, value)}
    return options


def _execution_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the options that were given, with what is to happen at the first failure."""
    from ..dispatch.events import FAILURE, FailureNotice

    options = options_of(arguments)
    if arguments.notify_on and not arguments.notify:
        raise ParameterError("--notify-on says when the command of --notify is run: give --notify COMMAND, too.")
    if FAILURE in (arguments.notify_on or ()):
        options["on_event"] = FailureNotice(arguments.notify, options.get("on_event"))
    return options


def _executed(
    arguments: argparse.Namespace,
    manager: SimulationManager,
    run: Callable[..., BatchStatus],
    options: Mapping[str, Any],
) -> int:
    """Execute runs, tell the user's command that they have ended, and return the exit code."""
    from ..batch.kept_options import defaults
    from ..dispatch.events import END, notify

    begun = time.monotonic()
    at_end = arguments.notify and END in (arguments.notify_on or (END,))
    try:
        status = run(**{**(defaults() if arguments.forget_options else {}), **options})
    except (KeyboardInterrupt, SystemExit):  # stopped, and all is in order
        if at_end:
            notify(arguments.notify, manager.status(), seconds=time.monotonic() - begun)
        raise
    if at_end:
        notify(arguments.notify, status, seconds=time.monotonic() - begun)
    return exit_code(status)


SWEEP = argument(
    "--sweep",
    action="append",
    default=[],
    metavar="GROUP.NAME=V1,V2",
    help="one simulation for each value, e.g. agent_params.lr_td=0.001,0.01; several: every combination",
)


def print_said(said: str) -> None:
    """Print what a manager says."""
    from ..base.text import plain

    print(f"{said[:1].upper()}{plain(said[1:])}.")


def plan_of(arguments: argparse.Namespace) -> BatchPlan | None:
    """Return what a file says, swept; None, and the error is printed, if its code cannot be executed."""
    from ..batch.python_file import load_plan, users_traceback

    try:
        plan = load_plan(arguments.file)
    except SimManagerError:
        raise
    except Exception as error:  # of the user's file, whatever it is
        print(f"{users_traceback(error)}simmanager: {arguments.file} could not be loaded.", file=sys.stderr)
        return None
    remember_target(arguments.file)
    return plan.swept(arguments.sweep)


@verb(
    argument(
        "file",
        metavar="FILE",
        completed_by="batch file",
        help="FILE.py[:NAME], NAME being a SingleSim, a list, or a function that returns one; or FILE.toml, FILE.yaml",
    ),
    argument("--runs", type=int, metavar="N", help="runs of each simulation (default: what a batch file says, or 5)"),
    argument(
        "--id",
        metavar="ID",
        help="name of the batch and its folder (default: what a batch file says, or the name of FILE)",
    ),
    argument("--seed", type=int, metavar="S", help="seed of the batch (default: drawn, and kept)"),
    argument("--seeds", choices=("separate", "shared"), help="shared: run R has the same seed in every simulation"),
    SWEEP,
    argument("--cwd", choices=("run",), help="the working directory of each run is its own folder for files"),
    argument("--cpus", type=int, metavar="N", help="processors, and threads of numerical libraries, for each run"),
    argument("--memory", metavar="SIZE", help="memory that each run needs, and gets at most, e.g. 20GB"),
    argument("--gpus-per-run", type=float, metavar="X", help="GPUs for each run, of those of --gpus, e.g. 1 or 0.5"),
    argument(
        "--extend",
        action="store_true",
        help="if the batch is there: add the simulations that it lacks, and runs up to N; what is finished stays",
    ),
    argument(
        "--dir",
        default=".",
        metavar="DIR",
        completed_by="folder",
        help="where the folder of the batch is made (default: here)",
    ),
    _execution,
    examples=(
        ("simmanager run mine.py --runs 20 --id tonight", "20 runs of each simulation, in the folder tonight/"),
        ("simmanager run mine.py:SR --sweep agent_params.lr_td=0.001,0.01", "SR with each of two learning rates"),
        ("simmanager run rooms.toml --jobs 4 --timeout 1h --retries 1", "four at a time, an hour each at most"),
        ("simmanager run rooms.toml --extend --runs 40", "add runs to the batch that is there"),
    ),
    exits=RAN,
)
def run(arguments: argparse.Namespace) -> int:
    """Run the simulations of a Python, TOML or YAML file.

    A Python file defines simulations: FILE.py takes its simulation_list,
    FILE.py:NAME another of its names, which is a SingleSim, a list of them, or a
    function that returns one. The batch is made in the folder DIR/ID, which must
    not hold one yet (but see --extend), and all its runs are executed, as many at
    a time as --jobs says.

    A run that raises, crashes or hangs hurts no other; look at it with "simmanager
    logs", correct it, and use "simmanager rerun". The first Ctrl-C starts nothing
    new and lets the runs at hand end, a second one ends them: "simmanager resume"
    goes on.

    A batch file needs no code (YAML has the same fields); classes, loops and
    metrics are named "module:name":

      runs_per_sim = 20
      [options]                          # the keywords of run_all
      timeout = "1h"
      [[simulations]]
      simulation_id = "SR"
      default = "stachenfeld_in_2d"      # or agent_class = "module:Class", ...
      agent_params = { discount = 0.8 }
      [simulations.sweep]
      agent_params.lr_td = [0.001, 0.01]
    """
    options = _execution_options(arguments)
    given = {
        "manager_id": arguments.id,
        "runs_per_sim": arguments.runs,
        "seed": arguments.seed,
        "seeds": arguments.seeds,
    }
    if (plan := plan_of(arguments)) is None:
        return EXIT_USAGE
    resources = {"cpus": arguments.cpus, "gpus": arguments.gpus_per_run, "memory_mb": arguments.memory}
    plan = plan.executed_with(arguments.cwd, resources).with_fields(**given)
    try:
        manager = plan.manager(arguments.dir, extend=arguments.extend)
    except UnsafeName as error:
        raise UnsafeName(f"{error}{_id_advice(arguments, plan.manager_id)}") from None
    try:
        return _executed(arguments, manager, manager.run_all, {**plan.options, **options})
    except BatchBusy as error:
        more = command(
            "add", manager.results_path, arguments.file, *(["--runs", arguments.runs] if arguments.runs else [])
        )
        raise BatchBusy(f"{error}\nTo add to it while it runs: {more}" if arguments.extend else str(error)) from None


def _id_advice(arguments: argparse.Namespace, manager_id: str) -> str:
    """Return the command with another name of the batch, if the one that the file gives is what cannot be."""
    if arguments.id is not None or _can_be_a_name(manager_id):
        return ""
    safe = re.sub(r"[^A-Za-z0-9._=,+-]+", "_", manager_id).lstrip(".-")[:100]
    words = ["simmanager", *arguments.words, "--id", safe if _can_be_a_name(safe) else "batch"]
    return f" Give the batch another name: {shlex.join(words)}"


def _can_be_a_name(text: str) -> bool:
    from ..disk.manifest import check_name

    try:
        check_name("manager_id", text)
    except UnsafeName:
        return False
    return True


def _go_on(path: str, options: Mapping[str, Any]) -> int:
    """Let a manager that pauses go on."""
    from ..batch.background import BatchHandle

    if others := sorted(set(options) - {"n_jobs"}):
        raise ParameterError(
            f"A manager pauses this batch; it goes on with its options, not with {', '.join(others)}. Leave them away, "
            f"or end it first: {command('stop', path)}"
        )
    print_said(BatchHandle(path).resume(options.get("n_jobs")))
    return EXIT_OK


#: For verbs that execute runs.
_DRY_RUN = argument("--dry-run", action="store_true", help="list the runs that would be executed; change nothing")


@verb(
    PATH,
    _DRY_RUN,
    _execution,
    examples=(
        ("simmanager resume tonight", "after Ctrl-C, a kill or a power cut"),
        ("simmanager resume tonight --jobs 2 --retry-errors", "two at a time, failed runs too"),
    ),
    exits=RAN,
)
def resume(arguments: argparse.Namespace) -> int:
    """Go on with what is not finished, or after a pause.

    Executes the runs that wait or were interrupted; those that failed stay as they
    are, unless --retry-errors is given, and what is finished is never executed
    again. Options that the batch was run with before hold again, if no other value
    is given (but see --forget-options). A manager that pauses (simmanager pause)
    goes on where it is. This unpickles the simulations: only for folders of your
    own.
    """
    from ..batch.manager import SimulationManager
    from ..disk.batch_folder import BatchFolder
    from ..disk.batch_lock import why_paused
    from ..disk.state import RunState
    from .dry_run import print_dry_run

    options = _execution_options(arguments)
    if why_paused(BatchFolder(arguments.path).lock_file) and not arguments.dry_run:
        return _go_on(arguments.path, options)
    if arguments.dry_run:
        return print_dry_run(arguments.path, {RunState.ERROR} if options.get("retry_errors") else set())
    manager = SimulationManager(existing_simulation=arguments.path)
    return _executed(arguments, manager, manager.run_all, options)


@verb(
    PATH,
    argument("simulation", nargs="?", metavar="SIM", completed_by="simulation", help="simulation_id (default: all)"),
    argument("run", nargs="?", type=int, metavar="RUN", completed_by="run", help="run id (default: all)"),
    argument("--all", action="store_true", help="replace finished runs, too"),
    _DRY_RUN,
    argument(
        "--from",
        dest="source",
        metavar="FILE",
        completed_by="batch file",
        help="take the simulation of this id from a file (as for run), with its code and parameters as they are now",
    ),
    argument(
        "--set",
        action="append",
        default=[],
        metavar="GROUP.NAME=VALUE",
        completed_by="assignment",
        help="e.g. agent_params.lr_td=0.001",
    ),
    _execution,
    examples=(
        ("simmanager rerun tonight", "what failed, after its cause is gone"),
        ("simmanager rerun tonight SR 3 --dry-run", "would run 3 of SR be made anew?"),
        ("simmanager rerun tonight SR --set agent_params.lr_td=0.001 --all", "everything, with a corrected parameter"),
    ),
    exits=RAN,
)
def rerun(arguments: argparse.Namespace) -> int:
    """Replace failed runs by new ones.

    Makes the failed and interrupted runs of the batch, of one simulation or one
    run anew, with the same run ids and seeds, and executes them; --set changes
    parameters first, for which SIM must be named. Finished runs stay, unless
    --all is given. Options of the batch hold as for resume; those given here are
    for this call only. This unpickles the simulations: only for folders of your
    own.
    """
    from ..batch.changes import check_that_it_loads
    from ..batch.manager import SimulationManager
    from ..disk.batch_folder import BatchFolder
    from ..disk.state import RunState
    from ..simulation.assignment import set_parameter
    from .dry_run import print_dry_run

    name, options = arguments.simulation, _execution_options(arguments)
    if name is None and (arguments.source or arguments.set):
        raise ParameterError("--from and --set change one simulation: name it, simmanager rerun PATH SIM ...")
    if arguments.dry_run:
        replaced = {RunState.ERROR, RunState.INTERRUPTED} | ({RunState.FINISHED} if arguments.all else set())
        return print_dry_run(arguments.path, replaced, name, arguments.run)
    manager = SimulationManager(existing_simulation=arguments.path)
    if name is not None and name not in manager.simulation_ids:
        manager.rerun_simulation(name)  # raises, and lists those that exist
    changed: Any = None  # the others are not loaded: their recipes may be lost
    if arguments.source:
        changed = _simulation_from(arguments.source, name, _sweeps_of(arguments.path))
    elif arguments.set:
        changed = check_that_it_loads(BatchFolder(arguments.path), name)
    for assignment in arguments.set:
        set_parameter(changed, assignment)
    chosen: dict[str, Any] = {"include_finished": arguments.all, "simulation": changed}
    return _executed(arguments, manager, partial(manager.rerun_simulation, name, arguments.run, **chosen), options)


def _simulation_from(target: str, simulation_id: str, sweeps: list[str]) -> Any:
    """Return a simulation of a file, with its code as it is now; one of a sweep as the batch was swept."""
    from ..batch.python_file import load_plan

    plan = load_plan(target)
    found = {str(simulation.simulation_id): simulation for simulation in plan.simulations}
    if simulation_id not in found and sweeps:
        found = {str(simulation.simulation_id): simulation for simulation in plan.swept(sweeps).simulations}
    if simulation_id not in found:
        near, listing = suggest(simulation_id, found), ", ".join(found)
        raise UnknownName(f"{target} has no simulation {simulation_id!r}.{near} It has {listing}.")
    return found[simulation_id]


def _sweeps_of(path: str) -> list[str]:
    """Return what the command line that made a batch swept."""
    from ..disk.batch_folder import BatchFolder

    command = BatchFolder(path).read_manifest().provenance.get("command")
    words = [str(word) for word in command[1:]] if isinstance(command, list) else []
    joined = [word.partition("=")[2] for word in words if word.startswith("--sweep=")]
    return [*joined, *(words[at + 1] for at, word in enumerate(words[:-1]) if word == "--sweep")]
