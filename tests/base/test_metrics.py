"""Metrics: computed where the run was executed, after its results are safe, and never to their harm."""

import functools
import json
import os
import pickle
import random
import sys
import threading
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from toys import ToyAgent, ToyArena, case_name, failing_loop, hashes, toy_loop, toy_sim

from simmanager import RunFolder, SimulationManager, SingleSim
from simmanager.base.errors import RecipeError, SimulationError
from simmanager.base.metrics import as_number, check_metrics, describe_metrics, give_the_same_results
from simmanager.simulation.description import describe_simulation
from simmanager.worker.attempt import execute_run
from simmanager.worker.capture import prints_to_logs
from simmanager.worker.task import Task

RESULTS = ("agent", "arena", "training_hist.dict", "summary.npz")
NAN = float("nan")


def last_position(agent, env, history):
    return history["position"][-1]


def no_room(agent, env, history):
    raise ValueError("no room")


def draw(agent, env, history):
    return random.random() + np.random.random()


def spoil(agent, env, history):
    """Do to everything at hand what a metric should not do."""
    agent.gain = "spoilt"
    env.position = None
    history.clear()
    random.seed(1)
    np.random.seed(1)
    return 0


def count_results(agent, env, history, folder):
    return sum((Path(folder) / name).is_file() for name in RESULTS)


class Scorer:
    def __call__(self, agent, env, history):
        return 7


def execute(tmp_path, metrics, **changes):
    """Execute one run as a worker does; return its record, its folder and how it ended."""
    sim = toy_sim("toy").copy(metrics=metrics, **changes)
    simulation = tmp_path / f"toy_{len(list(tmp_path.glob('toy_*')))}"
    simulation.mkdir()
    (simulation / "simulation.pkl").write_bytes(sim.recipe())
    folder = RunFolder(simulation / "run_3_22-11-2026_14-15-33-591")
    folder.create()
    states = random.getstate(), np.random.get_state()
    try:
        outcome, _ = execute_run(Task(str(folder.path), str(simulation / "simulation.pkl"), 5), capture=prints_to_logs)
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
    return json.loads(folder.record.read_text(), parse_constant=pytest.fail), folder, outcome


# Computing them ------------------------------------------------------------------------------------------------


def test_metrics_are_computed_and_kept_in_run_json(tmp_path):
    record, folder, outcome = execute(tmp_path, {"last": last_position, "seven": Scorer(), "two": lambda a, e, h: 2})
    history = pickle.loads(folder.history.read_bytes())
    assert record["metrics"] == {"last": history["position"][-1], "seven": 7.0, "two": 2.0}
    assert record["metric_errors"] == {}
    assert outcome.state == "finished"
    assert folder.error_log.read_text() == ""


def test_a_metric_that_fails_is_recorded_and_the_run_is_finished(tmp_path):
    record, folder, outcome = execute(tmp_path, {"bad": no_room, "last": last_position})
    assert outcome.state == record["state"] == "finished"
    assert record["metric_errors"] == {"bad": "ValueError: no room"}
    assert list(record["metrics"]) == ["last"]
    log = folder.error_log.read_text()
    assert log.startswith("Metric 'bad' failed:\nTraceback") and "in no_room" in log


@pytest.mark.parametrize(
    ("value", "kept"), [(NAN, "nan"), (float("inf"), "inf"), (np.float64("-inf"), "-inf"), (1e308, 1e308)], ids=str
)
def test_numbers_that_json_does_not_have_are_kept_as_texts(value, kept, tmp_path):
    record, _, _ = execute(tmp_path, {"m": functools.partial(give, value)})
    assert record["metrics"] == {"m": kept}
    assert record["metric_errors"] == {}


def give(value, agent, env, history):
    return value


@pytest.mark.parametrize(
    "value", ["3", None, [1.0], np.ones(2), np.ones(1), 1j, {}, object(), print, Decimal("1"), 10**400], ids=case_name
)
def test_what_is_no_number_is_recorded_as_failed(value, tmp_path):
    record, _, outcome = execute(tmp_path, {"m": lambda agent, env, history: value})
    assert record["metrics"] == {} and outcome.state == "finished"
    kind = "OverflowError" if isinstance(value, int) else "TypeError"
    assert record["metric_errors"]["m"].startswith(f"{kind}: ")


