"""metrics.jsonl: what a run logs on its way, thinned; readable while it is written, and after a crash."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..base.errors import ParameterError, ParameterTypeError
from ..base.tell import note
from .curves import MAX_POINTS
from .files import open_regular, open_to_append

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

#: Name of the file in the folder of a run: a line of JSON for each call that is kept.
METRIC_LOG = "metrics.jsonl"

#: Of the calls with the same names, so many are kept before every other one is left out; then of the rest, and so on.
_KEPT = MAX_POINTS

#: Seconds between two writes, and as a share of the time since the first; so many may be written at once before.
_INTERVAL_S, _SHARE, _AT_ONCE = 1.0, 0.005, 20

#: Most sets of names that are logged together, and characters of a name.
_MOST_SERIES, LONGEST_NAME = 100, 200

#: In the lines of what is in the history as well.
_IN_HISTORY = {"in_history": True}

#: Largest step.
_MAX_STEP = 2**31 - 1

#: Bytes of the longest log that is read: those that a run writes stay below a megabyte or two.
_MAX_BYTES = 64_000_000

#: Bytes at its end in which the last values are looked for.
_LAST_BYTES = 4096


class Logged(NamedTuple):
    """One metric, as a run has logged it."""

    steps: npt.NDArray[np.int64]  #: (n_points,), ascending.
    values: npt.NDArray[np.float64]  #: (n_points,)


#: Stands for this process; a forked one has another.
_process = object()


def _in_child() -> None:
    global _process
    _process = object()


os.register_at_fork(after_in_child=_in_child)


class _Series:
    """The calls with the same names."""

    __slots__ = ("count", "in_history", "kept", "last", "mask", "next_step")

    def __init__(self) -> None:
        #: Whether the loop has them in the history, too.
        self.in_history = False
        self.count = self.kept = self.mask = self.next_step = 0
        #: The last call, if it was left out.
        self.last: tuple[float, int, list[float]] | None = None

    def following(self) -> int:
        """Return the step after that of the last call."""
        return self.next_step if self.last is None else self.last[1] + 1


class MetricLog:
    """Writes what a run logs: few lines, seldom, from any thread. What forked children log is not written.

    Parameters
    ----------
    run : path-like
        The folder of the run; what its log has already stays.
    """

    #: Rules look at a log from outside.
    is_watched = False

    def __init__(self, run: Path | str) -> None:
        self._path, self._process, self._lock = _path(run), _process, threading.Lock()
        self._series: dict[tuple[str, ...], _Series] = {}
        self._waiting: list[tuple[tuple[str, ...], float, int, list[float]]] = []
        self._begun = self._due = time.monotonic()
        self._at_once, self._told = _AT_ONCE, False

    def __call__(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Take some values; see `simmanager.log_metrics`."""
        if _process is not self._process:
            return
        try:
            names, numbers = tuple(metrics), [*metrics.values()]
        except (TypeError, AttributeError):
            raise ParameterTypeError(f"log_metrics takes a dict of names and numbers, not {metrics!r:.100}.") from None
        for value in numbers:
            if type(value) is not float:
                numbers = [_number(name, value) for name, value in metrics.items()]
                break
        now = time.monotonic()
        series = self._series.get(names)
        if series is not None and series.count & series.mask and type(step) is int and 0 <= step <= _MAX_STEP:
            # As nearly all calls: without the lock. What two threads do to the count at once is harmless.
            series.count += 1
            series.last = now, step, numbers
            if now < self._due:
                return
            with self._lock:
                self._write(now)
            return
        with self._lock:
            self._take(names, now, step, numbers)
            if now >= self._due or self._at_once:
                self._write(now)

    def show(self, metrics: Mapping[str, float], step: int) -> None:
        """Take values that are in the history as well: their lines say so, and they become no curves of their own."""
        if _process is self._process:
            names = tuple(metrics)
            with self._lock:
                if (series := self._series.get(names) or self._new_series(names)) is not None:
                    series.in_history = True
            self(metrics, step)

    def _take(self, names: tuple[str, ...], now: float, step: Any, numbers: list[float]) -> None:
        series = self._series.get(names) or self._new_series(names)
        if series is None:
            return
        at = series.following() if step is None else _step(step)
        series.next_step = at + 1
        series.count += 1
        if (series.count - 1) & series.mask:
            series.last = now, at, numbers
            return
        self._waiting.append((names, now, at, numbers))
        series.last = None
        series.kept += 1
        if series.kept == _KEPT:
            series.kept, series.mask = _KEPT // 2, 2 * series.mask + 1

    def close(self) -> None:
        """Write what is left, the last call above all."""
        if _process is self._process:
            with self._lock:
                self._write(time.monotonic())

    def _new_series(self, names: tuple[str, ...]) -> _Series | None:
        for name in names:
            if not isinstance(name, str):
                raise ParameterTypeError(f"The name of a metric must be a text, not {name!r}.")
            if not name or len(name) > LONGEST_NAME or not name.isprintable():
                raise ParameterError(
                    f"The name of a metric must have 1 to {LONGEST_NAME} printable characters, not {name[:300]!r}."
                )
        if len(self._series) < _MOST_SERIES:
            return self._series.setdefault(names, _Series()) if names else None
        if not self._told:
            self._told = True
            note(
                f"log_metrics has been called with {_MOST_SERIES} sets of names; those of others, "
                f"{', '.join(names[:3])}, are not kept."
            )
        return None

    def _write(self, now: float) -> None:
        for names, series in self._series.items():
            if series.last is not None:
                self._waiting.append((names, *series.last))
                series.next_step, series.last = series.last[1] + 1, None
        if not self._waiting:
            return
        lines = [
            json.dumps(
                {
                    "step": at,
                    "wall_s": round(then - self._begun, 3),
                    "metrics": dict(zip(names, numbers, strict=True)),
                    **(_IN_HISTORY if self._series[names].in_history else {}),
                }
            )
            for names, then, at, numbers in self._waiting
        ]
        self._waiting.clear()
        self._at_once = max(self._at_once - 1, 0)
        self._due = now + max(_INTERVAL_S, _SHARE * (now - self._begun))
        with suppress(OSError):  # a full disk: the run goes on, and its results are refused in the end
            file = open_to_append(self._path)
            try:
                os.write(file, ("\n".join(lines) + "\n").encode())
            finally:
                os.close(file)


