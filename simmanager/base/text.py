"""Text that is shown: without control characters, in one line where one is meant."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

MAX_LINE = 5000  # longest line of a log that is shown whole
DETAIL_LENGTH = 500  # characters of a reason that a line of state.log keeps

# Escape sequences, control characters but tab and newline, and marks that change the direction of text.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


#: Eight heights of a sparkline.
_BLOCKS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float], width: int = 16) -> str:
    """Return a curve as one line of at most so many characters, from its lowest to its highest value.

    Values that share a character are averaged; those that are NaN or infinite are spaces.

    >>> sparkline([0, 1, 2, 3, 4, 5, 6, 7])
    '▁▂▃▄▅▆▇█'
    """
    size = max(len(values) / width, 1.0)
    groups = [values[round(i * size) : round((i + 1) * size)] for i in range(min(len(values), width))]
    finite = [[value for value in group if math.isfinite(value)] for group in groups]
    means = [sum(group) / len(group) if group else None for group in finite]
    known = [mean for mean in means if mean is not None]
    if not known:
        return " " * len(means)
    low, high = min(known) / 2, max(known) / 2  # halves: the distance of two large numbers may be infinite
    scale = (len(_BLOCKS) - 1) / ((high - low) or 1.0)
    return "".join(" " if mean is None else _BLOCKS[round((mean / 2 - low) * scale)] for mean in means)


def plain(text: str) -> str:
    """Return text without control characters and escape sequences; overlong lines are cut."""
    text = _CONTROL.sub("", _ESCAPES.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))
    lines = text.split("\n")
    return "\n".join(
        line if len(line) <= MAX_LINE else f"{line[:MAX_LINE]}… ({len(line)} characters)" for line in lines
    )


# What moves the cursor of a terminal so that something is written over: carriage returns, lines up, lines erased.
_MOVES = re.compile(r"(\r\n|\r|\n|\x1b\[\d*[AK])")


def as_last_seen(text: str) -> str:
    """Return text as it stood on a terminal at last: of a progress bar its last state, not the thousands before it."""
    if "\r" not in text and "\x1b[" not in text:
        return text
    lines, row, at_start = [""], 0, True
    for piece in _MOVES.split(text):
        if piece in ("\n", "\r\n"):
            row, at_start = row + 1, True
            if row == len(lines):
                lines.append("")
        elif piece == "\r":
            at_start = True
        elif piece.startswith("\x1b[") and piece.endswith("A"):
            row = max(row - int(piece[2:-1][:6] or 1), 0)
        elif piece.startswith("\x1b[") and piece.endswith("K"):
            lines[row], at_start = "", True
        elif piece:
            lines[row], at_start = piece if at_start else lines[row] + piece, False
    return "\n".join(lines)


_BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def one_line(text: str, length: int = DETAIL_LENGTH) -> str:
    """Return ``text`` as one line without control characters, cut to ``length`` characters."""
    flat = _BREAKS.sub(" ", text.encode("utf-8", "replace").decode()).strip()  # no lone surrogates
    return flat if len(flat) <= length else flat[: length - 1] + "…"


def describe(error: BaseException) -> str:
    """Return an exception in one line, ``"ValueError: text"``; also one whose ``__str__`` raises."""
    try:
        text = str(error)
    except BaseException as second:
        text = f"(its text cannot be shown: __str__ raised {type(second).__name__})"
    if isinstance(error, SystemExit):
        return one_line(f"the simulation's code called sys.exit({text or ''})", 300)
    if isinstance(error, KeyboardInterrupt):
        return one_line(f"the simulation's code raised KeyboardInterrupt {text}", 300)
    return one_line(f"{type(error).__name__}: {text}" if text else type(error).__name__, 300)


def count(number: int, what: str, several: str = "") -> str:
    """Return a number of things: ``1 run``, ``2 runs``; ``several`` is the plural where it is not formed with "s".

    >>> count(1, "run"), count(0, "simulation"), count(2, "run is", "runs are")
    ('1 run', '0 simulations', '2 runs are')
    """
    return f"{number} {what if number == 1 else several or f'{what}s'}"


def memory(megabytes: float | None) -> str:
    """Return an amount of memory as people say it: ``132 MB``, ``1.4 GB``; "" if it is not known."""
    if megabytes is None:
        return ""
    return f"{megabytes:.0f} MB" if megabytes < 1000 else f"{megabytes / 1000:.1f} GB"


def size(n_bytes: int) -> str:
    """Return the size of a file as people say it: ``312 bytes``, ``1.4 kB``, ``12 MB``."""
    if n_bytes < 1000:
        return count(n_bytes, "byte")
    units = [(n_bytes / 1000**power, unit) for power, unit in enumerate(("kB", "MB", "GB", "TB"), 1)]
    value, unit = next(((value, unit) for value, unit in units if value < 999.5), units[-1])
    return f"{value:.1f} {unit}" if value < 9.95 else f"{value:.0f} {unit}"


def files_in_words(files: Mapping[str, int]) -> str:
    """Return how many files these are (name -> bytes), and their size: ``3 files, 1.4 MB``; "" for none."""
    return f"{count(len(files), 'file')}, {size(sum(files.values()))}" if files else ""


_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def name_of(thing: Any) -> str:
    """Return ``module:name`` of a class or function, else how a thing shows itself; never raises."""
    name = getattr(thing, "__qualname__", None)
    return f"{getattr(thing, '__module__', '?')}:{name}" if name else shown(thing)


def shown(thing: Any) -> str:
    """Return ``repr`` without addresses in memory: the same thing in another process must look the same."""
    try:
        return _ADDRESS.sub("", repr(thing))
    except Exception:  # of the thing's own method
        return f"<{type(thing).__name__}>"


# What differs between runs that failed for the same reason: addresses, process ids, iterations.
_CHANGING = re.compile(r"0x[0-9a-fA-F]+|\d+(?:\.\d+)?(?:e[-+]?\d+)?")

# A place in code that a reason begins with: "ring.py:21 in act: ".
_PLACE = re.compile(r"[^:]{1,120}:\d+(?: in \S+)?: ")


def error_kind(reason: str) -> str:
    """Return a reason without the numbers in it that differ from run to run; the line of the code stays.

    >>> error_kind("ring.py:21 in act: ValueError: bad value 6 at 0x7f12")
    'ring.py:21 in act: ValueError: bad value 0 at 0'
    """
    place = place_in(reason)
    return place + _CHANGING.sub("0", reason[len(place) :])


def place_in(reason: str) -> str:
    """Return the place in code that a reason begins with: ``"ring.py:21 in act: "``, or ""."""
    found = _PLACE.match(reason)
    return found[0] if found else ""
