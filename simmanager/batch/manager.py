"""SimulationManager: runs a batch, and repairs it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..base import import_path
from ..base.errors import ParameterError
from ..base.load_guard import refuse_while_loading
from ..base.public import public
from ..disk.batch_folder import BatchFolder
from ..disk.batch_lock import why_paused
from ..disk.manifest import SEPARATE, Manifest, check_name
from ..disk.run_record import draw_seed
from ..disk.state import RunState
from ..dispatch.run_batch import run_batch
from ..dispatch.run_options import lists_options
from ..dispatch.tasks import Chosen
from ..simulation.single_sim import SingleSim
from ..status.status import BatchStatus
from .asking import AsksManager
from .background import BatchHandle, start_in_background
from .changes import (
    check_that_it_loads,
    merge_simulations,
    take_over,
)
from .growing_batch import GrowingBatch
from .kept_options import checked_options, execution, keep_options, options_to_keep, refuse_too_large
from .making import (
    EXTEND,
    REFUSE,
    RESUME,
    check_if_exists,
    check_runs,
    check_seed,
    check_seeds,
    check_setup,
    checked_list,
    refuse_other_seeds,
)
from .neuralplayground_folder import open_batch
from .replacing import replace_runs, runs_to_replace


@public("simmanager")
class SimulationManager(GrowingBatch, AsksManager):
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
    if_exists : {"refuse", "resume", "extend", "overwrite"}, default "refuse"
        What is done if the batch is there already: with another word than "refuse", the same script or cell starts it
        and goes on with it. Resume: run what is not finished; simulations with other parameters that have finished
        runs are refused. Extend: add the simulations that it lacks, and runs up to ``runs_per_sim``, too. Overwrite:
        replace it; its results are lost.
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
        ``runs_per_sim``, ``seed``, ``seeds`` or ``if_exists`` is not allowed; or the batch to go on with has other
        seeds.
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
        if_exists: str = REFUSE,
    ) -> None:
        self.verbose = verbose
        self._setup, self._if_exists = check_setup(setup), check_if_exists(if_exists)
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
        if if_exists in (RESUME, EXTEND) and self._folder.manifest_file.exists():
            self._join(self._folder.read_manifest(), seed, seeds)
        if verbose:
            print(self)

    def _join(self, manifest: Manifest, seed: int | None, seeds: str) -> None:
        """Go on with a batch that is there; `_ready_batch` brings the simulations together."""
        for name, kept, given in (("seed", manifest.seed, seed), ("seeds", manifest.seeds, seeds)):
            refuse_other_seeds(self._folder.path, name, kept, given)
        self.seed, self._batch_id, self._made = manifest.seed, manifest.batch_id, True
        if self._if_exists == EXTEND:
            self._wanted_runs = max(self.runs_per_sim, manifest.runs_per_sim)
        self.runs_per_sim = manifest.runs_per_sim

    # Running it ------------------------------------------------------------------------------------------------

    @lists_options
    def run_all(
        self, n_jobs: int | None = None, *, in_process: bool = False, progress: bool = True, **options: Any
    ) -> BatchStatus:
        """Run all that is not finished; call it again to go on after an interruption.

        Failed runs stay as they are, for you to look at, until `rerun_simulation` (or ``retry_errors=True``).

        Parameters
        ----------
        n_jobs : int, optional
            Runs at a time, -1: one on each core. By default as the batch was run before, at first -1.
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
        ParameterError
            A run declares more than this machine has (`SingleSim`, ``resources``).
        SimulationError
            The parameters of a simulation that has finished runs were changed; or a file calls this while it is being
            loaded for a batch.
        KeyboardInterrupt
            After Ctrl-C, when all is in order.
        """
        told = checked_options(n_jobs, options)
        if not (in_process or self._made):
            refuse_too_large(self.simulation_list, told)
        kept = {} if in_process else told  # what is run for a debugger says nothing about the next time
        with self._ready_batch(options_to_keep(kept)) as batch:
            how = execution(batch, told)
            keep_options(batch, kept)
            states = {RunState.IN_QUEUE, RunState.INTERRUPTED, RunState.RUNNING}
            if how.options.retry_errors:
                states.add(RunState.ERROR)
            return run_batch(batch, states, *how, in_process=in_process, show=progress)

    def resume(self, n_jobs: int | None = None, **options: Any) -> BatchStatus:
        """Go on with what is not finished: let a manager that pauses go on, or do what `run_all` does.

        Parameters
        ----------
        n_jobs, **options
            As for `run_all`. A manager that pauses takes ``n_jobs`` only.

        Returns
        -------
        BatchStatus
            How it stands: at the end, or as soon as the manager that paused goes on.

        Raises
        ------
        ParameterError
            A manager that pauses cannot take these options.
        """
        if not why_paused(self._folder.lock_file):
            return self.run_all(n_jobs, **options)
        if options:
            raise ParameterError(
                f"A manager pauses this batch; it goes on with its options, not with {', '.join(options)}."
            )
        BatchHandle(self._folder.path).resume(n_jobs)
        return self.status()

    @lists_options
    def start(self, n_jobs: int | None = None, **options: Any) -> BatchHandle:
        """Run all that is not finished in a process of its own, and return at once: for notebooks, and over ssh.

        It ends neither with this process nor with its terminal. What it says is in ``batch.log`` in the batch's folder.

        Parameters
        ----------
        n_jobs : int, optional
            As for `run_all`.
        **options
            See `RunOptions`, ``on_event`` excepted: {options}.

        Returns
        -------
        BatchHandle
            To look, wait, pause and stop.

        Raises
        ------
        SimManagerError
            As `run_all`, before anything runs; or the process could not be started.
        """
        told = checked_options(n_jobs, options)
        if not self._made:
            refuse_too_large(self.simulation_list, told)
        with self._ready_batch(options_to_keep(told)):
            pass
        return start_in_background(self._folder, told)

    def rerun_simulation(
        self,
        simulation_index: int | str | None = None,
        run_index: int | None = None,
        *,
        include_finished: bool = False,
        simulation: Any = None,
        n_jobs: int | None = None,
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
        told = checked_options(n_jobs, options)
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
            how = execution(batch, told)
            return run_batch(batch, states, *how, only=only, in_process=in_process, show=progress)
