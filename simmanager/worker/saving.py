"""The results of a run, each part on its own: what cannot be saved is named, and the rest is there."""

from __future__ import annotations

import pickle
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from ..base.errors import SimManagerError
from ..base.metrics import Measured
from ..base.tell import note
from ..base.text import describe, one_line
from ..disk.history import is_table
from ..disk.metric_log import read_metric_log
from ..disk.pickling import dump
from ..disk.run_folder import AGENT, ARENA, HISTORY, SUMMARY, RunFolder
from ..disk.summary import model_arrays, summarise, write_arrays
from ..disk.unpicklable import first_look, unpicklable, why_not

#: Keys of a history that are named because they could not be saved, at most.
_MOST_KEYS = 20


@dataclass(slots=True)
class Kept:
    """What is known of a run beside the files that it saved; goes into run.json.

    Parameters
    ----------
    measured : Measured
        What the metrics gave.
    not_saved : dict of str to str
        Name of a result (or ``training_hist.dict['key']``) -> why it could not be saved.
    left_out : dict of str to str
        History key -> why it has no curve in the summary.
    failure : SimManagerError or None
        The disk did not take a result: the run has failed, whatever else was kept.
    stopped_early : str
        Which rule has stopped the run early, in words, or "".
    """

    measured: Measured = field(default_factory=Measured)
    not_saved: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    failure: SimManagerError | None = None
    stopped_early: str = ""


def save_results(folder: RunFolder, agent: Any, env: Any, history: Any, kept: Kept) -> None:
    """Save history and curves, then the agent and the arena as the training loop left them, then their arrays.

    Each appears whole or not at all. Whatever is raised while one is made, the others are saved; ``kept`` says what
    was not.

    Parameters
    ----------
    folder : RunFolder
        The run.
    agent, env, history : object
        What the training loop returned.
    kept : Kept
        Takes what was not saved or left out.
    """
    with _own_fault(HISTORY, kept):
        folder.write(HISTORY, lambda scratch: _save_history(history, scratch, kept))
    curves, kept.left_out = summarise(history, read_metric_log(folder.text, in_history=False))
    for name, why in kept.left_out.items():
        note(f"the summary has no curve {name!r}: {why}")
    with _own_fault(SUMMARY, kept):
        folder.write(SUMMARY, lambda scratch: write_arrays(scratch, curves))
    for name, thing, method in ((AGENT, agent, "save_agent"), (ARENA, env, "save_environment")):
        with _own_fault(name, kept):
            folder.write(name, _saver(thing, method))
            folder.keep_extras(name)
    # Last: what a model does to itself while it makes its arrays cannot change what was saved.
    if arrays := _arrays_of((agent, env)):
        with _own_fault(SUMMARY, kept):
            folder.write(SUMMARY, lambda scratch: write_arrays(scratch, {**curves, **arrays}))


class _NotSaved(Exception):
    """A model cannot be saved; the message says why."""


@contextmanager
def _own_fault(name: str, kept: Kept) -> Iterator[None]:
    """Note that a result could not be saved, and go on; if that is the fault of the disk, the run has failed."""
    try:
        yield
    except OSError as error:
        if kept.failure is None:
            what = {HISTORY: "training history", SUMMARY: "summary"}.get(name, name)
            kept.failure = SimManagerError(f"The {what} could not be saved: {error.strerror or error}.")
            kept.failure.__cause__ = error
    except Exception as error:
        kept.not_saved[name] = str(error) if isinstance(error, (_NotSaved, SimManagerError)) else describe(error)
        _tell_not_saved(name, kept.not_saved[name], error.__cause__ or error)


def _saver(thing: Any, method: str) -> Callable[[str], None]:
    def save(scratch: str) -> None:
        own = getattr(thing, method, None)
        if callable(own):
            try:
                own(scratch)
                return
            except OSError:
                raise
            except Exception as error:
                if not _is_of_pickle(error):
                    raise _NotSaved(f"{_name(thing)}.{method} raised {describe(error)}") from error
                # Plain pickle refuses classes of a notebook or main script; ours takes them by value.
        try:
            dump(thing, scratch)
        except OSError:
            raise
        except Exception as error:
            raise _NotSaved(why_not(thing, _name(thing)) or describe(error)) from error

    return save


