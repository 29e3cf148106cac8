"""Verbs that tell the manager of a batch, from another terminal, what to do: pause, jobs, first, add, stop."""

from __future__ import annotations

import argparse

from ..base.advice import command
from .running import SWEEP, plan_of, print_said
from .verb import EXIT_OK, EXIT_USAGE, PATH, argument, verb

#: When the exit code is 0.
_ASKED = ("the manager has done it, or no manager is running the batch",)


@verb(
    PATH,
    argument("--freeze", action="store_true", help="stop the runs at hand, too (SIGSTOP), until it goes on"),
    examples=(
        ("simmanager pause tonight", "the runs at hand end, nothing new starts"),
        ("simmanager pause tonight --freeze", "the cores are free at once"),
    ),
    exits=_ASKED,
)
def pause(arguments: argparse.Namespace) -> int:
    """Let the manager of a batch pause until "simmanager resume".

    Nothing new is started, and the runs at hand end; the manager stays. With
    --freeze they are stopped where they are, with all their processes; the time
    counts neither to timeouts nor to durations.
    """
    from ..batch.asking import NO_MANAGER
    from ..batch.background import BatchHandle

    said = BatchHandle(arguments.path).pause(freeze=arguments.freeze)
    print_said(said)
    if said != NO_MANAGER:
        print(f"Go on: {command('resume', arguments.path)}")
    return EXIT_OK


@verb(
    PATH,
    argument("number", type=int, metavar="N", help="runs at a time; -1: one on each core"),
    examples=(
        ("simmanager jobs tonight 2", "leave some cores to others"),
        ("simmanager jobs tonight -1", "one run on each core again"),
    ),
    exits=_ASKED,
)
def jobs(arguments: argparse.Namespace) -> int:
    """Let another number of runs go at a time.

    More start at once; if more are at hand than there should be, those that end
    first are not followed by others. The batch keeps the number for the next time.
    """
    from ..batch.background import BatchHandle

    print_said(BatchHandle(arguments.path).jobs(arguments.number))
    return EXIT_OK


@verb(
    PATH,
    argument("simulation", metavar="SIM", completed_by="simulation", help="simulation_id"),
    examples=(
        ("simmanager first tonight SR", "all runs of SR that wait come before those of the others"),
        ("simmanager first tonight EI", "and those of EI before these"),
    ),
    exits=_ASKED,
)
def first(arguments: argparse.Namespace) -> int:
    """Let the waiting runs of one simulation come first.

    The runs at hand are not touched; as a slot becomes free, it takes those runs
    before all others that wait. What is asked last comes first. It holds as long
    as the manager runs.
    """
    from ..batch.background import BatchHandle

    print_said(BatchHandle(arguments.path).first(arguments.simulation))
    return EXIT_OK


@verb(
    PATH,
    argument(
        "file", metavar="FILE", completed_by="batch file", help="FILE.py[:NAME], FILE.toml or FILE.yaml, as for run"
    ),
    argument(
        "--runs", type=int, metavar="N", help="runs of each simulation, those of the batch too (default: as it has)"
    ),
    SWEEP,
    examples=(
        ("simmanager add tonight more.py", "the simulations of more.py that the batch lacks"),
        ("simmanager add tonight mine.py --runs 40", "its own file again: 40 runs of each"),
    ),
    exits=("it was added",),
)
def add(arguments: argparse.Namespace) -> int:
    """Add simulations and runs to a batch, also while it runs.

    What the batch has stays. A manager that runs it executes what is added, too;
    else "simmanager resume" does. This unpickles the simulations: only for folders
    of your own.
    """
    from ..base.text import count, plain
    from ..batch.manager import SimulationManager

    if (plan := plan_of(arguments)) is None:
        return EXIT_USAGE
    manager = SimulationManager(existing_simulation=arguments.path)
    before = manager.status().total
    added = manager.add(plan.simulations, arguments.runs)
    now = manager.status()
    names = f": {plain(', '.join(added))}" if added else ""
    print(f"Added {count(len(added), 'simulation')}{names}, {count(now.total - before, 'run')}; {now.total} in all.")
    if not now.manager_alive and now.total > before:
        print(f"Run them: {command('resume', arguments.path)}")
    return EXIT_OK


@verb(
    PATH,
    argument("--now", action="store_true", help="end the runs at hand, too"),
    examples=(
        ("simmanager stop tonight", "after the runs at hand"),
        ("simmanager stop tonight --now", "end those, too, also if their manager is gone; they will be interrupted"),
    ),
    exits=_ASKED,
)
def stop(arguments: argparse.Namespace) -> int:
    """Ask the manager of a batch to stop.

    Does from another terminal what Ctrl-C does in the manager's own: nothing new
    is started, and the runs at hand end. "simmanager resume" goes on.
    """
    from ..base.errors import OrderNotAnswered
    from ..base.text import plain
    from ..disk.batch_folder import BatchFolder
    from ..disk.orders import ask
    from ..dispatch.orphans import orphans_of, stop_orphans
    from ..dispatch.stop import BY_USER

    folder = BatchFolder(arguments.path)
    folder.read_manifest()
    who = folder.owner() if folder.is_held() else "the manager, if one is running (that cannot be told)"
    try:
        said = ask(folder.path, "stop", now=arguments.now)
    except OrderNotAnswered as error:
        said = plain(str(error)).rstrip(".")
    if said is None:
        lines = ["No manager is running this batch."]
        if arguments.now:
            with folder.held() as batch:
                lines += stop_orphans(orphans_of(batch), BY_USER)
        print("\n".join(lines))  # whatever becomes of the words, all of them are ended
        return EXIT_OK
    print(f"Asked {plain(who)} to stop{' now' if arguments.now else ' after the runs at hand'}: {said}.")
    return EXIT_OK
