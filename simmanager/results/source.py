"""What is compared, drawn or told on a page: results, whatever has some, or the folder of a batch."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Protocol, TypeAlias

from ..base.errors import ParameterTypeError
from .results import Results, read_results


class HasResults(Protocol):
    """What gives the results of a batch when it is asked: a `SimulationManager`."""

    def results(self) -> Results:
        """Return the results as they are now."""


#: Where results come from: they themselves, what has some, or the path of a batch.
Source: TypeAlias = Results | HasResults | PathLike[str] | str


def results_of(source: Source) -> Results:
    """Return the results that are meant.

    Parameters
    ----------
    source : Results, SimulationManager or path-like
        Results as they are; a manager or a folder is read now.

    Raises
    ------
    ParameterTypeError
        It is none of these.
    BatchNotFound
        There is no batch at that path.
    """
    if isinstance(source, Results):
        return source
    if isinstance(source, (str, PathLike)):
        return read_results(Path(source))
    read = getattr(source, "results", None)
    found = read() if callable(read) else None
    if isinstance(found, Results):
        return found
    raise ParameterTypeError(
        f"Give results, a manager or the folder of a batch, not {source!r} "
        f"({type(source).__name__}). Try: read_results(path)."
    )
