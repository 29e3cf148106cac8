"""Random commands under kills lose nothing. The long one: ``python -m benchmarks.fuzz --seconds 600``."""

from __future__ import annotations

import pytest

from benchmarks.fuzz import Report, run_fuzz


def check(report: Report) -> None:
    assert report.clean, report.table()
    assert report.executions >= 18 * report.episodes, report.table()
    assert sum(report.commands.values()) >= 20 * report.episodes, report.table()


@pytest.mark.slow
def test_half_a_minute_of_random_commands():
    check(run_fuzz(30, seed=4))


def test_the_report_says_what_is_wrong_and_which_commands_came_before():
    report = Report()
    report.bad["finished, then lost"].append("seed 1, episode 2: b/run_0 [resume b; stop b --now]")
    assert not report.clean and "finished, then lost: seed 1, episode 2" in report.table()
