"""JSON files: readable, whole or not at all; what is damaged reads as empty."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .files import read_regular

# A line a value: nearly as readable as indentation, which would take json's slow path.
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",\n ", ": "))

#: Bytes of a JSON file that are read, so none of ours is longer.
LONGEST = 1 << 24

#: The value that was encoded last for several files, and its text.
_shared: tuple[Mapping[str, Any], str] = ({}, "{}")


def json_bytes(content: Mapping[str, Any], **shared: Mapping[str, Any]) -> bytes:
    """Return the content of a JSON file, with one more value by its name.

    If many files in a row have the same object as that value, and nobody changes it, it is encoded once.
    """
    global _shared
    inner = _ENCODER.encode(content)[1:-1]
    for name, value in shared.items():
        if _shared[0] is not value:
            _shared = (value, _ENCODER.encode(value))
        inner = f'{inner},\n "{name}": {_shared[1]}'
    return f"{{\n {inner}\n}}\n".encode(errors="backslashreplace")


def read_json(path: Path | str) -> dict[str, Any]:
    """Return a JSON file as a dict; {} if it is missing or damaged."""
    try:
        content = json.loads(read_regular(path, LONGEST))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def why_unreadable(path: Path | str) -> str:
    """Return in words why nothing can be read from a JSON file; "" if something can, or if there is none."""
    if read_json(path) or not os.path.lexists(path):
        return ""
    try:
        read_regular(path, 1)
    except OSError as error:
        return f"cannot be read ({error.strerror or error})"
    return "is damaged"
