"""The wheel and the sdist: what is in them, and that they work in an environment of their own.

Nothing comes from the network: the wheel is built with the hatchling that is installed here, and the dependencies are
those of this environment, made visible to the new one by a ``.pth`` file.
"""

import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import zipfile

import pytest
from places import ROOT

import simmanager

pytestmark = pytest.mark.slow

USE = """
import sys
from pathlib import Path
import simmanager
from simmanager import SimulationManager, SingleSim
from simmanager.agents import RandomAgent
from simmanager.arenas import Simple2D

assert Path(simmanager.__file__).is_relative_to(sys.prefix), simmanager.__file__
room = {"arena_x_limits": [-2, 2], "arena_y_limits": [-2, 2], "agent_step_size": 0.5, "time_step_size": 0.5}
sim = SingleSim(RandomAgent, {}, Simple2D, room, simmanager.default_training_loop, {"n_steps": 20}, "walk")
status = SimulationManager([sim], 2, "batch", seed=1).run_all(2, progress=False)
assert status.all_finished, status.runs
print(status)
"""


def build_wheel(source, folder):
    """Return the wheel that pip makes of a folder or an sdist."""
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index", "--quiet"]
    environ = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_CONFIG_FILE": os.devnull}
    done = subprocess.run(
        [*command, "--wheel-dir", str(folder), str(source)], capture_output=True, text=True, env=environ, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = folder.iterdir()
    return found


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    pytest.importorskip("hatchling")
    return build_wheel(ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("sdist")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "sdist", "--directory", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = folder.iterdir()
    return found


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory):
    """A fresh environment with the wheel in it; returns its folder of executables."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    binaries = folder / ("Scripts" if os.name == "nt" else "bin")
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    command = [sys.executable, "-m", "pip", "--python", str(binaries / "python"), "install", "--no-deps", "--no-index"]
    subprocess.run([*command, "--ignore-installed", "--quiet", str(wheel)], check=True, capture_output=True)
    return binaries


def run(environment, name, *words):
    outside = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "COV_"))}
    return subprocess.run([environment / name, *words], capture_output=True, text=True, env=outside, check=False)


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    top = {name.partition("/")[0] for name in names}
    assert top == {"simmanager", f"simmanager-{simmanager.__version__}.dist-info"}
    there = {str(path.relative_to(ROOT)) for path in (ROOT / "simmanager").rglob("*.py")}
    assert there <= set(names)
    assert {f"simmanager/report/page.{kind}" for kind in ("html.j2", "css", "js")} <= set(names)
    assert "simmanager/py.typed" in names
    assert any(name.endswith("LICENSE") for name in names)
    assert not [name for name in names if "test" in name or "__pycache__" in name]


def test_the_wheel_tells_what_it_needs(wheel):
    archive = zipfile.ZipFile(wheel)
    metadata = archive.read(f"simmanager-{simmanager.__version__}.dist-info/METADATA").decode()
    needed = {
        line.split()[1].split(">")[0]
        for line in metadata.splitlines()
        if line.startswith("Requires-Dist") and ";" not in line
    }
    assert needed == {"cloudpickle", "filelock", "jinja2", "joblib", "matplotlib", "numpy", "pillow", "rich", "scipy"}
    assert "Requires-Python: >=3.11" in metadata
    entry = archive.read(f"simmanager-{simmanager.__version__}.dist-info/entry_points.txt").decode()
    assert "simmanager = simmanager.cli.main:main" in entry


def test_the_wheel_offers_the_extras_that_all_is_made_of(wheel):
    archive = zipfile.ZipFile(wheel)
    metadata = archive.read(f"simmanager-{simmanager.__version__}.dist-info/METADATA").decode()
    needed = {}
    for package, extra in re.findall(r"^Requires-Dist: (.*); extra == .(\w+).$", metadata, re.MULTILINE):
        needed.setdefault(extra, set()).add(package)
    assert set(re.findall(r"^Provides-Extra: (.*)$", metadata, re.MULTILINE)) == needed.keys()
    for_users = needed.keys() - {"all", "check", "docs", "neuralplayground", "test"}
    assert needed["all"] == set().union(*(needed[extra] for extra in for_users))


def test_the_sdist_holds_what_a_packager_needs_and_nothing_that_was_made_here(sdist):
    with tarfile.open(sdist) as archive:
        names = [name.partition("/")[2] for name in archive.getnames()]
    assert {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff", "PKG-INFO"} <= set(names)
    assert {"tests/conftest.py", "scripts/test", "scripts/reference/make.py", "benchmarks/__main__.py"} <= set(names)
    made = ("__pycache__", ".pyc", ".venv", ".envs", ".coverage", "build/", "dist/")
    assert not [name for name in names if any(part in name for part in made)]


def test_the_wheel_of_the_sdist_is_the_wheel_of_the_tree(sdist, wheel, tmp_path):
    again = zipfile.ZipFile(build_wheel(sdist, tmp_path / "wheel"))
    first = zipfile.ZipFile(wheel)
    assert {name: again.read(name) for name in again.namelist()} == {
        name: first.read(name) for name in first.namelist()
    }


def test_the_installed_command_says_its_version(environment):
    done = run(environment, "simmanager", "--version")
    assert (done.stdout, done.stderr) == (f"simmanager {simmanager.__version__}\n", "")


def test_the_installed_package_runs_a_batch(environment):
    done = run(environment, "python", "-c", USE)
    assert (done.stdout, done.stderr) == ("batch: 2 finished\n", "")
    done = run(environment, "simmanager", "status", "batch")
    assert done.returncode == 0
    assert "2 runs: 2 finished" in done.stdout
    done = run(environment, "simmanager", "report", "batch")
    assert (done.stdout, done.stderr) == ("batch/report.html\n", "")
