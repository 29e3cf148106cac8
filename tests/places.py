"""Where things lie: the project, the helper modules of the tests, and the path on which a child process finds both."""

from __future__ import annotations

import os
from pathlib import Path

#: The folder of the helper modules (toys, trouble, ...), which pytest's ``pythonpath`` names, too.
HELPERS = Path(__file__).resolve().parent

#: The top of the source tree.
ROOT = next(folder for folder in HELPERS.parents if (folder / "pyproject.toml").is_file())


def python_path(*folders: Path | str) -> str:
    """Return a PYTHONPATH with these folders, the helper modules and the project."""
    return os.pathsep.join(map(str, (*folders, HELPERS, ROOT)))
