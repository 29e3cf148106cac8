"""What the runs of one simulation gave, side by side: learning curves, metrics, maps, trajectories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..base.metrics import RECORD_METRICS
from ..base.public import public
from ..disk.curves import MAX_POINTS
from ..disk.state import RunState

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from .run_result import RunResult

    FloatArray = npt.NDArray[np.float64]
    IntArray = npt.NDArray[np.int64]


@public("simmanager")
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Curves:
    """One history key of the finished runs of one simulation, on common iterations.

    Parameters
    ----------
    key : str
        Name in the training history.
    simulation_id : str
        Which simulation.
    reduction : str
        How a value that is an array became one number, e.g. "mean absolute value"; "" if values were numbers.
    run_ids : tuple of int, (n_runs,)
        The runs that have this curve, ascending.
    iterations : ndarray of int, (n_points,)
        Ascending; n_points <= 1000, unless there are more ends of runs.
    values : ndarray, (n_runs, n_points)
        One row for each run; NaN after the end of a shorter run. NaN and infinities of the runs themselves are kept.
    n_total : int
        Runs of the simulation, in whatever state.
    n_shorter : int
        Runs that ended at an earlier iteration than the longest one.
    n_not_finite : int
        Runs with a NaN or an infinity of their own in this curve.
    n_unreadable : int
        Finished runs whose summary is damaged.
    ends : tuple of int, (n_runs,)
        Last iteration of each run; NaN beyond it is padding. -1 for a run without any.
    n_other_parameters : int
        Runs that were made with other parameters than the simulation has now, before a rerun with changed ones.
    n_other_code : int
        Runs that were made with other code of their classes, loop or metrics, as far as it travels with the recipe.
    """

    key: str
    simulation_id: str
    reduction: str
    run_ids: tuple[int, ...]
    iterations: IntArray
    values: FloatArray
    n_total: int
    n_shorter: int = 0
    n_not_finite: int = 0
    n_unreadable: int = 0
    ends: tuple[int, ...] = ()
    n_other_parameters: int = 0
    n_other_code: int = 0

    def __repr__(self) -> str:
        return f"<Curves {self.key!r} of {self.simulation_id!r}: {self.text}, {len(self.iterations)} points>"

    @property
    def n_runs(self) -> int:
        """Number of runs that have this curve."""
        return len(self.run_ids)

    @property
    def text(self) -> str:
        """How many of the runs these are: ``4 of 5 runs``."""
        return f"{self.n_runs} of {self.n_total} runs"


@public("simmanager")
@dataclass(frozen=True, slots=True, eq=False)
class MetricValues:
    """One metric, or one field of the record, of the finished runs of one simulation.

    Parameters
    ----------
    name, simulation_id : str
        Which metric of which simulation.
    run_ids : tuple of int, (n_runs,)
        The runs that have a value, ascending.
    seeds : tuple of (int or None), (n_runs,)
        Their seeds.
    values : ndarray, (n_runs,)
        One for each run; may hold NaN and infinities.
    n_total : int
        Runs of the simulation, in whatever state.
    n_failed : int
        Finished runs whose metric raised, or was no number.
    n_other_parameters, n_other_code : int
        As of `Curves`.
    """

    name: str
    simulation_id: str
    run_ids: tuple[int, ...]
    seeds: tuple[int | None, ...]
    values: FloatArray
    n_total: int
    n_failed: int = 0
    n_other_parameters: int = 0
    n_other_code: int = 0

    @property
    def n_runs(self) -> int:
        """Number of runs that have a value."""
        return len(self.run_ids)

    @property
    def n_not_finite(self) -> int:
        """Number of values that are NaN or infinite."""
        import numpy as np

        return int((~np.isfinite(self.values)).sum())

    @property
    def text(self) -> str:
        """How many of the runs these are: ``4 of 5 runs``."""
        return f"{self.n_runs} of {self.n_total} runs"


@public("simmanager")
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Map:
    """Maps of one kind of one run: firing rates, or whatever a model has for each place of a room.

    Parameters
    ----------
    name : str
        Which kind, e.g. "eigenvectors" or "output rate".
    values : ndarray, (n_maps, n_y, n_x)
        ``values[k, 0, 0]`` is at the lowest x and y: ``imshow(values[k], origin="lower", extent=extent)``.
    extent : tuple of float
        x_min, x_max, y_min, y_max in the unit of the arena: the outer edges of the map.
    """

    name: str
    values: FloatArray
    extent: tuple[float, float, float, float]

    def __repr__(self) -> str:
        n_maps, n_y, n_x = self.values.shape
        return f"<Map {self.name!r}: {n_maps} maps of {n_x} x {n_y} bins>"


@public("simmanager")
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Trajectory:
    """Where the agent of one run was.

    Parameters
    ----------
    positions : ndarray, (n_points, 2)
        x and y in the unit of the arena, in the order of time; n_points <= 1000.
    extent : tuple of float
        x_min, x_max, y_min, y_max of the room in the unit of the arena.
    walls : ndarray, (n_walls, 2, 2)
        Start and end of each wall, x and y in the unit of the arena.
    steps : ndarray of int, (n_points,)
        Index of each position in the whole trajectory, over which they are spread evenly.
    """

    positions: FloatArray
    extent: tuple[float, float, float, float]
    walls: FloatArray
    steps: IntArray

    def __repr__(self) -> str:
        return f"<Trajectory: {len(self.positions)} points, {len(self.walls)} walls>"


def together(
    key: str,
    simulation_id: str,
    sampled: Sequence[tuple[int, IntArray, FloatArray]],
    *,
    reduction: str,
    n_total: int,
    n_unreadable: int,
    n_other_parameters: int = 0,
    n_other_code: int = 0,
) -> Curves:
    """Return the curves of several runs on common iterations.

    Parameters
    ----------
    key, simulation_id : str
        Which key of which simulation.
    sampled : sequence of (run_id, iterations, values)
        One for each run, iterations ascending.
    reduction, n_total, n_unreadable, n_other_parameters, n_other_code : str, int, int, int, int
        As of `Curves`.
    """
    import numpy as np

    iterations, values = align([(grid, row) for _, grid, row in sampled])
    ends = [int(grid[-1]) if len(grid) else -1 for _, grid, _ in sampled]
    longest = max(ends, default=-1)
    return Curves(
        key=key,
        simulation_id=simulation_id,
        reduction=reduction,
        run_ids=tuple(run_id for run_id, _, _ in sampled),
        iterations=iterations,
        values=values,
        n_total=n_total,
        n_shorter=sum(end < longest for end in ends),
        n_not_finite=sum(not np.isfinite(row).all() for _, _, row in sampled),
        n_unreadable=n_unreadable,
        ends=tuple(ends),
        n_other_parameters=n_other_parameters,
        n_other_code=n_other_code,
    )


def metric_values(name: str, simulation_id: str, runs: Sequence[RunResult]) -> MetricValues:
    """Return one metric, or one field of the record, of those runs of a simulation that are finished."""
    import numpy as np

    finished = [run for run in runs if run.state == RunState.FINISHED]
    if name in RECORD_METRICS:
        found = [(run, getattr(run, name)) for run in finished if getattr(run, name) is not None]
    else:
        found = [(run, run.metrics[name]) for run in finished if name in run.metrics]
    return MetricValues(
        name=name,
        simulation_id=simulation_id,
        run_ids=tuple(run.run_id for run, _ in found),
        seeds=tuple(run.seed for run, _ in found),
        values=np.array([value for _, value in found], dtype=np.float64),
        n_total=len(runs),
        n_failed=sum(name in run.metric_errors for run in finished),
    )


def align(curves: Sequence[tuple[Any, Any]]) -> tuple[IntArray, FloatArray]:
    """Put curves that were sampled at different iterations on common ones.

    Nothing is interpolated: every value that comes out is one that the run had, at the nearest iteration that its
    summary keeps, so NaN and infinities stay where they are and do not spread. The common iterations are all those at
    which any of the runs was sampled, thinned evenly to 1,000 if they are more. The last one of each run is kept.

    Parameters
    ----------
    curves : sequence of (iterations, values)
        (n_i,) ascending and (n_i,) of each run.

    Returns
    -------
    iterations : ndarray of int, (n_points,)
        n_points <= 1000, unless there are more ends of runs.
    values : ndarray, (n_runs, n_points)
        NaN before the first and after the last iteration of a run.
    """
    import numpy as np

    grids = [np.asarray(iterations, dtype=np.int64) for iterations, _ in curves]
    rows = [np.asarray(values, dtype=np.float64) for _, values in curves]
    if not grids:
        return np.empty(0, dtype=np.int64), np.empty((0, 0))
    if all(np.array_equal(grid, grids[0]) for grid in grids[1:]):
        return grids[0], np.vstack(rows)
    common = np.unique(np.concatenate(grids))
    if len(common) > MAX_POINTS:
        ends = np.unique([grid[-1] for grid in grids if len(grid)])  # the final value of a run is its last one
        n_points = max(MAX_POINTS - len(ends), 2)
        common = np.union1d(common[np.linspace(0, len(common) - 1, n_points).round().astype(int)], ends)
    table = np.full((len(rows), len(common)), np.nan)
    for line, grid, row in zip(table, grids, rows, strict=True):
        if len(grid):
            inside = (common >= grid[0]) & (common <= grid[-1])
            line[inside] = row[_nearest(grid, common[inside])]
    return common, table


def _nearest(grid: IntArray, wanted: IntArray) -> IntArray:
    """Return the indices of the elements of an ascending grid that are nearest; the lower one of two."""
    import numpy as np

    right = np.searchsorted(grid, wanted)  # wanted lies within the grid: never beyond its end
    left = np.maximum(right - 1, 0)
    return np.where(wanted - grid[left] <= grid[right] - wanted, left, right)
