"""A folder that NeuralPlayground's SimulationManager wrote, opened to be looked at."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from ..base.errors import BatchDamaged, BatchNotWritable, PackageMissing
from ..base.paths import exists, is_file
from ..disk.batch_folder import BatchFolder
from ..disk.manifest import Manifest
from ..simulation.single_sim import SingleSim

#: File in which its manager keeps itself: a pickle of its attributes.
PARAMETERS = "simulation.params"

_NEEDED = ("simulation_list", "runs_per_sim", "manager_id")


class NeuralPlaygroundBatch(BatchFolder):
    """Results of NeuralPlayground. They can be read, not continued: its runs had no seeds and hold no locks.

    Parameters
    ----------
    path : path-like
        The folder, with ``simulation.params`` in it, which is unpickled: only for your own folders.

    Attributes
    ----------
    simulations : list of SingleSim
        Its simulations.

    Raises
    ------
    BatchDamaged
        The file cannot be read, or holds something else.
    PackageMissing
        NeuralPlayground is not installed.
    """

    def __init__(self, path: Path | str) -> None:
        super().__init__(path)
        content = _unpickle(self.path / PARAMETERS)
        if not isinstance(content, Mapping) or any(name not in content for name in _NEEDED):
            raise BatchDamaged(f"{self.path / PARAMETERS} does not hold the attributes of a simulation manager.")
        self._content = content
        self.simulations: list[Any] = [SingleSim.from_object(thing) for thing in content["simulation_list"]]

    def read_manifest(self) -> Manifest:
        """Return what it says of itself; the seed is None."""
        return Manifest(
            manager_id=str(self._content["manager_id"]),
            batch_id="",
            seed=None,  # type: ignore[arg-type]  # its runs were not seeded: no number would be true
            runs_per_sim=int(self._content["runs_per_sim"]),
            simulations=tuple({"simulation_id": simulation.simulation_id} for simulation in self.simulations),
            created="",
            provenance={},
        )

    def held(self, batch_id: str = "") -> NoReturn:
        """Refuse: nothing is executed or changed here.

        Raises
        ------
        BatchNotWritable
            Always; says how to run these simulations.
        """
        raise BatchNotWritable(
            f"{self.path} was made by NeuralPlayground. Its results can be looked at and loaded, not continued: its "
            "runs have no seed, so none can be repeated, and no lock that tells whether it still runs. Run its "
            "simulations as a batch of their own: SimulationManager(SimulationManager(existing_simulation="
            f"{str(self.path)!r}).simulation_list, {self._content['runs_per_sim']}, 'another_id').run_all()"
        )


def _unpickle(path: Path) -> Any:
    from ..disk.pickling import load

    try:
        with path.open("rb") as file:
            return load(file)  # trusted by contract, see the docstring
    except ModuleNotFoundError as error:
        raise_if_missing(error)
        raise  # a module of the user: its own message says most
    except (pickle.UnpicklingError, EOFError, ValueError, IndexError, KeyError) as error:
        raise BatchDamaged(f"{path} is damaged ({type(error).__name__}: {error}).") from error


def open_batch(path: Path) -> tuple[BatchFolder, list[Any] | None]:
    """Return the folder of a batch, and its simulations if the folder was made by another package.

    Parameters
    ----------
    path : Path
        The folder. One of another package is unpickled: only for your own folders.

    Raises
    ------
    BatchDamaged
        It was made by another package and cannot be read.
    PackageMissing
        The package that made it is not installed.
    """
    folder = BatchFolder(path)
    if not exists(folder.manifest_file):
        if is_file(path / PARAMETERS):
            theirs = NeuralPlaygroundBatch(path)
            return theirs, theirs.simulations
    return folder, None


PACKAGE = "neuralplayground"


def load(module: str) -> Any:
    """Import a module of NeuralPlayground, e.g. ``"backend.default_simulation"``.

    Raises
    ------
    PackageMissing
        NeuralPlayground is not installed; says how to install it.
    """
    try:
        return import_module(f"{PACKAGE}.{module}")
    except ModuleNotFoundError as error:
        raise_if_missing(error)
        raise


def raise_if_missing(error: ModuleNotFoundError) -> None:
    """Raise `PackageMissing` if what could not be imported is NeuralPlayground itself; else return.

    Raises
    ------
    PackageMissing
        NeuralPlayground is not installed; says how to install it.
    """
    if error.name == PACKAGE:
        raise PackageMissing(
            "This needs NeuralPlayground, which is not installed here. Install it: "
            "pip install 'simmanager[neuralplayground]' (a CPU build of torch before it saves gigabytes). Without it: "
            "models and ready-made simulations of our own (simmanager.agents, simmanager.arenas, "
            "simmanager.default_simulation), and 'simmanager status' and 'simmanager logs' for its results."
        ) from error
