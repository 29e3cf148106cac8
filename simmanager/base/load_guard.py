"""While a file or module of the user is loaded it must not run a batch: each worker would do so again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from .errors import SimulationError

#: What of the user is being loaded in this thread, or "".
_loaded: ContextVar[str] = ContextVar("simmanager_loaded", default="")


@contextmanager
def loading(what: str) -> Iterator[None]:
    """Note, while the context lasts, that something of the user is being loaded; ``what`` is its name for messages."""
    token = _loaded.set(what)
    try:
        yield
    finally:
        _loaded.reset(token)


def refuse_while_loading() -> None:
    """Raise if something of the user is being loaded."""
    if what := _loaded.get():
        raise SimulationError(
            f"{what} makes or runs a batch while it is loaded. Start such a file with Python itself (python FILE.py), "
            'or keep that part under if __name__ == "__main__":.'
        )
