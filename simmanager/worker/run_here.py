"""``SingleSim.run_sim``: one run in the caller's process, outside of any batch."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..base.checks import check_integer
from ..base.errors import BatchExists
from ..disk.files import SCRATCH, move_folder, remove_entry
from ..disk.run_folder import RunFolder
from ..disk.run_record import draw_seed
from ..disk.state import STATE_LOG
from .attempt import execute_run
from .capture import prints_to_logs
from .seeding import global_bit_generator, use_bit_generator
from .task import Task


def run_here(recipe: Callable[[], bytes], path: Path, seed: int | None) -> None:
    """Run a simulation in this process; its results are at ``path`` when it returns or raises.

    Parameters
    ----------
    recipe : callable
        Returns the pickled simulation; asked once the folder is known to be fit.
    path : Path
        Folder for the results; an older run there is replaced when this one has ended.
    seed : int or None
        Seed of the global generators, drawn if None.

    Raises
    ------
    BatchExists
        ``path`` holds something else than a run.
    Exception
        Whatever the simulation raises.
    """
    seed = draw_seed() if seed is None else check_integer("seed", seed, minimum=0, maximum=2**32 - 1)
    path = path.absolute()
    _recover(path)
    _refuse_folder(path)
    content = recipe()
    replaces = path.is_dir() and any(path.iterdir())
    target = _sibling(path, "new") if replaces else path
    target.parent.mkdir(parents=True, exist_ok=True)
    if replaces:
        remove_entry(target)
    elif target.is_dir():
        target.rmdir()
    RunFolder(target).create()
    with tempfile.NamedTemporaryFile(suffix=".pkl") as file, _random_state_kept():
        file.write(content)
        file.flush()
        outcome, error = execute_run(Task(str(target), file.name, seed), capture=prints_to_logs)
    if replaces:
        _swap(path, target)
    if error is not None:
        raise error
    if outcome.state != "finished":
        from ..base.errors import SimManagerError

        raise SimManagerError(f"The results could not be saved: {outcome.reason}.")


@contextmanager
def _random_state_kept() -> Iterator[None]:
    """Seeding a run must not change the numbers that the caller's own code draws after it."""
    import numpy as np

    generator = global_bit_generator()
    states = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(states[0])
        use_bit_generator(generator)
        np.random.set_state(states[1])


def _sibling(path: Path, suffix: str) -> Path:
    return path.with_name(f"{SCRATCH}{suffix}-{path.name}")


def _swap(path: Path, target: Path) -> None:
    old = _sibling(path, "old")
    remove_entry(old)
    move_folder(path, old, STATE_LOG)
    target.rename(path)
    remove_entry(old)


def _recover(path: Path) -> None:
    """Put an older run back that a kill between the two renames left aside."""
    before = path.with_name(f".{path.name}.old")  # of an earlier version
    for old in (_sibling(path, "old"), before):
        if not path.exists() and RunFolder(old).looks_like_a_run():
            move_folder(old, path, STATE_LOG)


def _refuse_folder(path: Path) -> None:
    """Raise `BatchExists` if ``path`` exists and is neither empty nor a run."""
    if not path.is_symlink() and not path.exists():
        return
    if RunFolder(path).looks_like_a_run() or (path.is_dir() and not path.is_symlink() and not any(path.iterdir())):
        return
    raise BatchExists(f"{path} holds something else than a run; give another save_path, or move it away.")
