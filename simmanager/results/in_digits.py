"""Numbers and intervals as text: with the digits that they tell."""

from __future__ import annotations

import math

#: Intervals of such a width are written out, others with an exponent where that is shorter.
_FEW_DIGITS = 1e-9, 1e9


def with_interval(value: float, low: float | None, high: float | None) -> str:
    """Return a value with its interval, to as many digits as the interval tells: ``0.43 [0.31, 0.64]``."""
    if low is None or high is None or not _FEW_DIGITS[0] < high - low < _FEW_DIGITS[1] or value != value:
        return f"{number(value)} {interval(low, high)}".strip()
    decimals = max(1 - math.floor(math.log10((high - low) / 2)), 0)
    value, low, high = (round(each, decimals) + 0.0 for each in (value, low, high))  # -0.0 is 0.0
    return f"{value:.{decimals}f} [{low:.{decimals}f}, {high:.{decimals}f}]"


def number(value: float | None) -> str:
    """Return a number with four digits; "" for None and for NaN, which stands for no value."""
    return "" if value is None or value != value else f"{value:.4g}"


def interval(low: float | None, high: float | None) -> str:
    """Return the two ends; "" if there is no interval."""
    return "" if low is None or high is None else f"[{number(low)}, {number(high)}]"
