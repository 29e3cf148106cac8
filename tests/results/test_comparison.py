"""Comparison of simulations: what is in the record, what is missing, how it prints."""

import dataclasses
import sys

import numpy as np
import pytest
from fake_batch import fake_batch, run_of
from toys import toy_sim

import simmanager
from simmanager import SimulationManager, compare, read_results
from simmanager.analysis import (
    bootstrap_interval,
    confidence_interval,
    difference,
    holm,
    interquartile_mean,
    probability_interval,
)
from simmanager.base.errors import BatchNotFound, PackageMissing, ParameterError, ParameterTypeError, UnknownName
from simmanager.results.in_digits import with_interval
from simmanager.results.results import Results

NAN, INF = float("nan"), float("inf")
VALUES = {"a": [1.0, 2.0, 3.0, 4.0, 9.0], "b": [0.0, 2.0, 2.5, 3.0], "c": [5.0]}


def curve(end, n=11):
    """Return a curve that falls from 10 by 1 each iteration and ends at another value."""
    return {"error": np.append(10.0 - np.arange(n - 1), end)}


def with_metric(values, name="score"):
    """Return finished runs, each with one value of a metric."""
    return [{"metrics": {name: value}} for value in values]


@pytest.fixture
def by_metric(tmp_path):
    """Three simulations with a metric: five finished runs, four of five, one of two."""
    runs = {name: with_metric(values) for name, values in VALUES.items()}
    runs["b"].append({"state": "error", "reason": "ValueError: boom"})
    runs["c"].append({"state": "in_queue"})
    return fake_batch(tmp_path / "batch", runs)


# One simulation ------------------------------------------------------------------------------------------------


def test_a_summary_holds_the_statistics_of_the_runs(by_metric):
    found = compare(by_metric, metric="score")["a"]
    values = np.array(VALUES["a"])
    assert (found.n_runs, found.n_total, found.n_finished) == (5, 5, 5)
    assert (found.mean, found.median, found.iqm) == pytest.approx((3.8, 3, 3))
    assert found.std == pytest.approx(values.std(ddof=1))
    assert (found.low, found.high) == confidence_interval(values, "iqm")
    assert (found.values, found.run_ids) == (tuple(values), (0, 1, 2, 3, 4))
    assert found.final is found.auc is found.iterations_to_threshold is found.n_reached is None
    assert found.remarks == ()


@pytest.mark.parametrize("statistic", ["mean", "median", "iqm"])
def test_the_interval_is_that_of_the_statistic_level_seed_and_resamples_asked_for(by_metric, statistic):
    by_t = compare(by_metric, metric="score", statistic=statistic, level=0.5)
    assert (by_t["a"].low, by_t["a"].high) == confidence_interval(VALUES["a"], statistic, 0.5)
    options = {"statistic": statistic, "level": 0.5, "seed": 7, "n_resamples": 90}
    found = compare(by_metric, metric="score", method="bootstrap", **options)
    assert (found["a"].low, found["a"].high) == bootstrap_interval(VALUES["a"], **options)
    assert found.differences[0].p is None and "bootstrap: 90 resamples, seed 7" in str(found)
    assert (found.statistic, found.level, found.seed, found.n_resamples) == (statistic, 0.5, 7, 90)


def test_runs_that_are_not_there_are_counted(by_metric):
    found = compare(by_metric, metric="score")
    assert (found["b"].n_runs, found["b"].n_total, found["b"].remarks) == (4, 5, ("1 run not finished",))
    assert "4 of 5" in str(found)


def test_too_few_runs_have_no_interval_and_the_table_says_so(by_metric):
    found = compare(by_metric, metric="score")
    assert (found["c"].low, found["c"].high, found["c"].mean) == (None, None, 5)
    assert np.isnan(found["c"].std)
    assert found["c"].remarks[0] == "1 run: no interval (3 are needed)"
    assert "1 run: no interval (3 are needed)" in str(found)


