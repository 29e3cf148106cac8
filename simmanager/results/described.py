"""What manager.json says of the simulations of a batch, as far as it can be read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..base.errors import BatchDamaged, BatchNotFound
from ..base.provenance import contents_in, frozen_code_of
from ..disk.batch_folder import BatchFolder


def described_simulations(path: Path) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, str] | None]]:
    """Return what manager.json says of each simulation, and of the contents of its parameters and code."""
    try:
        manifest = BatchFolder(path).read_manifest()
    except (BatchNotFound, BatchDamaged):
        return {}, {}
    kept = {name: contents_in(taken) for name, taken in frozen_code_of(manifest.provenance).items()}
    return {entry["simulation_id"]: entry for entry in manifest.simulations}, kept


def declared_metrics(entry: dict[str, Any]) -> list[str]:
    """Return the names of the metrics of a simulation."""
    metrics = entry.get("metrics")
    return list(metrics) if isinstance(metrics, dict) else []


def stride(parameters: Mapping[str, Any]) -> int:
    """Return how many iterations are between two rows of a history, as the training loops of this package call it."""
    every = parameters.get("training_loop_params.record_every", 1)
    return every if isinstance(every, int) and 1 <= every < 2**31 else 1


def varying_parameters(parameters: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the parameters in which simulations differ: name -> {simulation_id: value}, of those that have it."""
    varying = {}
    for name in dict.fromkeys(name for own in parameters.values() for name in own):
        values = {sim: own[name] for sim, own in parameters.items() if name in own}
        first = next(iter(values.values()))
        if len(values) < len(parameters) or any(value != first for value in values.values()):
            varying[name] = values
    return varying
