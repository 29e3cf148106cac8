"""Where the modules of earlier versions are now: their paths are in the pickles and manager.json of older batches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Module of version 0.1 -> the public module that has its names, or where it is now.
_MOVED = {
    "simmanager.training_loops": "simmanager",
    "simmanager.reinforcement_learning": "simmanager",
    "simmanager.one_shot": "simmanager",
    "simmanager.simulation": "simmanager",
    "simmanager.state": "simmanager",
    "simmanager.errors": "simmanager",
    "simmanager.progress": "simmanager",
    "simmanager.checkpoint": "simmanager",
    "simmanager.recording": "simmanager.arenas",
    "simmanager.history_columns": "simmanager.training.history_columns",
    "simmanager.model_state": "simmanager.training.model_state",
    "simmanager.spool": "simmanager.disk.spool",
    **{
        f"simmanager.{name}": "simmanager.analysis"
        for name in ("statistics", "learning_curves", "autocorrelogram", "grid_score", "rate_maps", "spatial_tuning")
    },
}

#: Packages that have all public names of their modules.
_FACES = ("simmanager.agents", "simmanager.arenas", "simmanager.compat.neuralplayground")


def module_now(module: str) -> str:
    """Return the module in which the names of a module of an earlier version are found now; else the same."""
    return _MOVED.get(module, module)


def described_now(entry: Any) -> Any:
    """Return the description of a simulation with the names that its classes and functions have now.

    Parameters
    ----------
    entry : object
        From manager.json or run.json; texts ``"module:name"`` in it are looked at, however deep they are.
    """
    if isinstance(entry, Mapping):
        return {key: described_now(value) for key, value in entry.items()}
    if isinstance(entry, list):
        return [described_now(value) for value in entry]
    if isinstance(entry, str) and entry.startswith("simmanager.") and ":" in entry:
        module, _, name = entry.partition(":")
        face = next((face for face in _FACES if module.startswith(f"{face}.")), None)
        return f"{face or module_now(module)}:{name}"
    return entry