def test_values_that_are_nan_infinite_failed_or_missing_are_counted(tmp_path):
    runs = with_metric([1.0, NAN, INF, 2.0])
    runs += [{"metric_errors": {"score": "ValueError: no"}}] * 2 + [{"metrics": {"other": 1.0}}]
    found = compare(fake_batch(tmp_path / "b", {"a": runs}), metric="score")["a"]
    assert (found.n_runs, found.n_nan, found.n_infinite, found.n_failed, found.n_missing) == (3, 1, 1, 2, 1)
    assert found.run_ids == (0, 2, 3)
    assert found.mean == INF and found.high is None and found.median == 2
    assert found.remarks == (
        "metric failed in 2 runs",
        "1 run without this value",
        "1 run left out (NaN)",
        "1 run infinite",
    )


def test_a_simulation_without_finished_runs_is_a_row_that_says_so(tmp_path):
    runs = {"a": with_metric([1.0, 2.0]), "waiting": [{"state": "in_queue"}] * 2}
    found = compare(fake_batch(tmp_path / "b", runs), metric="score")
    assert found["waiting"].remarks == ("no finished runs",)
    assert np.isnan(found["waiting"].iqm) and found["waiting"].low is None
    assert found.differences == ()
    assert found.notes == ("No differences with waiting: it has no value.",)
    assert "no finished runs" in str(found) and "No differences with waiting" in str(found)


def test_a_simulation_whose_metric_always_fails_says_so(tmp_path):
    runs = [{"metric_errors": {"score": "ValueError: no"}}] * 2
    found = compare(fake_batch(tmp_path / "b", {"a": runs}), metric="score")
    assert found["a"].remarks == ("no finished run has a value", "metric failed in 2 runs")


def test_fields_of_the_record_can_be_compared(by_metric):
    found = compare(by_metric, metric="duration_s")
    assert found["a"].mean == 1.5 and found["a"].n_runs == 5


# Learning curves -----------------------------------------------------------------------------------------------


def test_a_curve_gives_final_value_area_and_iterations_to_a_threshold(tmp_path):
    runs = {"a": [{"history": curve(end)} for end in (1.0, 2.0, 6.0)]}
    found = compare(fake_batch(tmp_path / "b", runs), "error", threshold=1.5, statistic="mean", last=1)["a"]
    assert found.values == (1, 2, 6)
    assert found.final == found.mean == 3
    area = sum(range(1, 11)) - (10 + 1) / 2  # of the first ten points
    assert found.auc == pytest.approx(area + (1 + 3) / 2)
    assert found.iterations_to_threshold == 9 and found.n_reached == 3


def test_the_final_value_is_the_mean_of_the_last_points_and_that_is_said(tmp_path):
    walk = np.random.default_rng(3).normal(size=(4, 40)).cumsum(axis=1)
    batch = fake_batch(tmp_path / "b", {"a": [{"history": {"y": list(values)}} for values in walk]})
    expected = {
        None: (walk[:, -4:].mean(axis=1), "final value of y (mean of the last 10% of the points)."),
        0.25: (walk[:, -10:].mean(axis=1), "(mean of the last 25% of the points)"),
        7: (walk[:, -7:].mean(axis=1), "(mean of the last 7 points)"),
        1: (walk[:, -1], "final value of y."),
    }
    for last, (values, words) in expected.items():
        found = compare(batch, "y", last=last)
        assert found["a"].values == pytest.approx(values.tolist()) and words in str(found)
    with pytest.raises(ParameterError, match="last are for a key only"):
        compare(batch, metric="duration_s", last=3)


def test_runs_that_never_reach_a_threshold_are_counted_and_do_not_blur_the_others(tmp_path):
    runs = {"a": [{"history": curve(end)} for end in (0.0, 0.5, 3.0)]}
    batch = fake_batch(tmp_path / "b", runs)
    found = compare(batch, "error", threshold=0.7)
    assert (found["a"].iterations_to_threshold, found["a"].n_reached) == (10, 2)
    assert "iterations to <= 0.7" in str(found) and "10 (2 of 3)" in str(found)
    above = compare(batch, "error", threshold=8.5, direction="above")
    assert above["a"].iterations_to_threshold == 0 and "iterations to >= 8.5" in str(above)
    nobody = compare(batch, "error", threshold=-1)
    assert nobody["a"].iterations_to_threshold == nobody.horizon == 10 and "10 (0 of 3)" in str(nobody)


