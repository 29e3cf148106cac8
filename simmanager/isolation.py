"""Between two runs of one worker: what a run changed is put back, what it left behind is found."""

from __future__ import annotations

import contextlib
import decimal
import faulthandler
import functools
import gc
import logging
import os
import random
import signal
import sys
import threading
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

#: Signals whose handlers a run may change.
_SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGALRM", "SIGCHLD") if hasattr(signal, name)
]


def seed_everything(seed: int) -> None:
    """Seed ``random``, ``numpy.random`` and, where they are loaded, torch's generators."""
    import numpy as np

    random.seed(seed)
    if global_bit_generator() is not _usual_bit_generator():  # an earlier run has put another in its place
        use_bit_generator(_usual_bit_generator())
    np.random.seed(seed)  # the global generator, which models without their own use
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(seed)


def global_bit_generator() -> Any:
    """Return the bit generator behind the functions of ``numpy.random``."""
    import numpy.random as numpy_random

    return numpy_random.mtrand.get_bit_generator()


def use_bit_generator(generator: Any) -> None:
    """Put a bit generator behind the functions of ``numpy.random``."""
    import numpy.random as numpy_random

    numpy_random.mtrand.set_bit_generator(generator)


@functools.cache
def _usual_bit_generator() -> Any:
    """Return the bit generator that every run finds: of the kind that NumPy has by itself."""
    from numpy.random import MT19937

    current = global_bit_generator()
    return current if isinstance(current, MT19937) else MT19937()


def _limits() -> dict[int, tuple[int, int]]:
    """Return the resource limits of this process."""
    names = ("AS", "CORE", "CPU", "DATA", "FSIZE", "NOFILE", "NPROC", "STACK")
    numbers = [getattr(resource, f"RLIMIT_{name}") for name in names if hasattr(resource, f"RLIMIT_{name}")]
    return {number: resource.getrlimit(number) for number in numbers}


def _decimal_context() -> dict[str, Any]:
    """Return how this thread computes with ``decimal``, as the arguments of a context."""
    context = decimal.getcontext()
    names = ("prec", "rounding", "Emin", "Emax", "capitals", "clamp")
    traps = [signal for signal, is_set in context.traps.items() if is_set]
    return {**{name: getattr(context, name) for name in names}, "traps": traps}


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
        self.signals = {number: signal.getsignal(number) for number in _SIGNALS}
        self.mask = signal.pthread_sigmask(signal.SIG_BLOCK, ()) if hasattr(signal, "pthread_sigmask") else set()
        self.umask = os.umask(0o022)
        os.umask(self.umask)
        self.limits = _limits()
        self.decimal = _decimal_context()
        self.floating_point, self.printing = self._numpy_errors(), self._numpy_printing()

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
        if hasattr(signal, "setitimer"):
            for timer in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF):
                signal.setitimer(timer, 0)  # an alarm of this run must not end the next
        for number, handler in self.signals.items():
            if handler is not None and signal.getsignal(number) != handler:
                signal.signal(number, handler)
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_SETMASK, self.mask)

    def _restore_logging(self) -> None:
        now = _log_handlers()
        for name in {*now, *self.handlers}:
            logger, before = logging.getLogger(name), self.handlers.get(name, [])
            for handler in now.get(name, []):
                if handler not in before:
                    logger.removeHandler(handler)
            for handler in before:
                logger.addHandler(handler)  # does nothing if it is there
        logging.root.setLevel(self.level)
        logging.disable(self.disabled)

    def _restore_limits(self) -> None:
        for number, limits in self.limits.items():
            if resource.getrlimit(number) != limits:
                with contextlib.suppress(ValueError, OSError):  # a hard limit that was lowered stays
                    resource.setrlimit(number, (limits[0], resource.getrlimit(number)[1]))

    def _restore_libraries(self) -> None:
        if _decimal_context() != self.decimal:
            decimal.setcontext(decimal.Context(**self.decimal))
        if self.floating_point and (numpy := sys.modules.get("numpy")) is not None:
            numpy.seterr(**self.floating_point)
            if numpy.get_printoptions() != self.printing:
                numpy.set_printoptions(**self.printing)
        if (pyplot := sys.modules.get("matplotlib.pyplot")) is not None:
            pyplot.close("all")


#: Recipes that a worker remembers to have loaded.
_RECIPES_KNOWN = 100


class Baseline:
    """What a worker is put back to after each run.

    What the modules of a recipe set up when they are imported (import path, warning filters, ...) stays: they are not
    imported again for the next run of that recipe, which must find what the first one found.
    """

    def __init__(self) -> None:
        self._snapshot = Snapshot()
        #: Whether a recipe changed the process when it was loaded; this worker is fit for that recipe only, then.
        self.changed = False
        self._known: set[bytes] = set()

    def loaded(self, recipe: bytes) -> None:
        """Take over what loading a recipe has changed; its modules are imported only once."""
        if recipe in self._known:
            return
        if len(self._known) >= _RECIPES_KNOWN:
            self._known.clear()
        self._known.add(recipe)
        now = Snapshot()
        if now != self._snapshot:
            self._snapshot, self.changed = now, True

    def restore(self) -> None:
        """Put everything else back."""
        self._snapshot.restore()


