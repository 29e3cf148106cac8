"""Parameters on the command line: ``agent_params.lr_td=0.001``, or several values, ``=0.001,0.01``."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

from ..base.errors import ParameterError, SimulationError
from ..base.text import shown
from .parameter_path import ParameterPath, full_name, takes_any
from .single_sim import SingleSim
from .value_labels import plain_value

#: Strings, brackets and commas: where a list of values may be parted.
_TOKEN = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|[][(){},]""")


def set_parameter(sim: SingleSim, assignment: str) -> None:
    """Set ``agent_params.lr_td=0.001`` in a simulation.

    The value is a Python literal; a text without quotes only where that is clear, see `read_value`.

    Raises
    ------
    SimulationError
        It has another form.
    UnknownName
        There is no such parameter group, or the class or loop cannot take such a parameter.
    ParameterTypeError
        It reaches into a value that is no dict.
    ParameterError
        It cannot be told what the value is, or it is a text in the place of a number.
    """
    key, text = _parted(assignment, [sim])
    path = ParameterPath.parse(key)
    if not takes_any(sim, path.group):  # a name that nothing takes would fail each run, and stay in the batch
        ParameterPath(path.group, path.names[:1]).check(sim)
    path.set(sim, read_value(text, str(path), path.defaults(sim)))


def parse_values(assignment: str, simulations: Sequence[SingleSim] = ()) -> tuple[str, list[Any]]:
    """Return the key and the values of ``agent_params.lr_td=0.001,0.01``, each read as `read_value` does.

    Commas inside brackets and quotes part no values: ``env_params.arena_x_limits=[-6,6],[-8,8]`` has two.

    Parameters
    ----------
    assignment : str
        As on the command line.
    simulations : sequence of SingleSim
        Those that are swept: what their parameters are now tells how a word is meant.

    Raises
    ------
    SimulationError
        It has another form, or a value is missing.
    UnknownName
        There is no such parameter group.
    ParameterError
        It cannot be told what a value is, or it is a text in the place of a number.
    """
    key, text = _parted(assignment, simulations)
    words = _split(text)
    if not all(word.strip() for word in words):
        raise SimulationError(f"{assignment!r} lacks a value: give {key}=V1,V2.")
    path = ParameterPath.parse(key)
    defaults = [value for sim in simulations for value in path.defaults(sim)]
    return str(path), [read_value(word.strip(), str(path), defaults) for word in words]


#: Words for values that Python writes otherwise, or not at all.
_WORDS: dict[str, float | bool | None] = {
    "true": True,
    "false": False,
    "null": None,
    "none": None,
    "nan": math.nan,
    "inf": math.inf,
    "-inf": -math.inf,
}

#: Several values as other programs write them: ``1:2:0.1``, ``1..5``.
_RANGE = re.compile(r"[-+\d.eE]+(?::[-+\d.eE]+){1,2}|\d+\.\.\.?\d+")


def read_value(text: str, key: str, defaults: Iterable[Any] = ()) -> Any:
    """Return the value that a word on the command line means: a Python literal, or else a text.

    ``true``, ``null``, ``nan`` and the like are what the parameter is now, or by default: a truth value, none, a
    number, a text. Without quotes, a text is no value of a parameter that is a number or a truth value.

    Parameters
    ----------
    text, key : str
        The word, and which parameter it is for.
    defaults : iterable
        What the parameter is now, and by default.

    Raises
    ------
    ParameterError
        It cannot be told what is meant, or it is not allowed; says how to write it.
    """
    with suppress(ValueError, SyntaxError, MemoryError, RecursionError):
        return ast.literal_eval(text.strip())
    known, word, quoted = list(map(plain_value, defaults)), text.strip().lower(), f'"{text.strip()!r}"'
    if any(isinstance(value, str) for value in known):
        return text
    if word in _WORDS:
        value = _WORDS[word]
        if any(_is_like(value, default) for default in known):
            return value
        meant = "" if isinstance(value, float) else repr(value)
        rest = f"{meant}, or {quoted} for a text" if meant else "a number that Python can write"
        raise ParameterError(f"{key}={text}: {_now(known)}, so it cannot be told what {text} is. Write {rest}.")
    if _RANGE.fullmatch(word):
        raise ParameterError(f"{key}={text}: ranges are not understood. Give the values one by one, {key}=V1,V2,V3.")
    if word[:1] in ("[", "(", "{"):
        raise ParameterError(f"{key}={text}: this is no Python literal. Texts in it need quotes.")
    if any(isinstance(value, (bool, int, float, complex)) for value in known):
        raise ParameterError(
            f"{key}={text}: {_now(known)}, and {text} is a text. If that is meant, quote it twice: {key}={quoted}."
        )
    return text


def _is_like(value: Any, default: Any) -> bool:
    """Return whether a value is of the type of a default; whole numbers and others are of one."""
    if isinstance(value, bool) or value is None:
        return type(value) is type(default)
    return isinstance(default, (int, float)) and not isinstance(default, bool)


def _now(known: Sequence[Any]) -> str:
    return f"it is {shown(known[0])[:100]} now" if known else "it has no default"


def _parted(assignment: str, simulations: Sequence[SingleSim] = ()) -> tuple[str, str]:
    key, equals, text = assignment.partition("=")
    if not equals or "." not in key:
        near = dict.fromkeys(filter(None, (full_name(sim, key.strip()) for sim in simulations if equals)))
        meant = f" Did you mean {' or '.join(near)}?" if near else ""
        raise SimulationError(f"{assignment!r} is not of the form agent_params.NAME=VALUE.{meant}")
    return key.strip(), text


def _split(text: str) -> list[str]:
    words, start, depth = [], 0, 0
    for token in _TOKEN.finditer(text):
        if token[0] in "[({":
            depth += 1
        elif token[0] in "])}":
            depth -= 1
        elif token[0] == "," and depth == 0:
            words.append(text[start : token.start()])
            start = token.end()
    return [*words, text[start:]]
