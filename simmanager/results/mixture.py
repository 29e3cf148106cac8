"""Runs of one simulation that do not belong together: made with other parameters, or other code, than it has now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ..base.content_hash import changed_parts

if TYPE_CHECKING:
    from .run_result import RunResult


class Others(NamedTuple):
    """How many of some runs were made otherwise: with other parameters, with other code."""

    n_other_parameters: int
    n_other_code: int


def count_others(
    runs: Iterable[RunResult], parameters: Mapping[str, Any], contents: Mapping[str, str] | None
) -> Others:
    """Return how many of some runs were made with other parameters, and with other code, than their simulation has now.

    Parameters
    ----------
    runs : iterable of RunResult
        Those that are counted.
    parameters, contents : mapping
        Of the simulation now; ``contents`` is None if it is of a version that kept none.
    """
    n_parameters = n_code = 0
    for run in runs:
        parts: dict[bool, list[str]] = {False: [], True: []}
        if contents is not None and run.contents is not None:
            parts = {code: changed_parts(run.contents, contents, code=code) for code in parts}
        n_parameters += run.parameters != parameters or bool(parts[False])
        n_code += bool(parts[True])
    return Others(n_parameters, n_code)
