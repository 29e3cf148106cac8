"""Which modules a recipe has a worker import, read from its pickle; nothing is imported or executed for it."""

from __future__ import annotations

import hashlib
import io
import pickle
from pathlib import Path
from typing import Any


def imports_of(recipe: Path | str) -> str:
    """Return a name for what loading a recipe imports: recipes with the same name import the same modules.

    The simulations of a sweep differ in parameters alone: they have the same. A file that cannot be read has a name of
    its own.
    """
    try:
        with Path(recipe).open("rb") as file:
            return name_of(modules_in(file.read()))
    except Exception:  # a damaged pickle may raise anything; the worker will say what is wrong with it
        return f"unreadable {recipe}"


def modules_in(content: bytes) -> set[str]:
    """Return the modules that a pickle names: those of its classes and functions, and those that it refers to."""
    unpickler = _Reader(io.BytesIO(content))
    unpickler.load()
    return unpickler.modules


def name_of(modules: set[str]) -> str:
    """Return a short name for a set of modules."""
    return hashlib.sha256("\n".join(sorted(modules)).encode()).hexdigest()[:16]


class _Nothing:
    """Stands for every object of a pickle: takes whatever a pickle does to it."""

    def __new__(cls, *args: Any, **kwargs: Any) -> _Nothing:
        return super().__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take anything."""

    def __call__(self, *args: Any) -> _Nothing:
        return _Nothing()

    def __setstate__(self, state: Any) -> None:
        """Take anything."""

    def __setitem__(self, key: Any, value: Any) -> None:
        """Take anything."""

    def append(self, item: Any) -> None:
        """Take anything."""

    def extend(self, items: Any) -> None:
        """Take anything."""

    def add(self, item: Any) -> None:
        """Take anything."""


class _Reader(pickle.Unpickler):
    """Notes the modules that a pickle names."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self.modules: set[str] = set()

    def find_class(self, module: str, name: str) -> Any:
        """Return something that stands for a class or function."""
        self.modules.add(module)
        return self._refer if name == "subimport" else _Nothing

    def _refer(self, module: Any) -> _Nothing:
        """Note a module to which code by value refers (cloudpickle's ``subimport``)."""
        self.modules.add(str(module))
        return _Nothing()

    def persistent_load(self, pid: Any) -> _Nothing:
        """Return something that stands for an object outside of the pickle."""
        return _Nothing()
