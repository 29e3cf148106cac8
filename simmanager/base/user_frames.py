"""Tracebacks as the user reads them: frames of their own code with its source, those of this package folded."""

from __future__ import annotations

import linecache
import os
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from .text import count

#: This package, and the standard library: their frames are not the user's.
_OURS, _STANDARD = (f"{Path(file).resolve().parent}{os.sep}" for file in (Path(__file__).parent, os.__file__))

#: Where packages of others are installed.
_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")

#: Characters of a location that a reason begins with.
_LONGEST_LOCATION = 120


@dataclass(frozen=True, slots=True)
class KeptSource:
    """A file, or a cell of a notebook, as it was when its code was pickled.

    Parameters
    ----------
    text : str
        The whole of it.
    label : str
        How it is called instead of by its file name: ``In[3]``; "" for a file.
    """

    text: str
    label: str = ""
    lines: list[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "lines", self.text.splitlines(keepends=True))


#: File name, as the code has it -> its source.
KeptSources = Mapping[str, KeptSource]


@contextmanager
def lines_known(sources: KeptSources) -> Iterator[None]:
    """Let tracebacks, ``inspect`` and debuggers show these sources for a while, whatever the files hold now."""
    before = {name: linecache.cache.get(name) for name in sources}
    for name, source in sources.items():
        linecache.cache[name] = (len(source.text), None, source.lines, name)
    try:
        yield
    finally:
        for name, entry in before.items():
            if entry is None:
                linecache.cache.pop(name, None)
            else:
                linecache.cache[name] = entry


def is_ours(filename: str) -> bool:
    """Return whether code is of this package."""
    return filename.startswith(_OURS)


def is_users(filename: str, sources: KeptSources) -> bool:
    """Return whether code is the user's: neither of this package, nor Python's, nor of an installed package."""
    if filename in sources:
        return True
    return not filename.startswith((_OURS, _STANDARD, "<")) and not any(part in filename for part in _INSTALLED)


def location(error: BaseException, sources: KeptSources) -> str:
    """Return where in the user's code an error was raised, innermost: ``ring.py:21 in act``; "" if it was not there."""
    found, frames = "", error.__traceback__
    while frames is not None:
        code = frames.tb_frame.f_code
        if is_users(code.co_filename, sources):
            kept = sources.get(code.co_filename)
            name = (kept.label if kept is not None else "") or os.path.basename(code.co_filename)  # noqa: PTH119
            inside = "" if code.co_name == "<module>" else f" in {code.co_name}"
            found = f"{name}:{frames.tb_lineno}{inside}"
        frames = frames.tb_next
    return found if len(found) <= _LONGEST_LOCATION else f"{found[: _LONGEST_LOCATION - 1]}…"


def users_frame(error: BaseException, sources: KeptSources) -> TracebackType | None:
    """Return the traceback down to the innermost frame of the user's code, whole if there is none: for a debugger."""
    frames: list[TracebackType] = []
    at = error.__traceback__
    while at is not None:
        frames.append(at)
        at = at.tb_next
    while frames and not is_users(frames[-1].tb_frame.f_code.co_filename, sources):
        frames.pop()
    below: TracebackType | None = None
    for each in reversed(frames):
        below = TracebackType(below, each.tb_frame, each.tb_lasti, each.tb_lineno)
    return below or error.__traceback__


def traceback_text(error: BaseException, sources: KeptSources) -> str:
    """Return the traceback of an error, of its causes, and of the errors of a group, with our frames folded.

    The innermost frame is always shown.
    """
    shown = traceback.TracebackException(type(error), error, error.__traceback__, compact=True)
    todo, seen = [shown], set[int]()
    while todo:
        each = todo.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        each.stack = _Folded(each.stack, sources)
        todo += [other for other in (each.__cause__, each.__context__, *(each.exceptions or ())) if other is not None]
    return "".join(shown.format())


class _Folded(traceback.StackSummary):
    """Frames of a traceback, with a line in the place of those of this package that stand together."""

    def __init__(self, frames: list[traceback.FrameSummary], sources: KeptSources) -> None:
        super().__init__()
        self._sources = sources
        hidden = 0
        for number, frame in enumerate(frames, 1):
            innermost = number == len(frames)
            if is_ours(frame.filename) and not innermost:
                hidden += 1
                continue
            if hidden:
                self.append(_fold(hidden))
                hidden = 0
            self.append(frame)

    def format_frame_summary(self, frame_summary: traceback.FrameSummary, **options: Any) -> str:
        """Return the lines of one frame."""
        if frame_summary.filename == _FOLD:
            return f"  {frame_summary.name}\n"
        text: str = super().format_frame_summary(frame_summary, **options)
        kept = self._sources.get(frame_summary.filename)
        return (
            text.replace(f'File "{frame_summary.filename}"', f"Cell {kept.label}", 1) if kept and kept.label else text
        )


#: Stands for the file of the frames that are folded.
_FOLD = "<folded>"


def _fold(number: int) -> traceback.FrameSummary:
    return traceback.FrameSummary(
        _FOLD, 0, f"... {count(number, 'frame')} of simmanager ...", lookup_line=False, line=""
    )
