"""How a batch comes to be: checks of what the user gave, folders made, replaced and removed."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..base import import_path
from ..base.advice import command, either, same_command
from ..base.checks import check_integer
from ..base.clock import utc_now
from ..base.errors import (
    BatchDamaged,
    BatchExists,
    BatchNotFound,
    BatchNotWritable,
    ParameterError,
    ParameterTypeError,
    RecipeError,
    SimManagerError,
    SimulationError,
    unknown,
)
from ..base.provenance import frozen_code, provenance_of
from ..disk.batch_folder import OLD_SOURCES, RESERVED, SOURCES, BatchFolder, OpenBatch
from ..disk.batch_log import BATCH_LOG
from ..disk.files import let_owner_write, move_folder, remove_all, remove_entry
from ..disk.frozen import FROZEN_TIMES
from ..disk.listing import REMOVED
from ..disk.manifest import MOST_RUNS, SEEDS, Manifest, check_name
from ..disk.recipe import pickle_recipe
from ..disk.run_folder import RECORD, RunFolder
from ..disk.shared_params import SHARED
from ..disk.sources import keep_sources
from ..disk.starts import StartsLog
from ..disk.state import STATE_LOG, RunState
from ..simulation.description import describe_simulation
from ..simulation.single_sim import SingleSim
from ..worker.session import recorded
from .neuralplayground_folder import PARAMETERS

#: What is done if a batch is there already.
IF_EXISTS = (REFUSE, RESUME, EXTEND, OVERWRITE) = ("refuse", "resume", "extend", "overwrite")

#: In the provenance of manager.json: SHA-256 of the recipes that the last change has put, or was to put, in place.
STAGED = "staged"


def check_runs(runs_per_sim: Any) -> int:
    """Return the number of runs of each simulation if it is allowed, else raise `ParameterError`."""
    return check_integer("runs_per_sim", runs_per_sim, minimum=1, maximum=MOST_RUNS)


def check_seeds(seeds: Any) -> str:
    """Return which seeds runs have if it is allowed, else raise `ParameterError`."""
    if seeds not in SEEDS:
        raise ParameterError(f"seeds must be one of {', '.join(map(repr, SEEDS))}, not {seeds!r}.")
    return str(seeds)


def check_if_exists(if_exists: Any) -> str:
    """Return what is done if a batch is there already if that is allowed, else raise `ParameterError`."""
    if if_exists not in IF_EXISTS:
        raise ParameterError(unknown("No if_exists", if_exists, IF_EXISTS))
    return str(if_exists)


def refuse_other_seeds(path: Path, name: str, kept: Any, given: Any) -> None:
    """Raise `ParameterError` if the ``seed`` or the ``seeds`` that are given are not those of a batch."""
    if given not in (None, kept):
        raise ParameterError(
            f"The batch at {path} has the {name} {kept}, and its finished runs with it; "
            f"it cannot become {given}. Leave the {name} away, or give the batch another id."
        )


def check_seed(seed: Any) -> int:
    """Return the seed of a batch if it is allowed, else raise `ParameterError`."""
    return check_integer("seed", seed, minimum=0, maximum=2**63 - 1)


def checked_list(simulation_list: Sequence[Any] | None) -> list[Any]:
    """Return the list of simulations if all of them can be run, else raise `SimulationError` or `UnsafeName`."""
    if simulation_list is None or isinstance(simulation_list, (str, bytes)) or not hasattr(simulation_list, "__iter__"):
        raise SimulationError(
            f"simulation_list must be a list of SingleSim objects, not {repr(simulation_list)[:100]}."
        )
    simulations = list(simulation_list)
    if not simulations:
        raise SimulationError("simulation_list is empty: give at least one SingleSim.")
    check_all([SingleSim.from_object(simulation) for simulation in simulations])
    return simulations


def check_all(simulations: list[SingleSim]) -> None:
    """Raise if a simulation is incomplete, or its id is unsafe or taken."""
    seen: dict[str, str] = {}
    for simulation in simulations:
        simulation.check()
        name = check_name("A simulation_id", simulation.simulation_id)
        if name.lower() in (*RESERVED, PARAMETERS):
            raise SimulationError(f"{name!r} cannot be a simulation_id: a file of the batch has that name.")
        if name.lower() in seen:  # some file systems take Sim and sim for the same folder
            twin = seen[name.lower()]
            raise SimulationError(
                f"Two simulations have the id {twin!r}; give each its own (sim.copy(simulation_id=...))."
            )
        seen[name.lower()] = name


def as_stored(entry: dict[str, Any]) -> Any:
    """Return the entry of a simulation as it reads back from manager.json."""
    return json.loads(json.dumps(entry))


def pickled(simulations: Iterable[SingleSim]) -> dict[str, bytes]:
    """Return the recipe of each simulation by its id, or raise if one cannot be run or pickled."""
    simulations = list(simulations)
    check_all(simulations)
    return {str(simulation.simulation_id): simulation.recipe() for simulation in simulations}


def check_setup(setup: Any) -> Any:
    """Return the set-up function of a batch, or None, if it can be called, else raise `ParameterTypeError`."""
    if setup is not None and not callable(setup):
        raise ParameterTypeError(f"setup must be a function without arguments, not {setup!r}.")
    return setup


def pickled_setup(setup: Any) -> bytes | None:
    """Return the set-up function of a batch pickled.

    Raises
    ------
    RecipeError
        It cannot be pickled, or a worker could not load it.
    """
    if setup is None:
        return None
    try:
        return pickle_recipe(setup)
    except Exception as error:
        raise RecipeError(f"The setup function cannot be given to the workers: {error}") from error


def new_manifest(
    simulations: Sequence[SingleSim], contents: Mapping[str, Mapping[str, str]], **fields: Any
) -> Manifest:
    """Return what manager.json will say of a new batch; ``fields`` are those of `Manifest` that the user decides on."""
    entries = tuple(describe_simulation(simulation) for simulation in simulations)
    provenance = {
        **provenance_of(entries),
        import_path.KEY: import_path.own_import_path(),
        **frozen_code(entries, contents),
        **recorded(str(simulation.simulation_id) for simulation in simulations),
        STAGED: {},
    }
    return Manifest(**fields, simulations=entries, created=utc_now(), provenance=provenance)


def make_batch(
    batch: OpenBatch,
    recipes: Mapping[str, bytes],
    manifest: Manifest,
    setup: bytes | None,
    code: Mapping[str, str],
) -> None:
    """Write recipes and sources, then the manifest: with manager.json the batch exists. Safe to repeat after a kill.

    Raises
    ------
    BatchExists
        There is one.
    BatchNotWritable
        A file cannot be written.
    """
    folder = batch.folder
    if batch.is_made:
        raise BatchExists(f"{folder.path}: another manager has just made a batch there.")
    try:
        keep_sources(folder.path, recipes, code)
        for simulation_id, content in recipes.items():
            folder.write_recipe(simulation_id, content)
        folder.write_setup(setup)
        batch.write_manifest(manifest)
    except OSError as error:
        if isinstance(error, SimManagerError):
            raise
        raise BatchNotWritable(f"{folder.path} cannot be written ({error.strerror or error}).") from error


def claim_folder(folder: BatchFolder, *, overwrite: bool) -> None:
    """Make the folder of a new batch, or find it empty; an older batch there is removed if that is wanted.

    Raises
    ------
    BatchExists
        It holds another batch, or something else.
    BatchBusy
        The batch to overwrite is being run.
    BatchNotWritable
        It cannot be made.
    """
    path = folder.path
    try:
        path.mkdir(parents=True, exist_ok=True)
        occupied = any(path.iterdir()) and not folder.holds_only_remains()
    except (FileExistsError, NotADirectoryError):
        raise BatchExists(f"{path} is a file, not a folder; choose another manager_id.") from None
    except OSError as error:
        raise BatchNotWritable(f"{path} cannot be made ({error.strerror or error}).") from error
    _check_is_ones_own(path)
    if not occupied:
        return
    try:
        manifest = folder.read_manifest()
    except (BatchNotFound, BatchDamaged) as error:
        raise BatchExists(
            f"{path} holds something else than a batch ({error}); choose another manager_id, or move it away."
        ) from None
    if not overwrite:
        raise BatchExists(f"{path} already holds a batch. {_ways_out(path)}")
    _remove_batch(folder, manifest)


def _check_is_ones_own(path: Path) -> None:
    """Raise `BatchNotWritable` for what belongs to somebody else and can be written by others: they could swap recipes.

    The folder above may be such a one, with a sticky bit as /tmp has it: what we make in it is our own.
    """
    for found in (path.stat(), path.lstat()):  # a link can be swapped, too
        if found.st_uid != os.geteuid() and found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise BatchNotWritable(
                f"{path} belongs to {_user(found.st_uid)}, and others can write there: they could replace what the "
                "workers execute. Choose another manager_id "
                f"({either(same_command('--id', f'{path.name}_2'), 'SimulationManager(..., manager_id=...)')}), "
                "or another folder for the batch."
            )


def _user(uid: int) -> str:
    """Return the name of a user, or the number where it has none."""
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def _ways_out(path: Path) -> str:
    """Return what can be done if a batch is there already: a command line or a call for each way."""
    import shlex

    manager = f"SimulationManager(existing_simulation={str(path)!r})"
    ways = {
        "Go on with it": (command("resume", path), f"{manager}.run_all()"),
        "add to it": (same_command("--extend"), f"{manager}.add(simulations)"),
        "keep it": (same_command("--id", f"{path.name}_2"), "choose another manager_id"),
        "replace it and lose its results": (
            f"rm -r {shlex.quote(str(path))}, and again",
            "generate_sim_paths(overwrite=True)",
        ),
    }
    beforehand = either("", " In a script that is run again and again: SimulationManager(..., if_exists='resume').")
    return f"{'; '.join(f'{way}: {either(*words)}' for way, words in ways.items())}.{beforehand}"


def _remove_batch(folder: BatchFolder, manifest: Manifest) -> None:
    with folder.held() as batch:
        parents = [folder.own_simulation(simulation_id) for simulation_id in manifest.simulation_ids]
        for parent in parents:
            _remove(parent / name for name in batch.remains(parent.name))
            for run in batch.runs(parent.name):
                remove_run(run)
            folder.recipe(parent.name).unlink(missing_ok=True)
            remove_entry(parent / SHARED)
            if parent.is_dir() and not any(parent.iterdir()):
                parent.rmdir()
        for name in (SOURCES, OLD_SOURCES):
            (folder.path / name).unlink(missing_ok=True)
        folder.setup_file.unlink(missing_ok=True)
        StartsLog(folder.path).path.unlink(missing_ok=True)
        for name in (BATCH_LOG, FROZEN_TIMES):
            (folder.path / name).unlink(missing_ok=True)
        folder.manifest_file.unlink()  # last: killed before this, it is a batch that can be overwritten again


def make_missing_runs(batch: OpenBatch, simulation_id: str) -> None:
    """Make the folder of every run of a simulation that has none.

    Raises
    ------
    BatchDamaged
        The folder of the simulation is a symbolic link.
    BatchNotWritable
        A folder cannot be made.
    """
    parent = batch.folder.own_simulation(simulation_id)
    try:
        parent.mkdir(exist_ok=True)
        for run_id in range(batch.manifest.runs_per_sim):
            if run_id not in batch.run_folders(simulation_id):
                batch.add_run(simulation_id, run_id)
    except OSError as error:
        raise BatchNotWritable(f"{parent} cannot be written ({error.strerror or error}).") from error


def replace_run(batch: OpenBatch, folder: RunFolder) -> None:
    """Remove a run and make a new one with the same id, waiting in the queue.

    Of a run that failed or was interrupted, what it wrote, its record and its curves stay: in ``attempt_<n>/`` of the
    new one.

    Raises
    ------
    BatchDamaged
        It cannot be shown to be a run of a batch.
    BatchNotWritable
        It cannot be removed.
    """
    _check_is_a_run(folder)
    history = folder.read_history()
    let_owner_write(folder.path)  # the run may have closed it
    try:
        if has_failed := history.state is not RunState.FINISHED:
            folder.set_aside_attempt(max(history.attempts, 1))
        aside = _take_out(folder)
        try:
            new = batch.add_run(folder.simulation_id, folder.run_id or 0)
        except OSError:  # the disk is full, say: what there is stays
            move_folder(aside, folder.path, STATE_LOG)
            raise
        for attempt in aside.glob("attempt_*") if has_failed else ():
            if attempt.is_dir() and not attempt.is_symlink():
                move_folder(attempt, new.path / attempt.name, RECORD)
    except OSError as error:
        if isinstance(error, SimManagerError):
            raise
        raise BatchNotWritable(f"{folder.path} cannot be replaced ({error.strerror or error}).") from error
    if remove_all([aside]):
        batch.remains(folder.simulation_id).append(aside.name)  # tried again, and named, when the batch is run


def remove_run(folder: RunFolder) -> None:
    """Remove the folder of a run, after a rename that takes it out of the batch at once."""
    _check_is_a_run(folder)
    _remove([_take_out(folder)])


def _remove(paths: Iterable[Path]) -> None:
    if failed := remove_all(paths):
        raise BatchNotWritable(f"{'; '.join(failed)}.")


def _check_is_a_run(folder: RunFolder) -> None:
    if folder.run_id is None or not folder.looks_like_a_run() or folder.path.parent.is_symlink():
        raise BatchDamaged(
            f"{folder.path} cannot be shown to be a run of this batch (no {STATE_LOG} in it, or a symbolic link); "
            "it is left alone. Remove it yourself."
        )


def _take_out(folder: RunFolder) -> Path:
    aside = folder.path.with_name(f"{REMOVED}{folder.path.name}")
    try:
        move_folder(folder.path, aside, STATE_LOG)
    except OSError as error:
        raise BatchNotWritable(f"{folder.path} cannot be removed ({error.strerror or error}).") from error
    return aside