class Dimensionless:
    """A number as torch has it."""

    shape = ()

    def item(self):
        return 2.5


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (True, 1.0),
        (np.bool_(False), 0.0),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3.0),
        (np.array(4), 4.0),
        (Fraction(1, 4), 0.25),
        (Dimensionless(), 2.5),
    ],
    ids=case_name,
)
def test_numbers_of_all_kinds_become_floats(value, number):
    assert as_number(value) == number
    assert type(as_number(value)) is float


def test_what_is_no_number_is_named():
    with pytest.raises(TypeError, match=r"it gave 'high' \(str\); a metric gives one number"):
        as_number("high")


@pytest.mark.parametrize("code", [0, 1, "stop"])
def test_a_metric_that_ends_the_program_ends_only_itself(code, tmp_path):
    record, _, outcome = execute(tmp_path, {"exit": lambda a, e, h: sys.exit(code), "last": last_position})
    assert outcome.state == "finished"
    assert "sys.exit" in record["metric_errors"]["exit"] and "last" in record["metrics"]


def test_a_metric_whose_error_cannot_be_shown_is_recorded_all_the_same(tmp_path):
    class Mute(Exception):
        def __str__(self):
            raise RuntimeError

    def mute(agent, env, history):
        sys.stderr = None
        raise Mute

    record, _, outcome = execute(tmp_path, {"m": mute})
    assert outcome.state == "finished" and "Mute" in record["metric_errors"]["m"]


def test_results_are_in_place_before_a_metric_is_computed(tmp_path):
    folder = tmp_path / "toy_0" / "run_3_22-11-2026_14-15-33-591"
    record, _, _ = execute(tmp_path, {"there": functools.partial(count_results, folder=folder)})
    assert record["metrics"] == {"there": len(RESULTS)}


def test_metrics_change_no_byte_of_the_results(tmp_path):
    _, without, _ = execute(tmp_path, None)
    record, spoilt, outcome = execute(tmp_path, {"spoil": spoil, "bad": no_room})
    assert outcome.state == "finished" and record["metrics"] == {"spoil": 0.0}
    for name in RESULTS:
        assert (without.path / name).read_bytes() == (spoilt.path / name).read_bytes(), name


def test_a_random_metric_depends_on_the_seed_of_the_run_alone(tmp_path):
    alone, _, _ = execute(tmp_path, {"draw": draw})
    among, _, _ = execute(tmp_path, {"spoil": lambda a, e, h: np.random.random(), "first": draw, "draw": draw})
    longer, _, _ = execute(tmp_path, {"draw": draw}, training_loop_params={"n_steps": 50})
    assert alone["metrics"]["draw"] == among["metrics"]["draw"] == among["metrics"]["first"]
    assert longer["metrics"]["draw"] == alone["metrics"]["draw"]


def test_a_run_that_fails_has_no_metrics(tmp_path):
    record, _, outcome = execute(tmp_path, {"m": Scorer()}, training_loop=failing_loop)
    assert (outcome.state, record["metrics"], record["metric_errors"]) == ("error", {}, {})


def test_a_model_whose_arrays_fail_is_named_in_the_error_log_and_the_run_is_finished(tmp_path):
    class Sketchy(ToyAgent):
        def summary_arrays(self):
            self.gain = "spoilt"
            raise RuntimeError("no maps today")

    _, plain, _ = execute(tmp_path, None)
    _, folder, outcome = execute(tmp_path, None, agent_class=Sketchy)
    log = folder.error_log.read_text()
    assert outcome.state == "finished"
    assert log.startswith("summary_arrays of Sketchy failed:") and "no maps today" in log
    assert folder.summary.read_bytes() == plain.summary.read_bytes()
    assert pickle.loads(folder.agent.read_bytes()).gain == 2.0


def test_what_agent_and_arena_give_is_in_the_summary(tmp_path):
    class Mapped(ToyAgent):
        def summary_arrays(self):
            return {"maps:cells": np.ones((1, 2, 2))}

    class Walled(ToyArena):
        def summary_arrays(self):
            return {"walls:": np.ones((1, 2, 2)), "trajectory:": np.ones((2000, 2))}

    _, folder, _ = execute(tmp_path, None, agent_class=Mapped, env_class=Walled)
    with np.load(folder.summary, allow_pickle=False) as saved:
        assert {"maps:cells", "walls:", "trajectory:", "steps:", "position"} <= set(saved.files)


