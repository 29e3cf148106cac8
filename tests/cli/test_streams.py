"""Whatever the terminal, the disk and the working directory are like: one line, and no traceback."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from manager_process import ENVIRONMENT
from toys import failing_loop, toy_sim

from simmanager import SimulationManager, read_status

#: A command for each verb that a batch with a failed run can be given.
VERBS = [
    "status b", "results b", "logs b", "logs b bad 0", "report b", "show b/good/0", "diff b/good/0 b/bad/0",
    "reproduce b/good/0", "resume b", "rerun b bad --dry-run", "rerun b bad", "stop b", "debug b bad 0",
]  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a batch that has ended, with a failed run; what failed is told with a sign that ASCII lacks."""
    folder = tmp_path_factory.mktemp("place")
    sims = [toy_sim("good"), toy_sim("bad", failing_loop, message="5 ≠ 6")]
    SimulationManager(sims, 1, "b", seed=7, results_dir=folder).run_all(2, progress=False)
    return folder


def cli(command, **options):
    words = [sys.executable, "-m", "simmanager", *shlex.split(command)]
    environ = {**ENVIRONMENT, **options.pop("environ", {})}
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL, **options}
    return subprocess.run(words, text=True, timeout=120, env=environ, check=False, **options)


@pytest.mark.parametrize("command", VERBS)
def test_an_encoding_that_lacks_our_signs_is_written_in_others(place, command):
    done = cli(command, cwd=place, environ={"LC_ALL": "C", "PYTHONIOENCODING": "ascii"})
    assert "Unicode" not in done.stdout + done.stderr
    assert done.returncode in (0, 1)
    if command == "status b":
        assert done.stdout.splitlines()[1] == "|-- good"
        assert "ValueError: 5 \\u2260 6" in done.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no such device here")
@pytest.mark.parametrize("command", VERBS)
def test_a_full_device_behind_stdout_is_told_in_one_line(place, command):
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = cli(command, cwd=place, stdout=full)
    lines = [line for line in done.stderr.splitlines() if line.startswith("simmanager: ")]
    if command not in ("rerun b bad", "resume b", "debug b bad 0"):  # these have work to do, and go on with it
        assert (
            done.stderr.splitlines() == lines == ["simmanager: the output cannot be written (No space left on device)"]
        )
        assert done.returncode == 2
    assert "simmanager/cli" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert read_status(place / "b").counts["running"] == 0


@pytest.mark.parametrize("command", VERBS)
def test_a_deleted_working_directory_is_told_in_one_line(tmp_path, command):
    gone = tmp_path / "gone"
    gone.mkdir()
    enter = f"import os, runpy, sys; os.chdir({str(gone)!r}); os.rmdir({str(gone)!r}); sys.argv[0] = 'simmanager'"
    program = f"{enter}; runpy.run_module('simmanager', run_name='__main__')"
    words = [sys.executable, "-c", program, *shlex.split(command)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, env=ENVIRONMENT, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1, done.stderr
    assert "The working directory was deleted: change to another one, e.g. cd ~" in done.stderr


def test_a_file_whose_name_cannot_be_that_of_a_batch_is_run_by_the_command_that_is_advised(tmp_path):
    name = "my sims ü.py"
    Path(name).write_text("from toys import toy_sim\nsimulation_list = [toy_sim()]\n")
    done = cli(f"run {shlex.quote(name)} --runs 1 --jobs 1")
    assert done.returncode == 2
    command = done.stderr.strip().partition("another name: ")[2]
    assert command == f"simmanager run {shlex.quote(name)} --runs 1 --jobs 1 --id my_sims_"
    again = cli(command.removeprefix("simmanager "))
    assert again.returncode == 0, again.stderr
    assert os.listdir("my_sims_")  # noqa: PTH208


def test_an_id_that_was_given_is_refused_without_that_advice(tmp_path):
    Path("sims.py").write_text("from toys import toy_sim\nsimulation_list = [toy_sim()]\n")
    done = cli("run sims.py --id 'not good'")
    assert done.returncode == 2
    assert "another name" not in done.stderr
