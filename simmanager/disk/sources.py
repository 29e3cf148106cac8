"""The code of a batch as it was when it was pickled, in one file: for tracebacks, ``show`` and ``diff``.

Files and cells by hash, and which of them each recipe has code of; single classes and functions by the hash of their
content; what was not committed, by the folder of its repository.
"""

from __future__ import annotations

import functools
import hashlib
import json
import linecache
import os
import re
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..base.user_frames import KeptSource, KeptSources, is_users
from .batch_folder import OLD_SOURCES, SOURCES
from .files import read_regular, write_file
from .json_file import json_bytes, read_json
from .listing import RECIPE

#: Characters of a source that is kept at most.
_LONGEST = 1_000_000

#: Bytes of the kept sources that are read.
_LONGEST_FILE = 1 << 27

#: Where a text may begin in a pickle: a sign, and its length in one byte, or in four. (Such bytes may be in data, too.)
_TEXT = re.compile(rb"\x8c(?=(.))|X(?=(....))", re.DOTALL)

#: Bytes of a path at most.
_LONGEST_PATH = 4096


def keep_sources(batch: Path, recipes: Mapping[str, bytes], code: Mapping[str, str]) -> None:
    """Add the sources of these recipes, by simulation_id, and ``code``, for `kept_code`; older ones of theirs go."""
    path = batch / SOURCES
    before = _read(*_version(path))
    texts, simulations = dict(_part(before, "texts")), dict(_part(before, "simulations"))
    for simulation_id, recipe in recipes.items():
        simulations[simulation_id] = {}
        for filename, source in _sources_in(recipe).items():
            sha = hashlib.sha256(source.text.encode(errors="surrogatepass")).hexdigest()
            texts[sha] = source.text
            simulations[simulation_id][filename] = {"sha256": sha, "label": source.label}
    used = {file["sha256"] for files in simulations.values() for file in files.values()}
    if before or used or code:
        texts = {sha: text for sha, text in texts.items() if sha in used}
        code = {**_part(before, "code"), **code}
        content = {"texts": texts, "code": code, "simulations": simulations}
        while len(encoded := json_bytes(content)) > _LONGEST_FILE:  # the longest text of all goes
            part, name = max(((p, n) for p in (texts, code) for n in p), key=lambda at: len(str(at[0][at[1]])))
            del part[name]
        write_file(path, encoded)


def kept_code(batch: Path) -> dict[str, str]:
    """Return the code of a batch by hash of its content, and by folder what was not committed; {} if none is kept."""
    found = {**read_json(batch / OLD_SOURCES), **_part(_read(*_version(batch / SOURCES)), "code")}
    return {name: text for name, text in found.items() if isinstance(text, str)}


def kept_sources(recipe: Path | str) -> KeptSources:
    """Return the sources of the code in a recipe, or in the parameters that a run keeps; {} if there are none."""
    folder, name = os.path.split(recipe)  # texts: this is done for each run
    for simulation in (folder,) if name == RECIPE else (folder, os.path.dirname(folder)):  # noqa: PTH120
        batch, simulation_id = os.path.split(simulation)
        if sources := _built(*_version(os.path.join(batch, SOURCES)), simulation_id):  # noqa: PTH118
            return sources
    return {}


def _version(path: Path | str) -> tuple[str, int, int]:
    """Return the path, time and size of a file: what was read of it is as good as new while these stay."""
    try:
        found = os.stat(path)  # noqa: PTH116 - for each run
    except OSError:
        return str(path), 0, 0
    return str(path), found.st_mtime_ns, found.st_size


@functools.lru_cache(maxsize=1)
def _read(path: str, modified: int, size: int) -> dict[str, Any]:
    try:
        content = json.loads(read_regular(path, _LONGEST_FILE))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _part(content: Mapping[str, Any], name: str) -> dict[str, Any]:
    part = content.get(name)
    return part if isinstance(part, dict) else {}


@functools.lru_cache(maxsize=8)
def _built(path: str, modified: int, size: int, simulation_id: str) -> KeptSources:
    with suppress(AttributeError, KeyError, TypeError):  # damaged: a traceback without source is one, too
        content = _read(path, modified, size)
        texts, files = content["texts"], content["simulations"].get(simulation_id, {})
        return {
            name: KeptSource(str(texts[f["sha256"]]), str(f["label"]))
            for name, f in files.items()
            if f["sha256"] in texts
        }
    return {}


def _sources_in(recipe: bytes) -> dict[str, KeptSource]:
    """Return the sources of the user's code in a pickle, by the file names that the code has."""
    found = {}
    for name in _file_names(recipe):
        if not (name.startswith("<") or is_users(name, {})):
            continue
        linecache.checkcache(name)
        text = "".join(linecache.getlines(name))
        if text and len(text) <= _LONGEST:
            found[name] = KeptSource(text, _label(name))
    return found


def _file_names(recipe: bytes) -> Iterable[str]:
    """Return the texts in a pickle that may be the file name of code."""
    names: dict[str, None] = {}
    for match in _TEXT.finditer(recipe):
        size = match[1] or match[2]
        begin, length = match.end() + len(size), int.from_bytes(size, "little")
        name = recipe[begin : begin + length] if length <= _LONGEST_PATH else b""
        if name.endswith(b".py") or (name.startswith(b"<") and name.endswith(b">")):  # a file, or a cell
            names[name.decode("utf-8", "replace")] = None
    return names


def _label(name: str) -> str:
    """Return what a cell of a notebook is called, ``In[3]``; "" for a file."""
    ipython = sys.modules.get("IPython")
    with suppress(Exception):  # of another version
        number = ipython.get_ipython().compile._filename_map[name]  # type: ignore[union-attr]
        return f"In[{number}]"
    return ""
