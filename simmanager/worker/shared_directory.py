"""What runs leave in the working directory that all of them share: noticed, and named."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress

from ..base.provenance import working_directory
from ..disk.batch_folder import MANIFEST
from ..disk.run_folder import RunFolder

#: What appears there by itself.
_NOT_OF_A_RUN = ("__pycache__",)

#: Names that are told at most.
_TOLD = 20


class SharedDirectory:
    """The working directory of the runs, looked through only when its time of change has moved."""

    def __init__(self) -> None:
        self.path = working_directory()
        #: What appeared during the last run.
        self.wrote: list[str] = []
        self._changed = -1
        self._names: set[str] = set()
        self._look()

    def watching(
        self, capture: Callable[[RunFolder], AbstractContextManager[None]]
    ) -> Callable[[RunFolder], AbstractContextManager[None]]:
        """Return a way to capture the output of a run that also names, in its run.log, what it left here."""

        @contextmanager
        def watched(folder: RunFolder) -> Iterator[None]:
            with capture(folder):
                self._look()
                try:
                    yield
                finally:
                    self.wrote = sorted(filter(self._is_of_a_run, self._look()))[:_TOLD]
                    if self.wrote:
                        self._say(folder)

        return watched

    def _look(self) -> set[str]:
        """Return the names that were not here at the last look."""
        try:
            changed = os.stat(self.path).st_mtime_ns  # noqa: PTH116 - a hot path
            if changed == self._changed:
                return set()
            names = set(os.listdir(self.path))  # noqa: PTH208
        except OSError:
            return set()
        new, self._changed, self._names = names - self._names, changed, names
        return new

    def _is_of_a_run(self, name: str) -> bool:
        is_batch = os.path.exists(os.path.join(self.path, name, MANIFEST))  # noqa: PTH110, PTH118
        return not name.startswith(".") and name not in _NOT_OF_A_RUN and not is_batch

    def _say(self, folder: RunFolder) -> None:
        with suppress(Exception):  # the run may have closed or replaced it
            sys.stdout.flush()
        text = f"simmanager: while this run was executed, {', '.join(self.wrote)} appeared in {self.path}, "
        with suppress(OSError):
            os.write(1, f"{text}the directory that all runs share\n".encode(errors="backslashreplace"))


def advice(wrote: Sequence[str], path: str) -> str:
    """Return what to tell a user whose runs left files in the directory that all of them share."""
    shown = ", ".join(wrote[:5]) + (", ..." if len(wrote) > 5 else "")
    return (
        f"note: runs wrote {shown} into {path}, the directory that all runs share: one may overwrite or read what "
        'another wrote. SingleSim(..., cwd="run"), or --cwd run, gives each its own: simmanager.current_run().folder.'
    )
