"""Runs of one simulation that were made with different parameters or code are marked wherever they are shown."""

from pathlib import Path

import pytest
from command_line import simmanager as command
from toys import toy_sim

from simmanager import SimulationManager, compare, sweep
from simmanager.base.errors import BatchWarning, SimulationError
from simmanager.plots.wording import runs_in_words
from simmanager.report import render_report
from simmanager.results.terminal import mixtures

MODEL = """
from simmanager import OneShot

def f(x, seed):
    if seed % 2 and {broken}:
        raise ZeroDivisionError
    return {{"y": {value} * x}}

simulation_list = [OneShot(f, {{"x": 1.0}}, "a"), OneShot(f, {{"x": 2.0}}, "b")]
"""


@pytest.fixture
def batch():
    """Three runs of each of two simulations, of which some fail."""
    Path("m.py").write_text(MODEL.format(value=10, broken=True))
    assert "error" in command("run", "m.py", "--runs", "6", "--seed", "1", "--jobs", "1").stdout
    Path("m.py").write_text(MODEL.format(value=100, broken=False))
    return "m"


def test_mixed_parameters_are_said_at_once_and_marked_everywhere(batch):
    command("rerun", batch, "b", "--from", "m.py", "--all", "--jobs", "1")
    done = command("rerun", batch, "a", "--set", "training_loop_params.x=3.0", "--jobs", "1")
    assert "note: Finished runs of simulation 'a' stay, and training_loop_params.x was changed" in done.stderr
    assert "it will hold runs of two kinds. Better give the changed one another simulation_id" in done.stderr
    assert "mixed: a: its runs are of two kinds, training_loop_params.x was changed" in command("status", batch).stdout
    assert "a: 3 of 3 finished runs made with other parameters than it has now" in command("results", batch).stdout


def test_mixed_code_is_marked_like_mixed_parameters(batch):
    done = command("rerun", batch, "a", "--from", "m.py", "--jobs", "1")
    assert "Finished runs of simulation 'a' stay, and training_loop was changed" in done.stderr
    manager = SimulationManager(existing_simulation=batch)
    results = manager.results()
    (line,) = mixtures(results)
    assert line == "a: 3 of 6 finished runs made with other code than it has now"
    assert line in command("results", batch).stdout
    assert "mixed: a: its runs are of two kinds, training_loop was changed" in command("status", batch).stdout
    assert "mixed: a:" in manager.status()._repr_html_()
    metric = results.metric("y")["a"]
    assert (metric.n_other_code, metric.n_other_parameters) == (3, 0)
    assert runs_in_words(metric) == "6 of 6 runs, 3 made with other code"
    assert "3 runs made with other code" in str(compare(results, metric="y"))
    assert "3 runs made with other code" in str(compare(results, key="y"))
    assert f"Mixed: {line}" in render_report(batch)
    assert results.metric("y")["b"].n_other_code == 0
    assert results.select("a").metric("y")["a"].n_other_code == 3

    command("rerun", batch, "a", "--all", "--jobs", "1")
    manager = SimulationManager(existing_simulation=batch)
    assert (mixtures(manager.results()), manager.status().mixed) == ([], ())


def test_a_rerun_of_all_runs_says_nothing():
    manager = SimulationManager([toy_sim("one")], 1, "batch")
    manager.run_all(1, progress=False)
    manager.simulation_list[0].agent_params["gain"] = 5.0
    manager.rerun_simulation("one", include_finished=True, in_process=True, progress=False)
    manager.rerun_simulation("one", in_process=True, progress=False)
    assert manager.status().mixed == ()


def test_one_finished_run_that_is_replaced_with_other_code_or_parameters_mixes_too():
    manager = SimulationManager([toy_sim("one"), toy_sim("other")], 3, "batch")
    manager.run_all(1, progress=False)
    manager.simulation_list[0].agent_params["gain"] = 5.0
    with pytest.warns(BatchWarning, match="Finished runs of simulation 'one' stay, and agent_params.gain was changed"):
        manager.rerun_simulation("one", 1, include_finished=True, in_process=True, progress=False)
    assert [line.partition(":")[0] for line in manager.status().mixed] == ["one"]
    manager.rerun_simulation("one", 0, include_finished=True, in_process=True, progress=False)
    assert manager.status().mixed, "one of the old kind is left"
    manager.rerun_simulation("one", include_finished=True, in_process=True, progress=False)
    assert manager.status().mixed == ()


def test_the_id_of_a_sweep_never_contradicts_the_parameters():
    manager = SimulationManager(sweep(toy_sim("t"), {"agent_params.gain": [1.0, 2.0]}), 1, "batch")
    manager.run_all(1, progress=False)
    done = command("rerun", "batch", "t__gain=1", "--set", "agent_params.gain=3", "--all")
    assert done.returncode == 2
    assert "The id of simulation 't__gain=1' says gain=1, and agent_params.gain is 3 now." in done.stderr
    manager.simulation_list[0].agent_params["gain"] = 3.0
    with pytest.raises(SimulationError, match="says gain=1"):
        manager.rerun_simulation(0, include_finished=True)
    manager.simulation_list[0].agent_params["gain"] = 1.0
    with pytest.warns(BatchWarning, match="training_loop_params.n_steps was changed"):
        manager.simulation_list[0].training_loop_params["n_steps"] = 3
        manager.rerun_simulation(0, in_process=True, progress=False)
