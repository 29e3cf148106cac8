"""simmanager: a parallel batch runner for simulations.

Hand a list of `SingleSim` to a `SimulationManager`; every run gets its own folder, and none is lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

#: Public name -> module it lives in. Nothing is imported before it is used.
_PUBLIC = {
    "SingleSim": "simulation",
    "SimulationManager": "manager",
    "RunState": "state",
    "BatchStatus": "status",
    "RunStatus": "status",
    "RunFolder": "run_folder",
    "RunOptions": "run_options",
    "read_status": "status",
    "Results": "results",
    "RunResult": "results",
    "read_results": "results",
    "compare": "comparison",
    "reproduce": "reproduction",
    "Event": "events",
    "report_progress": "current_run",
    "save_checkpoint": "current_run",
    "load_checkpoint": "current_run",
    "default_training_loop": "training_loops",
    "episode_based_training_loop": "training_loops",
    "reinforcement_learning_loop": "reinforcement_learning",
    "OneShot": "one_shot",
    "sweep": "parameter_sweep",
    "SimManagerError": "errors",
    "BatchFileError": "errors",
    "ParameterError": "errors",
    "ParameterTypeError": "errors",
    "SimulationError": "errors",
    "RecipeError": "errors",
    "UnsafeName": "errors",
    "UnknownName": "errors",
    "BatchNotFound": "errors",
    "BatchExists": "errors",
    "BatchBusy": "errors",
    "BatchDamaged": "errors",
    "BatchNotWritable": "errors",
    "ResultsMissing": "errors",
    "PackageMissing": "errors",
}

__all__ = [*_PUBLIC, "__version__"]  # pyright: ignore

if TYPE_CHECKING:
    from .comparison import compare as compare
    from .current_run import load_checkpoint as load_checkpoint
    from .current_run import report_progress as report_progress
    from .current_run import save_checkpoint as save_checkpoint
    from .errors import BatchBusy as BatchBusy
    from .errors import BatchDamaged as BatchDamaged
    from .errors import BatchExists as BatchExists
    from .errors import BatchFileError as BatchFileError
    from .errors import BatchNotFound as BatchNotFound
    from .errors import BatchNotWritable as BatchNotWritable
    from .errors import PackageMissing as PackageMissing
    from .errors import ParameterError as ParameterError
    from .errors import ParameterTypeError as ParameterTypeError
    from .errors import RecipeError as RecipeError
    from .errors import ResultsMissing as ResultsMissing
    from .errors import SimManagerError as SimManagerError
    from .errors import SimulationError as SimulationError
    from .errors import UnknownName as UnknownName
    from .errors import UnsafeName as UnsafeName
    from .events import Event as Event
    from .manager import SimulationManager as SimulationManager
    from .one_shot import OneShot as OneShot
    from .parameter_sweep import sweep as sweep
    from .reinforcement_learning import reinforcement_learning_loop as reinforcement_learning_loop
    from .reproduction import reproduce as reproduce
    from .results import Results as Results
    from .results import RunResult as RunResult
    from .results import read_results as read_results
    from .run_folder import RunFolder as RunFolder
    from .run_options import RunOptions as RunOptions
    from .simulation import SingleSim as SingleSim
    from .state import RunState as RunState
    from .status import BatchStatus as BatchStatus
    from .status import RunStatus as RunStatus
    from .status import read_status as read_status
    from .training_loops import default_training_loop as default_training_loop
    from .training_loops import episode_based_training_loop as episode_based_training_loop


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'simmanager' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f".{_PUBLIC[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
