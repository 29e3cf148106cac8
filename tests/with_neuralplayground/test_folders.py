"""Folders that NeuralPlayground's own manager wrote."""

from __future__ import annotations

import neuralplayground.backend as theirs
import numpy as np
import pytest
from small import same, small_simulation
from toys import listing

import simmanager
from simmanager.base.errors import BatchNotWritable, ResultsMissing
from simmanager.cli.main import main
from simmanager.compat import neuralplayground as npg_backend
from simmanager.results.results import read_results


@pytest.fixture
def batch(recordings, tmp_path):
    """Two simulations x 2 runs: one finished, one broken on purpose; a third one waits."""
    good = small_simulation("stachenfeld_in_2d", recordings)
    broken = small_simulation("weber_in_merging_room", recordings)
    broken.agent_params["etaexc"] = "weird_learning_rate"
    waiting = small_simulation("coreAgent_test_1", recordings)
    manager = theirs.SimulationManager([good, broken], runs_per_sim=2, manager_id="their_batch")
    np.random.seed(7)
    manager.generate_sim_paths()
    manager.run_all()
    manager.simulation_list.append(waiting)
    waiting_run = tmp_path / "their_batch" / waiting.simulation_id / "run_0_22-11-2026_14-15-33-591"
    waiting_run.mkdir(parents=True)
    waiting._update_log_state("in_queue", str(waiting_run / "state.log"))
    manager.save_params("their_batch")
    return manager


@pytest.mark.parametrize("package", [simmanager, npg_backend])
def test_a_batch_of_theirs_opens_and_stays_as_it_is(package, batch, tmp_path, capsys):
    before = listing(tmp_path)
    manager = package.SimulationManager(existing_simulation="their_batch")
    assert (manager.manager_id, manager.runs_per_sim, manager.seed) == ("their_batch", 2, None)
    assert manager.simulation_ids == [simulation.simulation_id for simulation in batch.simulation_list]
    status = manager.check_run_status()
    assert status.headline == "1 in_queue, 2 finished, 2 error"
    assert capsys.readouterr().out.count(": finished") == 2
    manager.show_logs(1)
    assert capsys.readouterr().out.count("Traceback (most recent call last)") == 2

    agent, env, history = manager.load_results(0, 1)
    paths = sorted(tmp_path.glob("their_batch/stachenfeld*/run_*"))
    their_agent, their_env, their_history = batch.simulation_list[0].load_results(str(paths[1]))
    assert same(agent, their_agent)
    assert same(env, their_env)
    np.testing.assert_array_equal(history["state_td_error"], their_history["state_td_error"])
    with pytest.raises(ResultsMissing, match="error"):
        manager.load_results(1, 0)
    for call in (manager.run_all, lambda: manager.rerun_simulation(1), lambda: manager.extend(3)):
        with pytest.raises(BatchNotWritable, match="made by NeuralPlayground"):
            call()
    assert listing(tmp_path) == before


def test_its_simulations_run_as_a_batch_of_ours(batch):
    simulations = simmanager.SimulationManager(existing_simulation="their_batch").simulation_list
    simulations[1].agent_params["etaexc"] = 2e-4
    status = simmanager.SimulationManager(simulations, 1, "ours").run_all(1, in_process=True, progress=False)
    assert status.counts["finished"] == 3


@pytest.mark.parametrize("package", [simmanager, npg_backend])
def test_a_run_of_theirs_loads_into_an_empty_simulation(package, batch, tmp_path):
    path = sorted(tmp_path.glob("their_batch/stachenfeld*/run_*"))[0]
    sim = package.SingleSim()
    agent, env, history = sim.load_results(path)
    assert type(agent).__module__ == "neuralplayground.agents.stachenfeld_2018"
    assert len(env.history) == len(history["state_td_error"]) == 60
    assert sim.fields == {**simmanager.SingleSim.from_object(batch.simulation_list[0]).fields}
    sim.load_params(path)
    sim.run_sim("again")
    assert simmanager.read_status("again").all_finished


def test_the_command_line_shows_a_batch_of_theirs(batch, capsys):
    assert main(["status", "their_batch"]) == 1
    out = capsys.readouterr().out
    assert "1 in_queue, 2 finished, 2 error" in out
    assert main(["logs", "their_batch"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("==> 2 runs: error")  # the same error: told once
    assert out.count("Traceback (most recent call last)") == 1
    assert main(["resume", "their_batch"]) == 2
    assert "not continued" in capsys.readouterr().err
    main(["results", "their_batch", "--csv"])
    assert capsys.readouterr().out.count("finished") == 2


def test_summaries_make_its_curves_readable(batch, tmp_path):
    assert read_results("their_batch").keys == ()
    assert npg_backend.summarise_results("their_batch") == 2
    curves = read_results("their_batch").curves("state_td_error")
    found = curves["stachenfeld_2018_in_simple2D"]
    expected = [
        np.abs(batch.simulation_list[0].load_results(str(path))[2]["state_td_error"]).mean(axis=1)
        for path in sorted(tmp_path.glob("their_batch/stachenfeld*/run_*"))
    ]
    np.testing.assert_allclose(found.values, expected)
    assert npg_backend.summarise_results("their_batch") == 0, "those that are there stay"
