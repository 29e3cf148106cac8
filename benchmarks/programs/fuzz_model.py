"""The FILE of a fuzzed batch: runs that end well, fail, hang about, leave something alive, and die now and then.

Each writes into ``traces/`` when it begins and ends in its batch: there the fuzzer sees what was executed twice.
"""

# Plain calls: it is the file of a user.
# ruff: noqa: PTH118

from __future__ import annotations

import fcntl
import os
import random
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

from simmanager import OneShot, SingleSim, current_run

TRACES = str(Path(__file__).resolve().parent / "traces")


class Agent:
    """Acts at random; may hold what cannot be pickled."""

    def __init__(self, lock: bool = False) -> None:
        self.lock = threading.Lock() if lock else None

    def act(self, obs: Any) -> float:
        """Return a number."""
        return random.random()

    def update(self) -> float:
        """Return a number."""
        return random.random()


class Arena:
    """Does nothing."""

    def reset(self) -> tuple[float, float]:
        """Return the start."""
        return 0.0, 0.0

    def step(self, action: float) -> tuple[float, float, float]:
        """Return the action."""
        return action, action, 0.0


def traced(seconds: float) -> None:
    """Note begin and end, under a lock of its own; nothing where a run is only reproduced or debugged."""
    run = current_run()
    if not run.folder.is_relative_to(Path(TRACES).parent / "b"):
        time.sleep(seconds)
        return
    trace = os.open(os.path.join(TRACES, f"{run.simulation_id}-{run.run_id}"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        try:
            fcntl.flock(trace, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.write(trace, b"TWICE\n")
        os.write(trace, b"begin\n")
        time.sleep(seconds)
        os.write(trace, b"end\n")
    finally:
        os.close(trace)


def loop(agent: Any, env: Any, seconds: float = 0.0) -> Any:
    """Train, so to say."""
    traced(seconds)
    return agent, env, {"x": [agent.act(None) for _ in range(10)]}


def fails(ok: bool = False) -> dict[str, list[float]]:
    """Fail, unless told not to."""
    traced(0.01)
    if not ok:
        raise ValueError("as it always does")
    return {"x": [random.random()]}


def leaves_a_child() -> dict[str, list[float]]:
    """Start a process that lives on."""
    traced(0.01)
    subprocess.Popen(["sleep", "600"], start_new_session=True)
    return {"x": [random.random()]}


def dies_once() -> dict[str, list[float]]:
    """Die at the first time."""
    traced(0.01)
    if current_run().attempt < 2:
        os._exit(3)
    return {"x": [random.random()]}


def _trained(name: str, lock: bool = False, **params: float) -> SingleSim:
    fields = {"agent_class": Agent, "env_class": Arena, "training_loop": loop}
    return SingleSim(**fields, simulation_id=name, agent_params={"lock": lock}, training_loop_params=params)


simulation_list = [
    _trained("quick"),
    _trained("slow", seconds=0.5),
    _trained("lock", lock=True),
    OneShot(fails),
    OneShot(leaves_a_child),
    OneShot(dies_once),
]
runs_per_sim = 3
