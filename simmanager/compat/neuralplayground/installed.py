"""The installed NeuralPlayground, imported when something of it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ...errors import PackageMissing

PACKAGE = "neuralplayground"


def load(module: str) -> Any:
    """Import a module of NeuralPlayground, e.g. ``"backend.default_simulation"``.

    Raises
    ------
    PackageMissing
        NeuralPlayground is not installed; says how to install it.
    """
    try:
        return import_module(f"{PACKAGE}.{module}")
    except ModuleNotFoundError as error:
        raise_if_missing(error)
        raise


def raise_if_missing(error: ModuleNotFoundError) -> None:
    """Raise `PackageMissing` if what could not be imported is NeuralPlayground itself; else return.

    Raises
    ------
    PackageMissing
        NeuralPlayground is not installed; says how to install it.
    """
    if error.name == PACKAGE:
        raise PackageMissing(
            "This needs NeuralPlayground, which is not installed here. Install it: "
            "pip install 'simmanager[neuralplayground]' (a CPU build of torch before it saves gigabytes). Without it: "
            "models and ready-made simulations of our own (simmanager.agents, simmanager.arenas, "
            "simmanager.default_simulation), and 'simmanager status' and 'simmanager logs' for its results."
        ) from error
