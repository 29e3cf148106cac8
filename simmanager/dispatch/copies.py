"""Simulations whose runs all gave the same: either nothing in them is random, or the seed does not reach what is."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..base.text import plain
from ..disk.files import open_regular
from ..disk.run_folder import RunFolder
from ..disk.state import RunState
from ..status.status import RunStatus

#: Bytes that are compared at a time.
_PIECE = 1 << 20

#: Bytes of a history without anything in it, at most.
_EMPTY = 16

#: Simulations that are named.
_NAMED = 5


def copies_in_words(runs: Iterable[RunStatus], simulation_ids: Iterable[str]) -> list[str]:
    """Return a line for each of these simulations all of whose runs are finished and gave the same, byte by byte."""
    wanted = set(simulation_ids)
    of: dict[str, list[RunStatus]] = {name: [] for name in wanted}
    for run in runs:
        if run.simulation_id in wanted:
            of[run.simulation_id].append(run)
    names = [name for name, own in of.items() if _are_copies(own)]
    lines = [
        f"note: all {len(of[name])} runs of {plain(name)} are identical: nothing in it is random, or its random "
        "numbers do not come from the seed of the run"
        for name in sorted(names)[:_NAMED]
    ]
    return lines + ([f"note: so are those of {len(names) - _NAMED} more simulations"] if len(names) > _NAMED else [])


def _are_copies(runs: Sequence[RunStatus]) -> bool:
    if len(runs) < 2 or any(run.state is not RunState.FINISHED for run in runs):
        return False
    folders = [RunFolder(run.path) for run in runs]
    first = folders[0]
    try:
        if first.history.stat().st_size <= _EMPTY:
            return False
        # Most runs differ, in the small file already: two of them are read, and no more.
        return all(
            _same_bytes(getattr(first, file), getattr(other, file))
            for file in ("summary", "history")
            for other in folders[1:]
        )
    except OSError:
        return False


def _same_bytes(one: Path, other: Path) -> bool:
    if one.stat().st_size != other.stat().st_size:
        return False
    with os.fdopen(open_regular(one), "rb") as first, os.fdopen(open_regular(other), "rb") as second:
        while piece := first.read(_PIECE):
            if piece != second.read(_PIECE):
                return False
    return True
