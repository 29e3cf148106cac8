"""Results: the runs of a batch as data, from whatever their folders hold."""

import csv
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from fake_batch import fake_batch, fake_run, run_of
from toys import failing_loop, listing, toy_loop, toy_sim

from simmanager import SimulationManager, read_results
from simmanager.base.errors import BatchNotFound, PackageMissing, UnknownName
from simmanager.results import terminal
from simmanager.results.terminal import print_results

STATES = ("finished", "finished", "error", "interrupted", "in_queue")
NAN, INF = float("nan"), float("inf")


@pytest.fixture
def batch(tmp_path):
    """Two simulations: one with runs in all states, one that differs in a parameter and has not begun."""
    runs = [{"state": state} for state in STATES]
    runs[0] |= {"history": {"reward": [1.0, 2.0], "td": np.ones((2, 3))}, "metrics": {"score": 0.5, "drift": NAN}}
    runs[1] |= {
        "history": {"reward": [3.0, 4.0]},
        "metrics": {"drift": INF},
        "metric_errors": {"score": "ValueError: no"},
    }
    runs[2] |= {"reason": "ValueError: boom"}
    runs[3] |= {"reason": "stopped by the user"}
    described = {"agent_class": "m:A", "agent_params": {"lr": 0.1, "sigma": [1, 2]}, "metrics": {"score": "m:score"}}
    other = {**described, "agent_params": {"lr": 0.2, "sigma": [1, 2]}}
    waiting = [{"state": "in_queue"}] * 5
    return fake_batch(tmp_path / "batch", {"first": runs, "second": waiting}, first=described, second=other)


# Records -------------------------------------------------------------------------------------------------------


def test_there_is_a_record_for_each_run_whatever_its_state(batch):
    results = read_results(batch)
    assert len(results) == 10 and results[0] is results.runs[0] and list(results) == list(results.runs)
    assert [run.state for run in results.of("first")] == list(STATES)
    assert [(run.simulation_id, run.run_id) for run in results] == [
        (s, n) for s in ("first", "second") for n in range(5)
    ]
    assert results.simulation_ids == ("first", "second")
    assert (results.name, results.path) == ("batch", batch)
    assert results.counts("first") == {"in_queue": 1, "running": 0, "finished": 2, "error": 1, "interrupted": 1}
    assert results.total("second") == 5
    assert repr(results) == "<Results of 'batch': 2 simulations, 6 in_queue, 2 finished, 1 error, 1 interrupted>"


def test_a_record_says_what_is_known_of_a_run(batch):
    first, _, failed, stopped, waiting = read_results(batch).of("first")
    assert (first.attempt, first.duration_s, first.cpu_s, first.peak_mb) == (1, 1.5, 1.25, 40.0)
    assert (first.started, first.ended) == ("2026-11-22T14:15:01.000Z", "2026-11-22T14:15:02.000Z")
    assert first.path == run_of(batch, "first", 0)
    assert first.metrics.keys() == {"score", "drift"} and first.error == ""
    assert (failed.error, stopped.error) == ("ValueError: boom", "stopped by the user")
    assert (waiting.error, waiting.started, waiting.duration_s, waiting.attempt) == ("", "", None, 0)
    assert len({run.seed for run in read_results(batch)}) == 10


def test_a_running_run_whose_process_is_gone_is_interrupted(tmp_path):
    results = read_results(fake_batch(tmp_path / "b", {"a": [{"state": "running"}]}))
    assert (results[0].state, results[0].error, results[0].pid, results[0].host) == (
        "interrupted",
        "its process is gone",
        77,
        "here",
    )


def test_parameters_have_dotted_names_and_lists_stay_lists(tmp_path):
    entry = {
        "agent_params": {"lr": 0.1, "policy": {"eps": 1, "steps": [1, [2]]}},
        "env_params": {},
        "training_loop": "m:f",
    }
    results = read_results(fake_batch(tmp_path / "b", {"a": [{}]}, a=entry))
    wanted = {"agent_params.lr": 0.1, "agent_params.policy.eps": 1, "agent_params.policy.steps": [1, [2]]}
    assert results.parameters("a") == {**wanted, "training_loop": "m:f"}
    assert results[0].parameters == results.parameters("a")


