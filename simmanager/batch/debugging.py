"""Run a run again in this process, with a debugger at its error."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path

from ..base import import_path
from ..base.errors import BatchDamaged, ResultsMissing
from ..base.user_frames import lines_known, users_frame
from ..disk.batch_folder import BatchFolder
from ..disk.run_folder import RunFolder
from ..disk.sources import kept_sources
from ..worker.attempt import execute_run
from ..worker.capture import errors_to_log
from ..worker.no_terminal import is_debuggers_end, refuse_breakpoint
from ..worker.preparation import prepare
from ..worker.session import session_of
from ..worker.task import Outcome, Task


def debug(run: RunFolder) -> Outcome:
    """Run a run again in this process, with the same parameters and seed, and with ``pdb`` at its error.

    Its folder is not touched: what it writes goes to a temporary one. What it prints is printed here. Without a
    terminal its traceback is printed, and that there is none. This unpickles the parameters and runs their code: only
    for your own folders.

    Parameters
    ----------
    run : RunFolder
        The run, whatever its state.

    Returns
    -------
    Outcome
        How it ended this time.

    Raises
    ------
    ResultsMissing
        Its parameters or its seed are not known.
    """
    task, session = _task_of(run)
    has_terminal = sys.stdin is not None and sys.stdin.isatty()
    sources = kept_sources(Path(task.recipe))
    with tempfile.TemporaryDirectory(prefix="simmanager-") as parent, lines_known(sources):
        folder = RunFolder(Path(parent) / run.path.parent.name / run.path.name)
        folder.path.parent.mkdir()
        folder.create()
        with nullcontext() if has_terminal else _no_breakpoints(run):
            outcome, error = execute_run(
                Task(str(folder.path), task.recipe, task.seed, provenance=task.provenance),
                capture=errors_to_log,
                prepare=partial(prepare, session),
            )
        if error is not None and not has_terminal:
            print("There is no terminal here for pdb: run this in one to look around at the error.", file=sys.stderr)
        elif error is not None and not is_debuggers_end(error):
            import pdb

            print(f"pdb at {outcome.reason} (q leaves, h helps)")
            pdb.post_mortem(users_frame(error, sources))
    return outcome


def _task_of(run: RunFolder) -> tuple[Task, dict[str, object]]:
    """Return what is to be done once more, and the session of the batch."""
    record = run.read_json(run.record)
    seed, recipe, session = record.get("seed"), run.params, dict[str, object]()
    batch, manifest = BatchFolder(run.path.absolute().parent.parent), None
    with suppress(BatchDamaged):
        manifest = batch.find_manifest()
    if manifest is not None:
        name = run.path.absolute().parent.name
        import_path.extend_sys_path(manifest.provenance)
        session = session_of(batch, manifest.provenance, name)
        seed = manifest.seed_of(name, run.run_id or 0) if not isinstance(seed, int) else seed
        recipe = recipe if recipe.is_file() else batch.recipe(name)
    if not isinstance(seed, int) or not recipe.is_file():
        raise ResultsMissing(f"{run.path} lacks its seed or its parameters: it cannot be run again.")
    return Task(str(run.path), str(recipe.absolute()), seed), session


@contextmanager
def _no_breakpoints(run: RunFolder) -> Iterator[None]:
    before = sys.breakpointhook
    sys.breakpointhook = lambda *_, **__: refuse_breakpoint(run.path)
    try:
        yield
    finally:
        sys.breakpointhook = before
