"""An agent and an arena that do nothing, and a loop of ten steps; for simmanager and for NeuralPlayground."""

# Plain calls, no pathlib: what is measured must not pay for it.
# ruff: noqa: PTH123

from __future__ import annotations

import pickle
from typing import Any


class EmptyAgent:
    """Does nothing."""

    def act(self, obs: Any) -> float:
        """Return the same action, always."""
        return 0.0

    def update(self) -> dict[str, float]:
        """Return a record of nothing."""
        return {"nothing": 0.0}

    def save_agent(self, save_path: str) -> None:
        """Save it as NeuralPlayground's agents do."""
        with open(save_path, "wb") as file:
            pickle.dump(self, file, protocol=pickle.HIGHEST_PROTOCOL)


class EmptyArena:
    """Does nothing."""

    def reset(self) -> tuple[list[float], float]:
        """Return a place."""
        return [0.0, 0.0], 0.0

    def step(self, action: float) -> tuple[list[float], float, float]:
        """Return the same place."""
        return [0.0, 0.0], 0.0, 0.0

    def save_environment(self, save_path: str) -> None:
        """Save it as NeuralPlayground's arenas do."""
        with open(save_path, "wb") as file:
            pickle.dump(self, file, protocol=pickle.HIGHEST_PROTOCOL)


def empty_loop(agent: Any, env: Any, n_steps: int) -> tuple[Any, Any, dict[str, list[float]]]:
    """Train nothing."""
    obs, _ = env.reset()
    outputs = []
    for _ in range(n_steps):
        obs, _, _ = env.step(agent.act(obs))
        outputs.append(agent.update()["nothing"])
    return agent, env, {"nothing": outputs}


FIELDS = {
    "agent_class": EmptyAgent,
    "agent_params": {},
    "env_class": EmptyArena,
    "env_params": {},
    "training_loop": empty_loop,
    "training_loop_params": {"n_steps": 10},
    "simulation_id": "empty",
}
