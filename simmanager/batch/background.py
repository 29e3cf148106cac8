"""A batch that goes on in a process of its own: started from Python, and the handle to look, wait, pause and stop."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..base.errors import ParameterError, SimManagerError
from ..base.import_path import python_path
from ..base.public import public
from ..disk.batch_folder import BatchFolder
from ..disk.batch_log import BATCH_LOG, open_log
from ..dispatch.worker_process import python_program
from ..status.progress_bar import show_until_over
from ..status.reader import read_status
from ..status.status import BatchStatus
from .asking import AsksManager

#: Seconds between two looks while `BatchHandle.wait` waits.
_TICK_S = 0.2

#: What the process is: it takes a request as JSON on stdin, and answers on stdout before it goes on alone.
PROGRAM = "simmanager.batch.background_process"


@public("simmanager")
class BatchHandle(AsksManager):
    """A batch that a process of its own executes; see `SimulationManager.start`. It may be made anew at any time.

    Parameters
    ----------
    path : path-like
        The folder of the batch.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._folder = BatchFolder(self.path)

    @property
    def log(self) -> Path:
        """The file that has what the process says."""
        return self.path / BATCH_LOG

    def status(self) -> BatchStatus:
        """Return how the batch stands now."""
        return read_status(self.path)

    def wait(self, timeout: float | None = None) -> BatchStatus:
        """Wait until no process executes the batch any more, and return how it stands.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait at most.

        Raises
        ------
        TimeoutError
            It is still executed.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while self._folder.is_held() is not False:
            if deadline is not None and time.monotonic() >= deadline:
                raise TimeoutError(f"The batch at {self.path} is still executed after {timeout:g} s.")
            time.sleep(_TICK_S)
        return self.status()

    def resume(self, n_jobs: int | None = None) -> str:
        """End a pause.

        Parameters
        ----------
        n_jobs : int, optional
            So many runs at a time from now on.

        Returns
        -------
        str
            What the manager says.
        """
        if n_jobs is not None:
            self.jobs(n_jobs)
        return self._ask("resume")

    def __repr__(self) -> str:
        return f"<BatchHandle {self.path}: {self.status().headline}>"

    def _ipython_display_(self) -> None:
        """Show in a notebook how the batch stands, kept current until it ends; other cells go on meanwhile."""
        if not show_until_over(self.path):
            print(repr(self))

    def _repr_html_(self) -> str:
        return self.status()._repr_html_()


def start_in_background(folder: BatchFolder, options: Mapping[str, Any]) -> BatchHandle:
    """Execute a batch that is made in a new process and session, and return once its first run has begun.

    Raises
    ------
    ParameterError
        An option cannot be told to another process.
    SimManagerError
        The batch cannot be executed, or the process cannot be started; says why.
    """
    if "on_event" in options:
        raise ParameterError("start() takes no on_event: the runs are executed by another process. Use run_all().")
    request = {"path": str(folder.path), "options": dict(options)}
    with open_log(folder.path) as log:
        process = subprocess.Popen(
            [python_program(), "-P", "-m", PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": python_path()},
        )
        answer, _ = process.communicate(json.dumps(request).encode())  # until it goes on alone
    try:
        error = json.loads(answer)["error"]
    except (ValueError, KeyError):
        error = f"the process that was to execute it ended, see {folder.path / BATCH_LOG}"
    if error:
        raise SimManagerError(f"The batch was not started: {error}")
    return BatchHandle(folder.path)
