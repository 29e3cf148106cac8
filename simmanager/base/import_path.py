"""Where the modules of a batch are imported from: kept with it, so that it goes on from anywhere."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .paths import is_dir
from .provenance import working_directory

KEY = "import_path"  # in the provenance of manager.json


def own_import_path() -> list[str]:
    """Return the folders in ``sys.path`` that hold neither Python's own modules nor installed ones, absolute."""
    python = {Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib")}
    python |= {folder / "lib-dynload" for folder in python}
    folders = [Path(folder) for folder in _absolute_path()]
    return [
        str(folder)
        for folder in dict.fromkeys(folders)
        if is_dir(folder)
        and folder.resolve() not in python
        and not {"site-packages", "dist-packages"} & {*folder.parts}
    ]


def _absolute_path() -> list[str]:
    here = working_directory()  # which may have been deleted
    return [str(Path(here, entry)) for entry in sys.path if isinstance(entry, str)]


def python_path() -> str:
    """Return the PYTHONPATH with which another Python imports this package from where this one has it."""
    package_parent = str(Path(__file__).resolve().parents[2])
    return os.pathsep.join(filter(None, (package_parent, os.environ.get("PYTHONPATH"))))


def joined(*paths: Iterable[str]) -> list[str]:
    """Return the folders of several import paths, each once, in their order."""
    return list(dict.fromkeys(folder for path in paths for folder in path))


def kept_in(provenance: Mapping[str, Any]) -> list[str]:
    """Return the import path that was kept with a batch; [] if nothing of that kind is there."""
    kept = provenance.get(KEY)
    return [folder for folder in kept if isinstance(folder, str)] if isinstance(kept, list) else []


def extend_sys_path(provenance: Mapping[str, Any]) -> None:
    """Append to ``sys.path`` what a batch was made with: its recipes and results may need modules from there.

    What this process finds now has precedence; folders that are gone, or may not be looked into, are left out.
    """
    present = set(_absolute_path())
    sys.path += [folder for folder in kept_in(provenance) if folder not in present and is_dir(folder)]
