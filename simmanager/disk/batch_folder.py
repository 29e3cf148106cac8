"""BatchFolder: the folder of a batch. Its manifest, its lock, where the runs are; and the batch whose lock is held."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.advice import command
from ..base.errors import (
    BatchBusy,
    BatchDamaged,
    BatchNotFound,
    BatchNotWritable,
    ParameterError,
    UnsafeName,
    suggest,
)
from ..base.paths import is_file
from .batch_lock import CHANGE_LOCK, LOCK, Signature, is_held_by_its_signer, owner, sign, why_paused
from .batch_log import BATCH_LOG
from .files import FileIn, is_scratch, read_regular, remove_scratch, write_file
from .frozen import FROZEN_TIMES
from .json_file import json_bytes
from .listing import RECIPE, Listing, is_remain, list_runs
from .locks import LockHeld, is_held, take_batch_lock, who_holds
from .manifest import SAFE_NAME, Manifest
from .orders import ORDERS
from .run_folder import RunFolder
from .shared_params import SHARED
from .starts import STARTS

if TYPE_CHECKING:
    from filelock import FileLock

#: How often a batch is tried to be held, or changed beside the manager that holds it, while managers come and go.
_TRIES = 5

#: Seconds to wait for another process that changes the batch.
_CHANGE_PATIENCE_S = 60.0

#: The files in the folder of a batch.
MANIFEST, STOP_REQUEST = "manager.json", "stop.request"
REPORT, SETUP = "report.html", "setup.pkl"

#: The code of the batch as it was (see `sources`); a part of that in folders of earlier versions.
SOURCES, OLD_SOURCES = "sources.json", "code.json"

#: Names in the folder of a batch that no simulation may have; the demo draws into "figures".
RESERVED = (
    *(MANIFEST, LOCK, CHANGE_LOCK, BATCH_LOG, STOP_REQUEST, ORDERS, STARTS, FROZEN_TIMES),
    *(REPORT, SETUP, SOURCES, OLD_SOURCES, "figures"),
)

#: Bytes of a manifest that are read; longer ones count as damaged.
_LONGEST_MANIFEST = 1 << 28

#: Entries of a folder that are looked at for batches, and how many of those found are named.
_LOOKED_AT, _NAMED = 1000, 5


class BatchFolder:
    """The folder of a batch; it need not exist."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        #: Simulations of which was said, through this object, that their runs use older code than the session has.
        self.told_of_old_code: set[str] = set()

    manifest_file = FileIn(MANIFEST, "manager.json.")
    lock_file = FileIn(LOCK, "Held by the manager that runs the batch; its text says who that is.")
    change_lock_file = FileIn(CHANGE_LOCK, "Held by whoever changes what the batch consists of.")
    stop_request = FileIn(STOP_REQUEST, 'Made while a manager with a Dask cluster stops: "finish" or "now".')
    setup_file = FileIn(SETUP, "The pickled function that each worker calls before its first run, if there is one.")

    def simulation(self, simulation_id: str) -> Path:
        """Return the folder of a simulation."""
        return self.path / simulation_id

    def own_simulation(self, simulation_id: str) -> Path:
        """Return the folder of a simulation, to write or remove in it; raise `BatchDamaged` if it is a link."""
        folder = self.simulation(simulation_id)
        if folder.is_symlink():
            raise BatchDamaged(f"{folder} is a symbolic link; a batch neither writes nor removes through links.")
        return folder

    def recipe(self, simulation_id: str) -> Path:
        """Return the path of the pickled recipe of a simulation."""
        return self.path / simulation_id / RECIPE

    # Manifest --------------------------------------------------------------------------------------------------

    def read_manifest(self) -> Manifest:
        """Read manager.json; raise `BatchNotFound`, which names batches nearby, or `BatchDamaged`."""
        if (manifest := self.find_manifest()) is None:
            raise BatchNotFound(f"There is no batch at {self.path} (no manager.json in it).{self.nearby()}")
        return manifest

    def find_manifest(self) -> Manifest | None:
        """Read manager.json; None if there is no batch here, `BatchDamaged` if the file cannot be read."""
        try:
            return Manifest.from_json(json.loads(read_regular(self.manifest_file, _LONGEST_MANIFEST)))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except PermissionError as error:
            raise BatchDamaged(f"{self.manifest_file} cannot be read ({error.strerror}).") from None
        except (OSError, ValueError, RecursionError, UnsafeName) as error:
            raise BatchDamaged(f"{self.manifest_file} is damaged: {error}.") from None

    def nearby(self) -> str:
        """Return in words which batches are in this folder, or which beside it is meant perhaps; "" if none."""
        if inside := _batches_in(self.path):
            more = ", ..." if len(inside) > _NAMED else ""
            return f" Batches in it: {', '.join(inside[:_NAMED])}{more}."
        return suggest(self.path.name, _batches_in(self.path.absolute().parent))

    def write_manifest(self, manifest: Manifest) -> Manifest:
        """Replace manager.json atomically, and return what will be read from it.

        Raises `ParameterError`, and writes nothing, if that cannot be read: there are too many runs, say.
        """
        content = json_bytes(manifest.as_json())
        try:
            if len(content) > _LONGEST_MANIFEST:
                raise ValueError(f"the parameters take more than {_LONGEST_MANIFEST >> 20} MB; put them into files")
            kept = Manifest.from_json(json.loads(content))
        except ValueError as error:
            raise ParameterError(f"{self.manifest_file} cannot be written: {error}.") from error
        write_file(self.manifest_file, content)
        return kept

    def write_recipe(self, simulation_id: str, content: bytes) -> None:
        """Replace the pickled recipe of a simulation atomically."""
        folder = self.own_simulation(simulation_id)
        folder.mkdir(exist_ok=True)
        write_file(self.recipe(simulation_id), content)

    def write_setup(self, content: bytes | None) -> None:
        """Write the pickled set-up function, or remove that of an earlier batch."""
        if content is None:
            self.setup_file.unlink(missing_ok=True)
        else:
            write_file(self.setup_file, content)

    def holds_only_remains(self) -> bool:
        """Return whether the folder holds nothing but what a killed creation of a batch leaves."""
        for entry in self.path.iterdir():
            if entry.name in (LOCK, CHANGE_LOCK, SETUP, SOURCES, OLD_SOURCES) or is_scratch(
                entry.name, RESERVED.__contains__
            ):
                continue
            if entry.is_symlink() or not entry.is_dir():
                return False
            if any(f.name not in (RECIPE, SHARED) and not is_remain(f.name) for f in entry.iterdir()):
                return False
        return True

    def remove_scratch(self) -> list[str]:
        """Remove what a killed process left half written; return in words what could not be removed."""
        return remove_scratch(self.path, RESERVED.__contains__)

    # Runs ------------------------------------------------------------------------------------------------------

    def run_folders(self, simulation_id: str) -> dict[int, str]:
        """Return the path of each run of a simulation that has a folder; of two with one id, the newer."""
        return self.listing(simulation_id).runs

    def listing(self, simulation_id: str) -> Listing:
        """List the folder of a simulation."""
        return list_runs(f"{self.path}{os.sep}{simulation_id}")

    # The lock --------------------------------------------------------------------------------------------------

    @contextmanager
    def held(self, batch_id: str = "") -> Iterator[OpenBatch]:
        """Hold the batch: one manager at a time. Yields what it consists of, kept current as long as it is held.

        Raises `BatchBusy`, which names the manager that holds it, `BatchNotFound` without a folder or if it is not the
        batch of this id, `BatchNotWritable` if the lock cannot be made, `BatchDamaged` if manager.json cannot be read.
        """
        with ExitStack() as locks:
            try:
                lock = self._take(self.lock_file, 0.5)
            except LockHeld:
                raise BatchBusy(self._why_busy()) from None
            locks.callback(lock.release)
            batch = self._to_change(batch_id, locks)
            batch.signature = sign(self.lock_file)
            yield batch

    @contextmanager
    def held_or_beside(self, batch_id: str = "") -> Iterator[OpenBatch]:
        """Hold the batch as `held` does; or, while a manager runs it, what others may add to it (`is_beside`)."""
        with ExitStack() as locks:
            for _ in range(_TRIES):
                batch = self._to_change(batch_id, locks) if self.is_held() else self._held_now(batch_id, locks)
                if batch is not None and (batch.signature.pid or self.is_held()):
                    batch.is_beside = not batch.signature.pid
                    yield batch
                    return
                locks.close()  # managers come and go: it is looked again
            raise BatchBusy(self._why_busy())

    def _held_now(self, batch_id: str, locks: ExitStack) -> OpenBatch | None:
        with suppress(BatchBusy):  # somebody was quicker
            return locks.enter_context(self.held(batch_id))
        return None

    def _take(self, lock: Path, timeout: float) -> FileLock:
        if not self.path.is_dir():  # filelock would make it
            raise BatchNotFound(f"There is no batch at {self.path}: the folder does not exist.{self.nearby()}")
        try:
            return take_batch_lock(lock, timeout)
        except LockHeld:
            raise
        except OSError as error:
            raise BatchNotWritable(f"{self.path} cannot be written ({error.strerror or error}).") from error

    def _to_change(self, batch_id: str, locks: ExitStack) -> OpenBatch:
        """Hold what the batch consists of, and return it."""
        try:
            lock = self._take(self.change_lock_file, _CHANGE_PATIENCE_S)
        except LockHeld:
            who = who_holds(self.change_lock_file)
            raise BatchBusy(f"Another process is changing this batch: {who}. Wait, then try again.") from None
        locks.callback(lock.release)
        batch = OpenBatch(self, lock.release)
        if batch_id and batch.is_made and batch.manifest.batch_id != batch_id:
            raise BatchNotFound(
                f"The batch of this manager is not at {self.path} any more; another one is in its place. "
                "Give its folder as it is now: SimulationManager(existing_simulation=...)."
            )
        return batch

    def _why_busy(self) -> str:
        if is_held(self.lock_file) and is_held_by_its_signer(self.lock_file):
            end = f"Wait for it, look with {command('status', self.path)} or end it with {command('stop', self.path)}"
            if why_paused(self.lock_file):
                end = f"It pauses; let it go on with {command('resume', self.path)}"
            return f"Another manager is running this batch: {self.owner()}. {end}"
        who = who_holds(self.lock_file)
        return f"The lock of this batch, {self.lock_file}, is held by {who}. End that process, or wait; then try again."

    def owner(self) -> str:
        """Return in words who holds the lock of the batch, or, if nobody does, who was the last."""
        return owner(self.lock_file)

    def is_held(self) -> bool | None:
        """Return whether a manager is running this batch; None if its lock may not be opened, so nobody can tell."""
        return is_held(self.lock_file)

    # The wish to stop, for those who supervise runs on other machines --------------------------------------------

    def request_stop(self, *, now: bool, who: str = "") -> None:
        """Let them know that the manager stops: after the runs at hand, or at once. Raises `OSError`.

        ``who`` says in words by whom runs are ended; "": the user asks.
        """
        write_file(self.stop_request, f"{'now' if now else 'finish'} {who}".encode())

    def requested_stop(self) -> str:
        """Return "", "finish" or "now"."""
        return self._stop_request()[0]

    def who_stops(self) -> str:
        """Return in words by whom runs are ended; "": the user asked."""
        return self._stop_request()[1]

    def _stop_request(self) -> tuple[str, str]:
        try:
            text = read_regular(self.stop_request, 200).decode("utf-8", "replace")
        except OSError:
            return "", ""
        mode, _, who = text.partition(" ")
        return (mode, who) if mode in ("finish", "now") else ("", "")

    def clear_stop_request(self) -> None:
        """Forget it."""
        with suppress(OSError):  # missing, or no file at all
            self.stop_request.unlink()


