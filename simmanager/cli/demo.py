"""``simmanager demo``: the default simulations at full size, in parallel, with figures of what came out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .running import option_argument, options_of
from .verb import RAN, argument, exit_code, verb

if TYPE_CHECKING:
    from ..results.results import Results
    from ..simulation.single_sim import SingleSim

#: Folder of the demo's batch and figures.
DEMO_ID = "simmanager_demo"

#: Panels in a row of a figure.
_MAX_PANELS = 6


@verb(
    argument(
        "--dir", default=".", metavar="DIR", completed_by="folder", help=f"where {DEMO_ID}/ is made (default: here)"
    ),
    argument("--runs", type=int, default=5, metavar="N", help="runs of each simulation (default: %(default)s)"),
    option_argument("n_jobs"),
    examples=(
        ("simmanager demo", "three simulations, five runs of each"),
        ("simmanager demo --runs 1 --dir /tmp", "less of it, elsewhere"),
    ),
    exits=RAN,
)
def demo(arguments: argparse.Namespace) -> int:
    """Run the default simulations, full size, and draw figures.

    Runs the successor representation of Stachenfeld et al. (2017), with two sets
    of parameters, and the plasticity model of Weber & Sprekeler (2018) in
    DIR/simmanager_demo; prints the status and draws curves, trajectories and rate
    maps into its folder figures/. An earlier demo there is replaced.
    """
    from ..batch.manager import SimulationManager
    from ..plots.style import load_from_elsewhere

    options = options_of(arguments)
    manager = SimulationManager(demo_simulations(), arguments.runs, DEMO_ID, seed=2018, results_dir=arguments.dir)
    manager.generate_sim_paths(overwrite=True)
    status = manager.run_all(**options)
    manager.check_run_status()
    folder = Path(manager.results_path) / "figures"
    load_from_elsewhere()
    n_figures = draw_figures(manager.results(), folder)
    print(f"{n_figures} figures in {folder}" if n_figures else "no figures: no run has finished")
    return exit_code(status)


def demo_simulations() -> list[SingleSim]:
    """Return the three simulations of the demo: the tutorial's own, and the two default ones."""
    from ..default_simulation import stachenfeld_in_2d, weber_in_2d

    custom = stachenfeld_in_2d.copy(
        simulation_id="SR_custom_sim", training_loop_params={"t_episode": 100, "n_episode": 10}
    )
    custom.agent_params = {**(custom.agent_params or {}), "discount": 0.99}
    return [custom, weber_in_2d, stachenfeld_in_2d]


def draw_figures(results: Results, folder: Path) -> int:
    """Draw learning curves, trajectories and rate maps of each simulation that has finished runs, and count them."""
    from ..plots.style import style_of_its_own

    folder.mkdir(exist_ok=True)
    drawings = {"learning": _draw_learning, "trajectories": _draw_trajectories, "rate_maps": _draw_rate_maps}
    having = [name for name in results.simulation_ids if results.counts(name)["finished"]]
    for simulation_id in having:
        for name, drawing in drawings.items():
            with style_of_its_own():
                drawing(results, simulation_id).savefig(folder / f"{simulation_id}_{name}.png", dpi=110)
    return len(having) * len(drawings)


def _draw_learning(results: Results, simulation_id: str) -> Any:
    from ..plots import plot_curves

    keys = [key for key in results.keys if results.curves(key, simulation_id)[simulation_id].n_runs]
    figure, axes = _panels(len(keys), width=5.6, height=3.6)
    for key, ax in zip(keys, axes[0], strict=True):
        plot_curves(results, key, simulation_id, smooth=10, ax=ax)
    return figure


def _draw_trajectories(results: Results, simulation_id: str) -> Any:
    from ..plots import plot_trajectories

    runs = list(results.trajectories(simulation_id)[simulation_id])[:_MAX_PANELS]
    figure, axes = _panels(len(runs))
    plot_trajectories(results, simulation_id, runs, axes=axes)
    return figure


def _draw_rate_maps(results: Results, simulation_id: str) -> Any:
    """Draw the one map of each run, or, where a run has several, the first of them of the first run."""
    from ..plots import plot_rate_maps

    maps = {run: next(iter(found.values())).values for run, found in results.maps(simulation_id)[simulation_id].items()}
    runs, n_cells = list(maps)[:_MAX_PANELS], min(map(len, maps.values()))
    if n_cells > 1:
        runs, n_cells = runs[:1], min(n_cells, _MAX_PANELS)
    figure, axes = _panels(len(runs) * n_cells)
    plot_rate_maps(results, simulations=simulation_id, runs=runs, cells=range(n_cells), axes=axes)
    return figure


def _panels(number: int, *, width: float = 2.0, height: float = 2.4) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1.2 + width * number, height), layout="constrained")
    return figure, figure.subplots(1, number, squeeze=False)
