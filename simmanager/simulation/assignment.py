"""Parameters on the command line: ``agent_params.lr_td=0.001``, or several values, ``=0.001,0.01``."""

from __future__ import annotations

import ast
import re
from typing import Any

from ..base.errors import SimulationError
from .parameter_path import ParameterPath, takes_any
from .single_sim import SingleSim

#: Strings, brackets and commas: where a list of values may be parted.
_TOKEN = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|[][(){},]""")


def set_parameter(sim: SingleSim, assignment: str) -> None:
    """Set ``agent_params.lr_td=0.001`` in a simulation; the value is a Python literal, or else a text.

    Raises
    ------
    SimulationError
        It has another form.
    UnknownName
        There is no such parameter group, or the class or loop cannot take such a parameter.
    ParameterTypeError
        It reaches into a value that is no dict.
    """
    key, text = _parted(assignment)
    path = ParameterPath.parse(key)
    if not takes_any(sim, path.group):  # a name that nothing takes would fail each run, and stay in the batch
        ParameterPath(path.group, path.names[:1]).check(sim)
    path.set(sim, _literal(text))


def parse_values(assignment: str) -> tuple[str, list[Any]]:
    """Return the key and the values of ``agent_params.lr_td=0.001,0.01``: Python literals, or else texts.

    Commas inside brackets and quotes part no values: ``env_params.arena_x_limits=[-6,6],[-8,8]`` has two.

    Raises
    ------
    SimulationError
        It has another form, or a value is missing.
    UnknownName
        There is no such parameter group.
    """
    key, text = _parted(assignment)
    words = _split(text)
    if not all(word.strip() for word in words):
        raise SimulationError(f"{assignment!r} lacks a value: give {key}=V1,V2.")
    return str(ParameterPath.parse(key)), [_literal(word.strip()) for word in words]


def _parted(assignment: str) -> tuple[str, str]:
    key, equals, text = assignment.partition("=")
    if not equals or "." not in key:
        raise SimulationError(f"{assignment!r} is not of the form agent_params.NAME=VALUE.")
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


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError):
        return text