def test_runs_that_do_not_arrive_or_diverge_are_not_left_out_of_the_times(tmp_path):
    """Half of the runs of a fail, and the other half are quick: it is not the quicker one."""
    quick, never, steady = [9.0, 1.0, 1.0, 1.0, 1.0], [9.0] * 5, [9.0, 8.0, 1.0, 1.0, 1.0]
    failed = {"state": "error", "reason": "diverged: error is nan at step 3"}
    runs = {
        "a": [{"history": {"error": quick}}] * 3 + [{"history": {"error": never}}] * 2 + [failed] * 2,
        "b": [{"history": {"error": steady}}] * 6 + [{"state": "error", "reason": "ValueError: no"}],
    }
    found = compare(
        fake_batch(tmp_path / "b", runs), "error", value="iterations_to_threshold", threshold=2, statistic="mean"
    )
    assert found.horizon == 4
    assert found["a"].values == (1, 1, 1, 4, 4, 4, 4) and found["b"].values == (2,) * 6
    assert found["a"].mean == pytest.approx(19 / 7) and found.differences[0].difference > 0
    assert (found["a"].n_reached, found["a"].n_diverged, found["b"].n_diverged) == (3, 2, 0)
    assert "2 runs diverged" in found["a"].remarks and "1 run not finished" in found["b"].remarks
    assert "(3 of 7)" in str(found)
    final = compare(fake_batch(tmp_path / "c", runs), "error", threshold=2)
    assert "(3 of 7)" in str(final) and "2 runs diverged" in final["a"].remarks
    assert final["a"].n_runs == 5, "a run that diverged has no final value"


@pytest.mark.parametrize(
    "value, low, high, text",
    [
        (0.4312, 0.3101, 0.6377, "0.43 [0.31, 0.64]"),
        (1234.5, 1002.0, 1422.4, "1234 [1002, 1422]"),
        (-0.5, -2.5, 1.5, "-0.5 [-2.5, 1.5]"),
        (0.0000123, 0.0000121, 0.0000125, "0.00001230 [0.00001210, 0.00001250]"),
        (3.0, 3.0, 3.0, "3 [3, 3]"),
        (0.5, None, None, "0.5"),
        (NAN, None, None, ""),
        (INF, NAN, INF, "inf [, inf]"),
        (0.0, 0.0, 5e-324, "0 [0, 4.941e-324]"),
        (1.0, 2.0, 1.0, "1 [2, 1]"),
        (1e300, 0.0, 2e300, "1e+300 [0, 2e+300]"),
        (NAN, 0.0, 1.0, "[0, 1]"),
        (-0.001, -0.5, 0.5, "0.00 [-0.50, 0.50]"),
    ],
)
def test_a_value_has_as_many_digits_as_its_interval_tells(value, low, high, text):
    assert with_interval(value, low, high) == text


def test_a_table_for_a_paper_has_few_columns(tmp_path):
    values = {"a_1 & 50%": [0.1, 0.2, 0.3, 0.4, 0.5], "b{}": [1.0]}
    runs = {name: [{"metrics": {"score": value}} for value in of_sim] for name, of_sim in values.items()}
    found = compare(fake_batch(tmp_path / "b", runs), metric="score")
    one = found["a_1 & 50%"]
    cell = f"{one.iqm:.2f} [{one.low:.2f}, {one.high:.2f}]"
    assert found.to_frame(tidy=True).to_numpy().tolist() == [["a_1 & 50%", 5, cell], ["b{}", 1, "1"]]
    assert found.to_latex() == (
        "\\begin{tabular}{lrr}\n\\toprule\nsimulation & runs & IQM [95\\% CI] \\\\\n\\midrule\n"
        f"a\\_1 \\& 50\\% & 5 & {cell} \\\\\nb\\{{\\}} & 1 & 1 \\\\\n\\bottomrule\n\\end{{tabular}}\n"
    )


def test_one_run_that_is_short_is_named_where_it_shortens_all_times(tmp_path):
    runs = {"a": [{"history": {"y": [9.0] * 10 + [1.0] * 9}}] * 3, "b": [{"history": {"y": [9.0]}}]}
    found = compare(fake_batch(tmp_path / "b", runs), "y", value="iterations_to_threshold", threshold=2)
    assert found.horizon == 0 and found["a"].n_reached == 0, "by then"
    assert "known up to iteration 0 only" in str(found)
    empty = fake_batch(tmp_path / "c", {"a": [{"history": {"y": []}}] * 4})
    found = compare(empty, "y", value="iterations_to_threshold", threshold=2)
    assert found["a"].n_nan == 4 and "at most" not in str(found)


