"""What the figures of panels draw: rate maps and trajectories, simulation x run."""

import numpy as np
import pytest
from fake_batch import fake_batch
from matplotlib import pyplot as plt
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.figure import Figure

from simmanager import read_results
from simmanager.base.errors import ParameterError, ParameterTypeError
from simmanager.plots import plot_rate_maps, plot_trajectories

EXTENT = np.array([-2.0, 2.0, 0.0, 3.0])


def maps(level, n=1, name="rate"):
    """Return the facts of a run with n maps of 3 x 4 places: map k has the values level + k ... level + k + 11."""
    values = level + np.arange(12.0).reshape(3, 4) + np.arange(n)[:, None, None]
    return {"arrays": {f"maps:{name}": values, f"extent:{name}": EXTENT}}


def path(n, step):
    """Return the facts of a run that walks along a circle, ``step`` radians at a time."""
    angle = step * np.arange(n)
    positions = np.stack([np.cos(angle), 1.5 + np.sin(angle)], axis=1)
    walls = np.array([[[0.0, 0.0], [0.0, 1.0]]])
    return {"arrays": {"trajectory:": positions, "walls:": walls, "extent:": EXTENT}}


@pytest.fixture
def batch(tmp_path):
    return lambda simulations: read_results(fake_batch(tmp_path / "batch", simulations))


def axes(n_rows, n_columns):
    return Figure(figsize=(8, 6)).subplots(n_rows, n_columns, squeeze=False)


def said(ax):
    return [text.get_text() for text in ax.texts]


# Rate maps -----------------------------------------------------------------------------------------------------


def test_a_row_is_a_simulation_and_a_column_a_run(batch):
    grid = plot_rate_maps(batch({"a": [maps(0), maps(1)], "b": [maps(5), maps(6)]}), axes=axes(2, 2))
    assert [[ax.images[0].get_array()[0, 0] for ax in row] for row in grid] == [[0, 1], [5, 6]]
    assert [ax.get_title() for ax in grid[0]] == ["run 0", "run 1"]
    assert [ax.get_ylabel() for ax in grid[:, 0]] == ["a\ny", "b\ny"]
    assert {ax.get_xlabel() for ax in grid[-1]} == {"x"}


def test_a_map_lies_where_its_room_is_lowest_row_down(batch):
    ((ax,),) = plot_rate_maps(batch({"a": [maps(0)]}), axes=axes(1, 1))
    (image,) = ax.images
    assert tuple(image.get_extent()) == tuple(EXTENT) and image.origin == "lower"
    assert (ax.get_xlim(), ax.get_ylim(), ax.get_aspect()) == ((-2, 2), (0, 3), 1)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["−2", "2"]


def test_maps_of_one_name_share_one_scale(batch):
    grid = plot_rate_maps(batch({"a": [maps(0), maps(1)], "b": [maps(5), maps(-6)]}), axes=axes(2, 2))
    assert {ax.images[0].get_clim() for ax in grid.flat} == {(-6, 16)}
    bars = [ax for ax in grid[0, 0].figure.axes if ax not in set(grid.flat)]
    assert [bar.get_ylabel() for bar in bars] == ["rate"]


def test_maps_of_other_names_have_scales_of_their_own(batch):
    grid = plot_rate_maps(batch({"a": [maps(0)], "b": [maps(100, name="cells")]}), axes=axes(2, 1))
    assert [ax.images[0].get_clim() for ax in grid.flat] == [(0, 11), (100, 111)]
    bars = [ax for ax in grid[0, 0].figure.axes if ax not in set(grid.flat)]
    assert [bar.get_ylabel() for bar in bars] == ["rate", "cells"]


def test_a_name_picks_the_maps(batch):
    both = {"arrays": {**maps(0)["arrays"], **maps(7, name="cells")["arrays"]}}
    grid = plot_rate_maps(batch({"a": [both], "b": [maps(0)]}), "cells", axes=axes(2, 1))
    assert grid[0, 0].images[0].get_array()[0, 0] == 7
    assert not grid[1, 0].images and said(grid[1, 0]) == ["no map"]


def test_several_maps_of_a_run_lie_side_by_side(batch):
    grid = plot_rate_maps(batch({"a": [maps(0, n=3), maps(10, n=2)]}), cells=[0, 2], axes=axes(1, 4))
    assert [ax.get_title() for ax in grid[0]] == ["run 0, map 0", "run 0, map 2", "run 1, map 0", "run 1, map 2"]
    assert [ax.images[0].get_array()[0, 0] for ax in grid[0] if ax.images] == [0, 2, 10]
    assert said(grid[0, 3]) == ["no map 2"]
    assert grid[0, 0].images[0].get_clim() == (0, 21)  # of what is shown


def test_a_panel_without_a_map_says_why(batch):
    states = [{"state": state} for state in ("finished", "error", "interrupted", "in_queue")]
    grid = plot_rate_maps(batch({"a": [maps(0), *states]}), axes=axes(1, 5))
    assert [said(ax) for ax in grid[0]] == [[], ["no map"], ["error"], ["interrupted"], ["in queue"]]


