"""When the runs of a batch were frozen: stopped with all their processes. That time is no part of their durations."""

from __future__ import annotations

import os
from pathlib import Path

from ..base.clock import seconds_between, utc_now
from .files import write_file
from .json_file import json_bytes, read_json

#: Name of the file in the folder of a batch.
FROZEN_TIMES = "frozen.json"

#: How many of these times are kept.
_MOST = 1000

#: From when to when, UTC as `utc_now` gives it; "": until now.
_Times = list[tuple[str, str]]


def batch_of(run: str) -> str:
    """Return the folder of the batch of a run, by that of the run."""
    return run.rpartition(os.sep)[0].rpartition(os.sep)[0]


def note_freeze(batch: Path) -> None:
    """Note that all runs of a batch are stopped from now on. Raises `OSError`."""
    _write(batch, [*_times(batch), (utc_now(), "")])


def note_thaw(batch: Path) -> None:
    """Note that they go on. Raises `OSError`."""
    if is_frozen(batch):
        now = utc_now()
        _write(batch, [(begin, end or now) for begin, end in _times(batch)])


def is_frozen(batch: Path | str) -> bool:
    """Return whether the runs of a batch are stopped now, or were left so by a manager that was killed."""
    return any(not end for _, end in _times(batch))


def frozen_seconds(batch: Path | str, begin: str, end: str = "") -> float:
    """Return for how many seconds the runs of a batch were stopped between two times; without an end, until now."""
    end = end or utc_now()
    total = 0.0
    for first, last in _times(batch):
        total += seconds_between(max(first, begin), min(last or end, end)) or 0.0
    return total


def _times(batch: Path | str) -> _Times:
    kept = read_json(f"{batch}/{FROZEN_TIMES}").get("times")
    times = kept if isinstance(kept, list) else []
    return [(first, last) for first, last in (pair for pair in times if _is_pair(pair)) if first <= (last or first)]


def _is_pair(pair: object) -> bool:
    return isinstance(pair, list) and len(pair) == 2 and all(isinstance(one, str) for one in pair)


def _write(batch: Path, times: _Times) -> None:
    write_file(batch / FROZEN_TIMES, json_bytes({"times": times[-_MOST:]}))
