"""StatusReader: how a batch stands, from its files; reading it again costs what has changed."""

from __future__ import annotations

import gc
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..base.clock import seconds_between, utc_now
from ..base.errors import BatchDamaged, BatchNotFound
from ..base.public import public
from ..disk.batch_folder import BatchFolder
from ..disk.locks import is_held
from ..disk.manifest import Manifest
from ..disk.run_folder import RECORD, STATE_LOCK, RunFolder
from ..disk.run_record import number_of, run_seed
from ..disk.state import STATE_LOG, RunState, StateHistory, parse_file, read_content, read_history
from .status import BatchStatus, RunStatus, summarise_runs

#: Age (ns) from which the time of change of a folder is trusted: a later change must get another one.
_SETTLED_NS = 2_000_000_000

#: Seconds after which a refresh looks at every run that is not finished, whatever the list of starts says.
_FULL_LOOK_S = 30.0

_GONE = "its process is gone"

# Looked up once: a member of an enumeration costs as much as taking a line apart.
_FINISHED = RunState.FINISHED

# The whole state.log of a run that has not been started.
_WAITING = re.compile(r"[\dTZ:.-]{1,30}\tin_queue\t\n", re.ASCII)

_STARTED_ONCE = (
    r"[\dTZ:.-]{1,30}\tin_queue\t\n"
    r"(?P<started>[\dTZ:.-]{1,30})\trunning\tattempt=1 pid=(?P<pid>\d{1,10}) host=(?P<host>[\w.-]+)\n"
)

# The whole state.log of a run that finished at its first attempt: most runs, read without taking the lines apart.
_FINISHED_AT_ONCE = re.compile(
    _STARTED_ONCE + r"(?P<ended>[\dTZ:.-]{1,30})\tfinished\t"
    r"duration_s=(?P<duration>\d{1,12}\.\d{1,9}) cpu_s=(?P<cpu>\d{1,12}\.\d{1,9}) "
    r"peak_mb=(?P<peak>\d{1,12}\.\d{1,9})\n",
    re.ASCII,
)

# The same of a run that failed at its first attempt.
_FAILED_AT_ONCE = re.compile(
    _STARTED_ONCE + r"(?P<ended>[\dTZ:.-]{1,30})\terror\t(?P<reason>[^\x00-\x1f]*)\n", re.ASCII
)


