"""The state of an agent or an arena: its random generator, when two are equal, and its file."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.random  # NumPy would load it in the middle of the first run

from ..base.equality import same
from ..base.errors import ParameterError, ParameterTypeError
from ..disk.pickling import dump, load


class ModelState:
    """Base of agents and arenas: equality by value, and saving to a file that is whole or not there.

    Two models are equal if they are of the same class and all that they keep is equal: arrays
    element by element, NaN equal to NaN, random generators by their position in the stream.
    Models can change, so they have no hash.
    """

    def __getstate__(self) -> dict[str, Any]:
        """Return what is pickled; a subclass leaves out what it can rebuild."""
        return dict(self.__dict__)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take what `__getstate__` gave; names are interned, as pickle itself does, so that they pickle alike again."""
        self.__dict__.update({sys.intern(name): value for name, value in state.items()})

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return same(self.__getstate__(), other.__getstate__())

    def _is_unchanged(self, owner: type, *methods: str) -> bool:
        """Return whether methods are still those of a base class, not of a subclass or of this object."""
        return all(getattr(type(self), name) is getattr(owner, name) and name not in vars(self) for name in methods)

    def _save(self, path: str | Path, raw_object: bool) -> None:
        target = Path(path)
        scratch = target.with_name(f".part-{target.name}")
        try:
            dump(self if raw_object else self.__getstate__(), scratch)
            scratch.replace(target)
        finally:
            scratch.unlink(missing_ok=True)

    def _restore(self, path: str | Path) -> None:
        with Path(path).open("rb") as file:
            saved = load(file)
        if isinstance(saved, type(self)):
            saved = saved.__getstate__()
        if not isinstance(saved, dict):
            raise ParameterTypeError(
                f"{path} holds a {type(saved).__name__}, not a {type(self).__name__}: "
                f"restore it into an object of its own class."
            )
        self.__dict__.clear()
        self.__setstate__(saved)

    def copy(self) -> Self:
        """Return an independent copy, random generator included."""
        copied: Self = pickle.loads(pickle.dumps(self))
        return copied


def own_generator(rng: np.random.Generator | None) -> np.random.Generator:
    """Return ``rng``, or a new generator seeded from NumPy's global state.

    Parameters
    ----------
    rng : numpy.random.Generator or None
        What the user gave. None draws four words from ``np.random``, so that a run seeded
        with ``np.random.seed`` can be repeated.

    Raises
    ------
    ParameterTypeError
        ``rng`` is something else.
    """
    if rng is None:
        return np.random.default_rng(np.random.randint(0, 2**32, size=4, dtype=np.uint32))
    if not isinstance(rng, np.random.Generator):
        raise ParameterTypeError(
            f"rng must be a numpy.random.Generator, for example np.random.default_rng(1), not {rng!r}."
        )
    return rng


def one_name(owner: str, name: str, value: str, alias: str, other: str | None) -> str:
    """Return the name under which a model was called, by either of two parameters.

    Raises
    ------
    ParameterTypeError
        A name is not a string.
    """
    chosen, label = (value, name) if other is None else (other, alias)
    if not isinstance(chosen, str):
        raise ParameterTypeError(f"{label} of {owner} must be a string, not {chosen!r} ({type(chosen).__name__}).")
    return chosen


def check_pair(name: str, value: Any, *, above: float = -np.inf, increasing: bool = False) -> tuple[float, float]:
    """Return two finite numbers as floats.

    Parameters
    ----------
    name : str
        The parameter, for the message.
    value : sequence of two numbers
        Tuple, list or array.
    above : float
        Each must be greater than this.
    increasing : bool
        The second must be greater than the first.

    Raises
    ------
    ParameterError
        Not two numbers, or out of range.
    """
    from ..base.checks import check_number

    pair = value.tolist() if isinstance(value, np.ndarray) else value
    if not isinstance(pair, list | tuple) or len(pair) != 2:
        raise ParameterTypeError(f"{name} must be two numbers, not {value!r} ({type(value).__name__}).")
    first, second = (float(check_number(f"{name}[{i}]", number, above=above)) for i, number in enumerate(pair))
    if increasing and first >= second:
        raise ParameterError(f"{name} must be two increasing numbers (lower end, upper end), not {value!r}.")
    return first, second
