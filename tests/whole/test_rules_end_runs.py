"""fail_when and stop_when: a run ends by what it logs, and what it gave until then is there."""

import functools
import json
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from toys import ToyAgent, ToyArena, toy_sim

from simmanager import (
    OneShot,
    SimulationManager,
    SingleSim,
    compare,
    default_training_loop,
    diverged,
    log_metrics,
    no_improvement,
    read_results,
    reinforcement_learning_loop,
)
from simmanager.cli.main import main


def logging_loop(agent, env, losses=(), catches=False, thread=False):
    """Log losses one by one; the agent counts how many."""

    def work():
        for step, loss in enumerate(losses):
            agent.update()
            try:
                log_metrics({"loss": loss, "other": 1.0}, step=step)
            except Exception:  # a careless model
                if not catches:
                    raise

    if thread:
        worker = threading.Thread(target=work)
        worker.start()
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            time.sleep(0.01)
    else:
        work()
    return agent, env, {"steps": np.arange(len(losses))}


def sim(losses, name="s", **rules):
    options = {key: rules.pop(key) for key in ("catches", "thread") if key in rules}
    made = toy_sim(name, logging_loop, losses=losses, **options)
    return made.copy(**rules)


def run(*simulations, runs=1):
    manager = SimulationManager(list(simulations), runs, "b", seed=1)
    manager.run_all(2, progress=False)
    return manager


@pytest.mark.parametrize("options", [{}, {"catches": True}, {"thread": True}])
def test_a_run_that_diverges_has_failed_at_once(options):
    manager = run(sim([1.0, 0.5, float("nan"), 7.0, 8.0], fail_when=[diverged("loss")], **options))
    (result,) = read_results(manager.results_path)
    assert (result.state, result.error) == ("error", "diverged: loss is nan at step 2")
    logged = result.logged["loss"]
    assert logged.steps.tolist() == [0, 1, 2] and np.isnan(logged.values[2])
    assert json.loads((result.path / "run.json").read_text())["stopped_early"] == ""


def test_a_failure_by_a_rule_is_no_crash_and_is_retried_as_an_error_only():
    manager = SimulationManager([sim([float("inf")], fail_when=[diverged("loss")])], 1, "b", seed=1)
    manager.run_all(1, retries=2, progress=False)
    (one,) = manager.status().runs
    assert (one.state, one.attempt, one.reason) == ("error", 1, "diverged: loss is inf at step 0")


@pytest.mark.parametrize("thread", [False, True])
def test_a_run_that_does_not_improve_is_finished_early_and_says_so(thread):
    losses = [3.0, 2.0, 2.5, 2.5, 2.5, 1.0]
    manager = run(sim(losses, stop_when=[no_improvement("loss", 3)], thread=thread))
    (one,) = manager.status().runs
    said = "stopped early: loss has not improved since step 1, at step 4"
    assert (one.state, one.reason) == ("finished", said)
    (result,) = read_results(manager.results_path)
    assert result.stopped_early == said
    agent, _, history = manager.simulation_list[0].load_results(result.path)
    assert agent.updates == 5 and history == {}
    curves = read_results(manager.results_path).curves("loss")["s"]
    assert curves.values[0].tolist() == losses[:5]
    assert said in (result.path / "run.log").read_text()


def rebinding_loop(agent, env):
    """Train another agent than the one that it was given, as after ``load_checkpoint``."""
    agent = ToyAgent()
    for _ in range(100):
        agent.update()
        log_metrics({"loss": 1.0})
    return agent, env, {}


def wrapped(*args, **params):
    return rebinding_loop(*args, **params)


@pytest.mark.parametrize("loop", [rebinding_loop, functools.partial(rebinding_loop), wrapped])
def test_the_agent_is_the_one_that_the_loop_has_then(loop):
    sim = SingleSim(ToyAgent, {}, ToyArena, {}, loop, {}, "s", stop_when=[no_improvement("loss", 5)])
    run(sim)
    (result,) = read_results("b")
    agent, _, _ = sim.load_results(result.path)
    assert result.stopped_early and agent.updates == 6


class LoggingAgent(ToyAgent):
    def update(self):
        super().update()
        log_metrics({"loss": 1.0 / min(self.updates, 30)})
        return {"updates": float(self.updates)}


