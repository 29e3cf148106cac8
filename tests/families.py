"""Long families of tests: some members run each time, all of them in CI."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def slow_but(names: Iterable[str], *quick: str) -> list[Any]:
    """Return the names as parameters, all of them slow but for the quick ones."""
    names = list(names)
    assert set(quick) <= set(names), "they are members of the family"
    return [name if name in quick else pytest.param(name, marks=pytest.mark.slow) for name in names]
