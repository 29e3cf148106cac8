"""What the top of a script sets up is there in the workers, which never execute the script."""

import json
import os
from pathlib import Path

import pytest
from test_session_untouched import run, simmanager

from simmanager.worker.session import _imports_at_top

BATCH = """
import json
from simmanager import OneShot, SimulationManager

def batch(function, name="b", **settings):
    return SimulationManager([OneShot(function)], 2, name, seed=1, **settings)

def values(function, **settings):
    manager = batch(function, **settings)
    manager.run_all(1, progress=False)
    print("shown:", json.dumps([manager.load_results(0, number)[0]["y"] for number in (0, 1)]))
    return manager
"""

#: Line at the top of a script; what a run sees of it. The second run finds what the first one did.
SETTINGS = {
    "numpy": ("import numpy as np; np.seterr(divide='raise')", "__import__('numpy').geterr()['divide']", "raise"),
    "recursion": ("sys.setrecursionlimit(4321)", "sys.getrecursionlimit()", 4321),
    "decimal": ("import decimal; decimal.getcontext().prec = 7", "str(decimal.Decimal(1) / 3)", "0.3333333"),
    "filters": (
        "import warnings; warnings.filterwarnings('error', 'my .*', UserWarning)",
        "[str(f[1] and f[1].pattern) for f in warnings.filters if f[0] == 'error']",
        ["my .*"],
    ),
    "level": ("import logging; logging.getLogger('my').setLevel(17)", "logging.getLogger('my').level", 17),
    "effect": ("import register_something", "os.environ.get('REGISTERED', '')", "yes"),
    "submodule": ("import package.inner", "'package.inner' in sys.modules", True),
    "in a block": ("try:\n    import register_something\nexcept ImportError: pass", "os.environ['REGISTERED']", "yes"),
}


@pytest.fixture(autouse=True)
def modules():
    Path("register_something.py").write_text("import os\nos.environ['REGISTERED'] = 'yes'\n")
    Path("package").mkdir()
    Path("package/__init__.py").write_text("")
    Path("package/inner.py").write_text("")


@pytest.mark.parametrize(("line", "seen", "expected"), SETTINGS.values(), ids=SETTINGS)
def test_a_setting_at_the_top_of_a_script_holds_in_every_run_of_a_worker(line, seen, expected):
    shown = run(f"""{BATCH}
import os
import sys
import logging, warnings, decimal
{line}

def f():
    value = {seen}
    sys.setrecursionlimit(999)
    decimal.getcontext().prec = 3
    __import__("numpy").seterr(all="ignore")
    warnings.simplefilter("ignore")
    return {{"y": value}}

if __name__ == "__main__":
    values(f)
""")
    assert shown == [[expected, expected]]


def test_what_a_script_logs_to_its_console_is_in_the_logs_of_each_run():
    run(f"""{BATCH}
import logging
logging.basicConfig(level=logging.INFO, format="%(levelname)s: %(message)s")

def f():
    logging.getLogger("my").info("step")
    return {{"y": 1.0}}

if __name__ == "__main__":
    values(f)
""")
    assert [log.read_text() for log in Path("b").glob("f/run_*/error.log")] == ["INFO: step\n", "INFO: step\n"]


@pytest.mark.parametrize(
    ("flags", "seen", "expected"),
    [
        (["-O"], "sys.flags.optimize", 1),
        (["-X", "dev"], "sys.flags.dev_mode", True),
        (["-W", "error::BytesWarning"], "'error::BytesWarning' in sys.warnoptions", True),
    ],
)
def test_flags_of_the_interpreter_are_those_of_the_workers(flags, seen, expected):
    shown = run(f"""{BATCH}
import sys
def f(): return {{"y": {seen}}}

if __name__ == "__main__":
    values(f)
""", flags=flags)  # fmt: skip
    assert shown == [[expected, expected]]


SETUP = f"""{BATCH}
import os
CALLS = []

def prepare():
    print("set up")
    CALLS.append(1)
    os.environ["PREPARED"] = str(len(CALLS))

def f():
    value = os.environ.pop("PREPARED")
    return {{"y": value}}
"""


def test_a_set_up_function_is_called_once_in_each_worker_and_what_it_sets_holds_in_every_run():
    shown = run(f"""{SETUP}
if __name__ == "__main__":
    values(f, setup=prepare)
    print("shown:", json.dumps([CALLS, "PREPARED" in os.environ]))
""")
    assert shown == [["1", "1"], [[], False]]
    logs = [log.read_text().count("set up") for log in sorted(Path("b").glob("f/run_*/run.log"))]
    assert logs == [1, 0]


