"""Results: the runs of a batch as data. Reads text, JSON and arrays only; never unpickles."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, overload

from ..base.checks import check_integer
from ..base.errors import UnknownName, unknown
from ..base.metrics import RECORD_METRICS
from ..base.public import public
from ..base.tables import Table
from ..disk.state import RunState
from ..status.reader import read_status
from ..status.status import BatchStatus, summarise_runs
from .condition import Names, chosen_by, ordered_by
from .described import declared_metrics, described_simulations, stride, varying_parameters
from .mixture import Others, count_others
from .rows import as_json, run_rows, write_csv
from .run_result import RunResult, flatten, record_damage, result_of
from .summary_reader import Summaries, curve_keys, curve_of, maps_of, trajectory_of
from .values import Curves, Map, MetricValues, Trajectory, metric_values, together

__all__ = ["Curves", "Map", "MetricValues", "Results", "RunResult", "Trajectory", "read_results"]

if TYPE_CHECKING:
    import pandas as pd

    from ..disk.metric_log import Logged
    from .summary_reader import Arrays

_Found = TypeVar("_Found")


@public("simmanager")
class Results(Sequence[RunResult]):
    """The runs of a batch as data, at the moment they were read: what tables, statistics and figures are made of.

    Made by `read_results` or ``SimulationManager.results()``. Runs that are missing, failed or running are records,
    too, and every answer says how many runs it is about.

    Parameters
    ----------
    status : BatchStatus
        How the batch stands.
    runs : iterable of RunResult
        In (simulation, run_id) order.
    parameters : mapping
        simulation_id -> its flattened parameters, in the order of the batch.
    metric_names : iterable of str
        Metrics that the simulations have.
    """

    def __init__(
        self,
        status: BatchStatus,
        runs: Iterable[RunResult],
        parameters: Mapping[str, dict[str, Any]],
        metric_names: Iterable[str] = (),
        *,
        _summaries: Summaries | None = None,
        _contents: Mapping[str, dict[str, str] | None] | None = None,
    ) -> None:
        self.status = status
        self.runs = tuple(runs)
        self._parameters = dict(parameters)
        self._declared = tuple(metric_names)
        self._summaries = _summaries or Summaries()
        self._contents = dict(_contents or {})
        self._of: dict[str, list[RunResult]] = {name: [] for name in self._parameters}
        for run in self.runs:
            self._of.setdefault(run.simulation_id, []).append(run)

    @property
    def path(self) -> Path:
        """Folder of the batch."""
        return Path(self.status.path)

    @property
    def name(self) -> str:
        """Id of the batch."""
        return self.status.manager_id

    @property
    def simulation_ids(self) -> tuple[str, ...]:
        """The simulations, in the order of the batch."""
        return tuple(self._of)

    @overload
    def __getitem__(self, index: int) -> RunResult: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[RunResult, ...]: ...
    def __getitem__(self, index: int | slice) -> RunResult | tuple[RunResult, ...]:
        return self.runs[index]

    def __len__(self) -> int:
        return len(self.runs)

    def __iter__(self) -> Iterator[RunResult]:
        return iter(self.runs)

    def __repr__(self) -> str:
        return f"<Results of {self.name!r}: {len(self._of)} simulations, {self.status.headline}>"

    def select(self, simulations: str | Iterable[str] | Callable[[RunResult], object] | None = None) -> Results:
        """Return the results of some simulations only, in the order given, or of some runs.

        Parameters
        ----------
        simulations : str, iterable of str or callable, optional
            One simulation_id or several (`UnknownName` lists those that exist); or what takes a run and says whether it
            is meant. All by default.
        """
        if simulations is None:
            return self
        if callable(simulations):
            return self._only([run for run in self.runs if simulations(run)])
        chosen = self._chosen(simulations)
        return self._only([run for name in chosen for run in self._of[name]], chosen)

    def where(self, condition: str, *, sort: str = "", top: int | None = None) -> Results:
        """Return the results of the runs that fulfil a condition, ``"lr_td < 0.01 and state == 'finished'"``.

        Parameters
        ----------
        condition : str
            Comparisons of facts (``state``, ``duration_s``), metrics and parameters (the last name is enough if it is
            the only one) with values, joined by ``and``, ``or``, ``not``; "": all runs. Nothing is executed.
        sort, top : str, int, optional
            Order runs by a name, smallest first (``-name``: largest first, those without it last); the first so many.

        Raises
        ------
        UnknownName, ParameterError
            There is no such name; or it is no condition.
        """
        names = Names(self.metric_names, (name for own in self._parameters.values() for name in own))
        runs = chosen_by(condition, self.runs, names) if condition else list(self.runs)
        most = None if top is None else check_integer("top", top, minimum=1)
        return self._only((ordered_by(sort, runs, names) if sort else runs)[:most])

    def _only(self, runs: Sequence[RunResult], simulations: Iterable[str] | None = None) -> Results:
        chosen = simulations or dict.fromkeys(run.simulation_id for run in runs)
        paths = {(run.simulation_id, str(run.path)) for run in runs}
        old = self.status
        some = tuple(run for run in old.runs if (run.simulation_id, run.path) in paths)
        status = summarise_runs(
            old.manager_id, self.path, some, alive=old.manager_alive, damage=old.damage, paused=old.paused
        )
        parameters = {name: self._parameters.get(name, {}) for name in chosen}
        return Results(
            status, runs, parameters, self.metric_names, _summaries=self._summaries, _contents=self._contents
        )

    def _chosen(self, simulations: str | Iterable[str] | None) -> list[str]:
        if simulations is None:
            return list(self._of)
        wanted = [simulations] if isinstance(simulations, str) else list(dict.fromkeys(simulations))
        if missing := [name for name in wanted if name not in self._of]:
            raise UnknownName(unknown("No simulation", missing[0], self._of))
        return wanted

    def of(self, simulation_id: str) -> tuple[RunResult, ...]:
        """Return the runs of one simulation.

        Raises
        ------
        UnknownName
            There is none of that id.
        """
        return tuple(self._of[self._chosen(simulation_id)[0]])

    def total(self, simulation_id: str) -> int:
        """Return the number of runs of a simulation, in whatever state."""
        return len(self.of(simulation_id))

    def counts(self, simulation_id: str) -> dict[str, int]:
        """Return each of the five state keywords -> number of runs of a simulation."""
        counts = dict.fromkeys((state.value for state in RunState), 0)
        for run in self.of(simulation_id):
            counts[run.state] += 1
        return counts

    def parameters(self, simulation_id: str) -> dict[str, Any]:
        """Return the flattened parameters of a simulation; {} where nothing tells (NeuralPlayground's folders)."""
        return dict(self._parameters.get(self._chosen(simulation_id)[0], {}))

    def varying_parameters(self) -> dict[str, dict[str, Any]]:
        """Return the parameters in which simulations differ: ``"agent_params.lr_td"`` -> {simulation_id: value}.

        A simulation that lacks the parameter is left out of its dict.
        """
        return varying_parameters(self._parameters)

    # What the runs gave ----------------------------------------------------------------------------------------

    @property
    def metric_names(self) -> tuple[str, ...]:
        """The metrics that the simulations declare or that a run has; not the fields of the record."""
        found = (name for run in self.runs for name in (*run.metrics, *run.metric_errors))
        return tuple(dict.fromkeys((*self._declared, *found)))

    @property
    def keys(self) -> tuple[str, ...]:
        """The curves that there are, as `curves` takes them: history keys of numbers, and what was logged."""
        found = [*(curve_keys(self._summaries.of(run.path)) for run in self._finished())]
        found += [list(run.logged) for run in self.runs if run.state == RunState.RUNNING]
        return tuple(dict.fromkeys(key for keys in found for key in keys))

    @property
    def unreadable(self) -> dict[Path, str]:
        """Finished runs whose summary is damaged, and what is wrong with it."""
        for run in self._finished():
            self._summaries.of(run.path)
        paths = {run.path for run in self.runs}
        return {path: why for path, why in self._summaries.unreadable.items() if path in paths}

    def _finished(self, simulation_id: str | None = None) -> list[RunResult]:
        runs = self.runs if simulation_id is None else self._of[simulation_id]
        return [run for run in runs if run.state == RunState.FINISHED]

    def running_curves(self, key: str, simulations: str | Iterable[str] | None = None) -> dict[str, dict[int, Logged]]:
        """Return what running runs have logged so far under a name: simulation -> run id -> `Logged`."""
        found: dict[str, dict[int, Logged]] = {name: {} for name in self._chosen(simulations)}
        for run in self.runs:
            if run.simulation_id in found and run.state == RunState.RUNNING and key in (logged := run.logged):
                found[run.simulation_id][run.run_id] = logged[key]
        return found

    def curves(self, key: str, simulations: str | Iterable[str] | None = None) -> dict[str, Curves]:
        """Return one history key of all finished runs, simulation by simulation.

        Runs of different lengths, or sampled differently, are put on common iterations (see `curves.align`).

        Parameters
        ----------
        key : str
            Name in the training history; `keys` lists them.
        simulations : str or iterable of str, optional
            All by default.

        Returns
        -------
        dict of str to Curves
            Also for simulations without a finished run.

        Raises
        ------
        UnknownName
            No run has that curve (lists those that exist), or there is no such simulation.
        """
        chosen = self._chosen(simulations)
        found = {name: self._curves(key, name) for name in chosen}
        if not any(curves.n_runs for curves in found.values()) and not any(self.running_curves(key, chosen).values()):
            known = self.keys
            if key not in known and self._finished():
                metric = f"It is a metric (metric={key!r}). " if key in self.metric_names else ""
                why = next((run.left_out[key] for run in self._finished() if key in run.left_out), "")
                hint = f"The history has it, but {why}. " if why else ""
                raise UnknownName(unknown("No curve", key, known, f"{hint}{metric}There are"))
        return found

    def _curves(self, key: str, simulation_id: str) -> Curves:
        finished = self._finished(simulation_id)
        curves = ((run, curve_of(self._summaries.of(run.path), key)) for run in finished)
        found = [(run, curve) for run, curve in curves if curve is not None]
        sampled = [
            (run.run_id, curve.iterations * (1 if curve.is_logged else stride(run.parameters)), curve.values)
            for run, curve in found
        ]
        return together(
            key,
            simulation_id,
            sampled,
            reduction=next((curve.reduction for _, curve in found), ""),
            n_total=len(self._of[simulation_id]),
            n_unreadable=sum(run.path in self._summaries.unreadable for run in finished),
            **self.made_otherwise(simulation_id, [run_id for run_id, _, _ in sampled])._asdict(),
        )

    def metric(self, name: str, simulations: str | Iterable[str] | None = None) -> dict[str, MetricValues]:
        """Return one metric of all finished runs, simulation by simulation.

        Parameters
        ----------
        name : str
            One of `metric_names`, or a field of the record: "duration_s", "cpu_s", "peak_mb".
        simulations : str or iterable of str, optional
            All by default.

        Returns
        -------
        dict of str to MetricValues
            Also for simulations without a finished run.

        Raises
        ------
        UnknownName
            There is no such metric (lists those that exist) or simulation.
        """
        if name not in (known := (*self.metric_names, *RECORD_METRICS)):
            raise UnknownName(unknown("No metric", name, known))
        found = {sim: metric_values(name, sim, self._of[sim]) for sim in self._chosen(simulations)}
        others = {sim: self.made_otherwise(sim, values.run_ids)._asdict() for sim, values in found.items()}
        return {sim: replace(values, **others[sim]) for sim, values in found.items()}

    def made_otherwise(self, simulation_id: str, run_ids: Iterable[int]) -> Others:
        """Return how many of these runs were made with other parameters, or other code, than the simulation has now."""
        own = {run.run_id: run for run in self._of[simulation_id]}
        chosen = [own[run_id] for run_id in run_ids]
        return count_others(chosen, self._parameters[simulation_id], self._contents.get(simulation_id))

    def maps(self, simulations: str | Iterable[str] | None = None) -> dict[str, dict[int, dict[str, Map]]]:
        """Return the maps that the models of finished runs gave: simulation_id -> run_id -> name -> `Map`.

        Raises
        ------
        UnknownName
            There is no such simulation.
        """
        return {
            sim: {run: maps for run, maps in found.items() if maps} for sim, found in self._each(simulations, maps_of)
        }

    def trajectories(self, simulations: str | Iterable[str] | None = None) -> dict[str, dict[int, Trajectory]]:
        """Return the trajectories in the arenas of finished runs: simulation_id -> run_id -> `Trajectory`.

        Raises
        ------
        UnknownName
            There is no such simulation.
        """
        return {
            sim: {run: path for run, path in found.items() if path is not None}
            for sim, found in self._each(simulations, trajectory_of)
        }

    def _each(
        self, simulations: str | Iterable[str] | None, what: Callable[[Arrays], _Found]
    ) -> Iterator[tuple[str, dict[int, _Found]]]:
        for name in self._chosen(simulations):
            yield name, {run.run_id: what(self._summaries.of(run.path)) for run in self._finished(name)}

    # As a table ------------------------------------------------------------------------------------------------

    def rows(self) -> list[dict[str, Any]]:
        """Return one flat dict for each run: the fields of the record, its parameters, its metrics.

        Parameters have their flattened names (``agent_params.lr_td``), metrics have ``metrics.`` before theirs;
        ``metric_errors``, ``not_saved`` and ``left_out`` are texts. All rows have the same keys, in the
        same order; None where a run has no such value.
        """
        return run_rows(self.runs, self._parameters, self.metric_names)

    def to_frame(self) -> pd.DataFrame:
        """Return `rows` as a pandas DataFrame.

        Raises
        ------
        PackageMissing
            pandas is not installed; says how to install it.
        """
        return Table.of(self.rows()).frame()

    def to_csv(self, path: str | Path) -> None:
        """Write `rows` as a CSV file (UTF-8, one header line; lists in it are JSON)."""
        with Path(path).open("w", encoding="utf-8", newline="") as file:
            write_csv(self.rows(), file)

    def to_json(self) -> str:
        """Return `rows` as JSON text; NaN and infinities are the texts "nan", "inf" and "-inf"."""
        return as_json(self.rows())


@public("simmanager")
def read_results(path: Path | str) -> Results:
    """Read the results of a batch, of a single run, or of a folder of NeuralPlayground results.

    Needs no lock and blocks nobody. Opens text, JSON and arrays without pickle only: safe on anybody's folder.

    Parameters
    ----------
    path : path-like
        Its folder.

    Raises
    ------
    BatchNotFound
        There is nothing of that kind.
    """
    status = read_status(path)
    entries, contents = described_simulations(Path(path))
    found = dict.fromkeys([*entries, *(run.simulation_id for run in status.runs)])
    parameters = {name: flatten(entries.get(name, {})) for name in found}
    runs = [result_of(run, parameters[run.simulation_id]) for run in status.runs]
    status = replace(status, damage=(*status.damage, *filter(None, map(record_damage, runs))))
    declared = (name for entry in entries.values() for name in declared_metrics(entry))
    return Results(status, runs, parameters, dict.fromkeys(declared), _contents=contents)
