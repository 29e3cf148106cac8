"""What a loop logs by itself, so that it is seen how a long run learns."""

from __future__ import annotations

import time
from collections.abc import Mapping
from numbers import Real
from typing import Any

from ..base.current_run import log_metrics
from ..disk.metric_log import LONGEST_NAME

#: Seconds from which on a run counts as long.
_LONG_S = 1.0


class Feed:
    """Logs the numbers that updates return (`log_metrics`), once the run has lasted for a second.

    They are in the history, too, which comes when the run ends; there they are complete.
    """

    def __init__(self) -> None:
        self._from = time.monotonic() + _LONG_S

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
            log_metrics(numbers, step=step)


def _is_name(name: Any) -> bool:
    """Return whether `log_metrics` takes it for the name of a metric."""
    return isinstance(name, str) and 0 < len(name) <= LONGEST_NAME and name.isprintable()
