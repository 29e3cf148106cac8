"""What the figure of learning curves draws: lines, intervals, gaps, and the legend's numbers of runs."""

import numpy as np
import pytest
from fake_batch import fake_batch
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from simmanager import read_results
from simmanager.analysis import confidence_interval
from simmanager.plots import plot_curves
from simmanager.plots.estimate import estimate, words
from simmanager.plots.style import PALETTE

NAN, INF = float("nan"), float("inf")


def ones(level, n=10, **changes):
    """Return the facts of a finished run whose loss is ``level`` but at some iterations (``at_3=NAN``)."""
    loss = np.full(n, float(level))
    for where, value in changes.items():
        loss[int(where.removeprefix("at_")) :] = value
    return {"history": {"loss": loss}}


@pytest.fixture
def drawn(tmp_path):
    """Draw the curves of some simulations, given the facts of their runs."""

    def draw(runs, **options):
        path = tmp_path / "batch"
        if not path.exists():
            fake_batch(path, runs)
        return plot_curves(read_results(path), "loss", ax=Figure().add_subplot(), **options)

    return draw


def lines(ax):
    """Return the lines of the simulations."""
    return [line for line in ax.lines if not line.get_label().startswith("_")]


def others(ax, label):
    return [line for line in ax.lines if line.get_label() == label]


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_each_simulation_is_a_line_of_the_mean_over_its_runs(drawn):
    ax = drawn({"a": [ones(1), ones(3)], "b": [ones(5), ones(6), ones(10)]})
    first, second = lines(ax)
    assert first.get_xdata().tolist() == list(range(10))
    assert first.get_ydata().tolist() == [2.0] * 10 and second.get_ydata().tolist() == [7.0] * 10
    assert [to_hex(line.get_color()).upper() for line in (first, second)] == list(PALETTE[:2])
    assert first.get_linestyle() != second.get_linestyle() and first.get_marker() != second.get_marker()


def test_axes_and_legend_say_what_is_drawn_and_of_how_many_runs(drawn):
    ax = drawn({"a": [ones(1), ones(3), {"state": "error"}], "b": [ones(5), ones(5), ones(6)]})
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("iteration", "loss")
    assert legend(ax) == ["a (2 of 3 runs: no interval)", "b (3 of 3 runs)"]
    assert ax.get_legend().get_title().get_text() == "mean, 95% confidence interval"
    assert [line.get_label() for line in lines(ax)] == legend(ax)


def test_values_that_were_reduced_say_so(tmp_path):
    path = fake_batch(tmp_path / "b", {"a": [{"history": {"td": -np.ones((4, 3))}}]})
    ax = plot_curves(path, "td", ax=Figure().add_subplot())
    assert ax.get_ylabel() == "td\n(mean absolute value)"
    assert lines(ax)[0].get_ydata().tolist() == [1.0] * 4


@pytest.mark.parametrize(
    ("statistic", "value", "called"),
    [("mean", 3.0, "mean"), ("median", 2.0, "median"), ("iqm", 2.0, "interquartile mean"), (np.max, 8.0, "max")],
)
def test_the_statistic_can_be_chosen(statistic, value, called, drawn):
    ax = drawn({"a": [ones(level) for level in (1, 1, 2, 3, 8)]}, statistic=statistic)
    assert lines(ax)[0].get_ydata().tolist() == pytest.approx([value] * 10)
    assert ax.get_legend().get_title().get_text().removeprefix("a").startswith(called)


def test_the_band_is_the_confidence_interval(drawn):
    ax = drawn({"a": [ones(1), ones(3), ones(8)]}, level=0.8)
    low, high = confidence_interval([1, 3, 8], "mean", level=0.8)
    (band,) = ax.collections
    heights = band.get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == pytest.approx((low, high))
    assert "80% confidence interval" in ax.get_legend().get_title().get_text()


def test_one_run_is_a_line_without_a_band_and_the_legend_says_so(drawn):
    ax = drawn({"alone": [ones(1)], "left": [ones(2), {"state": "error"}][:1]})
    assert not ax.collections and len(lines(ax)) == 2
    assert legend(ax) == ["alone (1 run: no interval)", "left (1 run: no interval)"]
    assert ax.get_legend().get_title().get_text() == "mean"


def test_two_runs_are_drawn_each_without_a_band_and_the_legend_says_so(drawn):
    ax = drawn({"a": [ones(1), ones(2)]})
    assert not ax.collections and legend(ax) == ["a (2 of 2 runs: no interval)"]
    assert [line.get_ydata().tolist() for line in others(ax, "_run")] == [[1.0] * 10, [2.0] * 10]


def test_one_run_that_is_left_of_several_has_no_interval(drawn):
    ax = drawn({"a": [ones(1), {"state": "error"}, {"state": "in_queue"}]})
    assert legend(ax) == ["a (1 of 3 runs: no interval)"]


def test_a_simulation_without_finished_runs_is_in_the_legend(drawn):
    ax = drawn({"a": [ones(1), ones(2)], "waiting": [{"state": "in_queue"}] * 2})
    assert legend(ax) == ["a (2 of 2 runs: no interval)", "waiting (0 of 2 runs)"]


