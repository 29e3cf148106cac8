"""The source of what travels by value, and what was not committed, are kept once a batch; show and diff tell them."""

import json
import subprocess
from pathlib import Path

import pytest
from toys import python, toy_sim

from simmanager import SimulationManager
from simmanager.disk.sources import kept_sources
from simmanager.status.run_facts import run_lines

MODEL = """
from simmanager import OneShot

def score(result, env, history): return {score}

def f(x, seed):
    return {{"y": {value} * x}}

simulation_list = [OneShot(f, {{"x": 1.0}}, "a", metrics={{"score": score}}), OneShot(f, {{"x": 2.0}}, "b")]
"""


def command(*words):
    return python("import sys; from simmanager.cli.main import main; sys.exit(main(sys.argv[1:]))", *words)


def made(name, value=10, score=1.0):
    Path("m.py").write_text(MODEL.format(value=value, score=score))
    done = command("run", "m.py", "--id", name, "--runs", "2", "--seed", "1", "--jobs", "1")
    assert done.returncode == 0, done.stderr


def test_sources_are_kept_once_and_shown():
    made("one")
    kept = json.loads(Path("one/sources.json").read_text())["code"]
    assert sorted(text.partition("(")[0] for text in kept.values()) == ["def f", "def score"]
    shown = command("show", "one/a/0").stdout
    assert 'source of training_loop\n  def f(x, seed):\n      return {"y": 10 * x}' in shown
    assert "source of metrics.score\n  def score(result, env, history): return 1.0" in shown


def test_a_batch_with_the_two_files_of_before_opens_and_goes_on(tmp_path):
    made("one")
    one, old = Path("one/sources.json"), Path("one/code.json")
    kept = json.loads(one.read_text())
    old.write_text(json.dumps({**kept["code"], str(tmp_path): "+not committed then"}))
    one.write_text(json.dumps({name: kept[name] for name in ("texts", "simulations")}))
    shown = command("show", "one/a/0").stdout
    assert 'source of training_loop\n  def f(x, seed):\n      return {"y": 10 * x}' in shown
    assert "+not committed then" in shown
    Path("m.py").write_text(MODEL.format(value=20, score=1.0))
    command("rerun", "one", "a", "--from", "m.py", "--all", "--jobs", "1")
    assert 'return {"y": 20 * x}' in command("show", "one/a/0").stdout
    assert 'return {"y": 10 * x}' in command("show", "one/b/0").stdout
    assert kept_sources(Path("one/b/simulation.pkl"))[str(tmp_path / "m.py")].text == MODEL.format(value=10, score=1.0)


@pytest.mark.parametrize("content", ["[]", '{"code": []}', '{"code": {"1": 2}}'])
def test_damaged_code_is_not_shown(content):
    manager = SimulationManager([toy_sim("one")], 1, "batch")
    manager.generate_sim_paths()
    Path("batch/sources.json").write_text(content)
    assert "\nsource of" not in "\n".join(run_lines(manager.runs[0]))


def test_a_rerun_with_new_code_keeps_both_sources():
    made("one")
    Path("m.py").write_text(MODEL.format(value=20, score=1.0))
    command("rerun", "one", "a", "--from", "m.py", "--all", "--jobs", "1")
    assert 'return {"y": 20 * x}' in command("show", "one/a/0").stdout
    assert 'return {"y": 10 * x}' in command("show", "one/b/0").stdout


def test_differences_of_code_and_metrics_come_first():
    made("one")
    made("two", value=20, score=2.0)
    lines = command("diff", "one/a/0", "two/a/0").stdout.splitlines()
    assert lines[2] == "source of metrics.score:"
    assert '  -    return {"y": 10 * x}' in lines and '  +    return {"y": 20 * x}' in lines


def test_packages_that_one_run_alone_loaded_do_not_drown_the_rest():
    manager = SimulationManager([toy_sim("one")], 2, "batch")
    manager.run_all(1, progress=False)
    record = manager.runs[1].record
    content = json.loads(record.read_text())
    content["versions"] |= {f"package{number}": "1.0" for number in range(30)} | {"numpy": "0.1"}
    record.write_text(json.dumps(content))
    printed = command("diff", "batch/one/0", "batch/one/1").stdout
    assert "package7" not in printed and "versions.numpy:" in printed
    assert "(30 packages were loaded by one of the two only: --json names them)" in printed
    assert "package7" in command("diff", "batch/one/0", "batch/one/1", "--json").stdout


def git(*words):
    subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b.c", *words], check=True, capture_output=True)


@pytest.mark.parametrize("dirty", [True, False])
def test_what_was_not_committed_is_kept(dirty):
    git("init", ".")
    Path("notes.txt").write_text("one\n")
    git("add", "notes.txt")
    git("commit", "-m", "first")
    if dirty:
        Path("notes.txt").write_text("two\n")
    made("batch")
    assert ("+two" in Path("batch/sources.json").read_text()) == dirty
    assert ("not committed in" in command("show", "batch/a/0").stdout) == dirty