def _is_of_pickle(error: BaseException) -> bool:
    """Return whether an error says that plain pickle cannot take something."""
    return isinstance(error, (pickle.PicklingError, AttributeError, TypeError)) and "pickle" in str(error).lower()


def _name(thing: Any) -> str:
    return type(thing).__name__


def _save_history(history: Any, scratch: str, kept: Kept) -> None:
    """Save a history; of a dict that holds what cannot be pickled, the rest."""
    try:
        dump(history, scratch)
        return
    except OSError:
        raise
    except Exception as error:
        if is_table(history) or not isinstance(history, Mapping):
            raise _NotSaved(why_not(history, _name(history)) or describe(error)) from error
        bad = {key: where for key, value in history.items() if (where := unpicklable(value, f"history[{key!r}]"))}
        if not bad:
            raise _NotSaved(describe(error)) from error
        for key, (path, why) in list(bad.items())[:_MOST_KEYS]:
            name = f"{HISTORY}[{one_line(repr(key), 100)}]"
            kept.not_saved[name] = one_line(f"{path} cannot be pickled ({describe(why)})")
            _tell_not_saved(name, kept.not_saved[name], why)
    dump({key: value for key, value in history.items() if key not in bad}, scratch)


def save_what_was_refused(folder: RunFolder, agent: Any, env: Any, returned: Any) -> bool:
    """Keep what a training loop returned though it is no history, as the history of a run that fails for that reason.

    Returns
    -------
    bool
        Whether it could be saved.
    """
    kept = Kept()
    for name, saver in (
        (HISTORY, lambda scratch: dump(returned, scratch)),
        (AGENT, _saver(agent, "save_agent")),
        (ARENA, _saver(env, "save_environment")),
    ):
        with _own_fault(name, kept):
            folder.write(name, saver)
    return folder.history.exists()


def _arrays_of(models: Iterable[Any]) -> dict[str, Any]:
    """Return what ``summary_arrays`` of agent and arena give; a failure is told in error.log."""
    arrays: dict[str, Any] = {}
    for model in models:
        try:
            method = getattr(model, "summary_arrays", None)
            if callable(method):
                arrays |= model_arrays(method())
        except (Exception, SystemExit) as error:
            complain(f"summary_arrays of {type(model).__name__} failed", error)
    return arrays


# Before the work begins ----------------------------------------------------------------------------------------

#: The recipe that was looked at last, and what was found: its next run has nothing new to show.
_looked_at: tuple[bytes, list[str]] = (b"", [])


def warnings_before(recipe: bytes, agent: Any, env: Any) -> list[str]:
    """Return what can be seen of agent and arena that will not be saved, a line each, before time is spent on it.

    Those that have a method for it are left to it. A recipe is looked at in the first of its runs in this process.

    Parameters
    ----------
    recipe : bytes
        From which both were made.
    agent, env : object
        As they were made.
    """
    global _looked_at
    if _looked_at[0] != recipe:
        found = []
        for name, thing, method in ((AGENT, agent, "save_agent"), (ARENA, env, "save_environment")):
            why = "" if callable(getattr(thing, method, None)) else first_look(thing, _name(thing))
            if why:
                found.append(f"simmanager: the {name} will not be saved as it is now: {why}")
        _looked_at = (recipe, found)
    return _looked_at[1]


# What is told --------------------------------------------------------------------------------------------------


def complain(what: str, error: BaseException, *, chain: bool = True) -> None:
    """Write to error.log what failed, with its traceback, and those of what it came from (``chain``)."""
    with suppress(Exception):  # the run may have closed or replaced stderr
        print(f"{what}:", file=sys.stderr)
        traceback.print_exception(error, chain=chain)


def _tell_not_saved(name: str, why: str, error: BaseException) -> None:
    """Write to error.log what was not saved; where it is pickle's own refusal, a traceback would say no more."""
    text = f"{name} not saved: {why}"
    if isinstance(error, SimManagerError) or _is_of_pickle(error):
        note(text)
    else:
        complain(f"simmanager: {text}", error, chain=False)  # what came before it are our own attempts
