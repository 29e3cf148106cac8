"""What runs is what was written: making, running and loading a batch change nothing in the session of the user."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from kernels import execute as execute_notebook
from kernels import of_jupyter
from places import python_path

PARTS = """
import json
from simmanager import SimulationManager, SingleSim

GAIN = 1
SHARED = []
MISSING = object()

class Agent:
    def __init__(self, given=MISSING):
        self.gain, self.missing = GAIN, given is MISSING
        SHARED.append(self.gain)
    def act(self, obs): return 0
    def update(self): pass

class Arena:
    def reset(self): return 0, 0
    def step(self, action): return 0, 0, 0

def loop(agent, env):
    return agent, env, {"agent": [agent.gain], "loop": [GAIN], "shared": [len(SHARED)], "missing": [int(agent.missing)]}

def batch(name):
    sim = SingleSim(Agent, {"given": MISSING}, Arena, {}, loop, {}, "s")
    return SimulationManager([sim], 1, name, seed=1)

def show(*values):
    print("shown:", json.dumps(values))

def history(manager):
    return {name: values[0] for name, values in manager.load_results(0, 0)[2].items()}
"""


def run(text, file="script.py", words=(), flags=(), code=0):
    """Run a script to its end and return what it showed."""
    Path(file).write_text(text)
    done = execute(*flags, file, *words)
    assert done.returncode == code, done.stderr
    return [json.loads(line.removeprefix("shown:")) for line in done.stdout.splitlines() if line.startswith("shown:")]


def execute(*words):
    environ = {**os.environ, "PYTHONPATH": python_path()}
    return subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, timeout=120, env=environ, check=False
    )


def simmanager(*words):
    return execute("-m", "simmanager", *words)


OPTIONS = ["n_jobs=1", "n_jobs=1, fresh_process=True", "in_process=True"]


@pytest.mark.parametrize("options", OPTIONS)
def test_each_batch_runs_with_the_globals_as_they_are_when_it_is_made(options, tmp_path):
    shown = run(f"""{PARTS}
if __name__ == "__main__":
    init, made = Agent.__init__, []
    for GAIN in (1, 2, 3):
        made.append(batch(f"gain_{{GAIN}}"))
        made[-1].run_all(progress=False, {options})
        show(history(made[-1]))
        SHARED.clear()
    show(Agent().gain, Agent.__init__ is init, len(SHARED))
""")
    expected = [{"agent": gain, "loop": gain, "shared": 1, "missing": 1} for gain in (1, 2, 3)]
    assert shown == [*([value] for value in expected), [3, True, 1]]


def test_rerun_and_extend_pickle_what_is_in_force_now_and_nothing_else(tmp_path):
    shown = run(f"""{PARTS}
if __name__ == "__main__":
    manager = batch("b")
    manager.run_all(1, progress=False)
    first = history(manager)
    manager.rerun_simulation(0, include_finished=True, n_jobs=1, progress=False)
    show(history(manager) == first)
    GAIN = 5
    manager.extend(2)
    manager.run_all(1, progress=False)
    show({{name: values[0] for name, values in manager.load_results(0, 1)[2].items()}} == first)
    manager.rerun_simulation(0, include_finished=True, n_jobs=1, progress=False)
    show(history(manager)["agent"], history(manager)["loop"])
""")
    assert shown == [[True], [True], [5, 5]], "an extended batch keeps its code, a rerun takes what is in force now"


def test_run_sim_works_on_code_of_its_own(tmp_path):
    shown = run(f"""{PARTS}
if __name__ == "__main__":
    sim = SingleSim(Agent, {{"given": MISSING}}, Arena, {{}}, loop, {{}}, "s")
    for GAIN in (1, 2):
        sim.run_sim("here", seed=1)
        agent, env, history = sim.load_results("here")
        show(agent.gain, history["loop"][0], history["missing"][0], history["shared"][0], len(SHARED))
""")
    assert shown == [[1, 1, 1, 1, 0], [2, 2, 1, 1, 0]]


def test_a_registry_of_subclasses_is_not_touched_when_a_batch_is_made(tmp_path):
    Path("plugins.py").write_text("""
class Plugin:
    known = {}
    def __init_subclass__(cls):
        Plugin.known[cls.__name__] = cls
""")
    shown = run("""
from plugins import Plugin
from simmanager import OneShot, SimulationManager
import json

class Mine(Plugin):
    pass

def f():
    return {"y": float(Plugin.known["Mine"] is Mine)}

