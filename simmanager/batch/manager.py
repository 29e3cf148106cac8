"""SimulationManager: makes a batch, runs it, lets it grow, repairs it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..base import import_path
from ..base.clock import utc_now
from ..base.load_guard import refuse_while_loading
from ..base.provenance import frozen_code, provenance_of, uncommitted
from ..base.public import public
from ..disk.batch_folder import BatchFolder, OpenBatch
from ..disk.manifest import SEPARATE, Manifest, check_name
from ..disk.run_record import draw_seed
from ..disk.state import RunState
from ..dispatch.run_batch import Chosen, run_batch
from ..dispatch.run_options import check_options, count_jobs, lists_options
from ..simulation.contents import contents_of, sources_of
from ..simulation.description import describe_simulation
from ..simulation.single_sim import SingleSim
from ..status.status import BatchStatus
from ..worker.session import recorded
from .changes import (
    STAGED,
    check_that_it_loads,
    finish_changes,
    grow_batch,
    merge_simulations,
    more_runs,
    take_over,
    take_over_changes,
)
from .making import (
    check_all,
    check_runs,
    check_seed,
    check_seeds,
    check_setup,
    checked_list,
    claim_folder,
    make_batch,
    make_missing_runs,
    pickled,
    pickled_setup,
)
from .neuralplayground_folder import open_batch
from .replacing import replace_runs, runs_to_replace
from .view import BatchView


@public("simmanager")
class SimulationManager(BatchView):
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
        Open the batch in this folder, finished or running; the other arguments are ignored then. The folders from
        which its modules were imported when it was made are appended to ``sys.path``. A folder that NeuralPlayground
        made is unpickled at once (only for your own folders), and can be looked at, not continued.
    seed : int, optional
        Seed of the batch, 0 <= seed < 2**63; drawn if not given, and kept in manager.json.
    seeds : {"separate", "shared"}, default "separate"
        Whether each run has a seed of its own, or run r has the same seed in every simulation (common random numbers):
        `compare` pairs the runs of two simulations then.
    results_dir : path-like, default "."
        Where the folder of the batch is made.
    setup : callable, optional
        Called without arguments once in each worker process, before its first run: for what a worker does not take over
        from the session by itself. It is kept with the batch. See the Notes.

    Raises
    ------
    SimulationError
        The list is empty, or an element is no simulation or incomplete.
    UnsafeName
        An id cannot be a folder name.
    ParameterError
        ``runs_per_sim``, ``seed`` or ``seeds`` is not allowed.
    BatchNotFound
        ``existing_simulation`` holds no batch.

    Notes
    -----
    Nothing is written before `generate_sim_paths` or `run_all`.

    No worker executes the script or notebook: its classes and functions travel by value, as they are when the batch is
    made. Each worker imports the modules that the script imports at its top, and takes over: error handling of NumPy,
    recursion limit, warning filters, levels and console handlers of logging, the decimal context, JAX's and PyTorch's
    precision and determinism, the device of Brian2, and ``-O``, ``-W`` and ``-X dev``. For the rest there is ``setup``.
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
        seeds: str = SEPARATE,
        results_dir: str | Path = ".",
        setup: Callable[[], object] | None = None,
    ) -> None:
        self.verbose = verbose
        self._setup = check_setup(setup)
        self._simulation_list: list[Any] | None = None
        if existing_simulation is not None:
            self._folder, self._simulation_list = open_batch(Path(existing_simulation).absolute())
            manifest = self._folder.read_manifest()
            import_path.extend_sys_path(manifest.provenance)
            self.manager_id, self.runs_per_sim = manifest.manager_id, manifest.runs_per_sim
            self.seed, self.seeds = manifest.seed, manifest.seeds
            self._batch_id: str = manifest.batch_id
            self._made = True
            return
        self._simulation_list = checked_list(simulation_list)
        self.runs_per_sim = check_runs(runs_per_sim)
        self.manager_id = check_name("manager_id", manager_id)
        self.seed, self.seeds = draw_seed() if seed is None else check_seed(seed), check_seeds(seeds)
        self._folder = BatchFolder(Path(results_dir).absolute() / manager_id)
        self._batch_id = uuid.uuid4().hex
        self._made = False
        if verbose:
            print(self)

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
            with self._new_batch(overwrite=overwrite):
                pass
        if self.verbose:
            from ..status.tree import print_status

            print_status(self.status())

    @contextmanager
    def _open_batch(self) -> Iterator[OpenBatch]:
        """Hold the batch, with what has been added to it since; it is made first if that is still to be done."""
        if not self._made:
            with self._new_batch() as batch:
                yield batch
            return
        with self._folder.held() as batch:
            self._take_note(batch)
            yield batch

    @contextmanager
    def _new_batch(self, *, overwrite: bool = False) -> Iterator[OpenBatch]:
        """Make the batch, with every run in the queue, and hold it."""
        refuse_while_loading()
        simulations = [SingleSim.from_object(simulation) for simulation in self.simulation_list]
        recipes, setup = pickled(simulations), pickled_setup(self._setup)
        self._batch_id = uuid.uuid4().hex
        entries = tuple(describe_simulation(simulation) for simulation in simulations)
        contents = contents_of(simulations)
        manifest = Manifest(
            manager_id=self.manager_id,
            batch_id=self._batch_id,
            seed=self.seed,
            seeds=self.seeds,
            runs_per_sim=self.runs_per_sim,
            simulations=entries,
            created=utc_now(),
            provenance={
                **provenance_of(entries),
                import_path.KEY: import_path.own_import_path(),
                **frozen_code(entries, contents),
                **recorded(recipes),
                STAGED: {},
            },
        )
        claim_folder(self._folder, overwrite=overwrite)
        with self._folder.held() as batch:
            code = {**sources_of(simulations, contents), **uncommitted(manifest.provenance)}
            make_batch(batch, recipes, manifest, setup, code)
            self._made = True
            for simulation_id in recipes:
                make_missing_runs(batch, simulation_id)
            yield batch

    def add(self, simulations: Sequence[Any], runs_per_sim: int | None = None) -> list[str]:
        """Add simulations to the batch; what it has stays, finished runs above all. Call `run_all` to run them.

        Parameters
        ----------
        simulations : list of SingleSim
            A simulation that the batch has with the same parameters is left alone, with the code that it was made
            with. One that it has with other parameters takes their place, as long as no run of it has finished.
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
        with self._open_batch() as batch:
            added = grow_batch(batch, list(map(SingleSim.from_object, simulations)), runs_per_sim)
            if self._simulation_list is not None:
                self._simulation_list = merge_simulations(self._simulation_list, simulations)
            self._take_note(batch)
        return added

    def _take_note(self, batch: OpenBatch) -> None:
        """Take note of what has been added to the batch since."""
        finish_changes(batch)
        self.runs_per_sim = batch.manifest.runs_per_sim
        if self._simulation_list is not None:
            known = {SingleSim.from_object(simulation).simulation_id for simulation in self._simulation_list}
            self._simulation_list += self._load_all([name for name in batch.simulation_ids if name not in known])

    # Running it ------------------------------------------------------------------------------------------------

    @lists_options
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
            See `RunOptions`: {options}.

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
            The parameters of a simulation that has finished runs were changed; or a file calls this while it is being
            loaded for a batch.
        KeyboardInterrupt
            After Ctrl-C, when all is in order.
        """
        refuse_while_loading()
        checked = check_options(options)
        jobs = count_jobs(n_jobs, checked)
        is_new = not self._made
        with self._open_batch() as batch:
            if self._simulation_list is not None and not is_new:
                take_over_changes(batch, list(map(SingleSim.from_object, self._simulation_list)))
            for simulation_id in batch.simulation_ids:
                make_missing_runs(batch, simulation_id)
            states = {RunState.IN_QUEUE, RunState.INTERRUPTED, RunState.RUNNING}
            if checked.retry_errors:
                states.add(RunState.ERROR)
            return run_batch(batch, states, jobs, checked, in_process=in_process, show=progress)

    #: Goes on with what is not finished; the same as `run_all`.
    resume = run_all

    def rerun_simulation(
        self,
        simulation_index: int | str | None = None,
        run_index: int | None = None,
        *,
        include_finished: bool = False,
        simulation: Any = None,
        n_jobs: int = -1,
        in_process: bool = False,
        progress: bool = True,
        **options: Any,
    ) -> BatchStatus:
        """Replace failed and interrupted runs, of one simulation or of all, by new ones with the current parameters.

        The new runs have the same run ids and seeds, and a new date in the folder name.

        Parameters
        ----------
        simulation_index : int or str, optional
            Position in the list, or simulation_id; all by default.
        run_index : int, optional
            Only this run of the simulation.
        include_finished : bool, default False
            Replace finished runs, too.
        simulation : SingleSim, optional
            Takes the place of the one of ``simulation_index``, whose recipe may be lost; no other is loaded.
        n_jobs, in_process, progress, **options
            As for `run_all`.

        Returns
        -------
        BatchStatus
            How the batch stands at the end.

        Raises
        ------
        UnknownName
            There is no such simulation or run; lists those that exist.
        SimulationError
            A simulation cannot be loaded: its module is gone, say; or its id names another value of a parameter that
            was changed. No run was touched.
        BatchBusy
            Another manager is running this batch.
        """
        refuse_while_loading()
        only = Chosen(None if simulation_index is None else self._id_of(simulation_index), run_index)
        checked = check_options(options)
        jobs = count_jobs(n_jobs, checked)
        self._must_exist()
        if only.simulation_id is not None and run_index is not None:
            self._run(only.simulation_id, run_index)  # raises if there is none
        with self._open_batch() as batch:
            replaced = runs_to_replace(batch, only, include_finished=include_finished)
            names = {only.simulation_id} if only.simulation_id is not None else {run.simulation_id for run in replaced}
            given = self._simulation_list or () if simulation is None else [simulation]
            if simulation is not None and self._simulation_list is not None:
                self._simulation_list = merge_simulations(self._simulation_list, given)
            for each in map(SingleSim.from_object, given):
                if each.simulation_id in names:
                    take_over(batch, each, replaced)
            for name in sorted(names):
                check_that_it_loads(self._folder, name)
            replace_runs(batch, sorted(names), replaced)
            states = {RunState.IN_QUEUE, RunState.INTERRUPTED, RunState.RUNNING}
            return run_batch(batch, states, jobs, checked, only=only, in_process=in_process, show=progress)