def test_areas_and_iterations_can_be_what_is_compared(tmp_path):
    runs = {name: [{"history": curve(end)} for end in ends] for name, ends in {"a": (0, 1), "b": (4, 5)}.items()}
    batch = fake_batch(tmp_path / "b", runs)
    areas = compare(batch, "error", value="auc", statistic="mean")
    assert areas["a"].mean == areas["a"].auc == pytest.approx(50.25)
    assert areas.differences[0].difference == pytest.approx(-2)
    reached = compare(batch, "error", value="iterations_to_threshold", threshold=0.5)
    assert reached["a"].values == reached["b"].values == (10, 10), "arriving with the last point, and not at all"
    assert (reached["a"].n_reached, reached["b"].n_reached, reached.horizon) == (1, 0, 10)
    assert "at most 10, with which runs count that have not arrived by then" in str(reached)
    for one, name in ((areas, "area under the curve of error"), (reached, "iterations to the threshold of error")):
        assert name in str(one)


def test_curves_that_are_short_not_finite_or_damaged_are_counted(tmp_path):
    histories = [curve(1.0), curve(NAN), curve(INF), curve(2.0, n=5), curve(3.0), {"other": [1.0]}]
    batch = fake_batch(tmp_path / "b", {"a": [{"history": history} for history in histories]})
    (run_of(batch, "a", 4) / "summary.npz").write_bytes(b"PK damaged")
    found = compare(batch, "error")["a"]
    assert found.values == (1, INF, 2)  # the run that ended with NaN has no other final value
    assert (found.n_nan, found.n_infinite, found.n_not_finite, found.n_shorter) == (1, 1, 2, 1)
    assert (found.n_unreadable, found.n_missing) == (1, 1)
    assert found.remarks == (
        "1 run without this value",
        "1 run left out (NaN)",
        "1 run infinite",
        "NaN or inf in the curve of 2 runs",
        "1 run shorter",
        "summary of 1 run damaged",
    )


def test_simulations_that_end_at_different_iterations_are_noted(tmp_path):
    runs = {"a": [{"history": curve(1.0)}] * 2, "b": [{"history": curve(1.0, n=6)}] * 2}
    batch = fake_batch(tmp_path / "b", runs)
    assert compare(batch, "error").notes == (
        "The simulations end at different iterations, 5 to 10: so do final values and areas.",
    )
    assert compare(batch, "error", simulations="a").notes == ()


def test_how_arrays_became_numbers_is_named(tmp_path):
    batch = fake_batch(tmp_path / "b", {"a": [{"history": {"weights": -np.ones((3, 4))}}] * 2})
    found = compare(batch, "weights")
    assert found.reduction == "mean absolute value" and found["a"].mean == 1
    assert "final value of weights (mean absolute value; mean of the last 10% of the points)" in str(found)


# Differences ---------------------------------------------------------------------------------------------------


def test_a_difference_is_that_of_the_statistic_with_its_interval_and_probability(by_metric):
    found = compare(by_metric, metric="score").differences[0]
    a, b = VALUES["a"], VALUES["b"]
    assert (found.first, found.second, found.paired) == ("a", "b", False)
    assert (found.n_first, found.n_second, found.n) == (5, 4, 9)
    assert found.difference == pytest.approx(interquartile_mean(a) - interquartile_mean(b))
    three_pairs = 1 - 0.05 / 3  # simultaneous intervals (Bonferroni)
    expected = difference(a, b, statistic="iqm", level=three_pairs)
    assert (found.low, found.high) == (expected.low, expected.high)
    assert found.p == holm([expected.p, NAN, NAN])[0]
    assert found.probability_of_improvement == pytest.approx((1 + 1.5 + 3.5 + 4 + 4) / 20)
    assert (found.probability_low, found.probability_high) == probability_interval(a, b, level=three_pairs)


def test_with_one_run_there_is_a_difference_but_no_interval(by_metric):
    found = compare(by_metric, metric="score").differences[1]
    assert (found.first, found.second, found.difference) == ("a", "c", -2)
    assert found.low is found.high is found.probability_low is found.probability_high is None
    assert found.probability_of_improvement == pytest.approx(0.2)