def test_what_differs_between_simulations_is_told(tmp_path):
    one = {"agent_params": {"lr": 0.1, "same": 1, "list": [1]}, "agent_class": "m:A"}
    two = {"agent_params": {"lr": 0.2, "same": 1, "list": [1]}, "agent_class": "m:A", "env_params": {"size": 3}}
    results = read_results(fake_batch(tmp_path / "b", {"a": [{}], "c": [{}]}, a=one, c=two))
    assert results.varying_parameters() == {"agent_params.lr": {"a": 0.1, "c": 0.2}, "env_params.size": {"c": 3}}
    assert results.select("a").varying_parameters() == {}


def test_some_simulations_can_be_selected_in_any_order(batch):
    results = read_results(batch)
    assert results.select() is results
    swapped = results.select(["second", "first", "second"])
    assert swapped.simulation_ids == ("second", "first") and len(swapped) == 10
    alone = results.select("first")
    assert alone.simulation_ids == ("first",)
    assert alone.status.total == 5 and alone.status.counts == alone.counts("first")
    assert (alone.name, alone.path, alone.metric_names) == (results.name, results.path, results.metric_names)


ASK = {
    "select": lambda results, name: results.select([name]),
    "of": lambda results, name: results.of(name),
    "total": lambda results, name: results.total(name),
    "counts": lambda results, name: results.counts(name),
    "parameters": lambda results, name: results.parameters(name),
    "curves": lambda results, name: results.curves("reward", name),
    "metric": lambda results, name: results.metric("score", [name]),
    "maps": lambda results, name: results.maps(name),
    "trajectories": lambda results, name: results.trajectories(name),
}


@pytest.mark.parametrize("ask", ASK)
def test_an_unknown_simulation_is_named_with_the_nearest_and_those_that_exist(ask, batch):
    with pytest.raises(UnknownName, match=r"No simulation 'frist'. Did you mean 'first'\? There are: first, second."):
        ASK[ask](read_results(batch), "frist")


# Curves --------------------------------------------------------------------------------------------------------


def test_curves_come_simulation_by_simulation_with_how_many_runs_they_are_of(batch):
    results = read_results(batch)
    assert results.keys == ("reward", "td")
    curves = results.curves("reward")
    assert curves["first"].values.tolist() == [[1, 2], [3, 4]]
    assert curves["first"].iterations.tolist() == [0, 1]
    assert (curves["first"].run_ids, curves["first"].text, curves["first"].reduction) == ((0, 1), "2 of 5 runs", "")
    assert (curves["second"].values.shape, curves["second"].text) == ((0, 0), "0 of 5 runs")
    assert list(results.curves("reward", "second")) == ["second"]


def test_the_reduction_of_arrays_is_named(batch):
    curves = read_results(batch).curves("td")["first"]
    assert (curves.reduction, curves.run_ids, curves.values.tolist()) == ("mean absolute value", (0,), [[1, 1]])


def test_an_unknown_key_is_named_with_the_nearest_and_those_that_exist(batch):
    with pytest.raises(UnknownName, match=r"No curve 'rewrad'. Did you mean 'reward'\? There are: reward, td."):
        read_results(batch).curves("rewrad")
    assert read_results(batch).curves("td", "second")["second"].n_runs == 0  # another simulation has it


def test_without_finished_runs_curves_are_empty_and_no_error(batch):
    results = read_results(batch).select("second")
    assert results.keys == ()
    assert results.curves("reward")["second"].text == "0 of 5 runs"


def test_finished_runs_without_any_curve_say_so(tmp_path):
    with pytest.raises(UnknownName, match=r"No curve 'x'\. There are none\."):
        read_results(fake_batch(tmp_path / "b", {"a": [{"history": {}}]})).curves("x")


def test_curves_of_runs_of_different_lengths_with_nan_and_inf_are_aligned_and_counted(tmp_path):
    histories = [[1.0, 2.0, 3.0, 4.0], [5.0, NAN], [6.0, 7.0, INF, 8.0]]
    results = read_results(fake_batch(tmp_path / "b", {"a": [{"history": {"x": values}} for values in histories]}))
    curves = results.curves("x")["a"]
    wanted = [[1, 2, 3, 4], [5, NAN, NAN, NAN], [6, 7, INF, 8]]
    assert np.array_equal(curves.values, wanted, equal_nan=True)
    assert (curves.n_runs, curves.n_shorter, curves.n_not_finite) == (3, 1, 2)


