"""Runs that failed for one reason, together: one traceback is read instead of forty."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..base.paths import size
from ..base.text import count, error_kind, place_in, plain
from ..disk.run_folder import RunFolder
from .logs import print_log
from .status import NO_FOLDER, RunStatus

#: Bytes of an error.log, from its end, by which runs without a reason are told apart.
_COMPARED = 10_000

#: Runs that are named.
_NAMED = 100


@dataclass(frozen=True, slots=True)
class ErrorGroup:
    """Runs of one state that failed for one reason, or wrote the same to error.log.

    Parameters
    ----------
    runs : tuple of RunStatus
        All of them.
    wrote : RunStatus
        The first that wrote something to error.log; the first of all, if none did.
    """

    runs: tuple[RunStatus, ...]
    wrote: RunStatus

    @property
    def names(self) -> str:
        """The runs in words: ``SR run 0, 3; other run 1``."""
        named: dict[str, list[str]] = {}
        for run in self.runs[:_NAMED]:
            named.setdefault(run.simulation_id, []).append(str(run.run_id))
        words = "; ".join(f"{plain(name)} run {', '.join(run_ids)}" for name, run_ids in named.items())
        rest = len(self.runs) - _NAMED
        return f"{words} and {rest} more" if rest > 0 else words

    def print(self) -> None:
        """Print who they are and why they failed, and one log of them."""
        state, reason = self.runs[0].state.value, plain(self.runs[0].reason)
        if len(self.runs) == 1:
            said = _said_in_log(self.wrote)  # it is not if the run was killed or timed out
            print(f"==> {self.names}: {state}{'' if said or not reason else f': {reason}'} <==")
        else:
            print(f"==> {count(len(self.runs), 'run')}: {state}{f': {reason}' if reason else ''} <==")
            of = f"{plain(self.wrote.simulation_id)} run {self.wrote.run_id}"
            print(f"    {self.names}; the log of {of}:")
        print_log(RunFolder(self.wrote.path), "error")


def error_groups(runs: Iterable[RunStatus], *, also_silent: bool = False) -> list[ErrorGroup]:
    """Return runs by what went wrong, in the order in which the first of each comes.

    Numbers in the reasons may differ, but not the line of the code.

    Parameters
    ----------
    runs : iterable of RunStatus
        The runs.
    also_silent : bool
        Also those that have no reason and wrote nothing.
    """
    groups: dict[tuple[str, str, str], list[RunStatus]] = {}
    for run in runs:
        if run.reason == NO_FOLDER and not also_silent:
            continue
        log = "" if run.reason else RunFolder(run.path).read_log("error", limit=_COMPARED)
        if run.reason or log or also_silent:
            groups.setdefault((run.state.value, error_kind(run.reason), log), []).append(run)
    return [ErrorGroup(tuple(found), next(filter(_has_written, found), found[0])) for found in groups.values()]


def _has_written(run: RunStatus) -> bool:
    return size(RunFolder(run.path).error_log) > 0


def _said_in_log(run: RunStatus) -> bool:
    return run.reason.removeprefix(place_in(run.reason)) in RunFolder(run.path).read_log("error", limit=_COMPARED)
