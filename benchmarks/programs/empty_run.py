"""One empty run that writes the files of one of ours, with nothing but the standard library and numpy.

As a program (for GNU parallel): ``empty_run.py FOLDER``.
"""

# Plain calls, no pathlib: what is measured must not pay for it.
# ruff: noqa: PTH103, PTH118, PTH123

from __future__ import annotations

import json
import os
import pickle
import platform
import sys
import time
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