def test_a_history_without_rows_is_a_curve_without_points(tmp_path):
    results = read_results(fake_batch(tmp_path / "b", {"a": [{"history": {"x": []}}, {"history": {"x": [1.0]}}]}))
    curves = results.curves("x")["a"]
    assert (curves.text, curves.n_shorter, curves.n_not_finite) == ("2 of 2 runs", 1, 0)
    assert np.array_equal(curves.values, [[NAN], [1]], equal_nan=True)


def test_a_history_of_every_tenth_iteration_is_drawn_at_those_iterations(tmp_path):
    entry = {"training_loop_params": {"record_every": 10}}
    batch = fake_batch(tmp_path / "b", {"a": [{"history": {"x": [1, 2, 3]}}], "c": [{"history": {"x": [4]}}]}, a=entry)
    assert read_results(batch).curves("x")["a"].iterations.tolist() == [0, 10, 20]
    assert read_results(batch).curves("x")["c"].iterations.tolist() == [0]


@pytest.mark.parametrize("every", ["10", 0, -1, True, 2**40, 1.5, None, [1]])
def test_a_stride_that_is_none_is_one(every, tmp_path):
    entry = {"training_loop_params": {"record_every": every}}
    results = read_results(fake_batch(tmp_path / "b", {"a": [{"history": {"x": [1, 2]}}]}, a=entry))
    assert results.curves("x")["a"].iterations.tolist() == [0, 1]


# Metrics -------------------------------------------------------------------------------------------------------


def test_metrics_come_simulation_by_simulation_and_failures_are_counted(batch):
    results = read_results(batch)
    assert results.metric_names == ("score", "drift")
    score = results.metric("score")["first"]
    assert (score.run_ids, score.values.tolist(), score.n_total, score.n_failed) == ((0,), [0.5], 5, 1)
    assert score.seeds == (results[0].seed,)
    drift = results.metric("drift")["first"]
    assert np.array_equal(drift.values, [NAN, INF], equal_nan=True) and drift.n_not_finite == 2
    assert results.metric("score")["second"].n_runs == 0


def test_fields_of_the_record_are_metrics_of_finished_runs(batch):
    values = read_results(batch).metric("duration_s")["first"]
    assert (values.values.tolist(), values.run_ids, values.n_total) == ([1.5, 1.5], (0, 1), 5)
    assert read_results(batch).metric("peak_mb")["first"].values.tolist() == [40.0, 40.0]


def test_an_unknown_metric_is_named_with_the_nearest_and_those_that_exist(batch):
    wanted = r"No metric 'scroe'. Did you mean 'score'\? There are: score, drift, duration_s, cpu_s, peak_mb."
    with pytest.raises(UnknownName, match=wanted):
        read_results(batch).metric("scroe")


def test_metrics_that_are_declared_exist_before_any_run_has_finished(batch):
    results = read_results(batch).select("second")
    assert results.metric("score")["second"].text == "0 of 5 runs"


# Maps and trajectories -----------------------------------------------------------------------------------------

MAP = np.arange(12.0).reshape(2, 2, 3)


def test_maps_and_trajectories_come_by_run(tmp_path):
    arrays = {
        "maps:cells": MAP,
        "extent:cells": np.array([0.0, 3.0, 0.0, 2.0]),
        "maps:plain": MAP[:1],
        "trajectory:": np.arange(6.0).reshape(3, 2),
        "walls:": np.zeros((1, 2, 2)),
        "extent:": np.array([-1.0, 9.0, -1.0, 9.0]),
    }
    batch = fake_batch(tmp_path / "b", {"a": [{"arrays": arrays}, {}, {"state": "error"}], "c": [{}, {}, {}]})
    maps = read_results(batch).maps()
    assert {name: sorted(found) for name, found in maps.items()} == {"a": [0], "c": []}
    assert np.array_equal(maps["a"][0]["cells"].values, MAP)
    assert maps["a"][0]["cells"].extent == (0, 3, 0, 2)
    assert maps["a"][0]["plain"].extent == (-1, 9, -1, 9)  # that of the room
    paths = read_results(batch).trajectories("a")
    assert list(paths) == ["a"] and list(paths["a"]) == [0]
    path = paths["a"][0]
    assert path.positions.tolist() == [[0, 1], [2, 3], [4, 5]]
    assert (path.extent, path.walls.shape, path.steps.tolist()) == ((-1, 9, -1, 9), (1, 2, 2), [0, 1, 2])


