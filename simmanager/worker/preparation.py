"""Before its first run, a worker is made like the session that made the batch; the script itself is never executed."""

from __future__ import annotations

import importlib
import importlib.machinery
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from ..base.tell import note
from ..disk.pickling import loads
from .session_settings import use_settings


class ScriptImported(ImportError):
    """The script of a batch would be executed in a worker."""


class _ScriptGuard:
    """Refuses to import the script or file from which a batch was made: an import would execute all of it again."""

    def __init__(self) -> None:
        self.scripts: dict[str, str] = {}

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> None:
        """Raise if a name stands for the script; leave all others to the usual finders."""
        script = self.scripts.get(name)
        if script is None:
            return
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.origin and os.path.realpath(spec.origin) == os.path.realpath(script):
            raise ScriptImported(
                f"{Path(script).name} is the file from which this batch was made, and a worker never executes it: put "
                "what is needed from it into a module of its own, and import that.",
                name=name,
            )


_guard = _ScriptGuard()


class Preparation:
    """What was done in this process before its first run."""

    def __init__(self) -> None:
        self._done: Mapping[str, Any] | None = None

    def fits(self, session: Mapping[str, Any]) -> bool:
        """Return whether this process can be, or is, made like this session."""
        return self._done is None or self._done == session

    def make(self, session: Mapping[str, Any]) -> bool:
        """Make this process like a session, once; return whether something was done.

        Raises
        ------
        Exception
            Whatever the set-up function of the user raises.
        """
        if self._done is not None or not session:
            return False
        prepare(session)
        self._done = dict(session)
        return True


def prepare(session: Mapping[str, Any]) -> None:
    """Import what the script imported at its top, make its settings, call the set-up function of the user.

    Parameters
    ----------
    session : mapping
        As `session.session_now` returns it, and ``setup``: path of the pickled function, if there is one.
    """
    guard_scripts(session.get("scripts", ()))
    for name in session.get("modules", ()):
        try:
            importlib.import_module(name)
        except Exception as error:
            note(f"{name}, which the script imports, could not be imported ({type(error).__name__}: {error})")
    for what in use_settings(session.get("settings", {})):
        note(f"a setting of the session could not be made: {what}")
    if path := session.get("setup"):
        call_setup(Path(path))


def call_setup(path: Path) -> None:
    """Call a set-up function that was pickled to a file."""
    loads(path.read_bytes())()


def guard_scripts(scripts: Sequence[str]) -> None:
    """Refuse to import these files from now on."""
    _guard.scripts.update({Path(script).stem: script for script in scripts})
    if _guard.scripts and _guard not in sys.meta_path:
        sys.meta_path.insert(0, _guard)
