"""Small simulations that the tests run: an agent and an arena that do nothing, loops that do what a test needs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from simmanager import SingleSim, report_progress


class ToyAgent:
    """Counts its updates and remembers a random number."""

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain
        self.updates = 0
        self.drawn = np.random.random()

    def act(self, obs: Any) -> float:
        return self.gain * float(np.random.random())

    def update(self) -> dict[str, float]:
        self.updates += 1
        return {"updates": float(self.updates)}


class ToyArena:
    """Adds up the actions."""

    def __init__(self, start: float = 0.0) -> None:
        self.position = start

    def reset(self) -> tuple[Any, Any]:
        return np.array([self.position, 0.0]), self.position

    def step(self, action: float) -> tuple[Any, Any, float]:
        self.position += action
        return np.array([self.position, 0.0]), self.position, 0.0


def toy_loop(agent: Any, env: Any, n_steps: int = 10) -> tuple[Any, Any, dict[str, Any]]:
    """Train for n_steps; the history has one value per step."""
    positions = []
    obs, _ = env.reset()
    for step in range(n_steps):
        obs, position, _ = env.step(agent.act(obs))
        agent.update()
        positions.append(position)
        report_progress(step + 1, n_steps)
    return agent, env, {"position": np.array(positions), "noise": np.random.random((n_steps, 3))}


def failing_loop(agent: Any, env: Any, message: str = "boom") -> Any:
    """Raise."""
    print("about to fail")
    raise ValueError(message)


#: Why a run of it failed, as state.log has it.
BOOM = f"toys.py:{failing_loop.__code__.co_firstlineno + 3} in failing_loop: ValueError: boom"


def waiting_loop(agent: Any, env: Any, gate: str = "", started: str = "", patience_s: float = 60.0) -> Any:
    """Touch ``started``, then wait until the file ``gate`` exists."""
    if started:
        Path(started).touch()
    deadline = time.monotonic() + patience_s
    while not Path(gate).exists():
        if time.monotonic() > deadline:
            raise TimeoutError(f"nobody made {gate}")
        time.sleep(0.01)
    return agent, env, {"x": [1.0]}


def toy_sim(simulation_id: str = "toy", loop: Any = toy_loop, **loop_params: Any) -> SingleSim:
    """Return a simulation of the toys."""
    return SingleSim(
        simulation_id=simulation_id,
        agent_class=ToyAgent,
        agent_params={"gain": 2.0},
        env_class=ToyArena,
        env_params={"start": 1.0},
        training_loop=loop,
        training_loop_params=loop_params,
    )


def case_name(value: Any) -> str:
    """Return a name for a case of a test that is the same in each process: an address in memory is not."""
    import re

    return re.sub(r" at 0x[0-9a-f]+", "", str(value))


def hashes(
    batch: Path, names: tuple[str, ...] = ("agent", "arena", "training_hist.dict", "summary.npz")
) -> dict[str, str]:
    """Return a hash of each result of each run, by ``simulation/run_id/file`` (dates left out)."""
    import hashlib

    found = {}
    for run in sorted(batch.glob("*/run_*")):
        run_id = run.name.split("_")[1]
        for name in names:
            found[f"{run.parent.name}/{run_id}/{name}"] = hashlib.sha256((run / name).read_bytes()).hexdigest()
    return found


def listing(folder: Path) -> dict[str, bytes | None]:
    """Return everything below a folder: path -> content (None for a folder)."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def python(program: str, *words: str, environ: dict[str, str] | None = None, **options: Any) -> Any:
    """Run a Python program to its end, with the toys importable; returns code, stdout and stderr as text."""
    import os
    import subprocess
    import sys

    from places import python_path

    environ = {**os.environ, "PYTHONPATH": python_path(), **(environ or {})}
    environ.pop("PYTHONUNBUFFERED", None)  # as a user has it: output to a pipe is buffered
    command = [sys.executable, "-c", program, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environ, check=False, **options)


def wait_for(*paths: Path | str, patience_s: float = 60.0) -> None:
    """Wait until all of these files exist."""
    deadline = time.monotonic() + patience_s
    while not all(Path(path).exists() for path in paths):
        assert time.monotonic() < deadline, f"nobody made {paths}"
        time.sleep(0.005)


def resident_mb() -> float:
    """Return the memory of this process that is in use now."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024
