"""The parameters of a run, param.dict: large ones are kept once for all runs of a simulation."""

from __future__ import annotations

import os
from pathlib import Path

from .files import SCRATCH, put_in_place, read_regular, remove_entry, write_new
from .run_folder import PARAMS, RunFolder

#: Parameters of so many bytes or more are shared.
SHARE_FROM = 1 << 18

#: The shared copy, in the folder of a simulation. It is not the recipe, which no run can reach.
SHARED = ".params"


def write_params(run: RunFolder, content: bytes, recipe: Path) -> None:
    """Write param.dict of a run.

    Where the parameters are large, it is a hard link to a copy that the runs of a simulation share: it is read, moved
    and copied as any file. The copy can only be read, so that whoever opens it for writing is refused; `save_params`
    puts a file of its own in the place of the link. Should it be changed all the same (by the superuser), the recipe is
    as it was, and the next run starts a new copy.

    Parameters
    ----------
    run : RunFolder
        The run; the caller holds its lock.
    content : bytes
        The pickled recipe.
    recipe : Path
        Where it was read: only runs that are beside it share.

    Raises
    ------
    OSError
        It cannot be written.
    """
    if len(content) < SHARE_FROM or recipe.parent != run.path.parent:
        run.write_bytes(PARAMS, content)
        return
    shared = str(recipe.parent / SHARED)
    try:
        if not _holds(shared, content):
            _share(shared, content)
        run.remove(PARAMS)  # to rename one link to another of the same file does nothing
        run.write(PARAMS, lambda scratch: os.link(shared, scratch, follow_symlinks=False))
    except OSError:  # a file system without links, or one that has no room for a copy more
        run.write_bytes(PARAMS, content)


def _holds(path: str, content: bytes) -> bool:
    try:
        return read_regular(path, len(content) + 1) == content
    except OSError:
        return False


def _share(shared: str, content: bytes) -> None:
    """Put a copy in place that cannot be written, unless another worker has just done the same."""
    folder, _, name = shared.rpartition(os.sep)
    scratch = f"{folder}{os.sep}{SCRATCH}{name}-{os.getpid()}"
    try:
        write_new(scratch, content)
        os.chmod(scratch, 0o444)  # noqa: PTH101
        try:
            os.link(scratch, shared, follow_symlinks=False)
        except FileExistsError:
            if not _holds(shared, content):
                put_in_place(scratch, shared)
    finally:
        remove_entry(scratch)
