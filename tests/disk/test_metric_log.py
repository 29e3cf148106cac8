"""What a run logs on its way: in a file that is read at any time, thinned, without pickle."""

import json
import math
import os
import threading
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simmanager.base.errors import ParameterError, ParameterTypeError
from simmanager.disk.metric_log import METRIC_LOG, MetricLog, read_last_logged, read_metric_log


class Clock:
    """Stands for the module time in metric_log."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("simmanager.disk.metric_log.time", clock)
    return clock


def lines():
    return [json.loads(line) for line in Path(METRIC_LOG).read_text().splitlines()]


def test_what_is_logged_is_read_back_by_name_with_its_steps():
    log = MetricLog(".")
    log({"loss": 0.5, "reward": 3}, step=10)
    log({"loss": 0.25, "reward": 4}, step=20)
    log({"eval": 7.0})
    log({"eval": 8.0})
    log.close()
    found = read_metric_log(".")
    assert {name: (logged.steps.tolist(), logged.values.tolist()) for name, logged in found.items()} == {
        "loss": ([10, 20], [0.5, 0.25]),
        "reward": ([10, 20], [3.0, 4.0]),
        "eval": ([0, 1], [7.0, 8.0]),
    }


def test_nothing_is_made_before_something_is_logged():
    MetricLog(".").close()
    assert not Path(METRIC_LOG).exists()
    assert read_metric_log(".") == {}


def test_the_first_values_are_in_the_file_at_once_then_there_is_one_write_a_second(clock):
    log = MetricLog(".")
    for step in range(20):
        log({"loss": 1.0}, step)
        assert len(lines()) == step + 1
    clock.now = 0.5
    for step in range(20, 500):
        log({"loss": 1.0}, step)
    assert len(lines()) == 20
    clock.now = 1.1
    log({"loss": 1.0}, 500)
    assert [line["step"] for line in lines()] == list(range(501))
    assert [lines()[n]["wall_s"] for n in (0, 499, 500)] == [0.0, 0.5, 1.1]


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 30_000))
def test_many_calls_leave_evenly_spaced_points_with_the_first_and_the_last(number):
    Path(METRIC_LOG).unlink(missing_ok=True)
    log = MetricLog(".")
    for step in range(number):
        log({"loss": step / 2}, step)
    log.close()
    steps, values = read_metric_log(".")["loss"]
    assert (steps[0], steps[-1]) == (0, number - 1)
    assert values.tolist() == [step / 2 for step in steps.tolist()]
    assert min(number, 490) <= len(steps) <= 1000
    if number > 1000:
        assert np.diff(steps).max() <= 2 * number / 490


def test_the_file_of_a_million_calls_is_below_a_megabyte():
    log = MetricLog(".")
    values = {"loss": 0.1234567890123, "reward": 123.456789}
    for step in range(1_000_000):
        log(values, step)
    log.close()
    assert Path(METRIC_LOG).stat().st_size < 1_000_000
    assert read_metric_log(".")["loss"].steps[-1] == 999_999


def test_what_is_logged_seldom_is_not_thinned_by_what_is_logged_often():
    log = MetricLog(".")
    for step in range(20_000):
        log({"loss": 0.0}, step)
        if step % 100 == 0:
            log({"eval": float(step)}, step)
    log.close()
    assert read_metric_log(".")["eval"].steps.tolist() == list(range(0, 20_000, 100))


def test_the_last_value_is_in_the_file_while_the_run_goes_on(clock):
    log = MetricLog(".")
    for step in range(50_000):
        clock.now = step / 1000
        log({"loss": float(step)}, step)
    assert read_metric_log(".")["loss"].steps[-1] >= 49_999 - 1000


def test_without_a_step_it_counts_up_also_behind_a_step_that_was_given():
    log = MetricLog(".")
    log({"a": 1.0})
    log({"a": 2.0}, 10)
    log({"a": 3.0})
    for _ in range(5000):
        log({"a": 4.0})
    log.close()
    steps = read_metric_log(".")["a"].steps
    assert (*steps[:3], steps[-1]) == (0, 10, 11, 5011)


def test_of_two_values_of_one_step_the_later_counts():
    log = MetricLog(".")
    for value in (1.0, 2.0):
        log({"a": value}, 3)
    log.close()
    assert read_metric_log(".")["a"].values.tolist() == [2.0]


def test_what_is_not_finite_is_kept():
    log = MetricLog(".")
    for value in (math.nan, math.inf, -math.inf):
        log({"a": value})
    log.close()
    np.testing.assert_array_equal(read_metric_log(".")["a"].values, [math.nan, math.inf, -math.inf])


@pytest.mark.parametrize("value", [1, True, np.float32(1), np.int8(1), np.array(1.0), Decimal(1)], ids=repr)
def test_whatever_is_a_number_is_taken(value):
    log = MetricLog(".")
    log({"a": value}, np.int64(5))
    log.close()
    steps, values = read_metric_log(".")["a"]
    assert (steps.tolist(), values.tolist()) == ([5], [1.0])


@pytest.mark.parametrize(
    ("metrics", "step", "error", "says"),
    [
        (3.0, None, ParameterTypeError, "takes a dict of names and numbers, not 3.0"),
        ([1.0], None, ParameterTypeError, "takes a dict"),
        ({"a": "1"}, None, ParameterTypeError, r"'a' must be a number, not '1' \(str\)"),
        ({"a": None}, None, ParameterTypeError, "'a' must be a number, not None"),
        ({"a": [1.0]}, None, ParameterTypeError, "'a' must be a number"),
        ({"a": np.ones(2)}, None, ParameterTypeError, "'a' must be a number"),
        ({"a": 1j}, None, ParameterTypeError, "'a' must be a number"),
        ({"a": 10**400}, None, ParameterError, "'a' cannot be a number"),
        ({1: 1.0}, None, ParameterTypeError, "must be a text, not 1"),
        ({"": 1.0}, None, ParameterError, "1 to 200 printable characters"),
        ({"a\n": 1.0}, None, ParameterError, "printable"),
        ({"a": 1.0}, 1.5, ParameterTypeError, "step must be a whole number, not 1.5"),
        ({"a": 1.0}, "1", ParameterTypeError, "step must be a whole number"),
        ({"a": 1.0}, True, ParameterTypeError, "step must be a whole number"),
        ({"a": 1.0}, -1, ParameterError, "between 0 and"),
        ({"a": 1.0}, 2**31, ParameterError, "between 0 and"),
    ],
)
@pytest.mark.parametrize("calls_before", [0, 2000])
def test_what_is_wrong_is_named(metrics, step, error, says, calls_before):
    log = MetricLog(".")
    for number in range(calls_before):  # after many calls most are left out: they are checked all the same
        log({"a": 1.0}, number)
    with pytest.raises(error, match=says):
        log(metrics, step)
    log({"a": 2.0}, 5000)
    log.close()
    assert read_metric_log(".")["a"].values[-1] == 2.0


def test_more_names_than_there_is_room_for_are_told_once(capsys):
    log = MetricLog(".")
    for number in range(150):
        log({f"loss_{number}": 1.0})
    log.close()
    assert len(read_metric_log(".")) == 100
    assert capsys.readouterr().err.count("are not kept") == 1


def test_threads_log_at_once_and_nothing_is_lost():
    log = MetricLog(".")

    def work(name):
        for step in range(800):
            log({name: float(step), "of": 1.0}, step)

    threads = [threading.Thread(target=work, args=(f"t{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close()
    found = read_metric_log(".")
    assert all(found[f"t{n}"].values.tolist() == list(range(800)) for n in range(8))


def test_what_a_forked_child_logs_is_not_written():
    log = MetricLog(".")
    log({"a": 1.0})
    if not (child := os.fork()):
        log({"a": 2.0})
        log.close()
        os._exit(0)
    os.waitpid(child, 0)
    log.close()
    assert len(lines()) == 1


def test_a_torn_line_and_nonsense_are_left_out():
    Path(METRIC_LOG).write_text(
        '{"step": 1, "metrics": {"a": 1.0}}\n[]\n{"step": "x", "metrics": {"a": 1}}\n'
        '{"step": 2, "metrics": {"a": "b"}}\n'
        f'{{"step": 2, "metrics": {{"a": 1{"0" * 400}}}}}\n'
        '{"step": -1, "metrics": {"a": 1}}\n' + "[" * 100_000 + '\n{"step": 3, "metrics": {"a": 3.0}}\n{"step": 4, "met'
    )
    assert read_metric_log(".")["a"].steps.tolist() == [1, 3]


def test_a_pipe_or_a_link_in_its_place_harms_nobody(tmp_path):
    os.mkfifo(METRIC_LOG)
    log = MetricLog(".")
    log({"a": 1.0})
    log.close()
    assert read_metric_log(".") == {}
    (tmp_path / "target").touch()
    Path(METRIC_LOG).unlink()
    Path(METRIC_LOG).symlink_to(tmp_path / "target")
    log = MetricLog(".")
    log({"a": 1.0})
    log.close()
    assert (tmp_path / "target").read_text() == ""


def test_the_last_values_are_read_from_the_end_of_a_long_log():
    assert read_last_logged(".") == {}
    log = MetricLog(".")
    log({"seldom": 1.0})
    log({"loss": 1.0, "reward": 2.0})
    assert read_last_logged(".") == {"seldom": 1.0, "loss": 1.0, "reward": 2.0}
    for step in range(3000):
        log({"loss": float(step), "reward": 0.5}, step)
    log.close()
    assert read_last_logged(".") == {"loss": 2999.0, "reward": 0.5}
    with Path(METRIC_LOG).open("a") as file:
        file.write('{"step": 9, "metr')
    assert read_last_logged(".") == {"loss": 2999.0, "reward": 0.5}
