"""What a user can do next: a command on the command line, a call in Python; what is said works when it is pasted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .text import plain

#: In the provenance of a batch that the command line made: its FILE, absolute, with NAME if that was given.
TARGET = "target"

#: The words of the command line that is being executed; None: no command line, somebody calls this package.
_words: Sequence[str] | None = None
_target = ""


@contextmanager
def on_command_line(words: Sequence[str]) -> Iterator[None]:
    """Advise command lines from now on; ``words`` are those after the name of the program."""
    global _words, _target
    before = _words, _target
    _words, _target = list(words), ""
    try:
        yield
    finally:
        _words, _target = before


def remember_target(target: str) -> None:
    """Note from which FILE, or FILE:NAME, simulations are taken."""
    global _target
    file, colon, name = target.rpartition(":")
    file, name = (file, f":{name}") if colon and file.endswith(".py") else (target, "")
    _target = f"{Path(file).resolve()}{name}" if _words is not None else ""


def target() -> str:
    """Return from which FILE simulations are taken, absolute; "" in Python."""
    return _target


def target_of(provenance: Mapping[str, Any]) -> str:
    """Return from which FILE the simulations of a batch were taken, as it says itself; "" if it does not."""
    kept = provenance.get(TARGET)
    return kept if isinstance(kept, str) else ""


def command(verb: str, *words: object) -> str:
    """Return a command line of this package, every word quoted where a shell needs it."""
    import shlex

    return " ".join(["simmanager", verb, *(shlex.quote(plain(str(word))) for word in words)])


def same_command(*more: str) -> str:
    """Return the command line that is being executed with more words at its end; "" in Python."""
    return command(*_words, *more) if _words else ""


def is_on_command_line() -> bool:
    """Return whether a command line of this package is being executed."""
    return _words is not None


def either(shell: str, call: str) -> str:
    """Return what is advised here: a command on the command line, a call in Python."""
    return shell if is_on_command_line() else call
