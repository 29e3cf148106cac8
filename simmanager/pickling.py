"""One way to write a pickle: plain where that will do, by value where it must be."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any


def dump(thing: Any, path: Path) -> None:
    """Pickle ``thing`` to a new file.

    Plain pickle is several times faster than cloudpickle for small objects; it refuses classes and functions of a
    notebook or a main script, which cloudpickle takes by value. Both are read by ``pickle.load``.

    Raises
    ------
    pickle.PicklingError, TypeError, AttributeError
        Neither can.
    OSError
        The file cannot be written.
    """
    try:
        with path.open("wb") as file:
            pickle.dump(thing, file, protocol=5)
    except (pickle.PicklingError, AttributeError, TypeError):
        import cloudpickle

        with path.open("wb") as file:
            cloudpickle.dump(thing, file, protocol=5)
