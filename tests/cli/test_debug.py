"""A run is debugged in the terminal of the user; in a worker, breakpoint() says how."""

import contextlib
import io
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from manager_process import ENVIRONMENT
from toys import ToyAgent, ToyArena, listing, python

from simmanager import SimulationManager, SingleSim, read_status
from simmanager.batch.python_file import load_simulations
from simmanager.cli.main import main

MINE = """\
import numpy as np
from toys import ToyAgent, ToyArena
from simmanager import SingleSim

def loop(agent, env, how):
    drawn = np.random.random()
    print("drawn", drawn)
    if how == "breakpoint":
        breakpoint()
    if how == "set_trace":
        import pdb
        pdb.set_trace()
    if how == "raise":
        raise ValueError("here")  # the line
    return agent, env, {"x": [drawn]}

simulation_list = [
    SingleSim(simulation_id=how, agent_class=ToyAgent, env_class=ToyArena, training_loop=loop,
              training_loop_params={"how": how})
    for how in ("raise", "breakpoint", "set_trace", "nothing")
]
"""


@pytest.fixture(scope="module")
def batch(tmp_path_factory):
    """A batch that has ended, which tests only look at; its file has changed since."""
    folder = tmp_path_factory.mktemp("ended")
    with contextlib.chdir(folder):
        Path("mine.py").write_text(MINE)
        manager = SimulationManager(load_simulations("mine.py")[1], 1, "batch", seed=1, results_dir="my results")
        manager.generate_sim_paths()
        Path("mine.py").write_text("# gone\n")
        manager.run_all(1, progress=False)
    return folder / "my results" / "batch"


def in_terminal(keys, *words):
    """Run the command line in a terminal, type ``keys`` ahead; return the exit code and what was seen."""
    terminal, theirs = pty.openpty()
    command = [sys.executable, "-m", "simmanager", *map(str, words)]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=ENVIRONMENT) as process:
        os.close(theirs)
        os.write(terminal, keys)
        seen = b""
        with contextlib.suppress(OSError):  # its end
            while piece := os.read(terminal, 1 << 16):
                seen += piece
    os.close(terminal)
    return process.returncode, seen.decode().replace("\r\n", "\n")


def test_debug_opens_pdb_at_the_error_with_the_same_seed_and_the_source_as_it_was(batch):
    before = listing(batch)
    code, seen = in_terminal(b"p how\nq\n", "debug", batch, "raise", 0)
    assert code == 1
    assert '-> raise ValueError("here")  # the line' in seen
    assert "(Pdb) " in seen
    assert "'raise'" in seen
    drawn = (
        Path(read_status(batch).simulation("raise")[0].path, "run.log").read_text().partition("drawn ")[2].split()[0]
    )
    assert f"drawn {drawn}\n" in seen
    assert listing(batch) == before, "the batch is as it was"


def test_breakpoint_stops_where_there_is_a_terminal(batch):
    code, seen = in_terminal(b"p 'at', how\nc\n", "debug", batch, "breakpoint", 0)
    assert "('at', 'breakpoint')" in seen
    assert "It finished without an error this time." in seen
    assert code == 0


def test_leaving_the_debugger_is_the_end(batch):
    code, seen = in_terminal(b"q\n", "debug", batch, "breakpoint", 0)
    assert code == 1
    assert seen.count("(Pdb)") == 1


def test_without_a_terminal_debug_shows_the_traceback_and_says_so(batch, capfd, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    before = listing(batch)
    assert main(["debug", str(batch / "raise" / "0")]) == 1
    err = capfd.readouterr().err
    assert 'raise ValueError("here")  # the line' in err
    assert "There is no terminal here for pdb: run this in one to look around at the error.\n" in err
    assert main(["debug", str(batch), "nothing", "0"]) == 0
    assert "It finished without an error this time." in capfd.readouterr().out
    assert main(["debug", str(batch), "breakpoint", "0"]) == 1
    assert f"breakpoint() has no terminal here: simmanager debug '{batch}' breakpoint 0" in capfd.readouterr().err
    assert listing(batch) == before


def test_a_run_that_has_not_begun_is_debugged_too(tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    Path("mine.py").write_text(MINE)
    SimulationManager(load_simulations("mine.py")[1], 1, "batch", seed=1).generate_sim_paths()
    assert main(["debug", "batch", "raise", "0"]) == 1
    assert "# the line" in capfd.readouterr().err


def test_a_breakpoint_in_a_worker_says_how_to_debug(batch):
    command = f"simmanager debug '{batch}' breakpoint 0"
    reason = read_status(batch).simulation("breakpoint")[0].reason
    assert reason == f"mine.py:9 in loop: SimulationError: breakpoint() has no terminal here: {command}"
    assert "BdbQuit" not in Path(read_status(batch).simulation("breakpoint")[0].path, "error.log").read_text()
    other = read_status(batch).simulation("set_trace")[0].reason
    assert other.endswith(f"a debugger was left, or had no terminal: simmanager debug '{batch}' set_trace 0")


def test_a_debugger_of_the_users_own_is_called_in_a_worker(tmp_path):
    (tmp_path / "theirs.py").write_text("def debugger():\n    print('their debugger')\n")
    program = """
from toys import ToyAgent, ToyArena
from simmanager import SimulationManager, SingleSim
def loop(agent, env):
    breakpoint()
    return agent, env, {}
SimulationManager([SingleSim(ToyAgent, {}, ToyArena, {}, loop, {}, "a")], 1, "batch").run_all(1, progress=False)
"""
    from places import python_path

    path = f"{tmp_path}{os.pathsep}{python_path()}"
    environ = {"PYTHONBREAKPOINT": "theirs.debugger", "PYTHONPATH": path}
    assert python(program, environ=environ).returncode == 0
    (run,) = read_status("batch").runs
    assert (run.state, "their debugger" in Path(run.path, "run.log").read_text()) == ("finished", True)


def test_a_run_without_its_parameters_cannot_be_debugged(tmp_path, capsys):
    SingleSim(ToyAgent, {}, ToyArena, {}, len, {}, "a").save_params("alone")
    Path("alone/state.log").write_text("in_queue\n")
    assert main(["debug", "alone"]) == 2
    assert "cannot be run again" in capsys.readouterr().err
