"""What a training history may be: a dict of curves, a table of pandas, polars or xarray, a list of dicts."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any

from ..base.errors import SimulationError

#: Packages and their tables: name -> values that stand in one row per iteration.
_TABLES = (("pandas", "DataFrame"), ("polars", "DataFrame"), ("xarray", "Dataset"))


class HistoryRefused(SimulationError):
    """What a loop or function returned is no history.

    Parameters
    ----------
    message : str
        Says what it is.
    returned : object
        It, to be kept.
    """

    def __init__(self, message: str = "", returned: Any = None) -> None:
        super().__init__(message)
        self.returned = returned


def as_history(returned: Any) -> Any:
    """Return what a loop or function returned as a history; None where it is not clear what it means.

    A table of pandas, polars or xarray stays what it is, with all its attributes; other mappings become dicts, None and
    an empty list an empty dict; of a list of dicts, one per iteration, each key becomes a list, with None where a dict
    lacks it.
    """
    if returned is None:
        return {}
    if is_table(returned):
        return returned
    if isinstance(returned, Mapping):
        return dict(returned)
    if isinstance(returned, (list, tuple)) and all(isinstance(row, Mapping) for row in returned):
        keys = dict.fromkeys(key for row in returned for key in row)
        return {key: [row.get(key) for row in returned] for key in keys}
    return None


def is_table(thing: Any) -> bool:
    """Return whether this is a DataFrame or a Dataset; a package that is not loaded has made none."""
    modules = ((sys.modules.get(package), kind) for package, kind in _TABLES)
    return any(isinstance(thing, getattr(module, kind, ())) for module, kind in modules if module is not None)


def columns_of(history: Any) -> Iterable[tuple[Any, Any]]:
    """Return the keys of a history with their values; of a table the columns, of a Dataset the variables."""
    if callable(get_columns := getattr(history, "get_columns", None)):  # polars
        return zip(history.columns, get_columns(), strict=True)
    return list(history.items())


def curve_name(key: Any) -> str:
    """Return the name of the curve of a history key, which need not be text: ``("train", "loss")`` is train/loss."""
    try:
        return "/".join(map(str, key)) if isinstance(key, tuple) else str(key)
    except Exception:
        return f"(a key of type {type(key).__name__})"
