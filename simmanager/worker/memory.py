"""Memory and processor time of a run: measured and limited."""

from __future__ import annotations

import contextlib
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any


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
    if pid != os.getpid():
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
    counted = usage_peak_mb(resource.getrusage(resource.RUSAGE_SELF))
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
        if self.limit_mb is None:
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
