"""``simmanager demo``: the default simulations at full size, in parallel, with figures of what came out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..batch.manager import SimulationManager
from ..simulation.single_sim import SingleSim
from ..status.status import BatchStatus

#: Folder of the demo's batch and figures.
DEMO_ID = "simmanager_demo"


def demo_simulations() -> list[SingleSim]:
    """Return the three simulations of the demo: the tutorial's own, and the two default ones."""
    from ..default_simulation import stachenfeld_in_2d, weber_in_2d

    custom = stachenfeld_in_2d.copy(
        simulation_id="SR_custom_sim", training_loop_params={"t_episode": 100, "n_episode": 10}
    )
    custom.agent_params = {**(custom.agent_params or {}), "discount": 0.99}
    return [custom, weber_in_2d, stachenfeld_in_2d]


def run_demo(parent: Path, *, runs: int = 5, n_jobs: int = -1) -> BatchStatus:
    """Run the demo in ``parent/simmanager_demo``, print its status tree and write its figures.

    An earlier demo there is replaced.

    Parameters
    ----------
    parent : Path
        Where the folder of the batch is made.
    runs : int
        Runs of each simulation.
    n_jobs : int
        Runs at a time.
    """
    manager = SimulationManager(demo_simulations(), runs, DEMO_ID, seed=2018, results_dir=parent)
    manager.generate_sim_paths(overwrite=True)
    status = manager.run_all(n_jobs)
    manager.check_run_status()
    figures = draw_figures(manager, Path(manager.results_path) / "figures")
    print(f"{len(figures)} figures in {figures[0].parent}" if figures else "no figures: no run has finished")
    return status


def draw_figures(manager: SimulationManager, folder: Path) -> list[Path]:
    """Draw the first finished run of each simulation: learning curve, trajectory, rate maps.

    Returns
    -------
    list of Path
        The PNG files.
    """
    folder.mkdir(exist_ok=True)
    written = []
    for simulation_id in manager.simulation_ids:
        finished = [run for run in manager.status().simulation(simulation_id) if run.state == "finished"]
        if finished and finished[0].run_id is not None:
            agent, env, history = manager.load_results(simulation_id, finished[0].run_id)
            written += _draw_run(simulation_id, agent, env, history, folder)
    return written


def _draw_run(simulation_id: str, agent: Any, env: Any, history: dict[str, Any], folder: Path) -> list[Path]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    def panel(name: str) -> tuple[Figure, Any]:
        figure = Figure(figsize=(6, 5), layout="constrained")
        FigureCanvasAgg(figure)
        return figure, figure.add_subplot(title=f"{simulation_id}: {name}")

    drawn = {}
    drawn["learning"], ax = panel("learning")
    _draw_learning(ax, history)
    drawn["trajectory"], ax = panel("trajectory")
    env.plot_trajectory(ax=ax, plot_every=max(len(env.history) // 20_000, 1))
    drawn["rate_map"], ax = panel("rate map")
    maps = {"eigen_vectors": 10} if hasattr(agent, "srmat") else {}
    agent.plot_rate_map(ax=ax, **maps)
    paths = []
    for name, figure in drawn.items():
        paths.append(folder / f"{simulation_id}_{name}.png")
        figure.savefig(paths[-1], dpi=110)
    return paths


def _draw_learning(ax: Any, history: dict[str, Any]) -> None:
    """Draw the size of the weight changes, averaged over 200 windows."""
    import numpy as np

    key = "state_td_error" if "state_td_error" in history else next(iter(history))
    values = np.asarray(history[key])
    sizes = np.abs(values).mean(axis=tuple(range(1, values.ndim))) if values.ndim > 1 else np.abs(values)
    window = max(len(sizes) // 200, 1)
    means = sizes[: len(sizes) // window * window].reshape(-1, window).mean(axis=1)
    ax.plot(np.arange(len(means)) * window, means)
    ax.set_xlabel("iterations")
    ax.set_ylabel(f"mean |{key}|")
