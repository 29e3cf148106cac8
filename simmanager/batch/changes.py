"""How a batch changes: other parameters, more simulations, more runs. The caller holds the lock of the batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..base import import_path
from ..base.errors import BatchNotWritable, ParameterError, SimManagerError, SimulationError
from ..base.metrics import differ_only_in_new_metrics
from ..base.provenance import frozen_code
from ..disk.batch_folder import BatchFolder, OpenBatch
from ..disk.files import SCRATCHES, write_file
from ..disk.manifest import Manifest
from ..disk.run_folder import RunFolder
from ..disk.sources import keep_sources
from ..disk.state import RunState
from ..dispatch.run_batch import Chosen
from ..simulation.description import describe_simulation
from ..simulation.single_sim import SingleSim
from ..status.reader import StatusReader
from ..worker.session import recorded
from .making import as_stored, check_all, check_runs, make_missing_runs, pickled


def more_runs(now: int, wanted: Any) -> int:
    """Return how many runs each simulation will have; fewer than now are refused.

    Raises
    ------
    ParameterError
        There are more already.
    """
    if wanted is None:
        return now
    number = check_runs(wanted)
    if number < now:
        raise ParameterError(
            f"runs_per_sim is {now} already, and {number} is less: no run is removed. Give a number from {now}."
        )
    return number


def merge_simulations(ours: Iterable[Any], given: Sequence[Any]) -> list[Any]:
    """Return our simulations, those of the same id replaced by the given ones, and behind them the others given."""
    rest = {simulation.simulation_id: simulation for simulation in given}
    return [*(rest.pop(simulation.simulation_id, simulation) for simulation in ours), *rest.values()]


def take_over_changes(batch: OpenBatch, simulations: Sequence[SingleSim]) -> None:
    """Write changed parameters of simulations that have not run yet; refuse to mix them with finished runs.

    Raises
    ------
    SimulationError
        A simulation is not in the batch, or was changed but has finished runs.
    """
    check_all(list(simulations))
    known = batch.simulation_ids
    for name in {str(simulation.simulation_id) for simulation in simulations}.difference(known):
        raise SimulationError(
            f"Simulation {name!r} is not in this batch, which has {', '.join(known)}. Add it: manager.add([sim])."
        )
    _commit(batch, batch.manifest, _changed(batch, simulations))


def take_over(batch: OpenBatch, simulation: SingleSim) -> None:
    """Make the parameters of a simulation those of its coming runs, whatever has finished."""
    simulation.check()
    _commit(batch, batch.manifest, [simulation])


def grow_batch(batch: OpenBatch, simulations: Sequence[SingleSim], runs_per_sim: int | None = None) -> list[str]:
    """Add simulations and runs to a batch; what is there stays.

    Parameters
    ----------
    batch : OpenBatch
        The batch.
    simulations : list of SingleSim
        Those that the batch has with the same parameters are left alone.
    runs_per_sim : int, optional
        Runs of each simulation, old and new; as many as now by default.

    Returns
    -------
    list of str
        The ids of those that are new.

    Raises
    ------
    SimulationError
        One has the id of a simulation with other parameters that has finished runs.
    ParameterError
        Fewer runs than there are.
    RecipeError
        A simulation cannot be pickled.
    """
    manifest = batch.manifest
    number = more_runs(manifest.runs_per_sim, runs_per_sim)
    _check_together(manifest, simulations)
    known = set(manifest.simulation_ids)
    added = [simulation for simulation in simulations if simulation.simulation_id not in known]
    changed = _changed(batch, simulations)
    _commit(batch, replace(manifest, runs_per_sim=number), changed, added, always=number != manifest.runs_per_sim)
    for simulation_id in batch.simulation_ids:
        make_missing_runs(batch, simulation_id)
    return [str(simulation.simulation_id) for simulation in added]


def runs_to_replace(batch: OpenBatch, only: Chosen, *, include_finished: bool) -> list[RunFolder]:
    """Return those of the chosen runs that failed or were interrupted, and those that finished if that is wanted."""
    gone = {RunState.ERROR, RunState.INTERRUPTED} | ({RunState.FINISHED} if include_finished else set())
    found = []
    for run in StatusReader(batch.folder.path).read_open(batch).runs:
        folder = RunFolder(run.path)
        if run.state in gone and only.has(run.simulation_id, run.run_id) and folder.run_id is not None:
            if include_finished or folder.read_history().state is not RunState.FINISHED:
                found.append(folder)
    return found


def _check_together(manifest: Manifest, simulations: Sequence[SingleSim]) -> None:
    """Raise if a simulation cannot be run, or its id is taken by another one in the batch."""
    check_all(list(simulations))
    known = {name.lower(): name for name in manifest.simulation_ids}  # some file systems take Sim and sim for the same
    for simulation in simulations:
        name = str(simulation.simulation_id)
        twin = known.get(name.lower(), name)
        if twin != name:
            raise SimulationError(f"{name!r} and {twin!r}, which is in the batch, differ in upper and lower case only.")


def _changed(batch: OpenBatch, simulations: Sequence[SingleSim]) -> list[SingleSim]:
    """Return those whose parameters are not those in the batch; one that has finished runs is refused.

    Other metrics are no other parameters: finished runs stay, and lack the new ones.
    """
    entries = {entry["simulation_id"]: entry for entry in batch.manifest.simulations}
    changed = []
    for simulation in simulations:
        name = str(simulation.simulation_id)
        entry = as_stored(describe_simulation(simulation))
        if name not in entries or entry == entries[name]:
            continue
        mixable = differ_only_in_new_metrics(entries[name], entry)
        if not mixable and any(run.read_history().state is RunState.FINISHED for run in batch.runs(name)):
            raise SimulationError(
                f"The parameters of simulation {name!r} were changed, but it has finished runs. Rerun it with "
                f"rerun_simulation({name!r}, include_finished=True), or give the changed one another simulation_id."
            )
        changed.append(simulation)
    return changed


# On disk -------------------------------------------------------------------------------------------------------


def _commit(
    batch: OpenBatch,
    manifest: Manifest,
    changed: Sequence[SingleSim],
    added: Sequence[SingleSim] = (),
    *,
    always: bool = False,
) -> None:
    """Write recipes and manifest so that a kill leaves the batch as it was, or as it is to be.

    New recipes are put in place, changed ones beside the old ones; manager.json is replaced (this moment decides);
    then the changed ones are put in place, and `finish_changes` does so if a kill comes first.
    """
    if not (changed or added or always):
        return
    folder = batch.folder
    recipes = pickled((*changed, *added))
    new = {str(simulation.simulation_id): describe_simulation(simulation) for simulation in (*changed, *added)}
    new_entries = list(new.values())
    entries = [new.pop(entry["simulation_id"], entry) for entry in manifest.simulations]
    try:
        keep_sources(folder.path, recipes)
        for name, content in recipes.items():
            parent = folder.own_simulation(name)
            parent.mkdir(exist_ok=True)
            target = folder.recipe(name) if name in new else _staged(folder, name)
            write_file(target, content)
        path = import_path.joined(import_path.kept_in(manifest.provenance), import_path.own_import_path())
        provenance = {
            **manifest.provenance,
            import_path.KEY: path,
            **frozen_code(new_entries, manifest.provenance),
            **(recorded(recipes, manifest.provenance) if recipes else {}),
        }
        batch.write_manifest(replace(manifest, simulations=(*entries, *new.values()), provenance=provenance))
        for simulation in changed:
            name = str(simulation.simulation_id)
            _staged(folder, name).replace(folder.recipe(name))
    except OSError as error:
        if isinstance(error, SimManagerError):
            raise
        raise BatchNotWritable(f"{folder.path} cannot be written ({error.strerror or error}).") from error


def finish_changes(batch: OpenBatch) -> None:
    """Finish what a killed manager had begun: recipes that manager.json speaks of are put in place, others dropped."""
    folder = batch.folder
    for entry in batch.manifest.simulations:
        name = entry["simulation_id"]
        staged = _staged(folder, name)
        if not staged.is_file():
            continue
        folder.own_simulation(name)
        if as_stored(describe_simulation(load_simulation(staged, name))) == entry:
            staged.replace(folder.recipe(name))
        else:
            staged.unlink()


def load_simulation(recipe: Path, simulation_id: str) -> SingleSim:
    """Return the simulation of a recipe. This unpickles: only for your own folders."""
    from ..worker.simulate import load_recipe

    return SingleSim(**{**load_recipe(recipe), "simulation_id": simulation_id})


def _staged(folder: BatchFolder, simulation_id: str) -> Path:
    names = [folder.simulation(simulation_id) / f"{prefix}next-simulation.pkl" for prefix in SCRATCHES]
    return next(filter(Path.is_file, names), names[0])  # one that an earlier version has left, perhaps
