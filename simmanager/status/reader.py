"""StatusReader: how a batch stands, from its files; reading it again costs what has changed."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import contextmanager
from pathlib import Path

from ..base.errors import BatchDamaged, BatchNotFound
from ..base.paths import why_not_listed
from ..base.public import public
from ..disk.batch_folder import BatchFolder, OpenBatch
from ..disk.batch_lock import why_paused
from ..disk.manifest import Manifest
from ..disk.run_folder import RunFolder
from ..disk.starts import StartsLog
from ..disk.state import STATE_LOG, RunState, StateHistory, parse_file, read_content
from .run_reader import GONE, WAITING, describe_now, failed_at_once, finished_at_once, peek
from .status import NO_FOLDER, BatchStatus, RunStatus, summarise_runs

_SETTLED_NS = 2_000_000_000  # age from which the time of change of a folder is trusted: a later one must differ
_FULL_LOOK_S = 30.0  # after which a refresh looks at every run that is not finished, whatever the list of starts says

#: Gives the paths of the runs of a simulation that have a folder, by run id.
_Listed = Callable[[str], Mapping[int, str]]

_NONE: Set[str] = frozenset()


class StatusReader:
    """Reads the status of a batch, of a single run, or of a folder of NeuralPlayground results, again and again."""

    def __init__(self, path: Path | str) -> None:
        self._folder = BatchFolder(Path(path))
        #: Runs that are finished, by path: their state.log says nothing new, ever.
        self._finished: dict[str, RunStatus] = {}
        #: Runs that wait or failed, by path, with the size of their state.log: unchanged as long as the size is.
        self._resting: dict[str, tuple[int, RunStatus]] = {}
        #: Runs that were started since the first look: of all others that rest, not even the size is asked.
        self._started: set[str] = set()
        self._starts_read = -1
        self._next_full_look, self._all_again = 0.0, True
        #: Run folders of each simulation, with the time at which its folder changed last.
        self._listings: dict[str, tuple[int, dict[int, str]]] = {}

    def read_open(self, batch: OpenBatch) -> BatchStatus:
        """Return how a batch stands whose lock the caller holds, before any run is started.

        Neither its manifest and listings are read again, nor the runs that were made since the lock was taken.
        """
        self._read_starts()
        return self._summary(batch.manifest, batch.run_folders, alive=True, damage=[], new_runs=batch.new_runs)

    def read(self, *, look_at_all: bool = False) -> BatchStatus:
        """Return how it stands now. Needs no lock and blocks nobody; opens only text and JSON.

        ``look_at_all`` does not rely on the list of starts, which is a hint: every unfinished run is looked at.
        """
        folder, damage = self._folder, list[str]()
        if look_at_all:
            self._next_full_look = 0.0
        manifest: Manifest | None = None
        try:
            manifest = folder.find_manifest()
        except BatchDamaged as error:
            damage.append(str(error))
        if manifest is None and not damage and os.path.lexists(folder.path / STATE_LOG):
            return self._read_single_run()
        alive = folder.is_held()
        self._read_starts()
        return self._summary(manifest, self._run_folders, alive=alive, damage=damage)

    def _summary(
        self,
        manifest: Manifest | None,
        listed: _Listed,
        *,
        alive: bool | None,
        damage: list[str],
        new_runs: Set[str] = _NONE,
    ) -> BatchStatus:
        folder = self._folder
        with _no_garbage_collection():
            runs = tuple(self._runs(manifest, listed, new_runs, damage))
            if not runs:
                why = f" {damage[0]}" if damage else folder.nearby()
                raise BatchNotFound(f"There is no batch and no run at {folder.path}.{why}")
            name = manifest.manager_id if manifest else folder.path.resolve().name
            mixed = manifest.mixed_in_words() if manifest else ()
            paused = why_paused(folder.lock_file) if alive else ""
            return summarise_runs(name, folder.path, runs, alive=alive, damage=damage, mixed=mixed, paused=paused)

    def _read_starts(self) -> None:
        """Learn which runs were started since the last look; now and then all are looked at again."""
        lines, size = StartsLog(self._folder.path).read(self._starts_read)
        now = time.monotonic()
        self._all_again = self._starts_read < 0 or size < self._starts_read or now >= self._next_full_look
        if self._all_again:
            self._next_full_look = now + _FULL_LOOK_S
            self._started.clear()
        self._starts_read = size
        self._started.update(f"{self._folder.path}/{line}" for line in lines)

    def _runs(
        self, manifest: Manifest | None, listed: _Listed, new_runs: Set[str], damage: list[str]
    ) -> Iterator[RunStatus]:
        folder, in_queue = self._folder, RunState.IN_QUEUE
        if manifest is None:  # a damaged manifest, or NeuralPlayground's folder: what is there is all we know
            for simulation_id in _simulations_on_disk(folder):
                for run_id, path in sorted(folder.run_folders(simulation_id).items()):
                    yield self._run(path, simulation_id, run_id, None, damage)
            return
        for simulation_id in manifest.simulation_ids:
            paths, parent = listed(simulation_id), str(folder.simulation(simulation_id))
            if not paths and (why := why_not_listed(parent)):
                damage.append(f"{simulation_id}: its folder {why}, so the states of its runs are not known")
            for run_id in range(manifest.runs_per_sim):
                made = paths.get(run_id)
                if made is not None and (known := self._finished.get(made)) is not None:
                    yield known
                    continue
                if made is None:  # a manifest may promise a million: nothing is worked out for these
                    yield RunStatus(simulation_id, run_id, in_queue, parent, NO_FOLDER, fraction=0.0)
                    continue
                seed = manifest.seed_of(simulation_id, run_id)
                if made in new_runs:
                    yield RunStatus(simulation_id, run_id, RunState.IN_QUEUE, made, "", seed, fraction=0.0)
                else:
                    yield self._run(made, simulation_id, run_id, seed, damage)

    def _run_folders(self, simulation_id: str) -> dict[int, str]:
        try:
            changed = os.stat(f"{self._folder.path}/{simulation_id}").st_mtime_ns  # noqa: PTH116 - a hot path
        except OSError:
            return {}
        known = self._listings.get(simulation_id)
        if known is not None and known[0] == changed:
            return known[1]
        listing = self._folder.run_folders(simulation_id)
        if time.time_ns() - changed > _SETTLED_NS:  # the next change has another time for sure
            self._listings[simulation_id] = (changed, listing)
        return listing

    def _read_single_run(self) -> BatchStatus:
        folder, damage = RunFolder(self._folder.path), list[str]()
        seed = folder.read_json(folder.record).get("seed")
        path = folder.path.resolve()
        simulation_id = path.parent.name if folder.run_id is not None else path.name
        run = self._run(str(folder.path), simulation_id, folder.run_id, seed if isinstance(seed, int) else None, damage)
        alive = run.state is RunState.RUNNING
        return summarise_runs(path.name, folder.path, (run,), alive=alive, damage=damage)

    def _run(self, path: str, simulation_id: str, run_id: int | None, seed: int | None, damage: list[str]) -> RunStatus:
        if (resting := self._resting.get(path)) is not None and self._is_unchanged(path, resting[0]):
            return resting[1]
        content = peek(f"{path}/{STATE_LOG}")
        text = content.decode("utf-8", "replace")
        if (finished := finished_at_once(text, path, simulation_id, run_id, seed)) is not None:
            self._finished[path] = finished
            return finished
        if WAITING.fullmatch(text):
            run = RunStatus(simulation_id, run_id, RunState.IN_QUEUE, path, "", seed, fraction=0.0)
        elif (failed := failed_at_once(text, path, simulation_id, run_id, seed)) is not None:
            run = failed
        else:
            known_damage = len(damage)
            content, unreadable = read_content(f"{path}/{STATE_LOG}")
            history = StateHistory((), 0, unreadable) if unreadable else parse_file(content)
            run = describe_now(path, simulation_id, run_id, seed, history, damage)
            if len(damage) > known_damage or not content:
                return run  # not kept: the damage is to be named each time
        if run.state is RunState.FINISHED:
            self._finished[path] = run
        elif run.state is not RunState.RUNNING and run.reason != GONE:
            self._resting[path] = (len(content), run)
        return run

    def _is_unchanged(self, path: str, size: int) -> bool:
        return (not self._all_again and path not in self._started) or _size_of(f"{path}/{STATE_LOG}") == size


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Turn the collector off: making a hundred thousand small records starts it again and again, for nothing."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _size_of(path: str) -> int:
    try:
        return os.lstat(path).st_size
    except OSError:
        return -1


def _simulations_on_disk(folder: BatchFolder) -> list[str]:
    try:
        with os.scandir(folder.path) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except OSError:
        return []


@public("simmanager")
def read_status(path: Path | str) -> BatchStatus:
    """Read the status of a batch, of a single run, or of a folder of NeuralPlayground results.

    Needs no lock and blocks nobody; opens only text and JSON.

    Parameters
    ----------
    path : path-like
        Its folder.

    Raises
    ------
    BatchNotFound
        There is nothing of that kind.
    """
    return StatusReader(path).read()
