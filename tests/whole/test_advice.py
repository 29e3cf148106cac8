"""Every command that a message advises works when it is pasted: each message is provoked, and what it says is run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import simmanager
from places import python_path
from toys import python

from simmanager.disk.batch_folder import BatchFolder
from simmanager.disk.batch_lock import signature_in
from simmanager.disk.orders import orders_to

WORD = r"(?:'[^']*'|\"[^\"]*\"|[^\s;,()'\"])+"
COMMAND = re.compile(rf"simmanager (?:run|rerun|resume|status|logs|stop)(?: {WORD})*")

MODELS = """
import simmanager
from simmanager import OneShot, sweep

def f(x, seed):
    if {broken} and seed % 2:
        raise ValueError("odd")
    return {{"y": {value} * x}}

mine = [OneShot(f, {{"x": {x}}}, "a"), OneShot(f, {{"x": 2.0}}, "b")]
"""


@pytest.fixture
def shell(tmp_path, monkeypatch):
    """Run a command line as a user pastes it, in a folder whose name has a space; return code, stdout and stderr.

    The shell finds a program that keeps the words it is given, which are then run in this process; or, if there is a
    setting before its name, one that runs them itself.
    """
    here = tmp_path / "my results"
    here.mkdir()
    monkeypatch.chdir(here)
    programs = {"quick": 'printf "%s\\0" "$@" >"$WORDS"', "real": f"exec '{sys.executable}' -m simmanager \"$@\""}
    for name, text in programs.items():
        program = tmp_path / name / "simmanager"
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)

    def run(command):
        found = tmp_path / ("quick" if command.startswith("simmanager ") else "real")
        words = tmp_path / "words"
        path = {"PATH": f"{found}:{os.environ['PATH']}", "PYTHONPATH": python_path(), "WORDS": str(words)}
        environ = {**os.environ, **path}
        done = subprocess.run(command, shell=True, capture_output=True, text=True, env=environ, check=False)
        if not words.exists():
            return done
        given = words.read_text()
        words.unlink()
        return simmanager(*given.split("\0")[:-1])

    return run


def write(name="my models.py", value=10, broken=False, x=1.0):
    Path(name).write_text(MODELS.format(value=value, broken=broken, x=x))


def advised(done):
    """Return the commands that the output of a program advises, each once."""
    found = COMMAND.findall(f"{done.stdout}\n{done.stderr}")
    return list(
        dict.fromkeys(command.rstrip(".'") if command.count("'") % 2 else command.rstrip(".") for command in found)
    )


def test_a_batch_that_is_there_already(shell):
    write()
    run = "simmanager run 'my models.py':mine --id 'batch' --runs 1 --jobs 1"
    assert shell(run).returncode == 0
    done = shell(run)
    assert done.returncode == 2
    resume, extend, another = advised(done)
    assert "resume" in resume and "--extend" in extend and "--id batch_2" in another
    for command in (resume, extend, another):
        assert shell(command).returncode == 0, command
    assert Path("batch_2").is_dir()
    (remove,) = re.findall(r"rm -r '.*?'", done.stderr)
    assert shell(remove).returncode == 0 and shell(run).returncode == 0


def test_a_batch_that_waits_and_one_that_failed(shell):
    write(broken=True)
    shell("simmanager run 'my models.py':mine --id batch --runs 4 --seed 1 --jobs 1")
    (command,) = advised(shell("simmanager status batch"))
    assert command == "simmanager logs batch"
    assert shell(command).returncode == 0
    (command,) = advised(shell("simmanager resume batch"))
    assert "ValueError: odd" in shell(command).stdout
    write()
    done = shell("simmanager run 'my models.py':mine --id batch --runs 1 --extend")
    assert done.returncode == 2
    program = (
        "from simmanager import SimulationManager; SimulationManager(existing_simulation='batch').extend(6); "
        "print(SimulationManager(existing_simulation='batch').status().advice)"
    )
    done = python(program)
    (command,) = advised(done)
    assert "resume" in command
    shell(command)
    assert "waiting" not in shell("simmanager status batch").stdout


def test_a_batch_that_is_being_run(shell):
    write()
    shell("simmanager run 'my models.py':mine --id batch --runs 1 --jobs 1")
    folder = BatchFolder("batch")
    with folder.held():
        done = shell('simmanager resume "$PWD/batch"')
        status, stop = [command.partition(" or ")[0] for command in re.findall(r"simmanager st\w+ '.*?'", done.stderr)]
        for command in (status, stop):
            assert shell(command).returncode == 0, command
        (order,) = orders_to(folder.path, signature_in(folder.lock_file))
    assert (order.verb, order.arguments) == ("stop", {"now": False})


@pytest.mark.parametrize("name", ["my models.py", "models.py"])
def test_code_that_was_changed_since(shell, name):
    write(name)
    shell(f"simmanager run '{name}':mine --id batch --runs 1 --jobs 1")
    write(name, value=100)
    done = shell(f"simmanager run '{name}':mine --id batch --runs 2 --jobs 1 --extend")
    assert done.returncode == 0, done.stderr
    commands = advised(done)
    assert len(commands) == 2 and all("--from" in command and "--all" in command for command in commands)
    for command in commands:
        done = shell(command)
        assert (done.returncode, advised(done)) == (0, []), command
    done = shell("simmanager results batch --json")
    assert done.stdout.count('"metrics.y": 100.0') == 2 and done.stdout.count('"metrics.y": 200.0') == 2


TOML = """
[[simulations]]
simulation_id = "s"
agent_class = "toys:ToyAgent"
env_class = "toys:ToyArena"
training_loop = "toys:toy_loop"
agent_params = {{ gain = {x} }}
"""


@pytest.mark.parametrize("name", ["rooms.toml", "my models.py:mine"])
def test_parameters_that_were_changed_since(shell, name):
    def put(x):
        if "toml" in name:
            Path("rooms.toml").write_text(TOML.format(x=x))
        else:
            write(x=x)

    put(1.0)
    run = f"simmanager run '{name}' --id batch --runs 1 --jobs 1"
    assert shell(run).returncode == 0
    put(5.0)
    done = shell(f"{run} --extend")
    assert (done.returncode, "changed. Rerun it with simmanager rerun" in done.stderr) == (2, True)
    (command,) = advised(done)
    assert shell(command).returncode == 0, command
    assert shell(f"{run} --extend").returncode == 0, "the batch has what the file says"


def test_a_simulation_of_a_sweep_is_made_anew_from_its_file(shell):
    write()
    run = "simmanager run 'my models.py':mine --id batch --runs 1 --jobs 1 --sweep training_loop_params.x=1.0,3.0"
    Path("my models.py").write_text(Path("my models.py").read_text().replace(', OneShot(f, {"x": 2.0}, "b")', ""))
    assert shell(run).returncode == 0
    write(value=100)
    Path("my models.py").write_text(Path("my models.py").read_text().replace(', OneShot(f, {"x": 2.0}, "b")', ""))
    done = shell(f"{run} --extend --runs 2")
    commands = advised(done)
    assert len(commands) == 2
    for command in commands:
        assert shell(command).returncode == 0, command
    assert shell("simmanager results batch --json").stdout.count('"metrics.y": 300.0') == 2


def test_a_rerun_that_finds_nothing_to_do(shell):
    write()
    shell("simmanager run 'my models.py':mine --id batch --runs 1 --jobs 1")
    done = shell('simmanager rerun "$PWD/batch" a')
    assert "Nothing to do" in done.stdout
    (command,) = advised(done)
    done = shell(command)
    assert (done.returncode, "1 run " in done.stdout) == (0, True), command


def test_a_module_that_has_moved(shell):
    Path("old").mkdir()
    Path("old/moving.py").write_text("from toys import ToyAgent\nclass Agent(ToyAgent):\n    pass\n")
    text = "import moving, toys\nsimulation_list = toys.toy_sim('s').copy(agent_class=moving.Agent)\n"
    Path("m.py").write_text(text)
    run = "simmanager run m.py --id batch --runs 1 --jobs 1"
    assert shell(f'PYTHONPATH="$PWD/old:$PYTHONPATH" {run}').returncode == 0
    Path("old").rename("new")
    done = shell("simmanager rerun batch s --all")
    assert (done.returncode, "PYTHONPATH=FOLDER simmanager rerun" in done.stderr) == (2, True)
    (command,) = advised(done)
    assert shell(f'PYTHONPATH="$PWD/new:$PYTHONPATH" {command} --all').returncode == 0


SCRIPT = """
import sys
from simmanager import OneShot, SimulationManager
def f(x): return {{"y": {value} * x}}
def simulations(x=1.0): return [OneShot(f, {{"x": x}}, "a")]
sim = simulations()[0]
def batch(x=1.0): return SimulationManager(simulations(x), 1, "batch")
{rest}
"""


def in_python(rest, value=10):
    Path("script.py").write_text(SCRIPT.format(rest=rest, value=value))
    return python("import runpy; runpy.run_path('script.py', run_name='__main__')")


def test_calls_are_advised_in_python_and_work(shell):
    assert in_python("batch().run_all(1, progress=False)").returncode == 0
    done = in_python("batch().run_all(1)")
    assert not advised(done)
    line = done.stderr.splitlines()[-1]
    ways, _, beforehand = line.partition(" already holds a batch. ")[2].partition(". In a script that is run again")
    assert "SimulationManager(..., if_exists='resume')" in beforehand  # tests/batch/test_if_exists.py
    go_on, add, _, replace = ways.split("; ")
    assert in_python(go_on.partition(": ")[2]).returncode == 0
    assert in_python(add.partition(": ")[2].replace("(simulations)", "(simulations())")).returncode == 0
    assert in_python(f"manager = batch()\nmanager.{replace.partition(': ')[2]}\nmanager.run_all(1)").returncode == 0

    changed = "manager = SimulationManager(existing_simulation='batch')\n{}manager.add(simulations(5.0))"
    done = in_python(changed.format(""))
    (call,) = re.findall(r"Rerun it with (rerun_simulation\(.*?\))", done.stderr)
    setting = "manager.simulation_list[0] = simulations(5.0)[0]\n"
    done = in_python(changed.format(f"{setting}manager.{call}\n"))
    assert done.returncode == 0, done.stderr


def test_the_new_code_of_a_script_is_taken_over_by_a_call(shell):
    assert in_python("batch().run_all(1, progress=False)").returncode == 0
    opened = "manager = SimulationManager(existing_simulation='batch')\n"
    done = in_python(f"{opened}manager.extend(2)\nmanager.run_all(1)", value=100)
    (call,) = re.findall(r"made of .*?script\.py: (manager\..*)", done.stdout)
    done = in_python(f"{opened}{call}\nprint(sorted(run.metrics['y'] for run in manager.results()))", value=100)
    assert "[100.0, 100.0]" in done.stdout, done.stderr
