"""Options of run_all are kept with the batch: resume and rerun use them, unless told otherwise."""

import errno
import json
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from command_line import simmanager
from toys import failing_loop, toy_sim

from simmanager import BatchDamaged, RunOptions, SimulationManager
from simmanager.base.errors import ParameterError
from simmanager.batch import manager as manager_module
from simmanager.batch.kept_options import defaults
from simmanager.disk.batch_folder import BatchFolder
from simmanager.dispatch.run_options import OPTIONS

#: For each option that is kept: what is given, and what manager.json has then.
GIVEN = {
    "n_jobs": (2, 2),
    "timeout": ("10m", 600.0),
    "retries": (2, 2),
    "memory_limit_mb": ("3GB", 3000.0),
    "fail_fast": (True, True),
    "fresh_process": (True, True),
    "threads_per_run": (2, 2),
    "checkpoint_every_s": (5, 5),
    "durable": (True, True),
    "slot_env": ([{"CUDA_VISIBLE_DEVICES": "0"}], [{"CUDA_VISIBLE_DEVICES": "0"}]),
}


@pytest.fixture
def executed(monkeypatch):
    """With what each run_batch was called: the number of jobs, and the options."""
    calls, run_batch = [], manager_module.run_batch

    def spy(batch, states, n_jobs, options, as_before="", **rest):
        calls.append((n_jobs, options, as_before))
        return run_batch(batch, states, n_jobs, options, as_before, **rest)

    monkeypatch.setattr(manager_module, "run_batch", spy)
    return calls


def made(runs=1, loop=None):
    sims = [toy_sim("a")] if loop is None else [toy_sim("a", loop)]
    return SimulationManager(sims, runs, "b", seed=1)


def opened():
    return SimulationManager(existing_simulation="b")


def kept(batch="b"):
    return json.loads(Path(batch, "manager.json").read_text())["options"]


def test_every_option_that_holds_for_the_batch_is_known_here():
    assert set(defaults()) == set(GIVEN) == {name for name, option in OPTIONS.items() if option.is_kept}


@pytest.mark.parametrize("name", GIVEN)
def test_an_option_is_kept_and_used_by_whoever_goes_on(name, executed):
    given, value = GIVEN[name]
    made().run_all(progress=False, **{name: given})
    assert kept() == {name: value}
    opened().extend(2)
    opened().run_all(progress=False)
    opened().rerun_simulation("a", 0, include_finished=True, progress=False)
    first, *others = executed
    assert first[2] == ""
    for n_jobs, options, as_before in others:
        assert (n_jobs, options) == first[:2]
        assert as_before.startswith(f"with {OPTIONS[name].flag.lstrip('-').replace('-', ' ')}")


def test_what_is_given_anew_takes_its_place_and_the_default_ends_it(executed):
    made(runs=2).run_all(1, timeout=100, retries=1, progress=False)
    opened().run_all(progress=False, timeout=200)
    assert kept() == {"n_jobs": 1, "retries": 1, "timeout": 200.0}
    opened().run_all(progress=False, timeout=None)
    assert kept() == {"n_jobs": 1, "retries": 1}
    assert [options.timeout for _, options, _ in executed] == [100, 200, None]


def test_what_a_rerun_is_told_holds_for_it_alone(executed):
    made().run_all(1, timeout=100, progress=False)
    opened().rerun_simulation("a", include_finished=True, timeout=5, retries=3, n_jobs=2, progress=False)
    assert executed[-1][:2] == (2, RunOptions(timeout=5, retries=3))
    assert kept() == {"n_jobs": 1, "timeout": 100.0}


def test_what_is_run_in_this_process_for_a_debugger_changes_nothing():
    made().run_all(in_process=True, threads_per_run=2, progress=False)
    assert kept() == {}


def test_one_call_only(executed):
    made(loop=failing_loop).run_all(1, retry_errors=True, on_event=lambda event: None, progress=False)
    assert kept() == {"n_jobs": 1}
    assert not OPTIONS["backend"].is_kept and not OPTIONS["address"].is_kept


@pytest.mark.parametrize("name", ["WANDB_API_KEY", "MY_TOKEN"])
def test_environment_variables_that_may_be_secrets_are_not_kept(name):
    made().run_all(1, slot_env=[{name: "abc123"}], progress=False)
    assert kept() == {"n_jobs": 1}
    assert "abc123" not in Path("b/manager.json").read_text()


def test_where_they_cannot_be_written_the_runs_go_on(monkeypatch, capsys):
    made().generate_sim_paths()

    def full(folder, manifest):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(BatchFolder, "write_manifest", full)
    assert opened().run_all(1, timeout=60, progress=False).all_finished
    assert "are not kept for the next one (No space left on device)" in capsys.readouterr().err
    assert kept() == {}


