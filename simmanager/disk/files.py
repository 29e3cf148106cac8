"""Files that appear whole or not at all: written under another name, forced to the disk if wanted, put in place."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

from ..base.errors import SimManagerError

#: Files are written under a name with this prefix first; what bears it is never a result. It does not begin with a dot:
#: PyTorch takes the name for an empty one, then, and saves nothing.
SCRATCH = "~part-"

#: What scratch files may begin with: earlier versions wrote under the other.
SCRATCHES = (SCRATCH, ".part-")


def put_in_place(scratch: str, target: str) -> None:
    """Give a file its final name; whatever is there is replaced.

    Raises
    ------
    SimManagerError
        There is no scratch file: whoever was to write it did not, or to another name.
    """
    try:
        os.replace(scratch, target)  # noqa: PTH105 - a hot path
    except FileNotFoundError:
        raise SimManagerError(
            f"Saving {Path(target).name!r} wrote no file at the path it was given (does it add a file ending?)."
        ) from None
    except OSError:
        if not Path(target).is_dir() or Path(target).is_symlink():
            raise
        import shutil

        shutil.rmtree(target)  # a folder is in the way
        Path(scratch).replace(target)


def write_whole(folder: str, name: str, writer: Callable[[str], None], *, durable: bool = False) -> None:
    """Let ``writer`` write a scratch file, then put it in place: it appears whole or not at all.

    Parameters
    ----------
    folder : str
        The folder, with a separator at its end.
    name : str
        Name of the file in it.
    writer : callable
        Takes the path of the scratch file, which does not exist.
    durable : bool, default False
        Force it to the disk (fsync).

    Raises
    ------
    SimManagerError
        The writer made no file at the path it was given.
    """
    scratch = f"{folder}{SCRATCH}{name}"
    try:
        writer(scratch)
        if durable:
            sync(Path(scratch))
        put_in_place(scratch, folder + name)
        if durable:
            sync_entry(Path(folder))
    except BaseException:
        for leftover in Path(folder).glob(f"{SCRATCH}{name}*"):  # a saver may have added a file ending
            remove_entry(leftover)
        raise


def write_file(path: Path, content: bytes) -> None:
    """Write a small file whole or not at all."""
    remove_entry(path.with_name(SCRATCH + path.name))  # a link planted there must not be written through
    write_whole(f"{path.parent}{os.sep}", path.name, lambda scratch: write_new(scratch, content))


def remove_scratch(folder: Path | str) -> None:
    """Remove scratch files that a killed process left in a folder."""
    with os.scandir(folder) as entries:
        leftovers = [entry.path for entry in entries if entry.name.startswith(SCRATCHES)]
    for leftover in leftovers:
        remove_entry(leftover)


def sync(path: Path) -> None:
    """Force a file, or all of a folder, to the disk."""
    for inner in path.rglob("*") if path.is_dir() else ():
        sync_entry(inner)
    sync_entry(path)


def sync_entry(path: Path) -> None:
    """Force one file, or the names in a folder, to the disk."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return  # the saver wrote nothing: `put_in_place` will raise
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_new(path: str, content: bytes) -> None:
    """Write a file, following no symbolic link."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o666)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]
    finally:
        os.close(descriptor)


def remove_entry(path: Path | str) -> None:
    """Remove a file, a link or a folder, if it is there."""
    try:
        os.unlink(path)  # noqa: PTH108 - a hot path
    except FileNotFoundError:
        return
    except (IsADirectoryError, PermissionError):  # a folder (macOS says that it is not permitted)
        if not Path(path).is_dir() or Path(path).is_symlink():
            raise
        import shutil

        shutil.rmtree(path, ignore_errors=True)


#: Bytes read at a time.
_CHUNK = 1 << 16


def open_regular(path: Path | str) -> int:
    """Open a file for reading; return its descriptor. Never waits, never follows a symbolic link.

    Raises
    ------
    OSError
        It is missing, a link, a folder, a pipe or a device, or cannot be read.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    return descriptor


def read_regular(path: Path | str, limit: int) -> bytes:
    """Return the first ``limit`` bytes of a file; as careful as `open_regular`, and raises as it does."""
    descriptor = open_regular(path)
    try:
        pieces = []
        while limit > 0 and (piece := os.read(descriptor, min(limit, _CHUNK))):
            pieces.append(piece)
            limit -= len(piece)
        return b"".join(pieces)
    finally:
        os.close(descriptor)