if __name__ == "__main__":
    manager = SimulationManager([OneShot(f)], 1, "b")
    manager.run_all(1, progress=False)
    print("shown:", json.dumps([Plugin.known["Mine"] is Mine, manager.load_results(0, 0)[0]["y"]]))
""")
    assert shown == [[True, 1.0]]


# Loading -------------------------------------------------------------------------------------------------------

MODELS = """
import enum
import dataclasses
import typing
from abc import ABC, abstractmethod

class Mode(enum.Enum):
    SLOW = 1
    FAST = "fast"

class Flags(enum.IntFlag):
    A = 1
    B = 2

@dataclasses.dataclass
class Point:
    x: float = 1.0
    tags: list = dataclasses.field(default_factory=list)

@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    x: int = 1

class Base(ABC):
    @abstractmethod
    def act(self, obs): ...

T = typing.TypeVar("T")

class Box(typing.Generic[T]):
    def __init__(self, thing: T): self.thing = thing

class Pair(typing.NamedTuple):
    left: int
    right: str = "r"

class Meta(type):
    def __call__(cls, *args):
        thing = super().__call__(*args)
        thing.made_by = "Meta"
        return thing

class Made(metaclass=Meta):
    pass

class Slotted:
    __slots__ = ("a", "__hidden")
    def __init__(self): self.a, self.__hidden = 1, 2
    @property
    def hidden(self): return self.__hidden

class Agent(Base):
    class Memory:
        size = 3

    limit = 10

    def __init__(self):
        self.parts = {kind.__name__: kind() for kind in (Point, Frozen, Slotted, Made, Agent.Memory)}
        self.parts |= {"Box": Box(1), "Pair": Pair(1)}
        self.mode, self.flags = Mode.FAST, Flags.A | Flags.B
    def act(self, obs): return 0
    def update(self): pass
    def is_fast(self): return self.mode is Mode.FAST

class Arena:
    def __init__(self): self.mode = Mode.FAST
    def reset(self): return 0, 0
    def step(self, action): return 0, 0, 0

def loop(agent, env):
    return agent, env, {"fast": [int(agent.is_fast()), int(agent.mode is env.mode)], "limit": [agent.limit]}
"""

MAKE = """
import json
from simmanager import SimulationManager, SingleSim

def make():
    manager = SimulationManager([SingleSim(Agent, {}, Arena, {}, loop, {}, "s")], 1, "b", seed=1)
    manager.run_all(1, progress=False)
    return manager

def show(*values):
    print("shown:", json.dumps(values))

def look(manager):
    agent, env, history = manager.load_results(0, 0)
    kinds = [Point, Frozen, Slotted, Made, Agent.Memory, Box, Pair]
    found = {kind.__name__: isinstance(agent.parts[kind.__name__], kind) for kind in kinds}
    found |= {"Agent": type(agent) is Agent, "Arena": type(env) is Arena, "Mode": agent.mode is Mode.FAST}
    show([name for name, is_so in found.items() if not is_so])
    show(agent.is_fast(), env.mode is agent.mode, agent.flags == Flags.A | Flags.B, history["fast"], agent.limit)
    show(agent.parts["Slotted"].hidden, agent.parts["Made"].made_by, hasattr(agent.parts["Slotted"], "__dict__"))
"""

WORKS = [True, True, True, [1, 1]]


def test_a_script_finds_its_own_classes_in_loaded_results_today_and_tomorrow(tmp_path):
    script = f"""{MODELS}{MAKE}
import sys
if __name__ == "__main__":
    look(make() if sys.argv[1] == "make" else SimulationManager(existing_simulation="b"))
"""
    today, tomorrow = run(script, words=["make"]), run(script, words=["look"])
    assert today == tomorrow == [[[]], [*WORKS, 10], [2, "Meta", False]]


def test_a_class_that_was_corrected_stays_so_when_older_results_are_loaded(tmp_path):
    shown = run(f"""{MODELS}{MAKE}
if __name__ == "__main__":
    manager = make()
    def corrected(self): return "corrected"
    Agent.is_fast, Agent.limit = corrected, 20
    look(manager)
    show(Agent.is_fast is corrected, Agent.limit)
