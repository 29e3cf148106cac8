"""A batch that is made, and grows."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ..base.advice import command, either
from ..base.load_guard import refuse_while_loading
from ..base.provenance import uncommitted
from ..base.tell import tell
from ..disk.batch_folder import OpenBatch
from ..disk.orders import ask
from ..simulation.contents import contents_of, sources_of
from ..simulation.single_sim import SingleSim
from .changes import finish_changes, grow_batch, merge_simulations, more_runs, take_over_changes
from .kept_options import NONE
from .making import (
    OVERWRITE,
    check_all,
    check_runs,
    checked_list,
    claim_folder,
    make_batch,
    make_missing_runs,
    new_manifest,
    pickled,
    pickled_setup,
)
from .view import BatchView


class GrowingBatch(BatchView):
    """A batch that can be made and can get more simulations and runs. `SimulationManager` adds what executes it."""

    seed: int
    seeds: str
    verbose: bool
    _batch_id: str
    _setup: Callable[[], object] | None
    _if_exists: str
    #: Runs of each simulation that a batch which was there gets, with the simulations that it lacks; None: neither.
    _wanted_runs: int | None = None

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
            with self._new_batch(overwrite=overwrite or self._if_exists == OVERWRITE):
                pass
        if self.verbose:
            from ..status.tree import print_status

            print_status(self.status())

    @contextmanager
    def _open_batch(self, options: Mapping[str, Any] = NONE) -> Iterator[OpenBatch]:
        """Hold the batch, with what has been added to it since; it is made first, with options, if it is not yet."""
        if not self._made:
            with self._new_batch(options, overwrite=self._if_exists == OVERWRITE) as batch:
                yield batch
            return
        with self._folder.held(self._batch_id) as batch:
            self._take_note(batch)
            yield batch

    @contextmanager
    def _new_batch(self, options: Mapping[str, Any] = NONE, *, overwrite: bool = False) -> Iterator[OpenBatch]:
        """Make the batch, with every run in the queue and the options that it keeps, and hold it."""
        refuse_while_loading()
        simulations = [SingleSim.from_object(simulation) for simulation in self.simulation_list]
        recipes, setup = pickled(simulations), pickled_setup(self._setup)
        self._batch_id = uuid.uuid4().hex
        contents = contents_of(simulations)
        manifest = new_manifest(
            simulations,
            contents,
            manager_id=self.manager_id,
            batch_id=self._batch_id,
            seed=self.seed,
            seeds=self.seeds,
            runs_per_sim=self.runs_per_sim,
            options=dict(options),
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
        """Add simulations to the batch; what it has stays, finished runs above all.

        A manager that runs the batch, in whatever process, executes them, too; else call `run_all`.

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
            A manager is running this batch, and a simulation has other parameters than it has there; or another
            process is changing the batch.
        """
        return self._grow(checked_list(simulations), runs_per_sim)

    def extend(self, runs_per_sim: int) -> None:
        """Give every simulation more runs; those that are there stay.

        A manager that runs the batch, in whatever process, executes the new ones, too; else call `run_all`.

        Parameters
        ----------
        runs_per_sim : int
            How many runs each simulation will have in all.

        Raises
        ------
        ParameterError
            There are more already: no run is removed.
        BatchBusy
            Another process is changing this batch.
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
        with self._folder.held_or_beside(self._batch_id) as batch:
            finish_changes(batch)
            added = grow_batch(batch, list(map(SingleSim.from_object, simulations)), runs_per_sim)
            if self._simulation_list is not None:
                self._simulation_list = merge_simulations(self._simulation_list, simulations)
            self._take_note(batch)
        if batch.is_beside:
            said = ask(self._folder.path, "add")
            go_on = either(command("resume", self._folder.path), "run_all()")
            tell(f"The manager that runs the batch: {said}." if said else f"The manager has ended meanwhile: {go_on}")
        return added

    def _take_note(self, batch: OpenBatch) -> None:
        """Take note of what has been added to the batch since."""
        finish_changes(batch)
        self.runs_per_sim = batch.manifest.runs_per_sim
        if self._simulation_list is not None:
            known = {SingleSim.from_object(simulation).simulation_id for simulation in self._simulation_list}
            self._simulation_list += self._load_all([name for name in batch.simulation_ids if name not in known])

    @contextmanager
    def _ready_batch(self, options: Mapping[str, Any]) -> Iterator[OpenBatch]:
        """Hold the batch with what was changed and added, and a folder for each run; a new one keeps the options."""
        refuse_while_loading()
        is_new = not self._made
        with self._open_batch(options) as batch:
            if self._simulation_list is not None and not is_new:
                simulations = list(map(SingleSim.from_object, self._simulation_list))
                if self._wanted_runs is None:
                    take_over_changes(batch, simulations)
                else:
                    grow_batch(batch, simulations, self._wanted_runs)
                    self._wanted_runs = None
                    self._take_note(batch)
            for simulation_id in batch.simulation_ids:
                make_missing_runs(batch, simulation_id)
            yield batch
