"""The run that this process executes now: the worker installs it, models and training loops use it."""

from __future__ import annotations

import json
import os
import secrets
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from .public import public


class Checkpoints(Protocol):
    """What keeps the state of a training loop, to go on from there after an interruption."""

    def save(self, state: Any) -> None:
        """Save a state, if it is time to."""

    def load(self) -> Any:
        """Return the state that was saved last, or None."""


class MetricsTaker(Protocol):
    """What keeps the numbers that a run logs."""

    @property
    def is_watched(self) -> bool:
        """Whether rules look at what is logged: what they see must not depend on the time."""

    def __call__(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Take numbers by name, and the step that they are of."""

    def show(self, metrics: Mapping[str, float], step: int) -> None:
        """Take numbers that are in the history as well: they become no curves of their own."""

    def close(self) -> None:
        """Write what has not been written."""


#: In a run, for the processes that it starts: its folder for files, and who it is, as JSON.
RUN_FOLDER, RUN = "SIMMANAGER_RUN_FOLDER", "SIMMANAGER_RUN"


@public("simmanager")
@dataclass(slots=True, repr=False)
class CurrentRun:
    """The run that this process executes: who it is, and where its files go. False outside of a run.

    Parameters
    ----------
    seed : int
        With which the random generators were seeded.
    run_id : int
        Number of the run within its simulation.
    simulation_id : str
        Its simulation; "" outside of a run.
    attempt : int
        How many times the run has been started, this time included.
    batch : Path or None
        Folder of the batch; None outside of a batch.
    artefacts, run_folder : str
        Paths behind `folder`; "" outside of a run.
    tell_progress, checkpoints, log : object
        Of the worker.
    """

    seed: int
    run_id: int = 0
    simulation_id: str = ""
    attempt: int = 1
    batch: Path | None = None
    artefacts: str = ""
    run_folder: str = ""
    tell_progress: Callable[[float, float], None] | None = None  # takes (done, total)
    checkpoints: Checkpoints | None = None
    log: MetricsTaker | None = None

    def __bool__(self) -> bool:
        return bool(self.run_folder)

    def __repr__(self) -> str:
        where = f"run {self.run_id} of {self.simulation_id!r}" if self else "no run"
        return f"<CurrentRun: {where}, attempt {self.attempt}, seed {self.seed}>"

    @property
    def folder(self) -> Path:
        """The folder for the files that a model writes itself, ``artefacts`` in the folder of the run.

        It is made when it is asked for. Outside of a run it is a new temporary folder, the same one for the whole
        process, which stays when the process ends.
        """
        if not self.artefacts:  # the processes that this one starts find it as they would in a run
            self.artefacts = os.environ[RUN_FOLDER] = tempfile.mkdtemp(prefix="simmanager-run-")
        os.makedirs(self.artefacts, exist_ok=True)  # noqa: PTH103
        return Path(self.artefacts)


#: None outside of a run.
_current: CurrentRun | None = None

#: What stands for a run outside of one.
_nobody: CurrentRun | None = None


@public("simmanager")
def current_run() -> CurrentRun:
    """Return the run that this process, or the one that started it, executes.

    So a model finds the folder for its own files (``current_run().folder / "model.pt"``), its seed and its number
    without being told. Outside of a run, in a plain script or a test, the same code works: the answer is false, has a
    seed that was drawn, and gives a temporary folder.

    A program that a run starts finds the folder in the environment variable ``SIMMANAGER_RUN_FOLDER``.
    """
    global _nobody
    if _current is not None:
        return _current
    if _nobody is None:
        _nobody = _of_parent() or CurrentRun(secrets.randbelow(2**32), artefacts=os.environ.get(RUN_FOLDER, ""))
    return _nobody


def _of_parent() -> CurrentRun | None:
    """Return the run that started this process, as a child of it knows it."""
    try:
        facts = json.loads(os.environ[RUN])
        seed, run_id, simulation_id, attempt, batch, run_folder = facts
        return CurrentRun(
            int(seed),
            int(run_id),
            str(simulation_id),
            int(attempt),
            Path(batch) if batch else None,
            os.environ[RUN_FOLDER],
            str(run_folder),
        )
    except (KeyError, ValueError, TypeError):
        return None


@contextmanager
def executing(run: CurrentRun) -> Iterator[CurrentRun]:
    """Make a run the current one for a while, for the processes that are started meanwhile, too."""
    global _current
    before, _current = _current, run
    environ = {name: os.environ.get(name) for name in (RUN_FOLDER, RUN)}
    batch = None if run.batch is None else str(run.batch)
    os.environ[RUN_FOLDER] = run.artefacts
    os.environ[RUN] = json.dumps([run.seed, run.run_id, run.simulation_id, run.attempt, batch, run.run_folder])
    try:
        yield run
    finally:
        _current = before
        for name, value in environ.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@public("simmanager")
def report_progress(done: float, total: float) -> None:
    """Say how far the current run is.

    Free outside a run; inside one, at most one small write a second, however often it is called.

    Parameters
    ----------
    done, total : float
        So many iterations of so many.
    """
    if _current is not None and _current.tell_progress is not None:
        _current.tell_progress(done, total)


@public("simmanager")
def log_metrics(metrics: Mapping[str, float], step: int | None = None) -> None:
    """Log numbers on the way of the current run, e.g. the loss and the reward of an episode.

    Each name becomes a curve of the run, as the keys of its training history are, with ``step`` as iteration, and is in
    ``metrics.jsonl`` in the folder of the run at once: also if the run crashes, is ended or killed (`RunResult.logged`
    has it then). Nothing happens outside of a run, and in processes that a run forks. From any thread.

    However often it is called, few lines are written: at most one write a second (the first twenty at once), and of
    many calls evenly spaced ones, so that each name has some 500 to 1,000 points, its first and its last among them.

    Parameters
    ----------
    metrics : dict of str to number
        At most 100 different sets of names. A number may be an array or tensor without axes; NaN and infinities are
        kept.
    step : int, optional
        Counted up by default, from 0 for each set of names. Of two values of one step the later counts.

    Raises
    ------
    ParameterTypeError, ParameterError
        A name is no text, a value is no number, or the step is no whole number of at least 0.
    """
    if _current is not None and _current.log is not None:
        _current.log(metrics, step)


def show_metrics(metrics: Mapping[str, float], step: int) -> None:
    """Log numbers that are in the history as well, to be seen while the run goes on."""
    if _current is not None and _current.log is not None:
        _current.log.show(metrics, step)


def is_watched() -> bool:
    """Return whether rules look at what the current run logs."""
    return _current is not None and _current.log is not None and _current.log.is_watched


@public("simmanager")
def save_checkpoint(state: Any) -> None:
    """Save the state of a training loop, to go on from there if the run is interrupted.

    Free outside of a run and when checkpoints are off (``run_all(checkpoint_every_s=...)`` turns them on); otherwise at
    most one file is written every ``checkpoint_every_s`` seconds, however often this is called. The global random
    generators (``random``, ``numpy.random``, torch if loaded) are saved with it.

    Parameters
    ----------
    state : object
        All that the loop needs to go on, in one object (agent, environment, history, counters), so that what they share
        stays shared. It is saved with cloudpickle. Not ``None``.
    """
    if _current is not None and _current.checkpoints is not None:
        _current.checkpoints.save(state)


@public("simmanager")
def load_checkpoint() -> Any:
    """Return what the last `save_checkpoint` of this run saved, with the random generators as they were, or None.

    None outside of a run, in the first attempt, and where the checkpoint is damaged or was made with other parameters
    (error.log says so).
    """
    return _current.checkpoints.load() if _current is not None and _current.checkpoints is not None else None
