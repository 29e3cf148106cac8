"""What is at a path, without an error: somebody's folder that may not be looked into holds nothing for us.

Those of ``pathlib`` raise PermissionError, before Python 3.14.
"""

from __future__ import annotations

import os
from pathlib import Path


def exists(path: Path | str) -> bool:
    """Return whether there is something, as far as we may see."""
    return os.path.exists(path)  # noqa: PTH110


def is_file(path: Path | str) -> bool:
    """Return whether it is a file, as far as we may see."""
    return os.path.isfile(path)  # noqa: PTH113


def is_dir(path: Path | str) -> bool:
    """Return whether it is a folder, as far as we may see."""
    return os.path.isdir(path)  # noqa: PTH112
