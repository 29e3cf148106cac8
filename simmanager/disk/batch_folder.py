"""BatchFolder: the folder of a batch. Its manifest, its locks, and where the runs are."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path

from ..base.advice import command
from ..base.clock import utc_now
from ..base.errors import BatchBusy, BatchDamaged, BatchNotFound, BatchNotWritable, UnsafeName, suggest
from .files import open_regular, read_regular
from .locks import LockHeld, is_held, take_lock
from .manifest import _SAFE_NAME, Manifest
from .run_folder import SCRATCH, RunFolder

#: Flags against links and pipes in the place of a file.
_NO_SURPRISE = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


#: The files in the folder of a batch.
MANIFEST, LOCK, STOP_REQUEST, STARTS, REPORT = "manager.json", "batch.lock", "stop.request", "starts.log", "report.html"

#: The source of the code that travels with its recipes, and what was not committed: hash or folder -> text.
SOURCES = "sources.json"

#: The file in the folder of a simulation.
RECIPE = "simulation.pkl"

#: Names in the folder of a batch that no simulation may have; the demo draws into "figures".
RESERVED = (MANIFEST, LOCK, STOP_REQUEST, STARTS, REPORT, SOURCES, "figures")

#: Bytes of a manifest that are read; longer ones count as damaged.
_LONGEST_MANIFEST = 1 << 28

#: Entries of a folder that are looked at for batches, and how many of those found are named.
_LOOKED_AT, _NAMED = 1000, 5

#: Bytes of the list of starts that are read at a time.
_STARTS_AT_ONCE = 1 << 24


class BatchFolder:
    """The folder of a batch.

    Parameters
    ----------
    path : path-like
        The folder; it need not exist.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)

    @property
    def manifest_file(self) -> Path:
        """manager.json."""
        return self.path / MANIFEST

    @property
    def lock_file(self) -> Path:
        """Held by the manager that runs the batch; its text says who that is."""
        return self.path / LOCK

    @property
    def stop_request(self) -> Path:
        """Made by ``simmanager stop``: "finish" or "now"."""
        return self.path / STOP_REQUEST

    def simulation(self, simulation_id: str) -> Path:
        """Return the folder of a simulation."""
        return self.path / simulation_id

    def own_simulation(self, simulation_id: str) -> Path:
        """Return the folder of a simulation, to write or remove something in it.

        Raises
        ------
        BatchDamaged
            It is a symbolic link: what it points to is not part of the batch.
        """
        folder = self.simulation(simulation_id)
        if folder.is_symlink():
            raise BatchDamaged(f"{folder} is a symbolic link; a batch neither writes nor removes through links.")
        return folder

    def recipe(self, simulation_id: str) -> Path:
        """Return the path of the pickled recipe of a simulation."""
        return self.path / simulation_id / RECIPE

    # Manifest --------------------------------------------------------------------------------------------------

    def read_manifest(self) -> Manifest:
        """Read manager.json.

        Raises
        ------
        BatchNotFound
            There is no batch here; names those nearby.
        BatchDamaged
            The file is there but cannot be read.
        """
        if (manifest := self.find_manifest()) is None:
            raise BatchNotFound(f"There is no batch at {self.path} (no manager.json in it).{self.nearby()}")
        return manifest

    def find_manifest(self) -> Manifest | None:
        """Read manager.json; None if there is no batch here.

        Raises
        ------
        BatchDamaged
            The file is there but cannot be read.
        """
        try:
            return Manifest.from_json(json.loads(read_regular(self.manifest_file, _LONGEST_MANIFEST)))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError, RecursionError, UnsafeName) as error:
            raise BatchDamaged(f"{self.manifest_file} is damaged: {error}.") from None

    def nearby(self) -> str:
        """Return in words which batches are in this folder, or which beside it is meant perhaps; "" if none."""
        if inside := _batches_in(self.path):
            more = ", ..." if len(inside) > _NAMED else ""
            return f" Batches in it: {', '.join(inside[:_NAMED])}{more}."
        return suggest(self.path.name, _batches_in(self.path.absolute().parent))

    def write_manifest(self, manifest: Manifest) -> None:
        """Replace manager.json atomically."""
        RunFolder(self.path).write_json(self.manifest_file.name, manifest.as_json())

    def write_recipe(self, simulation_id: str, content: bytes) -> None:
        """Replace the pickled recipe of a simulation atomically."""
        folder = self.own_simulation(simulation_id)
        folder.mkdir(exist_ok=True)
        RunFolder(folder).write_bytes(self.recipe(simulation_id).name, content)

    @property
    def sources_file(self) -> Path:
        """Source texts, kept once for the whole batch."""
        return self.path / SOURCES

    def read_sources(self) -> dict[str, str]:
        """Return the kept texts by hash of their content, or by folder of a repository; {} if there are none."""
        content = RunFolder.read_json(self.sources_file)
        return {name: text for name, text in content.items() if isinstance(text, str)}

    def keep_sources(self, texts: Mapping[str, str]) -> None:
        """Add source texts to those that are kept."""
        kept = self.read_sources()
        if new := {name: text for name, text in texts.items() if name not in kept}:
            RunFolder(self.path).write_json(SOURCES, {**kept, **new})

    def holds_only_remains(self) -> bool:
        """Return whether the folder holds nothing but what a killed creation of a batch leaves."""
        for entry in self.path.iterdir():
            if entry.name in (LOCK, SOURCES) or entry.name.startswith(SCRATCH):
                continue
            if entry.is_symlink() or not entry.is_dir():
                return False
            if any(f.name != RECIPE and not f.name.startswith(SCRATCH) for f in entry.iterdir()):
                return False
        return True

    # Runs ------------------------------------------------------------------------------------------------------

    def run_folders(self, simulation_id: str) -> dict[int, str]:
        """Return the path of each run of a simulation that has a folder; of two with one id, the newer."""
        found: dict[int, str] = {}
        folder = f"{self.path}{os.sep}{simulation_id}"
        try:
            entries = os.scandir(folder)
        except OSError:
            return {}
        with entries:
            for entry in entries:
                run_id = RunFolder.run_id_of(entry.name)
                if run_id is None or not entry.is_dir(follow_symlinks=False):
                    continue
                if run_id in found and RunFolder.age_key(entry.name) < RunFolder.age_key(found[run_id]):
                    continue
                found[run_id] = entry.name
        return {run_id: f"{folder}/{name}" for run_id, name in found.items()}

    # Starts ----------------------------------------------------------------------------------------------------

    @property
    def starts_file(self) -> Path:
        """One line per started run: tells watchers what to read again. A hint, not a record."""
        return self.path / STARTS

    def begin_starts(self) -> None:
        """Make the list of starts, if there is none."""
        with suppress(OSError):
            os.close(os.open(self.starts_file, os.O_WRONLY | os.O_CREAT | _NO_SURPRISE, 0o666))

    def read_starts(self, offset: int) -> tuple[list[str], int]:
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
            with os.fdopen(open_regular(self.starts_file), "rb") as file:
                size = os.fstat(file.fileno()).st_size
                if offset < 0 or size <= offset:
                    return [], size
                file.seek(offset)
                content = file.read(_STARTS_AT_ONCE)
        except OSError:  # no list, or something else in its place: it cannot say what has changed
            return [], -1
        complete = content[: content.rfind(b"\n") + 1]
        return complete.decode("utf-8", "replace").split("\n")[:-1], offset + len(complete)

    # Locks -----------------------------------------------------------------------------------------------------

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the batch: one manager at a time.

        Raises
        ------
        BatchBusy
            Another manager holds it; names its host, pid and since when.
        BatchNotFound
            The folder does not exist.
        BatchNotWritable
            The lock cannot be made.
        """
        if not self.path.is_dir():  # filelock would make it
            raise BatchNotFound(f"There is no batch at {self.path}: the folder does not exist.{self.nearby()}")
        try:
            lock = take_lock(self.lock_file, timeout=0.5)
        except LockHeld:
            raise BatchBusy(
                f"Another manager is running this batch: {self.owner()}. Wait for it, look with "
                f"{command('status', self.path)} or end it with {command('stop', self.path)}"
            ) from None
        except OSError as error:
            raise BatchNotWritable(f"{self.path} cannot be written ({error.strerror or error}).") from error
        try:
            self._sign()
            yield
        finally:
            lock.release()

    def _sign(self) -> None:
        import socket

        text = json.dumps({"host": socket.gethostname(), "pid": os.getpid(), "since": utc_now()})
        with suppress(OSError):  # a full disk: the lock itself holds all the same
            descriptor = os.open(self.lock_file, os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0))
            try:
                os.ftruncate(descriptor, 0)
                os.write(descriptor, text.encode())
            finally:
                os.close(descriptor)

    def owner(self) -> str:
        """Return who took the lock of the batch last, in words."""
        content = RunFolder.read_json(self.lock_file)
        if not content:
            return "an unknown process"
        return f"process {content.get('pid')} on {content.get('host')}, since {content.get('since')}"

    def is_held(self) -> bool:
        """Return whether a manager is running this batch."""
        return is_held(self.lock_file)

    # Stop requests ---------------------------------------------------------------------------------------------

    def request_stop(self, *, now: bool) -> None:
        """Ask the manager that runs the batch to stop: after the runs at hand, or at once."""
        RunFolder(self.path).write_bytes(self.stop_request.name, b"now" if now else b"finish")

    def requested_stop(self) -> str:
        """Return "", "finish" or "now"."""
        try:
            text = read_regular(self.stop_request, 10).decode("ascii", "replace")
        except OSError:
            return ""
        return text if text in ("finish", "now") else ""

    def clear_stop_request(self) -> None:
        """Forget an answered request."""
        with suppress(OSError):  # missing, or no file at all
            self.stop_request.unlink()


def note_start(run: RunFolder) -> None:
    """Note that a run of a batch is about to start, if such a list is kept; a failure is no reason not to run it.

    Noted before the move: who reads the note reads the state of that run again until it sees the move.
    """
    parent = run.path.parent
    with suppress(OSError):
        descriptor = os.open(f"{parent.parent}{os.sep}{STARTS}", os.O_WRONLY | os.O_APPEND | _NO_SURPRISE)
        try:
            os.write(descriptor, f"{parent.name}{os.sep}{run.path.name}\n".encode())
        finally:
            os.close(descriptor)


def _batches_in(folder: Path) -> list[str]:
    """Return the names of the batches in a folder."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in islice(entries, _LOOKED_AT)]
    except OSError:
        return []
    return sorted(name for name in names if _SAFE_NAME.fullmatch(name) and (folder / name / MANIFEST).is_file())
