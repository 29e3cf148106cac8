"""``simmanager results``: a table for people, CSV and JSON for programs."""

import csv
import io
import json

import pytest
from fake_batch import fake_batch, run_of
from toys import python

from simmanager.cli.main import main
from simmanager.cli.verb import EXIT_FAILED, EXIT_OK, EXIT_USAGE
from simmanager.results.results import read_results
from simmanager.results.terminal import metric_failures


@pytest.fixture
def batch(tmp_path):
    runs = [
        {
            "history": {"x": [1.0, 0.5]},
            "metrics": {"score": 0.123456},
            "metric_errors": {"grid": "ValueError: no room"},
        },
        {"history": {"x": [2.0]}, "metrics": {"score": float("nan")}, "metric_errors": {"grid": "ValueError: no room"}},
        {"state": "error", "reason": "ValueError: boom"},
    ]
    first = {"agent_params": {"lr": 0.1, "same": 1}, "metrics": {"score": "m:f", "grid": "m:g"}}
    second = {"agent_params": {"lr": [1, 2], "same": 1}}
    queue = [{"state": "in_queue"}] * 3
    return fake_batch(tmp_path / "batch", {"first": runs, "second": queue}, first=first, second=second)


def words(line):
    return line.split()


def test_a_table_shows_simulations_runs_metrics_and_errors(batch, capsys):
    assert main(["results", "batch"]) == EXIT_FAILED
    lines = capsys.readouterr().out.splitlines()
    assert words(lines[0]) == ["simulation", "finished", "agent_params.lr", "mean", "score", "mean", "grid"]
    assert words(lines[1]) == ["first", "2", "of", "3", "runs", "0.1", "0.1235"]  # of those that are numbers
    assert words(lines[2]) == ["second", "0", "of", "3", "runs", "[1,", "2]"]
    assert words(lines[4]) == ["simulation", "run", "state", "duration", "peak", "MB", "score", "grid", "error"]
    assert words(lines[5]) == ["first", "0", "finished", "1.50", "s", "40", "0.1235", "failed"]
    assert words(lines[6])[-2:] == ["nan", "failed"]
    assert words(lines[7]) == ["first", "2", "error", "1.50", "s", "ValueError:", "boom"]
    assert words(lines[8]) == ["second", "0", "in_queue"]
    assert lines[-1] == "grid failed in 2 runs: ValueError: no room"
    assert len(lines) == 4 + 1 + 6 + 1


def test_a_table_of_simulations_with_little_in_common_stays_narrow(tmp_path, capsys):
    names = {f"p{n}": n for n in range(9)}
    first = {"agent_class": "m:A", "agent_params": names}
    second = {"agent_class": "m:B", "agent_params": {name: value + 1 for name, value in names.items()}}
    fake_batch(tmp_path / "b", {"a": [{}], "c": [{}]}, a={**first, "env_params": {"only": 1}}, c=second)
    main(["results", "b"])
    lines = capsys.readouterr().out.splitlines()
    shown = ["agent_class", "agent_params.p0", "agent_params.p1", "agent_params.p2"]
    assert words(lines[0]) == ["simulation", "finished", *shown]
    assert lines[3] == "(7 more parameters differ: --csv shows all)"


def test_csv_on_stdout_holds_all_fields_and_is_read_by_programs(batch, capsys):
    assert main(["results", "batch", "--csv"]) == EXIT_FAILED
    out = capsys.readouterr().out
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [row["state"] for row in rows] == ["finished", "finished", "error", "in_queue", "in_queue", "in_queue"]
    assert rows[0]["metrics.score"] == "0.123456" and rows[3]["agent_params.lr"] == "[1, 2]"
    read_results("batch").to_csv("file.csv")
    assert (batch.parent / "file.csv").read_text() == out


def test_json_on_stdout_is_what_results_give(batch, capsys):
    assert main(["results", "batch", "--json"]) == EXIT_FAILED
    out = capsys.readouterr().out
    assert json.loads(out) == json.loads(read_results("batch").to_json())
    assert json.loads(out)[1]["metrics.score"] == "nan"


