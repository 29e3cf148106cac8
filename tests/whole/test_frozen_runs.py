"""pause --freeze: the runs at hand are stopped with all their processes, and the time counts nowhere."""

from __future__ import annotations

import gc
import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from manager_process import MAKE, Started, start_script
from toys import toy_sim
from trouble import counted_loop, executions, wait_for
from waiting_batch import WAITING, begun, counts, finish, start_waiting

from simmanager import SimulationManager
from simmanager.cli.main import main
from simmanager.disk.frozen import is_frozen
from simmanager.disk.orders import ask
from simmanager.dispatch.executor import Executor
from simmanager.status.reader import read_status
from simmanager.worker.process_group import state_of


@pytest.fixture(autouse=True)
def traces(leaves_nothing_behind: None, tmp_path: Path) -> Path:
    (tmp_path / "trace").mkdir()
    return tmp_path / "trace"


RESUME = "from simmanager import SimulationManager; SimulationManager(existing_simulation='b').run_all(1)"


def start_frozen(then: str = "manager.run_all(2)", simulations: str = WAITING, runs: int = 2) -> Started:
    manager = start_script(MAKE.format(simulations=simulations, runs=runs, name="b", then=then))
    wait_for(lambda: begun() >= 2 or not manager.running(), "the first runs to begin")
    assert ask(Path("b"), "pause", freeze=True) == "nothing new starts, 2 runs are stopped", manager.output()
    return manager


def states() -> set[str]:
    """Return the states of the processes that execute runs, as the system has them."""
    return {state_of(run.pid) for run in read_status("b").runs if run.state == "running" and run.pid}


def test_frozen_time_counts_neither_to_timeouts_nor_to_durations():
    manager = start_frozen("manager.run_all(2, timeout=3)")
    assert states() == {"T"}
    before = {run.path: run.duration_s for run in read_status("b").runs if run.state == "running"}
    time.sleep(3.5)
    status = read_status("b")
    assert (status.paused, status.eta_s, states()) == ("frozen", None, {"T"})
    assert {run.path: run.duration_s for run in status.runs if run.state == "running"} == pytest.approx(
        before, abs=0.01
    )
    assert "and its runs are stopped; go on: simmanager resume b" in status.advice
    Path("gate").touch()
    assert ask(Path("b"), "resume").startswith("going on after")
    assert manager.wait() == 0, manager.output()
    runs = read_status("b").runs
    assert all(run.state == "finished" and run.duration_s < 3 for run in runs), [run.duration_s for run in runs]
    records = [json.loads(Path(run.path, "run.json").read_text()) for run in runs]
    assert all(record["duration_s"] == run.duration_s for record, run in zip(records, runs, strict=True))


def test_the_time_limit_goes_on_where_it_was():
    manager = start_frozen("manager.run_all(2, timeout=1.5)")
    time.sleep(2.0)
    assert ask(Path("b"), "resume").startswith("going on after")
    wait_for(lambda: counts().get("error", 0) >= 2, "the time limit")
    ended = [run for run in read_status("b").runs if run.state == "error"]
    assert {run.reason for run in ended} == {"timed out after 1.5 s"}
    assert all(1.0 < run.duration_s < 3.0 for run in ended), [run.duration_s for run in ended]
    Path("gate").touch()
    manager.wait()


def family_loop(agent, env, folder="."):
    """Start a child, and a daemon of its own session without the mark of the worker; both count for ever."""
    count = "import sys, time\nwhile True:\n    open(sys.argv[1], 'a').write('x'); time.sleep(0.02)"
    children = [
        subprocess.Popen([sys.executable, "-c", count, f"{folder}/child.count"]),
        subprocess.Popen([sys.executable, "-c", count, f"{folder}/daemon.count"], start_new_session=True, env={}),
    ]
    Path(folder, "0.trace").touch()
    Path(folder, "1.trace").touch()
    while not Path("gate").exists():
        time.sleep(0.01)
    for child in children:
        child.kill()
        child.wait()
    return agent, env, {"x": [1.0]}


def test_all_processes_of_a_run_are_frozen():
    manager = SimulationManager([toy_sim("w", family_loop, folder=str(Path("trace").absolute()))], 1, "b", seed=1)
    handle = manager.start(1)
    counters = [Path("trace/child.count"), Path("trace/daemon.count")]
    wait_for(lambda: all(one.exists() for one in counters), "the children")
    assert handle.pause(freeze=True) == "nothing new starts, 1 run is stopped"
    before = [one.stat().st_size for one in counters]
    time.sleep(0.4)
    assert [one.stat().st_size for one in counters] == before
    handle.resume()
    wait_for(
        lambda: all(one.stat().st_size > size for one, size in zip(counters, before, strict=True)), "them to go on"
    )
    Path("gate").touch()
    assert handle.wait(60).all_finished