class OpenBatch:
    """A batch whose lock is held here: its manifest and the listings of its runs, each read once.

    Nobody else changes them while the lock is held, so what this object writes is all that keeps them current.
    """

    def __init__(self, folder: BatchFolder, allow_changes: Callable[[], None] = lambda: None) -> None:
        self.folder = folder
        #: Lets other processes add to the batch from now on; here it is not changed any more.
        self.allow_changes = allow_changes
        #: Whether a manager runs the batch meanwhile: it may get more, but nothing of it may be changed.
        self.is_beside = False
        #: What the lock says of us.
        self.signature = Signature()
        self._manifest = folder.find_manifest()
        self._listings: dict[str, Listing] = {}
        #: Device and inode of a manager.json that is known to be that of this batch.
        self._seen = (-1, -1)
        #: Paths of the runs that were made since the lock was taken: all of them wait.
        self.new_runs: set[str] = set()

    @property
    def is_made(self) -> bool:
        """Whether there is a batch; False for a folder that is to become one."""
        return self._manifest is not None

    @property
    def manifest(self) -> Manifest:
        """What manager.json says; `BatchNotFound` if there is no batch in the folder."""
        return self._manifest or self.folder.read_manifest()

    @property
    def simulation_ids(self) -> list[str]:
        """The ids of the simulations, in the order of the list."""
        return self.manifest.simulation_ids

    def write_manifest(self, manifest: Manifest) -> None:
        """Replace manager.json; what is kept is what will be read from it."""
        self._manifest = self.folder.write_manifest(manifest)

    def read_again(self) -> None:
        """Take note of what another process has added to the batch, which may do so while this one executes it."""
        self._manifest = self.folder.find_manifest() or self._manifest
        self._listings.clear()

    def why_not_there(self) -> str:
        """Return "" as long as this batch is in its folder, else in words what has become of it."""
        try:
            seen = self.folder.manifest_file.stat()
            if (seen.st_dev, seen.st_ino) == self._seen:
                return ""
            if self.folder.read_manifest().batch_id != self.manifest.batch_id:
                return "it was moved away, and another batch is in its place"
            self._seen = seen.st_dev, seen.st_ino
        except (OSError, BatchNotFound, BatchDamaged):  # without a manifest that can be read, it may still be this one
            return "" if self.folder.path.is_dir() else "it was moved away, or removed"
        return ""

    def run_folders(self, simulation_id: str) -> dict[int, str]:
        """Return the path of each run of a simulation that has a folder, by run id."""
        return self._listing(simulation_id).runs

    def remains(self, simulation_id: str) -> list[str]:
        """Return the names of what a killed process left half written or half removed among the runs."""
        return self._listing(simulation_id).remains

    def _listing(self, simulation_id: str) -> Listing:
        if simulation_id not in self._listings:
            self._listings[simulation_id] = self.folder.listing(simulation_id)
        return self._listings[simulation_id]

    def runs(self, simulation_id: str) -> list[RunFolder]:
        """Return the runs of a simulation that have a folder, by run id."""
        return [RunFolder(path) for _, path in sorted(self.run_folders(simulation_id).items())]

    def add_run(self, simulation_id: str, run_id: int) -> RunFolder:
        """Make the folder of a run, with the run waiting in it; it takes the place of one with the same id."""
        path = f"{self.folder.path}{os.sep}{simulation_id}{os.sep}{RunFolder.new_name(run_id)}"
        folder = RunFolder(path)
        folder.create()
        self.run_folders(simulation_id)[run_id] = path
        self.new_runs.add(path)
        return folder


def _batches_in(folder: Path) -> list[str]:
    """Return the names of the batches in a folder."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in islice(entries, _LOOKED_AT)]
    except OSError:
        return []
    return sorted(name for name in names if SAFE_NAME.fullmatch(name) and is_file(folder / name / MANIFEST))
