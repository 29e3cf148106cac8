"""Empty runs, all of one simulation or each of its own. Arguments: kind ("one" or "many"), runs."""

from __future__ import annotations

import empty_models
from tell import answer, arguments, peak_mb, seconds

from simmanager import SimulationManager, SingleSim


def main() -> None:
    """Make the batch, run it, look at it, and tell."""
    given = arguments()
    runs, many = given["runs"], given["kind"] == "many"
    fields = empty_models.FIELDS
    simulations = [SingleSim(**fields | {"simulation_id": f"s{n}"}) for n in range(runs if many else 1)]
    manager = SimulationManager(simulations, 1 if many else runs, "batch", seed=1)
    make_s, _ = seconds(manager.generate_sim_paths)
    run_s, status = seconds(lambda: manager.run_all(2, progress=False))
    assert status.all_finished
    looked_s, _ = seconds(lambda: SimulationManager(existing_simulation="batch").results())
    answer(make_s=make_s, run_s=run_s, looked_s=looked_s, ms=1000 * (make_s + run_s) / runs, mb=peak_mb())


if __name__ == "__main__":
    main()
