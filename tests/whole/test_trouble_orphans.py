"""The manager is killed, or its folder is taken away, while runs hang. Real processes, real signals."""

from __future__ import annotations

import json
import os
import re
import signal
from contextlib import contextmanager
from pathlib import Path

import pytest
from manager_process import start_batch, start_cli, start_script
from toys import listing, toy_sim
from trouble import is_alive, wait_for

from simmanager import BatchNotFound, RunState, SimulationManager
from simmanager.cli.main import main
from simmanager.dispatch import batch_supervision
from simmanager.status.reader import read_status

HANGING = (
    "[toy_sim('hangs', spin_loop, folder='hangs'), toy_sim('holds', pause_in_c_loop, folder='holds'),"
    " toy_sim('breeds', daemon_loop, folder='breeds')]"
)
NAMES = ("hangs", "holds", "breeds")


@pytest.fixture(autouse=True)
def folders(leaves_nothing_behind: None, tmp_path: Path) -> None:
    for name in NAMES:
        (tmp_path / name).mkdir()


@contextmanager
def abandoned(manager, stopped="hangs"):
    """Kill a manager whose runs hang, and stop one of the processes that it leaves; yields their ids by simulation."""
    wait_for(lambda: all(Path(name, "started").exists() for name in NAMES) or not manager.running())
    assert manager.running(), manager.output()
    runs = {run.simulation_id: run for run in read_status("b").runs}
    assert {run.state for run in runs.values()} == {RunState.RUNNING}
    os.kill(runs[stopped].pid, signal.SIGSTOP)
    manager.kill()
    for name in NAMES:
        Path(name, "started").unlink()
    pids = {name: run.pid for name, run in runs.items()}
    yield pids
    assert not any(map(is_alive, pids.values()))


def ends() -> set[tuple[str, str]]:
    return {(str(run.state), run.reason) for run in read_status("b").runs}


def test_a_run_keeps_its_time_limit_when_its_manager_is_killed():
    """One hangs and is stopped, one holds the interpreter in C, one has a daemon that left its session."""
    manager = start_batch(HANGING, jobs=3, then="manager.run_all(3, timeout=1.5)")
    with abandoned(manager):
        wait_for(lambda: ends() == {("error", "timed out after 1.5 s")}, "the runs to be ended")
    for run in read_status("b").runs:
        record = json.loads(Path(run.path, "run.json").read_text())
        assert (record["state"], record["reason"], record["pid"]) == (*ends().pop(), run.pid)
        assert record["duration_s"] >= 1.5 and record["provenance"]["simulation"]["simulation_id"] == run.simulation_id


def test_what_a_killed_manager_left_is_named_by_status_and_resume_and_ended_by_the_next_timeout(capsys, monkeypatch):
    monkeypatch.setattr(batch_supervision, "TELL_AFTER_S", 0.0)
    with abandoned(start_batch(HANGING, jobs=3)) as pids:
        advice = read_status("b").advice
        assert all(str(pid) in advice for pid in pids.values()) and "simmanager stop" in advice
        SimulationManager(existing_simulation="b").run_all(1, timeout=2.0)
    told = capsys.readouterr().out
    assert told.count("waits for process") == 3, "also those whose turn has not come, each once"
    for name, pid in pids.items():
        stopped = ", and which is stopped" if name == "hangs" else ""
        who = rf"{name} run 0 waits for process {pid}, which a manager that is gone started at \d\d:\d\d{stopped}"
        assert re.search(who, told), told
    assert ends() == {("error", "timed out after 2 s")}


@pytest.mark.slow
def test_stop_now_ends_what_killed_managers_left_with_a_manager_that_waits_and_without_one(capsys):
    with abandoned(start_batch(HANGING, jobs=3)) as pids:
        waiting = start_cli("resume", "b", "--jobs", "2")
        wait_for(lambda: waiting.output().count("waits for process") == 3 or not waiting.running())
        assert main(["stop", "b", "--now"]) == 0
        assert waiting.wait() == 1
        assert all(f"ended process {pid}," in waiting.output() for pid in pids.values())
    assert ends() == {("interrupted", "stopped by the user")}
    with abandoned(start_cli("resume", "b", "--jobs", "3"), stopped="holds") as pids:
        capsys.readouterr()
        assert main(["stop", "b", "--now"]) == 0
        told = capsys.readouterr().out
        assert told.startswith("No manager is running") and all(
            f"ended process {pid}," in told for pid in pids.values()
        )
    assert ends() == {("interrupted", "stopped by the user")}


