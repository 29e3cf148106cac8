"""While a file or module of the user is loaded it must not run a batch: each worker would do so again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from .errors import SimulationError

#: What is being loaded in this thread; "": nothing.
_loaded: ContextVar[str] = ContextVar("simmanager_loaded", default="")


@contextmanager
def loading(what: str) -> Iterator[None]:
    """Say for a while that something of the user is being loaded.

    Parameters
    ----------
    what : str
        Its name, for the message of `refuse_while_loading`.
    """
    token = _loaded.set(what)
    try:
        yield
    finally:
        _loaded.reset(token)


def refuse_while_loading() -> None:
    """Raise if something of the user is being loaded.

    Raises
    ------
    SimulationError
        Says what, and what to do.
    """
    if what := _loaded.get():
        raise SimulationError(
            f"{what} makes or runs a batch while it is loaded. Start such a file with Python itself (python FILE.py), "
            'or keep that part under if __name__ == "__main__":.'
        )
