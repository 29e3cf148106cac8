"""What is at a path, without an error: somebody's folder that may not be looked into holds nothing for us.

Those of ``pathlib`` raise PermissionError, before Python 3.14.
"""

from __future__ import annotations

import os
import stat
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


def size(path: Path | str) -> int:
    """Return the bytes of a file, as far as we may see: 0 if there is none, or something else in its place."""
    try:
        found = os.lstat(path)
    except OSError:
        return 0
    return found.st_size if stat.S_ISREG(found.st_mode) else 0


def why_not_listed(path: Path | str) -> str:
    """Return in words why the entries of a folder cannot be seen; "" if they can, or if there is none."""
    try:
        os.scandir(path).close()
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"cannot be read ({error.strerror or error})"
    return ""
