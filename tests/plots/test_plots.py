"""What all figures have in common: axes in, axes out; legible; empty batches and hostile names do no harm."""

import itertools
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from fake_batch import fake_batch
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.text import Text
from places import ROOT, python_path
from toys import python, toy_sim

from simmanager import SimulationManager, read_results
from simmanager.base.errors import BatchNotFound, ParameterError, ParameterTypeError, UnknownName
from simmanager.disk.state import RunState
from simmanager.disk.state_look import LOOKS
from simmanager.plots import (
    plot_curves,
    plot_metric,
    plot_rate_maps,
    plot_status,
    plot_sweep,
    plot_timeline,
    plot_trajectories,
)
from simmanager.plots.style import PALETTE, contrasting, drawable, look, shade

NAN, INF = float("nan"), float("inf")
BASELINE = ROOT / "tests" / "baseline"

#: Each figure of `batch` into given axes.
IN_AXES = {
    "curves": lambda results, ax: plot_curves(results, "loss", ax=ax),
    "metric": lambda results, ax: plot_metric(results, "score", ax=ax),
    "metric of the record": lambda results, ax: plot_metric(results, "duration_s", ax=ax),
    "status": lambda results, ax: plot_status(results, ax=ax),
    "timeline": lambda results, ax: plot_timeline(results, ax=ax),
    "sweep": lambda results, ax: plot_sweep(results, "score", "agent_params.lr", ax=ax),
    "sweep of two": lambda results, ax: plot_sweep(results, "score", "agent_params.lr", "agent_params.room", ax=ax),
}

#: Each figure of panels.
IN_PANELS = {
    "rate maps": lambda results, axes: plot_rate_maps(results, axes=axes),
    "trajectories": lambda results, axes: plot_trajectories(results, axes=axes),
}

ALL = {**IN_AXES, **IN_PANELS}


def run(level, metric=None, n=20, **facts):
    """Return the facts of a finished run: a falling curve, a metric, a map and a trajectory."""
    loss = level * np.exp(-np.arange(n) / 8)
    angle = np.linspace(0, 6, 50)
    arrays = {
        "maps:rate": level * np.arange(12.0).reshape(1, 3, 4),
        "extent:rate": np.array([0.0, 4.0, 0.0, 3.0]),
        "trajectory:": np.stack([2 + np.cos(angle), 1.5 + np.sin(angle)], axis=1),
        "walls:": np.array([[[0.0, 1.0], [2.0, 1.0]]]),
        "extent:": np.array([0.0, 4.0, 0.0, 3.0]),
    }
    metrics = {"score": level if metric is None else metric}
    return {"history": {"loss": loss}, "arrays": arrays, "metrics": metrics, **facts}


def entry(**parameters):
    return {"agent_params": parameters, "metrics": {"score": "m:score"}}


def a_batch(path, first="first", second="second"):
    """Write two simulations: one with runs in several states, one finished."""
    states = [{"state": "error", "reason": "ValueError: boom"}, {"state": "interrupted"}, {"state": "in_queue"}]
    simulations = {
        first: [run(1.0), run(1.5), *states],
        second: [run(2.0), run(2.5), run(3.0), run(2.2), run(2.1)],
    }
    entries = {first: entry(lr=0.001, room=1), second: entry(lr=0.1, room=2)}
    return fake_batch(path, simulations, **entries)


@pytest.fixture
def batch(tmp_path):
    return a_batch(tmp_path / "batch")


@pytest.fixture(autouse=True)
def no_figure_is_left_open():
    with mpl.style.context("default"):
        yield
        plt.close("all")


def texts(figure):
    """Return what is written in a figure."""
    return [text.get_text() for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]


# Axes in, axes out ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", IN_AXES)
def test_a_figure_is_drawn_into_the_axes_given_and_they_are_returned(name, batch):
    figure = Figure()
    ax = figure.add_subplot()
    assert IN_AXES[name](read_results(batch), ax) is ax
    figure.canvas.draw()
    assert plt.get_fignums() == []


@pytest.mark.parametrize("name", IN_PANELS)
def test_panels_are_drawn_into_the_axes_given_and_they_are_returned(name, batch):
    figure = Figure()
    axes = figure.subplots(2, 5)
    returned = IN_PANELS[name](read_results(batch), axes)
    assert [*returned.flat] == [*axes.flat] and returned.shape == (2, 5)
    figure.canvas.draw()
    assert plt.get_fignums() == []


@pytest.mark.parametrize("name", ALL)
def test_without_axes_there_is_a_new_pyplot_figure_as_notebooks_show(name, batch):
    returned = ALL[name](read_results(batch), None)
    (number,) = plt.get_fignums()
    assert np.ravel(np.array(returned, dtype=object))[0].figure is plt.figure(number)
    plt.figure(number).canvas.draw()


@pytest.mark.parametrize("name", IN_AXES)
def test_a_figure_may_be_a_part_of_another(name, batch):
    figure = Figure(figsize=(9, 4), layout="constrained")
    left, _ = figure.subfigures(1, 2)
    assert IN_AXES[name](read_results(batch), left.add_subplot()).figure is left
    figure.canvas.draw()