""")
    assert shown[0] == [["Agent"]], "what was corrected is made anew, as it was run; the rest is that here"
    assert shown[1:] == [[*WORKS, 10], [2, "Meta", False], [True, 20]]


def test_a_corrected_module_gives_its_own_classes_as_any_pickle_of_a_module_does(tmp_path):
    Path("models.py").write_text(MODELS)
    script = f"from models import *\n{MAKE}"
    run(f"{script}\nmake()")
    Path("models.py").write_text(MODELS.replace("limit = 10", "limit = 20"))
    shown = run(f"{script}\nlook(SimulationManager(existing_simulation='b'))")
    assert shown == [[[]], [*WORKS, 20], [2, "Meta", False]]


@of_jupyter
def test_a_notebook_keeps_its_classes_and_corrections_and_no_worker_executes_it(tmp_path, monkeypatch):
    pid = "import os; open('pids', 'a').write(f'{os.getpid()}\\n')\n"
    cells = [
        MODELS,
        MAKE,
        "manager = make()\nlook(manager)",
        "Agent.act = lambda self, obs: 1\nact = Agent.act",
        "look(manager)\nshow(Agent.act is act, manager.load_results(0, 0)[0].act(0))",
        # Other classes of the same names, and another value of a global for the second batch.
        PARTS,
        "init, one = Agent.__init__, batch('one')\none.run_all(1, progress=False)",
        "GAIN = 2",
        "two = batch('two')\ntwo.run_all(1, progress=False)",
        "show(history(one), history(two), Agent().gain, Agent.__init__ is init)",
        # An agent that has slots alone.
        """class Agent:
    __slots__ = ("gain", "missing")
    def __init__(self, given): self.gain, self.missing = 7, False
    def act(self, obs): return 0
    def update(self): pass""",
        "three = batch('three')\nthree.run_all(1, progress=False)",
        "agent = three.load_results(0, 0)[0]\nshow(type(agent) is Agent, agent.gain, hasattr(agent, '__dict__'))",
        "old = one.load_results(0, 0)[0]\nshow(isinstance(old, Agent), old.gain, Agent(0).gain)",
    ]
    outputs = execute_notebook([pid + cell for cell in cells], tmp_path, monkeypatch)
    lines = "".join(output.get("text", "") for cell in outputs for output in cell).splitlines()
    shown = [json.loads(line.removeprefix("shown:")) for line in lines if line.startswith("shown:")]
    assert shown[:3] == [[[]], [*WORKS, 10], [2, "Meta", False]]
    assert shown[3:6] == [[["Agent"]], [*WORKS, 10], [2, "Meta", False]]
    assert shown[6] == [True, 0], "the class stays corrected, and results have the one that was run"
    expected = [{"agent": gain, "loop": gain, "shared": 1, "missing": 1} for gain in (1, 2)]
    assert shown[7] == [*expected, 2, True]
    assert shown[8:] == [[True, 7, False], [False, 1, 7]]
    assert len(set((tmp_path / "pids").read_text().split())) == 1


def test_plain_pickle_leaves_the_classes_of_the_session_alone_too(tmp_path):
    shown = run(f"""{MODELS}{MAKE}
import pickle
if __name__ == "__main__":
    manager = make()
    act = Agent.act
    with open(manager.runs[0].path / "agent", "rb") as file:
        agent = pickle.load(file)
    show(Agent.act is act, agent.is_fast(), agent.limit)
""")
    assert shown == [[True, True, 10]]


def test_the_results_of_a_script_are_the_same_bytes_in_every_worker(tmp_path):
    shown = run(f"""{MODELS}{MAKE}
if __name__ == "__main__":
    from pathlib import Path
    from toys import hashes
    make()
    SimulationManager([SingleSim(Agent, {{}}, Arena, {{}}, loop, {{}}, "s")], 1, "c", seed=1).run_all(1, progress=False)
    show(hashes(Path("b")) == hashes(Path("c")))
""")
    assert shown == [[True]]


def test_a_run_that_goes_on_from_a_checkpoint_has_one_of_each_class(tmp_path):
    shown = run("""
import json
import os
from simmanager import OneShot, SimulationManager, load_checkpoint, save_checkpoint

class State:
    counter = 0

STEPS = []

def step():
    STEPS.append(1)
    State.counter += 1

def f():
    state = load_checkpoint()
    if state is None:
        step()
        save_checkpoint({"state": State()})
        os._exit(1)
    step()
    same = isinstance(state["state"], State)
    return {"same": float(same), "counter": float(State.counter), "steps": float(len(STEPS))}

if __name__ == "__main__":
    manager = SimulationManager([OneShot(f)], 1, "b")
    manager.run_all(1, progress=False, retries=1, checkpoint_every_s=1e-9)
    print("shown:", json.dumps(manager.load_results(0, 0)[0]))
""")
    assert shown == [{"same": 1.0, "counter": 2.0, "steps": 1.0}]
