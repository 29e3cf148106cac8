"""What the figures of a metric draw: every run, intervals, and a metric over one or two parameters."""

import numpy as np
import pytest
from fake_batch import fake_batch
from matplotlib.figure import Figure

from simmanager import read_results
from simmanager.analysis import confidence_interval
from simmanager.base.errors import ParameterError
from simmanager.plots import plot_metric, plot_sweep
from simmanager.plots.scale import Scale
from simmanager.plots.style import MISSING

NAN, INF = float("nan"), float("inf")


def runs(*scores, **facts):
    """Return the facts of finished runs with these scores; None is a metric that failed."""
    return [
        {"metrics": {"score": score}, **facts} if score is not None else {"metric_errors": {"score": "ValueError: no"}}
        for score in scores
    ]


def entry(**parameters):
    return {"agent_params": parameters, "metrics": {"score": "m:score"}}


@pytest.fixture
def batch(tmp_path):
    def write(simulations, **entries):
        described = {name: entries.get(name, entry()) for name in simulations}
        return read_results(fake_batch(tmp_path / "batch", simulations, **described))

    return write


def axes():
    return Figure(figsize=(8, 6)).add_subplot()


def labelled(ax, label):
    return [line for line in ax.lines if line.get_label() == label]


def ticks(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


# One metric ----------------------------------------------------------------------------------------------------


def test_each_run_is_a_point_in_the_row_of_its_simulation(batch):
    ax = plot_metric(batch({"a": runs(1, 2, 3), "b": runs(7, 8)}), "score", ax=axes())
    first, second = labelled(ax, "_runs")
    assert first.get_xdata().tolist() == [1, 2, 3] and second.get_xdata().tolist() == [7, 8]
    for row, line in enumerate((first, second)):
        heights = np.asarray(line.get_ydata())
        assert len(set(heights)) == len(heights) and (abs(heights - row) < 0.2).all()
    assert first.get_color() != second.get_color() and first.get_marker() != second.get_marker()
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the first simulation is at the top


def test_the_interval_lies_below_the_points(batch):
    ax = plot_metric(batch({"a": runs(1, 2, 6)}), "score", ax=axes(), level=0.9)
    (interval,), (centre,) = labelled(ax, "_interval"), labelled(ax, "_statistic")
    assert interval.get_xdata() == pytest.approx(confidence_interval([1, 2, 6], "mean", level=0.9))
    assert list(centre.get_xdata()) == [3.0] and list(centre.get_ydata()) == list(interval.get_ydata())[:1]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a run", "mean, 90% confidence interval"]


def test_beside_each_simulation_stands_of_how_many_runs_it_is(batch):
    simulations = {
        "whole": runs(1, 2, 3),
        "two": runs(1, 2),
        "part": [*runs(1), {"state": "error"}],
        "alone": runs(1)[:1],
        "failed": runs(1, None, None),
        "odd": runs(1, 2, NAN, INF),
        "waiting": [{"state": "in_queue"}],
    }
    path = batch(simulations)
    ax = plot_metric(path, "score", ax=axes())
    assert dict(label.split("\n") for label in ticks(ax.yaxis)) == {
        "whole": "3 of 4 runs",  # a batch has as many runs of each
        "two": "2 of 4 runs: no interval",
        "part": "1 of 4 runs: no interval",
        "alone": "1 of 4 runs: no interval",
        "failed": "1 of 4 runs: no interval, 2 without, as the metric failed",
        "odd": "4 of 4 runs, 2 with NaN or inf",
        "waiting": "0 of 4 runs",
    }
    drawn = [line for line in labelled(ax, "_interval") if np.isfinite(line.get_xdata()).all()]
    assert len(drawn) == 1


def test_nan_is_left_out_and_infinities_count(batch):
    results = batch({"a": runs(1, 2, 3, NAN), "b": runs(1, 2, 3, INF)})
    first, second = labelled(plot_metric(results, "score", ax=axes()), "_statistic")
    assert first.get_xdata()[0] == 2.0 and np.isnan(second.get_xdata()[0])
    _, second = labelled(plot_metric(results, "score", statistic="median", ax=axes()), "_statistic")
    assert second.get_xdata()[0] == 2.5


UNITS = {
    "duration_s": "duration (s)",
    "cpu_s": "processor time (s)",
    "peak_mb": "peak memory (MB)",
    "score": "score",
}


@pytest.mark.parametrize("metric", UNITS)
def test_the_axis_has_a_unit(metric, batch):
    assert plot_metric(batch({"a": runs(1, 2)}), metric, ax=axes()).get_xlabel() == UNITS[metric]


# One parameter -------------------------------------------------------------------------------------------------


def sweep_of(batch, values, **more):
    simulations = {f"s{index}": runs(index, index + 1.0, index + 2.0) for index in range(len(values))}
    entries = {f"s{index}": entry(lr=value, **more) for index, value in enumerate(values)}
    return batch(simulations, **entries)


def test_each_value_has_its_runs_its_statistic_and_its_interval(batch):
    ax = plot_sweep(sweep_of(batch, [0.3, 0.1, 0.2]), "score", "agent_params.lr", ax=axes())
    (line,) = [line for line in ax.lines if not line.get_label().startswith("_")]
    assert line.get_xdata().tolist() == [0.1, 0.2, 0.3] and line.get_ydata().tolist() == [2, 3, 1]
    assert [dots.get_ydata().tolist() for dots in labelled(ax, "_runs")] == [[0, 1, 2], [1, 2, 3], [2, 3, 4]]
    (intervals,) = ax.collections
    ends = [segment[:, 1].tolist() for segment in intervals.get_segments()]
    assert ends == [pytest.approx(confidence_interval([i, i + 1, i + 2])) for i in (1, 2, 0)]
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_xscale()) == ("agent_params.lr", "score", "linear")
    words = [text.get_text() for text in ax.get_legend().get_texts()]
    assert words == ["a run (3 of 3 runs at each value)", "mean, 95% confidence interval"]


