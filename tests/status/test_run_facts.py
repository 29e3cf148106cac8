"""Looking at one run, and at what two differ in."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from pathlib import Path

import pytest
from toys import failing_loop, python, toy_sim

from simmanager import SimulationManager
from simmanager.base.errors import BatchNotFound, BatchWarning, UnknownName
from simmanager.cli.main import main
from simmanager.status.run_facts import compare_runs, difference_lines, find_run, record_of, run_lines


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    good = toy_sim("good", n_steps=3)
    other = good.copy(simulation_id="other")
    other.agent_params["gain"] = 5.0
    sims = [good, other, toy_sim("bad", failing_loop)]
    folder = tmp_path_factory.mktemp("ended")
    with contextlib.chdir(folder):
        SimulationManager(sims, 2, "batch", seed=1).run_all(1, progress=False)
    return folder / "batch"


@pytest.fixture
def batch(ended):
    """A batch that has ended, with a failed simulation: each test has a copy of its own."""
    shutil.copytree(ended, "batch")
    return SimulationManager(existing_simulation="batch")


def test_a_run_is_found_by_its_folder_by_its_short_name_and_by_its_numbers(batch):
    folder = batch.runs[1].path
    found = [find_run(folder), find_run("batch/good/1"), find_run("batch", "good", 1)]
    assert {run.path.resolve() for run in found} == {folder.resolve()}


def test_what_cannot_be_found_is_told_with_what_there_is(batch):
    with pytest.raises(UnknownName, match=r"No simulation 'godo'. Did you mean 'good'\? There are: good, other, bad"):
        find_run("batch", "godo", 1)
    with pytest.raises(UnknownName, match=r"has no run 7; its runs are \[0, 1\]"):
        find_run("batch/good/7")
    with pytest.raises(BatchNotFound, match=r"Give the folder of a run.*Simulations of this batch: good, other, bad\."):
        find_run("batch")
    with pytest.raises(UnknownName, match=r"Name a run of simulation 'good', too: 0, 1\."):
        find_run("batch", "good")


def test_of_many_runs_the_first_are_named_in_order(batch):
    SimulationManager(existing_simulation="batch").extend(runs_per_sim=12)
    with pytest.raises(UnknownName, match=r"too: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, \.\.\. \(12\)\."):
        find_run("batch", "good")


def test_a_run_that_cannot_be_found_by_its_short_name_is_told(batch):
    with pytest.raises(BatchNotFound):
        find_run("nowhere/good/1")


def test_a_run_shows_its_parameters_seed_versions_and_commit(batch):
    text = "\n".join(run_lines(find_run("batch/other/0")))
    record = json.loads((batch.runs[2].path / "run.json").read_text())
    facts = [line.split(None, 1) for line in text.splitlines() if line.startswith("  ")]
    found = dict(reversed([fact for fact in facts if len(fact) == 2]))  # last comes the diff of the project
    assert (found["state"], found["seed"]) == ("finished", str(record["seed"]))
    assert (found["gain"], found["agent_class"]) == ("5.0", "toys:ToyAgent")
    assert (found["numpy"], found["threads_per_run"]) == (record["versions"]["numpy"], "1")


def test_parameters_are_those_the_run_was_made_with_not_those_of_today(batch):
    batch.simulation_list[2] = toy_sim("bad", n_steps=4)
    batch.rerun_simulation("bad", progress=False)
    batch.simulation_list[2].training_loop_params = {"n_steps": 9}
    with pytest.warns(BatchWarning, match="will hold runs of two kinds"):
        batch.rerun_simulation("bad", progress=False)  # nothing failed: nothing is made again
    assert record_of(find_run("batch/bad/0"))["training_loop_params"] == {"n_steps": 4}
    results = {run.run_id: run.parameters for run in batch.results() if run.simulation_id == "bad"}
    assert results[0]["training_loop_params.n_steps"] == 4


def test_a_run_that_waits_or_failed_shows_what_is_known():
    manager = SimulationManager([toy_sim("bad", failing_loop)], 1, "batch", seed=1)
    manager.generate_sim_paths()
    waiting = "\n".join(run_lines(find_run("batch/bad/0")))
    assert "state       in_queue" in waiting
    assert "gain  2.0" in waiting
    manager.run_all(1, progress=False)
    assert "ValueError: boom" in "\n".join(run_lines(find_run("batch/bad/0")))


def test_two_runs_differ_in_what_differs(batch):
    names = {difference.name for difference in compare_runs(find_run("batch/good/0"), find_run("batch/other/0"))}
    assert names == {"seed", "agent_params.gain"}
    lines = list(difference_lines(find_run("batch/good/0"), find_run("batch/good/0")))
    assert lines[-1] == "They differ in nothing but their times."


def test_show_and_diff_on_the_command_line(batch, capsys):
    assert main(["show", "batch", "good", "1"]) == 0
    assert "simulation" in capsys.readouterr().out
    assert main(["show", "batch/good/1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["seed"] == batch.status().runs[1].seed
    assert main(["diff", "batch/good/0", "batch/other/0"]) == 1
    assert "agent_params.gain:\n- 2.0\n+ 5.0\n" in capsys.readouterr().out
    assert main(["diff", "batch/good/0", "batch/good/0", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert main(["show", "batch/godo/1"]) == 2
    assert "Did you mean 'good'" in capsys.readouterr().err


def test_a_hostile_run_is_shown_as_text_and_never_unpickled(batch, tmp_path, capsys):
    folder = batch.runs[0].path
    (folder / "param.dict").write_bytes(b"cos\nsystem\n(S'touch pwned'\ntR.")
    (folder / "run.json").write_text(
        json.dumps(
            {"reason": "\x1b[2Jboom", "versions": {"\x1b]0;x\x07": "1"}, "provenance": {"code": [5], "command": 7}}
        )
    )
    assert main(["show", str(folder)]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "boom" in out
    assert not (tmp_path / "pwned").exists()
    for content in (
        "[]",
        "{",
        '{"damage": 5}',
        '{"provenance": []}',
        '{"versions": 5, "metrics": 6, "provenance": {"simulation": 5}}',
    ):
        (folder / "run.json").write_text(content)
        assert main(["show", str(folder)]) == 0


def test_going_on_under_another_version_says_so(batch, capsys):
    manifest = json.loads(Path("batch/manager.json").read_text())
    manifest["provenance"]["versions"]["numpy"] = "0.0.1"
    Path("batch/manager.json").write_text(json.dumps(manifest))
    batch.rerun_simulation("bad")
    out = capsys.readouterr().out
    assert "this batch goes on with another program than it was begun with: numpy 0.0.1 before" in " ".join(out.split())


def test_looking_at_a_run_loads_nothing_heavy(batch):
    done = python(
        "import sys\n"
        "from simmanager.cli.main import main\n"
        "main(['show', 'batch/good/0'])\n"
        "print({'numpy', 'joblib', 'cloudpickle', 'rich', 'matplotlib'} & set(sys.modules))"
    )
    assert done.stdout.splitlines()[-1] == "set()", done.stderr


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e999", "true", '"x"'])
def test_a_duration_that_is_no_number_is_not_shown(value, batch, capsys):
    record = batch.runs[0].record
    record.write_text(re.sub(r'"duration_s": [^,]*', f'"duration_s": {value}', record.read_text()))
    assert main(["show", "batch", "good", "0"]) == 0
    assert "seed" in capsys.readouterr().out
