"""Times: now, between two, and as people say them."""

from __future__ import annotations

from datetime import UTC, datetime


def duration(seconds: float | None) -> str:
    """Return seconds as people say them: ``0.31 s``, ``2 min 5 s``, ``3 h 12 min``."""
    if seconds is None:
        return ""
    if round(seconds, 2) < 10:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)  # rounded first: no "1 min 60 s"
    if minutes == 0:
        return f"{rest} s"
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours = minutes // 60
    return f"{hours} h {minutes % 60} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def local_time(moment: str) -> str:
    """Return a time (UTC, as `utc_now` gives it) as people here say it: ``22:41``, before today with the date."""
    try:
        local = datetime.fromisoformat(moment).astimezone()
    except ValueError:
        return "an unknown time"
    return f"{local:%H:%M}" if local.date() == datetime.now().astimezone().date() else f"{local:%Y-%m-%d %H:%M}"


def utc_now() -> str:
    """Return the time as UTC ISO-8601 with milliseconds, e.g. ``2026-11-22T14:15:33.591Z``."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seconds_between(start: str, end: str) -> float | None:
    """Return the seconds from one such time to another, never negative; None if either cannot be read."""
    try:
        return max((datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return None