@pytest.mark.parametrize(
    ("loop", "params", "n_rows"),
    [
        (default_training_loop, {"n_steps": 1000}, 39),
        (default_training_loop, {"n_steps": 1000, "record_every": 4}, 10),
        (reinforcement_learning_loop, {"n_episode": 100, "t_episode": 10}, 3),
    ],
)
def test_the_loops_of_this_package_return_their_history_so_far(loop, params, n_rows):
    """The loss is lowest at the 30th update: ten steps later, in the 40th, the run ends."""
    rules = {"stop_when": [no_improvement("loss", 10)]}
    manager = run(SingleSim(LoggingAgent, {}, ToyArena, {}, loop, params, "s", **rules))
    (result,) = read_results(manager.results_path)
    assert result.stopped_early == "stopped early: loss has not improved since step 29, at step 39"
    agent, _, history = manager.simulation_list[0].load_results(result.path)
    assert agent.updates == 40
    assert {len(rows) for rows in history.values()} == {n_rows}
    assert not any(np.isnan(rows).any() for rows in history.values())


def test_statistics_say_how_many_were_stopped_early():
    flat, falling = [1.0] * 9, list(np.linspace(1, 0, 9))
    rules = {"stop_when": [no_improvement("loss", 3)]}
    manager = run(sim(flat, "flat", **rules), sim(falling, "falling", **rules), runs=4)
    found = {one.simulation_id: one for one in compare(manager.results(), key="loss").simulations}
    assert (found["flat"].n_stopped_early, found["falling"].n_stopped_early) == (4, 0)
    assert "4 runs stopped early" in found["flat"].remarks
    assert [row["stopped_early"] == "" for row in manager.results().rows()] == [False] * 4 + [True] * 4


def test_a_rule_for_what_is_never_logged_is_told():
    manager = run(sim([1.0], fail_when=[diverged("los")]))
    (one,) = manager.status().runs
    assert one.state == "finished"
    said = Path(one.path, "error.log").read_text()
    assert "a rule looks at 'los', which this run has not logged; it has logged: loss, other" in said


def test_rules_are_a_part_of_the_simulation():
    made = sim([1.0], fail_when=[diverged("loss", 3.0)], stop_when=[no_improvement("loss", 3)])
    manager = run(made)
    (entry,) = json.loads(Path("b/manager.json").read_text())["simulations"]
    assert entry["fail_when"] == ["diverged('loss', bound=3.0)"] and entry["stop_when"] == [
        "no_improvement('loss', patience=3)"
    ]
    again = SimulationManager(existing_simulation=manager.results_path)
    assert again.simulation_list[0].fail_when == [diverged("loss", 3.0)]
    again.simulation_list[0].fail_when = [diverged("loss", 4.0)]
    with pytest.raises(Exception, match="fail_when was changed"):
        again.run_all(1, progress=False)
    plain = sim([1.0])
    assert plain.fields["fail_when"] is None and b"fail_when" not in plain.recipe()


def train(losses):
    for loss in losses:
        log_metrics({"loss": loss})
    return {"x": [1.0]}


def test_a_function_ends_by_rules_too():
    manager = run(
        OneShot(train, {"losses": [1.0, float("nan")]}, "bad", fail_when=[diverged("loss")]),
        OneShot(train, {"losses": [1.0] * 5}, "flat", stop_when=[no_improvement("loss", 2)]),
    )
    assert [run.state for run in manager.status().runs] == ["error", "finished"]


def test_a_batch_file_has_rules(capsys):
    Path("mine.toml").write_text(
        """
        runs_per_sim = 1
        [[simulations]]
        simulation_id = "s"
        agent_class = "toys:ToyAgent"
        env_class = "toys:ToyArena"
        training_loop = "test_rules_end_runs:logging_loop"
        training_loop_params = { losses = [1.0, 20.0, 1.0] }
        fail_when = [{ diverged = "loss", bound = 10.0 }]
        """
    )
    assert main(["run", "mine.toml"]) == 1
    (one,) = read_results("mine")
    assert one.error == "diverged: loss is 20, beyond 10 at step 1"
    Path("bad.toml").write_text(Path("mine.toml").read_text().replace("bound", "bond"))
    assert main(["run", "bad.toml", "--id", "other"]) == 2
    assert "fail_when" in capsys.readouterr().err and not Path("other").exists()