def test_the_limits_hold_every_run(batch):
    results = batch({"a": runs(-50, 0, 0, 0, 0), "b": runs(0, 0, 0, 0, 90)}, a=entry(lr=1), b=entry(lr=2))
    low, high = plot_sweep(results, "score", "agent_params.lr", ax=axes()).get_ylim()
    assert low < -50 and high > 90


def test_values_that_span_decades_lie_on_a_logarithmic_axis(batch):
    ax = plot_sweep(sweep_of(batch, [0.001, 0.01, 0.1]), "score", "agent_params.lr", ax=axes())
    assert ax.get_xscale() == "log"
    assert ticks(ax.xaxis) == ["0.001", "0.01", "0.1"]


def test_values_that_are_no_numbers_lie_side_by_side(batch):
    ax = plot_sweep(sweep_of(batch, ["relu", None, [1, 2], True]), "score", "agent_params.lr", ax=axes())
    assert ticks(ax.xaxis) == ["relu", "None", "[1, 2]", "True"]
    (line,) = [line for line in ax.lines if not line.get_label().startswith("_")]
    assert line.get_linestyle() == "None" and line.get_xdata().tolist() == [0, 1, 2, 3]


def test_runs_that_differ_in_something_else_are_taken_together_and_the_title_says_so(batch):
    results = batch(
        {"a": runs(1, 2), "b": runs(3, 4), "c": runs(9)},
        a=entry(lr=1, room="small"),
        b=entry(lr=1.0, room="large"),
        c=entry(lr=2, room="small"),
    )
    ax = plot_sweep(results, "score", "agent_params.lr", ax=axes())
    (line,) = [line for line in ax.lines if not line.get_label().startswith("_")]
    assert line.get_ydata().tolist() == [2.5, 9.0]
    assert ax.get_title(loc="left") == "runs that differ in agent_params.room are taken together"
    assert ax.get_legend().get_texts()[0].get_text() == "a run (1 to 4 of 2 to 4 runs at each value)"


