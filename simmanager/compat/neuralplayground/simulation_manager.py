"""SingleSim and SimulationManager with the signatures of NeuralPlayground's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...base.errors import BatchNotFound
from ...base.public import public
from ...batch import manager
from ...batch.neuralplayground_folder import PARAMETERS
from ...disk.run_folder import RunFolder
from ...simulation import single_sim
from ...status.status import BatchStatus

#: Attributes in ``simulation.params``.
_SAVED = (
    *("simulation_list", "runs_per_sim", "manager_id", "verbose"),
    *("results_path", "full_results_path", "simulation_paths", "run_paths"),
)

Loaded = tuple[Any, Any, dict[str, Any]]


@public("simmanager.compat.neuralplayground")
class SingleSim(single_sim.SingleSim):
    """`simmanager.SingleSim`, called as NeuralPlayground's is."""

    def load_results(self, results_path: str | Path | None = None, *, mmap: bool = False) -> Loaded:
        """Do as `simmanager.SingleSim.load_results`, and set all fields from the run.

        This unpickles: only for your own folders.
        """
        results = super().load_results(results_path, mmap=mmap)
        self.load_params(results_path)
        return results

    def show_logs(self, results_path: str | Path | None = None, log_type: str = "error") -> None:
        """Print a log of a run, as `simmanager.SingleSim.show_logs`, with NeuralPlayground's names."""
        super().show_logs(results_path, log_type)


@public("simmanager.compat.neuralplayground")
class SimulationManager(manager.SimulationManager):
    """`simmanager.SimulationManager`, called as NeuralPlayground's is."""

    def _load_all(self, simulation_ids: Sequence[str]) -> list[Any]:
        return [SingleSim.from_object(found) for found in super()._load_all(simulation_ids)]

    def rerun_simulation(
        self, simulation_index: int | str = 0, *, include_finished: bool = True, **options: Any
    ) -> BatchStatus:
        """Replace all runs of one simulation, finished ones too, by new ones with its current parameters.

        Parameters
        ----------
        simulation_index : int or str, default 0
            Position in the list, or simulation_id.
        include_finished : bool, default True
            False keeps finished runs.
        **options
            As for `simmanager.SimulationManager.rerun_simulation`, which also says what is returned and raised.
        """
        return super().rerun_simulation(simulation_index, include_finished=include_finished, **options)

    def save_params(self, save_path: str | Path) -> None:
        """Write ``simulation.params`` to a folder: a pickle of what the manager is, as NeuralPlayground keeps it.

        Nothing here needs the file; it is for tools of yours that read it.

        Parameters
        ----------
        save_path : path-like
            The folder; it must exist.

        Raises
        ------
        BatchNotFound
            It does not exist.
        """
        from ...disk.pickling import dumps

        folder = RunFolder(save_path)
        if not folder.path.is_dir():
            raise BatchNotFound(f"There is no folder {folder.path} to save the parameters in.")
        content = {name: getattr(self, name) for name in _SAVED}
        folder.write_bytes(PARAMETERS, dumps(content))
