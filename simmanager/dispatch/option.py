"""Option: a keyword of ``run_all``: what it may be, and what the command line, a batch file and the docs say of it."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from functools import partial
from typing import Any, NamedTuple

from ..base.checks import check_flag, check_integer
from ..base.clock import duration
from ..base.errors import ParameterError, ParameterTypeError
from ..base.quantity import MEGABYTES, SECONDS, Quantity
from ..base.text import memory

#: The environment variable by which CUDA is told its GPUs.
GPUS = "CUDA_VISIBLE_DEVICES"


class Kind(NamedTuple):
    """What the values of an option are."""

    #: Takes the name of the option and a value; returns what becomes of the value, or raises.
    check: Callable[[str, Any], Any]
    #: Stands for the word after the flag. "": there is none; ``[K]``: it may be left away. Without a word it is True.
    metavar: str = ""
    #: Takes that word; returns the value, or the word as it is, for ``check`` to refuse.
    read: Callable[[str], Any] = str
    #: What ``check`` allows, where that is not plain.
    allowed: str = ""
    #: Takes a value that ``check`` has returned; returns it as people say it.
    say: Callable[[Any], str] = str


class Option(NamedTuple):
    """What is said about an option, once, in the metadata of its field."""

    #: Where it is None, None is allowed besides what the kind allows.
    default: Any
    kind: Kind
    #: What it does, for the help of the command line: no capital, no full stop.
    help: str
    #: What it is called on the command line; "": a command line cannot say it.
    flag: str = ""
    #: What happens without it, for the help.
    otherwise: str = ""
    #: Sentences for Python; by default they say what the help says.
    doc: str = ""
    #: Other options that its flag sets.
    implies: Mapping[str, Any] | None = None
    #: It is about each run: where it is given, runs are not handed to a worker several at a time.
    alone: bool = False
    #: Whoever goes on with a batch uses it, unless told otherwise.
    is_kept: bool = True

    def checked(self, name: str, value: Any) -> Any:
        """Return what becomes of a value, or raise `ParameterError`."""
        return value if value is None and self.default is None else self.kind.check(name, value)

    @property
    def usage(self) -> str:
        """Flag and word: ``--retries N``."""
        return f"{self.flag} {self.kind.metavar}".strip()

    @property
    def without(self) -> str:
        """What happens without it: `` (default: no limit)``."""
        return f" (default: {self.otherwise})" if self.otherwise else ""

    @property
    def words(self) -> str:
        """What it does, what it takes, and what happens without it."""
        allowed = f": {self.kind.allowed}" if self.kind.allowed else ""
        return f"{self.help}{allowed}{self.without}"

    def in_words(self, value: Any) -> str:
        """Return the option with a value that it has: ``timeout 10 min``."""
        return f"{self.flag.lstrip('-').replace('-', ' ')} {self.kind.say(value)}".rstrip()

    def entry(self, name: str, annotation: Any) -> str:
        """Return what a docstring says about it."""
        text = self.doc or f"{self.words[0].upper()}{self.words[1:]}."
        flag = f" On the command line ``{self.usage}``." if self.flag else ""
        lines = textwrap.wrap(text + flag, 100, break_on_hyphens=False)
        return "\n    ".join([f"{name} : {annotation}, default {self.default!r}", *lines])


def option(default: Any, kind: Kind, help: str, **said: Any) -> Any:
    """Declare an option as a field of a dataclass; what is ``said`` are further fields of `Option`."""
    return field(default=default, metadata={"option": Option(default, kind, help, **said)})


# Kinds ---------------------------------------------------------------------------------------------------------


def _whole(word: str) -> Any:
    return int(word) if re.fullmatch(r"[-+]?\d+", word, re.ASCII) else word


def count(minimum: int) -> Kind:
    """Return the kind of a whole number."""
    return Kind(partial(check_integer, minimum=minimum), "N", _whole)


def one_of(*choices: str) -> Kind:
    """Return the kind of a text that is one of some."""

    def check(name: str, value: Any) -> Any:
        if value not in choices:
            raise ParameterError(f"{name} must be one of {', '.join(choices)}, not {value!r}.")
        return value

    return Kind(check, "|".join(choices))


def _quantity(metavar: str, quantity: Quantity, say: Callable[[Any], str]) -> Kind:
    """Return the kind of a number that may be a text with a unit; a word may be bare."""
    return Kind(quantity.check, metavar, quantity.read, quantity.allowed, say)


def _check_jobs(name: str, value: Any) -> int:
    if check_integer(name, value) == 0:
        raise ParameterError(f"{name} must not be 0: 1 is one run at a time, -1 one on each core.")
    return int(value)


def _check_failures(name: str, value: Any) -> bool | int:
    return value if isinstance(value, bool) else check_integer(name, value, minimum=1)


def _gpus(word: str) -> list[dict[str, str]]:
    names = [name.strip() for name in word.split(",")]
    if not all(names):
        raise ParameterError(f"--gpus takes numbers or ids with commas between them, e.g. 0,1; not {word!r}.")
    return [{GPUS: name} for name in names]


def _check_environments(name: str, value: Any) -> Any:
    entries = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else []
    if not entries or not all(isinstance(entry, Mapping) for entry in entries):
        raise ParameterTypeError(
            f'{name} must be a list of dicts, e.g. [{{"CUDA_VISIBLE_DEVICES": "0"}}], not {value!r}.'
        )
    for variable, text in (item for entry in entries for item in entry.items()):
        if not isinstance(variable, str) or not isinstance(text, str) or not variable or "=" in variable:
            raise ParameterTypeError(
                f"{name} holds names and values of environment variables, both texts, not {variable!r}: {text!r}."
            )
    return [dict(entry) for entry in entries]


def _check_function(name: str, value: Any) -> Any:
    if not callable(value):
        raise ParameterTypeError(f"{name} must be a function of one event, not {value!r}.")
    return value


def _said_time(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:g} s"
    return re.sub(r"( 0 \w+)+$", "", duration(seconds))


def _said_flag(value: bool | int) -> str:
    return "" if value is True else str(value)


def _said_environments(environs: Sequence[Mapping[str, str]]) -> str:
    if all(list(environ) == [GPUS] for environ in environs):
        return ",".join(environ[GPUS] for environ in environs)
    return ", ".join("+".join(f"{name}={text}" for name, text in environ.items()) for environ in environs)


def _check_text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ParameterTypeError(f"{name} must be a text, not {value!r} ({type(value).__name__}).")
    return value


#: True or False.
FLAG = Kind(check_flag, say=_said_flag)

#: Seconds.
TIME = _quantity("TIME", SECONDS, _said_time)

#: Megabytes (MB, 1,000,000 bytes).
MEMORY = _quantity("SIZE", MEGABYTES, memory)

#: A number of runs at a time, as joblib counts: -1 is one on each core.
JOBS = Kind(_check_jobs, "N", _whole)

#: After how many failures nothing new is started; True: one, False: never.
FAILURES = Kind(_check_failures, "[K]", _whole, say=_said_flag)

#: Environment variables of the workers of each slot; a command line names GPUs.
ENVIRONMENTS = Kind(_check_environments, "0,1,...", _gpus, say=_said_environments)

#: A function of one event.
FUNCTION = Kind(_check_function)

#: The address of a Dask scheduler.
ADDRESS = Kind(_check_text, "ADDRESS")