def test_maps_without_an_extent_are_measured_in_bins(tmp_path):
    batch = fake_batch(tmp_path / "b", {"a": [{"arrays": {"maps:m": MAP, "trajectory:": np.array([[1, 5], [3, 4]])}}]})
    assert read_results(batch).maps()["a"][0]["m"].extent == (0, 3, 0, 2)
    path = read_results(batch).trajectories()["a"][0]
    assert (path.extent, path.walls.shape) == ((1, 3, 4, 5), (0, 2, 2))


# Tables --------------------------------------------------------------------------------------------------------


def test_rows_are_flat_and_all_have_the_same_columns(batch):
    rows = read_results(batch).rows()
    assert len({tuple(row) for row in rows}) == 1
    first = rows[0]
    assert (first["agent_class"], first["agent_params.lr"], first["agent_params.sigma"]) == ("m:A", 0.1, [1, 2])
    assert (first["metrics.score"], first["metric_errors"]) == (0.5, "")
    assert (rows[1]["metrics.score"], rows[1]["metric_errors"]) == (None, "score: ValueError: no")
    assert list(first)[:4] == ["simulation_id", "run_id", "state", "seed"]


def test_a_frame_has_a_row_for_each_run(batch):
    frame = read_results(batch).to_frame()
    assert frame.shape == (10, len(read_results(batch).rows()[0]))
    assert frame["state"].tolist()[:5] == list(STATES)
    assert frame["agent_params.lr"].tolist() == [0.1] * 5 + [0.2] * 5


