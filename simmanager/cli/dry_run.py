"""``--dry-run``: which runs a command would execute. It reads the batch, and changes nothing."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from ..base.text import count, plain
from ..disk.batch_folder import BatchFolder
from ..disk.state import RunState
from .verb import EXIT_OK

#: Runs that are executed in any case, since they have not ended.
_DUE = frozenset({RunState.IN_QUEUE, RunState.INTERRUPTED})


def print_dry_run(
    path: str, also: AbstractSet[RunState], simulation_id: str | None = None, run_id: int | None = None
) -> int:
    """Print which runs would be executed, and return the exit code.

    Parameters
    ----------
    path : str
        The batch.
    also : set of RunState
        States of ended runs that are executed, too.
    simulation_id, run_id : str, int, optional
        Only this simulation; only this run of it.
    """
    from ..status.reader import read_status
    from ..status.run_facts import find_run

    status = read_status(path)
    if simulation_id is not None and run_id is not None:
        find_run(path, simulation_id, run_id)  # raises if there is none
    chosen = status.runs if simulation_id is None else status.simulation(simulation_id)
    due = [run for run in chosen if run.state in _DUE | also and run_id in (None, run.run_id)]
    for run in due:
        reason = f" ({plain(run.reason)})" if run.reason else ""
        print(f"{plain(run.simulation_id)} run {run.run_id}: {run.state.value}{reason}")
    if held := BatchFolder(path).is_held():
        print("A manager is running this batch now; it would have to end first.")
    elif held is None:
        print("Whether a manager is running this batch cannot be told: its lock may not be opened.")
    print(f"{count(len(due), 'run')} would be executed; nothing was changed.")
    return EXIT_OK