def test_a_batch_that_goes_on_elsewhere_has_its_session_and_its_set_up_function():
    run(f"""{SETUP}
import sys
sys.setrecursionlimit(4321)
def g(): return {{"y": sys.getrecursionlimit(), "z": os.environ["PREPARED"]}}

if __name__ == "__main__":
    batch(g, setup=prepare).generate_sim_paths()
""")
    done = simmanager("resume", "b", "--jobs", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    shown = run("""
import json
from simmanager import SimulationManager
print("shown:", json.dumps(SimulationManager(existing_simulation="b").load_results(0, 1)[0]))
""", file="look.py")  # fmt: skip
    assert shown == [{"y": 4321, "z": "1"}]


def test_simulations_of_two_sessions_are_run_each_as_its_own_session_was():
    script = (
        BATCH
        + """
import sys
sys.setrecursionlimit({limit})
def {name}(): return {{"y": sys.getrecursionlimit()}}

if __name__ == "__main__":
    {make}
"""
    )
    first, second = "batch(f).generate_sim_paths()", "manager = SimulationManager(existing_simulation='b')"
    run(
        script.replace("{limit}", "4000")
        .replace("{name}", "f")
        .replace("{make}", first)
        .replace("{{", "{")
        .replace("}}", "}")
    )
    second += "; manager.add([OneShot(g)]); manager.run_all(1, progress=False); print('shown:', json.dumps("
    second += "[manager.load_results(name, 1)[0]['y'] for name in 'fg']))"
    shown = run(
        script.replace("{limit}", "5000")
        .replace("{name}", "g")
        .replace("{make}", second)
        .replace("{{", "{")
        .replace("}}", "}")
    )
    assert shown == [[4000, 5000]]


def test_a_set_up_function_that_fails_ends_its_runs_and_says_so():
    shown = run(f"""{BATCH}
def broken(): raise OSError("no such device")
def f(): return {{"y": 1.0}}

if __name__ == "__main__":
    manager = batch(f, setup=broken)
    manager.run_all(1, progress=False)
    print("shown:", json.dumps([run.reason for run in manager.status().runs]))
""")
    assert shown == [["script.py:14 in broken: OSError: no such device"] * 2]


def test_a_set_up_function_that_workers_cannot_load_is_refused_before_anything_is_written():
    shown = run(f"""{BATCH}
import threading
LOCK = threading.Lock()
def prepare(): return LOCK
def f(): return {{"y": 1.0}}

if __name__ == "__main__":
    try:
        values(f, setup=prepare)
    except Exception as error:
        print("shown:", json.dumps([type(error).__name__, "setup function" in str(error)]))
""")
    assert shown == [["RecipeError", True]]
    assert not Path("b").exists()


def test_a_batch_file_names_a_set_up_function():
    Path("mine.py").write_text("import os\ndef prepare(): os.environ['PREPARED'] = 'yes'\n")
    Path("model.py").write_text(
        "import os\nclass Agent: pass\nclass Arena: pass\n"
        "def loop(agent, env): return agent, env, {'y': [float(os.environ['PREPARED'] == 'yes')]}\n"
    )
    Path("b.toml").write_text("""
setup = "mine:prepare"
[[simulations]]
simulation_id = "s"
agent_class = "model:Agent"
env_class = "model:Arena"
training_loop = "model:loop"
""")
    done = simmanager("run", "b.toml", "--runs", "1", "--jobs", "1")
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_installed_program_is_no_session_of_the_user():
    Path("b.toml").write_text("[[simulations]]\ndefault = 'stachenfeld_in_2d'\nsimulation_id = 's'\n")
    environ = dict(os.environ)
    done = simmanager("run", "b.toml", "--runs", "1", "--jobs", "1")
    assert done.returncode in (0, 1) and dict(os.environ) == environ
    known = json.loads(Path("b/manager.json").read_text())["provenance"]["session"]["known"]
    assert known == [{}]


def test_imports_are_read_where_they_take_effect_when_a_script_is_executed():
    source = """
import a, b.c as d
from e import f
from . import near
if True:
    import g
class C:
    import h
def function():
    import i
if __name__ == "__main__":
    import j
"""
    assert list(_imports_at_top(source)) == ["a", "b.c", "e", "e.f", "g"]
    assert list(_imports_at_top("%magic")) == []
