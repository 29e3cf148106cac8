"""Quantities: numbers of seconds or megabytes, which may be texts with a unit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from .checks import check_number
from .errors import ParameterError

_QUANTITY = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)\s*([a-z]*)\s*", re.ASCII | re.IGNORECASE)


class Quantity(NamedTuple):
    """What a number counts, and the units that a text may have, by their sizes."""

    allowed: str
    units: Mapping[str, float]

    def check(self, name: str, value: Any) -> float:
        """Return a quantity as a number; raise `ParameterError` if it is none, or not above 0."""
        if isinstance(value, str):
            found = _QUANTITY.fullmatch(value)
            if found is None or found[2].lower() not in self.units:
                raise ParameterError(f"{name} must be {self.allowed}; not {value!r}.")
            value = float(found[1]) * self.units[found[2].lower()]
        return float(check_number(name, value, above=0))

    def read(self, word: str) -> Any:
        """Return a word of a command line as a number, if it has no unit; else as it is."""
        found = _QUANTITY.fullmatch(word)
        return float(found[1]) if found and not found[2] else word


#: Seconds.
SECONDS = Quantity(
    "a number of seconds, or one with a unit, e.g. 90s, 10m, 2h, 1d",
    {"s": 1, "min": 60, "m": 60, "h": 3600, "d": 86_400},
)

#: Megabytes (MB, 1,000,000 bytes).
MEGABYTES = Quantity(
    "a number of megabytes, or one with a unit, e.g. 500MB, 3GB, 2GiB",
    {"mb": 1, "gb": 1e3, "tb": 1e6, "mib": 2**20 / 1e6, "gib": 2**30 / 1e6, "tib": 2**40 / 1e6},
)
