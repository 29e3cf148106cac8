"""A page that is written anew while the batch runs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.public import public
from ..results.results import read_results
from .page import put_page, render_report, target_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..status.status import BatchStatus

INTERVAL_S = 5  # between two pages, at least
_SHARE = 0.1  # of the time, at most, is spent on pages: the cores are for the runs


@public("simmanager.report")
def watch_report(
    path: str | Path,
    output: str | Path | None = None,
    *,
    on_write: Callable[[Path], None] | None = None,
    wait: Callable[[float], None] = time.sleep,
) -> BatchStatus:
    """Write the page again and again until nothing runs any more; the last one does not refresh itself.

    Parameters
    ----------
    path : path-like
        The folder of the batch.
    output : path-like, optional
        As for `write_report`.
    on_write : callable, optional
        Called with the file after each page.
    wait : callable, optional
        Waits for so many seconds before the next page; ``time.sleep`` by default.

    Returns
    -------
    BatchStatus
        How the batch stands at the end.

    Raises
    ------
    KeyboardInterrupt
        Ctrl-C; the page that is left does not refresh itself.
    """
    target = target_of(Path(path), output)
    while True:
        started = time.monotonic()
        results = read_results(path)
        over = not results.status.manager_alive and not results.status.counts["running"]
        try:
            put_page(target, render_report(results, refresh_s=None if over else INTERVAL_S))
            if on_write is not None:
                on_write(target)
            if over:
                return results.status
            wait(max(INTERVAL_S, (time.monotonic() - started) / _SHARE))
        except KeyboardInterrupt:
            put_page(target, render_report(read_results(path)))
            raise
