"""Code of a file or script travels with the batch: what becomes of the file later is said, and can be taken over."""

import contextlib
import json
import shutil
from pathlib import Path

import pytest
from command_line import simmanager
from toys import python

from simmanager import SimulationManager
from simmanager.dispatch import run_batch

pytestmark = pytest.mark.python_versions

MODEL = """
from simmanager import OneShot

def f(x, seed):
    if seed % 2 and {broken}:
        raise ZeroDivisionError("division by zero")
    return {{"y": {value} * x}}

simulation_list = [OneShot(f, {{"x": 1.0}}, "a"), OneShot(f, {{"x": 2.0}}, "b")]
"""


def write(value, broken):
    Path("m.py").write_text(MODEL.format(value=value, broken=broken))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with batches as they were made, in ``made``: their files are known by their paths, so tests go there."""
    folder = tmp_path_factory.mktemp("made")
    with contextlib.chdir(folder):
        write(10, broken=True)
        done = simmanager("run", "m.py", "--runs", "6", "--seed", "1", "--jobs", "1", "--dir", "made")
        assert "ZeroDivisionError" in done.stdout
        done = script()
        assert done.stdout == "1 finished\n", done.stderr
        Path("batch").rename("made/batch")
    return folder


def put(made, name, monkeypatch):
    monkeypatch.chdir(made)
    shutil.rmtree(name, ignore_errors=True)
    return made / shutil.copytree(f"made/{name}", name)


@pytest.fixture
def batch(made, monkeypatch):
    """Six runs of each of two simulations, of which those with an odd seed fail; then the file is corrected."""
    batch = put(made, "m", monkeypatch)
    write(100, broken=False)
    return batch


def values(batch, simulation="a"):
    manager = SimulationManager(existing_simulation=batch)
    return {run.run_id: run.metrics.get("y") for run in manager.results().of(simulation)}


def test_a_rerun_uses_the_code_as_it_was_and_says_so(batch):
    done = simmanager("rerun", "m", "a", "--jobs", "1")
    assert done.returncode == 1
    assert "m.py changed since simulation a was made; its runs use the code as it was." in done.stdout
    assert f"simmanager rerun {batch} a --from {batch.parent / 'm.py'}" in done.stdout


def test_a_rerun_from_the_file_uses_the_new_code_for_the_failed_runs(batch):
    before = values(batch)
    assert None in before.values() and 10.0 in before.values()
    done = simmanager("rerun", "m", "a", "--from", "m.py", "--jobs", "1")
    assert done.returncode == 1, "b still has failed runs"
    assert "changed since" not in done.stdout
    assert values(batch) == {run: 100.0 if y is None else y for run, y in before.items()}
    assert None in values(batch, "b").values()
    done = simmanager("rerun", "m", "b", "--jobs", "1")
    assert "changed since simulation b was made" in done.stdout


def test_a_simulation_that_the_file_lacks_is_named(batch):
    Path("m.py").write_text(Path("m.py").read_text().replace('"a"', '"aa"'))
    before = sorted(path.name for path in (batch / "a").iterdir())
    done = simmanager("rerun", "m", "a", "--from", "m.py")
    assert (done.returncode, "m.py has no simulation 'a'. It has aa, b." in done.stderr) == (2, True), done.stderr
    assert sorted(path.name for path in (batch / "a").iterdir()) == before


def test_the_record_of_a_run_names_the_code_that_it_ran(batch):
    def files(run):
        return json.loads(run.record.read_text())["provenance"]["code_files"]

    manager = SimulationManager(existing_simulation=batch)
    (first,) = {json.dumps(files(run)) for run in manager.runs}
    done = simmanager("run", "m.py", "--runs", "8", "--extend", "--jobs", "1")
    said = (done.stdout + done.stderr).count("use the code as it was")
    assert said == 2, "once for each simulation"
    extended = SimulationManager(existing_simulation=batch).runs
    assert len(extended) == 16
    assert {json.dumps(files(run)) for run in extended} == {first}, "the new runs have the old code"
    simmanager("rerun", "m", "a", "--from", "m.py", "--jobs", "1")
    assert len({json.dumps(files(run)) for run in SimulationManager(existing_simulation=batch).runs}) == 2


def test_modules_that_workers_import_are_not_frozen():
    from toys import toy_sim

    manager = SimulationManager([toy_sim()], 1, "toy", seed=1)
    manager.run_all(1, progress=False)
    assert "code_files" not in json.loads(manager.runs[0].record.read_text())["provenance"]


def test_files_are_hashed_once_for_each_simulation_not_for_each_run(batch, monkeypatch, capsys):

    asked = []
    monkeypatch.setattr(run_batch, "changed_files", lambda taken: asked.append(taken) or [])
    SimulationManager(existing_simulation=batch).extend(8)
    SimulationManager(existing_simulation=batch).run_all(1)
    assert len(asked) == 2


SCRIPT = """
import sys
from collections import Counter
from simmanager import SimulationManager, SingleSim

GAIN = {gain}
class Policy:
    def __init__(self, *names): self.names = set(names)
class Agent:
    def __init__(self, policy): self.gain, self.policy = GAIN, policy
    def act(self, obs): return helper(obs)
    def update(self): pass
class Arena:
    pass
def helper(x): return x in {{"a", "b"}}
def loop(agent, env, transform): return agent, env, {{"x": [transform(agent.gain)]}}
params = {{"policy": Policy("one", "two", "three")}}
sim = SingleSim(Agent, params, Arena, None, loop, {{"transform": lambda x: x + {add}}}, "s")
if __name__ == "__main__":
    if len(sys.argv) == 1:
        manager = SimulationManager([sim], 1, "batch", seed=1)
    else:
        manager = SimulationManager(existing_simulation="batch")
        manager.add([sim], int(sys.argv[1]))
    manager.run_all(1, progress=False)
    print(manager.status().headline)
"""


def script(*words, gain=1, add=1):
    Path("script.py").write_text(SCRIPT.format(gain=gain, add=add))
    return python("import runpy, sys; runpy.run_path('script.py', run_name='__main__')", *words)


@pytest.fixture
def scripted(made, monkeypatch):
    """A script whose parameters and classes travel by value, and its batch of one finished run."""
    put(made, "batch", monkeypatch)


def test_an_unchanged_script_that_is_run_again_is_unchanged(scripted):
    for runs in (2, 3):
        done = script(runs)
        assert (done.stdout, done.stderr) == (f"{runs} finished\n", "")


def test_a_function_that_is_a_parameter_of_a_script_was_changed(scripted):
    done = script(2, add=2)
    assert (
        "Simulation 's' has finished runs, but the content of training_loop_params.transform was changed" in done.stderr
    )


def test_code_of_a_script_that_was_changed_is_said_and_runs_as_it_was(scripted):
    done = script(2, gain=5)
    assert "The code of agent_class was changed since simulation 's' of" in done.stderr
    assert done.stdout == "2 finished\n"
    assert {json.dumps(run.metrics) for run in SimulationManager(existing_simulation="batch").results()} == {"{}"}
    curves = SimulationManager(existing_simulation="batch").results().curves("x")["s"]
    assert curves.values.tolist() == [[2.0], [2.0]]