def test_a_worker_that_hangs_after_its_run_is_ended_when_its_manager_is_killed():
    manager = start_batch(
        "[toy_sim('lingers', lingering_loop, folder='hangs')]", then="manager.run_all(1, timeout=1.5)"
    )
    started = Path("hangs", "started")
    wait_for(lambda: started.exists() or not manager.running())
    (run,) = read_status("b").runs
    assert (run.state, int(started.read_text())) == (RunState.FINISHED, run.pid), manager.output()
    manager.kill()
    assert is_alive(run.pid)
    wait_for(lambda: not is_alive(run.pid), "its time limit")


def test_runs_in_this_process_say_whom_they_leave_alone(capsys):
    with abandoned(start_batch(HANGING, jobs=3)) as pids:
        SimulationManager(existing_simulation="b").run_all(in_process=True)
        told = capsys.readouterr().out
        assert all(f"left alone: {name} run 0 waits for process {pid}," in told for name, pid in pids.items())
        assert main(["stop", "b", "--now"]) == 0


def test_a_process_that_only_bears_the_number_of_a_run_is_left_alone(capsys):
    """A state.log that names this very process, while another holds the lock."""
    manager = SimulationManager([toy_sim()], 1, "b")
    manager.generate_sim_paths()
    path = manager.run_paths[0]
    hold = start_script(
        "import time; from simmanager import RunFolder, RunState; from simmanager.disk.locks import take_lock\n"
        f"folder = RunFolder({path!r}); lock = take_lock(folder.lock_path, 0)\n"
        f"where = 'attempt=1 pid={os.getpid()} host={os.uname().nodename}'\n"
        "folder.move(folder.read_history(), (RunState.RUNNING, where))\n"
        "print('held', flush=True); time.sleep(60)"
    )
    try:
        wait_for(lambda: "held" in hold.output() or not hold.running())
        main(["stop", "b", "--now"])
        assert "left alone: it cannot be shown" in capsys.readouterr().out
        assert hold.running() and read_status("b").runs[0].state is RunState.RUNNING
    finally:
        hold.kill()


def test_a_batch_that_is_moved_away_while_it_runs_stops_and_the_one_in_its_place_is_not_touched():
    manager = start_batch("[toy_sim('w', waiting_loop, gate='gate', started='started')]", runs=3, jobs=1)
    wait_for(lambda: Path("started").exists() or not manager.running(), "the first run to begin")
    SimulationManager([toy_sim("w")], 1, "b", results_dir="other", seed=1).generate_sim_paths()
    before = listing(Path("other", "b"))
    Path("b").rename("moved")
    Path("other", "b").rename("b")
    assert manager.wait() == 1
    assert "it was moved away, and another batch is in its place" in manager.output()
    assert listing(Path("b")) == before
    Path("gate").touch()
    assert SimulationManager(existing_simulation="moved").resume(1, progress=False).all_finished


def test_a_manager_whose_batch_was_moved_away_leaves_the_one_in_its_place_alone(tmp_path):
    manager = SimulationManager([toy_sim("w")], 1, "b", seed=7)
    manager.run_all(1, progress=False)
    Path("b").rename("moved")
    SimulationManager([toy_sim("w")], 1, "b", seed=1).run_all(1, progress=False)
    before = listing(Path("b"))
    for call in (
        lambda: manager.run_all(1),
        lambda: manager.rerun_simulation("w", include_finished=True),
        lambda: manager.extend(2),
        lambda: manager.add([toy_sim("other")]),
    ):
        with pytest.raises(BatchNotFound, match=r"is not at .*b any more; another one is in its place"):
            call()
    assert listing(Path("b")) == before
