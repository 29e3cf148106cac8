"""A line for the user that ends nothing: stdout and stderr may be missing, closed, full, or somebody's own object."""

from __future__ import annotations

import sys
from contextlib import suppress


def tell(text: str) -> None:
    """Write a line to stdout, if that can be."""
    with suppress(Exception):
        print(text)


def note(text: str) -> None:
    """Write a line to stderr, if that can be, after the name of this package."""
    with suppress(Exception):
        if sys.stderr is not None:  # else `print` takes stdout
            print(f"simmanager: {text}", file=sys.stderr, flush=True)


def flush() -> None:
    """Write what stdout and stderr have held back so far, if that can be."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
