"""log_metrics: curves of a run that are there while it goes on, and whatever becomes of it."""

import os
import time
from pathlib import Path

import numpy as np
import pytest
from one_run import execute, make
from toys import ToyAgent, ToyArena, toy_loop, toy_sim
from trouble import wait_for

from simmanager import OneShot, SimulationManager, SingleSim, log_metrics, read_results, read_status, reproduce
from simmanager.base.current_run import current_run
from simmanager.disk.metric_log import METRIC_LOG
from simmanager.simulation.sweep import sweep
from simmanager.status.tree import plain_status


def logs(n=5, end="", every=10):
    """Log n values, then end as it is told."""
    for number in range(n):
        log_metrics({"loss": 1 / (1 + number), "reward": number}, step=number * every)
    if end == "raise":
        raise ValueError("diverged")
    if end == "die":
        os._exit(3)
    if end == "hang":
        time.sleep(600)
    return {"y": [1.0]}


def batch(runs=1, **params):
    return SimulationManager([OneShot(logs, params)], runs, "b", seed=1)


def logged(run):
    return {name: (found.steps.tolist(), found.values.tolist()) for name, found in run.logged.items()}


EXPECTED = {
    "loss": ([0, 10, 20, 30, 40], [1.0, 1 / 2, 1 / 3, 1 / 4, 1 / 5]),
    "reward": ([0, 10, 20, 30, 40], [0.0, 1.0, 2.0, 3.0, 4.0]),
}


def test_outside_of_a_run_it_does_nothing(tmp_path):
    assert not current_run()
    log_metrics({"loss": 1.0})
    assert list(tmp_path.iterdir()) == []


def test_of_a_finished_run_they_are_curves_as_the_keys_of_its_history():
    results = batch(2).run_all(1, progress=False) and read_results("b")
    assert results.keys == ("y", "loss", "reward")
    curves = results.curves("loss")["logs"]
    assert curves.iterations.tolist() == EXPECTED["loss"][0]
    np.testing.assert_array_equal(curves.values, [EXPECTED["loss"][1]] * 2)
    assert [logged(run) for run in results.runs] == [EXPECTED] * 2


@pytest.mark.parametrize(("end", "options"), [("raise", {}), ("die", {}), ("hang", {"timeout": 2})])
def test_a_run_that_ends_badly_has_logged_what_it_has_logged(end, options):
    batch(end=end).run_all(1, progress=False, **options)
    (run,) = read_results("b").runs
    assert run.state == "error"
    assert logged(run) == EXPECTED


def waits():
    """Log, then wait for a file beside the batch."""
    log_metrics({"loss": 1.0})
    folder = current_run().batch
    while not (folder.parent / "gate").exists():
        time.sleep(0.01)
    log_metrics({"loss": 2.0})
    return {"y": [1.0]}


def test_they_are_read_while_the_run_goes_on():
    handle = SimulationManager([OneShot(waits)], 1, "b").start(1)
    try:
        wait_for(lambda: logged(read_results("b").runs[0]) == {"loss": ([0], [1.0])})
        (line,) = [line for line in plain_status(read_status("b")) if "run_0" in line]
        assert "running" in line and line.endswith(", loss 1")
    finally:
        Path("gate").touch()
        assert handle.wait(60).all_finished
    assert logged(read_results("b").runs[0]) == {"loss": ([0, 1], [1.0, 2.0])}
    assert not any("loss" in line for line in plain_status(read_status("b"))), "it is over"


def fails_once(n=3):
    """Log, and fail at the first attempt."""
    attempt = current_run().attempt
    for _ in range(n if attempt == 1 else 1):
        log_metrics({"attempt": attempt})
    if attempt == 1:
        os._exit(3)
    return {"y": [1.0]}


def test_a_retry_begins_anew_and_the_earlier_attempt_keeps_its_own():
    assert SimulationManager([OneShot(fails_once)], 1, "b").run_all(1, retries=1, progress=False).all_finished
    (run,) = read_results("b").runs
    assert logged(run) == {"attempt": ([0], [2.0])}
    assert len((run.path / "attempt_1" / METRIC_LOG).read_text().splitlines()) == 3


def test_where_the_history_has_the_name_too_its_curve_is_that_of_the_history():
    def both():
        log_metrics({"loss": 9.0}, step=7)
        return {"loss": [1.0, 2.0]}

    SimulationManager([OneShot(both)], 1, "b").run_all(1, progress=False)
    results = read_results("b")
    assert results.curves("loss")["both"].values.tolist() == [[1.0, 2.0]]
    assert logged(results.runs[0]) == {"loss": ([7], [9.0])}


def loop_with_a_stride(agent, env, n_steps=40, record_every=10):
    """A history with every tenth step, and a loss with the steps that it has."""
    agent, env, history = toy_loop(agent, env, n_steps=n_steps // record_every)
    for step in (0, 20, 39):
        log_metrics({"loss": float(step)}, step)
    return agent, env, history


def test_steps_are_what_the_run_said_also_where_the_history_has_every_tenth_only():
    sim = SingleSim(
        agent_class=ToyAgent,
        env_class=ToyArena,
        training_loop=loop_with_a_stride,
        training_loop_params={"record_every": 10},
        simulation_id="a",
    )
    SimulationManager([sim], 1, "b").run_all(1, progress=False)
    results = read_results("b")
    assert results.curves("loss")["a"].iterations.tolist() == [0, 20, 39]
    of_history = next(key for key in results.keys if key != "loss")
    assert results.curves(of_history)["a"].iterations.tolist()[:2] == [0, 10]


def test_a_run_without_logged_numbers_has_no_file():
    SimulationManager([toy_sim("a")], 1, "b").run_all(1, progress=False)
    (run,) = read_results("b").runs
    assert not (run.path / METRIC_LOG).exists() and run.logged == {}


def test_runs_are_compared_and_reproduced_by_what_they_logged():
    sims = sweep(OneShot(logs, {"every": 10}), {"training_loop_params.n": [5, 7]})
    SimulationManager(sims, 3, "b").run_all(2, progress=False)
    results = read_results("b")
    lengths = {name: len(curves.iterations) for name, curves in results.curves("loss").items()}
    assert sorted(lengths.values()) == [5, 7]
    again = reproduce(results.runs[0].path)
    assert again.same and again.curves == {}


def test_a_name_that_cannot_be_that_of_a_curve_is_said_and_kept_in_the_log():
    def odd():
        log_metrics({"steps:x": 1.0, "loss": 2.0})
        return {"y": [1.0]}

    SimulationManager([OneShot(odd)], 1, "b").run_all(1, progress=False)
    (run,) = read_results("b").runs
    assert run.left_out == {"steps:x": "its name cannot be that of a curve"}
    assert logged(run) == {"steps:x": ([0], [1.0]), "loss": ([0], [2.0])}
    assert read_results("b").keys == ("y", "loss")


def test_what_is_no_number_fails_the_run_with_its_place():
    def wrong():
        log_metrics({"loss": "low"})
        return {"y": [1.0]}

    SimulationManager([OneShot(wrong)], 1, "b").run_all(1, progress=False)
    (run,) = read_results("b").runs
    assert "in wrong: ParameterTypeError: The metric 'loss' must be a number, not 'low' (str)." in run.error


def test_a_run_in_this_process_logs_as_in_a_worker(tmp_path):
    folder, task = make(tmp_path, toy_sim("a", _logging_loop))
    assert execute(task)[0].state == "finished"
    assert len((folder.path / METRIC_LOG).read_text().splitlines()) == 1


def _logging_loop(agent, env, **params):
    log_metrics({"loss": 1.0})
    return toy_loop(agent, env)
