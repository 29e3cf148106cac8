"""The names of ``neuralplayground.backend``, so that a script written for it runs here with other imports.

Put ``simmanager.compat.neuralplayground`` where the script says ``neuralplayground.backend``:

    from simmanager.compat.neuralplayground import SimulationManager, SingleSim, episode_based_training_loop
    from simmanager.compat.neuralplayground.default_simulation import stachenfeld_in_2d, weber_in_2d

What it imports from ``neuralplayground.agents`` and ``neuralplayground.arenas`` stays: those classes run as they are,
and so do its ``SingleSim`` objects and default simulations, also given straight to `simmanager.SimulationManager`.
Only the default simulations need the package; all other names here are simmanager's own.

Constructors and methods take what its own take, by position and by name. What differs:

Running
-------
- ``run_all`` uses all cores (``n_jobs=1`` for one run at a time) and makes the folders if they are not made. Called
  again it goes on with what is not finished; there all runs would be executed again.
- Every run is seeded (``random``, ``numpy.random``, torch), so the same ``seed`` of the manager gives the same
  bytes. ``run_sim`` draws a seed and records it.
- ``generate_sim_paths`` twice makes nothing twice. A folder that holds another batch is refused
  (``overwrite=True`` replaces it).
- ``rerun_simulation`` replaces all runs of a simulation, as there; ``include_finished=False`` keeps finished ones,
  which is the default of `simmanager.SimulationManager`.
- An error in ``run_sim`` is raised and noted in ``error.log`` and ``state.log``; standard output is given back.

Checks
------
- The list of simulations is given to the constructor; it must not be empty, and no two simulations may have one id
  (two of its default simulations do: ``stachenfeld_in_wernle_1`` and ``_2``; ``.copy(simulation_id=...)`` helps).
  The objects in the list may be changed until they are run; the list cannot be replaced.
- Ids must be fit to be names of folders. Simulations that lack a part, or cannot be pickled, are named at once.

Folders
-------
- ``results_path``, ``simulation_paths`` and ``run_paths`` are absolute.
- Parameters are in ``param.dict`` (there ``params.dict``; both are read), and the state of a batch is in
  ``manager.json`` (there ``simulation.params``, which ``save_params`` writes). ``state.log`` has a line a move.
- Folders that it made open with ``existing_simulation=``, ``load_results``, ``load_params`` and ``show_logs``. They
  can be looked at, not continued. `summarise_results` adds what ``simmanager results`` and ``report`` read.

Values
------
- The training loops here give the history as arrays, there lists; they also take ``record_every``. A model that records
  nothing has the history {}, there None. That of ``tem_training_loop`` is a dict, there a list of three dicts, which
  the manager here takes for a history of three iterations: take that loop from here.
- ``check_run_status``, ``run_all`` and ``rerun_simulation`` return a `BatchStatus`, there None.
- A ``SingleSim`` is equal to another one with the same fields, and so cannot be in a set.
"""

from typing import TYPE_CHECKING, Any

from . import default_simulation, simulation_manager
from .simulation_manager import SimulationManager, SingleSim
from .summaries import summarise_results

if TYPE_CHECKING:
    from . import training_loops
    from .training_loops import default_training_loop, episode_based_training_loop, tem_training_loop

__all__ = [
    "SimulationManager",
    "SingleSim",
    "default_simulation",
    "default_training_loop",
    "episode_based_training_loop",
    "simulation_manager",
    "summarise_results",
    "tem_training_loop",
    "training_loops",
]


def __getattr__(name: str) -> Any:  # the training loops load NumPy
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    loops = import_module(".training_loops", __name__)
    value = globals()[name] = loops if name == "training_loops" else getattr(loops, name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
