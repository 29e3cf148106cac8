"""Callers that lack what most have: a stdout, arguments, a Python of their own, files to open."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from toys import python, toy_sim

from simmanager import OneShot, SimManagerError, SimulationManager, read_status, save_checkpoint
from simmanager.cli.main import main
from simmanager.dispatch import run_batch


def batch(*sims, name="b"):
    return SimulationManager(sims or [toy_sim()], 1, name, seed=7)


@pytest.mark.parametrize("stdout", ["missing", "closed", "full"])
def test_a_batch_is_executed_whatever_stdout_is(stdout, monkeypatch, capfd):
    if stdout == "full" and not Path("/dev/full").exists():
        pytest.skip("there is no such device here")
    monkeypatch.delattr(sys, "argv")  # a program that embeds Python may have none
    file = open("/dev/full" if stdout == "full" else os.devnull, "w", buffering=1)  # noqa: PTH123
    if stdout == "closed":
        file.close()
    monkeypatch.setattr(sys, "stdout", None if stdout == "missing" else file)
    manager = batch()
    assert manager.run_all(1).all_finished
    assert manager.run_all(1).all_finished  # nothing to do is said, too
    assert main(["status", "b"]) == (0 if stdout == "missing" else 2)
    said = {"missing": "", "closed": "(it is closed)\n", "full": "(No space left on device)\n"}[stdout]
    assert capfd.readouterr().err == f"simmanager: the output cannot be written {said}" * bool(said)
    file.close()


class OwnStream:
    """What a user may put in the place of stdout: half of a stream, or one that has broken."""

    def __init__(self, error=None):
        self.error, self.text = error, ""

    def write(self, text):
        if self.error:
            raise self.error
        self.text += text


@pytest.mark.parametrize("error", [None, RuntimeError("broken")], ids=["half a stream", "broken"])
def test_a_batch_is_executed_whatever_object_stdout_and_stderr_are(error, monkeypatch):
    monkeypatch.setattr(run_batch, "remove_leftovers", lambda batch: ["x cannot be removed"])  # that is told, too
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, OwnStream(error))
    told = []
    manager = batch()
    assert manager.run_all(1, on_event=told.append).all_finished
    assert manager.run_all(1).all_finished and manager.rerun_simulation(include_finished=True, n_jobs=1).all_finished
    assert [event.kind for event in told][-1] == "batch_ended"
    assert error or ("note: x cannot be removed" in sys.stdout.text and "1 run: 1 finished" in sys.stdout.text)


def test_a_checkpoint_that_cannot_be_saved_ends_no_run_that_has_lost_its_stderr():
    def saves():
        sys.stderr.close()
        save_checkpoint(threading.Lock())  # cannot be pickled
        return {"saved": 0}

    manager = batch(OneShot(saves, simulation_id="saves"))
    assert manager.run_all(1, progress=False, checkpoint_every_s=0.001).runs[0].reason == ""
    assert manager.status().all_finished


@pytest.mark.parametrize("way", ["no path", "an empty path", "frozen"])
def test_without_a_python_to_start_nothing_is_started_and_the_queue_stays(way, monkeypatch, tmp_path):
    started = tmp_path / "started"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\necho >> {started}\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", {"no path": None, "an empty path": "", "frozen": str(program)}[way])
    monkeypatch.setattr(sys, "frozen", way == "frozen", raising=False)
    manager = batch()
    with pytest.raises(SimManagerError, match=r"No worker process can be started.*in_process=True"):
        manager.run_all(2, progress=False)
    assert not started.exists()
    assert manager.status().counts["in_queue"] == 1
    assert manager.run_all(progress=False, in_process=True).all_finished


def test_a_program_that_embeds_python_is_started_once_at_most(monkeypatch, tmp_path):
    """It is not frozen, and its sys.executable is itself: a web server, or a program for drawing."""
    started, program = tmp_path / "started", tmp_path / "program"
    program.write_text(f"#!/bin/sh\necho started >> {started}\n")
    program.chmod(0o755)
    manager = SimulationManager([toy_sim()], 8, "b")
    with monkeypatch.context() as embedded:
        embedded.setattr(sys, "executable", str(program))
        with pytest.raises(SimManagerError, match="A worker process could not be started"):
            manager.run_all(4, progress=False)
    assert started.read_text() == "started\n"
    assert manager.status().counts["in_queue"] == 8
    other = tmp_path / "interpreter"  # has another name, too, but is Python
    other.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    other.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(other))
    assert manager.run_all(2, progress=False).all_finished


def test_workers_hear_of_their_children_whatever_the_parent_ignores(monkeypatch):
    def call(n_steps=3):
        return {
            "code": subprocess.call(["sh", "-c", "exit 3"]),
            "blocked": len(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
        }

    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN), signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    try:
        manager = batch(OneShot(call, simulation_id="call"))
        manager.run_all(1, progress=False)
    finally:
        signal.signal(signal.SIGCHLD, before[0])
        signal.pthread_sigmask(signal.SIG_SETMASK, before[1])
    assert manager.results().runs[0].metrics == {"code": 3, "blocked": 0}


def test_too_few_descriptors_are_told_in_one_line_and_the_queue_stays():
    SimulationManager([toy_sim()], 2, "b").generate_sim_paths()
    program = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (12, 12))\n"
        "from simmanager.cli.main import main; sys.exit(main(['resume', 'b', '--jobs', '2']))"
    )
    done = python(program)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and "Too many open files (the limits of the system: ulimit -a" in done.stderr
    assert read_status("b").counts["in_queue"] == 2
