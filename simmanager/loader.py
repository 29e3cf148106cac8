"""Simulations named on the command line: ``FILE.py`` or ``FILE.py:NAME``."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from .errors import SimulationError, UnknownName, suggest
from .simulation import SingleSim

#: What is looked for in a file if no name is given.
DEFAULT_NAME = "simulation_list"


def load_simulations(target: str) -> tuple[str, list[SingleSim]]:
    """Load simulations from a Python file.

    Parameters
    ----------
    target : str
        ``FILE.py`` or ``FILE.py:NAME``; NAME is a SingleSim, a list of them, or a function that returns one of both.

    Returns
    -------
    str, list of SingleSim
        The name of the file without its ending, and the simulations.

    Raises
    ------
    SimulationError
        There is no such file, or it holds something else.
    UnknownName
        The name is not in it.
    Exception
        Whatever the file raises when it is executed.
    """
    file, colon, name = target.rpartition(":")
    if not colon or not file.endswith(".py"):
        file, name = target, DEFAULT_NAME
    path = Path(file)
    if not path.is_file():
        raise SimulationError(f"There is no file {file!r}. Give a Python file that defines {DEFAULT_NAME}.")
    module = _execute(path)
    if not hasattr(module, name):
        known = [key for key in vars(module) if not key.startswith("_")]
        raise UnknownName(f"{file} does not define {name!r}.{suggest(name, known)} Name it: {file}:NAME")
    value = getattr(module, name)
    return path.stem, _as_list(value() if callable(value) else value, f"{file}:{name}")


def _execute(path: Path) -> ModuleType:
    import cloudpickle

    name = (
        path.stem if path.stem.isidentifier() and path.stem not in sys.modules else f"simmanager_file_{abs(hash(path))}"
    )
    spec = importlib.util.spec_from_file_location(name, path.resolve())
    if spec is None or spec.loader is None:
        raise SimulationError(f"{path} cannot be read as Python.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, str(path.resolve().parent))
    spec.loader.exec_module(module)
    cloudpickle.register_pickle_by_value(module)  # workers do not execute the file again
    return module


def _as_list(value: Any, where: str) -> list[SingleSim]:
    items = list(value) if isinstance(value, (list, tuple)) else [value]
    try:
        return [SingleSim.from_object(item) for item in items]
    except SimulationError as error:
        raise SimulationError(f"{where}: {error}") from None


def set_parameter(sim: SingleSim, assignment: str) -> None:
    """Set ``agent_params.lr_td=0.001`` in a simulation; the value is a Python literal, or else a text.

    Raises
    ------
    SimulationError
        It has another form.
    UnknownName
        There is no such parameter group.
    """
    import ast

    key, equals, text = assignment.partition("=")
    group, dot, name = key.strip().partition(".")
    groups = ("agent_params", "env_params", "training_loop_params")
    if not (equals and dot and name):
        raise SimulationError(f"{assignment!r} is not of the form agent_params.NAME=VALUE.")
    if group not in groups:
        raise UnknownName(f"No parameter group {group!r}.{suggest(group, groups)} There are: {', '.join(groups)}.")
    try:
        value = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError):
        value = text
    setattr(sim, group, {**(getattr(sim, group) or {}), name: value})
