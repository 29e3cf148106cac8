"""The loops of this package log what updates return, once a run has lasted for a second."""

import numpy as np
import pytest
from toys import ToyAgent, ToyArena

from simmanager import SimulationManager, SingleSim, default_training_loop, diverged, no_improvement, read_results
from simmanager import reinforcement_learning_loop as learning_loop
from simmanager.training import feed


class NumbersAgent(ToyAgent):
    """Its updates return numbers, and what is none."""

    def update(self):
        super().update()
        n = self.updates
        return {"n": n, "half": np.float32(n / 2), "rows": np.zeros(3), "text": "x", "is": True, "bad\n": 1.0 * n}


class LosingAgent(ToyAgent):
    def update(self):
        super().update()
        return {"loss": float("nan") if self.updates > 50 else 1.0}


def run(agent, loop, params, **fields):
    manager = SimulationManager([SingleSim(agent, {}, ToyArena, {}, loop, params, "s", **fields)], 1, "b", seed=1)
    manager.run_all(1, in_process=True, progress=False)
    (result,) = read_results(manager.results_path)
    return manager, result


@pytest.fixture
def at_once(monkeypatch):
    monkeypatch.setattr(feed, "_LONG_S", 0.0)


def test_a_short_run_logs_nothing():
    _, result = run(NumbersAgent, default_training_loop, {"n_steps": 100})
    assert result.logged == {} and not (result.path / "metrics.jsonl").exists()


def test_numbers_of_the_last_iteration_are_logged_now_and_then(at_once):
    manager, result = run(ToyAgent, default_training_loop, {"n_steps": 500})
    logged = result.logged["updates"]
    assert logged.values.tolist() == [step + 1 for step in logged.steps.tolist()], "as the history has them"
    _, _, history = manager.simulation_list[0].load_results(result.path)
    assert history["updates"][logged.steps].tolist() == logged.values.tolist()
    curves = manager.results().curves("updates")["s"]
    assert len(curves.iterations) == 500, "the curve is that of the history"


def test_what_is_no_number_or_has_no_name_of_a_metric_is_left_out(at_once):
    _, result = run(NumbersAgent, default_training_loop, {"n_steps": 50})
    assert result.state == "finished" and set(result.logged) == {"n", "half"}


def test_episodes_are_logged_when_they_end(at_once):
    _, result = run(NumbersAgent, learning_loop, {"n_episode": 7, "t_episode": 5})
    logged = result.logged
    assert logged["episode_length"].steps.tolist() == list(range(7))
    assert logged["episode_length"].values.tolist() == [5.0] * 7 and "episode_return" in logged


def test_a_key_that_the_history_has_is_no_curve_of_its_own(at_once):
    """What is sampled now and then, as quickly as the machine is, must not get into a number."""

    class Mixed(ToyAgent):
        def update(self):
            super().update()
            return {"n": self.updates, "mixed": 1.0 if self.updates in (3, 7) else "x"}

    _, result = run(Mixed, default_training_loop, {"n_steps": 200})
    assert "mixed" in result.logged and "mixed" in result.left_out, "a text has no curve"
    assert set(read_results("b").keys) == {"n"}


@pytest.mark.parametrize("blocks", [False, True])
def test_what_rules_see_does_not_depend_on_how_quick_the_machine_is(blocks):
    """They see every iteration, from the first on, also of models that work in blocks."""

    class Agent(LosingAgent):
        works_in_blocks = blocks

    class Arena(ToyArena):
        works_in_blocks = blocks

    sim = SingleSim(Agent, {}, Arena, {}, default_training_loop, {"n_steps": 10**6}, "s", fail_when=[diverged("loss")])
    SimulationManager([sim], 1, "b", seed=1).run_all(1, progress=False)
    (result,) = read_results("b")
    assert (result.state, result.error) == ("error", "diverged: loss is nan at step 50")
    assert result.logged["loss"].steps.tolist() == list(range(51))


def test_a_history_ends_with_the_iteration_that_a_rule_saw():
    rule = no_improvement("updates", 10)
    for every, n_rows in ((1, 11), (4, 3)):
        params = {"n_steps": 1000, "record_every": every}
        sim = SingleSim(ToyAgent, {}, ToyArena, {}, default_training_loop, params, f"every {every}".replace(" ", "_"))
        sim.stop_when = [rule]
        manager = SimulationManager([sim], 1, f"b{every}", seed=1)
        manager.run_all(1, progress=False)
        (result,) = read_results(manager.results_path)
        assert result.stopped_early == "stopped early: updates has not improved since step 0, at step 10"
        agent, _, history = sim.load_results(result.path)
        assert agent.updates == 11 and len(history["updates"]) == n_rows


def test_episodes_end_by_rules_too():
    rule = no_improvement("episode_length", 3)
    sim = SingleSim(ToyAgent, {}, ToyArena, {}, learning_loop, {"n_episode": 50, "t_episode": 5}, "s", stop_when=[rule])
    SimulationManager([sim], 1, "b", seed=1).run_all(1, progress=False)
    (result,) = read_results("b")
    _, _, history = sim.load_results(result.path)
    assert len(history["episode_length"]) == 4 and "at step 3" in result.stopped_early
