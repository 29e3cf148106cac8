"""Run a run again, elsewhere, and see whether it gives the same values, or even the same bytes."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..base import import_path
from ..base.errors import BatchDamaged, BatchExists, ResultsMissing
from ..base.provenance import changes_since, provenance_of
from ..base.public import public
from ..disk.batch_folder import BatchFolder
from ..disk.run_folder import ARTEFACTS, PARAMS, RECORD, RESULTS, SUMMARY, RunFolder
from ..disk.run_record import not_saved_of
from ..disk.state import RunState
from ..dispatch.run_options import RunOptions
from ..dispatch.slots import Slots
from ..dispatch.stop import Stop
from ..dispatch.supervision import Job, supervise
from ..dispatch.worker_process import WorkerSettings
from ..status.run_facts import find_run
from ..worker.session import session_of
from ..worker.task import Outcome, Task
from .same_values import same_files

#: Verdicts about a result; the last: neither of the runs could save it.
SAME, SAME_VALUES, OTHER, MISSING, NOT_SAVED = "same", "same values", "other", "missing", "not saved"

#: How they are told, where that is more than the word.
_IN_WORDS = {SAME_VALUES: "the same values; the bytes differ (as those of a class by value do)"}

#: Bytes hashed at a time.
_CHUNK = 1 << 20


@public("simmanager")
@dataclass(frozen=True, slots=True)
class Reproduction:
    """What came of running a run again.

    Parameters
    ----------
    original, copy : Path
        Folders of the two; that of the copy is gone unless it was asked for.
    state : str
        `RunState` keyword that the copy ended with.
    reason : str
        Why, if it did not finish.
    files : dict
        Name of each result, and of each file that the model wrote itself -> ``"same"`` (the bytes are), ``"same
        values"`` (other bytes: a class that travelled by value has a random name, say), ``"other"``, ``"missing"``, or
        ``"not saved"`` where the original could not be saved either.
    curves : dict
        History key -> largest absolute difference of its summaries, for keys that differ; infinity where they cannot be
        compared.
    changes : tuple of str
        In what the program differs from the one of the original, in words.
    """

    original: Path
    copy: Path
    state: str
    reason: str
    files: dict[str, str]
    curves: dict[str, float]
    changes: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether all results hold the same values."""
        return self.state == RunState.FINISHED.value and set(self.files.values()) <= {SAME, SAME_VALUES, NOT_SAVED}

    @property
    def same_bytes(self) -> bool:
        """Whether all results are the same, byte by byte."""
        return self.state == RunState.FINISHED.value and set(self.files.values()) <= {SAME, NOT_SAVED}

    def __str__(self) -> str:
        lines = [f"{name}: {_IN_WORDS.get(verdict, verdict)}" for name, verdict in self.files.items()]
        lines += [f"  {key}: differs by {largest:g}" for key, largest in self.curves.items()]
        lines += [f"note: {change}" for change in self.changes]
        if self.state != RunState.FINISHED.value:
            lines.append(f"The copy ended as {self.state}: {self.reason}")
        elif self.same:
            lines.append(f"Reproduced: the same {'bytes' if self.same_bytes else 'values'}.")
        else:
            lines.append("NOT reproduced.")
        return "\n".join(lines)


