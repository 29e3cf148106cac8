"""A simulation, from its recipe to its saved results: the only place where science meets the disk."""

from __future__ import annotations

import os
import pickle
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from ..base.current_run import CurrentRun
from ..base.errors import SimManagerError, SimulationError
from ..base.load_guard import loading
from ..base.metrics import Measured, as_number, check_metrics
from ..base.text import one_line
from ..disk.files import read_regular
from ..disk.pickling import dump, loads
from ..disk.run_folder import PARAMS, RESULTS, RunFolder
from ..disk.summary import model_arrays, write_summary
from .checkpoint_store import CheckpointStore
from .process_group import end_if_forked
from .seeding import seed_everything
from .task import Task


def simulate(folder: RunFolder, task: Task, run: CurrentRun, loaded: Callable[[bytes], None] | None = None) -> Measured:
    """Load the recipe, build agent and arena, train, save, measure. Raises whatever goes wrong.

    Returns
    -------
    Measured
        What the metrics gave.
    """
    _say("---> Loading the simulation")
    content = read_recipe(task.recipe)
    recipe = load_recipe(task.recipe, content)
    if loaded is not None:
        loaded(content)
    folder.write_bytes(PARAMS, content)
    run.checkpoints = CheckpointStore(folder, task.checkpoint_every_s, content)
    seed_everything(task.seed)
    process = os.getpid()
    _say("---> Initializing models")
    agent = recipe["agent_class"](**(recipe.get("agent_params") or {}))
    env = recipe["env_class"](**(recipe.get("env_params") or {}))
    _say("---> Training loop")
    returned = recipe["training_loop"](agent, env, **(recipe.get("training_loop_params") or {}))
    end_if_forked(process)  # before it saves into the same files as its parent
    agent, env, history = check_returned(returned, recipe["training_loop"])
    _say("---> Saving models")
    save_results(folder, agent, env, history)
    metrics = {**_summary_metrics(agent), **(recipe.get("metrics") or {})}
    measured = measure(metrics, agent, env, history, task.seed)
    _say("---> Simulation finished")
    return measured


def _say(text: str) -> None:
    with suppress(Exception):  # the run may have closed or replaced stdout
        print(text)


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


def load_recipe(path: Path | str, content: bytes | None = None) -> dict[str, Any]:
    """Unpickle a recipe. This runs code from the file: only for your own folders.

    Raises
    ------
    SimulationError
        The file is missing, damaged or incomplete, or a module that it needs cannot be imported.
    """
    try:
        with loading("A module of this simulation"):
            recipe = loads(read_recipe(path) if content is None else content)
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
        It did not return these three, or the history is neither a dict nor None.
    """
    name = getattr(loop, "__name__", repr(loop))
    if not isinstance(returned, (tuple, list)) or len(returned) != 3:
        shape = f"{len(returned)} values" if isinstance(returned, (tuple, list)) else type(returned).__name__
        raise SimulationError(f"The training loop {name} returned {shape}; it must return agent, env, history.")
    agent, env, history = returned
    if history is None:  # a model that records nothing
        history = {}
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
    savers: dict[str, Callable[[str], None]] = {  # in the order of RESULTS
        "agent": lambda scratch: _save_object(agent, "save_agent", scratch),
        "arena": lambda scratch: _save_object(env, "save_environment", scratch),
        "training history": lambda scratch: dump(dict(history), scratch),
        # Last: what a model does to itself while it makes its arrays cannot change what was saved.
        "summary": lambda scratch: write_summary(scratch, history, _arrays_of((agent, env))),
    }
    for name, (what, saver) in zip(RESULTS, savers.items(), strict=True):
        try:
            folder.write(name, saver)
            if name in ("agent", "arena"):
                folder.keep_extras(name)
        except OSError as error:
            raise SimManagerError(f"The {what} could not be saved: {error.strerror or error}.") from error
        except (pickle.PicklingError, TypeError, AttributeError) as error:
            raise SimManagerError(f"The {what} could not be saved: {describe(error)}.") from error


def _arrays_of(models: Iterable[Any]) -> dict[str, Any]:
    """Return what ``summary_arrays`` of agent and arena give; a failure is told in error.log."""
    arrays: dict[str, Any] = {}
    for model in models:
        try:
            method = getattr(model, "summary_arrays", None)
            if callable(method):
                arrays |= model_arrays(method())
        except (Exception, SystemExit) as error:
            _complain(f"summary_arrays of {type(model).__name__} failed", error)
    return arrays


def _summary_metrics(agent: Any) -> dict[str, Callable[..., Any]]:
    """Return what ``summary_metrics`` of an agent gives, name -> number, as metrics; a failure is told in error.log."""
    try:
        method = getattr(agent, "summary_metrics", None)
        numbers = dict(method()) if callable(method) else {}
        metrics: dict[str, Callable[..., Any]] = {name: partial(_constant, value) for name, value in numbers.items()}
        check_metrics(metrics, type(agent).__name__)
    except (Exception, SystemExit) as error:
        _complain(f"summary_metrics of {type(agent).__name__} failed", error)
        return {}
    return metrics


def _constant(value: Any, *run: Any) -> Any:
    return value


def measure(metrics: Mapping[str, Any], agent: Any, env: Any, history: Mapping[str, Any], seed: int) -> Measured:
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
            _complain(f"Metric {name!r} failed", error)
    return measured


def _complain(what: str, error: BaseException) -> None:
    with suppress(Exception):  # the run may have closed or replaced stderr
        print(f"{what}:", file=sys.stderr)
        traceback.print_exception(error)


def _save_object(thing: Any, method: str, scratch: str) -> None:
    save = getattr(thing, method, None)
    if callable(save):
        try:
            save(scratch)
            return
        except (pickle.PicklingError, AttributeError) as error:
            # Plain pickle refuses classes of a notebook or main script; cloudpickle takes them by value.
            if "pickle" not in str(error).lower():
                raise
    dump(thing, scratch)


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
