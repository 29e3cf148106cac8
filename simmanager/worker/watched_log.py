"""A log of metrics that rules look at: what they see ends the run."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..base.current_run import MetricsTaker
from ..base.rules import Check, EndOfRun, Rule
from ..base.tell import note


class WatchedLog:
    """Passes on what is logged, and raises `EndOfRun` when a rule says so; then again at each call.

    If another thread than the main one logs, the main one is ended, too, as soon as it executes Python.

    Parameters
    ----------
    log : MetricsTaker
        What keeps the metrics.
    rules : iterable of Rule
        What ends the run.
    """

    is_watched = True

    def __init__(self, log: MetricsTaker, rules: Iterable[Rule]) -> None:
        self._log, self._process, self._lock = log, os.getpid(), threading.Lock()
        self._checks: list[tuple[str, Check, bool]] = [(rule.name, rule.begin(), rule.finishes) for rule in rules]
        self._next: dict[tuple[str, ...], int] = {}
        #: What has ended the run.
        self.ended: EndOfRun | None = None
        self._is_over = False

    def __call__(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Take numbers by name; see `simmanager.log_metrics`."""
        self._take(self._log, metrics, step)

    def show(self, metrics: Mapping[str, float], step: int) -> None:
        """Take numbers that are in the history as well."""
        self._take(self._log.show, metrics, step)

    def _take(self, log: Callable[[Mapping[str, float], int], None], metrics: Mapping[str, float], step: Any) -> None:
        if os.getpid() != self._process:  # a forked child: nothing of it is logged
            return
        if self.ended is not None and not self._is_over:
            raise self.ended
        with self._lock:
            names = tuple(metrics)
            at = self._next.get(names, 0) if step is None else step
            log(metrics, at)
            number = int(at)
            self._next[names] = number + 1
            if self._is_over:
                return
            for name, check, finishes in self._checks:
                if name in metrics and (why := check(float(metrics[name]), number)) and self.ended is None:
                    self.ended = EndOfRun(why, finishes=finishes)
        if self.ended is not None:
            if threading.current_thread() is not threading.main_thread():
                _end_main_thread()
            raise self.ended

    def close(self) -> None:
        """Write what has not been written; from now on, when the training is over, no rule ends the run."""
        self._is_over = True
        self._log.close()

    @property
    def seen(self) -> Any:
        """What the rules have seen, to be kept with a checkpoint of the run."""
        return [check for _, check, _ in self._checks], self._next

    @seen.setter
    def seen(self, seen: Any) -> None:
        checks, self._next = seen
        self._checks = [
            (name, check, finishes) for (name, _, finishes), check in zip(self._checks, checks, strict=True)
        ]

    def tell_what_was_never_seen(self) -> None:
        """Say in error.log which metrics no rule could look at: their names are wrong, perhaps."""
        seen = {name for names in self._next for name in names}
        logged = ", ".join(sorted(seen)) or "nothing"
        for name in sorted({name for name, _, _ in self._checks} - seen):
            note(f"a rule looks at {name!r}, which this run has not logged; it has logged: {logged}")


def _end_main_thread() -> None:
    ident = ctypes.c_ulong(threading.main_thread().ident or 0)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(EndOfRun))
