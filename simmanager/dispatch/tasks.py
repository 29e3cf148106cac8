"""What the workers are told of the runs of a batch."""

from __future__ import annotations

from ..base.provenance import frozen_code_of, provenance_of
from ..disk.batch_folder import OpenBatch
from ..status.status import RunStatus
from ..worker.session import session_of
from ..worker.task import Task
from .run_options import RunOptions


def make_tasks(batch: OpenBatch, due: list[RunStatus], options: RunOptions, execute: tuple[str, ...]) -> list[Task]:
    """Return a task for each run that is due."""
    manifest = batch.manifest
    common, frozen = provenance_of(manifest.simulations, options.threads_per_run), frozen_code_of(manifest.provenance)
    provenance = {
        entry["simulation_id"]: {**common, **frozen.get(entry["simulation_id"], {}), "simulation": entry}
        for entry in manifest.simulations
    }
    recipes = {name: str(batch.folder.recipe(name)) for name in provenance}
    sessions = {name: session_of(batch.folder, manifest.provenance, name) for name in provenance}
    return [
        Task(
            folder=run.path,
            recipe=recipes[run.simulation_id],
            seed=run.seed or 0,
            execute=execute,
            memory_limit_mb=options.memory_limit_mb,
            checkpoint_every_s=options.checkpoint_every_s,
            durable=options.durable,
            provenance=provenance[run.simulation_id],
            session=sessions[run.simulation_id],
        )
        for run in due
    ]
