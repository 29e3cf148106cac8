"""Where results come from: commits, versions, and what differs."""

from __future__ import annotations

import subprocess
import sys
import types
from pathlib import Path

import pytest

from simmanager.base import provenance
from simmanager.base.provenance import (
    changes_since,
    code_states,
    commit_text,
    git_state,
    installed_versions,
    loaded_versions,
    provenance_of,
)
from simmanager.status.run_facts import Difference, differences


@pytest.fixture(autouse=True)
def fresh_answers(monkeypatch):
    monkeypatch.setattr(provenance, "_states", {})


def git(folder: Path, *words: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b", *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def commit(folder: Path) -> str:
    git(folder, "add", ".")
    git(folder, "commit", "-q", "--allow-empty", "-m", "x")
    return git(folder, "rev-parse", "HEAD")


def repository(folder: Path) -> str:
    folder.mkdir(exist_ok=True)
    git(folder, "init", "-q")
    (folder / "models.py").write_text("x = 1\n")
    return commit(folder)


def test_the_code_of_a_simulation_is_found_without_importing_it(tmp_path, monkeypatch):
    first = repository(tmp_path / "models_home")
    (tmp_path / "models_home" / "models_of_mine.py").write_text("raise SystemExit('imported')\n")
    second = commit(tmp_path / "models_home")
    assert first != second
    monkeypatch.syspath_prepend(str(tmp_path / "models_home"))
    entry = {
        "agent_class": "models_of_mine:Agent",
        "env_class": "simmanager.arenas:Simple2D",
        "training_loop": "json:x",
    }
    assert code_states([entry]) == [{"folder": str(tmp_path / "models_home"), "git_commit": second, "git_dirty": False}]
    (tmp_path / "models_home" / "models.py").write_text("x = 2\n")
    monkeypatch.setattr(provenance, "_states", {})
    assert code_states([entry])[0]["git_dirty"] is True
    assert "models_of_mine" not in sys.modules


@pytest.mark.parametrize(
    "name", ["no_such_package_anywhere:A", "json:A", "numpy:A", None, "", "__main__:A", "a b:c", "..:x"]
)
def test_code_that_is_not_the_users_own_or_cannot_be_found_has_no_commit(name):
    assert code_states([{"agent_class": name}]) == []


def test_what_git_said_a_moment_ago_is_not_asked_again(tmp_path, monkeypatch):
    commit_id = repository(tmp_path / "home")
    assert git_state(str(tmp_path / "home")) == {"git_commit": commit_id, "git_dirty": False}
    (tmp_path / "home" / "models.py").write_text("x = 3\n")
    assert git_state(str(tmp_path / "home"))["git_dirty"] is False
    monkeypatch.setattr(provenance, "_GIT_ANSWER_VALID_S", -1.0)
    assert git_state(str(tmp_path / "home"))["git_dirty"] is True


def test_versions_are_those_of_the_packages_that_are_loaded(monkeypatch):
    module = types.ModuleType("a_package_of_mine")
    module.__version__ = "7.1"
    monkeypatch.setitem(sys.modules, "a_package_of_mine", module)
    versions = loaded_versions()
    assert versions["a_package_of_mine"] == "7.1"
    assert versions["python"] == ".".join(map(str, sys.version_info[:3]))
    assert "json" not in versions
    assert "re" not in versions
    assert not any("." in name for name in versions)
    versions["python"] = "changed"
    assert loaded_versions()["python"] != "changed"
    assert installed_versions(["a_package_of_mine", "pytest", "no_such_package_anywhere"]) == {
        "a_package_of_mine": "7.1",
        "pytest": pytest.__version__,
    }


def test_the_provenance_of_a_program_says_all_that_is_promised():
    found = provenance_of([], threads_per_run=3)
    assert {"host", "cpu", "cores", "threads_per_run", "command", "versions", "code", "simmanager"} <= set(found)
    assert found["threads_per_run"] == 3
    assert found["command"] == sys.argv


def test_differences_name_what_differs_and_leave_out_what_always_does():
    one = {"pid": 1, "started": "a", "seed": 5, "versions": {"numpy": "1", "python": "3"}, "agent_params": {"lr": [1]}}
    other = {
        "pid": 2,
        "started": "b",
        "seed": 5,
        "versions": {"numpy": "2", "python": "3"},
        "agent_params": {"lr": [3]},
    }
    expected = [Difference("agent_params.lr", [1], [3]), Difference("versions.numpy", "1", "2")]
    assert differences(one, other) == expected
    assert differences(one, one) == []
    assert differences({}, {"reason": "boom"}) == [Difference("reason", None, "boom")]


def test_going_on_with_another_version_or_commit_is_told():
    before = {
        "versions": {"python": "2.7.1", "numpy": "0.1", "no_such_package_anywhere": "1"},
        "git_commit": "a" * 40,
        "git_dirty": False,
        "simmanager": {"git_commit": "c" * 40},
        "code": [{"folder": "/models", "git_commit": "d" * 40}],
    }
    now = {
        "git_commit": "a" * 40,
        "git_dirty": True,
        "simmanager": {"git_commit": "e" * 40},
        "code": [{"folder": "/models", "git_commit": "f" * 40}, {"folder": "/new", "git_commit": "0" * 40}],
    }
    python, numpy, here, ours, models = changes_since(before, now)
    assert python.startswith("python 2.7.1 before, ")
    assert numpy.startswith("numpy 0.1 before, ")
    assert here == "the working directory at aaaaaaaaaa before, aaaaaaaaaa with changes now"
    assert ours == "simmanager at cccccccccc before, eeeeeeeeee now"
    assert models == "/models at dddddddddd before, ffffffffff now"


@pytest.mark.parametrize(
    "damaged",
    [
        {},
        {"versions": 5},
        {"versions": {"numpy": 5}},
        {"code": "x"},
        {"code": [5]},
        {"simmanager": []},
        {"git_commit": 7},
    ],
)
def test_damaged_records_are_compared_as_far_as_that_goes(damaged):
    assert changes_since(damaged, provenance_of([])) == []
    assert commit_text(damaged) == ""


def test_the_git_commit_of_a_folder_is_told_and_whether_it_differs(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "_GIT_ANSWER_VALID_S", -1.0)
    for variable in ("GIT_DIR", "GIT_WORK_TREE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")

    def git(*words):
        identity = ["-c", "user.name=me", "-c", "user.email=me@example.org"]
        subprocess.run(["git", "-C", str(tmp_path), *identity, *words], check=True, capture_output=True)

    git("init")
    (tmp_path / "model.py").write_text("x = 1\n")
    git("add", "model.py")
    git("commit", "-m", "first")
    found = git_state(str(tmp_path))
    assert len(found["git_commit"]) == 40
    assert found["git_dirty"] is False
    (tmp_path / "notes.txt").touch()
    assert git_state(str(tmp_path))["git_dirty"] is False
    (tmp_path / "model.py").write_text("x = 2\n")
    assert git_state(str(tmp_path))["git_dirty"] is True


def test_outside_of_git_and_without_git_there_is_no_commit(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "_GIT_ANSWER_VALID_S", -1.0)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git_state(str(tmp_path)) == {}
    assert git_state(str(tmp_path / "missing")) == {}
    monkeypatch.setenv("PATH", "")
    assert git_state(str(tmp_path)) == {}
