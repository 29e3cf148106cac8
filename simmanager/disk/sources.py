"""The sources of code that is pickled by value in recipes: kept beside them, for tracebacks that show what was run.

A worker executes such code without its file, which may have changed since, and cells of a notebook have none.
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
from .batch_folder import RECIPE, SOURCES
from .files import read_regular, write_file

#: Characters of a source that is kept at most.
_LONGEST = 1_000_000

#: Bytes of the kept sources that are read.
_LONGEST_FILE = 1 << 27

#: Where a text may begin in a pickle: a sign, and its length in one byte, or in four. (Such bytes may be in data, too.)
_TEXT = re.compile(rb"\x8c(?=(.))|X(?=(....))", re.DOTALL)

#: Bytes of a path at most.
_LONGEST_PATH = 4096

#: What was read last: which file at what time, and its content.
_last: tuple[tuple[str, int, int], dict[str, Any]] = (("", 0, 0), {})


def keep_sources(batch: Path, recipes: Mapping[str, bytes]) -> None:
    """Keep the sources of the code in these recipes, by simulation_id; those of other simulations of the batch stay."""
    found = {name: _sources_in(content) for name, content in recipes.items()}
    path = batch / SOURCES
    if not any(found.values()) and not path.is_file():
        return
    before = _read(path)
    texts, simulations = dict(before.get("texts") or {}), dict(before.get("simulations") or {})
    for simulation_id, sources in found.items():
        simulations[simulation_id] = {}
        for filename, source in sources.items():
            sha = hashlib.sha256(source.text.encode(errors="surrogatepass")).hexdigest()
            texts[sha] = source.text
            simulations[simulation_id][filename] = {"sha256": sha, "label": source.label}
    used = {file["sha256"] for files in simulations.values() for file in files.values()}
    content = {"texts": {sha: text for sha, text in texts.items() if sha in used}, "simulations": simulations}
    write_file(path, json.dumps(content, indent=1).encode())


def kept_sources(recipe: Path | str) -> KeptSources:
    """Return the sources of the code in a recipe, or in the parameters that a run keeps; {} if there are none."""
    folder, name = os.path.split(recipe)  # texts: this is done for each run
    for simulation in (folder,) if name == RECIPE else (folder, os.path.dirname(folder)):  # noqa: PTH120
        batch, simulation_id = os.path.split(simulation)
        content = _read(os.path.join(batch, SOURCES))  # noqa: PTH118
        if content and (sources := _built(_last[0], simulation_id)):
            return sources
    return {}


@functools.lru_cache(maxsize=8)
def _built(key: tuple[str, int, int], simulation_id: str) -> KeptSources:
    """Return the sources of a simulation from what was read last; ``key`` says what that was."""
    with suppress(AttributeError, KeyError, TypeError):  # damaged: a traceback without source is one, too
        texts, files = _last[1]["texts"], _last[1]["simulations"].get(simulation_id, {})
        return {name: KeptSource(str(texts[f["sha256"]]), str(f["label"])) for name, f in files.items()}
    return {}


def _read(path: str | Path) -> dict[str, Any]:
    global _last
    try:
        found = os.stat(path)  # noqa: PTH116 - for each run
        key = (str(path), found.st_mtime_ns, found.st_size)
        if _last[0] != key:
            content = json.loads(read_regular(path, _LONGEST_FILE))
            _last = (key, content if isinstance(content, dict) else {})
    except (OSError, ValueError, RecursionError):
        return {}
    return _last[1]


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
