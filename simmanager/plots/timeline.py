"""The figure of when runs were executed: a row for each slot, a bar for each run."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ..base.public import public
from ..base.text import count
from ..disk.state import RunState
from ..disk.state_look import LOOKS
from ..results.source import Source, results_of
from .occupancy import Bar, Occupancy, occupancy_of
from .style import GREY, NORMAL, SMALL, TEXT_SIZE, axes_of, contrasting, drawable, inches, legend, name_rows, say, shade

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_HALF = 0.39  # half the height of a bar; rows are 1 apart
_IDLE = "#E6E6E6"  # colour of a row where nothing runs

#: Units of time: name, seconds, and the shortest span in seconds that is shown in it.
_UNITS = (("d", 86400.0, 3 * 86400.0), ("h", 3600.0, 3 * 3600.0), ("min", 60.0, 180.0), ("s", 1.0, 0.0))

#: How runs that have not finished are hatched.
_HATCHES = {RunState.ERROR: "xxxx", RunState.INTERRUPTED: "////", RunState.RUNNING: "...."}

#: Simulations that are named in the legend: as many as have a colour of their own.
_MAX_NAMED = 21


@public("simmanager.plots")
def plot_timeline(results: Source, *, ax: Axes | None = None) -> Axes:
    """Draw when each run was executed and in which slot: idle cores and slow runs are seen.

    The slots are as many as runs were ever executed at once on a host; colours are simulations, the numbers are run
    ids, and runs that failed, were interrupted or still run are hatched. The title says which part of the slots' time
    was used, from the first start to the last end. Of a run that was started several times, the last is drawn.

    Parameters
    ----------
    results : Results, SimulationManager or path-like
        The batch.
    ax : matplotlib Axes, optional
        Where to draw, and what is returned; a new pyplot figure by default.
    """
    batch = results_of(results)
    found = occupancy_of(batch.runs)
    n_slots = len(found.slots)
    n_named = min(len(batch.simulation_ids), _MAX_NAMED)
    ax = axes_of(ax, 8.5, max(_inches_of(n_slots), 0.2 * (n_named + 5)))
    if not found.bars:
        return say(ax, f"no run of {drawable(batch.name)} has started")
    unit, scale, _ = next(one for one in _UNITS if found.span >= one[2])
    length = max(found.span, 0.001) / scale
    ax.set(xlim=(0, length), ylim=(n_slots - 0.5, -0.5))
    ax.barh(range(n_slots), length, height=2 * _HALF, color=_IDLE, linewidth=0, label="_idle")
    alike: dict[tuple[int, RunState], list[Bar]] = {}
    for bar in found.bars:
        index = batch.simulation_ids.index(bar.run.simulation_id)
        alike.setdefault((index, RunState(bar.run.state)), []).append(bar)
    for (index, state), bars in sorted(alike.items()):
        _draw(ax, bars, scale, shade(index), _HATCHES.get(state))
    _write_ids(ax, found.bars, scale, batch.simulation_ids)
    _label(ax, found, unit)
    waiting = len(batch.runs) - len(found.bars)
    rest = f", {count(waiting, 'run')} not started" if waiting else ""
    ax.set_title(f"{count(n_slots, 'slot')}, {found.busy:.0%} busy{rest}", fontsize=NORMAL, loc="left")
    names = {index: drawable(batch.simulation_ids[index]) for index, _ in sorted(alike)}
    _draw_legend(ax, names, {state for _, state in alike})
    return ax


def _inches_of(n_slots: int) -> float:
    """Return the height of a new figure: many slots have narrow rows."""
    return min(1.4 + (0.34 * max(n_slots, 3) if n_slots <= 16 else 0.2 * n_slots), 60.0)


def _draw(ax: Axes, bars: Sequence[Bar], scale: float, colour: str, hatch: str | None) -> None:
    """Draw bars that look the same, as one artist."""
    from matplotlib.collections import PolyCollection

    boxes = [(bar.start / scale, bar.end / scale, bar.slot - _HALF, bar.slot + _HALF) for bar in bars]
    corners = [[(x, y), (end, y), (end, above), (x, above)] for x, end, y, above in boxes]
    drawn = PolyCollection(corners, facecolors=colour, edgecolors="white", linewidths=0.4, hatch=hatch)
    drawn.set_label(f"_{bars[0].run.simulation_id} {bars[0].run.state}")
    ax.add_collection(drawn)


def _write_ids(ax: Axes, bars: Sequence[Bar], scale: float, simulation_ids: Sequence[str]) -> None:
    """Write the ids of finished runs into their bars, if there is room in most of them."""
    width, height = inches(ax)
    left, right = ax.get_xlim()
    low, high = sorted(ax.get_ylim())
    finished = [bar for bar in bars if bar.run.state == RunState.FINISHED]  # the others are hatched
    digit, line = TEXT_SIZE
    needed = digit * (right - left) * scale / width  # seconds of a digit
    wide = [bar for bar in finished if bar.end - bar.start > needed * (len(str(bar.run.run_id)) + 1)]
    if 2 * len(wide) < len(finished) or 2 * _HALF * height / (high - low) < line:
        return
    colours = {simulation: contrasting(shade(index)) for index, simulation in enumerate(simulation_ids)}
    style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": SMALL, "clip_on": True}
    for bar in wide:
        middle, colour = (bar.start + bar.end) / 2 / scale, colours[bar.run.simulation_id]
        text = ax.text(middle, bar.slot, str(bar.run.run_id), color=colour, **style)
        text.set_in_layout(False)  # it lies within the axes; asking each takes time


def _label(ax: Axes, found: Occupancy, unit: str) -> None:
    """Write the slots beside their rows, and since when the time is counted."""
    hosts = {host for host, _ in found.slots}
    names = [f"slot {number}" if len(hosts) == 1 else f"{drawable(host, 20)} {number}" for host, number in found.slots]
    name_rows(ax, range(len(names)), names, inches(ax)[1] / len(names))
    ax.tick_params(labelsize=NORMAL)
    ax.tick_params(axis="y", length=0)
    ax.spines[["top", "right", "left"]].set_visible(False)
    began = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=found.origin)
    ax.set_xlabel(f"time since {began:%Y-%m-%d %H:%M:%S} UTC ({unit})", fontsize=NORMAL)


def _draw_legend(ax: Axes, names: Mapping[int, str], states: Collection[RunState]) -> None:
    """Draw the legend: colours of the simulations, hatches of the states, the grey of an idle slot."""
    from matplotlib.patches import Patch

    handles = [Patch(facecolor=shade(index)) for index in names][:_MAX_NAMED]
    labels = list(names.values())[:_MAX_NAMED]
    if len(names) > _MAX_NAMED:
        handles.append(Patch(facecolor="none"))
        labels.append(f"and {len(names) - _MAX_NAMED} more, in the same colours")
    for state, hatch in _HATCHES.items():
        if state in states:
            handles.append(Patch(facecolor=GREY, edgecolor="white", hatch=hatch))
            labels.append(LOOKS[state].words)
    legend(ax, [*handles, Patch(facecolor=_IDLE)], [*labels, "idle"], place="right")
