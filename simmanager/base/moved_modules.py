"""Where the modules of earlier versions are now: their paths are in the pickles and manager.json of older batches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Package -> its modules that version 0.1 had outside of packages.
_NOW_IN = {
    "training": ("reinforcement_learning", "recording", "history_columns", "model_state"),
    "simulation": ("one_shot",),
    "disk": ("spool", "state"),
    "base": ("errors",),
    "analysis": ("learning_curves", "autocorrelogram", "grid_score", "rate_maps", "spatial_tuning"),
}

#: Module of version 0.1 -> where its names are now.
_MOVED = {
    **{f"simmanager.{name}": f"simmanager.{package}.{name}" for package, names in _NOW_IN.items() for name in names},
    "simmanager.training_loops": "simmanager.training.loops",
    "simmanager.simulation": "simmanager.simulation.single_sim",
    "simmanager.progress": "simmanager.base.current_run",
    "simmanager.checkpoint": "simmanager.base.current_run",
    "simmanager.statistics": "simmanager.analysis",
}

#: How the paths of modules begin -> the public module that has their names.
_PUBLIC = {
    "simmanager.agents.": "simmanager.agents",
    "simmanager.arenas.": "simmanager.arenas",
    "simmanager.analysis.": "simmanager.analysis",
    "simmanager.compat.neuralplayground.": "simmanager.compat.neuralplayground",
    "simmanager.training.": "simmanager",
    "simmanager.simulation.": "simmanager",
    "simmanager.base.": "simmanager",
    "simmanager.disk.": "simmanager",
}


def module_now(module: str) -> str:
    """Return the module in which the names of a module of an earlier version are found now; else the same."""
    return _MOVED.get(module, module)


def described_now(entry: Any) -> Any:
    """Return the description of a simulation with the names that its classes and functions have now.

    It is that of manager.json or run.json: texts ``"module:name"`` in it are translated, however deep they are.
    """
    if isinstance(entry, Mapping):
        return {key: described_now(value) for key, value in entry.items()}
    if isinstance(entry, list):
        return [described_now(value) for value in entry]
    if isinstance(entry, str) and entry.startswith("simmanager.") and ":" in entry:
        module, _, name = entry.partition(":")
        module = module_now(module)
        return f"{next((public for start, public in _PUBLIC.items() if module.startswith(start)), module)}:{name}"
    return entry
