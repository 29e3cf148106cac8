"""The demo: the default simulations at full size, with a status tree and figures."""

from __future__ import annotations

import contextlib
import io

import pytest

from simmanager.cli.demo import demo_simulations, draw_figures
from simmanager.cli.main import main
from simmanager.results.results import read_results
from simmanager.status.reader import read_status


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """The demo, one run each: its folder, and what it printed."""
    folder, out = tmp_path_factory.mktemp("demo"), io.StringIO()
    with contextlib.redirect_stdout(out):
        assert main(["demo", "--runs", "1", "--dir", str(folder)]) == 0
    return folder, out.getvalue()


def test_the_demo_runs_in_parallel_and_writes_figures(shown):
    folder, out = shown
    status = read_status(folder / "simmanager_demo")
    assert status.all_finished
    assert [run.simulation_id for run in status.runs] == [simulation.simulation_id for simulation in demo_simulations()]
    figures = folder / "simmanager_demo" / "figures"
    names = {path.name for path in figures.iterdir()}
    assert names == {
        f"{simulation.simulation_id}_{what}.png"
        for simulation in demo_simulations()
        for what in ("learning", "trajectories", "rate_maps")
    }
    assert all((figures / name).read_bytes().startswith(b"\x89PNG") for name in names)
    assert "3 finished" in out
    assert f"9 figures in {figures}" in out


def test_the_demo_can_be_run_again(shown, capsys, monkeypatch):
    monkeypatch.chdir(shown[0])
    assert main(["demo", "--runs", "1"]) == 0
    assert "3 finished" in capsys.readouterr().out


def test_the_demo_is_full_size():
    loops = [simulation.training_loop_params for simulation in demo_simulations()]
    assert loops == [{"t_episode": 100, "n_episode": 10}, {"n_steps": 10_000}, {"t_episode": 1000, "n_episode": 100}]


def test_figures_of_the_demo_take_nothing_from_a_matplotlibrc(page_batch, tmp_path):
    import matplotlib

    results = read_results(page_batch).select("gain=0.5")
    with matplotlib.rc_context({"text.usetex": True, "font.size": 30}):  # as such a file sets it, when it is imported
        draw_figures(results, tmp_path / "there")
    draw_figures(results, tmp_path / "here")
    there, here = (sorted((tmp_path / name).iterdir()) for name in ("there", "here"))
    assert [path.read_bytes() for path in there] == [path.read_bytes() for path in here] != []
