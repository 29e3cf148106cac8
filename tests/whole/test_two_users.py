"""A shared machine, with a real second user: what a group does together, and what one user must not do to another."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from places import python_path
from trouble import wait_for

from simmanager import read_status

ANNE, BOB, GROUP = 40001, 40002, 40000  # ids without names: no system has them

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")

#: Runs that fail at the first attempt.
BATCH = """
import pathlib
from simmanager import OneShot, SimulationManager
def once(marker="{place}/marker"):
    if not pathlib.Path(marker).exists():
        pathlib.Path(marker).touch()
        raise ValueError("not yet")
SimulationManager([OneShot(once, simulation_id="once")], 1, "ours").run_all(1, progress=False)
"""

#: Command lines, one after the other; each prints its exit code.
COMMANDS = """
import sys
from simmanager.cli.main import main
sys.stderr = sys.stdout
for line in sys.argv[1:]:
    print("$", line, flush=True)
    print(main(line.split()), flush=True)
"""


class Machine:
    """A folder in which everybody may make folders of their own, and programs run by one user or the other."""

    def __init__(self, place: Path) -> None:
        self.place, self.python = place, ""
        same = f"python{sys.version_info.major}.{sys.version_info.minor}"
        for python in (sys.executable, shutil.which(same, path="/usr/bin:/usr/local/bin")):
            with suppress(PermissionError):  # that of root may lie in a folder of its own
                if python and self.run(ANNE, "import numpy", python=python).returncode == 0:
                    self.python = python
                    return

    def folder(self, name: str, owner: int, mode: int) -> Path:
        path = self.place / name
        path.mkdir()
        os.chown(path, owner, GROUP)
        path.chmod(mode)
        return path

    def start(
        self, user: int, program: str, *words: str, cwd: Path | None = None, python: str = ""
    ) -> subprocess.Popen[str]:
        environ = {
            **os.environ,
            "PYTHONPATH": python_path(sysconfig.get_path("purelib")),
            "TMPDIR": str(self.place),
            "HOME": str(self.place),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        return subprocess.Popen(
            [python or self.python, "-c", program, *words],
            cwd=cwd or self.place,
            user=user,
            group=GROUP,
            extra_groups=[],
            umask=0o002,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, user: int, program: str, *words: str, cwd: Path | None = None, python: str = "") -> Any:
        with self.start(user, program, *words, cwd=cwd, python=python) as process:
            try:
                out, err = process.communicate(timeout=60)
            except BaseException:
                process.kill()
                raise
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@pytest.fixture(scope="module")
def machine():
    place = Path(tempfile.mkdtemp())
    try:
        place.chmod(0o1777)
        found = Machine(place)
        if not found.python:
            pytest.skip("another user can start no Python of this version with numpy here")
        yield found
    finally:
        shutil.rmtree(place)


def test_a_colleague_goes_on_with_the_batch_in_the_folder_of_the_group(machine):
    folder = machine.folder("group", ANNE, 0o2775)
    made = machine.run(ANNE, BATCH.format(place=machine.place), cwd=folder)
    assert made.returncode == 0, made.stderr
    locks = [folder / "ours" / "batch.lock", *folder.glob("ours/once/*/state.lock")]
    assert [oct(lock.stat().st_mode & 0o777) for lock in locks] == ["0o664"] * 2
    again = ["rerun ours --all --jobs 1", "report ours"]  # what one has made the other replaces
    for user, lines in ((BOB, ["resume ours --retry-errors --jobs 1", *again]), (ANNE, again)):
        found = machine.run(user, COMMANDS, *lines, cwd=folder)
        assert found.stdout.count("1 run: 1 finished") == len(lines) - 1, found.stdout + found.stderr
        assert found.stdout.count("\n0\n") == len(lines) and not found.stderr
    everything = list((folder / "ours").rglob("*"))
    others = [path for path in everything if path.stat().st_gid != GROUP or not path.stat().st_mode & 0o020]
    assert everything and not others


#: A run that hangs.
HANGING = """
import time
from simmanager import OneShot, SimulationManager
SimulationManager([OneShot(lambda: time.sleep(600), simulation_id="hangs")], 1, "left").run_all(1, progress=False)
"""


def test_a_colleague_may_tell_the_manager_what_to_do(machine):
    folder = machine.folder("told", ANNE, 0o2775)
    more = "from simmanager import OneShot\nsimulation_list = [OneShot(print, simulation_id='more')]\n"
    (folder / "more.py").write_text(more)
    manager = machine.start(ANNE, HANGING, cwd=folder)
    try:
        wait_for(lambda: any("running" in log.read_text() for log in folder.glob("left/hangs/run_*/state.log")))
        lines = ["pause left", "resume left", "jobs left 2", "add left more.py"]
        found = machine.run(BOB, COMMANDS, *lines, cwd=folder).stdout
        assert found.count("\n0\n") == len(lines), found
        wait_for(lambda: read_status(folder / "left").simulation("more")[0].state == "finished")
    finally:
        found = machine.run(BOB, COMMANDS, "stop left --now", cwd=folder).stdout
        manager.communicate(timeout=30)
    assert "stopping the runs at hand" in found
    assert {run.simulation_id: run.state for run in read_status(folder / "left").runs} == {
        "hangs": "interrupted",
        "more": "finished",
    }


def test_the_orphan_of_a_colleague_is_left_alone_and_that_is_said(machine):
    folder = machine.folder("orphan", ANNE, 0o2775)
    manager = machine.start(ANNE, HANGING, cwd=folder)
    try:
        wait_for(lambda: any("running" in log.read_text() for log in folder.glob("left/hangs/run_*/state.log")))
        manager.kill()
        manager.communicate()
        (run,) = read_status(folder / "left").runs
        (folder / "left" / "batch.lock").chmod(0o600)
        found = machine.run(BOB, COMMANDS, "status left", cwd=folder).stdout
        assert "cannot tell whether a manager is running (the lock may not be opened); 1 run running" in found
        (folder / "left" / "batch.lock").chmod(0o664)
        found = machine.run(BOB, COMMANDS, "stop left --now", cwd=folder).stdout
        assert f"hangs run 0 is left alone: process {run.pid}" in found and "belongs to another user" in found, found
        assert read_status(folder / "left").counts["running"] == 1
    finally:
        found = machine.run(ANNE, COMMANDS, "stop left --now", cwd=folder).stdout
    assert f"ended process {run.pid}" in found and read_status(folder / "left").counts["interrupted"] == 1, found


def test_what_a_run_has_closed_for_writing_is_set_aside_and_replaced(machine):
    folder = machine.folder("closed", ANNE, 0o755)
    program = """
