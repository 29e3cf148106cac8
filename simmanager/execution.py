"""One run, from its recipe to its verdict: the only place where science meets the disk."""

from __future__ import annotations

import os
import pickle
import signal
import socket
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import checkpoint, progress
from .capture import descriptors_to_logs
from .errors import InvalidTransition, SimManagerError, SimulationError
from .isolation import MemoryLimit, Meter, seed_everything
from .locking import LockHeld, take_lock
from .pickling import dump
from .record import RunRecord, loaded_versions, number_of
from .run_folder import RESULTS, RunFolder
from .state import RunState, StateHistory, one_line, open_regular
from .summary import write_summary

#: Seconds to wait for the lock of a run; pollers hold it for microseconds.
LOCK_PATIENCE_S = 2.0

#: Seconds between two notes of how far a run is.
PROGRESS_INTERVAL_S = 1.0

#: States in which a run may be executed (again).
EXECUTABLE = (RunState.IN_QUEUE.value, RunState.RUNNING.value, RunState.INTERRUPTED.value)


@dataclass(frozen=True, slots=True)
class Task:
    """What a worker is told: small plain data, everything else is on disk.

    Parameters
    ----------
    folder : str
        The folder of the run.
    recipe : str
        Path of the pickled recipe.
    seed : int
        Seed of the run.
    execute : tuple of str
        States from which it may be executed; ``running`` means that its process is gone (its lock is free).
    memory_limit_mb : float or None
        Limit on the memory the run may add, in MB.
    checkpoint_every_s : float or None
        Seconds between two checkpoints; None: none are saved.
    durable : bool
        Force results and states to the disk (fsync) before they count.
    provenance : dict
        Goes into run.json.
    """

    folder: str
    recipe: str
    seed: int
    execute: tuple[str, ...] = EXECUTABLE
    memory_limit_mb: float | None = None
    checkpoint_every_s: float | None = None
    durable: bool = False
    provenance: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended: small plain data.

    Parameters
    ----------
    state : str
        `RunState` keyword, or "" if it was not executed and its state is not known (another process holds it).
    reason : str
        Last line of what went wrong, or "".
    executed : bool
        False if there was nothing to do.
    duration_s : float or None
        Wall time.
    attempt : int
        How many times it was started so far.
    leftovers : str
        What it left alive in the worker, in words.
    bound : bool
        True if the worker is fit only for this recipe from now on: its modules changed the process on import.
    """

    state: str
    reason: str = ""
    executed: bool = False
    duration_s: float | None = None
    attempt: int = 0
    leftovers: str = ""
    bound: bool = False


Capture = Callable[[RunFolder], AbstractContextManager[None]]


def _nothing(_recipe: bytes) -> None:
    """Do nothing."""


def execute_run(
    task: Task, *, capture: Capture = descriptors_to_logs, loaded: Callable[[bytes], None] = _nothing
) -> tuple[Outcome, BaseException | None]:
    """Execute a run and write how it ended; never raises for what the run does.

    The lock of the run is held from before ``running`` until after the verdict. A finished run is not executed again.

    Parameters
    ----------
    task : Task
        Which run.
    capture : callable
        Context that sends the output to the logs.
    loaded : callable
        Called with the pickled recipe when it is loaded, before anything is made from it.

    Returns
    -------
    (Outcome, exception or None)
        The exception is what the run raised, for callers in the same process.
    """
    folder = RunFolder(task.folder, durable=task.durable)
    if not folder.path.is_dir():
        return Outcome(RunState.ERROR.value, f"the folder of the run is gone: {folder.path}"), None
    try:
        lock = take_lock(folder.lock_file, LOCK_PATIENCE_S)
    except LockHeld:
        return Outcome("", "another process is executing this run"), None
    except OSError as error:
        return Outcome(RunState.ERROR.value, f"cannot write to the folder of the run ({error.strerror or error})"), None
    try:
        history = enqueue(folder, folder.read_history(), task.execute)
        if history.state is not RunState.IN_QUEUE:
            reason = history.last.detail if history.last and history.state is not RunState.FINISHED else ""
            return Outcome(history.state or "", reason, attempt=history.attempts), None
        return _attempt(folder, task, history, capture, loaded)
    except OSError as error:
        return _refused(folder, f"cannot write to the folder of the run ({error.strerror or error})"), None
    finally:
        lock.release()


def _refused(folder: RunFolder, reason: str) -> Outcome:
    """Note, if that is possible, that a run could not be started; the caller holds its lock."""
    with suppress(OSError, InvalidTransition):
        history = folder.read_history()
        begin = [(RunState.RUNNING, "")] if history.state is RunState.IN_QUEUE else []
        folder.move(history, *begin, (RunState.ERROR, reason))
    return Outcome(RunState.ERROR.value, reason, True)


def enqueue(folder: RunFolder, history: StateHistory, execute: tuple[str, ...]) -> StateHistory:
    """Put a run into ``in_queue`` if it may be executed; the caller holds its lock.

    A run whose process died after all results were in place is declared finished instead.
    """
    before = history.state
    if before is RunState.RUNNING or not history.attempts:
        history = adopt(folder, history)
        if history.state is RunState.FINISHED:
            return history
        if before is None:
            return folder.move(history, (RunState.IN_QUEUE, history.damage))
        if before is RunState.RUNNING:
            history = folder.move(history, (RunState.INTERRUPTED, "its process is gone"))
    if history.state is not RunState.IN_QUEUE and before in execute:
        history = folder.move(history, (RunState.IN_QUEUE, ""))
    return history


def adopt(folder: RunFolder, history: StateHistory) -> StateHistory:
    """Declare a run finished that died, or whose state.log lost its last lines, when all its results were in place.

    The caller holds its lock. Anything else is returned as it is.
    """
    if not _complete_on_disk(folder, history):
        return history
    lost = {None: [RunState.IN_QUEUE, RunState.RUNNING], RunState.IN_QUEUE: [RunState.RUNNING]}
    moves = lost.get(history.state, [])  # lines that state.log no longer has
    return folder.move(history, *((state, "") for state in moves), (RunState.FINISHED, "its results were in place"))


def _complete_on_disk(folder: RunFolder, history: StateHistory) -> bool:
    # run.json is written after the results and before "finished": with it, a killed run had all but the last line.
    record = folder.read_json(folder.record)
    same_attempt = not history.attempts or number_of(record, "attempt") == history.attempts
    says_so = record.get("state") == RunState.FINISHED.value and same_attempt
    return says_so and all(os.path.lexists(folder.path / name) for name in RESULTS)


def _attempt(
    folder: RunFolder, task: Task, history: StateHistory, capture: Capture, loaded: Callable[[bytes], None]
) -> tuple[Outcome, BaseException | None]:
    attempt = history.attempts + 1
    if attempt > 1:
        folder.set_aside_attempt(attempt - 1)
    folder.remove_logs()
    error: BaseException | None = None
    with capture(folder):
        host = socket.gethostname()
        history = folder.move(history, (RunState.RUNNING, f"attempt={attempt} pid={os.getpid()} host={host}"))
        started = history.started
        meter = Meter()
        try:
            progress.listen(_ProgressFile(folder))
            with MemoryLimit(task.memory_limit_mb):
                simulate(folder, task, loaded)
        except BaseException as raised:
            error = raised
            _print_traceback(raised)
        finally:
            progress.listen(None)
            checkpoint.use_store(None)
            folder.progress.unlink(missing_ok=True)
        return _verdict(folder, task, history, error, meter, started), error


def _verdict(
    folder: RunFolder, task: Task, history: StateHistory, error: BaseException | None, meter: Meter, started: str
) -> Outcome:
    state = RunState.FINISHED if error is None else RunState.ERROR
    reason = describe(error) if error is not None else ""
    if isinstance(error, KeyboardInterrupt) and signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        state, reason = RunState.INTERRUPTED, "stopped by the user"  # Ctrl-C; workers ignore it
    record = RunRecord(
        simulation_id=folder.simulation_id,
        run_id=folder.run_id,
        seed=task.seed,
        attempt=history.attempts,
        state=state.value,
        reason=reason,
        error_type=type(error).__name__ if error is not None else "",
        started=started,
        ended=_later(started, meter.seconds()),
        duration_s=meter.seconds(),
        cpu_s=meter.cpu(),
        peak_mb=meter.peak_mb(),
        pid=os.getpid(),
        host=socket.gethostname(),
        versions=loaded_versions(),
        provenance=task.provenance,
    )
    try:
        folder.write_json(folder.record, record.as_json())
    except OSError as failure:
        if state is RunState.FINISHED:
            state, reason = RunState.ERROR, f"could not save run.json: {failure.strerror or failure}"
    if state is not RunState.INTERRUPTED:
        with suppress(OSError):  # after the results are in place; a run that raised would only raise again
            folder.checkpoint.unlink(missing_ok=True)
    facts = f"duration_s={record.duration_s} cpu_s={record.cpu_s} peak_mb={record.peak_mb}"
    try:
        folder.move(history, (state, facts if state is RunState.FINISHED else reason))
    except OSError as failure:  # even this line may fail on a full disk: the lock is freed, status says interrupted
        state, reason = RunState.ERROR, f"{reason or 'it ended'}; this could not be noted ({failure.strerror})"
    return Outcome(state.value, reason, True, record.duration_s, history.attempts)


def _later(started: str, seconds: float) -> str:
    """Return the time so many seconds after another, so that a clock set back makes no run end before it starts."""
    from datetime import datetime, timedelta

    ended = datetime.fromisoformat(started) + timedelta(seconds=seconds)
    return ended.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def simulate(folder: RunFolder, task: Task, loaded: Callable[[bytes], None] = _nothing) -> None:
    """Load the recipe, build agent and arena, train, save. Raises whatever goes wrong."""
    _say("---> Loading the simulation")
    content = read_recipe(Path(task.recipe))
    recipe = load_recipe(Path(task.recipe), content)
    loaded(content)
    folder.write_bytes(folder.path / "param.dict", content)
    checkpoint.use_store(checkpoint.CheckpointStore(folder, task.checkpoint_every_s, content))
    seed_everything(task.seed)
    _say("---> Initializing models")
    agent = recipe["agent_class"](**(recipe.get("agent_params") or {}))
    env = recipe["env_class"](**(recipe.get("env_params") or {}))
    _say("---> Training loop")
    returned = recipe["training_loop"](agent, env, **(recipe.get("training_loop_params") or {}))
    agent, env, history = check_returned(returned, recipe["training_loop"])
    _say("---> Saving models")
    save_results(folder, agent, env, history)
    _say("---> Simulation finished")


def _say(text: str) -> None:
    with suppress(Exception):  # the run may have closed or replaced stdout
        print(text)


def read_recipe(path: Path) -> bytes:
    """Return a pickled recipe.

    Raises
    ------
    SimulationError
        It is missing or cannot be read.
    """
    try:
        with os.fdopen(open_regular(path), "rb") as file:
            return file.read()
    except OSError as error:
        raise SimulationError(f"The recipe of the simulation cannot be read: {path} ({error.strerror}).") from None


def load_recipe(path: Path, content: bytes | None = None) -> dict[str, Any]:
    """Unpickle a recipe. This runs code from the file: only for your own folders.

    Raises
    ------
    SimulationError
        The file is missing, damaged or incomplete, or a module that it needs cannot be imported.
    """
    try:
        recipe = pickle.loads(read_recipe(path) if content is None else content)
    except SimulationError:
        raise
    except (ImportError, AttributeError):
        raise  # a module of the user: its own message and traceback say most
    except Exception as error:
        raise SimulationError(f"The recipe {path} cannot be loaded ({describe(error)}).") from error
    if not isinstance(recipe, Mapping) or not all(
        callable(recipe.get(k)) for k in ("agent_class", "env_class", "training_loop")
    ):
        raise SimulationError(f"{path} does not hold a complete simulation.")
    return dict(recipe)


def check_returned(returned: Any, loop: Any) -> tuple[Any, Any, Mapping[str, Any]]:
    """Return agent, arena and history from what a training loop returned.

    Raises
    ------
    SimulationError
        It did not return these three, or the history is no dict.
    """
    name = getattr(loop, "__name__", repr(loop))
    if not isinstance(returned, (tuple, list)) or len(returned) != 3:
        shape = f"{len(returned)} values" if isinstance(returned, (tuple, list)) else type(returned).__name__
        raise SimulationError(f"The training loop {name} returned {shape}; it must return agent, env, history.")
    agent, env, history = returned
    if not isinstance(history, Mapping):
        raise SimulationError(
            f"The history that the training loop {name} returned is of type {type(history).__name__}; "
            "it must be a dict of name -> one value per iteration."
        )
    return agent, env, history


def save_results(folder: RunFolder, agent: Any, env: Any, history: Mapping[str, Any]) -> None:
    """Save agent, arena, history and summary; each appears whole or not at all.

    Raises
    ------
    SimManagerError
        Says which of them cannot be saved, and why.
    """
    savers: dict[str, tuple[Path, Callable[[Path], None]]] = {
        "agent": (folder.agent, lambda scratch: _save_object(agent, "save_agent", scratch)),
        "arena": (folder.arena, lambda scratch: _save_object(env, "save_environment", scratch)),
        "training history": (folder.history, lambda scratch: dump(dict(history), scratch)),
        "summary": (folder.summary, lambda scratch: write_summary(scratch, history)),
    }
    for what, (target, saver) in savers.items():
        try:
            folder.write(target, saver)
        except OSError as error:
            raise SimManagerError(f"The {what} could not be saved: {error.strerror or error}.") from error
        except (pickle.PicklingError, TypeError, AttributeError) as error:
            raise SimManagerError(f"The {what} could not be saved: {describe(error)}.") from error


def _save_object(thing: Any, method: str, scratch: Path) -> None:
    save = getattr(thing, method, None)
    if callable(save):
        try:
            save(str(scratch))
            return
        except (pickle.PicklingError, AttributeError) as error:
            # Plain pickle refuses classes of a notebook or main script; cloudpickle takes them by value.
            if "pickle" not in str(error).lower():
                raise
    dump(thing, scratch)


class _ProgressFile:
    """Notes how far the run is, at most once a second."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._next = time.monotonic() + PROGRESS_INTERVAL_S

    def __call__(self, done: float, total: float) -> None:
        if time.monotonic() >= self._next:
            with suppress(OSError):
                self._folder.write_bytes(self._folder.progress, f"{done} {total}\n".encode())
            self._next = time.monotonic() + PROGRESS_INTERVAL_S


def describe(error: BaseException) -> str:
    """Return an exception in one line, ``"ValueError: text"``; also one whose ``__str__`` raises."""
    try:
        text = str(error)
    except BaseException as second:
        text = f"(its text cannot be shown: __str__ raised {type(second).__name__})"
    if isinstance(error, SystemExit):
        return one_line(f"the simulation's code called sys.exit({text or ''})", 300)
    if isinstance(error, KeyboardInterrupt):
        return one_line(f"the simulation's code raised KeyboardInterrupt {text}", 300)
    return one_line(f"{type(error).__name__}: {text}" if text else type(error).__name__, 300)


def _print_traceback(error: BaseException) -> None:
    import sys

    for stream in (sys.stderr, sys.__stderr__):
        try:
            traceback.print_exception(error, file=stream)
            if stream is not None:
                stream.flush()
            return
        except BaseException:
            continue


def as_task(content: Mapping[str, Any]) -> Task:
    """Return the task that came as JSON."""
    return Task(**{**content, "execute": tuple(content["execute"])})


def as_plain(record: Task | Outcome) -> dict[str, Any]:
    """Return a task or outcome as plain data for JSON."""
    return {name: getattr(record, name) for name in record.__dataclass_fields__}
