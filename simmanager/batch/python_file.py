"""What is named on the command line: ``FILE.py``, ``FILE.py:NAME``, or a batch file in TOML or YAML."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from ..base.errors import SimulationError, UnknownName, suggest
from ..base.load_guard import loading
from ..simulation.single_sim import SingleSim
from ..worker.session import note_file
from .document import SUFFIXES
from .plan import BatchPlan

#: What is looked for in a file if no name is given.
DEFAULT_NAME = "simulation_list"

#: The folder of this package, whose frames lead to the user's file.
_OURS = str(Path(__file__).resolve().parents[1])


def load_plan(target: str) -> BatchPlan:
    """Load what is to be run from a Python file or a batch file.

    Parameters
    ----------
    target : str
        ``FILE.py`` or ``FILE.py:NAME``, as for `load_simulations`; or ``FILE.toml``, ``FILE.yaml``, ``FILE.yml``.

    Raises
    ------
    SimulationError, UnknownName, Exception
        As `load_simulations`.
    BatchFileError, PackageMissing
        As `read_batch_file`.
    """
    if Path(target).suffix in SUFFIXES:
        from .batch_file import read_batch_file

        return read_batch_file(target)
    return BatchPlan(*load_simulations(target))


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
        raise SimulationError(
            f"There is no file {file!r}. Give a Python file that defines {DEFAULT_NAME}, or a batch file."
        )
    module = _execute(path)
    if not hasattr(module, name):
        known = [key for key in vars(module) if not key.startswith("_")]
        raise UnknownName(f"{file} does not define {name!r}.{suggest(name, known)} Name it: {file}:NAME")
    value = getattr(module, name)
    return path.stem, _as_list(value() if callable(value) else value, f"{file}:{name}")


def _execute(path: Path) -> ModuleType:
    import cloudpickle

    name = (
        path.stem
        if path.stem.isidentifier() and path.stem not in sys.modules
        else f"simmanager_file_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]}"
    )
    spec = importlib.util.spec_from_file_location(name, path.resolve())
    if spec is None or spec.loader is None:
        raise SimulationError(f"{path} cannot be read as Python.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, str(path.resolve().parent))
    cloudpickle.register_pickle_by_value(module)  # workers do not execute the file again
    note_file(module, path.resolve())
    with loading(str(path)):
        spec.loader.exec_module(module)
    return module


def users_traceback(error: Exception) -> str:
    """Return the traceback of an error in the user's file, without the frames that lead there."""
    frames = error.__traceback__
    while frames is not None and _leads_there(frames.tb_frame.f_code.co_filename):
        frames = frames.tb_next
    return "".join(traceback.format_exception(type(error), error, frames))


def _leads_there(filename: str) -> bool:
    return filename.startswith((_OURS, "<frozen importlib"))


def _as_list(value: Any, where: str) -> list[SingleSim]:
    items = list(value) if isinstance(value, (list, tuple)) else [value]
    try:
        return [SingleSim.from_object(item) for item in items]
    except SimulationError as error:
        raise SimulationError(f"{where}: {error}") from None
