"""The run that this process executes: known while it lasts, and to nobody outside."""

from pathlib import Path

import pytest
from toys import toy_sim

from simmanager import OneShot, SimulationManager, load_checkpoint, report_progress, save_checkpoint
from simmanager.base.current_run import CurrentRun, current_run, executing


class Kept:
    def __init__(self):
        self.states = []

    def save(self, state):
        self.states.append(state)

    def load(self):
        return self.states[-1] if self.states else None


def test_outside_of_a_run_there_is_none_and_what_is_said_goes_nowhere():
    assert current_run() is None
    report_progress(1, 2)
    save_checkpoint("state")
    assert load_checkpoint() is None


def test_what_models_say_reaches_the_run_that_is_executed():
    told, kept = [], Kept()
    run = CurrentRun(Path("run_0"), 7, tell_progress=lambda *progress: told.append(progress), checkpoints=kept)
    with executing(run):
        assert current_run() is run
        report_progress(1, 2)
        save_checkpoint("state")
        assert load_checkpoint() == "state"
    assert told == [(1, 2)]
    assert kept.states == ["state"]


def test_a_run_that_raises_is_no_longer_the_current_one():
    with pytest.raises(ValueError), executing(CurrentRun(Path(), 1)):
        raise ValueError
    assert current_run() is None


def test_a_run_within_a_run_gives_its_place_back():
    outer, inner = CurrentRun(Path("a"), 1), CurrentRun(Path("b"), 2)
    with executing(outer):
        with executing(inner):
            assert current_run() is inner
        assert current_run() is outer


def loop_that_notes_its_run(agent, env):
    run = current_run()
    return agent, env, {"seed": [run.seed], "attempt": [run.attempt], "folder": [str(run.folder)]}


def test_a_loop_in_a_worker_finds_folder_seed_and_attempt():
    manager = SimulationManager([toy_sim("toy", loop_that_notes_its_run)], 2, "batch", seed=3)
    status = manager.run_all(1, progress=False)
    for run_id, run in enumerate(status.runs):
        _, _, history = manager.load_results("toy", run_id)
        assert history == {"seed": [run.seed], "attempt": [1], "folder": [str(run.path)]}


def seeds_drawn_before(seed):
    """Give the seed that is passed on, whatever has been drawn before."""
    return {"seed": seed}


def test_a_function_gets_the_seed_of_its_run_however_the_generators_stand():
    import numpy as np

    call = OneShot(seeds_drawn_before).training_loop
    with executing(CurrentRun(Path(), 12345)):
        np.random.random(5)
        assert call(None, None)[0] == {"seed": 12345}
    assert 0 <= call(None, None)[0]["seed"] < 2**32  # by hand, without a run: drawn