def test_simulations_without_the_parameter_are_named(batch):
    results = batch({"a": runs(1), "b": runs(3), "other": runs(9)}, a=entry(lr=1), b=entry(lr=2))
    assert plot_sweep(results, "score", "agent_params.lr", ax=axes()).get_title(loc="left") == "without it: other"


# Two parameters ------------------------------------------------------------------------------------------------


@pytest.fixture
def two(batch):
    return batch(
        {"a": runs(1, 2), "b": runs(3, 5), "c": runs(None, None)},
        a=entry(lr=0.1, room=10),
        b=entry(lr=0.2, room=10),
        c=entry(lr=0.2, room=20),
    )


def test_two_parameters_make_a_heat_map_with_the_values_in_it(two):
    ax = plot_sweep(two, "score", "agent_params.lr", "agent_params.room", ax=axes())
    (image,) = ax.images
    assert image.get_array().tolist() == [[1.5, 4.0], [None, None]]
    assert {text.get_position(): text.get_text() for text in ax.texts} == {
        (0, 0): "1.5\n2 of 2 runs",
        (1, 0): "4\n2 of 2 runs",
        (1, 1): "no value\n0 of 2 runs",
    }
    assert (ticks(ax.xaxis), ticks(ax.yaxis)) == (["0.1", "0.2"], ["10", "20"])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("agent_params.lr", "agent_params.room")
    assert image.colorbar.ax.get_ylabel() == "score (mean)"


def test_what_is_written_in_a_cell_can_be_read(two):
    ax = plot_sweep(two, "score", "agent_params.lr", "agent_params.room", ax=axes())
    colours = {text.get_position(): text.get_color() for text in ax.texts}
    assert colours == {(0, 0): "white", (1, 0): "black", (1, 1): "black"}  # dark blue, yellow, grey
    assert ax.get_facecolor() == pytest.approx((200 / 255, 200 / 255, 200 / 255, 1)) and MISSING == "#C8C8C8"


def test_cells_that_are_too_small_for_text_have_none(two):
    ax = Figure(figsize=(1.5, 1.0)).add_subplot()
    plot_sweep(two, "score", "agent_params.lr", "agent_params.room", ax=ax)
    assert not ax.texts and len(ax.images) == 1


def test_two_parameters_are_two(two):
    with pytest.raises(ParameterError, match=r"The two parameters are the same: 'agent_params.lr'"):
        plot_sweep(two, "score", "agent_params.lr", "agent_params.lr")


# Scales --------------------------------------------------------------------------------------------------------


def test_numbers_are_in_order_and_equal_ones_are_one():
    scale = Scale([10, 2, 10.0, 0.5])
    assert (len(scale), scale.is_numeric, scale.is_logarithmic) == (3, True, False)
    assert [scale.index(value) for value in (0.5, 2, 10)] == [0, 1, 2]


@pytest.mark.parametrize("values", [[1, True], [1, "1"], [1, NAN], [1, 10**400], [[1], [1, 2]], [{"a": 1}, {"a": 2}]])
def test_values_that_are_not_all_numbers_keep_their_order(values):
    scale = Scale(values)
    assert (len(scale), scale.is_numeric, scale.is_logarithmic) == (2, False, False)
    assert [scale.position(value) for value in values] == [0, 1]


@pytest.mark.parametrize(("values", "logarithmic"), [([1, 99], False), ([1, 100], True), ([0, 100], False)])
def test_an_axis_is_logarithmic_from_two_decades_on(values, logarithmic):
    assert Scale(values).is_logarithmic is logarithmic


def test_numbers_too_close_to_each_other_are_not_written_over_each_other():
    ax = axes()
    Scale([0, 0.001, 0.5, 1]).along_points(ax)
    assert ticks(ax.xaxis) == ["0", "", "0.5", "1"]


def test_long_values_are_written_aslant():
    ax = axes()
    Scale([f"a long name of a value {i}" for i in range(6)]).along_points(ax)
    assert {label.get_rotation() for label in ax.get_xticklabels()} == {30}
