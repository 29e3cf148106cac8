"""run.json: seed, provenance, times, peak memory and the outcome of a run, in words."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..base.text import one_line

#: Version of the format of run.json and manager.json.
FORMAT = 1

#: Numbers that JSON does not have, as texts.
_NOT_FINITE = ("nan", "inf", "-inf")


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What run.json holds."""

    simulation_id: str
    run_id: int | None
    seed: int | None  #: Of the random generators; with the recipe it repeats the run.
    attempt: int  #: 1 for the first execution.
    state: str  #: `RunState` keyword it ended with.
    reason: str = ""  #: Why, in words; "" when it finished.
    error_type: str = ""  #: Name of the exception, or "".
    #: UTC, ISO-8601.
    started: str = ""
    ended: str = ""
    #: Wall and processor time in seconds (children included), peak resident memory in MB (10**6 bytes).
    duration_s: float | None = None
    cpu_s: float | None = None
    peak_mb: float | None = None
    #: Where it ran.
    pid: int | None = None
    host: str = ""
    versions: dict[str, str] = field(default_factory=dict)  #: Python and the packages that were loaded.
    provenance: dict[str, Any] = field(default_factory=dict)  #: Git commit and the like, as the manager saw it.
    metrics: dict[str, float] = field(default_factory=dict)  #: What the metrics of a finished run gave.
    #: Metrics that raised or gave no number, and why.
    metric_errors: dict[str, str] = field(default_factory=dict)
    #: Results that a finished run could not save (``agent``, ``training_hist.dict['key']``), and why.
    not_saved: dict[str, str] = field(default_factory=dict)
    #: Keys of the training history that have no curve in the summary, and why.
    left_out: dict[str, str] = field(default_factory=dict)
    stopped_early: str = ""  #: Which rule has stopped a finished run, in words.

    def as_json(self) -> dict[str, Any]:
        """Return the content of run.json. NaN and infinities, which JSON does not have, become texts."""
        content = {"format": FORMAT, **{name: getattr(self, name) for name in self.__dataclass_fields__}}
        return {**content, "metrics": {name: json_number(value) for name, value in self.metrics.items()}}

    def without_longest(self, why: str) -> RunRecord:
        """Return the record without the longest of its parts, which is named, with the reason, as not saved."""
        parts = ("metrics", "metric_errors", "left_out", "not_saved", "provenance", "versions")
        longest = max(parts, key=lambda name: len(repr(getattr(self, name))))
        noted = {longest: f"{len(getattr(self, longest)):,} entries, but {why}"}
        short: Any = {longest: {}, "not_saved": noted if longest == "not_saved" else {**self.not_saved, **noted}}
        return replace(self, **short)


def run_seed(batch_seed: int, simulation_id: str, run_id: int) -> int:
    """Return the seed of a run, 0 <= seed < 2**32: it depends on nothing but these three.

    Without a simulation_id ("") it is that of all runs with this run_id.
    """
    digest = hashlib.sha256(f"{batch_seed}/{simulation_id}/{run_id}".encode()).digest()
    return int.from_bytes(digest[:4], "big")


def draw_seed() -> int:
    """Return a fresh random seed, 0 <= seed < 2**32, without touching any random generator."""
    return int.from_bytes(os.urandom(4), "big")


def number_of(record: Mapping[str, Any], key: str) -> float | None:
    """Return a number from a record that may be damaged, or None."""
    value = record.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if -1e300 < value < 1e300 else None  # neither NaN, infinity nor a number of 400 digits


def json_number(value: float) -> float | str:
    """Return a number as JSON can hold it: NaN and infinities as "nan", "inf", "-inf"."""
    return value if math.isfinite(value) else repr(float(value))  # one of _NOT_FINITE


def json_ready(value: Any) -> Any:
    """Return plain data with its numbers as JSON can hold them."""
    if isinstance(value, float):
        return json_number(value)
    if isinstance(value, dict):
        return {name: json_ready(item) for name, item in value.items()}
    return [json_ready(item) for item in value] if isinstance(value, (list, tuple)) else value


def metrics_of(record: Mapping[str, Any]) -> dict[str, float]:
    """Return the metrics in a record that may be damaged; what is no number is left out."""
    metrics = record.get("metrics")
    found: dict[str, float] = {}
    if not isinstance(metrics, dict):
        return found
    for name, value in metrics.items():
        number = float(value) if isinstance(value, float) or value in _NOT_FINITE else number_of(metrics, name)
        if number is not None:
            found[name] = number
    return found


def metric_errors_of(record: Mapping[str, Any]) -> dict[str, str]:
    """Return name -> reason of the metrics that failed, from a record that may be damaged."""
    return _texts(record, "metric_errors")


def not_saved_of(record: Mapping[str, Any]) -> dict[str, str]:
    """Return name -> reason of the results that could not be saved, from a record that may be damaged."""
    return _texts(record, "not_saved")


def stopped_early_of(record: Mapping[str, Any]) -> str:
    """Return in words which rule has stopped a run early, from a record that may be damaged; or ""."""
    words = record.get("stopped_early")
    return words if isinstance(words, str) else ""


def remark_on(not_saved: Mapping[str, str], stopped_early: str = "") -> str:
    """Return in one line what has to be known of a finished run: that it was stopped early, and what was not saved.

    >>> remark_on({"agent": "Agent.writer cannot be pickled"})
    'agent not saved: Agent.writer cannot be pickled'
    """
    early = [stopped_early] if stopped_early else []
    return one_line("; ".join([*early, *(f"{name} not saved: {why}" for name, why in not_saved.items())]))


def left_out_of(record: Mapping[str, Any]) -> dict[str, str]:
    """Return history key -> reason of those without a curve, from a record that may be damaged."""
    return _texts(record, "left_out")


def _texts(record: Mapping[str, Any], key: str) -> dict[str, str]:
    content = record.get(key)
    return {name: why for name, why in content.items() if isinstance(why, str)} if isinstance(content, dict) else {}