def test_a_nan_is_a_gap_a_cross_and_a_number_in_the_legend(drawn):
    ax = drawn({"a": [ones(1), ones(3), ones(2, at_4=NAN, at_6=2)]})
    (line,) = lines(ax)
    assert np.isnan(line.get_ydata()[4:6]).all()
    assert line.get_ydata()[[0, 3, 6, 9]].tolist() == [2.0] * 4
    assert legend(ax) == ["a (3 of 3 runs, 1 with NaN or inf)"]
    (cross,) = others(ax, "_break")
    assert (cross.get_xdata().tolist(), cross.get_ydata().tolist(), cross.get_marker()) == ([3], [2.0], "x")
    runs = others(ax, "_run")
    assert len(runs) == 3 and runs[0].get_ydata().tolist() == [1.0] * 10  # the others go on through the gap


def test_an_infinity_is_a_gap_of_the_mean_but_not_of_the_median(drawn):
    simulations = {"a": [ones(1), ones(3), ones(2, at_4=INF, at_6=2)]}
    assert np.isnan(lines(drawn(simulations))[0].get_ydata()[4:6]).all()
    assert lines(drawn(simulations, statistic="median"))[0].get_ydata()[4:6].tolist() == [3.0, 3.0]


def test_infinities_do_not_spoil_the_limits(drawn):
    ax = drawn({"a": [ones(1), ones(2, at_3=INF)], "b": [ones(4), ones(5)]})
    assert 0 < ax.get_ylim()[0] < 1 and 5 < ax.get_ylim()[1] < 6


def test_after_the_end_of_a_shorter_run_the_line_is_about_the_others(drawn):
    ax = drawn({"a": [ones(1), ones(1), ones(7, n=5)]})
    assert lines(ax)[0].get_ydata().tolist() == [3.0] * 5 + [1.0] * 5
    assert legend(ax) == ["a (3 of 3 runs, 1 shorter)"]
    assert not others(ax, "_run") and not others(ax, "_break")


def test_a_run_that_ends_in_nan_is_no_shorter_run(drawn):
    ax = drawn({"a": [ones(1), ones(1, n=8), ones(7, at_5=NAN)]})
    assert lines(ax)[0].get_ydata()[:5].tolist() == [3.0] * 5
    assert np.isnan(lines(ax)[0].get_ydata()[5:]).all()
    assert legend(ax) == ["a (3 of 3 runs, 1 with NaN or inf, 1 shorter)"]


def test_a_value_between_two_gaps_is_seen_by_its_marker(drawn):
    ax = drawn({"a": [ones(1, at_4=NAN, at_5=1, at_6=NAN)]})
    assert 5 in lines(ax)[0].get_markevery()


def test_smoothing_averages_each_run_and_the_label_says_so(tmp_path):
    steps = np.arange(9.0)
    path = fake_batch(tmp_path / "b", {"a": [{"history": {"x": steps}}, {"history": {"x": steps[:5] * 3}}]})
    ax = plot_curves(path, "x", smooth=3, ax=Figure().add_subplot())
    assert ax.get_ylabel() == "x\n(running mean of 3 points)"
    y = lines(ax)[0].get_ydata()
    assert y[:4].tolist() == pytest.approx([1.0, 2.0, 4.0, 6.0])  # a window is narrower at the beginning
    assert y[4] == pytest.approx((4 + 3 * 3.5) / 2)  # and at the end of the shorter run
    assert y[5:].tolist() == pytest.approx([5, 6, 7, 7.5])


def test_a_simulation_keeps_its_colour_when_few_are_shown(drawn):
    simulations = {"a": [ones(1)], "b": [ones(2)], "c": [ones(3)]}
    (line,) = lines(drawn(simulations, simulations="c"))
    assert to_hex(line.get_color()).upper() == PALETTE[2]


def test_the_legend_of_many_simulations_is_beside_the_axes(drawn):
    ax = drawn({f"sim_{i}": [ones(i)] for i in range(7)})
    ax.figure.canvas.draw()
    assert ax.get_legend().get_window_extent().x0 > ax.get_window_extent().x1


# Estimates -----------------------------------------------------------------------------------------------------


def test_an_estimate_of_no_runs_is_empty():
    found = estimate(np.empty((0, 3)), "mean", 0.95)
    assert np.isnan([found.centre, found.low, found.high]).all() and found.centre.shape == (3,)


def test_an_interval_ends_where_two_runs_are_left():
    values = np.array([[1.0, 1.0], [2.0, 1.0], [3.0, NAN]])
    found = estimate(values, "mean", 0.95, ended=np.isnan(values))
    assert found.centre.tolist() == [2.0, 1.0]
    assert np.isfinite(found.low).tolist() == [True, False]


def test_what_has_no_interval_promises_none():
    alone = estimate(np.ones((1, 3)), "iqm", 0.95)
    three = estimate(np.ones((3, 3)), "iqm", 0.95)
    assert words("iqm", 0.95, [alone]) == "interquartile mean"
    assert words("iqm", 0.995, [alone, three]) == "interquartile mean, 99.5% confidence interval"
    assert words(np.std, 0.95, [three]) == "std, 95% bootstrap interval"
