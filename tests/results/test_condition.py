"""Conditions choose runs; what is none is refused, and nothing of it is executed."""

import math

import pytest
from fake_batch import fake_batch

from simmanager import ParameterError, UnknownName, read_results
from simmanager.cli.main import main

NAN = math.nan


def described(lr, **more):
    return {
        "agent_class": "m:A",
        "agent_params": {"lr_td": lr, **more},
        "env_params": {"size": 2, "policy": "wide"},
        "training_loop": "m:loop",
    }


@pytest.fixture
def results(tmp_path):
    runs = {
        "slow": [{"metrics": {"loss": 0.5, "train/loss": 1.0}}, {"metrics": {"loss": NAN}}],
        "quick": [{"metrics": {"loss": 0.1}}, {"state": "error", "reason": "ValueError: no"}],
        "other": [{"metrics": {"gain": 3.0, "run_id": 9.0}}],
    }
    entries = {"slow": described(0.001), "quick": described(0.1, size=9, tag="new"), "other": described("high")}
    return read_results(fake_batch(tmp_path / "b", runs, **entries))


def names(results):
    return [f"{run.simulation_id}{run.run_id}" for run in results if run.state != "in_queue"]


@pytest.mark.parametrize(
    "condition, runs",
    [
        ("loss < 0.3", ["quick0"]),
        ("metrics.loss < 0.3", ["quick0"]),
        ("loss >= 0.1 and lr_td < 0.01", ["slow0"]),
        ("agent_params.lr_td == 0.1", ["quick0", "quick1"]),
        ("state == 'error' or gain == 3", ["quick1", "other0"]),
        ("not (state == 'finished')", ["quick1"]),
        ("state != 'finished'", ["quick1"]),
        ("0.2 < loss <= 0.5", ["slow0"]),
        ("0.1 == loss", ["quick0"]),
        ("simulation_id in ('quick', 'other') and run.run_id == 0", ["quick0", "other0"]),
        ("simulation_id not in ['quick', 'other']", ["slow0", "slow1"]),
        ("'Error' in error", ["quick1"]),
        ("`train/loss` == 1", ["slow0"]),
        ("loss > -1e9", ["slow0", "quick0"]),
        ("loss != 0.1", ["slow0", "slow1", "quick1", "other0"]),
        ("lr_td == 'high'", ["other0"]),
        ("metrics.run_id == 9", ["other0"]),
        ("simulation_id != 'a `b` c' and `train/loss` == 1", ["slow0"]),
        ("lr_td < 1", ["slow0", "slow1", "quick0", "quick1"]),
        ("tag == None", ["slow0", "slow1", "other0"]),
        ("peak_mb < loss or run.run_id == 1", ["slow1", "quick1"]),
        (" \n loss < 0.3 \n", ["quick0"]),
    ],
)
def test_a_condition_chooses_runs(results, condition, runs):
    assert names(results.where(condition)) == runs
    assert names(results.where(f"not ({condition.strip()})")) == [run for run in names(results) if run not in runs]


def test_what_was_chosen_are_results_too(results):
    some = results.where("loss < 0.3")
    assert some.simulation_ids == ("quick",) and some.total("quick") == 1
    assert some.metric("loss")["quick"].values.tolist() == [0.1]
    assert names(results.select(lambda run: run.metrics.get("loss", 9) < 0.3)) == ["quick0"]
    assert len(results.where("loss < -1").where("loss > 3")) == 0, "names are kept"
    for none in (0, -1, True, 1.5):
        with pytest.raises(ParameterError, match="top must be"):
            results.where("", top=none)
    assert len(results.where("loss < -1")) == 0 and results.where("loss < -1").simulation_ids == ()


def test_runs_are_ordered_and_those_without_a_value_come_last(results):
    done = results.where("state == 'finished'")
    assert names(done.where("", sort="loss")) == ["quick0", "slow0", "slow1", "other0"]
    assert names(done.where("", sort="-loss", top=1)) == ["slow0"]
    with pytest.raises(ParameterError, match="'lr_td' cannot be ordered: its values are of several kinds"):
        results.where("", sort="lr_td")
    with pytest.raises(UnknownName, match=r"No run has a 'los'\. Did you mean 'loss'"):
        results.where("", sort="los")


@pytest.mark.parametrize(
    "condition, words",
    [
        ("los < 1", "No run has a 'los'. Did you mean 'loss'?"),
        ("lr_dt < 1", "Did you mean 'lr_td'?"),
        ("size > 1", "'size' may be agent_params.size or env_params.size: give one of these in full"),
        ("run_id < 1", "'run_id' may be metrics.run_id or run.run_id: give one of these in full"),
        ("loss", "'loss' is not a comparison"),
        ("loss <", "is no condition"),
        ("loss = 1", "is no condition"),
        ("loss < 1 + 1", "'1 + 1' is not a name, a number"),
        ("__import__('os').system('touch ran')", "is not a comparison"),
        ("loss < __import__('os').system('touch ran')", "is not a name, a number"),
        ("loss < [x for x in ().__class__.__base__.__subclasses__()]", "is not a name, a number"),
        ("(lambda: 1)() == 1", "is not a name, a number"),
        ("loss.__class__ == 1", "No run has a 'loss.__class__'"),
        ("error.format == 1", "No run has a 'error.format'"),
        ("loss is None", "is not a comparison by == != < <= > >= in"),
        ("loss[0] < 1", "is not a name, a number"),
        ("(loss := 1) == 1", "is not a name, a number"),
        ("f'{loss}' == '1'", "is not a name, a number"),
        ("1 if loss else 2", "is not a comparison"),
        ("loss < 1; loss < 2", "is no condition"),
        ("", "nothing"),
        ("(" * 300 + "loss < 1" + ")" * 300, ""),
        ("not " * 5000 + "loss < 1", ""),
        ("loss < 1 and " * 2000, ""),
        ("loss < 1\0", ""),
    ],
)
def test_what_is_no_condition_is_refused_and_nothing_is_executed(
    results, condition, words, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    if not condition:
        assert results.where(condition).runs == results.runs
        return
    with pytest.raises((ParameterError, UnknownName)) as caught:
        results.where(condition)
    assert words in str(caught.value)
    if "\0" not in condition:
        assert main(["results", str(results.path), "--where", condition]) == 2
        assert "Traceback" not in capsys.readouterr().err
    assert not (tmp_path / "ran").exists()


def test_the_command_line_shows_the_runs_that_are_meant(results, capsys):
    path = str(results.path)
    assert main(["results", path, "--where", "state == 'finished'", "--sort=-loss", "--top", "2", "--csv"]) == 0
    rows = [line.split(",")[:2] for line in capsys.readouterr().out.splitlines()[1:]]
    assert rows == [["slow", "0"], ["quick", "0"]]
    assert main(["results", path, "--where", "loss < 0.3"]) == 0
    shown = capsys.readouterr().out
    assert "1 of 1 runs" in shown and "slow" not in shown
