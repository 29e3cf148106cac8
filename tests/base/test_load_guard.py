"""A file that runs a batch when it is loaded does so when Python starts it, and only then."""

from pathlib import Path

import pytest
from toys import python, toy_sim

from simmanager import SimulationManager
from simmanager.base.errors import SimulationError
from simmanager.base.load_guard import loading

pytestmark = pytest.mark.python_versions

RUNS_ITSELF = """
from pathlib import Path
from simmanager import OneShot, SimulationManager

with open("executed", "a") as file:
    file.write("once\\n")

def fit(x, seed):
    return {"y": x}

simulation_list = [OneShot(fit, {"x": 1}, "a")]
if "guarded" not in __name__:
    SimulationManager(simulation_list, 2, "batch", seed=1).run_all(1, progress=False)
"""


def simmanager(*words):
    return python("import sys; from simmanager.cli.main import main; sys.exit(main(sys.argv[1:]))", *words)


def test_it_is_refused_by_the_command_line_before_anything_is_made(tmp_path):
    (tmp_path / "fits.py").write_text(RUNS_ITSELF)
    done = simmanager("run", "fits.py")
    assert done.returncode == 2
    assert "fits.py makes or runs a batch while it is loaded" in done.stderr and "python FILE.py" in done.stderr
    assert (tmp_path / "executed").read_text() == "once\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["executed", "fits.py"]


def test_python_itself_runs_it(tmp_path):
    (tmp_path / "fits.py").write_text(RUNS_ITSELF)
    done = python("import runpy; runpy.run_path('fits.py', run_name='__main__')")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "executed").read_text() == "once\n"
    assert SimulationManager(existing_simulation="batch").status().all_finished


def test_a_worker_that_imports_it_does_not_run_it_again(tmp_path):
    """A main script imports a module that forgot its guard."""
    (tmp_path / "fits2.py").write_text(RUNS_ITSELF)
    done = python("import sys; sys.path.insert(0, '.'); import fits2")
    assert done.returncode == 0, done.stderr
    runs = SimulationManager(existing_simulation="batch").status().runs
    assert {run.state for run in runs} == {"error"}
    assert all("A module of this simulation makes or runs a batch while it is loaded" in run.reason for run in runs)
    assert sorted(path.name for path in tmp_path.glob("batch*")) == ["batch"]


def test_nothing_of_a_manager_can_be_run_while_a_file_is_loaded():
    manager = SimulationManager([toy_sim()], 1, "made", seed=1)
    manager.generate_sim_paths()
    other = SimulationManager([toy_sim()], 1, "other", seed=1)
    with loading("mine.py"):
        for call in (manager.run_all, lambda: manager.rerun_simulation(0), other.generate_sim_paths, other.run_all):
            with pytest.raises(SimulationError, match=r"^mine\.py makes or runs a batch while it is loaded"):
                call()
    assert not Path("other").exists()
    assert manager.run_all(1, progress=False).all_finished
