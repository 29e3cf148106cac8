"""A simulation, from its recipe to its saved results: the only place where science meets the disk."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any

from ..base.current_run import CurrentRun
from ..base.errors import SimulationError
from ..base.load_guard import loading
from ..base.metrics import Measured, as_number, check_metrics
from ..base.provenance import working_directory
from ..base.rules import RULE_FIELDS, EndOfRun
from ..base.tell import tell
from ..base.text import describe
from ..disk.files import read_regular
from ..disk.history import HistoryRefused, as_history
from ..disk.pickling import loads
from ..disk.run_folder import RunFolder
from ..disk.shared_params import write_params
from ..disk.travelling import Classes
from .checkpoint_store import CheckpointStore
from .child_pickling import code_reaches_children
from .process_group import end_if_forked
from .saving import Kept, complain, save_results, save_what_was_refused, warnings_before
from .seeding import seed_everything
from .task import Task
from .watched_log import WatchedLog

#: The working directory of a simulation whose runs have one of their own, as its recipe tells it.
OWN_DIRECTORY = "run"


def simulate(
    folder: RunFolder,
    task: Task,
    run: CurrentRun,
    kept: Kept,
    *,
    loaded: Callable[[bytes], None] | None = None,
    prepare: Callable[[], object] | None = None,
) -> None:
    """Load the recipe, build agent and arena, train, save, measure. Raises whatever goes wrong.

    Parameters
    ----------
    folder, task, run : RunFolder, Task, CurrentRun
        Which run.
    kept : Kept
        Takes what the metrics gave, and what could not be saved.
    loaded : callable, optional
        Called with the pickled recipe when it is loaded.
    prepare : callable, optional
        Called before that.
    """
    tell("---> Loading the simulation")
    if prepare is not None:
        prepare()
    content, classes = read_recipe(task.recipe), Classes()
    recipe = load_recipe(task.recipe, content, classes)
    if loaded is not None:
        loaded(content)
    write_params(folder, content, Path(task.recipe))
    rules = [rule for name in RULE_FIELDS for rule in recipe.get(name) or ()]
    watched = WatchedLog(run.log, rules) if rules and run.log is not None else None
    run.log = watched or run.log
    run.checkpoints = CheckpointStore(folder, task.checkpoint_every_s, content, classes, watched)
    own = recipe.get("cwd") == OWN_DIRECTORY
    with code_reaches_children(), _working_in(run.folder) if own else nullcontext():
        _simulate(folder, task, run, recipe, content, kept)


def _simulate(
    folder: RunFolder, task: Task, run: CurrentRun, recipe: dict[str, Any], content: bytes, kept: Kept
) -> None:
    seed_everything(task.seed)
    process = os.getpid()
    tell("---> Initializing models")
    agent = recipe["agent_class"](**(recipe.get("agent_params") or {}))
    env = recipe["env_class"](**(recipe.get("env_params") or {}))
    for warning in warnings_before(content, agent, env):
        tell(warning)
    tell("---> Training loop")
    try:
        try:
            returned = recipe["training_loop"](agent, env, **(recipe.get("training_loop_params") or {}))
        except EndOfRun as end:
            returned = *_as_the_loop_has_them(end, agent, env), {}
        end_if_forked(process)  # before it saves into the same files as its parent
        kept.stopped_early = _end_by_a_rule(run)
        agent, env, history = check_returned(returned, recipe["training_loop"])
    except HistoryRefused as refused:
        if not save_what_was_refused(folder, agent, env, refused.returned):
            raise
        raise SimulationError(f"{refused} What it returned is kept: load_results gives it as the history.") from None
    tell("---> Saving models")
    if run.log is not None:
        run.log.close()  # what was logged is among the curves
    save_results(folder, agent, env, history, kept)
    metrics = {**_summary_metrics(agent), **(recipe.get("metrics") or {})}
    kept.measured = measure(metrics, agent, env, history, task.seed)
    if kept.failure is not None:
        raise kept.failure
    tell("---> Simulation finished")


def _as_the_loop_has_them(end: EndOfRun, agent: Any, env: Any) -> tuple[Any, Any]:
    """Return agent and arena as the loop had them that a rule has ended; they may be others than it was given.

    They are its first two arguments, whatever it has bound to their names since: what a checkpoint had, say.
    """
    trace = end.__traceback__
    while trace is not None and (trace := trace.tb_next) is not None:
        code = trace.tb_frame.f_code
        names = [name for name in code.co_varnames[: code.co_argcount] if name != "self"][:2]
        if len(names) == 2:
            values = trace.tb_frame.f_locals
            return values.get(names[0], agent), values.get(names[1], env)
    return agent, env


def _end_by_a_rule(run: CurrentRun) -> str:
    """Return in words which rule has stopped a run early, or ""; raise what it raised if the run has failed by it."""
    if not isinstance(run.log, WatchedLog):
        return ""
    if run.log.ended is None:
        run.log.tell_what_was_never_seen()
        return ""
    if not run.log.ended.finishes:
        raise run.log.ended
    tell(f"---> {run.log.ended}")
    return str(run.log.ended)


@contextmanager
def _working_in(folder: Path) -> Iterator[None]:
    before = working_directory()
    os.chdir(folder)
    try:
        yield
    finally:
        with suppress(OSError):  # it may be gone
            os.chdir(before)


def read_recipe(path: Path | str) -> bytes:
    """Return a pickled recipe.

    Raises
    ------
    SimulationError
        It is missing or cannot be read.
    """
    try:
        return read_regular(path, sys.maxsize)
    except OSError as error:
        raise SimulationError(f"The recipe of the simulation cannot be read: {path} ({error.strerror}).") from None


def load_recipe(path: Path | str, content: bytes | None = None, classes: Classes | None = None) -> dict[str, Any]:
    """Unpickle a recipe. This runs code from the file: only for your own folders.

    Its code is made anew: what one run does to it, another does not see, nor does the session that wrote it.

    Raises
    ------
    SimulationError
        The file is missing, damaged or incomplete, or a module that it needs cannot be imported.
    """
    try:
        with loading("A module of this simulation"):
            recipe = loads(read_recipe(path) if content is None else content, classes)
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


def check_returned(returned: Any, loop: Any) -> tuple[Any, Any, Any]:
    """Return agent, arena and history from what a training loop returned.

    Raises
    ------
    HistoryRefused
        It did not return these three, or it is not clear what the history means (see `history.as_history`).
    """
    name = getattr(loop, "__name__", repr(loop))
    if not isinstance(returned, (tuple, list)) or len(returned) != 3:
        shape = f"{len(returned)} values" if isinstance(returned, (tuple, list)) else type(returned).__name__
        raise HistoryRefused(
            f"The training loop {name} returned {shape}; it must return agent, env, history.", returned
        )
    agent, env, given = returned
    history = as_history(given)
    if history is None:
        raise HistoryRefused(
            f"The history that the training loop {name} returned is of type {type(given).__name__}; "
            "it must be a dict of name -> one value per iteration, a list of dicts, a DataFrame or a Dataset.",
            given,
        )
    return agent, env, history


def _summary_metrics(agent: Any) -> dict[str, Callable[..., Any]]:
    """Return what ``summary_metrics`` of an agent gives, name -> number, as metrics; a failure is told in error.log."""
    try:
        method = getattr(agent, "summary_metrics", None)
        numbers = dict(method()) if callable(method) else {}
        metrics: dict[str, Callable[..., Any]] = {name: partial(_constant, value) for name, value in numbers.items()}
        check_metrics(metrics, type(agent).__name__)
    except (Exception, SystemExit) as error:
        complain(f"summary_metrics of {type(agent).__name__} failed", error)
        return {}
    return metrics


def _constant(value: Any, *run: Any) -> Any:
    return value


def measure(metrics: Mapping[str, Any], agent: Any, env: Any, history: Any, seed: int) -> Measured:
    """Return what each metric gives; one that raises or gives no number is noted, with its traceback in error.log.

    Each finds the random generators as the others do: seeded with the seed of the run.
    """
    measured = Measured()
    for name, metric in metrics.items():
        seed_everything(seed)
        try:
            measured.values[name] = as_number(metric(agent, env, history))
        except (Exception, SystemExit) as error:
            measured.errors[name] = describe(error)
            complain(f"Metric {name!r} failed", error)
    return measured
