"""A batch goes on from anywhere: the folders of its own modules are kept with it."""

import os
import signal
import sys
import sysconfig
from pathlib import Path

import pytest
from toys import hashes, python

from simmanager.base import import_path
from simmanager.cli.main import main

pytestmark = pytest.mark.python_versions

MODEL = """
def double(x, seed):
    return {"y": 2 * x}
"""

BATCH = """
from helper_of_a_user import double
from simmanager import OneShot

simulation_list = [OneShot(double, {"x": 1}, "a")]
"""

SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
from helper_of_a_user import double
from simmanager import OneShot, SimulationManager

SimulationManager([OneShot(double, {"x": 1}, "a")], 3, "batch", seed=1).generate_sim_paths()
"""


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder with a model in a module next to the file that uses it; afterwards it is forgotten."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "helper_of_a_user.py").write_text(MODEL)
    (folder / "mine.py").write_text(BATCH)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield folder
    sys.modules.pop("helper_of_a_user", None)
    sys.modules.pop("mine", None)


def simmanager(*words):
    """Run the command line in a process that knows nothing of the project."""
    return python("import sys; from simmanager.cli.main import main; sys.exit(main(sys.argv[1:]))", *words)


def test_a_batch_made_by_a_script_is_resumed_rerun_and_reproduced_from_elsewhere(home, tmp_path):
    made = python(SCRIPT, str(home))
    assert made.returncode == 0, made.stderr
    done = simmanager("resume", "batch", "--jobs", "1")
    assert (done.returncode, "3 finished" in done.stdout) == (0, True), done.stdout + done.stderr
    before = hashes(Path("batch"))
    assert simmanager("rerun", "batch", "a", "--all", "--jobs", "1").returncode == 0
    assert hashes(Path("batch")) == before
    done = simmanager("reproduce", "batch", "a", "1")
    assert "Reproduced: the same bytes." in done.stdout, done.stdout + done.stderr


def test_a_batch_of_the_command_line_is_resumed_from_elsewhere_and_opened_there(home, tmp_path):
    assert main(["run", str(home / "mine.py"), "--runs", "2", "--id", "batch", "--jobs", "1"]) == 0
    assert simmanager("rerun", "batch", "a", "--all", "--jobs", "1").returncode == 0
    program = (
        "from simmanager import SimulationManager\n"
        "m = SimulationManager(existing_simulation='batch')\n"
        "print(m.load_results(0, 0)[0], m.simulation_list[0].simulation_id)"
    )
    done = python(program)
    assert (done.returncode, done.stdout.split()[-1]) == (0, "a"), done.stderr


def test_a_rerun_that_is_bound_to_fail_replaces_nothing(home, tmp_path):
    assert main(["run", str(home / "mine.py"), "--runs", "2", "--id", "batch", "--jobs", "1"]) == 0
    before = sorted(path.name for path in Path("batch/a").iterdir())
    (home / "helper_of_a_user.py").rename(home / "renamed.py")
    done = simmanager("rerun", "batch", "a", "--all")
    assert done.returncode == 2
    assert "none of its runs was touched (ModuleNotFoundError: No module named 'helper_of_a_user')" in done.stderr
    assert "PYTHONPATH" in done.stderr
    assert sorted(path.name for path in Path("batch/a").iterdir()) == before


def test_what_belongs_to_python_is_not_kept(home, monkeypatch):
    stdlib = sysconfig.get_path("stdlib")
    installed = home / "site-packages"
    installed.mkdir()
    gone = str(home / "gone")
    monkeypatch.setattr(sys, "path", [str(home), "", stdlib, f"{stdlib}/lib-dynload", str(installed), gone, str(home)])
    assert import_path.own_import_path() == [str(home), os.getcwd()]  # noqa: PTH109


def test_it_is_appended_where_it_is_missing(home, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "path", [str(home)])
    kept = {import_path.KEY: [str(tmp_path), str(home), str(tmp_path / "gone"), 5]}
    import_path.extend_sys_path(kept)
    import_path.extend_sys_path(kept)
    assert sys.path == [str(home), str(tmp_path)]


@pytest.mark.parametrize("damaged", [None, 5, "text", {"a": 1}])
def test_a_damaged_record_is_none(damaged, monkeypatch):
    monkeypatch.setattr(sys, "path", list(before := sys.path))
    import_path.extend_sys_path({import_path.KEY: damaged})
    assert sys.path == list(before)
    assert import_path.kept_in({}) == []


def test_a_killed_manager_of_the_command_line_is_followed_by_a_plain_resume(home, tmp_path):
    (home / "helper_of_a_user.py").write_text(
        "import os, signal\n"
        "def double(x, seed):\n"
        "    if not os.path.exists('killed'):\n"
        "        open('killed', 'w').close()\n"
        "        os.kill(os.getppid(), signal.SIGKILL)\n"
        "    return {'y': 2 * x}\n"
    )
    killed = simmanager("run", str(home / "mine.py"), "--runs", "3", "--id", "batch", "--jobs", "1")
    assert killed.returncode == -signal.SIGKILL
    done = simmanager("resume", "batch", "--jobs", "1")
    assert (done.returncode, "3 finished" in done.stdout) == (0, True), done.stdout + done.stderr


def test_a_working_directory_that_was_deleted_is_no_error(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.setattr(sys, "path", ["", str(tmp_path)])
    os.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    try:
        assert str(tmp_path) in import_path.own_import_path()
        import_path.extend_sys_path({import_path.KEY: [str(tmp_path)]})
    finally:
        os.chdir(tmp_path)
    assert sys.path == ["", str(tmp_path)]