def test_nan_and_infinities_are_grey_and_the_bar_says_so(batch):
    odd = maps(0)
    odd["arrays"]["maps:rate"][0, 0, :2] = np.nan, np.inf
    ((ax,),) = plot_rate_maps(batch({"a": [odd]}), axes=axes(1, 1))
    assert ax.images[0].get_array().mask.sum() == 2 and ax.images[0].get_clim() == (2, 11)
    assert ax.figure.axes[-1].get_ylabel() == "rate\n(grey: NaN or inf)"


def test_a_map_without_a_number_is_drawn(batch):
    nothing = maps(0)
    nothing["arrays"]["maps:rate"][:] = np.nan
    ((ax,),) = plot_rate_maps(batch({"a": [nothing]}), axes=axes(1, 1))
    assert ax.images[0].get_array().mask.all()


# Panels --------------------------------------------------------------------------------------------------------


def test_simulations_and_runs_can_be_chosen(batch):
    results = batch({"a": [maps(0), maps(1), maps(2)], "b": [maps(3), maps(4), maps(5)]})
    grid = plot_rate_maps(results, simulations=["b", "a"], runs=[2, 0], axes=axes(2, 2))
    assert [[ax.images[0].get_array()[0, 0] for ax in row] for row in grid] == [[5, 3], [2, 0]]
    assert plot_rate_maps(results, simulations="b", runs=1, axes=axes(1, 1))[0, 0].images[0].get_array()[0, 0] == 4


def test_a_figure_of_its_own_shows_some_and_says_how_many_there_are(batch, monkeypatch):
    monkeypatch.setattr("simmanager.plots.panels.MAX_SIMULATIONS", 2)
    monkeypatch.setattr("simmanager.plots.panels.MAX_RUNS", 3)
    grid = plot_rate_maps(batch({f"s{i}": [maps(i)] * 4 for i in range(5)}))
    assert grid.shape == (2, 3)
    assert grid[0, 0].figure.get_suptitle() == "shown: 2 of 5 simulations, 3 of 4 runs"
    plt.close(grid[0, 0].figure)


@pytest.mark.parametrize("plot", [plot_rate_maps, plot_trajectories])
def test_axes_that_are_not_as_many_are_refused(plot, batch):
    results = batch({"a": [maps(0), path(5, 0.1)]})
    with pytest.raises(ParameterError, match=r"axes must be 1 x 2 \(simulations x columns\), not 3 x 1"):
        plot(results, axes=axes(3, 1))


@pytest.mark.parametrize("wrong", [{"cells": -1}, {"cells": []}, {"cells": 0.5}, {"runs": "0"}])
def test_numbers_of_runs_and_maps_are_checked(wrong, batch):
    with pytest.raises((ParameterError, ParameterTypeError, TypeError)):
        plot_rate_maps(batch({"a": [maps(0)]}), **wrong)


# Trajectories --------------------------------------------------------------------------------------------------


def test_a_trajectory_is_a_line_through_its_positions_coloured_by_the_step(batch):
    ((ax,),) = plot_trajectories(batch({"a": [path(200, 0.05)]}), axes=axes(1, 1))
    walls, way = [one for one in ax.collections if isinstance(one, LineCollection)]
    assert [segment.tolist() for segment in walls.get_segments()] == [[[0, 0], [0, 1]]]
    assert len(way.get_segments()) == 199 and way.get_segments()[0][0].tolist() == [1.0, 1.5]
    assert way.get_array().tolist() == list(range(199)) and way.get_clim() == (0, 199)
    (room,) = ax.lines
    assert {tuple(corner) for corner in room.get_xydata().tolist()} == {(-2, 0), (2, 0), (2, 3), (-2, 3)}
    assert ax.get_xlim()[0] < -2 and ax.get_ylim()[1] > 3
    assert ax.figure.axes[-1].get_ylabel() == "step of the arena"


def test_positions_too_far_apart_to_be_joined_are_points(batch):
    ((ax,),) = plot_trajectories(batch({"a": [path(3000, 1.0)]}), axes=axes(1, 1))
    (points,) = [one for one in ax.collections if isinstance(one, PathCollection)]
    assert len(points.get_offsets()) == 1000 and points.get_array()[-1] == 2999


def test_all_panels_share_the_colours_of_the_steps(batch):
    grid = plot_trajectories(batch({"a": [path(50, 0.1), path(200, 0.1)]}), axes=axes(1, 2))
    assert {ax.collections[-1].get_clim() for ax in grid.flat} == {(0, 199)}


def test_a_panel_without_a_trajectory_says_why(batch):
    grid = plot_trajectories(batch({"a": [path(9, 0.1), maps(0), {"state": "error"}]}), axes=axes(1, 3))
    assert [said(ax) for ax in grid[0]] == [[], ["no trajectory"], ["error"]]


@pytest.mark.parametrize("n", [1, 2])
def test_the_shortest_trajectories_are_drawn(n, batch):
    ((ax,),) = plot_trajectories(batch({"a": [path(n, 0.1)]}), axes=axes(1, 1))
    ax.figure.canvas.draw()
    assert ax.collections[-1].get_array().tolist() == [0]
