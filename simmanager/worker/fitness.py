"""Whether a worker is fit for another run: not after what a failed run may have left, nor when memory has piled up."""

from __future__ import annotations

import gc
import os
import sys
import time

from ..disk.state import RunState
from .library_leftovers import clear_caches
from .task import Outcome

#: A worker whose start took more processor time than this (s) is kept after a failed run that left nothing open.
_COSTLY_S = 1.0

#: A worker is changed when its memory has grown to this many times what its first run left, ...
_GROWTH = 1.5

#: ... and by at least so many bytes.
_LEAST_GROWTH = 50_000_000

#: Short runs between two looks at the memory.
_EVERY = 32


class Fitness:
    """Whether this worker is fit for another run."""

    def __init__(self) -> None:
        self._costs_s = 0.0
        self._n_modules, self._n_files = -1, -1
        self._memory, self._runs = 0, 0

    def loaded(self) -> None:
        """Note that a recipe is loaded: what a start costs is known with the first."""
        if not self._costs_s:
            self._costs_s = time.process_time()
        if len(sys.modules) != self._n_modules:
            self._n_modules, self._memory = len(sys.modules), 0  # what modules take is needed

    def why_unfit(self, outcome: Outcome, *, short: bool) -> str:
        """Return, after a run, why this worker should take no other; "" if it may.

        Parameters
        ----------
        outcome : Outcome
            How the run ended.
        short : bool
            Whether the run was so short that a look at the memory counts.
        """
        if outcome.executed and outcome.state == RunState.ERROR.value:
            kept = self._costs_s > _COSTLY_S and self._left_nothing_open()
            return "" if kept else "what a failed run may have left"
        self._runs += 1
        if short and self._memory and self._runs % _EVERY:
            return ""
        return "memory that has piled up" if self._has_grown() else ""

    def _left_nothing_open(self) -> bool:
        """Return whether a failed run neither left a file or device open nor imported anything, maybe in halves."""
        if len(sys.modules) != self._n_modules:
            return False
        gc.collect()
        return 0 <= _open_files() <= self._n_files

    def run_begins(self) -> None:
        """Note, before a run, what is open without it."""
        if len(sys.modules) != self._n_modules or self._n_files < 0:
            self._n_files = _open_files()

    def _has_grown(self) -> bool:
        now = resident_bytes()
        if not self._memory:
            self._memory = now
        if not self._is_much(now):
            return False
        gc.collect()
        clear_caches()
        return self._is_much(resident_bytes())

    def _is_much(self, memory: int) -> bool:
        return memory > max(_GROWTH * self._memory, self._memory + _LEAST_GROWTH)


def _open_files() -> int:
    """Return how many files, sockets and devices this process has open; -1 where that cannot be told."""
    try:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    except OSError:
        return -1


def resident_bytes() -> int:
    """Return the memory that this process takes now; 0 where that cannot be told."""
    try:
        with open("/proc/self/statm", "rb", buffering=0) as file:  # noqa: PTH123
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0
