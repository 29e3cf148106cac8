"""Simulations that are one function."""

from __future__ import annotations

import math
import pickle
from pathlib import Path

import numpy as np
import pytest
from toys import hashes

from simmanager import OneShot, SimulationManager, SingleSim
from simmanager.base.errors import ParameterTypeError, SimulationError, UnknownName
from simmanager.cli.main import main
from simmanager.simulation.one_shot import FunctionCall
from simmanager.simulation.parameter_path import ParameterPath

pytestmark = pytest.mark.python_versions


def anneal(rate, n_steps=4, seed=None):
    """Return one value of each kind."""
    energy = np.exp(-rate * np.arange(n_steps)) + np.random.normal(0, 0.1, n_steps)
    return {
        "energy": energy,
        "list": [1, 2, 3],
        "lowest": float(energy.min()),
        "seed": seed,
        "cold": np.True_,
        "word": "done",
        "wave": 1j,
    }


def no_seed(x):
    return {"y": x, "drawn": np.random.random()}


def anything(**params):
    return dict(params)


def test_a_function_is_run_like_any_simulation():
    sims = [OneShot(anneal, {"rate": rate}, f"rate={rate}") for rate in (0.1, 0.5)]
    manager = SimulationManager(sims, 2, "batch", seed=1)
    assert manager.run_all(2, progress=False).all_finished
    result, env, history = manager.load_results("rate=0.5", 1)
    assert env is None
    assert result["word"] == "done" and result["lowest"] == result["energy"].min()
    assert history["energy"].tolist() == result["energy"].tolist() and history["list"] == [1, 2, 3]
    assert history["lowest"].tolist() == [result["lowest"]] and history["cold"].tolist() == [True]
    assert history["word"] == ["done"] and history["wave"].tolist() == [1j]
    results = manager.results()
    runs = {(run.simulation_id, run.run_id): run for run in results}
    run = runs["rate=0.5", 1]
    assert result["seed"] == run.seed  # as run.json has it
    assert run.metrics == {"lowest": result["lowest"], "seed": run.seed, "cold": 1.0}
    assert set(results.metric_names) == {"lowest", "seed", "cold"}
    assert results.curves("energy")["rate=0.5"].n_runs == 2
    assert run.parameters["training_loop_params.rate"] == 0.5
    assert '"training_loop": "test_one_shot:anneal"' in (Path("batch") / "manager.json").read_text()


def test_the_same_seed_gives_the_same_bytes_and_the_function_can_be_called_by_hand():
    for name in ("one", "two"):
        SimulationManager([OneShot(anneal, {"rate": 1.0})], 2, name, seed=4).run_all(1, progress=False)
    assert hashes(Path("one")) == hashes(Path("two"))
    run = SimulationManager(existing_simulation="one").results()[0]
    np.random.seed(run.seed)
    assert anneal(1.0, seed=run.seed)["lowest"] == run.metrics["lowest"]


def test_only_a_function_that_asks_for_the_seed_gets_it_and_only_if_it_is_not_set():
    for sim, expected in (
        (OneShot(anneal, {"rate": 1.0}, "asked"), 7),
        (OneShot(anneal, {"rate": 1.0, "seed": 3}, "set"), 3),
        (OneShot(no_seed, {"x": 1}, "not_asked"), None),
        (OneShot(anything, {"x": 1}, "anything"), None),
    ):
        sim.run_sim(sim.simulation_id, seed=7)
        assert sim.load_results(sim.simulation_id)[0].get("seed") == expected


def test_further_metrics_see_the_result():
    def spread(result, env, history):
        return np.ptp(result["energy"]) + 0 * history["energy"].sum()

    sim = OneShot(anneal, {"rate": 1.0}, metrics={"spread": spread, "lowest": lambda *_: math.nan})
    manager = SimulationManager([sim], 1, "batch", seed=1)
    manager.run_all(1, progress=False)
    (run,) = manager.results()
    result = manager.load_results("anneal", 0)[0]
    assert run.metrics["spread"] == np.ptp(result["energy"])
    assert math.isnan(run.metrics["lowest"])  # what is declared stands before what is found


def test_a_name_that_no_metric_may_have_is_a_curve_only():
    sim = OneShot(anything, {"duration_s": 3.0, "peak": 4})
    manager = SimulationManager([sim], 1, "batch")
    manager.run_all(1, progress=False)
    (run,) = manager.results()
    assert run.metrics == {"peak": 4.0} and "duration_s" in manager.results().keys
    assert manager.runs[0].error_log.read_text() == ""


