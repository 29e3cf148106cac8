"""Every error that simmanager raises on purpose: one base, each child also the builtin a caller would catch."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from difflib import SequenceMatcher
from typing import Any


class SimManagerError(Exception):
    """Base of all errors of this package. The message says what is wrong and what to do next."""

    __module__ = "simmanager"

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if cls.__module__ == __name__:
            cls.__module__ = "simmanager"  # where users find them all

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.message = str(args[0]) if args else ""

    def __str__(self) -> str:
        """Return the plain message (``KeyError`` would show its ``repr``)."""
        return self.message


class BatchWarning(UserWarning):
    """What a user should know about a batch that goes on: its runs will not all be of one kind, say."""

    __module__ = "simmanager"


class ParameterError(SimManagerError, ValueError):
    """A parameter has a value that is not allowed."""


class ParameterTypeError(ParameterError, TypeError):
    """A parameter is of the wrong type, is missing, or does not exist."""


class SimulationError(SimManagerError, ValueError):
    """A simulation is incomplete, or is not a simulation at all."""


class BatchFileError(SimManagerError, ValueError):
    """A batch file has a field that is unknown, missing or not allowed; the message begins with ``FILE:LINE:``."""


class RecipeError(SimManagerError, TypeError):
    """A simulation cannot be pickled, so it cannot be sent to a worker process."""


class UnsafeName(SimManagerError, ValueError):
    """An id that cannot become a folder name."""


class UnknownName(SimManagerError, KeyError):
    """A simulation, run, history key or the like that does not exist; the message lists those that do."""


class BatchNotFound(SimManagerError, FileNotFoundError):
    """There is no batch (or run) at that path."""


class BatchExists(SimManagerError, FileExistsError):
    """The folder holds a batch, or something else, already."""


class BatchBusy(SimManagerError, RuntimeError):
    """Another manager is running this batch."""


class OrderRefused(SimManagerError, RuntimeError):
    """The manager that runs the batch could not do what it was asked."""


class OrderNotAnswered(SimManagerError, TimeoutError):
    """The manager that runs the batch has not answered; it does what it was asked as soon as it can."""


class BatchDamaged(SimManagerError, OSError):
    """A file of the batch cannot be read."""


class BatchNotWritable(SimManagerError, OSError):
    """The folder of the batch cannot be written."""


class ResultsMissing(SimManagerError, FileNotFoundError):
    """A run has no results to load; the message says in which state it is and what to do."""


class PartNotSaved(SimManagerError, AttributeError):
    """A result of a finished run could not be saved, and is used; the message says what kept it from being saved."""


class PackageMissing(SimManagerError, ImportError):
    """A package that only some functions need is not installed; the message says how to install it."""


class InvalidTransition(SimManagerError, RuntimeError):
    """A state that cannot follow the one a run is in."""


#: What the system says when it gives no more files, processes or memory.
_LIMITS = (errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM)


def limit_met(error: BaseException | None) -> str:
    """Return in words which limit of the system an error, or what it came from, tells of; "" if none."""
    why = ""
    while error is not None and not why:
        if isinstance(error, MemoryError):
            why = "there is not enough memory"
        elif isinstance(error, RuntimeError) and "start new thread" in str(error):
            why = "no further thread can be started"
        elif isinstance(error, OSError) and error.errno in _LIMITS:
            why = error.strerror or str(error)
        error = error.__cause__ or error.__context__
    return why and f"{why} (the limits of the system: ulimit -a; fewer runs at a time need less)"


def suggest(name: str, known: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the nearest known name, or ``""`` when none is near.

    Parameters
    ----------
    name : str
        What was given.
    known : iterable of str
        What exists.
    """
    near = near_name(name, known)
    return f" Did you mean {near!r}?" if near else ""


def near_name(name: str, known: Iterable[str]) -> str:
    """Return the nearest known name, or "" when none is near."""

    def likeness(other: str) -> float:
        straight = SequenceMatcher(None, name.lower(), other.lower()).ratio()
        # Words in another order ("exc_eta" for "etaexc") have the same letters.
        one, two = (sorted(text.lower().replace("_", "")) for text in (name, other))
        return max(straight, SequenceMatcher(None, one, two).ratio() - 0.05)

    best = max(known, key=likeness, default=None)
    return best if best is not None and likeness(best) >= 0.7 else ""


def unknown(begin: str, name: object, known: Iterable[str], there: str = "There are") -> str:
    """Return the message about a name that does not exist, with the nearest one and those that do.

    >>> unknown("No simulation", "frist", ["first", "other"])
    "No simulation 'frist'. Did you mean 'first'? There are: first, other."
    >>> unknown("No map", "grid", [])
    "No map 'grid'. There are none."
    """
    return f"{begin} {name!r}.{hint(name, known, there)}"


def hint(name: object, known: Iterable[str], there: str = "There are") -> str:
    """Return what follows the sentence about a name that does not exist: the nearest one, and those that do."""
    names = list(known)
    return f"{suggest(str(name), names)} {there}{': ' if names else ' '}{', '.join(names) or 'none'}."
