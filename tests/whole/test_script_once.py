"""No worker executes the script, notebook or file from which a batch was made; what it needs of it travels along."""

from pathlib import Path

import pytest
from test_session_untouched import run, simmanager

#: The top of a file: each process that executes it leaves its id.
TOP = """
import os
with open(os.environ["PIDS"], "a") as file:
    file.write(f"{os.getpid()}\\n")
"""

MODEL = f"""{TOP}
import enum
import functools
import json
from simmanager import OneShot, SimulationManager, SingleSim

class Mode(enum.Enum):
    FAST = 1

class Agent:
    kinds = {{}}
    def __init__(self): self.mode, self.square = Mode.FAST, square
    def act(self, obs): return 0
    def update(self): pass

class Arena:
    def reset(self): return 0, 0
    def step(self, action): return 0, 0, 0

@functools.lru_cache
def square(x): return x * x

def loop(agent, env, x=3.0):
    return agent, env, {{"y": [agent.square(x)], "agents": [agent], "functions": [square]}}

simulation_list = [SingleSim(Agent, {{}}, Arena, {{}}, loop, {{}}, "s")]
"""

RUN = """
def main():
    manager = SimulationManager(simulation_list, 2, "model", seed=1)
    manager.run_all(2, progress=False)
    print("shown:", json.dumps([run.state for run in manager.status().runs]))
"""


@pytest.fixture(autouse=True)
def pids(tmp_path, monkeypatch):
    monkeypatch.setenv("PIDS", str(tmp_path / "pids"))
    return tmp_path / "pids"


def processes(pids):
    return len(set(pids.read_text().split()))


def test_the_file_of_a_command_line_is_executed_once(pids):
    Path("model.py").write_text(MODEL)
    done = simmanager("run", "model.py", "--runs", "2", "--jobs", "2")
    assert (done.returncode, processes(pids)) == (0, 1), done.stdout + done.stderr


def test_a_file_that_was_edited_into_a_script_without_a_guard_is_not_executed_by_a_resume(pids):
    Path("model.py").write_text(MODEL)
    assert simmanager("run", "model.py", "--runs", "1", "--jobs", "1").returncode == 0
    Path("model.py").write_text(f"{MODEL}{RUN}\nmain()\n")
    done = simmanager("rerun", "model", "s", "--all", "--jobs", "1")
    assert (done.returncode, processes(pids)) == (0, 1), done.stdout + done.stderr


def test_a_file_that_runs_a_batch_without_a_guard_is_refused_and_starts_nothing(pids):
    Path("model.py").write_text(f"{MODEL}{RUN}\nmain()\n")
    done = simmanager("run", "model.py", "--runs", "1")
    assert (done.returncode, processes(pids), Path("model").exists()) == (2, 1, False)


@pytest.mark.parametrize("guard", ["main()", 'if __name__ == "__main__":\n    main()'])
def test_a_script_is_executed_once_with_and_without_a_guard(guard, pids):
    assert run(f"{MODEL}{RUN}\n{guard}\n") == [["finished", "finished"]]
    assert processes(pids) == 1


@pytest.mark.parametrize("name", ["<run_path>", "__main__", "somebody"])
def test_a_script_under_runpy_is_executed_once(name, pids):
    Path("inner.py").write_text(f"{MODEL}{RUN}\nmain()\n")
    assert run(f"import runpy\nrunpy.run_path('inner.py', run_name={name!r})") == [["finished", "finished"]]
    assert processes(pids) == 1


def test_a_module_that_imports_the_script_is_refused_where_it_would_execute_it(pids):
    Path("helper.py").write_text("def f(x):\n    import script\n    return x\n")
    shown = run(f"""{TOP}
import json
from helper import f
from simmanager import OneShot, SimulationManager

if __name__ == "__main__":
    manager = SimulationManager([OneShot(f, {{"x": 1.0}})], 1, "b")
    manager.run_all(1, progress=False)
    print("shown:", json.dumps(manager.status().runs[0].reason))
""")
    assert "script.py is the file from which this batch was made, and a worker never executes it" in shown[0]
    assert processes(pids) == 1


# Functions and classes of a script ------------------------------------------------------------------------------

