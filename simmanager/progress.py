"""How far a run is: training loops say it here, the worker listens."""

from __future__ import annotations

from collections.abc import Callable

#: Called with (done, total) while a run is executed; None outside a run.
_listener: Callable[[float, float], None] | None = None


def report_progress(done: float, total: float) -> None:
    """Say how far the current run is.

    Free outside a run; inside one, at most one small write a second, however often it is called.

    Parameters
    ----------
    done, total : float
        So many iterations of so many.
    """
    if _listener is not None:
        _listener(done, total)


def listen(listener: Callable[[float, float], None] | None) -> None:
    """Install the listener for the coming run, or remove it with None."""
    global _listener
    _listener = listener
