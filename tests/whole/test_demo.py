"""The demo: the default simulations at full size, with a status tree and figures."""

from __future__ import annotations

from pathlib import Path

from simmanager.cli.demo import demo_simulations
from simmanager.cli.main import main
from simmanager.status.reader import read_status


def test_the_demo_runs_in_parallel_and_writes_figures(capsys):
    assert main(["demo", "--runs", "1", "--dir", "."]) == 0
    status = read_status("simmanager_demo")
    assert status.all_finished
    assert [run.simulation_id for run in status.runs] == [simulation.simulation_id for simulation in demo_simulations()]
    figures = {path.name for path in Path("simmanager_demo/figures").iterdir()}
    assert figures == {
        f"{simulation.simulation_id}_{what}.png"
        for simulation in demo_simulations()
        for what in ("learning", "trajectories", "rate_maps")
    }
    assert all((Path("simmanager_demo/figures") / name).read_bytes().startswith(b"\x89PNG") for name in figures)
    out = capsys.readouterr().out
    assert "3 finished" in out
    assert "9 figures in " in out
    assert str(Path("simmanager_demo/figures")) in out


def test_the_demo_can_be_run_again(capsys):
    assert main(["demo", "--runs", "1"]) == 0
    assert main(["demo", "--runs", "1"]) == 0


def test_the_demo_is_full_size():
    loops = [simulation.training_loop_params for simulation in demo_simulations()]
    assert loops == [{"t_episode": 100, "n_episode": 10}, {"n_steps": 10_000}, {"t_episode": 1000, "n_episode": 100}]
