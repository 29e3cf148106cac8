"""RunFolder: the folder of one run. Every file name in it, every read and every write."""

from __future__ import annotations

import functools
import math
import os
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from ..base.errors import ParameterError, ResultsMissing, SimManagerError
from ..base.paths import is_dir
from ..base.public import public
from .files import (
    SCRATCH,
    FileIn,
    move_folder,
    open_regular,
    put_in_place,
    read_regular,
    remove_entry,
    remove_scratch,
    write_new,
    write_whole,
)
from .json_file import LONGEST, json_bytes, read_json
from .metric_log import METRIC_LOG
from .not_saved import NotSaved
from .run_record import RunRecord, not_saved_of
from .state import STATE_LOG, RunState, StateHistory, begin, read_history, write_moves

_NAME = re.compile(r"run_(?P<run_id>\d+)_(?P<date>\d{2}-\d{2}-\d{4}_\d{2}-\d{2}-\d{2}-\d{3})", re.ASCII)

#: The files in the folder of a run, beside `STATE_LOG`; the properties of `RunFolder` say what is in them.
STATE_LOCK, RUN_LOG, ERROR_LOG, RECORD = "state.lock", "run.log", "error.log", "run.json"
PROGRESS, CHECKPOINT, PARAMS, THEIR_PARAMS = "progress", "checkpoint.pkl", "param.dict", "params.dict"
AGENT, ARENA, HISTORY, SUMMARY = "agent", "arena", "training_hist.dict", "summary.npz"

#: The folder for the files that a model writes itself.
ARTEFACTS = "artefacts"

#: The files that are written under a scratch name first, beside agent and arena.
_WRITTEN = (RECORD, PROGRESS, CHECKPOINT, PARAMS, HISTORY, SUMMARY)

#: The results of a run, in the order in which they are put in place.
RESULTS = (HISTORY, SUMMARY, AGENT, ARENA)

#: What an attempt leaves and a next one keeps in ``attempt_<n>/``.
_KEPT_OF_ATTEMPT = (RUN_LOG, ERROR_LOG, RECORD, SUMMARY, METRIC_LOG, ARTEFACTS)


def _is_written_by_us(name: str) -> bool:
    """Return whether a file of a run is one that we write, or that a model's own saving method writes for us."""
    return name in _WRITTEN or re.fullmatch(rf"({AGENT}|{ARENA})([._-].*)?", name) is not None


def _is_plain(path: str) -> bool:
    """Return whether a path is already what a `Path` would make of it, so that none need be made."""
    return path[:1] == os.sep and path[-1:] != os.sep and "//" not in path and "/." not in path


