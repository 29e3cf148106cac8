"""One run_all: its workers get ready while its runs are looked at, and are let go whatever happens."""

import time
from pathlib import Path

import pytest
from toys import toy_sim, waiting_loop

from simmanager import OneShot, SimulationManager
from simmanager.base.current_run import report_progress
from simmanager.dispatch import batch_supervision, run_batch
from simmanager.dispatch.slots import Slots
from simmanager.status.progress_bar import Progress


@pytest.fixture
def started(monkeypatch):
    """Workers that were started, and whether the runs had been looked at by then."""
    looked, workers = [], []
    run_due, start = run_batch._run_due, Slots._start
    monkeypatch.setattr(run_batch, "_run_due", lambda *args, **options: looked.append(1) or run_due(*args, **options))
    monkeypatch.setattr(Slots, "_start", lambda *args: workers.append(bool(looked)) or start(*args))
    return workers


def short(seconds):
    """Take so long."""
    time.sleep(seconds)
    return {}


def slow(seconds):
    """Take so long, and say after a third of it that a third is done."""
    time.sleep(seconds / 3)
    report_progress(1, 3)
    time.sleep(seconds * 2 / 3)
    return {}


def test_the_time_left_is_never_less_than_what_a_running_run_has_left(monkeypatch):
    told = []
    monkeypatch.setattr(Progress, "tick", lambda progress, running, eta_s, paused="": told.append(eta_s))
    sims = [OneShot(short, {"seconds": 0.01}, "short"), OneShot(slow, {"seconds": 4.0}, "slow")]
    assert SimulationManager(sims, 1, "batch").run_all(2, progress=False).all_finished
    assert max(filter(None, told)) > 1.5, "the mean of the short runs would have it over in no time"


def manager_of(*, runs=3):
    return SimulationManager([toy_sim("a")], runs, "batch", seed=1)


def test_the_first_time_workers_get_ready_while_the_runs_are_looked_at(started):
    manager = manager_of()
    assert manager.run_all(2, progress=False).all_finished
    assert started == [False, False]
    manager.extend(4)
    assert manager.run_all(2, progress=False).all_finished
    assert started == [False, False, True]


def test_no_more_workers_get_ready_than_there_are_runs(started):
    assert manager_of(runs=1).run_all(2, progress=False).all_finished
    assert started == [False]


def test_workers_that_got_ready_for_nothing_are_let_go(started):
    manager = manager_of()
    manager.run_all(in_process=True, progress=False)
    Path("batch/starts.log").unlink()  # as in a folder of an earlier version
    assert manager.run_all(2, progress=False).all_finished
    assert len(started) == 2  # and no process is left, as after every test


def test_workers_are_let_go_when_the_runs_cannot_be_looked_at(monkeypatch, started):
    def fails(*args, **options):
        raise ZeroDivisionError

    monkeypatch.setattr(run_batch, "_run_due", fails)
    with pytest.raises(ZeroDivisionError):
        manager_of().run_all(2, progress=False)
    assert started == [False, False]


def test_runs_that_an_error_of_the_manager_ends_were_not_stopped_by_the_user(tmp_path, monkeypatch):
    def fails(*args):
        raise ZeroDivisionError

    monkeypatch.setattr(batch_supervision.BatchSupervision, "_on_end", fails)
    started = str(tmp_path / "started")
    waits = toy_sim("waits", waiting_loop, gate="nobody makes it", started=started)
    manager = SimulationManager([waits, toy_sim("ends", waiting_loop, gate=started)], 1, "batch", seed=1)
    with pytest.raises(ZeroDivisionError):
        manager.run_all(2, progress=False)
    run, _ = manager.status().runs
    assert (run.state, run.reason) == ("interrupted", "stopped by an error of the manager")