def test_some_simulations_only(batch, capsys):
    assert main(["results", "batch", "second", "--csv"]) == EXIT_OK
    assert [row["simulation_id"] for row in csv.DictReader(io.StringIO(capsys.readouterr().out))] == ["second"] * 3


def test_the_points_of_a_curve_are_a_line_each(batch, capsys):
    main(["results", "batch", "--key", "x"])
    header, *lines = capsys.readouterr().out.splitlines()
    assert header == "simulation_id,run_id,state,iteration,value"
    assert lines == [f"first,{line}" for line in ("0,finished,0,1.0", "0,finished,1,0.5")] + [
        f"first,{line}" for line in ("1,finished,0,2.0", "1,finished,1,nan")
    ]
    main(["results", "batch", "first", "--key", "x", "--json"])
    assert json.loads(capsys.readouterr().out)[3] == {
        "simulation_id": "first",
        "run_id": 1,
        "state": "finished",
        "iteration": 1,
        "value": "nan",
    }


def test_nothing_to_show_is_an_empty_table(batch, capsys):
    assert main(["results", "batch", "second", "--key", "x"]) == EXIT_OK
    assert capsys.readouterr().out == ""
    main(["results", "batch", "second", "--key", "x", "--json"])
    assert json.loads(capsys.readouterr().out) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "There is no batch"),
        (["batch", "frist"], "No simulation 'frist'. Did you mean 'first'?"),
        (["batch", "--key", "y"], "No curve 'y'. There are: x."),
    ],
)
def test_wrong_names_are_told_with_those_that_exist(arguments, message, batch, capsys):
    assert main(["results", *arguments]) == EXIT_USAGE
    assert message in capsys.readouterr().err


def test_csv_and_json_at_once_are_refused(batch, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["results", "batch", "--csv", "--json"])
    assert caught.value.code == EXIT_USAGE
    assert "not allowed with" in capsys.readouterr().err


def test_all_finished_is_success(tmp_path, capsys):
    fake_batch(tmp_path / "b", {"a": [{}, {}]})
    assert main(["results", "b"]) == EXIT_OK


def test_a_pipe_that_is_closed_early_is_no_error(tmp_path):
    fake_batch(tmp_path / "b", {"a": [{"history": {"x": list(range(1000))}} for _ in range(30)]})
    program = (
        "import subprocess, sys\n"
        "run = subprocess.Popen([sys.executable, '-m', 'simmanager', 'results', 'b', '--key', 'x'],"
        " stdout=subprocess.PIPE, stderr=subprocess.PIPE)\n"
        "run.stdout.readline(), run.stdout.close()\n"
        "print(run.stderr.read().decode(), run.wait())"
    )
    assert python(program).stdout.split() == ["0"]


def test_what_hostile_folders_say_cannot_command_the_terminal(tmp_path, capsys):
    evil = "\x1b]0;evil\x07\u202e[red]\n"
    runs = [{"state": "error", "reason": evil}, {"metrics": {evil: 1.0}, "metric_errors": {evil + "2": evil}}]
    batch = fake_batch(tmp_path / "b", {"a": runs, "c": runs}, a={"agent_params": {evil: evil, "long": "x" * 99}})
    record = run_of(batch, "a", 1) / "run.json"
    record.write_text(record.read_text().replace('"finished"', '"finished\\u001b[31m"'))
    for options in ([], ["--csv"], ["--json"]):
        main(["results", "b", *options])
        out = capsys.readouterr().out
        assert not {"\x1b", "\x07", "\u202e"} & set(out), options
        assert "[red]" in out


def test_failures_of_one_reason_are_told_once(batch):
    assert metric_failures(read_results(batch)) == ["grid failed in 2 runs: ValueError: no room"]
    (run_of(batch, "first", 1) / "run.json").unlink()
    assert metric_failures(read_results(batch)) == ["grid failed in 1 run: ValueError: no room"]
