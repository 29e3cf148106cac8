"""Where the output of a run goes: its own run.log and error.log."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..disk.run_folder import RunFolder

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_NOFOLLOW


def _text_stream(descriptor: int) -> io.TextIOWrapper:
    buffered = io.BufferedWriter(io.FileIO(descriptor, "wb", closefd=False))
    stream = io.TextIOWrapper(buffered, encoding="utf-8", errors="backslashreplace", line_buffering=True)
    stream.mode = "w"  # type: ignore[misc]  # as open() gives it; without it cloudpickle refuses what holds sys.stdout
    return stream


@functools.cache
def _streams_outside() -> tuple[io.TextIOWrapper, io.TextIOWrapper]:
    """Return the streams between two runs; no run ever sees them, so none can close them."""
    return _text_stream(1), _text_stream(2)


@contextmanager
def descriptors_to_logs(folder: RunFolder) -> Iterator[None]:
    """Point file descriptors 1 and 2 at the logs: C code and child processes write there too.

    Afterwards both point where they did before, and ``sys.stdout``, ``sys.stderr`` are fresh, whatever the run did
    to them.
    """
    outside = _streams_outside()
    before = [os.dup(1), os.dup(2)]
    try:
        for path, descriptor in zip(folder.log_paths, (1, 2), strict=True):
            log = os.open(path, _FLAGS, 0o666)
            os.dup2(log, descriptor)
            os.close(log)
        sys.stdout, sys.stderr = _text_stream(1), _text_stream(2)
        yield
    finally:
        flush_everything()
        for old, descriptor in zip(before, (1, 2), strict=True):
            os.dup2(old, descriptor)
            os.close(old)
        sys.stdout, sys.stderr = outside


@contextmanager
def prints_to_logs(folder: RunFolder) -> Iterator[None]:
    """Point ``sys.stdout`` and ``sys.stderr`` at the logs, for a run in the caller's own process."""
    with (
        _open_log(folder.run_log) as run_log,
        _open_log(folder.error_log) as error_log,
        contextlib.redirect_stdout(run_log),
        contextlib.redirect_stderr(error_log),
    ):
        yield


@contextmanager
def errors_to_log(folder: RunFolder) -> Iterator[None]:
    """Leave stdout and stdin to the caller (for pdb); make empty logs, so that the folder is complete."""
    for path in folder.log_paths:
        os.close(os.open(path, _FLAGS, 0o666))
    yield


def _open_log(path: Path) -> io.TextIOWrapper:
    descriptor = os.open(path, _FLAGS, 0o666)
    return open(descriptor, "w", buffering=1, encoding="utf-8", errors="backslashreplace")  # noqa: PTH123


def flush_everything() -> None:
    """Flush Python's and C's output buffers, so that nothing of a run shows up in the log of the next."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # the run may have closed or replaced it
            stream.flush()
    _c_library().fflush(None)


@functools.cache
def _c_library() -> ctypes.CDLL:
    return ctypes.CDLL(None)