@public("simmanager")
def reproduce(run: RunFolder | Path | str, copy: Path | str | None = None) -> Reproduction:
    """Run a finished run again, with the same parameters and seed, and compare the results.

    They are compared byte by byte, and where the bytes differ by the values in them. This unpickles the
    parameters and results and runs their code: only for your own folders.

    Parameters
    ----------
    run : RunFolder or path-like
        The run, or ``BATCH/SIMULATION/RUN_ID``; it is not touched. The folders from which the modules of its batch were
        imported are appended to ``sys.path``.
    copy : path-like, optional
        Folder for the new results; it must not exist. A temporary one by default.

    Raises
    ------
    ResultsMissing
        The run is not finished, or its parameters or seed are missing.
    BatchNotFound, UnknownName
        There is no such run.
    BatchExists
        The folder for the copy is there already.
    """
    original = run if isinstance(run, RunFolder) else find_run(run)
    folder, session = BatchFolder(original.path.absolute().parent.parent), dict[str, Any]()
    with suppress(BatchDamaged):
        batch = folder.find_manifest()
        kept = batch.provenance if batch is not None else {}
        import_path.extend_sys_path(kept)
        session = session_of(folder, kept, original.simulation_id)
    record = original.read_json(original.record)
    seed = record.get("seed")
    if original.read_history().state is not RunState.FINISHED:
        raise ResultsMissing(f"The run in {original.path} is not finished: there is nothing to compare with.")
    if not isinstance(seed, int) or isinstance(seed, bool) or not original.params.is_file():
        raise ResultsMissing(f"{original.path} lacks its seed ({RECORD}) or its parameters ({PARAMS}).")
    with _folder_for(copy) as target:
        before = _dict(record, "provenance")
        entry = _dict(before, "simulation")
        threads = before.get("threads_per_run")
        threads = threads if isinstance(threads, int) and threads > 0 else 1
        now = {**provenance_of([entry], threads), "simulation": dict(entry)}
        task = Task(str(target.path), str(original.params.absolute()), seed, provenance=now, session=session)
        outcome = _run_again(task, threads)
        written = sorted({*original.list_artefacts(), *target.list_artefacts()})
        files = {
            name: _compared(original, target, name) for name in (*RESULTS, *(f"{ARTEFACTS}/{name}" for name in written))
        }
        curves = _curve_differences(original, target) if files[SUMMARY] == OTHER else {}
        changes = tuple(changes_since({**before, "versions": record.get("versions")}, now))
        return Reproduction(original.path, target.path, outcome.state, outcome.reason, files, curves, changes)


def _dict(record: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = record.get(name)
    return value if isinstance(value, Mapping) else {}


@contextmanager
def _folder_for(copy: Path | str | None) -> Iterator[RunFolder]:
    """Return the folder of a run that waits; a temporary one is removed afterwards."""
    if copy is not None:
        path = Path(copy).absolute()
        if path.exists() or path.is_symlink():
            raise BatchExists(f"{path} is there already; give a folder that does not exist.")
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = RunFolder(path)
        folder.create()
        yield folder
        return
    parent = Path(tempfile.mkdtemp(prefix="simmanager-"))
    try:
        folder = RunFolder(parent / "copy")
        folder.create()
        yield folder
    finally:
        shutil.rmtree(parent, ignore_errors=True)


def _run_again(task: Task, threads: int) -> Outcome:
    slots = Slots(WorkerSettings(threads_per_run=threads, flags=tuple(task.session.get("flags", ()))))
    try:
        return supervise(Job(task, RunOptions()), slots, Stop())
    finally:
        slots.close()


def _compared(original: RunFolder, copy: RunFolder, name: str) -> str:
    one, other = original.path / name, copy.path / name
    if all(name in not_saved_of(run.read_json(run.record)) for run in (original, copy)):
        return NOT_SAVED
    if not (one.exists() and other.exists()):
        return MISSING
    if _hashes(one) == _hashes(other):
        return SAME
    return SAME_VALUES if same_files(one, other) else OTHER


def _hashes(path: Path) -> dict[str, bytes]:
    """Return the hash of a file, or of each file in a folder (a model may save itself as one), by its name in there."""
    files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
    found = {}
    for file in files:
        digest = hashlib.sha256()
        with file.open("rb") as content:
            while chunk := content.read(_CHUNK):
                digest.update(chunk)
        found[str(file.relative_to(path))] = digest.digest()
    return found


def _curve_differences(original: RunFolder, folder: RunFolder) -> dict[str, float]:
    import numpy as np

    from ..results.summary_reader import read_summary

    one, other = read_summary(original.summary), read_summary(folder.summary)
    found: dict[str, float] = {}
    for key in one.keys() | other.keys():
        a, b = one.get(key), other.get(key)
        if a is None or b is None or a.shape != b.shape:
            found[key] = float("inf")
        elif not np.array_equal(a, b, equal_nan=True):
            found[key] = float(np.nanmax(np.abs(np.subtract(a.astype(float), b.astype(float)))))
    return dict(sorted(found.items()))