# In a recipe ---------------------------------------------------------------------------------------------------


def test_metrics_are_the_last_argument_and_none_by_default():
    fields = list(toy_sim().fields.values())
    assert SingleSim(*fields) == toy_sim()
    assert SingleSim().metrics is None


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        ([last_position], "metrics of the simulation 'toy' must be a dict of names and functions"),
        ({"m": 5}, r"The metric 'm' of the simulation 'toy' must be a function \(agent, env, history\)"),
        ({"": last_position}, "A metric of the simulation 'toy' needs a name of 1 to 100 printable characters, not ''"),
        ({" ": last_position}, "printable characters, not ' '"),
        ({5: last_position}, "printable characters, not 5"),
        ({"a\nb": last_position}, "printable characters"),
        ({"m" * 101: last_position}, "1 to 100"),
        ({"duration_s": last_position}, "The metric 'duration_s' .* needs another name"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_bad_metrics_are_refused_by_name_before_anything_runs(metrics, message, tmp_path):
    sim = toy_sim().copy(metrics=metrics)
    with pytest.raises(SimulationError, match=message):
        sim.check()
    with pytest.raises(SimulationError, match=message):
        SimulationManager([sim], 1, "batch")
    with pytest.raises(SimulationError, match=message):
        sim.run_sim("results_sim")
    assert not list(tmp_path.iterdir())


def test_no_metrics_are_fine():
    check_metrics(None, "x")
    check_metrics({}, "x")


def test_a_metric_that_cannot_be_pickled_is_named():
    lock = threading.Lock()
    sim = toy_sim().copy(metrics={"m": lambda agent, env, history: lock})
    with pytest.raises(RecipeError, match=r"Cannot pickle metrics\['m'\]"):
        sim.recipe()


def test_simulations_with_other_metrics_are_not_equal_and_a_copy_shares_no_dict():
    sim = toy_sim().copy(metrics={"m": last_position})
    twin = sim.copy()
    assert twin == sim and twin.metrics is not sim.metrics
    twin.metrics["n"] = no_room
    assert twin != sim != toy_sim()
    assert list(sim.metrics) == ["m"]


def test_metrics_are_shown_with_a_simulation():
    assert str(toy_sim().copy(metrics={"m": last_position, "n": no_room})) == f"{toy_sim()}Metrics: m, n\n"


def test_metrics_are_saved_and_loaded_with_the_parameters(tmp_path):
    sim = toy_sim().copy(metrics={"m": last_position})
    sim.save_params(tmp_path)
    loaded = SingleSim()
    loaded.load_params(tmp_path)
    assert loaded == sim


def test_parameters_saved_without_metrics_are_loaded(tmp_path):
    """As an earlier version, and NeuralPlayground, wrote them."""
    fields = {name: value for name, value in toy_sim().fields.items() if name != "metrics"}
    (tmp_path / "param.dict").write_bytes(pickle.dumps(fields))
    loaded = SingleSim(metrics={"m": last_position})
    loaded.load_params(tmp_path)
    assert loaded == toy_sim()


def test_an_object_without_metrics_is_a_simulation_and_one_with_them_keeps_them():
    fields = {name: value for name, value in toy_sim().fields.items() if name != "metrics"}
    assert SingleSim.from_object(SimpleNamespace(**fields)) == toy_sim()
    measured = SingleSim.from_object(SimpleNamespace(**fields, metrics={"m": last_position}))
    assert measured.metrics == {"m": last_position}


def test_metrics_are_described_by_name():
    metrics = {"f": last_position, "object": Scorer(), "part": functools.partial(give, 1), "class": Scorer}
    assert describe_metrics(metrics) == {
        "f": "test_metrics:last_position",
        "object": "test_metrics:Scorer",
        "part": "functools:partial",
        "class": "test_metrics:Scorer",
    }


# In a batch ----------------------------------------------------------------------------------------------------


def manifest_of(batch):
    return json.loads(Path(batch, "manager.json").read_text())["simulations"][0]


def test_metrics_in_a_batch_do_not_depend_on_the_number_of_workers(tmp_path):
    sim = toy_sim("toy").copy(metrics={"draw": draw, "local": lambda agent, env, history: agent.drawn})
    found = []
    for name, options in {"two": {"n_jobs": 2}, "here": {"in_process": True}}.items():
        manager = SimulationManager([sim], 3, name, seed=1)
        manager.run_all(progress=False, **options)
        found.append([run.metrics for run in manager.results()])
    assert found[0] == found[1]
    assert len({metrics["draw"] for metrics in found[0]}) == 3
    assert hashes(tmp_path / "two") == hashes(tmp_path / "here")


def test_a_batch_without_metrics_says_nothing_of_them(tmp_path):
    manager = SimulationManager([toy_sim()], 1, "batch")
    manager.generate_sim_paths()
    assert "metrics" not in manifest_of("batch")


def test_metrics_that_are_new_leave_finished_runs_as_they_are_and_are_counted_as_missing(tmp_path):
    manager = SimulationManager([toy_sim("toy").copy(metrics={"old": Scorer()})], 2, "batch", seed=1)
    manager.run_all(in_process=True, progress=False)
    before = hashes(tmp_path / "batch")
    manager.simulation_list[0] = toy_sim("toy").copy(metrics={"old": Scorer(), "last": last_position})
    manager.extend(3)
    manager.run_all(in_process=True, progress=False)
    assert manifest_of("batch")["metrics"] == {"old": "test_metrics:Scorer", "last": "test_metrics:last_position"}
    results = manager.results()
    assert results.metric("last")["toy"].run_ids == (2,)
    assert results.metric("last")["toy"].text == "1 of 3 runs"
    assert results.metric("old")["toy"].text == "3 of 3 runs"
    assert before.items() <= hashes(tmp_path / "batch").items()


def test_another_function_of_the_same_name_is_not_mixed_with_finished_runs(tmp_path):
    manager = SimulationManager([toy_sim("toy").copy(metrics={"m": Scorer()})], 1, "batch", seed=1)
    manager.run_all(in_process=True, progress=False)
    manager.simulation_list[0] = toy_sim("toy").copy(metrics={"m": last_position})
    with pytest.raises(SimulationError, match=r"has finished runs, but metrics.*changed"):
        manager.run_all(in_process=True, progress=False)
    manager.rerun_simulation("toy", include_finished=True, in_process=True, progress=False)
    assert manager.results().metric("m")["toy"].values.tolist() != [7.0]


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ({"a": 1}, {"a": 1}, True),
        ({"a": 1}, {"a": 2}, False),
        ({"a": 1}, {"a": 1, "metrics": {"m": "x:f"}}, True),
        ({"a": 1, "metrics": {"m": "x:f"}}, {"a": 1, "metrics": {"n": "x:g", "m": "x:f"}}, True),
        ({"a": 1, "metrics": {"m": "x:f"}}, {"a": 1, "metrics": {"m": "x:g"}}, False),
        ({"a": 1, "metrics": {"m": "x:f"}}, {"a": 2, "metrics": {"m": "x:f"}}, False),
    ],
)
def test_metrics_are_no_parameters_unless_one_name_means_two_things(one, other, alike):
    assert give_the_same_results(one, other) is alike
    assert give_the_same_results(other, one) is alike


def test_a_metric_that_kills_its_worker_costs_its_own_run_alone(tmp_path):
    """The results of that run were in place, but nobody can say that it is whole."""
    sims = [toy_sim("good").copy(metrics={"m": Scorer()}), toy_sim("killer").copy(metrics={"m": end_the_process})]
    manager = SimulationManager(sims, 2, "batch", seed=1)
    manager.run_all(1, progress=False)
    results = manager.results()
    assert results.counts("good")["finished"] == results.counts("killer")["error"] == 2
    assert results.metric("m")["good"].text == "2 of 2 runs"


def end_the_process(agent, env, history):
    os._exit(3)


def test_a_loop_may_be_wrapped_and_described_the_same_in_every_process():
    sim = toy_sim(loop=functools.partial(toy_loop, n_steps=3))
    assert "0x" not in describe_simulation(sim)["training_loop"]
