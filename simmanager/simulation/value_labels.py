"""Labels of parameter values: short, readable, distinct, and allowed in the name of a folder."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

#: Bytes of the longest simulation_id.
MAX_ID = 150

#: Characters of the longest label of a value.
_MAX_LABEL = 40

_UNSAFE = re.compile(r"[^A-Za-z0-9._=,+-]+")


def plain_value(value: Any) -> Any:
    """Return a scalar of NumPy (or an array of no dimension) as Python's own number; anything else as it is."""
    is_scalar = getattr(value, "shape", None) == () and callable(getattr(value, "item", None))
    return value.item() if is_scalar else value


def identity(value: Any) -> Hashable:
    """Return what two parameter values have in common if they are of one type and equal, and no others have."""
    kind = type(value).__name__
    if value is None or isinstance(value, (bool, int, float, str)):
        return kind, repr(value)
    if isinstance(value, (list, tuple)):
        return kind, *map(identity, value)
    if isinstance(value, Mapping):
        return kind, *((identity(key), identity(item)) for key, item in value.items())
    if hasattr(value, "tobytes") and hasattr(value, "dtype") and not value.dtype.hasobject:
        return kind, str(value.dtype), value.shape, value.tobytes()
    return kind, id(value)


def label_values(values: Iterable[Any]) -> list[str]:
    """Return a label for each value: equal values have the same, others do not (in upper or lower case).

    A value has the same label in any list, unless another value there would have it, too.
    """
    values = list(values)
    distinct = {identity(value): value for value in values}
    labels = _apart([_short(value, index) for index, value in enumerate(distinct.values())], list(distinct.values()))
    by_identity = dict(zip(distinct, labels, strict=True))
    return [by_identity[identity(value)] for value in values]


def _apart(labels: list[str], values: Sequence[Any]) -> list[str]:
    """Tell labels apart that are the same: floats by all their digits, others by their place."""
    labels = [
        repr(value) if clash and isinstance(value, float) else label
        for label, value, clash in zip(labels, values, _clashes(labels), strict=True)
    ]
    return [
        f"{label}_{index}" if clash else label
        for index, (label, clash) in enumerate(zip(labels, _clashes(labels), strict=True))
    ]


def _clashes(labels: Sequence[str]) -> list[bool]:
    counts = Counter(label.lower() for label in labels)
    return [counts[label.lower()] > 1 for label in labels]


def _short(value: Any, index: int) -> str:
    text = _text(value)
    return f"{type(value).__name__}{index}" if text is None else safe(text)[:_MAX_LABEL]


def _text(value: Any) -> str | None:
    """Return a value in a few characters, or None if it has no such text."""
    if isinstance(value, float):
        return f"{value:.6g}"
    if value is None or isinstance(value, (bool, int, str)):
        return str(value)
    if isinstance(value, (list, tuple)):
        texts = [None if isinstance(item, (list, tuple)) else _text(item) for item in value]
        joined = ",".join(text for text in texts if text is not None)
        return joined if texts and None not in texts and len(joined) <= _MAX_LABEL else None
    name = getattr(value, "__name__", getattr(value, "name", None))
    return name if isinstance(name, str) else None


def safe(text: str) -> str:
    """Return a text with an underscore in the place of what a folder name cannot hold."""
    return _UNSAFE.sub("_", text)


def combined_id(base: str, words: Iterable[str], taken: set[str]) -> str:
    """Return an id like ``SR__lr_td=0.001`` and put it into ``taken``, in lower case.

    One that is taken, or longer than 150 bytes, ends in a hash.
    """
    full = "__".join((base, *map(safe, words)))
    name, number = full, 0
    while len(name) > MAX_ID or name.lower() in taken:
        digest = hashlib.sha256(f"{full}#{number}".encode()).hexdigest()[:8]
        name, number = f"{full[: MAX_ID - 9]}-{digest}", number + 1
    taken.add(name.lower())
    return name