@public("simmanager")
class RunFolder:
    """The folder of one run.

    Parameters
    ----------
    path : path-like
        The folder; it need not exist.
    durable : bool, default False
        Force what is written to the disk (fsync) before it counts.
    """

    def __init__(self, path: Path | str, *, durable: bool = False) -> None:
        text = path if type(path) is str and _is_plain(path) else str(Path(path))
        #: Path of the folder as text: a run of a millisecond would spend a tenth of it in making path objects.
        self.text = text
        self._at = text + os.sep
        self._durable = durable
        self._present: set[str] | None = None

    @functools.cached_property
    def path(self) -> Path:
        """The folder."""
        return Path(self.text)

    def __repr__(self) -> str:
        return f"RunFolder({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RunFolder) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    @staticmethod
    def new_name(run_id: int) -> str:
        """Return a folder name for a run that is made now: ``run_0_22-11-2026_14-15-33-591`` (local time)."""
        return f"run_{run_id}_{datetime.now().strftime('%d-%m-%Y_%H-%M-%S-%f')[:-3]}"

    @staticmethod
    def run_id_of(name: str) -> int | None:
        """Return the run id in a folder name, or None if it is no name of a run."""
        match = _NAME.fullmatch(name)
        return int(match[1]) if match else None

    @staticmethod
    def age_key(name: str) -> tuple[str, ...]:
        """Return what sorts folder names of one run by the date in them."""
        match = _NAME.fullmatch(name)
        if match is None:
            return ()
        day, time = match["date"].split("_")
        return (*reversed(day.split("-")), time)

    @property
    def run_id(self) -> int | None:
        """The number of the run within its simulation; None for the folder of a single ``run_sim``."""
        return self.run_id_of(self.text.rpartition(os.sep)[2])

    @property
    def simulation_id(self) -> str:
        """The simulation it belongs to: the name of the folder above."""
        return self.text.rpartition(os.sep)[0].rpartition(os.sep)[2]

    # The files -------------------------------------------------------------------------------------------------

    state_log = FileIn(STATE_LOG, "The life of the run, one line a transition.")
    lock_file = FileIn(STATE_LOCK, "Held by whoever executes the run, as long as it lives.")
    run_log = FileIn(RUN_LOG, "What the run wrote to stdout.")
    error_log = FileIn(ERROR_LOG, "What the run wrote to stderr, with the traceback of what ended it.")
    record = FileIn(RECORD, "Seed, times, memory, versions and the outcome in words.")
    progress = FileIn(PROGRESS, "How far a long run is: two numbers; gone when it ends.")
    checkpoint = FileIn(CHECKPOINT, "Where a run that was interrupted goes on; gone when it is finished.")
    agent = FileIn(AGENT, "The trained agent.")
    arena = FileIn(ARENA, "The arena it was trained in.")
    artefacts = FileIn(ARTEFACTS, "The files that the model wrote itself (`current_run`); not there if there are none.")
    history = FileIn(HISTORY, "The training history (pickle of a dict).")
    summary = FileIn(SUMMARY, "Downsampled scalar curves (npz, no pickle).")

    @property
    def lock_path(self) -> str:
        """`lock_file` as text."""
        return self._at + STATE_LOCK

    @property
    def artefacts_path(self) -> str:
        """`artefacts` as text."""
        return self._at + ARTEFACTS

    @property
    def log_paths(self) -> tuple[str, str]:
        """`run_log` and `error_log` as text."""
        return self._at + RUN_LOG, self._at + ERROR_LOG

    @property
    def params(self) -> Path:
        """The parameters of the simulation (pickle); NeuralPlayground's file name is accepted."""
        ours = self.path / PARAMS
        theirs = self.path / THEIR_PARAMS
        return theirs if not ours.exists() and theirs.exists() else ours

    def log(self, log_type: str) -> Path:
        """Return the path of the ``"error"``, ``"run"`` or ``"state"`` log.

        Raises
        ------
        ValueError
            Another log type.
        """
        logs = {"error": self.error_log, "run": self.run_log, "state": self.state_log}
        if log_type not in logs:
            raise ParameterError(f"log_type must be 'error', 'run' or 'state', not {log_type!r}.")
        return logs[log_type]

    # States ----------------------------------------------------------------------------------------------------

    def read_history(self) -> StateHistory:
        """Read state.log."""
        return read_history(self._at + STATE_LOG)

    def move(self, history: StateHistory, *moves: tuple[RunState, str]) -> StateHistory:
        """Append moves to state.log; the caller holds the lock."""
        return write_moves(self._at + STATE_LOG, history, *moves, durable=self._durable)

    def create(self) -> None:
        """Make the folder, with the run waiting in it: it appears whole, so nobody sees it without a state."""
        parent, _, name = self.text.rpartition(os.sep)
        scratch = os.path.join(parent or os.curdir, SCRATCH + name)  # noqa: PTH118 - a hot path
        try:
            os.mkdir(scratch)  # noqa: PTH102
        except FileExistsError:  # a killed process left it
            remove_entry(scratch)
            os.mkdir(scratch)  # noqa: PTH102
        begin(f"{scratch}{os.sep}{STATE_LOG}")
        os.rename(scratch, self.text)  # noqa: PTH104

    def looks_like_a_run(self) -> bool:
        """Return whether this is a real folder (no symlink) that holds a state.log."""
        return is_dir(self.text) and not self.path.is_symlink() and os.path.lexists(self.state_log)

    # Writing ---------------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Note what the folder holds now: what is not there need not be removed before something is written.

        The caller holds the lock, and nobody else writes here. A run of a millisecond would spend much of it in
        removing files that do not exist.

        Raises
        ------
        OSError
            The folder cannot be read.
        """
        self._present = set(os.listdir(self.text))  # noqa: PTH208 - a hot path

    def remove(self, name: str) -> None:
        """Remove a file of this folder, or what is in its place, if it is there."""
        if self.may_hold(name):
            remove_entry(self._at + name)

    def may_hold(self, name: str) -> bool:
        """Return False if `look` has seen that there is no such file."""
        return self._present is None or name in self._present

    def write(self, name: str, writer: Callable[[str], None]) -> None:
        """Let ``writer`` write a scratch file, then put it in place: it appears whole or not at all.

        Parameters
        ----------
        name : str
            Name of the file in this folder.
        writer : callable
            Takes the path of the scratch file. (Paths are plain texts here: a run of a millisecond would spend a tenth
            of it in making path objects.)

        Raises
        ------
        SimManagerError
            The writer made no file at the path it was given.
        """
        self.remove(SCRATCH + name)  # a link planted there must not be written through
        write_whole(self._at, name, writer, durable=self._durable)
        if self._present is not None:
            self._present.add(name)

    def keep_extras(self, *names: str) -> None:
        """Give files that a saver wrote beside the one it was asked for ("<path>_weights.npy") their own names, too."""
        for entry in os.listdir(self.text):  # noqa: PTH208 - a hot path
            if entry.startswith(SCRATCH):
                name = entry.removeprefix(SCRATCH)
                if name.startswith(names) and name not in RESULTS:
                    put_in_place(self._at + entry, self._at + name)

    def write_bytes(self, name: str, content: bytes) -> None:
        """Write a small file whole or not at all."""
        self.write(name, lambda scratch: write_new(scratch, content))

    def write_json(self, name: str, content: dict[str, Any]) -> None:
        """Write a JSON file whole or not at all."""
        self.write_bytes(name, json_bytes(content))

    def write_record(self, record: RunRecord) -> RunRecord:
        """Write run.json whole or not at all; return what it says: parts that make it too long are left out."""
        content = record.as_json()
        provenance = content.pop("provenance")
        encoded = json_bytes(content, provenance=provenance)
        if len(encoded) > LONGEST:
            return self.write_record(record.without_longest(f"{RECORD} holds {LONGEST >> 20} MB at most"))
        self.write_bytes(RECORD, encoded)
        return record

    def set_aside_attempt(self, number: int, *, goes_on: bool = False) -> None:
        """Move what an earlier attempt leaves to ``attempt_<number>/``, and remove what it left unfinished.

        That is its logs, record, curves and, unless the run ``goes_on`` from a checkpoint, its artefacts and metrics.
        Where the run that this one replaced has left such a folder, the next number is taken.
        """
        moved = [name for name in _KEPT_OF_ATTEMPT if name not in (ARTEFACTS, METRIC_LOG) or not goes_on]
        names = [name for name in moved if os.path.lexists(self.path / name)]
        kept = self._attempt_folder(number, names)
        for name in names:
            kept.mkdir(exist_ok=True)
            move_folder(self.path / name, kept / name)
        for name in (*RESULTS, PROGRESS):
            self.remove(name)
        self.remove_scratch()

    def remove_scratch(self) -> None:
        """Remove what a killed process left half written, as far as that is possible."""
        remove_scratch(self.text, _is_written_by_us)

    def _attempt_folder(self, number: int, names: Sequence[str]) -> Path:
        while True:
            kept = self.path / f"attempt_{number}"
            if kept.is_symlink() or kept.is_file():
                kept.unlink()
            if not any(os.path.lexists(kept / name) for name in names):
                return kept
            number += 1

    def remove_logs(self) -> None:
        """Remove what is in the place of the logs, so that new ones are written to files of their own."""
        for name in (RUN_LOG, ERROR_LOG):
            self.remove(name)

    # Reading ---------------------------------------------------------------------------------------------------

    read_json = staticmethod(read_json)

    def read_log(self, log_type: str, limit: int | None = None) -> str:
        """Return the text of a log ("" if there is none); bytes that are no UTF-8 are replaced.

        Parameters
        ----------
        log_type : {"error", "run", "state"}
            Which log.
        limit : int, optional
            Read at most so many bytes, from the end.
        """
        try:
            descriptor = open_regular(self.log(log_type))
        except OSError:
            return ""
        with os.fdopen(descriptor, "rb") as file:
            if limit is not None:
                file.seek(max(os.fstat(descriptor).st_size - limit, 0))
            return file.read().decode("utf-8", "replace")

    def list_artefacts(self) -> dict[str, int]:
        """Return the files that the model wrote itself: name within `artefacts` -> bytes; links are not followed."""
        found, folders = {}, [""]
        while folders:
            within = folders.pop()
            with suppress(OSError), os.scandir(f"{self._at}{ARTEFACTS}{os.sep}{within}") as entries:
                for entry in entries:
                    name = within + entry.name
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(f"{name}{os.sep}")
                    else:
                        found[name] = entry.stat(follow_symlinks=False).st_size
        return dict(sorted(found.items()))

    def read_progress(self) -> float | None:
        """Return the fraction done of a running run, 0 to 1; None if it did not say."""
        try:
            done, total = (float(word) for word in read_regular(self.progress, 200).split()[:2])
            return min(max(done / total, 0.0), 1.0) if math.isfinite(done) and 0 < total < math.inf else None
        except (OSError, ValueError):
            return None

    def load(self, target: Path, unpickle: Callable[[BinaryIO], Any] | None = None) -> Any:
        """Unpickle a result. This runs code from the file: only for your own folders.

        One that a finished run could not save is a `NotSaved`.

        Parameters
        ----------
        target : Path
            The file.
        unpickle : callable, optional
            Instead of `pickling.load`; takes the open file.

        Raises
        ------
        ResultsMissing
            There is no such file; says in which state the run is.
        SimManagerError
            It is damaged, or a folder that only the model itself can read.
        """
        import pickle

        from .pickling import load

        try:
            with target.open("rb") as file:
                return (unpickle or load)(file)  # trusted by contract, see the docstring
        except FileNotFoundError:
            if why := not_saved_of(self.read_json(self.record)).get(target.name):
                return NotSaved(target.name, why)
            raise ResultsMissing(self._why_missing(target)) from None
        except IsADirectoryError:
            raise SimManagerError(
                f"{target} is a folder that the model's own saving method made: load it with the model's own method."
            ) from None
        except (pickle.UnpicklingError, EOFError) as error:
            raise SimManagerError(f"{target} is damaged and cannot be loaded ({error}). Rerun this run.") from error

    def _why_missing(self, target: Path) -> str:
        if not self.path.exists():
            return f"There is no run at {self.path}: the folder does not exist."
        history = self.read_history()
        if history.last is None:
            return f"{self.path} holds no {target.name!r}; it does not look like the folder of a run."
        reason = f" ({history.last.detail})" if history.state in (RunState.ERROR, RunState.INTERRUPTED) else ""
        return f"The run in {self.path} has no {target.name!r}: its state is {history.last.state.value}{reason}."
