"""One run of a default simulation, step by step.

Arguments: package, model ("stachenfeld_in_2d" or "weber_in_2d"), fraction (of the steps).
"""

# Plain calls, no pathlib: what is measured must not pay for it.
# ruff: noqa: PTH108, PTH123, PTH202

from __future__ import annotations

import importlib
import os
import pickle
from functools import partial
from pathlib import Path
from typing import Any

from tell import answer, arguments, peak_mb, seconds

HISTORY = "training_hist.dict"

#: Bytes that are written at once.
PIECE = 4 << 20

#: Steps of a path that is plotted.
PLOTTED = 10_000


def shortened(sim: Any, fraction: float) -> tuple[dict[str, Any], int]:
    """Return the parameters of the loop for a fraction of the steps, and how many these are."""
    params = dict(sim.training_loop_params)
    name = "n_steps" if "n_steps" in params else "n_episode"
    params[name] = max(round(params[name] * fraction), 1)
    return params, params[name] * params.get("t_episode", 1)


def save_models(agent: Any, env: Any) -> None:
    """Save agent and arena."""
    agent.save_agent("agent")
    env.save_environment("arena")


def save_history(package: str, history: Any) -> None:
    """Save the history as the manager of either package does."""
    if package == "simmanager":
        from simmanager.disk.pickling import dump

        dump(history, Path(HISTORY))
        return
    with open(HISTORY, "wb") as file:
        pickle.dump(history, file, protocol=pickle.HIGHEST_PROTOCOL)


def write_as_many_bytes() -> None:
    """Write a file of the size of the history: the speed of the disk."""
    content = bytes(PIECE)
    with open("plain", "wb") as file:
        for start in range(0, os.path.getsize(HISTORY), PIECE):
            file.write(content[: os.path.getsize(HISTORY) - start])
    os.unlink("plain")


def load(unpickle: Any) -> list[Any]:
    """Load all that was saved, the history with another function than ``pickle.load``."""
    loaded = []
    for name, function in (("agent", pickle.load), ("arena", pickle.load), (HISTORY, unpickle)):
        with open(name, "rb") as file:
            loaded.append(function(file))
    return loaded


def mapped(package: str) -> dict[str, float]:
    """Load with the history left in its file, which only simmanager can."""
    if package != "simmanager":
        return {}
    from simmanager.disk import mapped_pickle

    return {"mapped_ms": seconds(partial(load, mapped_pickle.load))[0] * 1e3}


def plotted(env: Any) -> dict[str, float]:
    """Plot the path, if it is one of 10,000 steps (the longer one takes NeuralPlayground a minute)."""
    if len(env.history) != PLOTTED:
        return {}
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    plt.close(plt.figure())
    return {"plot_ms": seconds(partial(env.plot_trajectory, save_path="path.png"))[0] * 1e3}


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
    agent, env, history = trained
    models_s, _ = seconds(partial(save_models, agent, env))
    history_s, _ = seconds(partial(save_history, package, history))
    run_mb = peak_mb()
    del models, trained, agent, history
    write_s, _ = seconds(write_as_many_bytes)
    load_s, _ = seconds(partial(load, pickle.load))
    answer(
        run_s=init_s + train_s + models_s + history_s,
        init_ms=init_s * 1e3,
        step_us=train_s / steps * 1e6,
        save_ms=(models_s + history_s) * 1e3,
        save_history_ms=history_s * 1e3,
        plain_write_ms=write_s * 1e3,
        load_ms=load_s * 1e3,
        peak_mb=run_mb,
        added_mb=run_mb - imported_mb,
        agent_mb=os.path.getsize("agent") / 1e6,
        history_mb=os.path.getsize(HISTORY) / 1e6,
        **mapped(package),
        **plotted(env),
    )


if __name__ == "__main__":
    main()
