"""--detach: the batch goes on without the terminal; what cannot start is refused before the terminal is given back."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from manager_process import Started, Terminal, start_cli, start_script
from trouble import executions, is_alive, wait_for

from simmanager.status.reader import read_status

MODEL = """
from toys import toy_sim
from trouble import counted_loop

simulation_list = [toy_sim("w", counted_loop, folder="trace", gate="gate")]
"""


@pytest.fixture(autouse=True)
def detached(leaves_nothing_behind: None) -> Iterator[list[int]]:
    """A file of a batch that waits at a gate; the processes in the list are ended with the test."""
    Path("trace").mkdir()
    Path("model.py").write_text(MODEL)
    pids: list[int] = []
    yield pids
    Path("gate").touch()
    for pid in pids:
        if is_alive(pid):
            os.kill(pid, signal.SIGTERM)
        wait_for(lambda pid=pid: not is_alive(pid), "its end")


def pid_in(text: str) -> int:
    return int(re.findall(r"goes on without this terminal, as process (\d+)", text)[0])


def detach(detached: list[int], *words: str) -> int:
    """Start a batch on its own; return the process that runs it."""
    started = start_cli(*words, "--detach", "--jobs", "2")
    assert started.wait() == 0, started.output()
    detached.append(pid_in(started.output()))
    return detached[-1]


def begun(number: int) -> Any:
    return lambda: len(executions(Path("trace"))) >= number


def is_done() -> bool:
    return read_status("b").all_finished and not read_status("b").manager_alive


def test_a_terminal_that_is_closed_harms_nothing(detached):
    words = ["run", "model.py", "--id", "b", "--detach", "--runs", "4", "--jobs", "2"]
    terminal = Terminal(
        f"import sys, time; sys.argv[:] = ['simmanager', *{words}]; from simmanager.cli.main import main; "
        "print('CODE', main(), flush=True); time.sleep(60)"
    )
    wait_for(lambda: "CODE 0" in terminal.read(), "the terminal to be given back")
    detached.append(pid_in(terminal.said))
    assert os.getsid(detached[0]) == detached[0] != os.getsid(terminal.process.pid)
    wait_for(begun(2), "two runs at work")
    terminal.hang_up()
    assert terminal.process.wait() == -signal.SIGHUP
    assert read_status("b").counts["running"] == 2 and read_status("b").manager_alive
    Path("gate").touch()
    wait_for(is_done, "the batch to finish")
    assert "4 runs: 4 finished" in Path("b/batch.log").read_text()
    assert set(executions(Path("trace")).values()) == {1}


def test_it_says_how_to_look_and_how_to_stop_and_keeps_a_log_without_secrets(detached, tmp_path):
    started = start_cli(
        "run", "model.py", "--id", "b", "--runs", "4", "--notify", "mail joe", "--detach", "--jobs", "1"
    )
    assert started.wait() == 0
    detached.append(pid_in(started.output()))
    lines = started.output().splitlines()
    assert lines[0].startswith("4 runs, 1 at a time, in ")
    assert lines[2:] == [f"Look: simmanager status {tmp_path / 'b'} --watch", f"Stop: simmanager stop {tmp_path / 'b'}"]
    stopped = start_cli("stop", "b", "--now")
    assert stopped.wait() == 0
    wait_for(lambda: not is_alive(detached[0]), "its end")
    log = Path("b/batch.log").read_text()
    assert f"process {detached[0]} on " in log and "--notify '***'" in log and "joe" not in log
    assert "stopped early: simmanager stop --now" in log
    assert read_status("b").counts["finished"] == 0


def test_what_cannot_start_is_refused_before_it_detaches(detached):
    Path("broken.py").write_text("1 / 0\n")
    for words, why in [
        (("run", "nothing.py"), "There is no file 'nothing.py'"),
        (("run", "broken.py"), "ZeroDivisionError"),
        (("resume", "nowhere"), "There is no batch at "),
        (("run", "model.py", "--timeout", "soon"), "soon"),
    ]:
        started = start_cli(*words, "--detach")
        assert (started.wait(), why in started.output()) == (2, True), started.output()
        assert "goes on" not in started.output()
    detach(detached, "run", "model.py", "--id", "b", "--runs", "2")
    for words, why in [
        (("run", "model.py", "--id", "b"), "already holds a batch"),
        (("resume", "b"), "Another manager"),
    ]:
        started = start_cli(*words, "--detach")
        assert (started.wait(), why in started.output()) == (2, True), started.output()
    Path("gate").touch()
    wait_for(is_done, "the batch to finish")
    nothing = start_cli("resume", "b", "--detach")
    assert (nothing.wait(), "Nothing to do" in nothing.output()) == (0, True)
    assert Path("b/batch.log").read_text().count(" process ") == 2, "who began, and how it ended"


def test_after_a_kill_it_goes_on_and_the_log_goes_on_too(detached):
    os.kill(detach(detached, "run", "model.py", "--id", "b", "--runs", "6"), signal.SIGKILL)
    wait_for(lambda: not read_status("b").manager_alive, "its end")  # a worker that was being started holds the lock
    detach(detached, "resume", "b")
    Path("gate").touch()
    wait_for(is_done, "the batch to finish")
    assert set(executions(Path("trace")).values()) == {1}, "neither lost nor executed twice"
    again = start_cli("rerun", "b", "--all", "--detach", "--jobs", "2")
    assert again.wait() == 0
    detached.append(pid_in(again.output()))
    wait_for(is_done, "all runs again")
    assert Path("b/batch.log").read_text().count(" process ") == 5, "the first had no time to say how it ended"


def test_ctrl_c_before_it_goes_on_alone_ends_it(tmp_path):
    Path("model.py").write_text("import pathlib, time\npathlib.Path('loading').touch()\ntime.sleep(60)\n")
    started: Started = start_cli("run", "model.py", "--detach")
    wait_for((tmp_path / "loading").exists, "the file to be loaded")
    started.signal(signal.SIGINT)
    assert started.wait() == 130
    assert "interrupted" in started.output() and not Path("model").exists()


def test_a_log_that_cannot_be_written_holds_neither_the_batch_nor_the_terminal(detached):
    assert start_cli("run", "model.py", "--id", "b", "--runs", "2", "--timeout", "0.2").wait() == 1
    log = Path("b/batch.log")
    Path("gate").touch()
    log.unlink()
    for plant in (lambda: log.symlink_to("elsewhere"), lambda: os.mkfifo(log)):
        plant()
        started = start_cli("rerun", "b", "--all", "--detach")
        assert started.wait() == 0 and "batch.log cannot be written" in started.output()
        detached.append(pid_in(started.output()))
        wait_for(is_done, "the batch to finish")
        log.unlink()
    assert not Path("elsewhere").exists()


def test_where_no_stream_is_open_it_goes_on_as_well(detached):
    words = ["-m", "simmanager", "run", "model.py", "--id", "b", "--runs", "2", "--jobs", "2", "--detach"]
    started = start_script(f"import os, sys; os.closerange(0, 3); os.execv(sys.executable, [sys.executable, *{words}])")
    assert started.wait() == 0
    detached.append(json.loads(Path("b/batch.lock").read_text())["pid"])
    Path("gate").touch()
    wait_for(is_done, "the batch to finish")
    assert "2 runs: 2 finished" in Path("b/batch.log").read_text()