def test_pyplot_is_not_even_loaded_when_axes_are_given(batch):
    program = (
        "import sys; from matplotlib.figure import Figure; from simmanager import read_results\n"
        "from test_plots import IN_AXES, IN_PANELS\n"
        "sys.modules.pop('matplotlib.pyplot'); results = read_results(sys.argv[1])\n"
        "[draw(results, Figure().add_subplot()) for draw in IN_AXES.values()]\n"
        "[draw(results, Figure().subplots(2, 5)) for draw in IN_PANELS.values()]\n"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    done = python(program, batch, environ={"PYTHONPATH": python_path(Path(__file__).parent)})
    assert done.returncode == 0, done.stderr


def test_importing_the_figures_loads_neither_numpy_nor_matplotlib():
    done = python("import sys, simmanager.plots; print(*{'numpy', 'matplotlib', 'scipy'} & sys.modules.keys())")
    assert (done.returncode, done.stdout.strip()) == (0, "")


def test_a_figure_is_made_from_a_manager_a_path_or_results(tmp_path):
    manager = SimulationManager([toy_sim()], 1, "toys")
    manager.generate_sim_paths()
    for source in (manager, str(tmp_path / "toys"), tmp_path / "toys", manager.results(), read_results("toys")):
        assert plot_status(source, ax=Figure().add_subplot()).get_title(loc="left") == "toys: 1 run"


def test_anything_else_is_refused_with_what_to_do(tmp_path):
    with pytest.raises(ParameterTypeError, match=r"not 3 \(int\). Try: read_results\(path\)"):
        plot_status(3)
    with pytest.raises(BatchNotFound):
        plot_timeline(tmp_path / "nowhere")
    assert plt.get_fignums() == []


# Legible -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
def test_no_text_is_smaller_than_8_points(name, batch):
    returned = ALL[name](read_results(batch), None)
    figure = np.ravel(np.array(returned, dtype=object))[0].figure
    figure.canvas.draw()
    shown = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    assert shown and min(text.get_fontsize() for text in shown) >= 8


def test_simulations_differ_in_colour_line_and_marker():
    looks = [look(index) for index in range(35)]
    assert len({(one.colour, str(one.line)) for one in looks}) == 35
    for one, other in itertools.pairwise(looks):
        assert one.colour != other.colour and one.line != other.line and one.marker != other.marker
    assert len({(one.colour, one.marker) for one in looks}) == 35


def test_colours_are_those_of_okabe_and_ito():
    published = {"#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7"}
    assert set(PALETTE) | {one.colour for one in LOOKS.values() if not one.empty} <= published
    assert len({shade(index) for index in range(21)}) == 21


def test_states_are_told_apart_without_colour():
    assert set(LOOKS) == set(RunState)
    signs = {state: (one.sign, one.fill == "#FFFFFF") for state, one in LOOKS.items()}
    assert len(set(signs.values())) == len(signs)


@pytest.mark.parametrize("colour", [*PALETTE, "#FFFFFF", "#777777"])
def test_text_on_an_area_has_enough_contrast(colour):
    def luminance(one):
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(one)]
        return float(np.dot([0.2126, 0.7152, 0.0722], linear))

    light, dark = sorted((luminance(colour), luminance(contrasting(colour))), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5  # WCAG 2, level AA


# Names ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "drawn"),
    [
        ("plain", "plain"),
        ("a$b$c", r"a\$b\$c"),
        ("two\nlines\tand\rmore", "two lines and more"),
        ("red\x1b[31m\x07", "red"),
        ("_private", " _private"),
        ("x" * 30 + "y" * 30, "x" * 20 + "…" + "y" * 19),
    ],
)
def test_names_are_drawn_in_one_line_without_mathematics(given, drawn):
    assert drawable(given) == drawn


@pytest.mark.parametrize("name", ALL)
def test_hostile_names_are_drawn_as_they_are(name, tmp_path):
    hostile = r"$\frac{1}{x$ \input _ ^ {"
    results = read_results(a_batch(tmp_path / "batch", hostile, "_second\n$x$"))
    assert set(results.simulation_ids) == {hostile, "_second\n$x$"}
    figure = Figure()
    ax = figure.subplots(2, 5) if name in IN_PANELS else figure.add_subplot()
    if name.startswith("sweep"):
        with pytest.raises(UnknownName):  # a batch of such names has no readable manager.json
            ALL[name](results, ax)
        return
    ALL[name](results, ax)
    figure.canvas.draw()
    written = " ".join(texts(figure))
    assert r"frac{1}{x" in written or r"\input" in written
    assert "second" in written and "\x1b" not in written


