"""A batch of unequal simulations, the long ones last in the list. Arguments: way ("simmanager", "loky"), size."""

# Plain calls, no pathlib: what is measured must not pay for it.
# ruff: noqa: PTH103

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from empty_run import dump
from tell import answer, arguments, seconds

import simmanager
from simmanager.default_simulation import stachenfeld_in_2d, weber_in_2d

#: Size -> number of runs of the shorter simulations, and how long they are.
SIZES = {"full": (8, 1.0), "quick": (3, 0.2), "tiny": (2, 0.001)}

#: Cores.
N_JOBS = 2


def simulations(length: float) -> list[Any]:
    """Return tiny, SR, Weber and long SR simulations, in this order."""

    def sr(name: str, episodes: float) -> Any:
        loop = {"t_episode": 1000 if length > 0.01 else 10, "n_episode": max(round(episodes * length), 1)}
        loop["record_every"] = 20  # the long one would fill the RAM disk
        return stachenfeld_in_2d.copy(simulation_id=name, training_loop_params=loop)

    weber = weber_in_2d.copy(simulation_id="weber", training_loop_params={"n_steps": round(10_000 * length)})
    return [sr("tiny", 2), sr("sr", 100), weber, sr("long", 500)]


def run_alone(fields: dict[str, Any], folder: str) -> float:
    """Do what a run does, in a process of a plain pool: train, write the results; return how long it took."""

    def run() -> None:
        os.makedirs(folder)
        agent, env = fields["agent_class"](**fields["agent_params"]), fields["env_class"](**fields["env_params"])
        agent, env, history = fields["training_loop"](agent, env, **fields["training_loop_params"])
        agent.save_agent(f"{folder}/agent")
        env.save_environment(f"{folder}/arena")
        dump(history, f"{folder}/training_hist.dict")

    return seconds(run)[0]


def with_simmanager(sims: list[Any], runs: int) -> tuple[float, list[float]]:
    """Run all once, so that durations are known; replace all but the first run of each; time the second run_all."""
    from simmanager.batch.making import replace_run
    from simmanager.disk.batch_folder import BatchFolder

    manager = simmanager.SimulationManager(sims, runs, "batch", seed=1)
    manager.run_all(N_JOBS, progress=False)
    again = [run for run in manager.runs if run.run_id]
    with BatchFolder("batch").held() as batch:
        for run in again:
            replace_run(batch, run)
    wall, status = seconds(lambda: manager.run_all(N_JOBS, progress=False))
    assert status.all_finished
    return wall, [run.duration_s for run in status.runs if run.run_id]


def with_loky(sims: list[Any], runs: int) -> tuple[float, list[float]]:
    """Run the same runs in the order of the list, on workers that have imported what they need."""
    from joblib import Parallel, delayed

    Parallel(N_JOBS)(delayed(run_alone)(sims[0].fields, f"warm/{i}") for i in range(4))
    jobs = [(sim.fields, f"joblib/{sim.simulation_id}/{run}") for sim in sims for run in range(1, runs)]
    return seconds(lambda: Parallel(N_JOBS, pre_dispatch="all")(delayed(run_alone)(*job) for job in jobs))


def main() -> None:
    """Run it once and tell the makespan over the lower bound."""
    given = arguments()
    runs, length = SIZES[given["size"]]
    ways: dict[str, Callable[..., tuple[float, list[float]]]] = {"simmanager": with_simmanager, "loky": with_loky}
    wall, durations = ways[given["way"]](simulations(length), runs)
    bound = max(max(durations), sum(durations) / N_JOBS)
    answer(wall_s=wall, bound_s=bound, ratio=wall / bound)


if __name__ == "__main__":
    main()