@pytest.mark.parametrize(
    ("how", "ended"), [("stop", "finished"), ("stop --now", "interrupted"), ("SIGINT", "finished")]
)
def test_a_frozen_batch_can_be_stopped(how, ended, capsys):
    manager = start_frozen(runs=3)
    if how == "SIGINT":
        manager.signal(signal.SIGINT)
    else:
        assert main([how.split()[0], "b", *how.split()[1:]]) == 0
    wait_for(lambda: "T" not in states(), "the runs to go on")
    if ended == "finished":
        Path("gate").touch()
    manager.wait()
    assert counts() == {ended: 2, "in_queue": 4} and not is_frozen(Path("b"))


def test_a_pause_becomes_a_freeze_and_not_the_other_way_round():
    manager = start_waiting()
    assert ask(Path("b"), "pause") == "nothing new starts, 2 runs are finishing"
    assert ask(Path("b"), "pause", freeze=True) == "nothing new starts, 2 runs are stopped"
    assert ask(Path("b"), "pause") == "nothing new starts, 2 runs are stopped" and read_status("b").paused == "frozen"
    assert ask(Path("b"), "resume").startswith("going on")
    finish(manager, 6)


def test_what_a_killed_manager_left_frozen_goes_on_with_the_next(capsys):
    manager = start_frozen()
    manager.kill()
    time.sleep(0.7)
    assert states() == {"T"} and read_status("b").paused == ""
    assert "with 2 runs, stopped by pause --freeze; go on: simmanager resume b" in read_status("b").advice
    Path("gate").touch()
    assert main(["resume", "b", "--jobs", "2"]) == 0
    assert counts() == {"finished": 4} and set(executions(Path("trace")).values()) == {1}
    assert not is_frozen(Path("b"))


def test_what_a_killed_manager_left_frozen_can_be_ended(capsys):
    manager = start_frozen()
    manager.kill()
    assert main(["stop", "b", "--now"]) == 0
    assert capsys.readouterr().out.count("ended process") == 2
    assert counts() == {"interrupted": 2, "in_queue": 2}
    Path("gate").touch()
    assert SimulationManager(existing_simulation="b").run_all(2, progress=False).all_finished


def test_with_a_time_limit_what_a_killed_manager_left_frozen_goes_on_by_itself():
    manager = start_frozen("manager.run_all(2, timeout=2)")
    time.sleep(1.0)
    manager.kill()
    wait_for(lambda: "T" not in states(), "the runs to go on")
    wait_for(lambda: counts().get("error") == 2, "their time limit, which holds without a manager")
    assert not is_frozen(Path("b"))
    Path("gate").touch()
    SimulationManager(existing_simulation="b").run_all(2, retry_errors=True, progress=False)
    assert counts() == {"finished": 4}


def test_orphans_of_an_earlier_manager_are_frozen_too():
    first = start_waiting(runs=2)
    first.kill()
    second = start_script(RESUME)
    wait_for(lambda: begun() == 3 or not second.running(), "a third run")
    assert ask(Path("b"), "pause", freeze=True)
    assert states() == {"T"} and counts()["running"] == 3
    assert ask(Path("b"), "resume").startswith("going on")
    assert "T" not in states()
    finish(second, 4)


def test_frozen_time_of_orphans_counts_not_to_the_time_limit_of_the_next_manager():
    first = start_waiting(runs=1)
    first.kill()
    second = start_script(RESUME.replace("run_all(1)", "run_all(2, timeout=4)"))
    wait_for(lambda: read_status("b").manager_alive or not second.running(), "the second manager")
    assert ask(Path("b"), "pause", freeze=True)
    assert states() == {"T"}
    time.sleep(4.2)
    assert ask(Path("b"), "resume").startswith("going on")
    time.sleep(0.3)
    finish(second, 2)


def test_a_manager_that_raises_an_error_while_its_runs_are_frozen_ends_them():
    """Nobody looks for orders any more then; nothing hangs."""
    manager = SimulationManager([toy_sim("w", counted_loop, folder="trace", gate="gate")], 3, "b", seed=1)
    raised = []

    def run_all() -> None:
        with pytest.raises(RuntimeError, match="broken"):
            manager.run_all(2, progress=False)
        raised.append(True)

    thread = threading.Thread(target=run_all)
    thread.start()
    wait_for(lambda: begun() == 2, "the first runs")
    assert manager.pause(freeze=True) == "nothing new starts, 2 runs are stopped"
    (executor,) = [one for one in gc.get_objects() if type(one) is Executor and one.busy]
    executor._told.put(RuntimeError("broken"))
    thread.join(30)
    assert raised and counts() == {"interrupted": 2, "in_queue": 1} and not is_frozen(Path("b"))
