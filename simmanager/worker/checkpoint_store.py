"""The checkpoint of a run on disk: what its training loop saved last, and the random generators at that time."""

from __future__ import annotations

import hashlib
import random
import sys
import time
from pathlib import Path
from typing import Any

from ..base.tell import note
from ..disk.pickling import PickleWriter, Unpickler
from ..disk.run_folder import RunFolder
from ..disk.travelling import Classes
from .library_seeds import restore_libraries, states_of_libraries
from .watched_log import WatchedLog

#: A checkpoint has the fingerprint of its recipe within so many bytes: it is the first entry of the pickled dict.
_FINGERPRINT_WITHIN = 500


class CheckpointStore:
    """The checkpoint of one run.

    Parameters
    ----------
    folder : RunFolder
        The run.
    every_s : float or None
        Seconds between two checkpoints; None: none are saved, but one that is there is used.
    recipe : bytes
        The pickled recipe; a checkpoint made with another one is not used.
    classes : Classes, optional
        With which the recipe was loaded: what comes from a checkpoint is of the same classes.
    watched : WatchedLog, optional
        The rules that look at the run: what they have seen belongs to its state.
    """

    def __init__(
        self,
        folder: RunFolder,
        every_s: float | None,
        recipe: bytes,
        classes: Classes | None = None,
        watched: WatchedLog | None = None,
    ) -> None:
        self._folder, self._every_s, self._watched = folder, every_s, watched
        self._recipe, self._classes = recipe, classes or Classes()
        self._next = time.monotonic() + (every_s or 0.0)

    def save(self, state: Any) -> None:
        """Save a checkpoint if one is due; a failure is told in error.log and ends no run."""
        if self._every_s is None or time.monotonic() < self._next:
            return
        content = {"recipe": self._fingerprint(), "state": state, "generators": _generators()}
        if self._watched is not None:
            content["seen"] = self._watched.seen
        try:
            self._folder.write(self._folder.checkpoint.name, lambda scratch: _dump(content, scratch))
        except Exception as error:
            note(f"the checkpoint could not be saved: {type(error).__name__}: {error}")
            if not isinstance(error, OSError):  # a disk may have room later; what cannot be pickled never can
                self._every_s = None
        self._next = time.monotonic() + (self._every_s or 0.0)

    def load(self) -> Any:
        """Return the state of the last checkpoint, or None; restores the random generators."""
        if not self._folder.checkpoint.exists():
            return None
        before = _generators()
        try:
            with self._folder.checkpoint.open("rb") as file:
                content = _Unpickler(file, Classes(self._classes.by_label, restores_data=True)).load()
            if content["recipe"] != self._fingerprint():
                raise ValueError("it was made with other parameters")
            state, generators = content["state"], content["generators"]
            if self._watched is not None:
                self._watched.seen = content["seen"]
            _restore_generators(generators)
        except Exception as error:
            _restore_generators(before)
            reason = f"{type(error).__name__}: {error}"
            note(f"the checkpoint cannot be used ({reason}); the run starts afresh")
            return None
        return state

    def _fingerprint(self) -> str:
        return _fingerprint(self._recipe)


def has_checkpoint(folder: RunFolder, recipe: str) -> bool:
    """Return whether a run can go on from a checkpoint: there is one, made with this recipe (a file)."""
    try:
        with folder.checkpoint.open("rb") as file:
            begin = file.read(_FINGERPRINT_WITHIN)
        return _fingerprint(Path(recipe).read_bytes()).encode() in begin
    except OSError:
        return False


def _fingerprint(recipe: bytes) -> str:
    return hashlib.sha256(recipe).hexdigest()


def _dump(content: dict[str, Any], scratch: str) -> None:
    """Pickle such that what is loaded pickles again to the same bytes as the original would have.

    Pickle writes an object once and then refers to it. Copies of names ("state") or dtypes from a checkpoint, beside
    the originals that the program makes later, would make the results of a resumed run differ in bytes.
    """
    import numpy as np

    from ..disk import by_value

    class Pickler(by_value.Pickler):
        def persistent_id(self, thing: Any) -> str | None:
            if type(thing) is str and thing.isidentifier():
                return f"name {thing}"
            if isinstance(thing, np.dtype) and thing.isbuiltin == 1:
                return f"dtype {thing.str}"
            return None

    with Path(scratch).open("wb") as file:
        writer = PickleWriter(file)
        Pickler(writer, protocol=5).dump(content)
        writer.flush()


def _generators() -> dict[str, Any]:
    import numpy as np

    return {"random": random.getstate(), "numpy": np.random.get_state(), **states_of_libraries()}


def _restore_generators(states: dict[str, Any]) -> None:
    import numpy as np

    random.setstate(states["random"])
    np.random.set_state(states["numpy"])
    restore_libraries(states)


class _Unpickler(Unpickler):
    """Reads what `_dump` wrote: names are Python's own interned ones, dtypes NumPy's own objects."""

    def persistent_load(self, pid: str) -> Any:
        import numpy as np

        kind, _, text = pid.partition(" ")
        return sys.intern(text) if kind == "name" else np.dtype(text)
