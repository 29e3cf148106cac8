"""What the figures of all runs draw: a square for each run, and a bar for each run in its slot."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from simmanager.disk.state import RunState
from simmanager.disk.state_look import LOOKS
from simmanager.plots import plot_status, plot_timeline
from simmanager.plots.occupancy import occupancy_of
from simmanager.plots.style import PALETTE
from simmanager.results.results import Results
from simmanager.results.run_result import RunResult
from simmanager.status.status import RunStatus, summarise_runs

EPOCH = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)


def at(seconds):
    return "" if seconds is None else (EPOCH + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def a_run(simulation_id="a", run_id=0, start=None, end=None, state="finished", host="here", duration=None):
    """Return a run that was executed from ``start`` to ``end``, in seconds."""
    return RunResult(
        simulation_id=simulation_id,
        run_id=run_id,
        state=state,
        seed=1,
        attempt=int(start is not None),
        started=at(start),
        ended=at(end),
        duration_s=duration,
        cpu_s=None,
        peak_mb=None,
        error="",
        host=host,
        pid=1,
        path=Path("/batch", simulation_id, f"run_{run_id}"),
        parameters={},
        metrics={},
        metric_errors={},
    )


def results_of(*runs):
    runs = [run if isinstance(run, RunResult) else a_run(*run) for run in runs]
    seen = tuple(RunStatus(run.simulation_id, run.run_id, RunState(run.state), str(run.path)) for run in runs)
    status = summarise_runs("batch", Path("/batch"), seen, alive=False)
    return Results(status, runs, {run.simulation_id: {} for run in runs})


def axes(width=8, height=4):
    return Figure(figsize=(width, height)).add_subplot()


def polygons(ax):
    """Return label -> boxes (x_min, x_max, y_min, y_max) of the shapes drawn."""
    found = {}
    for one in ax.collections:
        assert isinstance(one, PolyCollection)
        corners = [shape.vertices for shape in one.get_paths()]
        found[one.get_label()] = [(*xy[:, 0][[0, 1]], xy[:, 1].min(), xy[:, 1].max()) for xy in corners]
    return found


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


# Squares -------------------------------------------------------------------------------------------------------

STATES = ["finished", "finished", "error", "running", "interrupted", "in_queue"]


@pytest.fixture
def in_all_states():
    return results_of(*(a_run("a", index, state=state) for index, state in enumerate(STATES)), a_run("b", 0))


def test_there_is_a_square_for_each_run_in_the_line_of_its_simulation(in_all_states):
    ax = plot_status(in_all_states, ax=axes())
    squares = {label: boxes for label, boxes in polygons(ax).items() if not label.endswith("sign")}
    assert {label: len(boxes) for label, boxes in squares.items()} == {
        "_finished": 3,
        "_running": 1,
        "_in_queue": 1,
        "_interrupted": 1,
        "_error": 1,
    }
    middles = [((x + end) / 2, (y + top) / 2) for x, end, y, top in squares["_finished"]]
    assert np.round(middles, 6).tolist() == [[0, 0], [1, 0], [0, 1]]
    assert np.round(np.mean(squares["_error"][0][:2]), 6) == 2


def test_squares_have_the_colour_and_the_sign_of_the_state(in_all_states):
    ax = plot_status(in_all_states, ax=axes())
    for one in ax.collections:
        state, _, sign = one.get_label().removeprefix("_").partition(" ")
        wanted = "#FFFFFF" if sign else LOOKS[RunState(state)].fill
        assert to_hex(one.get_facecolor()[0]).upper() == wanted
    with_a_sign = {one.get_label().split()[0] for one in ax.collections if one.get_label().endswith("sign")}
    assert with_a_sign == {"_running", "_interrupted", "_error"}


def test_the_legend_counts_the_states_that_there_are(in_all_states):
    ax = plot_status(in_all_states, ax=axes())
    assert legend(ax) == ["3 finished", "1 error", "1 interrupted", "1 running", "1 in queue"]
    assert ax.get_title(loc="left") == "batch: 7 runs"
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]
    assert [label.get_text() for label in ax.get_xticklabels()] == list("012345") and ax.get_xlabel() == "run"


def test_more_runs_than_fit_into_a_line_go_on_in_the_next():
    ax = plot_status(results_of(*(("a", index) for index in range(120)), ("b", 0)), ax=axes())
    boxes = polygons(ax)["_finished"]
    assert len(boxes) == 121 and ax.get_yticks().tolist() == [0, 3]
    lines = [round((y + top) / 2) for *_, y, top in boxes]
    assert [lines.count(line) for line in range(4)] == [50, 50, 20, 1]
    assert ax.get_xlabel() == "runs in order, at most 50 in a line"


def test_runs_are_not_numbered_when_some_are_missing():
    ax = plot_status(results_of(("a", 0), ("a", 2)), ax=axes())
    assert ax.get_xticks().tolist() == [] and len(polygons(ax)["_finished"]) == 2


def test_names_of_many_simulations_are_not_written_over_each_other():
    ax = plot_status(results_of(*((f"s{index}", 0) for index in range(200))), ax=axes(4, 4))
    assert len(ax.get_yticks()) <= 30 and len(polygons(ax)["_finished"]) == 200


# Timeline ------------------------------------------------------------------------------------------------------


@pytest.fixture
def two_slots():
    """Two slots over 10 s: 4 + 5 s in the first, 9.6 s in the second; one run waits."""
    return results_of(("a", 0, 0, 4), ("a", 1, 0.2, 9.8), ("b", 0, 5, 10, "error"), a_run("b", 1, state="in_queue"))


def test_each_run_is_a_bar_from_its_start_to_its_end_in_its_slot(two_slots):
    ax = plot_timeline(two_slots, ax=axes())
    bars = polygons(ax)
    assert set(bars) == {"_a finished", "_b error"}
    assert np.round(bars["_a finished"], 6).tolist() == [[0, 4, -0.39, 0.39], [0.2, 9.8, 0.61, 1.39]]
    assert np.round(bars["_b error"], 6).tolist() == [[5, 10, -0.39, 0.39]]
    assert ax.get_xlim() == (0, 10) and ax.get_ylim() == (1.5, -0.5)


def test_the_title_says_how_busy_the_slots_were(two_slots):
    assert plot_timeline(two_slots, ax=axes()).get_title(loc="left") == "2 slots, 93% busy, 1 run not started"
    alone = plot_timeline(results_of(("a", 0, 0, 4)), ax=axes())
    assert alone.get_title(loc="left") == "1 slot, 100% busy"


def test_bars_have_the_colour_of_their_simulation_and_failed_ones_are_hatched(two_slots):
    ax = plot_timeline(two_slots, ax=axes())
    looks = {one.get_label(): (to_hex(one.get_facecolor()[0]).upper(), one.get_hatch()) for one in ax.collections}
    assert looks["_a finished"] == (PALETTE[0], None)
    assert looks["_b error"][0] == PALETTE[1] and looks["_b error"][1]
    assert legend(ax) == ["a", "b", "error", "idle"]


def test_slots_are_grey_where_nothing_runs(two_slots):
    ax = plot_timeline(two_slots, ax=axes())
    assert [(patch.get_width(), patch.get_y() + patch.get_height() / 2) for patch in ax.patches] == [(10, 0), (10, 1)]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["slot 0", "slot 1"]


def test_ids_are_written_into_bars_that_have_room(two_slots):
    assert [text.get_text() for text in plot_timeline(two_slots, ax=axes()).texts] == ["0", "1"]
    crowded = results_of(*(("a", index, index, index + 0.9) for index in range(300)))
    assert not plot_timeline(crowded, ax=axes()).texts


@pytest.mark.parametrize(
    ("seconds", "unit", "length"), [(100, "s", 100), (300, "min", 5), (18000, "h", 5), (4 * 86400, "d", 4)]
)
def test_the_time_has_a_unit_that_fits(seconds, unit, length):
    ax = plot_timeline(results_of(("a", 0, 0, seconds)), ax=axes())
    assert ax.get_xlabel() == f"time since 2026-11-22 14:00:00 UTC ({unit})"
    assert ax.get_xlim() == (0, length)


def test_a_running_run_is_drawn_up_to_now():
    ax = plot_timeline(results_of(("a", 0, 0, 8), a_run("a", 1, 2, None, "running", duration=5)), ax=axes())
    assert polygons(ax)["_a running"][0][:2] == (2, 7)
    assert "running" in legend(ax)


def test_hosts_have_slots_of_their_own():
    ax = plot_timeline(results_of(("a", 0, 0, 8), a_run("a", 1, 1, 7, host="there")), ax=axes())
    assert [label.get_text() for label in ax.get_yticklabels()] == ["here 0", "there 0"]


def test_the_legend_names_no_more_simulations_than_there_are_colours():
    ax = plot_timeline(results_of(*((f"s{i}", 0, i, i + 1) for i in range(30))), ax=axes())
    assert len(legend(ax)) == 23 and legend(ax)[-2] == "and 9 more, in the same colours"


# Slots ---------------------------------------------------------------------------------------------------------


def spans(*times):
    return [a_run("a", index, start, end) for index, (start, end) in enumerate(times)]


def test_no_two_runs_of_a_slot_overlap_and_there_are_no_more_slots_than_needed():
    rng = np.random.default_rng(3)
    runs = spans(*((start, start + length) for start, length in rng.uniform(0.1, 20, (200, 2))))
    found = occupancy_of(runs)
    for slot in range(len(found.slots)):
        own = sorted((bar.start, bar.end) for bar in found.bars if bar.slot == slot)
        assert own and all(end <= start for (_, end), (start, _) in pairwise(own))
    moments = [bar.start for bar in found.bars]
    assert len(found.slots) == max(sum(bar.start <= now < bar.end for bar in found.bars) for now in moments)


def test_a_run_that_starts_when_another_ends_takes_its_slot():
    assert [bar.slot for bar in occupancy_of(spans((0, 2), (0, 5), (2, 4), (4, 5))).bars] == [0, 1, 0, 0]


def test_runs_without_a_readable_start_are_left_out():
    runs = [*spans((3, 5), (None, None)), a_run("a", 2)]
    odd = [replace(runs[0], started=when) for when in ("yesterday", "0001-01-01T00:00:00+14:00", "2026-11-22")]
    found = occupancy_of([*runs, *odd[:2]])
    assert [bar.run.run_id for bar in found.bars] == [0] and found.span == 2
    ax = plot_timeline(results_of(*runs, odd[2]), ax=axes())
    assert ax.get_xlabel() == "time since 2026-11-22 00:00:00 UTC (h)"


def test_a_clock_that_went_back_makes_no_negative_bar():
    (bar,) = occupancy_of(spans((5, 3))).bars
    assert bar.end == bar.start
    plot_timeline(results_of(("a", 0, 5, 3)), ax=axes()).figure.canvas.draw()


def test_no_runs_make_no_slots():
    found = occupancy_of([])
    assert (found.bars, found.slots, found.busy) == ((), (), 0.0)