def end_if_forked(process: int, error: BaseException | None = None) -> None:
    """End a child that a run has forked and that came back from its code: files and verdict are its parent's.

    Parameters
    ----------
    process : int
        Id of the process that executes the run; in this one nothing happens.
    error : BaseException, optional
        What the child raised; as in any process, SystemExit gives its exit code, anything else a traceback.
    """
    if os.getpid() == process:
        return
    with contextlib.suppress(Exception):  # the run may have closed or replaced its streams
        if error is not None and not isinstance(error, SystemExit):
            traceback.print_exception(error)
        sys.stdout.flush()
        sys.stderr.flush()
    code = error.code or 0 if isinstance(error, SystemExit) else int(error is not None)
    os._exit(code & 0xFF if isinstance(code, int) else 1)


def left_behind() -> str:
    """Return what the run left alive in this worker (threads, child processes), in words; "" if nothing.

    Children that have ended are reaped.
    """
    found = []
    threads = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    if threads:
        found.append(f"{len(threads)} thread(s)")
    if os.name == "posix":
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass
            found.append("child processes")
    return " and ".join(found)


def become_subreaper() -> None:
    """Let daemons that a run starts stay children of this worker, so that they are found (Linux only)."""
    if sys.platform == "linux":
        import ctypes

        pr_set_child_subreaper = 36
        ctypes.CDLL(None).prctl(pr_set_child_subreaper, 1, 0, 0, 0)


class Meter:
    """Wall time, processor time and peak memory of what runs from here on."""

    def __init__(self) -> None:
        self._reset_peak()
        self._cpu = self._cpu_now()
        self._start = time.perf_counter()

    @staticmethod
    def _reset_peak() -> None:
        with contextlib.suppress(OSError):
            descriptor = os.open("/proc/self/clear_refs", os.O_WRONLY)
            try:
                os.write(descriptor, b"5")  # resets VmHWM, so that a worker's past does not count
            finally:
                os.close(descriptor)

    @staticmethod
    def _cpu_now() -> float:
        times = os.times()
        return times.user + times.system + times.children_user + times.children_system

    def seconds(self) -> float:
        """Wall time, seconds."""
        return round(time.perf_counter() - self._start, 6)

    def cpu(self) -> float:
        """Processor time, seconds; ended children count."""
        return round(self._cpu_now() - self._cpu, 6)

    @staticmethod
    def peak_mb() -> float | None:
        """Peak resident memory in MB; the process with its interpreter and libraries."""
        return peak_memory_mb(os.getpid())


def peak_memory_mb(pid: int) -> float | None:
    """Return the peak resident memory of a process in MB (10**6 bytes), or None where it cannot be told."""
    try:
        descriptor = os.open(f"/proc/{pid}/status", os.O_RDONLY)
        try:
            status = os.read(descriptor, 1 << 13).decode("ascii", "replace")
        finally:
            os.close(descriptor)
        return round(int(status.partition("VmHWM:")[2].split(None, 1)[0]) * 1024 / 1e6, 1)
    except (OSError, ValueError, IndexError):
        pass
    if resource is None or pid != os.getpid():
        return None
    return usage_peak_mb(resource.getrusage(resource.RUSAGE_SELF))


def usage_peak_mb(usage: Any) -> float:
    """Return the peak resident memory in MB (10**6 bytes) that the system has counted for a process.

    On Linux it is not below the memory of the process that started it: the count begins before ``exec``.
    """
    peak: float = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
    return round(peak, 1)


def memory_at_start() -> dict[str, float]:
    """Return, in MB, the peak of this process so far (``own_mb``), and what was counted before it began.

    That (``inherited_mb``, 0 if nothing) is the least that `usage_peak_mb` will ever say of it.
    """
    own = peak_memory_mb(os.getpid()) or 0.0
    counted = 0.0 if resource is None else usage_peak_mb(resource.getrusage(resource.RUSAGE_SELF))
    return {"own_mb": own, "inherited_mb": counted if counted > own else 0.0}


class MemoryLimit:
    """A limit on the memory that this process may add, as a context.

    Parameters
    ----------
    limit_mb : float or None
        MB (10**6 bytes) that may be added to what the process has now; None: no limit.
    """

    def __init__(self, limit_mb: float | None) -> None:
        self.limit_mb = limit_mb
        self._before: tuple[int, int] | None = None

    def __enter__(self) -> None:
        if self.limit_mb is None or resource is None:
            return
        self._before = resource.getrlimit(resource.RLIMIT_DATA)
        limit = self._data_now() + int(self.limit_mb * 1e6)
        hard = self._before[1]
        soft = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            resource.setrlimit(resource.RLIMIT_DATA, self._before)

    @staticmethod
    def _data_now() -> int:
        try:
            status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
            return int(status.partition("VmData:")[2].split(None, 1)[0]) * 1024
        except (OSError, ValueError, IndexError):
            return 0
