"""The run that this process executes now: the worker installs it, models and training loops use it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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


@dataclass(slots=True)
class CurrentRun:
    """A run while it is executed."""

    folder: Path | str
    seed: int  # with which the random generators were seeded
    attempt: int = 1  # how many times it has been started, this time included
    tell_progress: Callable[[float, float], None] | None = None  # takes (done, total)
    checkpoints: Checkpoints | None = None


#: None outside of a run.
_current: CurrentRun | None = None


def current_run() -> CurrentRun | None:
    """Return the run that this process executes now, or None."""
    return _current


@contextmanager
def executing(run: CurrentRun) -> Iterator[CurrentRun]:
    """Make a run the current one for a while."""
    global _current
    before, _current = _current, run
    try:
        yield run
    finally:
        _current = before


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
