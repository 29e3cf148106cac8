"""Files that appear whole or not at all: written under another name, forced to the disk if wanted, put in place."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.errors import SimManagerError

#: Files are written under a name with this prefix first; a name that begins so is never a result, nor anybody else's.
#: It does not begin with a dot: PyTorch takes the name for an empty one, then, and saves nothing.
SCRATCH = "~simmanager-part-"

#: The same of earlier versions: others may use them, too.
OLD_SCRATCHES = ("~part-", ".part-")


class FileIn(property):
    """An attribute that is the path of a file in the ``path`` of its object; ``help()`` shows what is in the file."""

    def __init__(self, name: str, content: str) -> None:
        super().__init__(lambda folder: folder.path / name)
        self.__doc__ = content

    if TYPE_CHECKING:

        def __get__(self, folder: Any, kind: Any = None, /) -> Path: ...  # type: ignore[override]


def put_in_place(scratch: str, target: str) -> None:
    """Give a file its final name; whatever is there is replaced. Raise `SimManagerError` if nobody wrote the file."""
    try:
        os.replace(scratch, target)  # noqa: PTH105 - a hot path
    except FileNotFoundError:
        raise SimManagerError(
            f"Saving {Path(target).name!r} wrote no file at the path it was given (does it add a file ending?)."
        ) from None
    except OSError:
        if not Path(target).is_dir() or Path(target).is_symlink():
            raise
        remove_tree(target)  # a folder is in the way
        Path(scratch).replace(target)


def write_whole(folder: str, name: str, writer: Callable[[str], None], *, durable: bool = False) -> None:
    """Let ``writer`` write a scratch file, then put it in place: it appears whole or not at all.

    The ``folder`` has a separator at its end; ``writer`` takes a path at which there is nothing yet and makes a file
    there, else `SimManagerError` is raised; ``durable`` forces the file to the disk (fsync).
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


def is_scratch(name: str, is_ours: Callable[[str], bool]) -> bool:
    """Return whether a name is that of a scratch file of ours.

    Those of earlier versions are, if ``is_ours`` says that it knows the name that the file would have got.
    """
    if name.startswith(SCRATCH):
        return True
    return any(name.startswith(prefix) and is_ours(name.removeprefix(prefix)) for prefix in OLD_SCRATCHES)


def remove_scratch(folder: Path | str, is_ours: Callable[[str], bool]) -> list[str]:
    """Remove scratch files that a killed process left in a folder; return in words what could not be removed."""
    with os.scandir(folder) as entries:
        leftovers = [entry.path for entry in entries if is_scratch(entry.name, is_ours)]
    return remove_all(leftovers)


def remove_all(paths: Iterable[Path | str]) -> list[str]:
    """Remove files and folders; return in words what could not be removed."""
    failed = []
    for path in paths:
        try:
            remove_entry(path)
        except OSError as error:
            inner = os.path.basename(str(error.filename or path))  # noqa: PTH119 - may be a name alone
            where = "" if inner == os.path.basename(path) else f"{inner}: "  # noqa: PTH119
            failed.append(f"{path} cannot be removed ({where}{error.strerror or error})")
    return failed


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


def open_to_append(path: Path | str) -> int:
    """Open a file to write behind what it holds; a link or a pipe in its place is an OSError."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
    return os.open(path, flags, 0o666)


def remove_entry(path: Path | str) -> None:
    """Remove a file, a link or a folder, if it is there; `OSError` if anything stays."""
    try:
        os.unlink(path)  # noqa: PTH108 - a hot path
    except FileNotFoundError:
        return
    except (IsADirectoryError, PermissionError):  # a folder (macOS says that it is not permitted)
        if not Path(path).is_dir() or Path(path).is_symlink():
            raise
        remove_tree(path)


def remove_tree(path: Path | str) -> None:
    """Remove a folder with all that is in it, also folders that must not be written; `OSError` if anything stays."""
    import shutil

    try:
        shutil.rmtree(path)
    except OSError:
        _make_writable(path)
        shutil.rmtree(path)


def let_owner_write(folder: Path | str) -> None:
    """Let its owner write in a folder, as far as that is possible; what others may stays."""
    with suppress(OSError):
        os.chmod(folder, stat.S_IMODE(os.stat(folder).st_mode) | stat.S_IRWXU)  # noqa: PTH101, PTH116


def _make_writable(folder: Path | str) -> None:
    """Let its owner write in a folder, and in those within."""
    let_owner_write(folder)
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                _make_writable(entry.path)


def move_folder(source: Path, target: Path, first: str = "") -> None:
    """Rename a folder; where that is not possible (one of a container image, say), copy it, whole or not at all.

    ``first`` is what is removed first of the source, then, if anybody could take the rest for whole without it.
    """
    try:
        _rename(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        import shutil

        scratch = target.with_name(SCRATCH + target.name)
        remove_entry(scratch)
        try:
            shutil.copytree(source, scratch, symlinks=True)
            scratch.rename(target)
        except BaseException:
            remove_entry(scratch)
            raise
        if first:
            remove_entry(source / first)
        remove_tree(source)


def _rename(source: Path, target: Path) -> None:
    """Rename, also a folder that must not be written: the entry of the folder above is in it."""
    try:
        source.rename(target)
    except PermissionError:
        if source.is_symlink() or not source.is_dir():
            raise
        mode = stat.S_IMODE(source.stat().st_mode)
        let_owner_write(source)
        try:
            source.rename(target)
        except OSError:
            source.chmod(mode)
            raise
        target.chmod(mode)


#: Bytes read at a time.
_CHUNK = 1 << 16


def open_regular(path: Path | str) -> int:
    """Open a file for reading; return its descriptor. Never waits; links, folders, pipes and devices are an OSError."""
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