class StatusReader:
    """Reads the status of a batch, again and again.

    Parameters
    ----------
    path : path-like
        A batch, a single run, or a folder of NeuralPlayground results.
    """

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

    def read(self) -> BatchStatus:
        """Return how it stands now. Needs no lock and blocks nobody; opens only text and JSON.

        Raises
        ------
        BatchNotFound
            There is nothing of that kind.
        """
        folder, damage = self._folder, list[str]()
        manifest: Manifest | None = None
        try:
            manifest = folder.find_manifest()
        except BatchDamaged as error:
            damage.append(str(error))
        if manifest is None and not damage and os.path.lexists(folder.path / STATE_LOG):
            return self._read_single_run()
        alive = folder.is_held()
        self._read_starts()
        with _no_garbage_collection():
            runs = tuple(self._runs(manifest, damage))
            if not runs:
                raise BatchNotFound(f"There is no batch and no run at {folder.path}.{folder.nearby()}")
            name = manifest.manager_id if manifest else folder.path.resolve().name
            mixed = manifest.mixed_in_words() if manifest else ()
            return summarise_runs(name, folder.path, runs, alive=alive, damage=damage, mixed=mixed)

    def _read_starts(self) -> None:
        """Learn which runs were started since the last look; now and then all are looked at again."""
        lines, size = self._folder.read_starts(self._starts_read)
        now = time.monotonic()
        self._all_again = self._starts_read < 0 or size < self._starts_read or now >= self._next_full_look
        if self._all_again:
            self._next_full_look = now + _FULL_LOOK_S
            self._started.clear()
        self._starts_read = size
        self._started.update(f"{self._folder.path}/{line}" for line in lines)

    def _runs(self, manifest: Manifest | None, damage: list[str]) -> Iterator[RunStatus]:
        folder = self._folder
        if manifest is None:  # a damaged manifest, or NeuralPlayground's folder: what is there is all we know
            for simulation_id in _simulations_on_disk(folder):
                for run_id, path in sorted(folder.run_folders(simulation_id).items()):
                    yield self._run(path, simulation_id, run_id, None, damage)
            return
        for simulation_id in manifest.simulation_ids:
            paths = self._run_folders(simulation_id)
            for run_id in range(manifest.runs_per_sim):
                made = paths.get(run_id)
                if made is not None and (known := self._finished.get(made)) is not None:
                    yield known
                    continue
                seed = run_seed(manifest.seed, simulation_id, run_id)
                if made is not None:
                    yield self._run(made, simulation_id, run_id, seed, damage)
                    continue
                yield RunStatus(
                    simulation_id,
                    run_id,
                    RunState.IN_QUEUE,
                    str(folder.simulation(simulation_id)),
                    "it has no folder yet",
                    seed,
                    fraction=0.0,
                )

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
        content = _peek(f"{path}/{STATE_LOG}")
        text = content.decode("utf-8", "replace")
        if (finished := _finished_at_once(text, path, simulation_id, run_id, seed)) is not None:
            self._finished[path] = finished
            return finished
        if _WAITING.fullmatch(text):
            run = RunStatus(simulation_id, run_id, RunState.IN_QUEUE, path, "", seed, fraction=0.0)
        elif (failed := _failed_at_once(text, path, simulation_id, run_id, seed)) is not None:
            run = failed
        else:
            known_damage = len(damage)
            content, unreadable = read_content(f"{path}/{STATE_LOG}")
            history = StateHistory((), 0, unreadable) if unreadable else parse_file(content)
            run = _describe_now(path, simulation_id, run_id, seed, history, damage)
            if len(damage) > known_damage or not content:
                return run  # not kept: the damage is to be named each time
        if run.state is RunState.FINISHED:
            self._finished[path] = run
        elif run.state is not RunState.RUNNING and run.reason != _GONE:
            self._resting[path] = (len(content), run)
        return run

    def _is_unchanged(self, path: str, size: int) -> bool:
        return (not self._all_again and path not in self._started) or _size_of(f"{path}/{STATE_LOG}") == size


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Keep the collector asleep: making a hundred thousand small records wakes it again and again, for nothing."""
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


#: A state.log of so many bytes or more is not read at a first glance.
_GLANCE = 1024

_READ_ONLY = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


def _peek(path: str) -> bytes:
    """Return all of a short file, b"" if it is longer or there is anything strange about it: one look for most runs."""
    try:
        descriptor = os.open(path, _READ_ONLY)
    except OSError:
        return b""
    try:
        content = os.read(descriptor, _GLANCE)
        return content if len(content) < _GLANCE else b""
    except OSError:
        return b""
    finally:
        os.close(descriptor)


def _finished_at_once(
    text: str, path: str, simulation_id: str, run_id: int | None, seed: int | None
) -> RunStatus | None:
    match = _FINISHED_AT_ONCE.fullmatch(text)
    if match is None:
        return None
    started, pid, host, ended, duration, cpu, peak = match.groups()
    return RunStatus(
        simulation_id,
        run_id,
        _FINISHED,
        path,
        "",
        seed,
        1,
        started,
        ended,
        float(duration),
        float(cpu),
        float(peak),
        1.0,
        int(pid),
        host,
    )


def _failed_at_once(text: str, path: str, simulation_id: str, run_id: int | None, seed: int | None) -> RunStatus | None:
    match = _FAILED_AT_ONCE.fullmatch(text)
    if match is None:
        return None
    started, pid, host, ended, reason = match.groups()
    numbers = _numbers(RunFolder.read_json(f"{path}/{RECORD}"), started, ended)
    state = RunState.ERROR
    return RunStatus(
        simulation_id, run_id, state, path, reason, seed, 1, started, ended, *numbers, None, int(pid), host
    )


def _numbers(facts: Mapping[str, Any], started: str, ended: str) -> tuple[float | None, float | None, float | None]:
    """Return duration, processor time and peak memory of a run that is over."""
    duration = number_of(facts, "duration_s")
    if duration is None:
        duration = seconds_between(started, ended)
    return duration, number_of(facts, "cpu_s"), number_of(facts, "peak_mb")


def _simulations_on_disk(folder: BatchFolder) -> list[str]:
    try:
        with os.scandir(folder.path) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except OSError:
        return []


def _describe_now(
    path: str, simulation_id: str, run_id: int | None, seed: int | None, history: StateHistory, damage: list[str]
) -> RunStatus:
    """Return the status of a run; one that is running with a free lock, and no move in between, has no process."""
    while (
        history.state is RunState.RUNNING and history.last and history.last.when and not is_held(f"{path}/{STATE_LOCK}")
    ):
        again = read_history(f"{path}/{STATE_LOG}")
        if again.size == history.size:
            run = _describe(path, simulation_id, run_id, seed, again)
            return run._replace(state=RunState.INTERRUPTED, reason=_GONE)
        history = again
    if history.damage:
        damage.append(f"{simulation_id} run {run_id}: {history.damage}")
    return _describe(path, simulation_id, run_id, seed, history)


def _describe(path: str, simulation_id: str, run_id: int | None, seed: int | None, history: StateHistory) -> RunStatus:
    last = history.last
    if last is None:
        return RunStatus(simulation_id, run_id, RunState.IN_QUEUE, path, history.damage, seed, fraction=0.0)
    attempts = history.attempts
    started = history.started
    facts = _facts(history)
    if last.state is RunState.RUNNING:
        elapsed = seconds_between(started, utc_now())
        fraction = RunFolder(path).read_progress()
        return RunStatus(
            simulation_id,
            run_id,
            last.state,
            path,
            "",
            seed,
            attempts,
            started,
            "",
            elapsed,
            None,
            None,
            fraction,
            *_place(facts),
        )
    if last.state is RunState.IN_QUEUE:
        return RunStatus(simulation_id, run_id, last.state, path, "", seed, attempts, fraction=0.0)
    reason = "" if last.state is RunState.FINISHED else last.detail
    if "duration_s" not in facts:  # failed runs say why in state.log; the numbers are in run.json
        facts = {**RunFolder.read_json(f"{path}/{RECORD}"), **facts}
    fraction = 1.0 if last.state is RunState.FINISHED else None
    return RunStatus(
        simulation_id,
        run_id,
        last.state,
        path,
        reason,
        seed,
        attempts or 1,
        started,
        last.when,
        *_numbers(facts, started, last.when),
        fraction,
        *_place(facts),
    )


def _facts(history: StateHistory) -> dict[str, Any]:
    """Return the ``name=value`` words of the last ``running`` and ``finished`` lines."""
    facts: dict[str, Any] = {}
    for transition in history.transitions[-2:]:
        if transition.state in (RunState.RUNNING, RunState.FINISHED):
            for word in transition.detail.split():
                name, _, value = word.partition("=")
                facts[name] = _number(value)
    return facts


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _place(facts: dict[str, Any]) -> tuple[int | None, str]:
    pid = number_of(facts, "pid")
    host = facts.get("host", "")
    return (int(pid) if pid is not None else None), (host if isinstance(host, str) else str(host))


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
