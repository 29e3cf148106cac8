"""A simulation in words, as manager.json keeps it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from ..base.errors import SimManagerError
from ..base.metrics import describe_metrics
from ..base.resources import EXECUTION_FIELDS
from ..base.rules import RULE_FIELDS
from ..base.text import name_of, shown

#: What a simulation consists of, in the order of the constructor; NeuralPlayground's have the same.
FIELDS = (
    "agent_class",
    "agent_params",
    "env_class",
    "env_params",
    "training_loop",
    "training_loop_params",
    "simulation_id",
)


PARAMS = ("agent_params", "env_params", "training_loop_params")


#: Bits of the longest integer that is shown in decimal digits.
_MAX_BITS = 1000


def readable(value: Any, depth: int = 0) -> Any:
    """Return a parameter value as something that JSON can hold and a person can read; never raises."""
    try:
        return _readable(value, depth)
    except Exception:  # of the value's own methods
        return f"<{type(value).__name__}>"


def _readable(value: Any, depth: int) -> Any:
    if isinstance(value, int) and value.bit_length() > _MAX_BITS:  # more digits than Python likes to print
        return _cut(hex(value), 200, hex(value))
    if value is None or isinstance(value, (bool, int, str)):
        return value if not isinstance(value, str) or len(value) <= 1000 else _cut(value, 1000, value)
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else repr(value)
    if depth < 5 and isinstance(value, Mapping) and len(value) <= 200:
        return {str(key): readable(item, depth + 1) for key, item in value.items()}
    if depth < 5 and isinstance(value, (list, tuple)) and len(value) <= 100:
        return [readable(item, depth + 1) for item in value]
    if depth < 5 and isinstance(value, (set, frozenset)) and len(value) <= 100:  # their order differs between processes
        return sorted((readable(item, depth + 1) for item in value), key=repr)
    size = getattr(value, "size", None)  # a method in torch
    if hasattr(value, "tolist") and isinstance(size, int) and size <= 100:
        return readable(value.tolist(), depth + 1) if depth < 5 else shown(value)
    if isinstance(value, type) or hasattr(value, "__qualname__"):
        return name_of(value)
    text = shown(value)
    if hasattr(value, "tobytes") and not getattr(getattr(value, "dtype", None), "hasobject", True):
        return _cut(text, 200, value.tobytes())  # a large array, of which NumPy shows the corners only
    return text if len(text) <= 200 else _cut(text, 200, text)


def _cut(text: str, length: int, content: str | bytes) -> str:
    """Shorten a text; a hash of the whole content tells it from another one that begins in the same way."""
    whole = content if isinstance(content, bytes) else content.encode(errors="backslashreplace")
    return f"{text[:length]}… #{hashlib.sha256(whole).hexdigest()[:8]}"


def describe_simulation(sim: Any) -> dict[str, Any]:
    """Return the readable entry of a simulation in manager.json."""
    entry: dict[str, Any] = {"simulation_id": sim.simulation_id}
    for name in FIELDS[:-1]:
        value = getattr(sim, name)
        entry[name] = (readable(value) or {}) if name in PARAMS else None if value is None else name_of(value)
    if sim.metrics:
        entry["metrics"] = describe_metrics(sim.metrics)
    if sim.cwd:
        entry["cwd"] = sim.cwd
    for name in RULE_FIELDS:
        if rules := getattr(sim, name, None):
            entry[name] = [str(rule) for rule in rules]
    for name, number_of in EXECUTION_FIELDS.items():
        if value := getattr(sim, name, None):
            try:
                entry[name] = number_of(value)
            except SimManagerError:  # of one that was not checked
                entry[name] = readable(value)
    return entry


def changed_names(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of what two descriptions tell differently; a metric that one of them lacks is no change."""
    for part in FIELDS[:-1]:
        one, other = before.get(part), now.get(part)
        if part not in PARAMS or not (isinstance(one, Mapping) and isinstance(other, Mapping)):
            names = [part] if one != other else []
        else:
            names = [f"{part}.{name}" for name in {**one, **other} if one.get(name) != other.get(name)]
        yield from names
    yield from (name for name in ("cwd", *RULE_FIELDS) if before.get(name) != now.get(name))
    old, new = (entry.get("metrics") or {} for entry in (before, now))
    yield from (f"metrics.{name}" for name in new if name in old and old[name] != new[name])
