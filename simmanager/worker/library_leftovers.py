"""What libraries that are loaded keep between two uses: caches, idle threads and processes; and how they let it go."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from .process_group import CHILDREN, children_of, left_behind


def clear_caches() -> None:
    """Have libraries that are loaded drop what they keep of earlier runs, and give free memory back to the system."""
    for name, clear in _CACHES.items():
        if (module := sys.modules.get(name)) is not None:
            with suppress(Exception):
                clear(module)
    with suppress(AttributeError):  # not the GNU library
        ctypes.CDLL(None).malloc_trim(0)


def _clear_jax(jax: Any) -> None:
    jax.clear_caches()


def _clear_keras(keras: Any) -> None:
    keras.utils.clear_session()


#: Module -> what drops its caches.
_CACHES: dict[str, Callable[[Any], None]] = {"jax": _clear_jax, "keras": _clear_keras}


def left_behind_for_good() -> str:
    """Return what a run left alive in this worker, in words, once the helpers of known libraries are ended.

    The process with which ``multiprocessing`` and joblib watch shared memory is nobody's work: it stays.
    """
    if not left_behind():
        return ""
    for name, end in _HELPERS.items():
        if (module := sys.modules.get(name)) is not None:
            with suppress(Exception):
                end(module)
    found = left_behind()
    only_trackers = found == CHILDREN and 0 < len(alive := set(children_of(os.getpid()))) and alive <= _trackers()
    return "" if only_trackers else found


def _trackers() -> set[int | None]:
    loaded = (sys.modules.get(f"{package}.resource_tracker") for package in _TRACKING)
    return {getattr(getattr(module, "_resource_tracker", None), "_pid", None) for module in loaded}


def _end_loky(reusable: Any) -> None:
    """End joblib's pool, which waits five minutes for more work; its own manager ends in a moment."""
    if reusable._executor is not None:
        reusable._executor.shutdown(wait=True, kill_workers=True)
        reusable._executor = None
        for thread in threading.enumerate():  # it has been told to end
            if thread.name == "QueueFeederThread":
                thread.join(1.0)


#: Module -> what ends the helpers (threads, processes) that it keeps between two uses.
_HELPERS: dict[str, Callable[[Any], None]] = {
    "joblib.externals.loky.reusable_executor": _end_loky,
}

#: Packages with a module that watches shared memory in a process of its own.
_TRACKING = ("multiprocessing", "joblib.externals.loky.backend")
