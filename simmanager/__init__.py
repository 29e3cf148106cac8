"""simmanager: a parallel batch runner for simulations.

Hand a list of `SingleSim` to a `SimulationManager`; every run gets its own folder, and none is lost.

The house, from the ground up (tests/whole/test_layering.py holds the table of who may import whom):

    base                 errors, checks, text, clock: what everyone may use; it knows no batch
    disk                 every file of a batch: its name, its format, its lock
    worker               inside the child process: one run, from its lock to its verdict
    status               how a batch stands, and how that looks
    dispatch             the parent's side: from the runs that are due to their ends
    simulation           what is to be run: SingleSim, OneShot, sweep
    analysis             numbers from arrays: statistics, rate maps, grid scores
    training             what models share: state, parameters, recording, loops
    agents, arenas       the models, and their worlds; default_simulation puts them together
    results              a batch as data: read_results, compare
    plots, report        figures, and the page
    batch                SimulationManager: makes, grows, repairs and runs a batch; batch files
    cli                  the command line
    compat               names of other packages

The way of a run: batch.manager -> dispatch.run_batch -> dispatch.executor -> dispatch.supervision -> (a pipe) ->
worker.serve -> worker.attempt -> worker.simulate -> the user's agent, arena and loop.
The way of a look: cli -> status.reader -> disk.batch_folder, disk.run_folder -> status.tree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .version import __version__

#: Public name -> module it lives in. Nothing is imported before it is used.
_PUBLIC = {
    "SingleSim": "simulation.single_sim",
    "SimulationManager": "batch.manager",
    "BatchHandle": "batch.background",
    "RunState": "disk.state",
    "BatchStatus": "status.status",
    "RunStatus": "status.status",
    "RunFolder": "disk.run_folder",
    "NotSaved": "disk.not_saved",
    "RunOptions": "dispatch.run_options",
    "read_status": "status.reader",
    "Results": "results.results",
    "RunResult": "results.results",
    "read_results": "results.results",
    "Comparison": "results.comparison",
    "Curves": "results.values",
    "Map": "results.values",
    "Trajectory": "results.values",
    "Reproduction": "batch.reproduction",
    "compare": "results.compare",
    "reproduce": "batch.reproduction",
    "Event": "dispatch.events",
    "current_run": "base.current_run",
    "report_progress": "base.current_run",
    "log_metrics": "base.current_run",
    "save_checkpoint": "base.current_run",
    "load_checkpoint": "base.current_run",
    "default_training_loop": "training.loops",
    "episode_based_training_loop": "training.loops",
    "reinforcement_learning_loop": "training.reinforcement_learning",
    "OneShot": "simulation.one_shot",
    "sweep": "simulation.sweep",
    "diverged": "base.rules",
    "no_improvement": "base.rules",
    "SimManagerError": "base.errors",
    "BatchFileError": "base.errors",
    "ParameterError": "base.errors",
    "ParameterTypeError": "base.errors",
    "SimulationError": "base.errors",
    "RecipeError": "base.errors",
    "UnsafeName": "base.errors",
    "UnknownName": "base.errors",
    "BatchNotFound": "base.errors",
    "BatchExists": "base.errors",
    "BatchBusy": "base.errors",
    "BatchDamaged": "base.errors",
    "BatchNotWritable": "base.errors",
    "OrderRefused": "base.errors",
    "OrderNotAnswered": "base.errors",
    "ResultsMissing": "base.errors",
    "PartNotSaved": "base.errors",
    "PackageMissing": "base.errors",
}

#: Parts of the public things, whose paths are in pickles and tracebacks: found here, not meant to be imported.
_PARTS = {
    "CurrentRun": "base.current_run",
    "FunctionCall": "simulation.one_shot",
    "FunctionResult": "simulation.one_shot",
    "nothing": "simulation.one_shot",
    "Diverged": "base.rules",
    "NoImprovement": "base.rules",
    "SimulationSummary": "results.comparison",
    "Difference": "results.comparison",
    "MetricValues": "results.values",
    "InvalidTransition": "base.errors",
}

__all__ = [*_PUBLIC, "__version__"]  # pyright: ignore

if TYPE_CHECKING:
    from .base.current_run import current_run as current_run
    from .base.current_run import load_checkpoint as load_checkpoint
    from .base.current_run import log_metrics as log_metrics
    from .base.current_run import report_progress as report_progress
    from .base.current_run import save_checkpoint as save_checkpoint
    from .base.errors import BatchBusy as BatchBusy
    from .base.errors import BatchDamaged as BatchDamaged
    from .base.errors import BatchExists as BatchExists
    from .base.errors import BatchFileError as BatchFileError
    from .base.errors import BatchNotFound as BatchNotFound
    from .base.errors import BatchNotWritable as BatchNotWritable
    from .base.errors import OrderNotAnswered as OrderNotAnswered
    from .base.errors import OrderRefused as OrderRefused
    from .base.errors import PackageMissing as PackageMissing
    from .base.errors import ParameterError as ParameterError
    from .base.errors import ParameterTypeError as ParameterTypeError
    from .base.errors import PartNotSaved as PartNotSaved
    from .base.errors import RecipeError as RecipeError
    from .base.errors import ResultsMissing as ResultsMissing
    from .base.errors import SimManagerError as SimManagerError
    from .base.errors import SimulationError as SimulationError
    from .base.errors import UnknownName as UnknownName
    from .base.errors import UnsafeName as UnsafeName
    from .base.rules import diverged as diverged
    from .base.rules import no_improvement as no_improvement
    from .batch.background import BatchHandle as BatchHandle
    from .batch.manager import SimulationManager as SimulationManager
    from .batch.reproduction import Reproduction as Reproduction
    from .batch.reproduction import reproduce as reproduce
    from .disk.not_saved import NotSaved as NotSaved
    from .disk.run_folder import RunFolder as RunFolder
    from .disk.state import RunState as RunState
    from .dispatch.events import Event as Event
    from .dispatch.run_options import RunOptions as RunOptions
    from .results.compare import compare as compare
    from .results.comparison import Comparison as Comparison
    from .results.results import Results as Results
    from .results.results import RunResult as RunResult
    from .results.results import read_results as read_results
    from .results.values import Curves as Curves
    from .results.values import Map as Map
    from .results.values import Trajectory as Trajectory
    from .simulation.one_shot import OneShot as OneShot
    from .simulation.single_sim import SingleSim as SingleSim
    from .simulation.sweep import sweep as sweep
    from .status.reader import read_status as read_status
    from .status.status import BatchStatus as BatchStatus
    from .status.status import RunStatus as RunStatus
    from .training.loops import default_training_loop as default_training_loop
    from .training.loops import episode_based_training_loop as episode_based_training_loop
    from .training.reinforcement_learning import reinforcement_learning_loop as reinforcement_learning_loop


def __getattr__(name: str) -> Any:
    module = _PUBLIC.get(name) or _PARTS.get(name)
    if module is None:
        raise AttributeError(f"module 'simmanager' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f".{module}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
