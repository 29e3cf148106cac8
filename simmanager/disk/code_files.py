"""A pickler that leaves the names of its files in code that travels; imported late: cloudpickle takes a while."""

from __future__ import annotations

import io
from types import CodeType
from typing import Any

from cloudpickle import cloudpickle

#: What newer versions of cloudpickle write instead.
_NAMELESS = "<dynamic-code>"


class RecipePickler(cloudpickle.Pickler):  # type: ignore[misc]
    """cloudpickle's pickler; tracebacks of what it wrote name the user's file, not ``<dynamic-code>``."""

    def reducer_override(self, thing: Any) -> Any:
        """Return how a thing is taken apart, or NotImplemented: as it says itself."""
        return code_with_file(thing) if isinstance(thing, CodeType) else super().reducer_override(thing)


def code_with_file(code: CodeType) -> tuple[Any, ...]:
    """Return how code is taken apart, with the name of its file."""
    make, arguments = cloudpickle._code_reduce(code)
    return make, tuple(code.co_filename if each == _NAMELESS else each for each in arguments)


def dumps(thing: Any) -> bytes:
    """Return a recipe pickled by value."""
    file = io.BytesIO()
    RecipePickler(file, protocol=5).dump(thing)
    return file.getvalue()
