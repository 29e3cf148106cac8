"""The loops: what is called when, and what is recorded."""

import numpy as np
import pytest

from simmanager.base.current_run import CurrentRun, executing
from simmanager.base.errors import ParameterError, ParameterTypeError
from simmanager.training.loops import default_training_loop, episode_based_training_loop


class Recorder:
    """An agent and an arena in one, that writes down who was called."""

    def __init__(self, outputs=None):
        self.calls, self.n_updates = [], 0
        self.outputs = outputs or (lambda i: {"value": float(i)})

    def reset(self):
        self.calls.append("reset")
        return np.zeros(3), None

    def act(self, obs):
        assert len(obs) == 2
        self.calls.append("act")
        return "left"

    def step(self, action):
        assert action == "left"
        self.calls.append("step")
        return np.zeros(3), None, 0

    def update(self):
        self.calls.append("update")
        self.n_updates += 1
        return self.outputs(self.n_updates - 1)


def both_loops(n, **changes):
    for loop, params in (
        (default_training_loop, {"n_steps": n}),
        (episode_based_training_loop, {"t_episode": n, "n_episode": 1}),
    ):
        yield lambda both, loop=loop, params=params: loop(both, both, **params, **changes)[2]


def test_the_default_loop_steps_before_it_learns():
    both = Recorder()
    agent, env, history = default_training_loop(both, both, 2)
    assert agent is env is both
    assert both.calls == ["reset", "act", "step", "update", "act", "step", "update"]
    assert history["value"].tolist() == [0, 1]


def test_the_episode_loop_learns_before_it_steps_and_resets_once():
    both = Recorder()
    _, _, history = episode_based_training_loop(both, both, t_episode=1, n_episode=2)
    assert both.calls == ["reset", "act", "update", "step", "act", "update", "step"]
    assert history["value"].tolist() == [0, 1]


def test_every_kth_iteration_is_recorded_and_all_are_run():
    for loop in both_loops(10, record_every=4):
        both = Recorder()
        assert loop(both)["value"].tolist() == [0, 4, 8]
        assert both.n_updates == 10


def test_iterations_without_output_are_nan():
    for loop in both_loops(3):
        history = loop(Recorder(lambda i: None if i != 1 else {"value": 1}))
        np.testing.assert_array_equal(history["value"], [np.nan, 1, np.nan])


def test_an_agent_without_output_has_an_empty_history():
    for loop in both_loops(3):
        assert loop(Recorder(lambda i: None)) == {}


def test_no_steps_give_no_history():
    for loop in both_loops(0):
        both = Recorder()
        assert loop(both) == {}
        assert both.calls == ["reset"]


def test_a_number_of_steps_is_rounded():
    both = Recorder()
    assert len(default_training_loop(both, both, 2.6)[2]["value"]) == 3


@pytest.mark.parametrize("name", ["n_steps", "t_episode", "n_episode", "record_every"])
def test_numbers_of_steps_that_make_no_sense_are_refused(name):
    both = Recorder()
    loop = default_training_loop if name in ("n_steps", "record_every") else episode_based_training_loop
    params = {"n_steps": 1} if loop is default_training_loop else {"t_episode": 1, "n_episode": 1}
    for value, error in ((-1, ParameterError), ("many", ParameterTypeError), (float("nan"), ParameterError)):
        with pytest.raises(error, match=f"{name} must be"):
            loop(both, both, **(params | {name: value}))
    assert both.calls == []


def test_progress_is_reported_up_to_the_end():
    reports = []
    run = CurrentRun(seed=1, tell_progress=lambda done, total: reports.append((done, total)))
    with executing(run):
        both = Recorder()
        default_training_loop(both, both, 1000)
    assert reports[0] == (1, 1000) and reports[-1] == (1000, 1000)
    assert 4 <= len(reports) <= 10
    assert reports == sorted(reports)