def test_functions_of_a_file_run_from_the_command_line():
    Path("mine.py").write_text(
        "from simmanager import OneShot\n"
        "def double(x, seed):\n    return {'y': 2 * x, 'even': seed % 2 == 0}\n"
        "simulation_list = [OneShot(double, {'x': x}, f'x={x}') for x in (1, 2)]\n"
    )
    assert main(["run", "mine.py", "--runs", "2"]) == 0
    results = SimulationManager(existing_simulation="mine").results()
    assert {(run.simulation_id, run.metrics["y"]) for run in results} == {("x=1", 2), ("x=2", 4)}


@pytest.mark.parametrize("returned", [3.0, [1, 2], "text", np.ones(3)])
def test_a_function_that_returns_no_dict_is_told_so(returned):
    sim = OneShot(lambda: returned, simulation_id="wrong")
    with pytest.raises(SimulationError, match="it must return a dict of name -> number, array or list"):
        sim.run_sim("there")


def test_its_parameters_are_checked_before_anything_runs():
    with pytest.raises(SimulationError, match=r"anneal of simulation 'a' has no parameter 'rte'\. Did you mean 'rate'"):
        SimulationManager([OneShot(anneal, {"rte": 1}, "a")], 1, "batch")
    with pytest.raises(SimulationError, match="anneal of simulation 'a' needs rate: give it in params"):
        OneShot(anneal, {"n_steps": 3}, "a").check()
    OneShot(anything, {"what": "ever"}).check()
    OneShot(int, {}, "a builtin, whose parameters Python cannot tell").check()
    with pytest.raises(SimulationError, match="function must be one that can be called, not 3"):
        OneShot(3)
    with pytest.raises(SimulationError, match="has no function"):
        OneShot(simulation_id="a").check()
    with pytest.raises(SimulationError, match="simulation_id missing"):
        OneShot(lambda: {}).check()


def test_copies_share_nothing_and_may_have_other_parameters():
    sim = OneShot(anneal, {"rate": [1.0]}, metrics={"one": len})
    other = sim.copy(simulation_id="other")
    assert type(other) is OneShot and other.function is anneal
    other.params["rate"].append(2)
    assert sim.params == {"rate": [1.0]}
    assert sim.copy(params={"rate": 3}).training_loop_params == {"rate": 3}
    assert sim.copy(function=no_seed).function is no_seed
    assert sim.copy() == sim != sim.copy(params={})
    with pytest.raises(ParameterTypeError, match="no field 'parms'"):
        sim.copy(parms={})
    sim.params = {"rate": 9}
    assert sim.training_loop_params == {"rate": 9}


def test_sweeps_find_the_parameters_of_the_function():
    sim = OneShot(anneal, {"rate": 1.0})
    path = ParameterPath.parse("training_loop_params.n_steps")
    path.check(sim)
    path.set(sim, 9)
    assert sim.params == {"rate": 1.0, "n_steps": 9}
    with pytest.raises(UnknownName, match=r"has no training_loop_params.n_stps\. Did you mean"):
        ParameterPath.parse("training_loop_params.n_stps").check(sim)


def test_it_shows_its_function():
    sim = OneShot(anneal, {"rate": 1.0}, metrics={"one": len})
    assert repr(sim) == "<OneShot 'anneal': test_one_shot:anneal>"
    assert str(sim) == ("Simulation: anneal\nFunction: test_one_shot:anneal\nParams: {'rate': 1.0}\nMetrics: one\n")


def test_what_a_batch_keeps_of_it_is_a_simulation_as_others():
    sim = OneShot(anneal, {"rate": 1.0})
    sim.save_params("here")
    loaded = SingleSim()
    loaded.load_params("here")
    assert loaded.training_loop == sim.training_loop == FunctionCall(anneal)
    assert loaded.training_loop_params == {"rate": 1.0}
    assert pickle.loads(pickle.dumps(sim)) == sim
    assert hash(FunctionCall(anneal)) == hash(FunctionCall(anneal)) and FunctionCall(anneal) != FunctionCall(no_seed)


def function_with_masked_values():
    nothing = np.ma.array([1.0, 2.0], mask=True).mean()
    return {"none": nothing, "some": np.ma.array(3.0, mask=False), "zero": np.ma.array(5.0, mask=True)}


def test_a_masked_number_is_no_number_that_is_shown():
    manager = SimulationManager([OneShot(function_with_masked_values)], 1, "masked", seed=1)
    manager.run_all(progress=False)
    (run,) = manager.results()
    assert run.metrics["some"] == 3.0
    assert np.isnan([run.metrics["none"], run.metrics["zero"]]).all()
    for name, value in {"none": np.nan, "some": 3.0, "zero": np.nan}.items():
        curve = manager.results().curves(name)[run.simulation_id].values
        assert np.array_equal(curve, [[value]], equal_nan=True)
