"""A debugger in a process that has no terminal: the run says how to debug it instead."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Any, NoReturn

from ..base.current_run import current_run
from ..base.errors import SimulationError
from ..disk.run_folder import RunFolder


def advice(folder: Path | str) -> str:
    """Return the command that debugs a run; it can be pasted."""
    run = RunFolder(folder)
    batch = str(run.path.absolute().parent.parent)
    return shlex.join(["simmanager", "debug", batch, run.simulation_id, str(run.run_id)])


def breakpoint_in_worker(*arguments: Any, **options: Any) -> Any:
    """Stand in for ``breakpoint()``: end the run with the command that debugs it.

    A debugger of the user's own (PYTHONBREAKPOINT), which may have another terminal, is called as usual.

    Raises
    ------
    SimulationError
        Says how to debug.
    """
    run = current_run()
    if not run or os.environ.get("PYTHONBREAKPOINT"):
        return sys.__breakpointhook__(*arguments, **options)
    refuse_breakpoint(run.run_folder)


def refuse_breakpoint(folder: Path | str) -> NoReturn:
    """End a run that called ``breakpoint()`` where nobody can answer.

    Raises
    ------
    SimulationError
        Says how to debug.
    """
    raise SimulationError(f"breakpoint() has no terminal here: {advice(folder)}")


def is_debuggers_end(error: BaseException) -> bool:
    """Return whether an error is how a debugger ends, by ``quit`` or since it can read nothing."""
    kind = type(error)
    return (kind.__module__, kind.__name__) == ("bdb", "BdbQuit")