def test_numbers_of_numpy_and_mappings_of_any_kind_are_kept_and_told_to_another_process():
    environs = (MappingProxyType({"CUDA_VISIBLE_DEVICES": "0"}),)
    options = {"timeout": np.float32(60), "retries": np.int64(1), "slot_env": environs}
    assert made().start(np.int64(1), **options).wait(60).all_finished
    assert kept() == {"n_jobs": 1, "timeout": 60, "retries": 1, "slot_env": [{"CUDA_VISIBLE_DEVICES": "0"}]}


def test_a_batch_that_is_made_anew_begins_without_options():
    made().run_all(1, timeout=100, progress=False)
    SimulationManager([toy_sim("a")], 1, "b", if_exists="overwrite").run_all(1, progress=False)
    assert kept() == {"n_jobs": 1}


def test_a_new_batch_keeps_them_from_its_first_manifest_on_and_writes_it_once(monkeypatch):
    written, write = [], BatchFolder.write_manifest

    def spy(folder, manifest):
        written.append(manifest.options)
        return write(folder, manifest)

    monkeypatch.setattr(BatchFolder, "write_manifest", spy)
    manager = made()
    manager.run_all(1, timeout=60, progress=False)
    assert written == [{"n_jobs": 1, "timeout": 60.0}]
    manager.generate_sim_paths(overwrite=True)
    assert written[1:] == [{}], "it is another batch"


def changed(**options):
    path = Path("b/manager.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), "options": options}))


def test_a_batch_of_a_version_that_kept_none_is_run_with_the_defaults(executed):
    made().generate_sim_paths()
    content = json.loads(Path("b/manager.json").read_text())
    del content["options"]
    Path("b/manager.json").write_text(json.dumps(content))
    assert opened().run_all(progress=False).all_finished
    assert executed[0][1] == RunOptions()


def test_an_option_of_a_later_version_is_left_alone(executed):
    made(runs=1).generate_sim_paths()
    changed(colour="blue", timeout=60)
    opened().run_all(1, retries=1, progress=False)
    assert executed[0][1] == RunOptions(timeout=60, retries=1)
    assert kept() == {"colour": "blue", "timeout": 60, "n_jobs": 1, "retries": 1}


def test_a_kept_option_that_is_wrong_is_named_with_its_file_and_can_be_given_anew():
    made().generate_sim_paths()
    changed(timeout="soon")
    with pytest.raises(BatchDamaged, match=r"manager\.json keeps an option that is wrong: timeout must be .*'soon'"):
        opened().run_all(1, progress=False)
    assert opened().run_all(1, timeout=60, progress=False).all_finished
    changed(timeout=["soon"])
    result = simmanager("rerun", "b", "--all")
    assert (result.returncode, result.stdout) == (2, "") and "timeout must be" in result.stderr
    assert simmanager("rerun", "b", "--all", "--forget-options").returncode == 0


def test_a_wrong_option_is_refused_before_anything_is_made(tmp_path):
    with pytest.raises(ParameterError, match="timeout"):
        made().run_all(timeout="soon")
    assert not Path("b").exists()


def test_the_command_line_says_what_holds_as_before_and_can_forget_it():
    Path("sims.py").write_text("from toys import toy_sim\nsimulation_list = [toy_sim('a')]\n")
    first = simmanager("run", "sims.py", "--runs", 1, "--jobs", 1, "--timeout", "10m", "--memory-limit", "3GB")
    assert "as before" not in first.stdout and first.returncode == 0
    more = simmanager("run", "sims.py", "--runs", 2, "--extend", "--fail-fast")
    assert "with jobs 1, timeout 10 min, memory limit 3.0 GB (as before)" in more.stdout
    again = simmanager("rerun", "sims", "--all", "--timeout", "90")
    assert "with jobs 1, memory limit 3.0 GB, fail fast (as before)" in again.stdout
    assert "as before" not in simmanager("rerun", "sims", "--all", "--forget-options").stdout
    assert "as before" not in simmanager("resume", "sims", "--forget-options").stdout, "nothing is due"
    assert kept("sims") == {}


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("timeout", 5.0, "timeout 5 s"),
        ("timeout", 90.0, "timeout 1 min 30 s"),
        ("timeout", 7200.0, "timeout 2 h"),
        ("timeout", 600.0, "timeout 10 min"),
        ("memory_limit_mb", 500.0, "memory limit 500 MB"),
        ("fail_fast", 3, "fail fast 3"),
        ("durable", True, "durable"),
        ("checkpoint_every_s", 0.5, "checkpoint every 0.5 s"),
        ("slot_env", [{"CUDA_VISIBLE_DEVICES": "0"}, {"CUDA_VISIBLE_DEVICES": "1"}], "gpus 0,1"),
        ("slot_env", [{"A": "0", "B": "x"}, {"A": "1"}], "gpus A=0+B=x, A=1"),
    ],
)
def test_options_are_said_in_words(name, value, words):
    assert OPTIONS[name].in_words(value) == words
