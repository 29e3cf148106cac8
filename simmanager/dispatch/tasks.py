"""Which runs of a batch are due, and what the workers are told of them."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from ..base.import_path import extend_sys_path
from ..base.provenance import frozen_code_of, provenance_of
from ..base.resources import needs_of, time_limit
from ..disk.batch_folder import OpenBatch
from ..disk.state import RunState
from ..status.reader import StatusReader
from ..status.status import NO_FOLDER, BatchStatus, RunStatus
from ..worker.session import session_of
from ..worker.task import EXECUTABLE, Task
from .run_options import RunOptions


class Chosen(NamedTuple):
    """Which runs of a batch are meant: all of them, those of a simulation, or one."""

    simulation_id: str | None = None
    run_id: int | None = None

    def has(self, simulation_id: str, run_id: int | None) -> bool:
        """Return whether a run is among them."""
        return self.simulation_id in (None, simulation_id) and self.run_id in (None, run_id)


#: All runs of a batch.
ALL = Chosen()


class DueRuns:
    """Those of the chosen runs of a batch that are in one of these states, and those that are added later."""

    def __init__(
        self, batch: OpenBatch, reader: StatusReader, states: AbstractSet[RunState], only: Chosen, options: RunOptions
    ) -> None:
        self._batch, self.reader, self._only, self._options = batch, reader, only, options
        self._execute = (*EXECUTABLE, RunState.ERROR.value) if RunState.ERROR in states else EXECUTABLE
        #: How the batch stood before.
        self.before: BatchStatus = reader.read_open(batch)
        self._known = {run.path for run in self.before.runs}
        #: What is to be executed now.
        self.tasks = self._tasks([run for run in self.before.runs if run.state in states])

    def _tasks(self, runs: list[RunStatus]) -> list[Task]:
        chosen = [run for run in runs if self._only.has(run.simulation_id, run.run_id)]
        return make_tasks(self._batch, chosen, self._options, self._execute)

    def added(self) -> list[Task]:
        """Return what another process has added to the batch since the last look."""
        self._batch.read_again()
        extend_sys_path(self._batch.manifest.provenance)
        runs = self.reader.read_open(self._batch).runs
        new = [run for run in runs if run.path not in self._known and run.reason != NO_FOLDER]
        self._known.update(run.path for run in new)
        return self._tasks([run for run in new if run.state is RunState.IN_QUEUE])


def make_tasks(batch: OpenBatch, due: list[RunStatus], options: RunOptions, execute: tuple[str, ...]) -> list[Task]:
    """Return a task for each run that is due."""
    manifest = batch.manifest
    common, frozen = provenance_of(manifest.simulations, options.threads_per_run), frozen_code_of(manifest.provenance)
    entries = {entry["simulation_id"]: entry for entry in manifest.simulations}
    needs = {name: needs_of(entry.get("resources")) for name, entry in entries.items()}
    timeouts = {name: time_limit(entry.get("timeout")) or options.timeout for name, entry in entries.items()}
    limits = {name: _least(each.get("memory_mb"), options.memory_limit_mb) for name, each in needs.items()}
    provenance = {
        name: {**common, **_threads(needs[name]), **frozen.get(name, {}), "simulation": entry}
        for name, entry in entries.items()
    }
    recipes = {name: str(batch.folder.recipe(name)) for name in provenance}
    sessions = {name: session_of(batch.folder, manifest.provenance, name) for name in provenance}
    return [
        Task(
            folder=run.path,
            recipe=recipes[run.simulation_id],
            seed=run.seed or 0,
            execute=execute,
            memory_limit_mb=limits[run.simulation_id],
            checkpoint_every_s=options.checkpoint_every_s,
            durable=options.durable,
            timeout_s=timeouts[run.simulation_id],
            needs=needs[run.simulation_id],
            provenance=provenance[run.simulation_id],
            session=sessions[run.simulation_id],
        )
        for run in due
    ]


def _threads(needs: Mapping[str, float]) -> dict[str, int]:
    """Return with how many threads a run is executed, if its simulation says so: results may depend on it."""
    return {"threads_per_run": int(needs["cpus"])} if "cpus" in needs else {}


def _least(*limits: float | None) -> float | None:
    return min((limit for limit in limits if limit is not None), default=None)
