"""The user stops the manager, or it dies. Real processes, real signals, a real terminal."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from manager_process import ENVIRONMENT, MAKE, Started, Terminal, start_batch, start_cli, start_script, workers_of
from toys import failing_loop, hashes, toy_sim
from trouble import counted_loop, executions, is_alive, wait_for

from simmanager import BatchBusy, SimulationManager
from simmanager.cli.main import main
from simmanager.disk.locks import is_held
from simmanager.status.reader import read_status
from simmanager.status.status import BatchStatus

WAITING = "[toy_sim('w', counted_loop, folder='trace', gate='gate')]"


@pytest.fixture(autouse=True)
def traces(leaves_nothing_behind: None, tmp_path: Path) -> Path:
    (tmp_path / "trace").mkdir()
    return tmp_path / "trace"


def begun(number: int) -> bool:
    return len(list(Path("trace").glob("*.trace"))) >= number


def start_waiting(runs: int = 6, jobs: int = 2, simulations: str = WAITING, then: str = "") -> Started:
    """Start a batch whose runs wait for the file ``gate``; return when as many are at work as may be."""
    manager = start_batch(simulations, runs, jobs=jobs, then=then)
    wait_for(lambda: begun(jobs) or not manager.running(), "the first runs to begin")
    assert manager.running(), manager.output()
    return manager


def open_gate() -> None:
    Path("gate").touch()


def counts() -> dict[str, int]:
    return {state: number for state, number in read_status("b").counts.items() if number}


def resume_and_check(runs: int, capsys: Any = None) -> BatchStatus:
    """Go on to the end; every run is there, with the results of an undisturbed batch; a second resume finds no work."""
    open_gate()
    status = SimulationManager(existing_simulation="b").run_all(2, progress=False)
    assert status.all_finished and status.total == runs, [(run.state, run.reason) for run in status.runs]
    assert not [path for path in Path("b").rglob("*") if path.name.startswith(".")]
    before = executions(Path("trace"))
    again = SimulationManager(existing_simulation="b").run_all(2, progress=False)
    assert again.all_finished
    assert executions(Path("trace")) == before, "finished runs are never executed again"
    return status


# The user stops it ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_lets_running_runs_end_and_starts_nothing_new(number, capsys):
    manager = start_waiting()
    manager.signal(number)
    wait_for(lambda: "2 runs are finishing" in manager.output(), "the manager to say so")
    assert counts() == {"running": 2, "in_queue": 4} and read_status("b").manager_alive
    open_gate()
    assert manager.wait() != 0
    assert counts() == {"finished": 2, "in_queue": 4}
    assert read_status("b").advice == "no manager is running; 4 runs are waiting: simmanager resume b"
    resume_and_check(6)
    assert set(executions(Path("trace")).values()) == {1}
    capsys.readouterr()
    assert main(["resume", "b"]) == 0
    assert "Nothing to do: 6 of 6 runs are finished" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (signal.SIGINT, "stopped by the user"),
        (signal.SIGTERM, "stopped by SIGTERM (a kill, a shutdown, or the time limit of a job)"),
        (signal.SIGHUP, "stopped by SIGHUP (the terminal was closed)"),
    ],
)
def test_the_second_signal_ends_the_runs_at_hand_and_is_named(number, reason):
    manager = start_waiting()
    manager.signal(number)
    wait_for(lambda: "finishing" in manager.output(), "the manager to say so")
    if number == signal.SIGHUP:
        time.sleep(1.1)  # sooner it would be the same one
    manager.signal(number)
    code = manager.wait()
    assert code in ((128 + number,) if number != signal.SIGINT else (130, 1, -signal.SIGINT))
    assert reason in manager.output()
    assert counts() == {"interrupted": 2, "in_queue": 4}
    assert {run.reason for run in read_status("b").runs if run.state == "interrupted"} == {reason}
    resume_and_check(6)


def test_a_hang_up_that_is_sent_twice_is_one():
    manager = start_waiting()
    for _ in range(3):
        manager.signal(signal.SIGHUP)
    wait_for(lambda: "2 runs are finishing" in manager.output(), "the manager to say so")
    manager.signal(signal.SIGHUP)
    open_gate()
    assert manager.wait() == 128 + signal.SIGHUP
    assert counts() == {"finished": 2, "in_queue": 4}, "the runs at hand were not ended"


def test_a_run_that_ignores_sigterm_is_ended_too():
    manager = start_batch("[toy_sim('deaf', stubborn_loop, folder='trace')]", 2, jobs=1)
    wait_for(lambda: Path("trace/started").exists(), "the run to begin")
    manager.signal(signal.SIGINT)
    wait_for(lambda: "finishing" in manager.output(), "the manager to say so")
    manager.signal(signal.SIGINT)
    manager.wait()
    assert counts() == {"interrupted": 1, "in_queue": 1}


def test_jupyter_a_keyboard_interrupt_in_the_cell():
    """The interrupt button sends SIGINT to a process whose main thread is in run_all; code after it goes on."""
    then = (
        "try:\n    manager.run_all(2)\n"
        "except KeyboardInterrupt:\n    print('caught', manager.status().headline, flush=True)\n"
        "manager.run_all(2)\nprint('went on', manager.status().headline, flush=True)"
    )
    manager = start_waiting(then=then)
    manager.signal(signal.SIGINT)
    wait_for(lambda: "finishing" in manager.output(), "the manager to say so")
    manager.signal(signal.SIGINT)
    wait_for(lambda: "caught 4 in_queue, 2 interrupted" in manager.output(), "the cell to end")
    open_gate()
    assert manager.wait() == 0, manager.output()
    assert "went on 6 finished" in manager.output()


def test_stop_from_a_second_terminal(capsys):
    manager = start_waiting()
    assert main(["stop", "b"]) == 0
    assert f"Asked process {manager.pid}" in capsys.readouterr().out
    wait_for(lambda: "2 runs are finishing" in manager.output(), "the manager to say so")
    open_gate()
    assert manager.wait() == 0, manager.output()
    assert counts() == {"finished": 2, "in_queue": 4}
    assert main(["stop", "b"]) == 0
    assert "No manager is running" in capsys.readouterr().out
    resume_and_check(6)


def test_stop_now_from_a_second_terminal(capsys):
    manager = start_waiting()
    assert main(["stop", "b", "--now"]) == 0
    assert manager.wait() == 0, manager.output()
    assert counts() == {"interrupted": 2, "in_queue": 4}
    resume_and_check(6)


def test_an_old_stop_request_does_not_stop_the_next_manager():
    SimulationManager([toy_sim()], 1, "b", seed=1).generate_sim_paths()
    Path("b/stop.request").write_text("now")
    assert SimulationManager(existing_simulation="b").run_all(1, progress=False).all_finished


def test_nohup_a_terminal_that_closes_is_no_wish_to_stop():
    text = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n" + MAKE.format(
        simulations=WAITING, runs=3, name="b", then="manager.run_all(2)"
    )
    manager = start_script(text)
    wait_for(lambda: begun(2), "the first runs")
    manager.signal(signal.SIGHUP)
    open_gate()
    assert manager.wait() == 0 and counts() == {"finished": 3}


SIGNAL_WHILE_PRINTING = """
import os, signal, sys
class Out:
    encoding, lines, sent = "utf-8", "", False
    def write(self, text):
        if "boom" in text and not Out.sent:
            Out.sent = True
            os.kill(os.getpid(), signal.SIGINT)  # Ctrl-C while a line is being written
            sys.__stdout__.write(".")
        return sys.__stdout__.write(text)
    def flush(self): sys.__stdout__.flush()
    def isatty(self): return False
    def fileno(self): return 1
