"""BatchPlan: what a file asks for, be it a Python file or a batch file, and the manager of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.errors import ParameterError
from ..simulation.single_sim import SingleSim

if TYPE_CHECKING:
    from .manager import SimulationManager

#: Runs of each simulation, if nobody says otherwise.
DEFAULT_RUNS = 5


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """A batch that is to be run.

    Parameters
    ----------
    manager_id : str
        Name of the batch and of its folder.
    simulations : list of SingleSim
        What to run.
    runs_per_sim, seed : int or None
        Runs of each simulation and seed of the batch, if the file says so.
    options : dict
        Keywords of ``run_all``, if the file has any.
    setup : callable, optional
        Called once in each worker.
    seeds : str, optional
        Which seeds runs have, if the file says so; see `SimulationManager`.
    """

    manager_id: str
    simulations: list[SingleSim]
    runs_per_sim: int | None = None
    seed: int | None = None
    options: dict[str, Any] = field(default_factory=dict)
    setup: Callable[[], object] | None = None
    seeds: str | None = None

    def swept(self, assignments: Iterable[str]) -> BatchPlan:
        """Return the plan with its simulations swept over a grid.

        Parameters
        ----------
        assignments : iterable of str
            ``agent_params.lr_td=0.001,0.01``; each simulation is swept over those parameters that it has.

        Raises
        ------
        SimulationError
            One has another form.
        UnknownName
            No simulation has such a parameter.
        ParameterError
            A parameter or a value is given twice; it cannot be told what a value is; or the simulations differ in a
            parameter already, and would become the same.
        """
        from ..simulation.assignment import parse_values
        from ..simulation.sweep import sweep_all

        parameters: dict[str, list[Any]] = {}
        for assignment in assignments:
            key, values = parse_values(assignment, self.simulations)
            if key in parameters:
                raise ParameterError(f"{key} is swept twice: give all its values at once, {key}=V1,V2.")
            parameters[key] = values
        return replace(self, simulations=sweep_all(self.simulations, parameters)) if parameters else self

    def executed_with(self, cwd: str | None, resources: Mapping[str, Any]) -> BatchPlan:
        """Return the plan with the working directory and the resources of its runs (see `SingleSim`) that are given.

        Resources that a simulation declares, and that are not among these, stay.
        """
        given = {name: value for name, value in resources.items() if value is not None}
        simulations = self.simulations
        if cwd is not None:
            simulations = [sim.copy(cwd=cwd) for sim in simulations]
        if given:
            simulations = [sim.copy(resources={**(sim.resources or {}), **given}) for sim in simulations]
        return replace(self, simulations=simulations)

    def with_fields(self, **fields: Any) -> BatchPlan:
        """Return the plan with those of the fields that are not None."""
        return replace(self, **{name: value for name, value in fields.items() if value is not None})

    def manager(self, results_dir: Path | str, *, extend: bool = False) -> SimulationManager:
        """Return the manager of the batch.

        Parameters
        ----------
        results_dir : path-like
            Where its folder is, or will be.
        extend : bool, default False
            Go on with a batch that is there: add the simulations that it lacks, and runs up to ``runs_per_sim``.

        Raises
        ------
        ParameterError
            The batch to extend has another seed, other seeds, or more runs already.
        SimulationError
            A simulation of it that has finished runs has other parameters.
        """
        from ..disk.batch_folder import BatchFolder
        from ..disk.manifest import SEPARATE, check_name
        from .making import refuse_other_seeds
        from .manager import SimulationManager

        folder = BatchFolder(Path(results_dir) / check_name("manager_id", self.manager_id))
        if not (extend and folder.manifest_file.exists()):
            runs = DEFAULT_RUNS if self.runs_per_sim is None else self.runs_per_sim
            return SimulationManager(
                self.simulations,
                runs,
                self.manager_id,
                seed=self.seed,
                seeds=self.seeds or SEPARATE,
                results_dir=results_dir,
                setup=self.setup,
            )
        manager = SimulationManager(existing_simulation=folder.path)
        for name in ("seed", "seeds"):
            refuse_other_seeds(folder.path, name, getattr(manager, name), getattr(self, name))
        manager.add(self.simulations, self.runs_per_sim)
        return manager