from simmanager import OneShot, SimulationManager, current_run
def closes(what="artefacts"):
    place = current_run().folder
    (place / "file").touch()
    (place if what == "artefacts" else place.parent).chmod(0o555)
    raise ValueError("not today")
sims = [OneShot(closes, {"what": what}, simulation_id=what) for what in ("artefacts", "all")]
SimulationManager(sims, 1, "ours").run_all(1, progress=False)
"""
    made = machine.run(ANNE, program, cwd=folder)
    assert made.returncode == 0, made.stderr
    for line in ("resume ours --retry-errors --jobs 1", "rerun ours --jobs 1"):
        found = machine.run(ANNE, COMMANDS, line, cwd=folder).stdout
        assert found.count("ValueError: not today") == (1 if "resume" in line else 2), found
    kept = {
        str(path.relative_to(folder / "ours")).split("/", 2)[2] for path in folder.rglob("attempt_*/artefacts/file")
    }
    assert kept == {"attempt_1/artefacts/file", "attempt_2/artefacts/file"}, kept
    assert not list(folder.glob("ours/*/.removed-*"))


def test_what_may_not_be_opened_is_said_in_a_line(machine):
    folder = machine.folder("of anne", ANNE, 0o755)
    private = folder / "private"
    made = machine.run(ANNE, BATCH.format(place=machine.place), cwd=folder)
    assert made.returncode == 0, made.stderr
    (folder / "ours").chmod(0o755)
    (folder / "ours" / "batch.lock").chmod(0o600)
    manifest = folder / "ours" / "manager.json"
    manifest.write_text(manifest.read_text().replace('"runs_per_sim": 1', '"runs_per_sim": 2'))  # one waits
    private.mkdir(0o700)
    os.chown(private, ANNE, GROUP)
    verbs = ("status", "results", "logs", "report", "show", "resume", "rerun", "stop")
    lines = [f"{verb} {name}" for verb in verbs for name in ("privat", "private", "private/in/it")]
    found = machine.run(BOB, COMMANDS, *lines, "status ours", "status ours --json", "stop ours", cwd=folder)
    assert "Traceback" not in found.stdout and not found.stderr, found.stdout
    answers = (answer.partition("\n") for answer in found.stdout.removeprefix("$ ").split("\n$ "))
    said = {line: text for line, _, text in answers}
    for line in lines:
        assert said[line].count("\n") <= 2 and said[line].rstrip().endswith("\n2"), said[line]
    assert "private/manager.json cannot be read (Permission denied)" in said["status private"]
    assert "cannot tell whether a manager is running" in said["status ours"]
    assert "no manager is running" not in said["status ours"]
    assert '"manager_alive": null' in said["status ours --json"]
    assert said["stop ours"].split("\n")[0] == "simmanager: ours cannot be written (Permission denied)."


def test_what_may_not_be_read_of_a_batch_is_named_and_the_rest_is_shown(machine):
    folder = machine.folder("half open", ANNE, 0o755)
    program = """
