"""A batch under fire loses nothing. The long one: ``python -m benchmarks.chaos --minutes 60``."""

from __future__ import annotations

import pytest

from benchmarks.chaos import Report, run_chaos


def check(report: Report) -> None:
    assert report.clean, report.table()
    assert report.runs > 0 and report.executions >= report.runs
    assert sum(report.blows.values()) >= 3, report.table()


def test_five_seconds_of_chaos():
    check(run_chaos(5, seed=1))


@pytest.mark.slow
def test_a_minute_of_chaos():
    check(run_chaos(60, seed=2))


def test_the_report_says_what_is_wrong():
    report = Report()
    report.bad["lost"].append("run 7")
    assert not report.clean and "lost: run 7" in report.table()