def test_all_pairs_are_compared_or_all_with_the_baseline(by_metric):
    found = compare(by_metric, metric="score")
    assert [(one.first, one.second) for one in found.differences] == [("a", "b"), ("a", "c"), ("b", "c")]
    found = compare(by_metric, metric="score", baseline="b")
    assert [(one.first, one.second) for one in found.differences] == [("a", "b"), ("c", "b")]
    assert found.differences[0].difference > 0


def test_too_many_pairs_are_left_out_and_said(by_metric, monkeypatch):
    monkeypatch.setattr("simmanager.results.compare.MAX_PAIRS", 2)
    found = compare(by_metric, metric="score")
    assert found.differences == ()
    assert found.notes == ("3 differences are left out: name a baseline, or fewer simulations.",)
    assert len(compare(by_metric, metric="score", baseline="a").differences) == 2


def test_a_baseline_without_a_value_leaves_nothing_to_compare(tmp_path):
    runs = {"a": with_metric([1.0, 2.0]), "b": with_metric([1.0, 2.0]), "waiting": [{"state": "in_queue"}]}
    found = compare(fake_batch(tmp_path / "b", runs), metric="score", baseline="waiting")
    assert found.differences == () and "waiting" in found.notes[0]


def seeded(path, **seeds):
    """Return the results of a batch, with other seeds: simulation_id -> one for each run."""
    results = read_results(path)
    runs = [dataclasses.replace(run, seed=seeds[run.simulation_id][run.run_id]) for run in results]
    return Results(results.status, runs, {name: {} for name in seeds}, results.metric_names)


@pytest.fixture
def pairs(tmp_path):
    """Two simulations that differ by 0.5 in each of three runs."""
    runs = {"a": with_metric([1.0, 5.0, 9.0]), "b": with_metric([0.5, 4.5, 8.5])}
    return fake_batch(tmp_path / "b", runs)


def test_runs_with_the_same_seeds_are_paired(pairs):
    comparison = compare(seeded(pairs, a=[7, 8, 9], b=[7, 8, 9]), metric="score", statistic="mean")
    found = comparison.differences[0]
    assert found.paired and found.n == 3
    assert (found.difference, found.low, found.high) == pytest.approx((0.5, 0.5, 0.5))
    assert found.probability_of_improvement == 1
    assert "3 pairs, same seeds" in str(comparison)


@pytest.mark.parametrize(
    ("first", "second"),
    [([7, 8, 9], [7, 8, 10]), ([7, 8, 9], [9, 8, 7]), ([None] * 3, [None] * 3)],
    ids=["one differs", "another order", "unknown"],
)
def test_runs_are_not_paired_unless_all_that_both_have_share_their_seed(pairs, first, second):
    found = compare(seeded(pairs, a=first, b=second), metric="score").differences[0]
    assert not found.paired and (found.n_first, found.n_second) == (3, 3)
    assert found.low < 0 < found.high


def test_pairs_are_the_runs_that_both_have(tmp_path):
    runs = {"a": with_metric([1.0, 5.0, 9.0, 2.0]), "b": with_metric([0.0, NAN, 8.0])}
    results = seeded(fake_batch(tmp_path / "b", runs), a=[7, 8, 9, 1], b=[7, 8, 9, 2])
    found = compare(results, metric="score", statistic="mean").differences[0]
    assert found.paired and (found.n_first, found.n_second) == (2, 2)
    assert found.difference == pytest.approx(1)


def test_one_run_in_common_makes_no_pairs(tmp_path):
    runs = {"a": with_metric([1.0, 5.0]), "b": [*with_metric([0.5]), {"state": "error"}, *with_metric([1.0])]}
    results = seeded(fake_batch(tmp_path / "b", runs), a=[7, 8, 9], b=[7, 8, 9])
    assert not compare(results, metric="score").differences[0].paired


# What is asked for ---------------------------------------------------------------------------------------------


def test_a_comparison_is_made_from_a_folder_results_or_a_manager(tmp_path):
    manager = SimulationManager([toy_sim("one"), toy_sim("two", n_steps=4)], 2, "batch", seed=3)
    manager.run_all(n_jobs=2)
    found = compare(manager, "position")
    assert found.name == "batch"
    assert [one.n_runs for one in found.simulations] == [2, 2]
    assert not found.differences[0].paired  # seeds depend on the simulation
    for source in ("batch", tmp_path / "batch", read_results("batch"), manager.results()):
        assert str(compare(source, "position")) == str(found)


