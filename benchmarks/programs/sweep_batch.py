"""Runs of a model whose library changes the process: of one simulation, or of a sweep with one run for each value.

Arguments: kind ("one" or "sweep"), runs, n_jobs.
"""

from __future__ import annotations

import os

import loud_library
from tell import answer, arguments, seconds

from simmanager import OneShot, SimulationManager, sweep


def main() -> None:
    """Run it once and tell."""
    given = arguments()
    runs = given["runs"]
    del os.environ["LOUD_LIBRARY"]  # as in a session that did not import it: or workers would find it there
    simulation = OneShot(loud_library.run)
    values = {"training_loop_params.value": list(range(runs))}
    simulations = [simulation] if given["kind"] == "one" else sweep(simulation, values)
    manager = SimulationManager(simulations, runs if given["kind"] == "one" else 1, "batch", seed=1)
    manager.generate_sim_paths()
    run_s, status = seconds(lambda: manager.run_all(n_jobs=given["n_jobs"], progress=False))
    assert status.all_finished
    answer(run_s=run_s, workers=float(len({run.metrics["pid"] for run in manager.results()})))


if __name__ == "__main__":
    main()
