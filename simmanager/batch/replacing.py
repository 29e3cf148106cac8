"""Which runs a rerun replaces, and how. The caller holds the lock of the batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from ..disk.batch_folder import OpenBatch
from ..disk.manifest import MIXED
from ..disk.run_folder import RunFolder
from ..disk.state import RunState
from ..dispatch.tasks import Chosen
from ..status.reader import StatusReader
from .changes import finished_stay
from .making import make_missing_runs, replace_run


def runs_to_replace(batch: OpenBatch, only: Chosen, *, include_finished: bool) -> list[RunFolder]:
    """Return those of the chosen runs that failed or were interrupted, and those that finished if that is wanted."""
    gone = {RunState.ERROR, RunState.INTERRUPTED} | ({RunState.FINISHED} if include_finished else set())
    found = []
    for run in StatusReader(batch.folder.path).read_open(batch).runs:
        folder = RunFolder(run.path)
        if run.state in gone and only.has(run.simulation_id, run.run_id) and folder.run_id is not None:
            if include_finished or folder.read_history().state is not RunState.FINISHED:
                found.append(folder)
    return found


def replace_runs(batch: OpenBatch, simulation_ids: Iterable[str], replaced: Sequence[RunFolder]) -> None:
    """Replace runs of these simulations, and make those that are missing.

    Raises
    ------
    BatchDamaged
        One cannot be shown to be a run of a batch.
    BatchNotWritable
        One cannot be removed or made.
    """
    of_one_kind = [name for name in simulation_ids if not finished_stay(batch, name, replaced)]
    for folder in replaced:
        replace_run(batch, folder)
    for name in of_one_kind:
        _forget_mixture(batch, name)
    for name in simulation_ids:
        make_missing_runs(batch, name)


def _forget_mixture(batch: OpenBatch, simulation_id: str) -> None:
    """Note that a simulation has runs of one kind only: all of them were replaced."""
    manifest = batch.manifest
    if simulation_id in manifest.mixed:
        mixed = {name: text for name, text in manifest.mixed.items() if name != simulation_id}
        batch.write_manifest(replace(manifest, provenance={**manifest.provenance, MIXED: mixed}))
