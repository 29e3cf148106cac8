"""Work that keeps a core busy: a fixed number of rounds, not a fixed time."""

from __future__ import annotations

import time
from typing import Any

from empty_models import FIELDS


def work(rounds: int) -> float:
    """Do so many rounds of arithmetic (about a millisecond each)."""
    x = 0.5
    for _ in range(rounds):
        for _ in range(20_000):
            x = 3.7 * x * (1 - x)
    return x


def rounds_of(seconds: float) -> int:
    """Return how many rounds take so long on one core of this machine."""
    work(50)
    start = time.perf_counter()
    work(200)
    return max(round(seconds / ((time.perf_counter() - start) / 200)), 1)


def busy_loop(agent: Any, env: Any, rounds: int) -> tuple[Any, Any, dict[str, list[float]]]:
    """Train nothing, but hard."""
    return agent, env, {"x": [work(rounds)]}


def fields(rounds: int, simulation_id: str = "busy") -> dict[str, Any]:
    """Return the fields of a simulation that is busy for so many rounds."""
    loop = {"training_loop": busy_loop, "training_loop_params": {"rounds": rounds}}
    return {**FIELDS, **loop, "simulation_id": simulation_id}
