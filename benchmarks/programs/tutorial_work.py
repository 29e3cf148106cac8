"""The work of the simulation manager's tutorial, cell by cell, without its figures.

Arguments: package ("simmanager" or "neuralplayground"), joblib (bool: runs in a plain joblib loop instead of the
manager), fraction (of the steps), runs (of each simulation).
"""

# Plain calls, no pathlib: what is measured must not pay for it.
# ruff: noqa: PTH118

from __future__ import annotations

import copy
import importlib
import os
import sys
import traceback
from pathlib import Path
from typing import Any

from tell import answer, arguments, bytes_below, peak_mb, seconds


def names(package: str) -> dict[str, Any]:
    """Return what the tutorial imports."""
    backend = package if package == "simmanager" else f"{package}.backend"
    found: dict[str, Any] = {}
    for module, wanted in (
        (f"{package}.agents", ("Stachenfeld2018",)),
        (f"{package}.arenas", ("Simple2D",)),
        (backend, ("SingleSim", "SimulationManager", "episode_based_training_loop")),
        (f"{backend}.default_simulation", ("weber_in_2d", "stachenfeld_in_2d")),
    ):
        found |= {name: getattr(importlib.import_module(module), name) for name in wanted}
    return found


def custom_simulation(n: dict[str, Any], fraction: float) -> Any:
    """Return the simulation that the tutorial makes itself."""
    return n["SingleSim"](
        simulation_id="SR_custom_sim",
        agent_class=n["Stachenfeld2018"],
        agent_params={
            "discount": 0.99,
            "threshold": 1e-6,
            "lr_td": 1e-2,
            "state_density": 1,
            "room_width": 12,
            "room_depth": 12,
            "twoD": True,
        },
        env_class=n["Simple2D"],
        env_params={
            "arena_x_limits": [-6, 6],
            "arena_y_limits": [-6, 6],
            "env_name": "env_example",
            "time_step_size": 0.2,
            "agent_step_size": 1,
        },
        training_loop=n["episode_based_training_loop"],
        training_loop_params={"t_episode": 100, "n_episode": max(round(10 * fraction), 1)},
    )


def shorten(n: dict[str, Any], fraction: float) -> None:
    """Take only a fraction of the steps of the default simulations."""
    if fraction < 1:
        n["weber_in_2d"].training_loop_params = {"n_steps": max(round(10_000 * fraction), 1)}
        n["stachenfeld_in_2d"].training_loop_params = {"t_episode": 1000, "n_episode": max(round(100 * fraction), 1)}


def first_part(n: dict[str, Any], fraction: float) -> Any:
    """Single simulations: run, load, run again with another learning rate."""
    sim = custom_simulation(n, fraction)
    sim.run_sim()
    _, _, history = sim.load_results()
    assert len(history["state_td_error"])
    sim2 = n["SingleSim"]()
    sim2.load_params("results_sim")
    sim2.agent_params["lr_td"] = 0.001
    sim2.run_sim("small_lr_sim")
    sim2.load_results("small_lr_sim")
    return sim


def with_the_manager(n: dict[str, Any], sim: Any, runs: int) -> None:
    """Run three simulations, one of which fails; repair and rerun it."""
    n["stachenfeld_in_2d"].agent_params["lr_td"] = "weird_learning_rate"
    manager = n["SimulationManager"](
        simulation_list=[sim, n["weber_in_2d"], n["stachenfeld_in_2d"]],
        runs_per_sim=runs,
        manager_id="example_simulation",
    )
    manager.generate_sim_paths()
    manager.run_all()
    manager.check_run_status()
    manager.show_logs(simulation_index=2)
    manager.simulation_list[2].agent_params["lr_td"] = 0.001
    manager.rerun_simulation(simulation_index=2)
    manager.check_run_status()


def one_run(sim: Any, path: str) -> None:
    """Run a simulation in a process of a pool, as a user without a manager would."""
    streams = sys.stdout, sys.stderr
    try:
        sim.run_sim(save_path=path)
    except Exception:
        Path(path, "error.log").write_text(traceback.format_exc())
    finally:
        sys.stdout, sys.stderr = streams


def with_joblib(n: dict[str, Any], sim: Any, runs: int) -> None:
    """Do the same work in a plain joblib loop: no states, no logs shown, but the same runs."""
    from joblib import Parallel, delayed

    broken = n["stachenfeld_in_2d"]
    repaired = copy.deepcopy(broken)
    broken.agent_params["lr_td"] = "weird_learning_rate"
    repaired.agent_params["lr_td"] = 0.001
    for simulations in ([sim, n["weber_in_2d"], broken], [repaired]):
        paths = [(s, os.path.join("example", s.simulation_id, f"run_{i}")) for s in simulations for i in range(runs)]
        Parallel(n_jobs=-1)(delayed(one_run)(s, path) for s, path in paths)


def main() -> None:
    """Do it once and tell how long it took."""
    given = arguments()
    n = names(given["package"])
    shorten(n, given["fraction"])
    way = with_joblib if given["joblib"] else with_the_manager
    wall, _ = seconds(lambda: way(n, first_part(n, given["fraction"]), given["runs"]))
    answer(wall_s=wall, bytes_mb=bytes_below(".") / 1e6, peak_mb=peak_mb())


if __name__ == "__main__":
    main()