from simmanager import OneShot, SimulationManager
sims = [OneShot(print, simulation_id=name) for name in ("closed", "half", "open")]
SimulationManager(sims, 2, "ours").run_all(1, progress=False)
"""
    made = machine.run(ANNE, program, cwd=folder)
    assert made.returncode == 0, made.stderr
    (folder / "ours" / "closed").chmod(0o700)
    first, second = sorted((folder / "ours" / "half").glob("run_*"))
    (first / "state.log").chmod(0o600)
    (second / "run.json").chmod(0o600)
    (second / "run.log").chmod(0o600)
    lines = [
        "status ours",
        "results ours",
        "logs ours --type run",
        "logs ours half 1 --type run",
        "report ours -o x.html",
    ]
    found = machine.run(BOB, COMMANDS, *lines, "show ours/half/0", "show ours", cwd=folder)
    assert "Traceback" not in found.stdout and not found.stderr, found.stdout
    answers = (answer.partition("\n") for answer in found.stdout.removeprefix("$ ").split("\n$ "))
    said = {line: text for line, _, text in answers}
    for line in lines[:2]:
        assert "damaged: closed: its folder cannot be read (Permission denied)" in said[line], said[line]
        assert "damaged: half run 0: state.log cannot be read (Permission denied)" in said[line]
    assert "run.json not saved in 1 run: it cannot be read (Permission denied)" in said["results ours"]
    assert said["logs ours --type run"].count("==> open run") == 2
    assert "(run.log cannot be read: Permission denied)" in said["logs ours half 1 --type run"]
    assert "state.log cannot be read (Permission denied)" in said["show ours/half/0"]
    assert "x.html cannot be written" in said["report ours -o x.html"]
    page = machine.run(BOB, COMMANDS, f"report ours -o {machine.place}/x.html", cwd=folder)
    assert page.stdout.endswith("\n0\n"), page
    assert "closed: its folder cannot be read" in (machine.place / "x.html").read_text()


def test_a_batch_is_made_only_in_a_folder_that_is_ones_own(machine):
    folder = machine.folder("sticky", ANNE, 0o1777)  # as /tmp is
    waits, link = folder / "waits", folder / "link"
    waits.mkdir()
    os.chown(waits, ANNE, GROUP)
    waits.chmod(0o777)
    (folder / "bobs").mkdir()
    os.chown(folder / "bobs", BOB, GROUP)
    link.symlink_to("bobs")
    os.chown(link, ANNE, GROUP, follow_symlinks=False)
    program = """
from simmanager import OneShot, SimulationManager
for name in ("waits", "link", "mine"):
    try:
        SimulationManager([OneShot(print, simulation_id="one")], 1, name).generate_sim_paths()
    except OSError as error:
        print(error)
    """
    found = machine.run(BOB, program, cwd=folder)
    for name in ("waits", "link"):
        assert f"{name} belongs to user {ANNE}, and others can write there" in found.stdout, found
    assert "Choose another manager_id" in found.stdout
    assert [path.name for path in folder.rglob("manager.json")] == ["manager.json"]
    assert (folder / "mine" / "manager.json").stat().st_uid == BOB


def test_too_few_processes_are_told_in_one_line_and_the_queue_stays(machine):
    folder = machine.folder("limited", ANNE, 0o755)
    program = """
import os, resource, sys
os.environ["OPENBLAS_NUM_THREADS"] = "1"
resource.setrlimit(resource.RLIMIT_NPROC, (6, 6))  # root, who runs the tests, is never limited
from simmanager import OneShot, SimulationManager
from simmanager.cli.main import main
SimulationManager([OneShot(print, simulation_id="one")], 4, "ours").generate_sim_paths()
sys.exit(main(["resume", "ours", "--jobs", "4"]))
"""
    found = machine.run(ANNE, program, cwd=folder)
    assert found.returncode == 2, found
    assert found.stderr.count("\n") == 1 and "(the limits of the system: ulimit -a" in found.stderr
    assert machine.run(ANNE, COMMANDS, "status ours", cwd=folder).stdout.count("in_queue") == 5