"""


def test_ctrl_c_while_a_line_is_being_printed():
    then = "sys.stdout = Out()\nmanager.run_all(1)"
    simulations = "[toy_sim('bad', failing_loop), toy_sim('w', counted_loop, folder='trace')]"
    text = SIGNAL_WHILE_PRINTING + MAKE.format(simulations=simulations, runs=3, name="b", then=then)
    manager = start_script(text)
    assert manager.wait() != 0
    assert counts().get("interrupted") is None, "one Ctrl-C ends no run"
    assert counts()["in_queue"] >= 4 and "KeyboardInterrupt" in manager.output(), "it was obeyed"
    resume = SimulationManager(existing_simulation="b").run_all(2, progress=False)
    assert resume.counts["error"] == 3 and resume.counts["finished"] == 3


# On a terminal -------------------------------------------------------------------------------------------------


def start_on_terminal(simulations: str = WAITING) -> Terminal:
    terminal = Terminal(MAKE.format(simulations=simulations, runs=6, name="b", then="manager.run_all(2)"))
    wait_for(lambda: (terminal.read(), begun(2))[1], "the first runs")
    return terminal


def test_ctrl_c_typed_twice_on_a_terminal():
    terminal = start_on_terminal()
    terminal.type(b"\x03")
    wait_for(lambda: "2 runs are finishing; press Ctrl-C again to stop them" in terminal.read(), "the words")
    assert counts() == {"running": 2, "in_queue": 4}, "workers are in sessions of their own: Ctrl-C does not reach them"
    terminal.type(b"\x03")
    wait_for(lambda: (terminal.read(), terminal.process.poll() is not None)[1], "the prompt")
    assert counts() == {"interrupted": 2, "in_queue": 4}
    terminal.hang_up()
    resume_and_check(6)


def test_a_terminal_that_closes_lets_the_runs_at_hand_end():
    terminal = start_on_terminal()
    terminal.hang_up()  # SIGHUP; from now on every print of the manager fails with EIO

    def stopping() -> bool:
        open_gate()
        return terminal.process.poll() is not None

    with contextlib.suppress(AssertionError):  # give it the chance to do the wrong thing: end the runs at hand
        wait_for(lambda: counts().get("running") != 2, patience_s=1.5)
    assert counts() == {"running": 2, "in_queue": 4}
    wait_for(stopping, "the manager to end")
    assert counts().get("interrupted") is None and counts()["finished"] >= 2, counts()
    resume_and_check(6)


def test_a_closed_pipe_on_stdout_does_not_end_the_batch():
    """``simmanager resume b | head -1``."""
    SimulationManager([toy_sim("bad", failing_loop), toy_sim("good")], 5, "b", seed=1).generate_sim_paths()
    reader, writer = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "simmanager", "resume", "b", "--jobs", "1"], stdout=writer, env=ENVIRONMENT
    )
    os.close(writer)
    os.close(reader)
    process.wait(60)
    assert counts() == {"error": 5, "finished": 5}


# The manager dies ----------------------------------------------------------------------------------------------


def test_sigkill_of_the_manager_workers_finish_their_run_and_are_gone():
    manager = start_waiting()
    workers = workers_of(manager.pid)
    assert len(workers) == 2
    manager.kill()
    status = read_status("b")
    assert counts() == {"running": 2, "in_queue": 4} and not status.manager_alive
    pids = [run.pid for run in status.runs if run.state == "running"]
    assert sorted(pids) == sorted(workers)
    left = "one that is gone has left process {}, {} with 2 runs; go on: simmanager resume b".format(*pids)
    assert status.advice == f"no manager is running; {left}; or end what it left: simmanager stop b --now"
    open_gate()
    wait_for(lambda: not any(map(is_alive, workers)), "the orphans to end")
    assert counts() == {"finished": 2, "in_queue": 4}, "they wrote their results and started nothing else"
    assert len(executions(Path("trace"))) == 2
    resume_and_check(6)
    assert set(executions(Path("trace")).values()) == {1}


def test_resume_at_once_while_orphans_still_work():
    manager = start_waiting()
    manager.kill()
    resumed = [start_cli("resume", "b", "--jobs", "2")]
    wait_for(lambda: begun(4), "the new manager to start other runs")
    assert counts() == {"running": 4, "in_queue": 2} and read_status("b").manager_alive
    open_gate()
    assert resumed[0].wait() == 0, resumed[0].output()
    assert counts() == {"finished": 6}
    assert set(executions(Path("trace")).values()) == {1}, "neither lost nor executed twice"


def test_three_managers_die_one_after_the_other():
    manager = start_waiting(runs=9)
    manager.kill()
    for number in (4, 6):
        manager = start_cli("resume", "b", "--jobs", "2")
        wait_for(lambda n=number: begun(n), "the next runs")
        manager.kill()
    assert counts() == {"running": 6, "in_queue": 3}
    resume_and_check(9)
    assert set(executions(Path("trace")).values()) == {1}


def test_sigkill_of_a_worker_marks_its_run_only():
    manager = start_waiting()
    victim = workers_of(manager.pid)[0]
    os.kill(victim, signal.SIGKILL)
    wait_for(lambda: counts().get("error") == 1, "the verdict")
    open_gate()
    manager.wait()
    assert counts() == {"error": 1, "finished": 5}
    (bad,) = (run for run in read_status("b").runs if run.state == "error")
    assert bad.reason.startswith("killed by SIGKILL") and bad.pid == victim


def test_sigkill_of_manager_and_worker_then_resume():
    manager = start_waiting()
    victims = workers_of(manager.pid)
    manager.kill()
    os.kill(victims[0], signal.SIGKILL)
    wait_for(lambda: not is_alive(victims[0]), "its end")
    status = read_status("b")
    assert counts() == {"running": 1, "interrupted": 1, "in_queue": 4}
    assert [run.reason for run in status.runs if run.state == "interrupted"] == ["its process is gone"]
    left = f"one that is gone has left process {victims[1]} with 1 run; go on: simmanager resume b"
    assert status.advice == f"no manager is running; {left}; or end what it left: simmanager stop b --now"
    resume_and_check(6)


def test_power_cut_everything_is_killed_at_once_then_resume():
    manager = start_waiting()
    manager.kill_tree()
    wait_for(lambda: counts() == {"interrupted": 2, "in_queue": 4}, "the end of all")
    assert read_status("b").advice == "no manager is running; 6 runs are waiting: simmanager resume b"
    resume_and_check(6)
    Path("trace2").mkdir()
    sim = toy_sim("w", counted_loop, folder="trace2", gate="gate")
    SimulationManager([sim], 6, "undisturbed", seed=7).run_all(2, progress=False)
    assert hashes(Path("b")) == hashes(Path("undisturbed"))


def test_what_a_run_of_an_orphan_left_behind_is_ended_with_it():
    """The manager is dead, so nobody but the worker itself can end the daemon that its run has started."""
    manager = start_waiting(simulations="[toy_sim('w', leaving_loop, folder='trace', gate='gate')]", runs=2, jobs=1)
    manager.kill()
    open_gate()
    wait_for(lambda: counts().get("finished") == 1, "the orphan to finish")
    # the fixture of conftest.py fails the test if the daemon outlives it


def test_a_forked_child_of_a_killed_worker_does_not_keep_its_run_locked():
    manager = start_waiting(simulations="[toy_sim('w', forking_loop, folder='trace', gate='gate')]", runs=2, jobs=1)
    (worker,) = workers_of(manager.pid)
    manager.kill()
    os.kill(worker, signal.SIGKILL)
    wait_for(lambda: not is_alive(worker), "its end")
    child = int(Path("trace/child").read_text())
    try:
        assert is_alive(child)
        assert counts() == {"interrupted": 1, "in_queue": 1}, "its worker is gone, whatever its child does"
    finally:
        os.kill(child, signal.SIGKILL)
    resume_and_check(2)


def test_an_idle_worker_ends_even_if_a_fork_of_its_dead_manager_keeps_the_pipe_open():
    simulations = "[toy_sim('w', counted_loop, folder='trace', gate='gate')]"
    then = (
        "import threading\n"
        "def fork():\n"
        "    wait_for(lambda: len(list(Path('trace').glob('*.trace'))) >= 2)\n"
        "    import warnings; warnings.simplefilter('ignore')\n"
        "    if os.fork() == 0:\n        time.sleep(600); os._exit(0)\n"
        "    Path('forked').touch()\n"
        "threading.Thread(target=fork, daemon=True).start()\nmanager.run_all(2)"
    )
    manager = start_waiting(simulations=simulations, then=then)
    wait_for(lambda: Path("forked").exists(), "the fork")
    workers = workers_of(manager.pid)
    children = [int(pid) for pid in Path(f"/proc/{manager.pid}/task/{manager.pid}/children").read_text().split()]
    manager.kill()
    open_gate()
    try:
        wait_for(lambda: not any(map(is_alive, workers)), "the workers to end")
    finally:
        for child in set(children) - set(workers):
            os.kill(child, signal.SIGKILL)
        os.killpg(manager.pid, signal.SIGKILL)
    assert counts() == {"finished": 2, "in_queue": 4}


# Two managers, many pollers ------------------------------------------------------------------------------------


def test_a_second_manager_is_refused_by_the_name_of_the_first(capsys):
    manager = start_waiting()
    with pytest.raises(BatchBusy, match=f"process {manager.pid} on .*, since 20"):
        SimulationManager(existing_simulation="b").run_all(1, progress=False)
    for words in (["resume", "b"], ["rerun", "b", "w"], ["rerun", "b", "w", "--all"]):
        assert main(words) == 2
        assert f"process {manager.pid}" in capsys.readouterr().err
    with pytest.raises(BatchBusy):
        SimulationManager([toy_sim("w")], 1, "b", seed=1).generate_sim_paths(overwrite=True)
    assert counts() == {"running": 2, "in_queue": 4}
    open_gate()
    assert manager.wait() == 0


def test_two_managers_that_start_at_once_make_one_batch():
    first, second = (start_batch("[toy_sim('w', counted_loop, folder='trace', seconds=0.2)]", 2) for _ in range(2))
    codes = sorted((first.wait(), second.wait()))
    assert codes[0] == 0, first.output() + second.output()
    said = first.output() + second.output()
    assert codes[1] == 0 or "BatchExists" in said or "BatchBusy" in said, said
    assert counts() == {"finished": 2}
    assert set(executions(Path("trace")).values()) == {1}


def test_many_pollers_block_nobody_and_see_only_what_is_true():
    """Eight processes and four threads look as fast as they can, while a batch is run and its lock is taken anew."""
    SimulationManager([toy_sim("w", counted_loop, folder="trace", seconds=0.01)], 12, "b", seed=1).generate_sim_paths()
    poller = (
        "import os, sys\nfrom simmanager.status.reader import read_status\nfrom simmanager.disk.locks import is_held\n"
        "while os.getppid() > 1 and not os.path.exists('over'):\n"
        "    for _ in range(50): is_held('b/batch.lock')\n"
        "    status = read_status('b')\n"
        "    assert not status.damage and status.total == 12, status\n"
        "    assert status.counts['interrupted'] == status.counts['error'] == 0, status\n"
    )
    pollers = [start_script(poller) for _ in range(8)]
    over = threading.Event()

    def probe() -> None:
        while not over.is_set():
            is_held("b/batch.lock")

    threads = [threading.Thread(target=probe) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(5):  # five times the lock of the batch is taken in spite of all who look
            assert SimulationManager(existing_simulation="b").run_all(2, progress=False).all_finished
    finally:
        over.set()
        Path("over").touch()
        for thread in threads:
            thread.join()
    assert [one.wait() for one in pollers] == [0] * 8, "".join(one.output() for one in pollers)
    assert set(executions(Path("trace")).values()) == {1}


def test_status_while_a_batch_is_being_made_is_never_untrue():
    maker = start_batch("[toy_sim(f's{i}') for i in range(20)]", 20, then="manager.generate_sim_paths()")
    seen = set()
    while maker.running():
        with contextlib.suppress(FileNotFoundError):
            status = read_status("b")
            seen.update(status.damage)
            assert status.counts["error"] == status.counts["interrupted"] == status.counts["running"] == 0
    assert maker.wait() == 0
    assert not seen, sorted(seen)[:3]
