"""The state of an agent or an arena: its random generator, when two are equal, and its file."""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.random  # NumPy would load it in the middle of the first run

from ..base.checks import check_number
from ..base.equality import same
from ..base.errors import ParameterError, ParameterTypeError
from ..disk.files import SCRATCH
from ..disk.pickling import dump, load


class ModelState:
    """Base of agents and arenas: equality by value, and saving to a file that is whole or not there.

    Two models are equal if they are of the same class and all that they keep is equal: arrays
    element by element, NaN equal to NaN, random generators by their position in the stream.
    Models can change, so they have no hash.
    """

    #: Names of attributes that can be made again, by `_make_not_pickled`.
    _not_pickled: ClassVar[tuple[str, ...]] = ()

    def __getstate__(self) -> dict[str, Any]:
        """Return what is pickled."""
        return {name: value for name, value in vars(self).items() if name not in self._not_pickled}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take what `__getstate__` gave; names are interned, as pickle itself does, so that they pickle alike again."""
        self.__dict__.update({sys.intern(name): value for name, value in state.items()})
        self._make_not_pickled()

    def _make_not_pickled(self) -> None:
        """Make the attributes that are not pickled."""

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return same(self.__getstate__(), other.__getstate__())

    #: Names of the methods for one step that methods for a block of steps stand for, in the class that has both.
    _one_by_one: ClassVar[tuple[str, ...]] = ()

    @property
    def works_in_blocks(self) -> bool:
        """True if the methods for a block of steps do what those for one step do: neither is replaced by a subclass."""
        names = self._one_by_one
        owner = next(base for base in type(self).__mro__ if "_one_by_one" in vars(base))
        replaced = (name in vars(self) or getattr(type(self), name) is not getattr(owner, name) for name in names)
        return bool(names) and not any(replaced)

    def _save(self, save_path: str | Path, raw_object: bool = True) -> None:
        """Write this object to a file, which appears whole or not at all.

        Parameters
        ----------
        save_path : path
            The file; its folder must exist.
        raw_object : bool
            True (default) writes the object, for ``pickle.load`` or to be restored; False only its state, to be
            restored.
        """
        target = Path(save_path)
        scratch = target.with_name(SCRATCH + target.name)
        try:
            dump(self if raw_object else self.__getstate__(), scratch)
            scratch.replace(target)
        finally:
            scratch.unlink(missing_ok=True)

    def _restore(self, restore_path: str | Path) -> None:
        """Become the object that was saved to a file. It is a pickle: only open files you trust.

        Parameters
        ----------
        restore_path : path
            Saved from an object of the same class.

        Raises
        ------
        ParameterTypeError
            The file holds something else.
        """
        with Path(restore_path).open("rb") as file:
            saved = load(file)
        if isinstance(saved, ModelState) and any(_same_name(kind, type(self)) for kind in type(saved).__mro__):
            saved = saved.__getstate__()
        if not isinstance(saved, dict):
            raise ParameterTypeError(
                f"{restore_path} holds a {type(saved).__name__}, not a {type(self).__name__}: "
                f"restore it into an object of its own class."
            )
        self.__dict__.clear()
        self.__setstate__(saved)

    def copy(self) -> Self:
        """Return an independent copy, random generator included."""
        return copy.deepcopy(self)


def _same_name(one: type, other: type) -> bool:
    """Return whether two classes have one name: a class of a script that was saved by value is loaded as a new one."""
    return (one.__module__, one.__qualname__) == (other.__module__, other.__qualname__)


def own_generator(rng: np.random.Generator | None) -> np.random.Generator:
    """Return ``rng``, or a new generator seeded from NumPy's global state: ``np.random.seed`` then repeats a run."""
    if rng is None:
        return np.random.default_rng(np.random.randint(0, 2**32, size=4, dtype=np.uint32))
    if not isinstance(rng, np.random.Generator):
        raise ParameterTypeError(
            f"rng must be a numpy.random.Generator, for example np.random.default_rng(1), not {rng!r}."
        )
    return rng


def one_name(owner: str, name: str, value: str, alias: str, other: str | None) -> str:
    """Return the name under which a model was called, by either of two parameters, or raise if it is no string."""
    chosen, label = (value, name) if other is None else (other, alias)
    if not isinstance(chosen, str):
        raise ParameterTypeError(f"{label} of {owner} must be a string, not {chosen!r} ({type(chosen).__name__}).")
    return chosen


def check_pair(name: str, value: Any, *, above: float = -np.inf, increasing: bool = False) -> tuple[float, float]:
    """Return two finite numbers, from a tuple, list or array, as floats; or raise, naming the parameter."""
    pair = value.tolist() if isinstance(value, np.ndarray) else value
    if not isinstance(pair, list | tuple) or len(pair) != 2:
        raise ParameterTypeError(f"{name} must be two numbers, not {value!r} ({type(value).__name__}).")
    first, second = (float(check_number(f"{name}[{i}]", number, above=above)) for i, number in enumerate(pair))
    if increasing and first >= second:
        raise ParameterError(f"{name} must be two increasing numbers (lower end, upper end), not {value!r}.")
    return first, second
