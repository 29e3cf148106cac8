"""How a batch changes: other parameters, more simulations, more runs. The caller holds the lock of the batch."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..base import import_path
from ..base.advice import command, either, target
from ..base.content_hash import changed_parts
from ..base.errors import BatchBusy, BatchNotWritable, BatchWarning, ParameterError, SimManagerError, SimulationError
from ..base.metrics import give_the_same_results
from ..base.provenance import contents_in, frozen_code, frozen_code_of
from ..base.text import describe
from ..disk.batch_folder import BatchFolder, OpenBatch
from ..disk.files import OLD_SCRATCHES, SCRATCH, put_in_place, write_file
from ..disk.listing import NEXT_RECIPE
from ..disk.manifest import MIXED, Manifest
from ..disk.run_folder import RunFolder
from ..disk.sources import keep_sources
from ..disk.state import RunState
from ..simulation.contents import contents_of, sources_of
from ..simulation.contradiction import refuse_contradiction
from ..simulation.description import changed_names, describe_simulation
from ..simulation.single_sim import SingleSim
from ..worker.session import recorded
from .making import STAGED, as_stored, check_all, check_runs, make_missing_runs, pickled


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


def take_over(batch: OpenBatch, simulation: SingleSim, replaced: Iterable[RunFolder]) -> None:
    """Make the parameters of a simulation those of its coming runs; if finished ones stay, this is said, and noted.

    Parameters
    ----------
    batch, simulation : OpenBatch, SingleSim
        Which.
    replaced : iterable of RunFolder
        Runs that are about to be replaced; all other finished ones stay.

    Raises
    ------
    SimulationError
        Its id names another value of a parameter.
    """
    simulation.check()
    manifest, name = batch.manifest, str(simulation.simulation_id)
    before = next((entry for entry in manifest.simulations if entry["simulation_id"] == name), {})
    refuse_contradiction(simulation, before)
    what = _what_changes(batch, simulation)
    mixed = manifest.mixed
    if what and finished_stay(batch, name, replaced):
        mixed[name] = what
        warnings.warn(
            f"Finished runs of simulation {name!r} stay, and {what} was changed: it will hold runs of two kinds. "
            "Better give the changed one another simulation_id; or replace the finished runs, too "
            f"({either('--all', 'include_finished=True')}).",
            BatchWarning,
            stacklevel=3,
        )
    _commit(batch, replace(manifest, provenance={**manifest.provenance, MIXED: mixed}), [simulation])


def finished_stay(batch: OpenBatch, simulation_id: str, replaced: Iterable[RunFolder] = ()) -> bool:
    """Return whether a simulation has finished runs besides those that are about to be replaced."""
    gone = {run.path for run in replaced}
    return any(
        run.read_history().state is RunState.FINISHED for run in batch.runs(simulation_id) if run.path not in gone
    )


def _what_changes(batch: OpenBatch, simulation: SingleSim) -> str:
    """Return the names of what a simulation has otherwise than in the batch, joined; "" if there is nothing."""
    manifest, name, entry = batch.manifest, str(simulation.simulation_id), as_stored(describe_simulation(simulation))
    entries = {kept["simulation_id"]: kept for kept in manifest.simulations}
    before = contents_in(frozen_code_of(manifest.provenance).get(name, {}))
    now = contents_of([simulation])[name]
    changed = list(changed_names(entries.get(name, {}), entry))
    if before is not None:
        changed += [*_changed_parts(batch.folder, name, before, now), *changed_parts(before, now, code=True)]
    return ", ".join(dict.fromkeys(changed))


def grow_batch(batch: OpenBatch, simulations: Sequence[SingleSim], runs_per_sim: int | None = None) -> list[str]:
    """Add simulations and runs to a batch; what is there stays.

    Takes, returns and raises what `SimulationManager.add` does.
    """
    manifest = batch.manifest
    number = more_runs(manifest.runs_per_sim, runs_per_sim)
    _check_together(manifest, simulations)
    known = set(manifest.simulation_ids)
    added = [simulation for simulation in simulations if simulation.simulation_id not in known]
    changed = _changed(batch, simulations, repair=True)
    if changed and batch.is_beside:
        names = ", ".join(str(simulation.simulation_id) for simulation in changed)
        raise BatchBusy(
            f"{names}: the parameters differ from those in the batch, which is being run ({batch.folder.owner()}). "
            f"Give the changed ones another simulation_id, or end it first: {command('stop', batch.folder.path)}"
        )
    _commit(batch, replace(manifest, runs_per_sim=number), changed, added, always=number != manifest.runs_per_sim)
    for simulation_id in batch.simulation_ids:
        make_missing_runs(batch, simulation_id)
    return [str(simulation.simulation_id) for simulation in added]


def _check_together(manifest: Manifest, simulations: Sequence[SingleSim]) -> None:
    """Raise if a simulation cannot be run, or its id is taken by another one in the batch."""
    check_all(list(simulations))
    known = {name.lower(): name for name in manifest.simulation_ids}  # some file systems take Sim and sim for the same
    for simulation in simulations:
        name = str(simulation.simulation_id)
        twin = known.get(name.lower(), name)
        if twin != name:
            raise SimulationError(f"{name!r} and {twin!r}, which is in the batch, differ in upper and lower case only.")


def _changed(batch: OpenBatch, simulations: Sequence[SingleSim], *, repair: bool = False) -> list[SingleSim]:
    """Return those whose parameters are not those in the batch; one that has finished runs is refused.

    Other metrics are no other parameters: finished runs stay, and lack the new ones. Other code is left alone. To
    ``repair``, those are returned, too, whose recipe is lost or broken, with the same code if they have finished runs.
    """
    manifest, folder = batch.manifest, batch.folder
    entries = {entry["simulation_id"]: entry for entry in manifest.simulations}
    kept = frozen_code_of(manifest.provenance)
    contents = contents_of(simulation for simulation in simulations if simulation.simulation_id in entries)
    changed = []
    for simulation in simulations:
        name = str(simulation.simulation_id)
        if name not in entries:
            continue
        entry, before = as_stored(describe_simulation(simulation)), contents_in(kept.get(name, {}))
        parts = [] if before is None else _changed_parts(folder, name, before, contents[name])
        is_lost = repair and _stored(folder, name) is None
        if is_lost and before is not None:
            parts = [*parts, *changed_parts(before, contents[name], code=True)]
        if entry == entries[name] and not parts and not is_lost:
            if before is not None and (code := changed_parts(before, contents[name], code=True)):
                _say_old_code(folder, name, code)
            continue
        mixable = not parts and give_the_same_results(entries[name], entry)
        if not mixable and finished_stay(batch, name):
            raise SimulationError(_refusal(folder, name, list(changed_names(entries[name], entry)), parts))
        refuse_contradiction(simulation, entries[name])
        changed.append(simulation)
    return changed


def _changed_parts(
    folder: BatchFolder, simulation_id: str, before: Mapping[str, str], now: Mapping[str, str]
) -> list[str]:
    """Return the names of the parameters whose content was changed though they look the same.

    A value that came out of the recipe may have another hash than the one it was made of (it has its own copy of a
    generator that its package shares, say): what the recipe holds is looked at, too.
    """
    parts = changed_parts(before, now, code=False)
    if not parts:
        return []
    if (kept := _stored(folder, simulation_id)) is None:
        return parts
    stored = contents_of([kept])[simulation_id]
    return [part for part in parts if stored.get(part) != now.get(part)]


def _stored(folder: BatchFolder, simulation_id: str) -> SingleSim | None:
    """Return the simulation that a batch keeps; None if its recipe is lost or broken."""
    try:
        return load_simulation(folder.recipe(simulation_id), simulation_id)
    except Exception:
        return None


def _refusal(folder: BatchFolder, simulation_id: str, described: Sequence[str], parts: Sequence[str]) -> str:
    names = [*described, *(f"the content of {part}" for part in parts if part not in described)]
    changed = f"{', '.join(names)} {'was' if len(names) == 1 else 'were'} changed"
    return (
        f"Simulation {simulation_id!r} has finished runs, but {changed}. "
        f"Rerun it with {_rerun_all(folder, simulation_id)}, or give the changed one another simulation_id."
    )


def _rerun_all(folder: BatchFolder, simulation_id: str) -> str:
    """Return how all runs of a simulation are made again with what the user has given now."""
    return either(
        command("rerun", folder.path, simulation_id, "--from", target() or "FILE", "--all"),
        f"rerun_simulation({simulation_id!r}, include_finished=True)",
    )


def _say_old_code(folder: BatchFolder, simulation_id: str, parts: Sequence[str]) -> None:
    folder.told_of_old_code.add(simulation_id)
    warnings.warn(
        f"The code of {', '.join(parts)} was changed since simulation {simulation_id!r} of {folder.path} was made; its "
        f"runs use the code as it was. For the new code: {_rerun_all(folder, simulation_id)}, or give it another "
        "simulation_id.",
        BatchWarning,
        stacklevel=5,
    )


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
    given = (*changed, *added)
    recipes, contents = pickled(given), contents_of(given)
    new = {str(simulation.simulation_id): describe_simulation(simulation) for simulation in given}
    new_entries = list(new.values())
    entries = [new.pop(entry["simulation_id"], entry) for entry in manifest.simulations]
    try:
        keep_sources(folder.path, recipes, sources_of(given, contents))
        for name, content in recipes.items():
            parent = folder.own_simulation(name)
            parent.mkdir(exist_ok=True)
            target = folder.recipe(name) if name in new else _staged(folder, name)
            write_file(target, content)
        path = import_path.joined(import_path.kept_in(manifest.provenance), import_path.own_import_path())
        staged = {str(simulation.simulation_id): _sha(recipes[str(simulation.simulation_id)]) for simulation in changed}
        provenance = {
            **manifest.provenance,
            import_path.KEY: path,
            **frozen_code(new_entries, contents, manifest.provenance),
            **(recorded(recipes, manifest.provenance) if recipes else {}),
            STAGED: staged,
        }
        batch.write_manifest(replace(manifest, simulations=(*entries, *new.values()), provenance=provenance))
        for simulation in changed:
            name = str(simulation.simulation_id)
            put_in_place(str(_staged(folder, name)), str(folder.recipe(name)))
    except OSError as error:
        if isinstance(error, SimManagerError):
            raise
        raise BatchNotWritable(f"{folder.path} cannot be written ({error.strerror or error}).") from error


def finish_changes(batch: OpenBatch) -> None:
    """Finish what a killed manager had begun: recipes that manager.json speaks of are put in place, others dropped."""
    folder, manifest = batch.folder, batch.manifest
    expected = manifest.provenance.get(STAGED)
    for entry in manifest.simulations:
        name = entry["simulation_id"]
        staged = _staged(folder, name)
        if not staged.is_file():
            continue
        folder.own_simulation(name)
        if isinstance(expected, Mapping):
            is_meant = _sha(staged.read_bytes()) == expected.get(name)
        else:  # of an earlier version, which told by the description
            is_meant = as_stored(describe_simulation(load_simulation(staged, name))) == entry
        if is_meant:
            put_in_place(str(staged), str(folder.recipe(name)))
        else:
            staged.unlink()


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def load_simulation(recipe: Path, simulation_id: str) -> SingleSim:
    """Return the simulation of a recipe. This unpickles: only for your own folders."""
    from ..worker.simulate import load_recipe

    return SingleSim(**{**load_recipe(recipe), "simulation_id": simulation_id})


def check_that_it_loads(folder: BatchFolder, simulation_id: str) -> SingleSim:
    """Return a simulation if the workers can load it: runs are not replaced by some that are bound to fail."""
    folder.own_simulation(simulation_id)
    try:
        return load_simulation(folder.recipe(simulation_id), simulation_id)
    except Exception as error:
        again = command("rerun", folder.path, simulation_id)
        way_out = "Give its lost or broken recipe anew: " + either(
            f"{again} --from FILE", f"rerun_simulation({simulation_id!r}, simulation=sim)"
        )
        if isinstance(error, (ImportError, AttributeError)):
            way_out = "If its module has moved, put its folder on the import path: " + either(
                f"PYTHONPATH=FOLDER {again}", "sys.path.append('FOLDER')"
            )
        raise SimulationError(
            f"Simulation {simulation_id!r} cannot be loaded, so none of its runs was touched ({describe(error)}). "
            f"{way_out}"
        ) from error


def _staged(folder: BatchFolder, simulation_id: str) -> Path:
    prefixes = (SCRATCH, *OLD_SCRATCHES)
    names = [folder.simulation(simulation_id) / f"{prefix}{NEXT_RECIPE}" for prefix in prefixes]
    return next(filter(Path.is_file, names), names[0])  # one that an earlier version has left, perhaps
