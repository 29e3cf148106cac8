"""A grid of panels: a row for each simulation, columns for its runs; panels without anything to show say why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..base.checks import check_integer
from ..base.errors import ParameterError, UnknownName
from ..base.text import count
from ..disk.state import RunState
from ..disk.state_look import LOOKS
from .style import NORMAL, SMALL, drawable, root_of, say
from .wording import number

if TYPE_CHECKING:
    import numpy.typing as npt
    from matplotlib.axes import Axes

    from ..results.results import Results

    AxesArray = npt.NDArray[Any]

#: Simulations and runs that are shown if nobody says which.
MAX_SIMULATIONS, MAX_RUNS = 12, 8

_LONGEST = 26  # characters of a name beside a row


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: which axes, in which row, for which run; ``part`` counts the panels of one run."""

    ax: Axes
    row: int
    simulation_id: str
    run_id: int
    part: int


class Panels:
    """The panels of a figure: a row for each simulation, ``n_parts`` columns for each run.

    ``axes`` have any shape of that size; None makes a pyplot figure.
    """

    def __init__(
        self,
        batch: Results,
        simulations: str | Iterable[str] | None,
        runs: int | Iterable[int] | None,
        axes: Any,
        n_parts: int = 1,
    ) -> None:
        self._batch = batch
        self._n_parts = n_parts
        self._axes = axes
        chosen = batch.select(simulations).simulation_ids
        self.simulations = chosen[:MAX_SIMULATIONS] if simulations is None else chosen
        self.run_ids = _run_ids(batch, self.simulations, runs)

    @cached_property
    def grid(self) -> AxesArray:
        """(n_simulations, n_runs * n_parts) axes, made when they are first needed: nothing is open after an error."""
        return _grid(self._axes, len(self.simulations), len(self.run_ids) * self._n_parts)

    def __iter__(self) -> Iterator[Panel]:
        """Give the panels, row by row."""
        for row, simulation_id in enumerate(self.simulations):
            for column, ax in enumerate(self.grid[row]):
                run_id = self.run_ids[column // self._n_parts]
                yield Panel(ax, row, simulation_id, run_id, column % self._n_parts)

    def say(self, text: str) -> AxesArray:
        """Write a sentence into the first panel, leave the others blank, and return the grid."""
        for ax in self.grid.flat[1:]:
            ax.set_axis_off()
        say(self.grid.flat[0], text)
        return self.grid

    def say_why_empty(self, panel: Panel, what: str) -> None:
        """Write into a panel in which state its run is, or that it finished without ``what``."""
        states = {run.run_id: RunState(run.state) for run in self._batch.of(panel.simulation_id)}
        words = {state: look.words for state, look in LOOKS.items()} | {RunState.FINISHED: f"no {what}"}
        say(panel.ax, words[states[panel.run_id]] if panel.run_id in states else "no such run")

    def label(self, parts: Sequence[str] = ("",)) -> None:
        """Write simulations, runs, their parts and the axes with their unit at the edges of the grid."""
        for ax, simulation_id in zip(self.grid[:, 0], self.simulations, strict=True):
            ax.set_ylabel(f"{drawable(simulation_id, _LONGEST)}\ny", fontsize=NORMAL)
        for column, ax in enumerate(self.grid[0]):
            run_id, part = self.run_ids[column // self._n_parts], parts[column % self._n_parts]
            ax.set_title(f"run {run_id}{part}", fontsize=NORMAL)
        for ax in self.grid[:, 1:].flat:
            ax.tick_params(labelleft=False)
        for ax in self.grid[-1]:
            ax.set_xlabel("x", fontsize=NORMAL)
        root_of(self.grid.flat[0]).align_ylabels(list(self.grid[:, 0]))
        if self._axes is None:
            self._name_what_is_left_out()

    def _name_what_is_left_out(self) -> None:
        batch, parts = self._batch, []
        n_simulations, n_runs = len(batch.simulation_ids), max(map(batch.total, self.simulations))
        if len(self.simulations) < n_simulations:
            parts.append(f"{len(self.simulations)} of {n_simulations} simulations")
        if len(self.run_ids) < n_runs:
            parts.append(f"{len(self.run_ids)} of {count(n_runs, 'run')}")
        if parts:
            root_of(self.grid.flat[0]).suptitle(f"shown: {', '.join(parts)}", fontsize=SMALL, ha="left", x=0.01)


def frame(ax: Axes, extent: tuple[float, float, float, float], *, margin: float = 0.0) -> None:
    """Give a panel the limits of a room, two ticks on each axis, and equal scales.

    ``extent`` is x_min, x_max, y_min, y_max; ``margin`` the space beyond it, as a fraction of each side.
    """
    x_min, x_max, y_min, y_max = extent
    across, up = margin * (x_max - x_min), margin * (y_max - y_min)
    ax.set(xlim=(x_min - across, x_max + across), ylim=(y_min - up, y_max + up), aspect="equal")
    for axis, low, high in ((ax.xaxis, x_min, x_max), (ax.yaxis, y_min, y_max)):
        axis.set_ticks([low, high], [number(low), number(high)])
    ax.tick_params(length=2, pad=2, labelsize=SMALL)
    left, right = ax.get_xticklabels()
    left.set_horizontalalignment("left")  # not into the next panel
    right.set_horizontalalignment("right")


def _run_ids(batch: Results, simulations: Iterable[str], runs: int | Iterable[int] | None) -> list[int]:
    known = sorted({run.run_id for simulation in simulations for run in batch.of(simulation)})
    if runs is None:
        return known[:MAX_RUNS]
    wanted = list(dict.fromkeys([runs] if isinstance(runs, int) else runs))
    for run in wanted:
        if check_integer("runs", run) not in known:
            raise UnknownName(f"No run {run}. There are: {', '.join(map(str, known)) or 'none'}.")
    return wanted


def _grid(axes: Any, n_rows: int, n_columns: int) -> AxesArray:
    """Return (n_rows, n_columns) axes, at least one: those given, or those of a new figure."""
    import numpy as np

    n_rows, n_columns = max(n_rows, 1), max(n_columns, 1)
    if axes is None:
        from matplotlib import pyplot as plt

        size = (max(1.6 + 1.6 * n_columns, 3.5), 0.8 + 1.7 * n_rows)
        made: AxesArray = plt.subplots(n_rows, n_columns, figsize=size, squeeze=False, layout="constrained")[1]
        return made
    given: AxesArray = np.asarray(axes, dtype=object)
    if given.size != n_rows * n_columns:
        shape = " x ".join(map(str, given.shape)) or "1"
        raise ParameterError(f"axes must be {n_rows} x {n_columns} (simulations x columns), not {shape}.")
    return given.reshape(n_rows, n_columns)
