"""Standard output and error of the command line: encodings that lack our signs, devices that are full or gone."""

from __future__ import annotations

import codecs
import errno
import os
import sys
from contextlib import suppress

#: What is written where the encoding lacks a sign of ours.
_INSTEAD = str.maketrans({
    "├": "|", "└": "`", "│": "|", "─": "-", "━": "-", "╸": "-", "╺": "-", "…": "...", "·": "-", "–": "-", "—": "-",
    "±": "+-", "≤": "<=", "≥": ">=", "×": "x", "→": "->", "✓": "ok", "✗": "x", "’": "'", "µ": "u", "█": "#", "•": "*",
})  # fmt: skip


def _replace(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(_INSTEAD)
    return text.encode("ascii", "backslashreplace").decode("ascii"), error.end


def prepare_streams() -> None:
    """Let stdout and stderr take any text, whatever their encoding; where there is none, it goes nowhere.

    A file of a batch must not get the number of a stream that is missing: something else may write to that.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)
    codecs.register_error("simmanager", _replace)
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError, OSError):  # replaced by something else, or closed
            stream.reconfigure(errors="simmanager")  # type: ignore[union-attr]


def give_up_stdout() -> None:
    """Send what is still to be written to nowhere: it could not be written, and that is said once."""
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def stdout_error(error: Exception) -> str:
    """Return in words that stdout takes nothing more, "" if it was something else that failed."""
    if isinstance(error, ValueError) and any(getattr(one, "closed", False) for one in (sys.stdout, sys.stderr)):
        return "the output cannot be written (it is closed)"
    if not isinstance(error, OSError):
        return ""
    if error.filename is None and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF):
        return f"the output cannot be written ({error.strerror})"
    return ""


def working_directory_is_gone() -> bool:
    """Return whether the working directory was deleted."""
    try:
        os.getcwd()  # noqa: PTH109 - Path.cwd does the same
    except OSError:
        return True
    return False
