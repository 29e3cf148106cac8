"""Between two runs of one worker: what a run changed is put back, what it left behind is found."""

from __future__ import annotations

import contextlib
import decimal
import faulthandler
import gc
import logging
import os
import resource
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .session_settings import library_settings, use_settings

#: Signals whose handlers a run may change.
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM, signal.SIGCHLD)

#: `signal.getsignal` as it is in C: it makes no member of an enumeration, which costs a hundred times the look.
_handler_of: Callable[[int], Any] = sys.modules["_signal"].getsignal

#: Resource limits that a run may change.
_LIMITS = tuple(
    getattr(resource, f"RLIMIT_{name}") for name in ("AS", "CORE", "CPU", "DATA", "FSIZE", "NOFILE", "NPROC", "STACK")
)


def _limits() -> dict[int, tuple[int, int]]:
    """Return the resource limits of this process."""
    return {number: resource.getrlimit(number) for number in _LIMITS}


def _decimal_context() -> tuple[Any, ...]:
    """Return how this thread computes with ``decimal``: precision, rounding and so on, without what has happened."""
    kind, (*settings, _happened, traps) = decimal.getcontext().__reduce__()
    return kind, *settings, [], traps


def _log_handlers() -> dict[str, list[logging.Handler]]:
    """Return the handlers of each logger that has any, without those with which libraries silence themselves."""
    loggers = [("", logging.root), *logging.root.manager.loggerDict.items()]
    found = {
        name: [h for h in getattr(log, "handlers", ()) if not isinstance(h, logging.NullHandler)]
        for name, log in loggers
    }
    return {name: handlers for name, handlers in found.items() if handlers}


class Snapshot:
    """State of the process that user code may change, and how to put it back."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self) -> None:
        self.cwd = Path.cwd()
        self.environ = dict(os.environ)
        self._raw_environ = dict(getattr(os.environ, "_data", {}))
        self.path = list(sys.path)
        self.argv = list(sys.argv)
        self.recursion_limit = sys.getrecursionlimit()
        self.filters = list(warnings.filters)
        self.handlers = _log_handlers()
        self.level, self.disabled = logging.root.level, logging.root.manager.disable
        self.hooks = (sys.excepthook, threading.excepthook, sys.displayhook)
        self.signals = {number: _handler_of(number) for number in _SIGNALS}
        self.mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        self.umask = os.umask(0o022)
        os.umask(self.umask)
        self.limits = _limits()
        self.decimal = _decimal_context()
        self.floating_point, self.printing = self._numpy_errors(), self._numpy_printing()
        self.libraries = library_settings()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Snapshot) and vars(self) == vars(other)

    @staticmethod
    def _numpy_errors() -> dict[str, Any]:
        numpy = sys.modules.get("numpy")
        return dict(numpy.geterr()) if numpy is not None else {}

    @staticmethod
    def _numpy_printing() -> dict[str, Any]:
        numpy = sys.modules.get("numpy")
        return dict(numpy.get_printoptions()) if numpy is not None else {}

    def restore(self) -> None:
        """Put everything back as it was."""
        with contextlib.suppress(OSError):
            os.chdir(self.cwd)
        if self._environ_changed():
            for name in set(os.environ) - set(self.environ):
                del os.environ[name]
            os.environ.update(self.environ)
        sys.path[:], sys.argv[:] = self.path, self.argv
        sys.setrecursionlimit(self.recursion_limit)
        if list(warnings.filters) != self.filters:
            warnings.filters[:] = self.filters  # type: ignore[index]
            warnings._filters_mutated()  # type: ignore[attr-defined]
        self._restore_logging()
        sys.excepthook, threading.excepthook, sys.displayhook = self.hooks
        self._restore_signals()
        os.umask(self.umask)
        self._restore_limits()
        self._restore_libraries()
        gc.enable()

    def _environ_changed(self) -> bool:
        # os.environ decodes every value on every look; what it keeps inside is compared in no time.
        raw = getattr(os.environ, "_data", None)
        return dict(os.environ) != self.environ if raw is None else raw != self._raw_environ

    def _restore_signals(self) -> None:
        faulthandler.cancel_dump_traceback_later()
        for timer in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF):
            signal.setitimer(timer, 0)  # an alarm of this run must not end the next
        for number, handler in self.signals.items():
            if handler is not None and _handler_of(number) != handler:
                signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, self.mask)

    def _restore_logging(self) -> None:
        now = _log_handlers()
        for name in {*now, *self.handlers} if now != self.handlers else ():
            logger, before = logging.getLogger(name), self.handlers.get(name, [])
            for handler in now.get(name, []):
                if handler not in before:
                    logger.removeHandler(handler)
            for handler in before:
                logger.addHandler(handler)  # does nothing if it is there
        if (logging.root.level, logging.root.manager.disable) != (self.level, self.disabled):
            logging.root.setLevel(self.level)
            logging.disable(self.disabled)

    def _restore_limits(self) -> None:
        for number, limits in self.limits.items():
            if resource.getrlimit(number) != limits:
                with contextlib.suppress(ValueError, OSError):  # a hard limit that was lowered stays
                    resource.setrlimit(number, (limits[0], resource.getrlimit(number)[1]))

    def _restore_libraries(self) -> None:
        if _decimal_context() != self.decimal:
            decimal.setcontext(self.decimal[0](*self.decimal[1:]))
        if self.floating_point and (numpy := sys.modules.get("numpy")) is not None:
            if numpy.geterr() != self.floating_point:
                numpy.seterr(**self.floating_point)
            if numpy.get_printoptions() != self.printing:
                numpy.set_printoptions(**self.printing)
        if self.libraries and library_settings() != self.libraries:
            use_settings(self.libraries)
        if (pyplot := sys.modules.get("matplotlib.pyplot")) is not None:
            pyplot.close("all")


class Baseline:
    """What a worker is put back to after each run.

    What the modules of a recipe set up when they are imported (import path, warning filters, ...) stays: they are not
    imported again for the next run of that recipe, or of another that imports the same (a sweep), which must find what
    the first one found.
    """

    def __init__(self) -> None:
        self._snapshot = Snapshot()
        #: Whether modules of recipes changed the process: this worker is fit for recipes that import the same, then.
        self.changed = False
        self._n_modules = 0

    def prepared(self) -> None:
        """Take over what the worker has set up before its first run, for all runs."""
        self._snapshot = Snapshot()

    def loaded(self, recipe: bytes) -> None:
        """Take over what loading a recipe has changed, if it imported modules: that happens only once."""
        if len(sys.modules) == self._n_modules:
            return
        now = Snapshot()
        if now != self._snapshot:
            self._snapshot, self.changed = now, True

    def restore(self) -> None:
        """Put everything else back."""
        self._snapshot.restore()
        self._n_modules = len(sys.modules)