def test_simulations_are_chosen_in_the_order_given(by_metric):
    found = compare(by_metric, metric="score", simulations=["c", "a"])
    assert [one.simulation_id for one in found.simulations] == ["c", "a"]
    assert len(compare(by_metric, metric="score", simulations="b").simulations) == 1


def test_compare_is_a_public_name():
    assert simmanager.compare is compare


@pytest.mark.parametrize("asked", [{}, {"key": "error", "metric": "score"}])
def test_neither_key_nor_metric_or_both_lists_those_that_exist(tmp_path, asked):
    runs = {"a": [{"history": curve(1.0), "metrics": {"score": 1.0}}]}
    with pytest.raises(ParameterError, match=r"Keys: error\. Metrics: score, duration_s, cpu_s, peak_mb\."):
        compare(fake_batch(tmp_path / "b", runs), **asked)


def test_a_batch_without_finished_runs_has_no_keys_yet_and_can_be_compared(tmp_path):
    batch = fake_batch(tmp_path / "b", {"a": [{"state": "in_queue"}], "b": [{"state": "in_queue"}]})
    with pytest.raises(ParameterError, match="Keys: none yet"):
        compare(batch)
    found = compare(batch, "error", threshold=1)
    assert [one.remarks for one in found.simulations] == [("no finished runs",)] * 2
    assert len(found.notes) == 2 and found.differences == ()
    assert "0 of 1" in str(found)


@pytest.mark.parametrize(
    ("asked", "error", "message"),
    [
        ({"metric": "scores"}, UnknownName, "No metric 'scores'. Did you mean 'score'"),
        ({"key": "erro"}, UnknownName, "No curve 'erro'"),
        ({"metric": "score", "simulations": "d"}, UnknownName, "No simulation 'd'"),
        ({"metric": "score", "baseline": "d"}, UnknownName, "'d' as baseline.* There are: a, b, c"),
        ({"metric": "score", "statistic": "media"}, ParameterError, "Did you mean 'median'"),
        ({"metric": "score", "statistic": np.mean}, ParameterTypeError, "statistic must be a name"),
        ({"metric": "score", "level": 2}, ParameterError, "level must be"),
        ({"metric": "score", "method": "bayes"}, ParameterError, "No method 'bayes'"),
        ({"metric": "score", "threshold": 1.0}, ParameterError, "for a key only"),
        ({"metric": "score", "value": "auc"}, ParameterError, "for a key only"),
        ({"key": "error", "value": "last"}, ParameterError, "No value 'last'"),
        ({"key": "error", "value": "iterations_to_threshold"}, ParameterError, "needs a threshold"),
    ],
)
def test_what_does_not_exist_is_named_with_what_does(by_metric, asked, error, message):
    with pytest.raises(error, match=message):
        compare(by_metric, **asked)


def test_what_is_no_batch_is_refused(tmp_path):
    with pytest.raises(BatchNotFound):
        compare(tmp_path / "nothing", metric="score")
    with pytest.raises(ParameterTypeError, match=r"not \[\] \(list\)"):
        compare([], metric="score")


def test_a_simulation_that_was_not_compared_is_named(by_metric):
    with pytest.raises(UnknownName, match="No simulation 'd'"):
        compare(by_metric, metric="score")["d"]


# As a table ----------------------------------------------------------------------------------------------------


def test_it_prints_as_two_tables(by_metric):
    lines = str(compare(by_metric, metric="score")).splitlines()
    assert lines[0] == ("batch: score. Interquartile mean over runs, 95% confidence interval (Student's t)")
    assert lines[1].split() == ["simulation", "runs", "IQM", "interval", "mean", "median", "std", "remarks"]
    assert lines[3].split()[:5] == ["a", "5", "of", "5", "3"]
    assert lines[7].split() == "difference IQM interval of all p (Holm) P(first > second) interval of all runs".split()
    assert lines[9].startswith("a - b")
    assert lines == [line.rstrip() for line in lines]


def test_the_statistic_asked_for_comes_first(by_metric):
    header = str(compare(by_metric, metric="score", statistic="median")).splitlines()[1].split()
    assert header[2:6] == ["median", "interval", "IQM", "mean"]