def _number(name: Any, value: Any) -> float:
    """Return a value as a number; raise the error that names it."""
    if getattr(value, "shape", ()) == () and hasattr(type(value), "__float__"):
        try:
            return float(value)
        except (TypeError, ValueError, OverflowError, RuntimeError) as error:
            raise ParameterError(f"The metric {name!r} cannot be a number: {error}.") from None
    raise ParameterTypeError(f"The metric {name!r} must be a number, not {value!r:.100} ({type(value).__name__}).")


def _step(step: Any) -> int:
    index = getattr(type(step), "__index__", None)
    if index is None or isinstance(step, bool):
        raise ParameterTypeError(f"step must be a whole number, not {step!r:.100} ({type(step).__name__}).")
    number = int(index(step))
    if not 0 <= number <= _MAX_STEP:
        raise ParameterError(f"step must be between 0 and {_MAX_STEP:,}, not {number}.")
    return number


def _path(run: Path | str) -> str:
    return f"{run}{os.sep}{METRIC_LOG}"


def read_metric_log(run: Path | str, *, in_history: bool = True) -> dict[str, Logged]:
    """Return what the run in a folder has logged so far: name -> `Logged` with at most 1,000 points.

    Not ``in_history``: without what its loop has logged of its history, now and then, to be seen while it goes on.
    Lines that cannot be read (the last one of a killed run) are left out. Of two values of one step the later counts.
    """
    try:
        with os.fdopen(open_regular(_path(run)), "rb") as file:
            content = file.read(_MAX_BYTES)
    except OSError:
        return {}
    found: dict[str, dict[int, float]] = {}
    for step, metrics in _entries(content, in_history=in_history):
        for name, value in metrics.items():
            found.setdefault(name, {})[step] = value
    return {name: _thinned(values) for name, values in found.items()}


def read_last_logged(run: Path | str) -> dict[str, float]:
    """Return the last values that a run has logged so far, in its last few lines: quick, however long its log is."""
    try:
        with os.fdopen(open_regular(_path(run)), "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - _LAST_BYTES, 0))
            content = file.read(_LAST_BYTES)
    except OSError:
        return {}
    if size > _LAST_BYTES:
        content = content.partition(b"\n")[2]
    return {name: value for _, metrics in _entries(content) for name, value in metrics.items()}


def _entries(content: bytes, *, in_history: bool = True) -> Iterator[tuple[int, dict[str, float]]]:
    """Yield step and values of each line that can be read."""
    for line in content.split(b"\n"):
        try:
            entry = json.loads(line)
            step, metrics = entry["step"], entry["metrics"]
            given = {str(name): float(value) for name, value in metrics.items()}
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
            continue
        if not in_history and entry.get("in_history"):
            continue
        if type(step) is int and 0 <= step <= _MAX_STEP:
            yield step, given


def _thinned(values: dict[int, float]) -> Logged:
    """Return values by step, thinned to points that are evenly spaced in steps, the first and the last among them."""
    import numpy as np

    steps = np.array(sorted(values), dtype=np.int64)
    if len(steps) > MAX_POINTS:
        wanted = np.linspace(steps[0], steps[-1], MAX_POINTS)
        steps = steps[np.unique(np.searchsorted(steps, wanted).clip(0, len(steps) - 1))]
    return Logged(steps, np.array([values[step] for step in steps.tolist()]))
