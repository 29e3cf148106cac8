"""Globals of a script that cannot be pickled go by the name of their module, or are named with the way out."""

import sys
import textwrap

import pytest
from toys import python

#: As NEURON's ``h``: an object of a module that refuses to be pickled.
NEURAL = """
class Interpreter:
    def __init__(self):
        self.value = 7
    def __reduce__(self):
        raise TypeError("an interpreter cannot be pickled")
h = Interpreter()
"""

BATCH = """
from simmanager import OneShot, SimulationManager
{top}
def run(x=1):
    {body}
if __name__ == "__main__":
    manager = SimulationManager([OneShot(run)], 1, "batch", seed=1)
    manager.run_all(1)
    print("result:", manager.load_results(0, 0)[2])
"""


@pytest.fixture
def script(tmp_path):
    """Return a function that executes a script, beside which is the module ``neural``."""
    (tmp_path / "neural.py").write_text(textwrap.dedent(NEURAL))

    def execute(top, body):
        (tmp_path / "script.py").write_text(BATCH.format(top=top, body=body))
        return python(f"import runpy, sys; sys.path.insert(0, {str(tmp_path)!r}); exec(open('script.py').read())")

    return execute


def test_an_object_of_a_module_goes_by_the_name_of_the_module(script):
    done = script("from neural import h", 'return {"value": h.value, "same": int(h is __import__("neural").h)}')
    assert "result: {'value': array([7]), 'same': array([1])}" in done.stdout, done.stderr


def test_a_global_of_the_script_itself_is_named_with_the_way_out(script):
    done = script("import threading\nLOCK = threading.Lock()", 'with LOCK: return {"value": 7}')
    assert "the global 'LOCK' (lock), which run uses" in done.stderr
    assert "inside the function" in done.stderr


def test_one_that_a_helper_of_the_function_uses_is_found(script):
    top = "import threading\nLOCK = threading.Lock()\ndef helper():\n    with LOCK: return 7"
    done = script(top, 'return {"value": helper()}')
    assert "the global 'LOCK' (lock), which helper uses" in done.stderr


def test_pickling_elsewhere_is_as_it_was(script):
    top = "import copyreg, neural\nfrom neural import h"
    done = script(top, 'return {"value": h.value}')
    assert "result: {'value': array([7])}" in done.stdout, done.stderr
    done = python(
        "import copyreg, neural; from neural import h\n"
        "def run(x=1): return h\n"
        "from simmanager import OneShot; OneShot(run).recipe()\n"
        "assert neural.Interpreter not in copyreg.dispatch_table; print('as before')"
    )
    assert "as before" in done.stdout, done.stderr


def test_no_module_of_the_tests_is_one_of_a_script():
    assert "neural" not in sys.modules
