"""A log of metrics that rules look at: what they see ends the run."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Iterable, Mapping

from ..base.current_run import MetricsTaker
from ..base.rules import Check, EndOfRun, Rule
from ..base.tell import note


class WatchedLog:
    """Passes on what is logged, and raises `EndOfRun` when a rule says so; then again at each call.

    If another thread than the main one logs, the main one is ended, too, as soon as it executes Python.

    Parameters
    ----------
    log : callable
        What keeps the metrics.
    rules : iterable of Rule
        What ends the run.
    """

    def __init__(self, log: MetricsTaker, rules: Iterable[Rule]) -> None:
        self._log, self._process, self._lock = log, os.getpid(), threading.Lock()
        self._checks: dict[str, list[tuple[Check, bool]]] = {}
        for rule in rules:
            self._checks.setdefault(rule.name, []).append((rule.begin(), rule.finishes))
        self._next: dict[tuple[str, ...], int] = {}
        self._seen: set[str] = set()
        #: What has ended the run.
        self.ended: EndOfRun | None = None

    def __call__(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Take numbers by name; see `simmanager.log_metrics`."""
        if os.getpid() != self._process:  # a forked child: nothing of it is logged
            return
        if self.ended is not None:
            raise self.ended
        with self._lock:
            at = self._next.get(tuple(metrics), 0) if step is None else step
            self._log(metrics, at)
            self._next[tuple(metrics)] = int(at) + 1
            for name in self._checks.keys() & metrics.keys():
                self._seen.add(name)
                for check, finishes in self._checks[name]:
                    if self.ended is None and (why := check(float(metrics[name]), int(at))):
                        self.ended = EndOfRun(why, finishes=finishes)
        if self.ended is not None:
            if threading.current_thread() is not threading.main_thread():
                _end_main_thread()
            raise self.ended

    def close(self) -> None:
        """Write what has not been written."""
        self._log.close()

    def tell_what_was_never_seen(self) -> None:
        """Say in error.log which metrics no rule could look at: their names are wrong, perhaps."""
        for name in self._checks.keys() - self._seen:
            logged = ", ".join(sorted({name for names in self._next for name in names})) or "nothing"
            note(f"a rule looks at {name!r}, which this run has not logged; it has logged: {logged}")


def _end_main_thread() -> None:
    ident = ctypes.c_ulong(threading.main_thread().ident or 0)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(EndOfRun))