@pytest.mark.parametrize("setting", [{"FORCE_COLOR": "1"}, {"COLUMNS": "10"}])
def test_the_text_is_plain_and_whole_wherever_it_is_printed(by_metric, monkeypatch, setting):
    comparison = compare(by_metric, metric="score")
    before = str(comparison)
    for name, value in setting.items():
        monkeypatch.setenv(name, value)
    assert str(comparison) == before and "\x1b" not in before


def test_at_a_prompt_it_is_the_table_too(by_metric):
    comparison = compare(by_metric, metric="score")
    assert repr(comparison) == str(comparison)


def test_in_a_notebook_it_is_a_table_in_which_names_are_text(tmp_path):
    name = "<img src=x onerror=alert(1)>"
    runs = {"a": with_metric([1.0, 2.0], name), "b": with_metric([1.0, 3.0], name), "c": [{"state": "in_queue"}]}
    html = compare(fake_batch(tmp_path / "b", runs), metric=name)._repr_html_()
    assert "<img" not in html and "&lt;img src=x onerror=alert(1)&gt;" in html
    assert html.count("<table") == html.count("</table>") == 2
    assert html.count("<tr>") == 1 + 3 + 1 + 1
    assert "No differences with c" in html


def test_simulations_are_text_in_the_table_of_a_notebook_too(by_metric):
    comparison = compare(by_metric, metric="score", simulations="a")
    hostile = dataclasses.replace(comparison.simulations[0], simulation_id="<b>&\x1b[31m")
    html = dataclasses.replace(comparison, simulations=(hostile,))._repr_html_()
    assert "<b>" not in html and "\x1b" not in html and "&lt;b&gt;&amp;" in html


def test_names_that_a_terminal_would_obey_are_made_plain(tmp_path):
    name = "red\x1b[31m[bold]x"
    batch = fake_batch(tmp_path / "b", {"a": [{"metrics": {name: 1.0}}] * 2})
    text = str(compare(batch, metric=name))
    assert "\x1b" not in text and "red[bold]x" in text


def test_frames_have_a_row_for_each_simulation_and_for_each_difference(by_metric):
    pytest.importorskip("pandas")
    comparison = compare(by_metric, metric="score")
    frame, differences = comparison.to_frame(), comparison.differences_to_frame()
    assert frame["simulation_id"].tolist() == ["a", "b", "c"]
    assert frame["iqm"].tolist() == [one.iqm for one in comparison.simulations]
    assert "values" not in frame.columns
    assert differences["probability_of_improvement"].tolist() == [
        one.probability_of_improvement for one in comparison.differences
    ]
    empty = compare(by_metric, metric="score", simulations="a").differences_to_frame()
    assert len(empty) == 0 and list(empty.columns) == list(differences.columns)


def test_without_pandas_a_frame_says_how_to_get_it(by_metric, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(PackageMissing, match=r"pip install 'simmanager\[frames\]'"):
        compare(by_metric, metric="score").to_frame()


def test_runs_of_before_a_rerun_with_other_parameters_are_counted_and_have_their_own_iterations(tmp_path):
    """One parameter was corrected and the failed runs were run again: the others are of another experiment."""

    def run(state, level, every):
        entry = {"agent_params": {"level": level}, "training_loop_params": {"record_every": every}}
        history = {"x": [float(level)] * 10}
        return {"state": state, "history": history, "provenance": {"simulation": entry}, "metrics": {"level": level}}

    now = {"agent_params": {"level": 5.0}, "training_loop_params": {"record_every": 10}}
    runs = [run("finished", 1.0, 1), run("finished", 1.0, 1), run("finished", 5.0, 10)]
    results = read_results(fake_batch(tmp_path / "batch", {"sim": runs}, sim=now))
    curves = results.curves("x")["sim"]
    assert curves.ends == (9, 9, 90)
    assert (curves.n_other_parameters, results.metric("level")["sim"].n_other_parameters) == (2, 2)
    for found in (compare(results, key="x"), compare(results, metric="level")):
        assert "2 runs made with other parameters" in found.simulations[0].remarks
        assert "2 runs made with other parameters" in str(found)
    from simmanager.plots.wording import runs_in_words

    assert runs_in_words(results.metric("level")["sim"]) == "3 of 3 runs, 2 made with other parameters"