# Empty ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["curves", "metric", "metric of the record", "sweep", "sweep of two", *IN_PANELS])
def test_a_figure_of_no_finished_runs_says_so(name, tmp_path):
    waiting = [{"state": "in_queue"}, {"state": "error"}]
    path = fake_batch(tmp_path / "b", {"SR": waiting, "W": waiting}, SR=entry(lr=1, room=1), W=entry(lr=2, room=1))
    returned = ALL[name](read_results(path), None)
    figure = np.ravel(np.array(returned, dtype=object))[0].figure
    figure.canvas.draw()
    assert "no finished runs of SR, W" in texts(figure)


def test_a_timeline_of_runs_that_have_not_begun_says_so(tmp_path):
    path = fake_batch(tmp_path / "b", {"SR": [{"state": "in_queue"}]})
    assert texts(plot_timeline(path, ax=Figure().add_subplot())) == ["no run of b has started"]


@pytest.mark.parametrize("name", ["metric", "sweep"])
def test_finished_runs_without_a_number_are_another_matter(name, tmp_path):
    runs = [run(1.0, NAN), run(1.0, INF)]
    results = read_results(fake_batch(tmp_path / "b", {"SR": runs}, SR=entry(lr=1, room=1)))
    assert "no finite score in 2 runs of SR" in texts(IN_AXES[name](results, Figure().add_subplot()))


def test_nothing_is_drawn_when_something_is_unknown(batch):
    results = read_results(batch)
    calls = {
        "No curve 'los'. Did you mean 'loss'": lambda: plot_curves(results, "los"),
        "No simulation 'frist'. Did you mean 'first'": lambda: plot_curves(results, "loss", "frist"),
        "No metric 'scor'. Did you mean 'score'": lambda: plot_metric(results, "scor"),
        "No simulation 'third'": lambda: plot_trajectories(results, ["first", "third"]),
        "No map 'rates'. Did you mean 'rate'": lambda: plot_rate_maps(results, "rates"),
        "No run 7. There are: 0, 1, 2, 3, 4": lambda: plot_rate_maps(results, runs=[0, 7]),
        "No parameter 'agent_params.l'. Did you mean 'agent_params.lr'": lambda: plot_sweep(
            results, "score", "agent_params.l"
        ),
    }
    for message, call in calls.items():
        with pytest.raises(UnknownName) as raised:
            call()
        assert message in str(raised.value)
    assert plt.get_fignums() == []


@pytest.mark.parametrize("wrong", [{"statistic": "average"}, {"level": 95}, {"level": 0}])
def test_a_statistic_or_level_that_is_not_allowed_is_refused_before_anything_is_drawn(wrong, batch):
    results = read_results(batch)
    for draw in (
        lambda: plot_curves(results, "loss", **wrong),
        lambda: plot_metric(results, "score", **wrong),
        lambda: plot_sweep(results, "score", "agent_params.lr", **wrong),
    ):
        with pytest.raises(ParameterError):
            draw()
    assert plt.get_fignums() == []


# Pictures ------------------------------------------------------------------------------------------------------


def picture(draw, path):
    """Draw into axes of a fixed place, and return what is seen: (height, width, 3) in blocks of 6 x 6 pixels.

    Without text, which is another with each version of matplotlib and its fonts, and in blocks, for the same reason.
    """
    figure = Figure(figsize=(4.8, 3.0), dpi=60)
    draw(figure.add_axes((0.2, 0.2, 0.5, 0.65)))
    for text in figure.findobj(Text):
        text.set_alpha(0)
    figure.savefig(path)
    return blocks(path)


def blocks(path):
    pixels = imread(path)[..., :3]
    height, width = (side // 6 * 6 for side in pixels.shape[:2])
    return pixels[:height, :width].reshape(height // 6, 6, width // 6, 6, 3).mean(axis=(1, 3))


def difference(one, other):
    """Return the root mean square difference of two pictures, 0 to 1."""
    return float(np.sqrt(((one - other) ** 2).mean()))


#: Root mean square difference that is allowed.
TOLERANCE = 0.025

PICTURES = {
    "curves": IN_AXES["curves"],
    "status": IN_AXES["status"],
    "timeline": IN_AXES["timeline"],
    "metric": IN_AXES["metric"],
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_figure_looks_as_it_did(name, batch, tmp_path):
    results = read_results(batch)
    drawn = picture(lambda ax: PICTURES[name](results, ax), tmp_path / f"{name}.png")
    gap = difference(drawn, blocks(BASELINE / f"{name}.png"))
    assert gap < TOLERANCE, f"it differs by {gap:.3f}; if that is meant: python tests/baseline/make.py"


@pytest.mark.parametrize("name", PICTURES)
def test_another_figure_would_be_noticed(name):
    others = [difference(blocks(BASELINE / f"{name}.png"), blocks(BASELINE / f"{other}.png")) for other in PICTURES]
    assert sorted(others)[1] > 2 * TOLERANCE


def test_a_change_of_the_data_would_be_noticed(batch, tmp_path):
    results = read_results(batch)
    drawn = picture(lambda ax: plot_curves(results, "loss", "first", ax=ax), tmp_path / "curves.png")
    assert difference(drawn, blocks(BASELINE / "curves.png")) > TOLERANCE
