"""What the project says of itself: extras, classifiers, how to cite it, scripts."""

import os
import re
import subprocess
import tomllib

import pytest
from places import ROOT

import simmanager

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]

#: Extras that no user of the package needs, and one that pins an old package with many dependencies.
NOT_IN_ALL = {"all", "check", "docs", "neuralplayground", "test"}

SCRIPTS = [path for path in sorted((ROOT / "scripts").iterdir()) if path.is_file() and not path.suffix]


#: What stands at the top besides files whose name begins with a dot.
TOP = {
    *("benchmarks", "scripts", "simmanager", "tests"),
    *("CHANGELOG.md", "CITATION.cff", "LICENSE", "README.md", "pyproject.toml"),
}


def test_the_top_of_the_repository_holds_what_it_should_and_no_more():
    ignored = set((ROOT / ".gitignore").read_text(encoding="utf-8").replace("/", "").split())
    names = {path.name for path in ROOT.iterdir() if path.name[0] != "." and path.suffix != ".egg-info"}
    assert names - ignored == TOP


def test_no_two_modules_of_tests_have_one_name():
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(names) == sorted(set(names)), "workers import them by their names"


def test_all_has_every_extra_that_users_may_want():
    (whole,) = EXTRAS["all"]
    assert re.findall(r"\w+", whole) == ["simmanager", *sorted(EXTRAS.keys() - NOT_IN_ALL)]


def test_what_messages_tell_to_install_can_be_installed():
    told = set()
    for path in (ROOT / "simmanager").rglob("*.py"):
        told |= set(re.findall(r"simmanager\[(\w+)\]", path.read_text(encoding="utf-8")))
    assert told
    assert told <= EXTRAS.keys()


def test_the_tests_have_what_the_extras_have():
    name = re.compile(r"[A-Za-z-]+")
    tested = {name.match(package)[0] for package in EXTRAS["test"]}
    assert {
        name.match(package)[0] for extra in ("completion", "gymnasium", "yaml") for package in EXTRAS[extra]
    } <= tested


def test_classifiers_exist_and_agree_with_the_versions_of_python():
    known = pytest.importorskip("trove_classifiers").classifiers
    assert set(PROJECT["classifiers"]) <= known
    versions = [words[-1] for words in map(str.split, PROJECT["classifiers"]) if re.fullmatch(r"3\.\d+", words[-1])]
    assert versions == ["3.11", "3.12", "3.13"]
    assert PROJECT["requires-python"] == f">={versions[0]}"
    scripts = (ROOT / "scripts" / "environment.sh").read_text(encoding="utf-8")
    assert f'PYTHON_VERSIONS="{" ".join(versions)}"' in scripts, "those that are tested"


def test_how_to_cite_it_is_up_to_date():
    yaml = pytest.importorskip("yaml")
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0"
    assert citation["version"] == simmanager.__version__
    assert citation["license"] == PROJECT["license"]
    assert {"title", "message", "authors"} <= citation.keys()
    names = {author["family-names"] for reference in citation["references"] for author in reference["authors"]}
    assert {"Agarwal", "Stachenfeld", "Weber", "Carrasco-Davis"} <= names
    for reference in citation["references"]:
        assert {"type", "title", "authors", "year"} <= reference.keys()
        assert re.fullmatch(r"10\.\d{4,}/\S+", reference["doi"]) if "doi" in reference else reference["url"]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_can_be_executed_and_parsed(script):
    assert os.access(script, os.X_OK)
    done = subprocess.run(["bash", "-n", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
