"""One run of a default simulation, step by step.

Arguments: package, model ("stachenfeld_in_2d" or "weber_in_2d"), fraction (of the steps).
"""

# Plain calls, no pathlib: what is measured must not pay for it.
# ruff: noqa: PTH123, PTH202

from __future__ import annotations

import importlib
import os
import pickle
from functools import partial
from typing import Any

from tell import answer, arguments, peak_mb, seconds


def shortened(sim: Any, fraction: float) -> tuple[dict[str, Any], int]:
    """Return the parameters of the loop for a fraction of the steps, and how many these are."""
    params = dict(sim.training_loop_params)
    name = "n_steps" if "n_steps" in params else "n_episode"
    params[name] = max(round(params[name] * fraction), 1)
    return params, params[name] * params.get("t_episode", 1)


def save(agent: Any, env: Any, history: Any) -> None:
    """Save as the manager of either package does."""
    agent.save_agent("agent")
    env.save_environment("arena")
    with open("training_hist.dict", "wb") as file:
        pickle.dump(history, file, protocol=pickle.HIGHEST_PROTOCOL)


def load() -> list[Any]:
    """Load all that was saved."""
    loaded = []
    for name in ("agent", "arena", "training_hist.dict"):
        with open(name, "rb") as file:
            loaded.append(pickle.load(file))
    return loaded


def main() -> None:
    """Run it once and tell."""
    given = arguments()
    package = given["package"]
    backend = package if package == "simmanager" else f"{package}.backend"
    sim = getattr(importlib.import_module(f"{backend}.default_simulation"), given["model"])
    params, steps = shortened(sim, given["fraction"])
    imported_mb = peak_mb()
    init_s, models = seconds(lambda: (sim.agent_class(**sim.agent_params), sim.env_class(**sim.env_params)))
    train_s, trained = seconds(partial(sim.training_loop, *models, **params))
    save_s, _ = seconds(partial(save, *trained))
    run_mb = peak_mb()
    del models, trained
    load_s, _ = seconds(load)
    answer(
        run_s=init_s + train_s + save_s,
        init_ms=init_s * 1e3,
        step_us=train_s / steps * 1e6,
        save_ms=save_s * 1e3,
        load_ms=load_s * 1e3,
        peak_mb=run_mb,
        added_mb=run_mb - imported_mb,
        agent_mb=os.path.getsize("agent") / 1e6,
        history_mb=os.path.getsize("training_hist.dict") / 1e6,
    )


if __name__ == "__main__":
    main()
