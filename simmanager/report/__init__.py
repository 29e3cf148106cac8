"""One self-contained HTML page about a batch: what happened, what differs, what went wrong."""

from .page import render_report, write_report
from .watch import watch_report

__all__ = ["render_report", "watch_report", "write_report"]