KINDS = """
import dataclasses, functools, multiprocessing, typing
from concurrent.futures import ProcessPoolExecutor
import json

Name = typing.NewType("Name", str)
P = typing.ParamSpec("P")

@functools.lru_cache(maxsize=3)
def fibonacci(n): return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)

def cached(): return {"y": float(fibonacci(20)), "size": float(fibonacci.cache_info().maxsize)}

@functools.singledispatch
def kind(x): return 1.0

@kind.register
def _(x: int): return 2.0

def dispatched(): return {"y": kind("text") + 10 * kind(1)}

class Agent:
    @functools.singledispatchmethod
    def see(self, x): return 1.0
    @see.register
    def _(self, x: int): return 2.0
    @functools.cached_property
    def size(self): return 3.0
    @functools.lru_cache
    def twice(self, x): return 2 * x

def methods(name: Name = "n"):
    agent = Agent()
    return {"y": agent.see("x") + 10 * agent.see(1) + 100 * agent.size + 1000 * agent.twice(2.0)}

@dataclasses.dataclass
class Result:
    value: float

def helper(x): return Result(x * x)

def pool():
    with multiprocessing.Pool(2) as workers:
        results = workers.map(helper, [1.0, 2.0])
    return {"y": sum(r.value for r in results if isinstance(r, Result))}

def executor():
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as workers:
        results = list(workers.map(helper, [1.0, 2.0]))
    return {"y": sum(r.value for r in results if isinstance(r, Result))}
"""

GIVES = {"cached": 6765.0, "dispatched": 21.0, "methods": 4321.0, "pool": 5.0, "executor": 5.0}


@pytest.mark.parametrize("options", ["n_jobs=2", "in_process=True"])
def test_functions_and_classes_of_every_kind_work_as_in_a_plain_script(options):
    shown = run(f"""{KINDS}
from simmanager import OneShot, SimulationManager

if __name__ == "__main__":
    functions = [{", ".join(GIVES)}]
    manager = SimulationManager([OneShot(f) for f in functions], 1, "b")
    manager.run_all(progress=False, {options})
    shown = {{f.__name__: manager.load_results(f.__name__, 0)[0]["y"] for f in functions}}
    print("shown:", json.dumps([shown, {{f.__name__: f()["y"] for f in functions}}]))
""")
    assert shown == [[GIVES, GIVES]]


def test_what_is_known_by_its_name_alone_is_refused_before_anything_is_written():
    shown = run("""
import json
import numpy as np
from simmanager import OneShot, SimulationManager

class Token:
    def __reduce__(self): return "TOKEN"

TOKEN = Token()

def f(): return {"y": float(TOKEN is TOKEN)}

def h(module=__import__("__main__")): return {"y": 1.0}

if __name__ == "__main__":
    for function in (f, h):
        try:
            SimulationManager([OneShot(function)], 1, "b").run_all(1, progress=False)
        except Exception as error:
            print("shown:", json.dumps([type(error).__name__, str(error)]))
""")
    assert [kind for kind, _ in shown] == ["RecipeError", "RecipeError"]
    assert "needs 'TOKEN' of script.py" in shown[0][1] and "into a module of its own" in shown[0][1]
    assert "uses script.py as a module" in shown[1][1]
    assert not Path("b").exists()


def test_a_sentinel_of_a_module_is_that_of_the_module_in_a_worker_too():
    Path("settings.py").write_text("MISSING = object()\ndef get():\n    return MISSING\n")
    shown = run("""
import json
from settings import MISSING, get
from simmanager import OneShot, SimulationManager

def f(): return {"y": float(get() is MISSING)}

if __name__ == "__main__":
    manager = SimulationManager([OneShot(f)], 1, "b")
    manager.run_all(1, progress=False)
    print("shown:", json.dumps(manager.load_results(0, 0)[0]))
""")
    assert shown == [{"y": 1.0}]


def test_another_module_of_the_name_of_the_script_can_be_imported():
    Path("sub").mkdir()
    Path("sub/script.py").write_text("value = 5.0")
    shown = run("""
import json
import sys
from simmanager import OneShot, SimulationManager

def f():
    import script
    return {"y": script.value}

if __name__ == "__main__":
    sys.path.insert(0, "sub")
    manager = SimulationManager([OneShot(f)], 1, "b")
    manager.run_all(1, progress=False)
    print("shown:", json.dumps(manager.load_results(0, 0)[0]))
""")
    assert shown == [{"y": 5.0}]
