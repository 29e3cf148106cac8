"""SimulationManager: makes a batch, runs it, asks it, repairs it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .batch_change import (
    finish_changes,
    grow_batch,
    load_simulation,
    merge_simulations,
    more_runs,
    take_over,
    take_over_changes,
)
from .batch_folder import BatchFolder, Manifest, check_name
from .batch_making import (
    check_all,
    check_runs,
    check_seed,
    checked_list,
    claim_folder,
    make_batch_folder,
    make_missing_runs,
    pickled,
    replace_run,
    runs_of,
)
from .batch_run import run_batch
from .compat import open_batch
from .errors import BatchNotFound, UnknownName, suggest
from .parameters import check_integer
from .provenance import provenance_of
from .record import draw_seed
from .run_folder import RunFolder
from .run_options import check_options, count_jobs
from .simulation import SingleSim, describe_simulation
from .state import RunState, utc_now
from .status import BatchStatus, read_status

if TYPE_CHECKING:
    from .results import Results


class SimulationManager:
    """A batch of simulations, each run several times.

    Parameters
    ----------
    simulation_list : list of SingleSim
        What to run; anything with the same attributes is accepted, too (NeuralPlayground's ``SingleSim``).
    runs_per_sim : int, default 5
        Runs of each simulation.
    manager_id : str, default "default_comparison"
        Name of the batch and of its folder.
    verbose : bool, default False
        Print more about what is made.
    existing_simulation : path-like, optional
        Open the batch in this folder, finished or running; the other arguments are ignored then. A folder that
        NeuralPlayground made is unpickled at once (only for your own folders), and can be looked at, not continued.
    seed : int, optional
        Seed of the batch, 0 <= seed < 2**63; drawn if not given, and kept in manager.json.
    results_dir : path-like, default "."
        Where the folder of the batch is made.

    Raises
    ------
    SimulationError
        The list is empty, or an element is no simulation or incomplete.
    UnsafeName
        An id cannot be a folder name.
    ParameterError
        ``runs_per_sim`` or ``seed`` is not allowed.
    BatchNotFound
        ``existing_simulation`` holds no batch.

    Notes
    -----
    Nothing is written before `generate_sim_paths` or `run_all`.
    """

    def __init__(
        self,
        simulation_list: Sequence[Any] | None = None,
        runs_per_sim: int = 5,
        manager_id: str = "default_comparison",
        verbose: bool = False,
        existing_simulation: str | Path | None = None,
        *,
        seed: int | None = None,
        results_dir: str | Path = ".",
    ) -> None:
        self.verbose = verbose
        self._simulation_list: list[Any] | None = None
        if existing_simulation is not None:
            self._folder, self._simulation_list = open_batch(Path(existing_simulation).absolute())
            manifest = self._folder.read_manifest()
            self.manager_id, self.runs_per_sim, self.seed = manifest.manager_id, manifest.runs_per_sim, manifest.seed
            self._batch_id: str = manifest.batch_id
            self._made = True
            return
        self._simulation_list = checked_list(simulation_list)
        self.runs_per_sim = check_runs(runs_per_sim)
        self.manager_id = check_name("manager_id", manager_id)
        self.seed = draw_seed() if seed is None else check_seed(seed)
        self._folder = BatchFolder(Path(results_dir).absolute() / manager_id)
        self._batch_id = uuid.uuid4().hex
        self._made = False
        if verbose:
            print(self)

    def __str__(self) -> str:
        return (
            f'SimulationManager "{self.manager_id}"\n'
            f"with {self.simulation_ids} simulations\nand {self.runs_per_sim} runs per simulation"
        )

    def __repr__(self) -> str:
        return f"<SimulationManager {self.manager_id!r}: {len(self.simulation_ids)} simulations x {self.runs_per_sim}>"

    def _repr_html_(self) -> str:
        from .notebook import manager_html

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
        return [folder for name in self.simulation_ids for folder in runs_of(self._folder, name)]

    @property
    def run_paths(self) -> list[str]:
        """The paths of all runs, in (simulation, run_id) order."""
        return [str(folder.path) for folder in self.runs]

    def __iter__(self) -> Iterator[RunFolder]:
        return iter(self.runs)

    def __len__(self) -> int:
        return len(self.simulation_ids) * self.runs_per_sim

    # Making it -------------------------------------------------------------------------------------------------

    def generate_sim_paths(self, overwrite: bool = False) -> None:
        """Make the folders of the batch, with every run in the queue. Safe to call twice.

        Parameters
        ----------
        overwrite : bool, default False
            Replace a batch that is there already; its results are lost.

        Raises
        ------
        BatchExists
            The folder holds another batch, or something else.
        BatchBusy
            The batch to overwrite is being run.
        RecipeError
            A simulation cannot be pickled; names the part.
        BatchNotWritable
            The folder cannot be made.
        """
        if not self._made or overwrite:
            self._make(overwrite)
        if self.verbose:
            from .display import print_status

            print_status(self.status())

    def _make(self, overwrite: bool) -> None:
        simulations = [SingleSim.from_object(simulation) for simulation in self.simulation_list]
        self._batch_id = uuid.uuid4().hex
        entries = tuple(describe_simulation(simulation) for simulation in simulations)
        manifest = Manifest(
            manager_id=self.manager_id,
            batch_id=self._batch_id,
            seed=self.seed,
            runs_per_sim=self.runs_per_sim,
            simulations=entries,
            created=utc_now(),
            provenance=provenance_of(entries),
        )
        recipes = pickled(simulations)
        claim_folder(self._folder, overwrite=overwrite)
        with self._folder.held():
            make_batch_folder(self._folder, recipes, manifest)
            self._made = True
            for simulation_id in recipes:
                make_missing_runs(self._folder, simulation_id, self.runs_per_sim)

    def add(self, simulations: Sequence[Any], runs_per_sim: int | None = None) -> list[str]:
        """Add simulations to the batch; what it has stays, finished runs above all. Call `run_all` to run them.

        Parameters
        ----------
        simulations : list of SingleSim
            A simulation that the batch has with the same parameters is left alone. One that it has with other
            parameters takes their place, as long as no run of it has finished.
        runs_per_sim : int, optional
            As for `extend`; as many as now by default.

        Returns
        -------
        list of str
            The ids of those that are new.

        Raises
        ------
        SimulationError
            One is incomplete, or has the id of a simulation with other parameters that has finished runs: rerun that.
        RecipeError
            One cannot be pickled; names the part.
        BatchBusy
            A manager is running this batch.
        """
        return self._grow(checked_list(simulations), runs_per_sim)

    def extend(self, runs_per_sim: int) -> None:
        """Give every simulation more runs; those that are there stay. Call `run_all` to run the new ones.

        Parameters
        ----------
        runs_per_sim : int
            How many runs each simulation will have in all.

        Raises
        ------
        ParameterError
            There are more already: no run is removed.
        BatchBusy
            A manager is running this batch.
        """
        self._grow([], check_runs(runs_per_sim))

    def _grow(self, simulations: list[Any], runs_per_sim: int | None) -> list[str]:
        if not self._made:
            merged = merge_simulations(self.simulation_list, simulations)
            check_all(list(map(SingleSim.from_object, merged)))
            added = [simulation.simulation_id for simulation in merged[len(self.simulation_list) :]]
            self.runs_per_sim = more_runs(self.runs_per_sim, runs_per_sim)
            self._simulation_list = merged
            return added
        with self._folder.held():
            self._read_again()
            added = grow_batch(self._folder, list(map(SingleSim.from_object, simulations)), runs_per_sim)
            if self._simulation_list is not None:
                self._simulation_list = merge_simulations(self._simulation_list, simulations)
            self._read_again()
        return added

    def _read_again(self) -> None:
        """Take note of what has been added to the batch since; the caller holds its lock."""
        finish_changes(self._folder)
        manifest = self._folder.read_manifest()
        self.runs_per_sim = manifest.runs_per_sim
        if self._simulation_list is not None:
            known = {SingleSim.from_object(simulation).simulation_id for simulation in self._simulation_list}
            self._simulation_list += self._load_all([name for name in manifest.simulation_ids if name not in known])

    # Running it ------------------------------------------------------------------------------------------------

    def run_all(
        self, n_jobs: int = -1, *, in_process: bool = False, progress: bool = True, **options: Any
    ) -> BatchStatus:
        """Run all that is not finished; call it again to go on after an interruption.

        Failed runs stay as they are, for you to look at, until `rerun_simulation` (or ``retry_errors=True``).

        Parameters
        ----------
        n_jobs : int, default -1
            Runs at a time; -1: one on each core.
        in_process : bool, default False
            Run one after the other in this process, for a debugger: the first error is raised.
        progress : bool, default True
            Show how far it is.
        **options
            See `RunOptions`: timeout, retries, retry_errors, memory_limit_mb, fail_fast, fresh_process,
            threads_per_run, checkpoint_every_s, durable.

        Returns
        -------
        BatchStatus
            How it stands at the end.

        Raises
        ------
        BatchExists, RecipeError, BatchNotWritable
            As `generate_sim_paths`, if the folders are not made yet.
        BatchBusy
            Another manager is running this batch.
        SimulationError
            The parameters of a simulation that has finished runs were changed.
        KeyboardInterrupt
            After Ctrl-C, when all is in order.
        """
        checked, jobs = check_options(options), count_jobs(n_jobs)
        if not self._made:
            self._make(overwrite=False)
        with self._folder.held():
            self._read_again()
            if self._simulation_list is not None:
                take_over_changes(self._folder, list(map(SingleSim.from_object, self._simulation_list)))
            for simulation_id in self.simulation_ids:
                make_missing_runs(self._folder, simulation_id, self.runs_per_sim)
            states = {RunState.IN_QUEUE, RunState.INTERRUPTED, RunState.RUNNING}
            if checked.retry_errors:
                states.add(RunState.ERROR)
            return run_batch(self._folder, states, jobs, checked, in_process=in_process, show=progress)

    #: Goes on with what is not finished; the same as `run_all`.
    resume = run_all

    def rerun_simulation(
        self,
        simulation_index: int | str,
        *,
        include_finished: bool = False,
        n_jobs: int = -1,
        in_process: bool = False,
        progress: bool = True,
        **options: Any,
    ) -> BatchStatus:
        """Replace the failed and interrupted runs of one simulation by new ones with its current parameters.

        The new runs have the same run ids and seeds, and a new date in the folder name.

        Parameters
        ----------
        simulation_index : int or str
            Position in the list, or simulation_id.
        include_finished : bool, default False
            Replace finished runs, too.
        n_jobs, in_process, progress, **options
            As for `run_all`.

        Returns
        -------
        BatchStatus
            How the batch stands at the end.

        Raises
        ------
        UnknownName
            There is no such simulation; lists those that exist.
        BatchBusy
            Another manager is running this batch.
        """
        simulation_id = self._id_of(simulation_index)
        checked, jobs = check_options(options), count_jobs(n_jobs)
        self._must_exist()
        with self._folder.held():
            self._read_again()
            if self._simulation_list is not None:
                changed = self._simulation_list[self.simulation_ids.index(simulation_id)]
                take_over(self._folder, SingleSim.from_object(changed))
            gone = {RunState.ERROR, RunState.INTERRUPTED} | ({RunState.FINISHED} if include_finished else set())
            for run in self.status().simulation(simulation_id):
                folder = RunFolder(run.path)
                if run.state in gone and folder.run_id is not None:
                    replace_run(folder)
            make_missing_runs(self._folder, simulation_id, self.runs_per_sim)
            states = {RunState.IN_QUEUE, RunState.INTERRUPTED, RunState.RUNNING}
            return run_batch(
                self._folder, states, jobs, checked, only=simulation_id, in_process=in_process, show=progress
            )

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
        from .results import read_results

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
        PackageMissing
            jinja2 is not installed; says how to install it.
        ParameterError
            ``output`` does not end in .html.
        BatchNotWritable
            The file cannot be written.
        """
        from .report import write_report

        return write_report(self.results(), output)

    def check_run_status(self) -> BatchStatus:
        """Print the tree batch / simulation / run with the state of each run, and return the `BatchStatus`."""
        from .display import print_status

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
        from .display import print_log

        if isinstance(run_index, str):
            log_type, run_index = run_index, None
        simulation_id = self._id_of(simulation_index)
        self._must_exist()
        runs = runs_of(self._folder, simulation_id) if run_index is None else [self._run(simulation_id, run_index)]
        print(f"Showing logs for simulation at path: {self._folder.simulation(simulation_id)}")
        for run in runs:
            print(f"log for run: {run.run_id}")
            print_log(run, log_type)

    def load_results(self, simulation_index: int | str, run_index: int) -> tuple[Any, Any, dict[str, Any]]:
        """Load the results of a run as live objects. This unpickles: only for your own folders.

        Parameters
        ----------
        simulation_index : int or str
            Position in the list, or simulation_id.
        run_index : int
            Which run.

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
        return SingleSim().load_results(self._run(self._id_of(simulation_index), run_index).path)

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
