"""starts.log: which runs of a batch were started, so that whoever watches it reads only those again."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from .files import open_regular
from .run_folder import RunFolder

#: Against links and pipes in the place of the file.
_CAREFUL = os.O_NOFOLLOW | os.O_NONBLOCK

#: Bytes that are read at a time.
_AT_ONCE = 1 << 24

#: Name of the list in the folder of a batch.
STARTS = "starts.log"


class StartsLog:
    """One line per started run of a batch. A hint, not a record.

    Parameters
    ----------
    batch : Path
        The folder of the batch.
    """

    def __init__(self, batch: Path) -> None:
        self.path = batch / STARTS

    def begin(self) -> bool:
        """Make the list, if there is none; return whether it was made now: nothing of the batch was started before."""
        with suppress(OSError):
            os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _CAREFUL, 0o666))
            return True
        return False

    def read(self, offset: int) -> tuple[list[str], int]:
        """Return what was noted behind ``offset`` (``simulation_id/run folder``), and where to go on.

        Parameters
        ----------
        offset : int
            Bytes that are known; negative: nothing is read, only where to go on.

        Returns
        -------
        (list of str, int)
            The place is -1 if there is no such list.
        """
        try:
            with os.fdopen(open_regular(self.path), "rb") as file:
                size = os.fstat(file.fileno()).st_size
                if offset < 0 or size <= offset:
                    return [], size
                file.seek(offset)
                content = file.read(_AT_ONCE)
        except OSError:  # no list, or something else in its place: it cannot say what has changed
            return [], -1
        complete = content[: content.rfind(b"\n") + 1]
        return complete.decode("utf-8", "replace").split("\n")[:-1], offset + len(complete)


def note_start(run: RunFolder) -> None:
    """Note that a run of a batch is about to start, if such a list is kept; a failure is no reason not to run it.

    Noted before the move: who reads the note reads the state of that run again until it sees the move.
    """
    above, _, name = run.text.rpartition(os.sep)
    batch, _, simulation = above.rpartition(os.sep)
    with suppress(OSError):
        descriptor = os.open(f"{batch}{os.sep}{STARTS}", os.O_WRONLY | os.O_APPEND | _CAREFUL)
        try:
            os.write(descriptor, f"{simulation}{os.sep}{name}\n".encode())
        finally:
            os.close(descriptor)