def test_without_pandas_a_frame_says_how_to_install_it(batch, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(PackageMissing, match=r"pip install 'simmanager\[frames\]'"):
        read_results(batch).to_frame()


def test_csv_holds_the_rows(batch, tmp_path):
    read_results(batch).to_csv(tmp_path / "runs.csv")
    with (tmp_path / "runs.csv").open(encoding="utf-8", newline="") as file:
        read = list(csv.DictReader(file))
    rows = read_results(batch).rows()
    assert list(read[0]) == list(rows[0]) and len(read) == 10
    assert read[0]["agent_params.sigma"] == "[1, 2]"
    assert (read[0]["metrics.drift"], read[1]["metrics.drift"], read[2]["metrics.drift"]) == ("nan", "inf", "")
    assert read[2]["error"] == "ValueError: boom"


def test_json_holds_the_rows_and_is_valid(batch):
    def refuse(word):
        raise AssertionError(f"{word} is no JSON")

    read = json.loads(read_results(batch).to_json(), parse_constant=refuse)
    rows = read_results(batch).rows()
    assert [list(row) for row in read] == [list(row) for row in rows]
    assert (read[0]["metrics.drift"], read[1]["metrics.drift"], read[2]["metrics.drift"]) == ("nan", "inf", None)
    assert read[0]["agent_params.sigma"] == [1, 2]


# From other folders --------------------------------------------------------------------------------------------


def test_a_folder_of_neuralplayground_gives_records_with_what_is_known(tmp_path):
    batch = tmp_path / "theirs"
    for run, keyword in enumerate(("finished", "error", "in_queue")):
        folder = batch / "sr" / f"run_{run}_22-11-2024_14-15-33-591"
        folder.mkdir(parents=True)
        (folder / "state.log").write_text(keyword)
        (folder / "params.dict").write_bytes(b"not to be opened")
        (folder / "error.log").write_text("Traceback ...\nValueError: lr_td must be a number\n\n")
    results = read_results(batch)
    assert [run.state for run in results] == ["finished", "error", "in_queue"]
    assert [run.error for run in results] == ["", "ValueError: lr_td must be a number", ""]
    assert (results[0].seed, results[0].parameters, results[0].metrics) == (None, {}, {})
    assert (results.keys, results.metric_names, results.maps(), results.unreadable) == ((), (), {"sr": {}}, {})
    assert results.metric("duration_s")["sr"].n_total == 3
    assert len(results.to_frame()) == 3


def test_the_folder_of_a_single_run_has_one_record(tmp_path):
    toy_sim("alone").run_sim("results_sim", seed=11)
    results = read_results("results_sim")
    assert len(results) == 1
    assert (results[0].run_id, results[0].seed, results[0].state) == (0, 11, "finished")
    assert results.keys == ("position", "noise")


def test_where_there_is_no_batch_that_is_said(tmp_path):
    with pytest.raises(BatchNotFound, match="nowhere"):
        read_results("nowhere")
    with pytest.raises(BatchNotFound, match="not made yet"):
        SimulationManager([toy_sim()], 1, "batch").results()


def test_reading_changes_nothing_in_the_folder(batch):
    before = listing(batch)
    results = read_results(batch)
    results.curves("reward"), results.maps(), results.rows()
    assert listing(batch) == before


# Whatever a folder holds ---------------------------------------------------------------------------------------


def test_runs_whose_summary_is_damaged_are_counted_and_the_others_are_there(tmp_path):
    batch = fake_batch(tmp_path / "b", {"a": [{"history": {"x": [1.0]}} for _ in range(4)]})
    (run_of(batch, "a", 1) / "summary.npz").write_bytes(b"PK\x03\x04 torn")
    (run_of(batch, "a", 2) / "summary.npz").unlink()
    results = read_results(batch)
    curves = results.curves("x")["a"]
    assert (curves.run_ids, curves.n_total, curves.n_unreadable) == ((0, 3), 4, 1)
    assert list(results.unreadable) == [run_of(batch, "a", 1)]
    assert "damaged" in results.unreadable[run_of(batch, "a", 1)]


HOSTILE_RECORDS = [
    b"",
    b"[]",
    b"{",
    b"[" * 100_000,
    b'{"metrics": 5, "metric_errors": [1]}',
    b'{"metrics": {"m": "text", "n": null, "o": [1], "p": true}, "metric_errors": {"m": 5}}',
    b'{"metrics": {"m": %s}}' % (b"9" * 4000),
    b"\xff\xfe",
]


@pytest.mark.parametrize("content", HOSTILE_RECORDS, ids=lambda content: str(content[:20]))
def test_a_damaged_run_json_leaves_a_record_without_metrics(content, tmp_path):
    batch = fake_batch(tmp_path / "b", {"a": [{"metrics": {"m": 1.0}}, {"metrics": {"m": 2.0}}]})
    (run_of(batch, "a", 0) / "run.json").write_bytes(content)
    results = read_results(batch)
    assert (results[0].metrics, results[0].metric_errors, results[0].state) == ({}, {}, "finished")
    assert results.metric("m")["a"].text == "1 of 2 runs"


def test_numbers_that_are_no_json_are_read_all_the_same(tmp_path):
    batch = fake_batch(tmp_path / "b", {"a": [{}]})
    (run_of(batch, "a", 0) / "run.json").write_text('{"metrics": {"a": NaN, "b": -Infinity, "c": 1e999, "d": "-inf"}}')
    metrics = read_results(batch)[0].metrics
    assert np.isnan(metrics["a"]) and (metrics["b"], metrics["c"], metrics["d"]) == (-INF, INF, -INF)
    json.loads(read_results(batch).to_json())


@pytest.mark.parametrize(
    "entry",
    [
        {"agent_params": 5},
        {"agent_params": [1, 2], "metrics": [1]},
        {"agent_params": {"": {"": {}}}},
        {"agent_params": {"\ud800\x1b[31m": "\ud800", "x": NAN}, "metrics": {"\ud800": 1}},
        {"metrics": "text"},
    ],
    ids=str,
)
def test_a_hostile_description_makes_odd_names_but_no_crash(entry, tmp_path, capsys):
    results = read_results(fake_batch(tmp_path / "b", {"a": [{}], "c": [{}]}, a=entry))
    assert len(results.rows()) == 2
    results.varying_parameters()
    results.to_csv("x.csv")
    json.loads(results.to_json())
    print_results(results)
    assert "\x1b" not in capsys.readouterr().out + (tmp_path / "x.csv").read_text()


def test_a_table_of_very_many_runs_is_cut_on_a_terminal_and_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(terminal, "_MOST_ROWS", 3)
    results = read_results(fake_batch(tmp_path / "b", {"a": [{"state": "finished"}] * 5, "other": [{}]}))
    print_results(results)
    output = capsys.readouterr().out
    assert output.splitlines()[-1] == "(and 7 more: --csv shows all)"
    assert len(output.splitlines()) == 1 + 2 + 1 + 1 + 3 + 1
    assert len(results.rows()) == 10


def test_a_very_deep_parameter_is_not_followed_to_its_end(tmp_path):
    deep: dict = {"end": 1}
    for _ in range(50):
        deep = {"in": deep}
    results = read_results(fake_batch(tmp_path / "b", {"a": [{}]}, a={"agent_params": deep}))
    (name,) = results.parameters("a")
    assert name == "agent_params" + 8 * ".in"


def test_damage_to_the_manifest_leaves_what_the_folders_say(batch):
    (batch / "manager.json").write_text("{")
    results = read_results(batch)
    assert len(results) == 10 and "manager.json is damaged" in results.status.damage[0]
    assert results.parameters("first") == {}
    assert results.curves("reward")["first"].n_runs == 2
    assert results[0].seed == 5  # from run.json


def test_a_link_in_the_place_of_a_summary_is_not_followed(tmp_path):
    batch = fake_batch(tmp_path / "b", {"a": [{"history": {"x": [1.0]}}]})
    summary = run_of(batch, "a", 0) / "summary.npz"
    summary.rename(tmp_path / "elsewhere.npz")
    summary.symlink_to(tmp_path / "elsewhere.npz")
    results = read_results(batch)
    assert results.keys == ()
    assert "cannot be read" in results.unreadable[summary.parent]


def test_a_pipe_in_the_place_of_a_summary_is_not_waited_for(tmp_path):
    batch = fake_batch(tmp_path / "b", {"a": [{}]})
    summary = run_of(batch, "a", 0) / "summary.npz"
    summary.unlink()
    os.mkfifo(summary)
    assert list(read_results(batch).unreadable) == [summary.parent]


def test_the_text_of_a_failure_cannot_command_a_terminal_from_a_table(tmp_path):
    fake_run(tmp_path / "b" / "a" / "run_0_22-11-2026_14-15-33-591", "error", reason="\x1b]0;evil\x07 boom")
    results = read_results(tmp_path / "b")
    results.to_csv("x.csv")
    assert "\x1b" not in (tmp_path / "x.csv").read_text() and "boom" in (tmp_path / "x.csv").read_text()
    assert "\x1b" not in results.to_json()


# A real batch --------------------------------------------------------------------------------------------------


def last_position(agent, env, history):
    return history["position"][-1]


def unlucky(agent, env, history):
    raise ValueError("no grid")


def fails_sometimes(agent, env, flag):
    """Fail in the third run that is executed."""
    before = int(Path(flag).read_text()) if Path(flag).exists() else 0
    Path(flag).write_text(str(before + 1))
    return failing_loop(agent, env) if before == 2 else toy_loop(agent, env)


def test_a_real_batch_with_a_failed_run_and_a_failed_metric(tmp_path):
    sim = toy_sim("toy", fails_sometimes, flag=str(tmp_path / "flag")).copy(
        metrics={"last": last_position, "grid": unlucky}
    )
    manager = SimulationManager([sim], 5, "batch", seed=3)
    assert manager.run_all(1, progress=False).headline == "4 finished, 1 error"
    results = manager.results()
    assert [run.state for run in results].count("error") == 1
    last, grid = results.metric("last")["toy"], results.metric("grid")["toy"]
    curves = results.curves("position")["toy"]
    assert (last.text, last.n_failed, curves.text) == ("4 of 5 runs", 0, "4 of 5 runs")
    assert (grid.text, grid.n_failed) == ("0 of 5 runs", 4)
    assert last.values.tolist() == curves.values[:, -1].tolist()
    finished = next(run for run in results if run.state == "finished")
    assert finished.metric_errors == {"grid": "ValueError: no grid"}
    assert "no grid" in (finished.path / "error.log").read_text()


def test_a_spreadsheet_takes_no_cell_for_a_formula(tmp_path):
    given = {"a": "=1+1", "b": "@x", "c": "-5", "d": -5.5, "e": "a=b", "f": "\t=x", "g": "\uff1dcmd", "h": "\x00+cmd"}
    batch = fake_batch(
        tmp_path / "b", {"=id": [{"state": "error", "reason": "-2+cmd|x"}]}, **{"=id": {"agent_params": given}}
    )
    read_results(batch).to_csv("runs.csv")
    with Path("runs.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["simulation_id"], row["error"]) == ("'=id", "'-2+cmd|x")
    cells = {name: row[f"agent_params.{name}"] for name in given}
    told = {"a": "'=1+1", "b": "'@x", "c": "-5", "d": "-5.5", "e": "a=b", "f": "'\t=x", "g": "'\uff1dcmd", "h": "'+cmd"}
    assert cells == told
