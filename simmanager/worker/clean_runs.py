"""Runs one after the other in one process, each of which finds it as the first one did."""

from __future__ import annotations

import gc
from dataclasses import replace
from functools import partial

from .attempt import execute_run
from .capture import descriptors_to_logs
from .fitness import Fitness
from .isolation import Baseline
from .library_leftovers import left_behind_for_good
from .preparation import Preparation
from .shared_directory import SharedDirectory
from .task import Outcome, Task

#: Collect garbage after a run longer than this (s), so that the next starts clean.
SHORT_S = 0.05


class CleanRuns:
    """Executes runs; says after each whether this process may take another."""

    def __init__(self) -> None:
        self._preparation = Preparation()
        self._baseline, self._fitness, self._directory = Baseline(), Fitness(), SharedDirectory()
        self._capture = self._directory.watching(descriptors_to_logs)
        #: What the last run left alive (threads, processes), in words.
        self.alive = ""

    def fits(self, task: Task) -> bool:
        """Return whether this process may take a run: not if another session has set it up."""
        return self._preparation.fits(task.session)

    def execute(self, task: Task) -> Outcome:
        """Execute a run and put back what it changed; ``leftovers`` says why this process should take no other."""
        self._fitness.run_begins()
        outcome, error = execute_run(
            task, capture=self._capture, loaded=self._loaded, prepare=partial(self._prepare, task)
        )
        del error  # and with it what the frames of the run hold
        self._baseline.restore()
        short = (outcome.duration_s or 0) <= SHORT_S
        if not short:
            gc.collect()
        self.alive = left_behind_for_good()
        leftovers = self.alive or self._fitness.why_unfit(outcome, short=short)
        wrote = self._directory.wrote if outcome.executed else []
        return replace(outcome, leftovers=leftovers, bound=self._baseline.changed, wrote=wrote)

    def _prepare(self, task: Task) -> None:
        if self._preparation.make(task.session):
            self._baseline.prepared()

    def _loaded(self, recipe: bytes) -> None:
        self._baseline.loaded(recipe)
        self._fitness.loaded()
