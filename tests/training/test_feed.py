"""The loops of this package log what updates return, once a run has lasted for a second."""

import numpy as np
import pytest
from toys import ToyAgent, ToyArena

from simmanager import SimulationManager, SingleSim, default_training_loop, diverged, read_results
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


def test_rules_see_what_is_logged(at_once):
    manager = SimulationManager(
        [SingleSim(LosingAgent, {}, ToyArena, {}, default_training_loop, {"n_steps": 10**6}, "s", None, None)],
        1,
        "b",
        seed=1,
    )
    manager.simulation_list[0].fail_when = [diverged("loss")]
    with pytest.raises(BaseException, match="diverged: loss is nan at step"):
        manager.run_all(1, in_process=True, progress=False)
    (run_now,) = manager.status().runs
    assert run_now.state == "error" and run_now.reason.startswith("diverged: loss is nan at step")
