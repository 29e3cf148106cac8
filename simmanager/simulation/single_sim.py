"""SingleSim: the recipe of a simulation."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ..base.checks import check_call
from ..base.equality import same
from ..base.errors import ParameterError, ParameterTypeError, RecipeError, SimManagerError, SimulationError, unknown
from ..base.metrics import check_metrics
from ..base.public import public
from ..base.resources import EXECUTION_FIELDS, check_execution
from ..base.rules import RULE_FIELDS, check_rules
from ..base.text import name_of
from ..disk.run_folder import PARAMS as PARAMS_FILE
from ..disk.run_folder import RunFolder
from ..disk.unpicklable import unpicklable
from .description import FIELDS, PARAMS, describe_simulation
from .troublesome_globals import dump_with_globals, words_about

if TYPE_CHECKING:
    from ..disk.travelling import Classes

#: What a recipe holds: ours have metrics, a working directory and rules, too.
_ALL_FIELDS = (*FIELDS, "metrics", "cwd", *RULE_FIELDS, *EXECUTION_FIELDS)

#: The working directories that there are: the one that all runs share, or the run's own folder for files.
CWD = (None, "run")

#: Fields without which a simulation cannot run.
_NEEDED = ("agent_class", "env_class", "training_loop")


#: Where ``run_sim`` saves by default, in the working directory.
DEFAULT_PATH = "results_sim"


@public("simmanager")
class SingleSim:
    """One simulation: agent class, environment class, training loop and their parameters.

    Parameters
    ----------
    agent_class : callable, optional
        ``agent_class(**agent_params)`` makes an object with ``act(obs)`` and ``update()``.
    agent_params : dict, optional
        Parameters of the agent.
    env_class : callable, optional
        ``env_class(**env_params)`` makes an object with ``reset() -> obs, state`` and
        ``step(action) -> obs, state, reward``.
    env_params : dict, optional
        Parameters of the environment.
    training_loop : callable, optional
        ``training_loop(agent, env, **training_loop_params) -> agent, env, history``.
    training_loop_params : dict, optional
        Parameters of the training loop.
    simulation_id : str, optional
        Name of the simulation; it becomes the name of a folder.
    metrics : dict, optional
        Name -> ``function(agent, env, history)`` that returns a number.
    cwd : {"run"}, optional
        The working directory of a run: with "run" its own folder for files (`current_run`), for models that write to
        fixed names. By default the one in which the batch was started, which all runs share.
    fail_when : list of rules, optional
        `diverged("loss")`: a run that logs (`log_metrics`) NaN, an infinite value, or one beyond a bound, has failed at
        once; what it has logged and its files stay.
    stop_when : list of rules, optional
        `no_improvement("loss", patience=500)`: a run whose metric has not improved for so long is finished, with agent
        and environment as the first two arguments of its loop are then; the loops of this package return their history
        so far, others give what was logged. It is marked as stopped early, and `compare` says how many were. What
        updates return is logged by the loops of this package, at each iteration if there are rules.
    resources : dict, optional
        What a run needs, which it gets, and beyond which it does not go: ``{"cpus": 4, "gpus": 1, "memory_mb":
        20000}``. ``cpus``: threads of numerical libraries; ``gpus``: a whole number, or a share of one such as 0.5,
        seen as CUDA_VISIBLE_DEVICES; ``memory_mb``: MB that it may add to its process, or a text, ``"20GB"``. Runs
        start when there is so much; one that can never start is refused before the batch begins. On a Dask cluster
        ``cpus`` sets threads only, and GPUs are refused.
    timeout : float or str, optional
        Seconds (or ``"2h"``) that a run may take; by default what ``run_all`` says.

    Notes
    -----
    All fields may be left out and filled later, by assignment or with `load_params`.

    Metrics are computed where the run was executed, once its results are saved, each with the random generators seeded
    anew with the seed of the run; what they give is kept in run.json and read with `SimulationManager.results`.
    A metric that raises, or gives no number, does not fail the run: it is recorded as failed, with its traceback in
    error.log. Their time and memory count as the run's.
    """

    __hash__ = None  # type: ignore[assignment]

    # Those that were pickled by earlier versions have none of these.
    fail_when: list[Any] | None = None
    stop_when: list[Any] | None = None
    resources: dict[str, Any] | None = None
    timeout: float | str | None = None

    #: Names of dicts of parameters by which the user knows them.
    _words: ClassVar[dict[str, str]] = {}

    def __init__(
        self,
        agent_class: Any = None,
        agent_params: dict[str, Any] | None = None,
        env_class: Any = None,
        env_params: dict[str, Any] | None = None,
        training_loop: Any = None,
        training_loop_params: dict[str, Any] | None = None,
        simulation_id: str | None = None,
        metrics: dict[str, Any] | None = None,
        cwd: str | None = None,
        fail_when: list[Any] | None = None,
        stop_when: list[Any] | None = None,
        resources: dict[str, Any] | None = None,
        timeout: float | str | None = None,
    ) -> None:
        self.agent_class = agent_class
        self.agent_params = agent_params
        self.env_class = env_class
        self.env_params = env_params
        self.training_loop = training_loop
        self.training_loop_params = training_loop_params
        self.simulation_id = simulation_id
        self.metrics = metrics
        self.cwd = cwd
        self.fail_when = fail_when
        self.stop_when = stop_when
        self.resources = resources
        self.timeout = timeout

    @classmethod
    def from_object(cls, thing: Any) -> SingleSim:
        """Return a simulation with the fields of anything that has them (NeuralPlayground's ``SingleSim``, too).

        Raises
        ------
        SimulationError
            It lacks a field.
        """
        if isinstance(thing, cls):
            return thing
        missing = [name for name in FIELDS if not hasattr(thing, name)]
        if missing or isinstance(thing, type):
            lacks = ", ".join(missing or FIELDS)
            raise SimulationError(
                f"{repr(thing)[:100]} ({type(thing).__name__}) is no simulation: it has no {lacks}. Give SingleSims."
            )
        return cls(**{name: getattr(thing, name, None) for name in _ALL_FIELDS})

    @property
    def fields(self) -> dict[str, Any]:
        """All fields by name (the objects themselves, not copies)."""
        return {name: getattr(self, name) for name in _ALL_FIELDS}

    def __str__(self) -> str:
        return (
            f"Simulation: {self.simulation_id}\n"
            f"Agent: {name_of(self.agent_class)}\n"
            f"Agent params: {self.agent_params}\n"
            f"Environment: {name_of(self.env_class)}\n"
            f"Environment params: {self.env_params}\n"
            f"Training loop: {name_of(self.training_loop)}\n"
            f"Training loop params: {self.training_loop_params}\n"
        ) + (f"Metrics: {', '.join(map(str, self.metrics))}\n" if self.metrics else "")

    def __repr__(self) -> str:
        return f"<SingleSim {self.simulation_id!r}: {name_of(self.agent_class)} in {name_of(self.env_class)}>"

    def _repr_html_(self) -> str:
        from ..base.html import simulation_html

        return simulation_html(describe_simulation(self))

    def __eq__(self, other: object) -> bool:
        """Two simulations are equal if all their fields are; arrays are compared by value and kind of numbers."""
        return same(self.fields, other.fields, dtypes=True) if isinstance(other, SingleSim) else NotImplemented

    def copy(self, **changes: Any) -> SingleSim:
        """Return a copy that shares no parameters with this one.

        Parameters
        ----------
        **changes
            Fields to set in the copy.

        Raises
        ------
        ParameterTypeError
            There is no such field.
        """
        for name in changes:
            if name not in _ALL_FIELDS:
                raise ParameterTypeError(unknown("A simulation has no field", name, _ALL_FIELDS, "It has"))
        fields = {name: value if name not in PARAMS else copy.deepcopy(value) for name, value in self.fields.items()}
        for name in ("metrics", *RULE_FIELDS, "resources"):
            fields[name] = copy.copy(getattr(self, name))
        return type(self)(**{**fields, **changes})

    def check(self, *, with_id: bool = True) -> None:
        """Raise if this simulation cannot be run.

        Raises
        ------
        SimulationError
            Names every field that is missing or of the wrong type; or the parameter that a class or the loop does not
            have, or needs.
        """
        needed = (*_NEEDED, "simulation_id") if with_id else _NEEDED
        missing = [name for name in needed if getattr(self, name) is None]
        name = f"The simulation {self.simulation_id!r}" if self.simulation_id else "This simulation"
        if missing:
            raise SimulationError(f"{name} is incomplete: {', '.join(missing)} missing. Set them, or use load_params.")
        owner = f"{name[0].lower()}{name[1:]}"
        for field in _NEEDED:
            if not callable(getattr(self, field)):
                raise SimulationError(f"{field} of {owner} is no class or function: {getattr(self, field)!r}.")
        for field in PARAMS:
            params = getattr(self, field)
            if params is not None and not (isinstance(params, Mapping) and all(isinstance(key, str) for key in params)):
                raise SimulationError(f"{field} must be a dict of parameter names and values, not {params!r}.")
        check_metrics(self.metrics, owner)
        if self.cwd not in CWD:
            raise ParameterError(f"cwd of {owner} must be None or 'run' (its own folder for files), not {self.cwd!r}.")
        for field in RULE_FIELDS:
            check_rules(field, getattr(self, field), owner)
        check_execution(self.fields, owner)
        self._check_calls()

    def _check_calls(self) -> None:
        """Raise if a class or the loop lacks a parameter, or needs one: each run would fail."""
        named = f" of simulation {self.simulation_id!r}" if self.simulation_id else ""
        for field, group in zip(_NEEDED, PARAMS, strict=True):
            function = getattr(self, field)
            owner = f"{name_of(function)}{named}"
            given = 2 if field == "training_loop" else 0
            check_call(owner, function, getattr(self, group) or {}, given, self._words.get(group, group))

    def recipe(self) -> bytes:
        """Return the simulation pickled, as a worker loads it.

        Raises
        ------
        RecipeError
            Names the part that cannot be pickled.
        """
        from ..disk.recipe import UnusableRecipe, pickle_recipe

        try:
            fields = self.fields
            for name in ("cwd", *RULE_FIELDS, *EXECUTION_FIELDS):
                if not fields[name]:
                    del fields[name]  # as in recipes of earlier versions
            return dump_with_globals(pickle_recipe, fields)
        except UnusableRecipe as error:
            raise RecipeError(f"Simulation {self.simulation_id!r} {error}") from error
        except Exception as error:
            where = unpicklable(self.fields, "", depth=2) or ("a field", error)
            if "recursion" in str(error):
                raise RecipeError(
                    f"{where[0]} of simulation {self.simulation_id!r} is nested too deeply to be pickled: Python's "
                    f"recursion limit is {sys.getrecursionlimit()}, and a level may need two of that. Give it flat, or "
                    "in a file, or raise that limit (sys.setrecursionlimit)."
                ) from error
            where = unpicklable(self.fields, "") or where
            way_out = words_about(self.fields) or (
                "Runs are executed in other processes: give plain values, or names from which the agent or environment "
                "opens the thing itself."
            )
            raise RecipeError(
                f"Cannot pickle {where[0]} of simulation {self.simulation_id!r} ({type(error).__name__}: {error}). "
                f"{way_out}"
            ) from error

    # Running ---------------------------------------------------------------------------------------------------

    def run_sim(self, save_path: str | Path | None = None, *, seed: int | None = None) -> None:
        """Run the simulation in this process and save its results.

        What it prints goes to ``run.log`` and ``error.log`` in the folder while it runs.

        Parameters
        ----------
        save_path : path-like, optional
            Folder for the results, ``results_sim`` in the working directory by default. An older run there is replaced
            once this one has ended; until then this one is in a folder next to it (``.<name>.new``).
        seed : int, optional
            Seed, 0 <= seed < 2**32, of ``random`` and ``numpy.random``; drawn and recorded if not given.

        Raises
        ------
        SimulationError
            The simulation is incomplete.
        BatchExists
            The folder holds something else than a run.
        Exception
            Whatever the simulation raises; it is in error.log and state.log, too.
        """
        from ..worker.run_here import run_here

        self.check(with_id=False)
        run_here(self.recipe, Path(save_path or DEFAULT_PATH), seed)

    def save_params(self, save_path: str | Path) -> None:
        """Save the parameters of the simulation as ``param.dict`` in a folder."""
        folder = RunFolder(save_path)
        folder.path.mkdir(parents=True, exist_ok=True)
        folder.write_bytes(PARAMS_FILE, self.recipe())

    def load_params(self, load_path: str | Path | None = None) -> None:
        """Set all fields from the folder of a run. This unpickles: only for your own folders.

        Parameters
        ----------
        load_path : path-like, optional
            The folder, ``results_sim`` by default.

        Raises
        ------
        ResultsMissing
            There are no parameters.
        SimManagerError
            The file is damaged.
        """
        folder = RunFolder(load_path or DEFAULT_PATH)
        from ..disk import pickling
        from ..disk.travelling import load_together

        (content,) = load_together([partial(_load_one, folder, folder.params, pickling.load)])
        if not isinstance(content, Mapping) or not any(name in content for name in FIELDS):
            raise SimManagerError(f"{folder.params} does not hold the parameters of a simulation.")
        for name in _ALL_FIELDS:
            setattr(self, name, content.get(name))

    def load_results(self, path: str | Path | None = None, *, mmap: bool = False) -> tuple[Any, Any, dict[str, Any]]:
        """Load the results of a run. This unpickles: only for your own folders.

        Parameters
        ----------
        path : path-like, optional
            The folder of the run, ``results_sim`` by default.
        mmap : bool, default False
            Leave the large arrays of the history in the file, from which they are read when they are used: a long
            history is there at once. Changes of them stay in memory. They keep the file open as long as they are used.

        Returns
        -------
        agent, environment, history
            The live objects, and the dict (DataFrame, Dataset) that the training loop returned. One that could not be
            saved is a `NotSaved`, which says why; the others are there.

        Raises
        ------
        ResultsMissing
            The run has no results; says in which state it is.

        Notes
        -----
        No class of this process is changed by it. Classes of a script or notebook, which travelled by value, are those
        of this process (``isinstance`` works, enum members are the same) where these have the same code, and what they
        read beside it, globals and class attributes, is equal. Otherwise they are made anew, as they were in the run:
        the same ones for agent, arena and history. Objects that have no equality of their own, such as
        ``MISSING = object()``, count as different. Classes of modules are those of the module as it is now.
        """
        from ..disk import mapped_pickle, pickling
        from ..disk.travelling import load_together

        folder = RunFolder(path or DEFAULT_PATH)
        files = (folder.agent, pickling.load), (folder.arena, pickling.load)
        history = (folder.history, mapped_pickle.load if mmap else pickling.load)
        agent, arena, recorded = load_together(
            [partial(_load_one, folder, target, unpickle) for target, unpickle in (*files, history)]
        )
        if all(value is None for value in self.fields.values()):
            self.load_params(folder.path)
        return agent, arena, recorded

    def show_logs(self, path: str | Path | None = None, log_type: str = "error") -> None:
        """Print a log of a run.

        Parameters
        ----------
        path : path-like, optional
            The folder of the run, ``results_sim`` by default.
        log_type : {"error", "run", "state"}
            Which log.
        """
        from ..status.logs import print_log

        print_log(RunFolder(path or DEFAULT_PATH), log_type)


def _load_one(folder: RunFolder, target: Path, unpickle: Callable[..., Any], classes: Classes) -> Any:
    return folder.load(target, partial(unpickle, classes=classes))
