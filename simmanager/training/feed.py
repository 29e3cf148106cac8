"""What a loop logs of its history by itself: it is seen how a long run learns, and rules can end the run by it."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from numbers import Real
from typing import Any

from ..base.current_run import is_watched, show_metrics
from ..disk.metric_log import LONGEST_NAME

#: Seconds from which on a run counts as long.
_LONG_S = 1.0


class Feed:
    """Logs the numbers that updates return, once the run has lasted for a second; they are in the history, too.

    If rules look at them, all are logged from the first: what a rule sees must not depend on how quick the machine is.
    """

    def __init__(self) -> None:
        #: Whether rules look, so that the numbers of each iteration are wanted.
        self.wants_all = is_watched()
        self._from = -math.inf if self.wants_all else time.monotonic() + _LONG_S

    def __call__(self, output: Any, step: int) -> None:
        """Take what an update has returned, and its iteration."""
        if not isinstance(output, Mapping) or time.monotonic() < self._from:
            return
        numbers = {
            name: float(value)
            for name, value in output.items()
            if _is_name(name) and type(value) is not bool and isinstance(value, Real)
        }
        if numbers:
            show_metrics(numbers, step)


def _is_name(name: Any) -> bool:
    """Return whether `log_metrics` takes it for the name of a metric."""
    return isinstance(name, str) and 0 < len(name) <= LONGEST_NAME and name.isprintable()
