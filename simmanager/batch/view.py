"""BatchView: what can be asked of a batch: its simulations, its runs, their state, logs and results."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.checks import check_integer
from ..base.errors import BatchNotFound, UnknownName, suggest
from ..disk.batch_folder import BatchFolder
from ..disk.run_folder import RunFolder
from ..simulation.single_sim import SingleSim
from ..status.reader import read_status
from ..status.status import BatchStatus
from .changes import load_simulation

if TYPE_CHECKING:
    from ..results.results import Results


class BatchView:
    """A batch to be looked at; nothing here changes it. `SimulationManager` adds what does."""

    manager_id: str
    runs_per_sim: int
    _folder: BatchFolder
    #: What the user gave, or what was loaded; None: not loaded yet.
    _simulation_list: list[Any] | None
    #: Whether the folder is there.
    _made: bool

    def __str__(self) -> str:
        return (
            f'SimulationManager "{self.manager_id}"\n'
            f"with {self.simulation_ids} simulations\nand {self.runs_per_sim} runs per simulation"
        )

    def __repr__(self) -> str:
        return f"<SimulationManager {self.manager_id!r}: {len(self.simulation_ids)} simulations x {self.runs_per_sim}>"

    def _repr_html_(self) -> str:
        from ..base.html import manager_html

        status = self.status()._repr_html_() if self._made else ""
        return manager_html(self.manager_id, self.results_path, self.simulation_ids, self.runs_per_sim, status)

    # What it consists of ---------------------------------------------------------------------------------------

    @property
    def simulation_list(self) -> list[Any]:
        """The simulations. Of an existing batch they are unpickled when first asked for: only for your own folders."""
        if self._simulation_list is None:
            self._simulation_list = self._load_all(self._folder.read_manifest().simulation_ids)
        return self._simulation_list

    def _load_all(self, simulation_ids: Sequence[str]) -> list[Any]:
        return [load_simulation(self._folder.recipe(name), name) for name in simulation_ids]

    @property
    def simulation_ids(self) -> list[str]:
        """The ids of the simulations, in the order of the list."""
        if self._simulation_list is None:
            return self._folder.read_manifest().simulation_ids
        return [simulation.simulation_id for simulation in self._simulation_list]

    @property
    def results_path(self) -> str:
        """The folder of the batch."""
        return str(self._folder.path)

    full_results_path = results_path

    @property
    def simulation_paths(self) -> list[str]:
        """The folder of each simulation."""
        return [str(self._folder.simulation(name)) for name in self.simulation_ids]

    @property
    def runs(self) -> list[RunFolder]:
        """The folders of all runs, in (simulation, run_id) order; those not made yet are left out."""
        return [folder for name in self.simulation_ids for folder in self._runs_of(name)]

    @property
    def run_paths(self) -> list[str]:
        """The paths of all runs, in (simulation, run_id) order."""
        return [str(folder.path) for folder in self.runs]

    def __iter__(self) -> Iterator[RunFolder]:
        return iter(self.runs)

    def __len__(self) -> int:
        return len(self.simulation_ids) * self.runs_per_sim

    # Asking it -------------------------------------------------------------------------------------------------

    def status(self) -> BatchStatus:
        """Return the status of the batch as its folder shows it now.

        Raises
        ------
        BatchNotFound
            The folders are not made yet.
        """
        self._must_exist()
        return read_status(self._folder.path)

    def results(self) -> Results:
        """Return the results of the batch as data, as its folder shows them now: records, curves, metrics, maps.

        Raises
        ------
        BatchNotFound
            The folders are not made yet.
        """
        from ..results.results import read_results

        self._must_exist()
        return read_results(self._folder.path)

    def report(self, output: str | Path | None = None) -> Path:
        """Write a page about the batch, to be opened in a browser, and return its path.

        Parameters
        ----------
        output : path-like, optional
            The file (its name ends in .html), or a folder; ``report.html`` in the folder of the batch by default.

        Raises
        ------
        BatchNotFound
            The folders are not made yet.
        ParameterError
            ``output`` does not end in .html.
        BatchNotWritable
            The file cannot be written.
        """
        from ..report import write_report

        return write_report(self.results(), output)

    def check_run_status(self) -> BatchStatus:
        """Print the tree batch / simulation / run with the state of each run, and return the `BatchStatus`."""
        from ..status.tree import print_status

        status = self.status()
        print_status(status)
        return status

    def show_logs(
        self, simulation_index: int | str = 0, run_index: int | str | None = None, log_type: str = "error"
    ) -> None:
        """Print a log of the runs of one simulation.

        Parameters
        ----------
        simulation_index : int or str
            Position in the list, or simulation_id.
        run_index : int, optional
            Only this run; all by default. A text here is the log type, as in NeuralPlayground.
        log_type : {"error", "run", "state"}, default "error"
            Which log.
        """
        from ..status.logs import print_log

        if isinstance(run_index, str):
            log_type, run_index = run_index, None
        simulation_id = self._id_of(simulation_index)
        self._must_exist()
        runs = self._runs_of(simulation_id) if run_index is None else [self._run(simulation_id, run_index)]
        print(f"Showing logs for simulation at path: {self._folder.simulation(simulation_id)}")
        for run in runs:
            print(f"log for run: {run.run_id}")
            print_log(run, log_type)

    def load_results(
        self, simulation_index: int | str, run_index: int, *, mmap: bool = False
    ) -> tuple[Any, Any, dict[str, Any]]:
        """Load the results of a run as live objects. This unpickles: only for your own folders.

        No class of this process is changed by it; whose classes the objects are: see `SingleSim.load_results`.

        Parameters
        ----------
        simulation_index : int or str
            Position in the list, or simulation_id.
        run_index : int
            Which run.
        mmap : bool, default False
            Leave the large arrays of the history in the file, from which they are read when they are used: see
            `SingleSim.load_results`.

        Returns
        -------
        agent, environment, history

        Raises
        ------
        UnknownName
            There is no such simulation or run.
        ResultsMissing
            The run has no results; says in which state it is.
        """
        self._must_exist()
        return SingleSim().load_results(self._run(self._id_of(simulation_index), run_index).path, mmap=mmap)

    def _runs_of(self, simulation_id: str) -> list[RunFolder]:
        return [RunFolder(path) for _, path in sorted(self._folder.run_folders(simulation_id).items())]

    def _run(self, simulation_id: str, run_index: int) -> RunFolder:
        folders = self._folder.run_folders(simulation_id)
        if run_index not in folders:
            raise UnknownName(f"Simulation {simulation_id!r} has no run {run_index!r}; its runs are {sorted(folders)}.")
        return RunFolder(folders[run_index])

    def _id_of(self, simulation_index: int | str) -> str:
        ids = self.simulation_ids
        listing = ", ".join(f"{index}: {name}" for index, name in enumerate(ids))
        if isinstance(simulation_index, str):
            if simulation_index in ids:
                return simulation_index
            raise UnknownName(
                f"No simulation {simulation_index!r}.{suggest(simulation_index, ids)} There are {listing}."
            )
        index = check_integer("simulation_index", simulation_index)
        if not -len(ids) <= index < len(ids):
            raise UnknownName(f"No simulation {index}. There are {listing}.")
        return ids[index]

    def _must_exist(self) -> None:
        if not self._made:
            raise BatchNotFound(f"{self._folder.path} is not made yet: call run_all() or generate_sim_paths() first.")
