"""The process that keeps deadlines: started anew when somebody ends it, and whatever the manager has open."""

import os
import resource
from dataclasses import replace

import pytest
from one_run import make
from toys import toy_sim

from simmanager.dispatch.slots import Slots
from simmanager.dispatch.stop import Stop
from simmanager.dispatch.supervision import Job, supervise
from simmanager.dispatch.worker_process import WorkerSettings

#: Seconds that each run may take.
TIMEOUT_S = 60.0


@pytest.fixture
def slots():
    slots = Slots(WorkerSettings())
    yield slots
    slots.close()


def test_a_process_that_was_ended_is_started_anew_for_the_next_run(tmp_path, slots):
    _, first = make(tmp_path, toy_sim())
    assert supervise(Job(replace(first, timeout_s=TIMEOUT_S)), slots, Stop()).state == "finished"
    process = slots.deadlines._process
    process.kill()
    process.wait()
    _, second = make(tmp_path, toy_sim(), "run_1_22-11-2026_14-15-33-591")
    assert supervise(Job(replace(second, timeout_s=TIMEOUT_S)), slots, Stop()).state == "finished"
    assert slots.deadlines._process.poll() is None and slots.deadlines._process.pid != process.pid


def test_a_manager_may_have_a_thousand_files_open(tmp_path, slots):
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= limits[1] < 2000:
        pytest.skip("not so many files may be opened here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (2000, limits[1]))
    opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    try:
        _, task = make(tmp_path, toy_sim())
        outcome = supervise(Job(replace(task, timeout_s=TIMEOUT_S)), slots, Stop())
        assert (outcome.state, outcome.reason) == ("finished", "")
    finally:
        for descriptor in opened:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
