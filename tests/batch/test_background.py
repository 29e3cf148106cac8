"""manager.start(): the batch goes on in a process of its own, which ends with nobody."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from kernels import execute, of_jupyter
from manager_process import ENVIRONMENT
from places import HELPERS
from toys import toy_sim
from trouble import counted_loop, executions, is_alive, wait_for

from simmanager import BatchBusy, BatchHandle, SimManagerError, SimulationManager
from simmanager.base.errors import ParameterError, SimulationError


@pytest.fixture(autouse=True)
def batches(leaves_nothing_behind):
    """Whatever a test has started ends with it."""
    Path("trace").mkdir()
    yield
    Path("gate").touch()
    for manifest in Path().glob("*/manager.json"):
        BatchHandle(manifest.parent).stop(now=True)
        BatchHandle(manifest.parent).wait(60)


def waiting(runs=4, name="b"):
    return SimulationManager([toy_sim("w", counted_loop, folder="trace", gate="gate")], runs, name, seed=1)


def begun(number):
    return lambda: len(executions(Path("trace"))) >= number


def pid_of(path="b"):
    """Return the process that executes a batch, as its log names it."""
    return int(BatchHandle(path).log.read_text().rpartition(" process ")[2].split()[0])


def test_it_returns_at_once_and_the_handle_looks_waits_and_stops():
    handle = waiting().start(2, timeout="10m")
    assert isinstance(handle, BatchHandle) and handle.path == Path("b").absolute()
    wait_for(begun(2), "two runs at work")
    assert handle.status().counts["running"] == 2 and "2 running" in repr(handle)
    assert "2 running" in handle._repr_html_()
    with pytest.raises(TimeoutError, match=r"still executed after 0\.3 s"):
        handle.wait(0.3)
    with pytest.raises(BatchBusy):
        SimulationManager(existing_simulation="b").run_all(1)
    handle.stop()
    wait_for(lambda: "2 runs are finishing" in handle.log.read_text(), "the manager to have heard of it")
    Path("gate").touch()
    status = handle.wait(60)
    assert (status.counts["finished"], status.counts["in_queue"]) == (2, 2), "the runs at hand ended, nothing new began"
    assert "stopped early: simmanager stop" in handle.log.read_text()
    assert SimulationManager(existing_simulation="b").start(2).wait(60).all_finished
    assert set(executions(Path("trace")).values()) == {1}
    handle.stop()  # nobody to ask: nothing is left for the next manager to stumble over
    assert SimulationManager(existing_simulation="b").start().wait(60).all_finished, "nothing to do is no error"


def test_it_outlives_the_session_that_started_it(tmp_path):
    program = (
        "from toys import toy_sim; from trouble import counted_loop; from simmanager import SimulationManager\n"
        "sim = toy_sim('w', counted_loop, folder='trace', gate='gate')\n"
        "print(SimulationManager([sim], 3, 'b', seed=1).start(1).path, flush=True)\n"
        "import time; time.sleep(60)\n"
    )
    session = subprocess.Popen([sys.executable, "-c", program], env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)
    assert session.stdout.readline().strip() == str(tmp_path / "b")
    wait_for(begun(1), "a run at work")
    pid = pid_of()
    assert os.getsid(pid) != os.getsid(session.pid)
    session.kill()
    session.wait()
    session.stdout.close()
    assert is_alive(pid)
    Path("gate").touch()
    assert BatchHandle("b").wait(60).all_finished


def test_after_a_kill_the_next_start_goes_on():
    handle = waiting(6).start(2)
    wait_for(begun(2), "two runs at work")
    os.kill(pid_of(), signal.SIGKILL)
    wait_for(lambda: not handle.status().manager_alive, "its end")
    again = SimulationManager(existing_simulation="b").start(2)
    Path("gate").touch()
    assert again.wait(60).all_finished
    assert set(executions(Path("trace")).values()) == {1}, "neither lost nor executed twice"


def test_what_cannot_start_is_an_error_here(monkeypatch):
    with pytest.raises(ParameterError, match="start\\(\\) takes no on_event"):
        waiting().start(on_event=print)
    with pytest.raises(ParameterError, match="timeout"):
        waiting(name="c").start(timeout="soon")
    assert not Path("c").exists()
    manager = waiting(2, "d")
    Path("gate").touch()
    assert manager.start(2).wait(60).all_finished
    manager.simulation_list[0].agent_params["gain"] = 7.0
    with pytest.raises(SimulationError, match=r"agent_params\.gain was changed"):
        manager.start()
    monkeypatch.setattr("simmanager.batch.background.PROGRAM", "simmanager.nothing")
    with pytest.raises(SimManagerError, match=r"The batch was not started: .*batch\.log"):
        waiting(1, "e").start()
    assert "No module named simmanager.nothing" in Path("e/batch.log").read_text()


def test_an_error_in_the_new_process_is_told_here():
    manager = waiting(1)
    manager.generate_sim_paths()
    with pytest.raises(SimManagerError, match=r"The batch was not started: .*(Dask|dask)"):
        manager.start(backend="dask", address="tcp://127.0.0.1:9")
    assert "process" in Path("b/batch.log").read_text()


@of_jupyter
def test_a_handle_in_a_notebook_is_kept_current_and_blocks_no_cell(tmp_path, monkeypatch):
    cells = [
        f"import sys, time; sys.path.insert(0, {str(HELPERS)!r})\nfrom pathlib import Path\n"
        "from toys import toy_sim\nfrom trouble import counted_loop\nfrom simmanager import SimulationManager\n"
        "sim = toy_sim('w', counted_loop, folder='.', gate='gate')\n"
        "handle = SimulationManager([sim], 2, 'n', seed=1).start(2)\nhandle",
        "before = handle.status().headline\nPath('gate').touch()\nhandle.wait(60)\ntime.sleep(2.5)\nprint(before)",
    ]
    first, second = execute(cells, tmp_path, monkeypatch)
    assert "finished" not in second[0]["text"], "the first cell did not wait"
    (shown,) = [output for output in first if "text/html" in output.get("data", {})]
    assert "2 finished" in shown["data"]["text/html"]


def test_a_handle_elsewhere_is_a_line(capsys):
    SimulationManager([toy_sim("w")], 1, "b", seed=1).run_all(1, progress=False)
    BatchHandle("b")._ipython_display_()
    assert capsys.readouterr().out == "<BatchHandle b: 1 finished>\n"
