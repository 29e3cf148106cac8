"""One empty run that writes the files of one of ours, with nothing but the standard library and numpy.

As a program (for GNU parallel): ``empty_run.py FOLDER``.
"""

# Plain calls, no pathlib: what is measured must not pay for it.
# ruff: noqa: PTH102, PTH103, PTH104, PTH105, PTH118, PTH123

from __future__ import annotations

import fcntl
import json
import os
import pickle
import platform
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import empty_models
import numpy as np


def one_run(folder: str) -> str:
    """Execute an empty run in a new folder; the same files as simmanager writes, in the simplest way."""
    os.makedirs(folder)
    note(folder, "in_queue")
    start = time.perf_counter()
    note(folder, "running")
    for name in ("run.log", "error.log", "state.lock"):
        open(os.path.join(folder, name), "w").close()
    agent, env = empty_models.EmptyAgent(), empty_models.EmptyArena()
    agent, env, history = empty_models.empty_loop(agent, env, n_steps=10)
    dump(empty_models.FIELDS, f"{folder}/param.dict")
    agent.save_agent(f"{folder}/agent")
    env.save_environment(f"{folder}/arena")
    dump(history, f"{folder}/training_hist.dict")
    np.savez(f"{folder}/summary.npz", **{name: np.asarray(values) for name, values in history.items()})
    with open(f"{folder}/run.json", "w") as file:
        json.dump({"seed": 1, "duration_s": time.perf_counter() - start, "python": platform.python_version()}, file)
    note(folder, "finished")
    return folder


def careful_run(folder: str) -> str:
    """Do the same, but hold a lock, capture the output, and let each result appear whole or not at all."""
    os.mkdir(f"{folder}.part")
    note(f"{folder}.part", "in_queue")
    os.rename(f"{folder}.part", folder)
    lock = os.open(f"{folder}/state.lock", os.O_RDWR | os.O_CREAT, 0o644)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    before = [os.dup(1), os.dup(2)]
    for descriptor, name in ((1, "run.log"), (2, "error.log")):
        log = os.open(f"{folder}/{name}", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        os.dup2(log, descriptor)
        os.close(log)
    start = time.perf_counter()
    note(folder, "running")
    agent, env = empty_models.EmptyAgent(), empty_models.EmptyArena()
    agent, env, history = empty_models.empty_loop(agent, env, n_steps=10)
    whole(f"{folder}/param.dict", lambda path: dump(empty_models.FIELDS, path))
    whole(f"{folder}/agent", agent.save_agent)
    whole(f"{folder}/arena", env.save_environment)
    whole(f"{folder}/training_hist.dict", lambda path: dump(history, path))
    curves = {name: np.asarray(values) for name, values in history.items()}
    whole(f"{folder}/summary.npz", lambda path: savez(path, curves))
    facts = {"seed": 1, "duration_s": time.perf_counter() - start, "python": platform.python_version()}
    whole(f"{folder}/run.json", lambda path: write(path, json.dumps(facts)))
    note(folder, "finished")
    for old, descriptor in zip(before, (1, 2), strict=True):
        os.dup2(old, descriptor)
        os.close(old)
    os.close(lock)
    return folder


def whole(path: str, writer: Callable[[str], None]) -> None:
    """Write a scratch file and put it in place."""
    writer(f"{path}.part")
    os.replace(f"{path}.part", path)


def savez(path: str, arrays: dict[str, Any]) -> None:
    """Write arrays to a file whose name has no ending."""
    with open(path, "wb") as file:
        np.savez(file, **arrays)


def write(path: str, text: str) -> None:
    """Write a text."""
    with open(path, "w") as file:
        file.write(text)


def note(folder: str, state: str) -> None:
    """Append a state."""
    with open(f"{folder}/state.log", "a") as file:
        file.write(f"{datetime.now(UTC).isoformat()}\t{state}\t\n")


def dump(thing: Any, path: str) -> None:
    """Pickle something to a file."""
    with open(path, "wb") as file:
        pickle.dump(thing, file, protocol=pickle.HIGHEST_PROTOCOL)


if __name__ == "__main__":
    one_run(sys.argv[1])
