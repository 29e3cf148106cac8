"""Runs that failed for one reason are read together."""

import pytest
from toys import failing_loop, toy_sim

from simmanager import RunFolder, SimulationManager
from simmanager.base.text import error_kind
from simmanager.status.error_groups import error_groups


@pytest.fixture(scope="module")
def status(tmp_path_factory):
    """Two simulations that fail alike but for a number, one that fails otherwise, one that is silent."""
    sims = [toy_sim(f"a{n}", failing_loop, message=f"bad value {n}") for n in range(2)]
    sims += [toy_sim("other", failing_loop, message="no file"), toy_sim("silent")]
    manager = SimulationManager(sims, 2, "batch", seed=1, results_dir=tmp_path_factory.mktemp("groups"))
    return manager.run_all(1, progress=False)


def test_runs_that_failed_alike_are_one_group_whatever_the_numbers_in_their_reasons(status):
    alike, other = error_groups(status.runs)
    assert (alike.names, other.names) == ("a0 run 0, 1; a1 run 0, 1", "other run 0, 1")
    assert [len(group.runs) for group in error_groups(status.runs, also_silent=True)] == [4, 2, 2]


def test_a_group_is_printed_with_one_traceback(status, capsys):
    error_groups(status.runs)[0].print()
    out = capsys.readouterr().out
    assert out.startswith("==> 4 runs: error: toys.py:")
    assert "ValueError: bad value 0 <==\n    a0 run 0, 1; a1 run 0, 1; the log of a0 run 0:\nTraceback" in out
    assert out.count("Traceback") == 1


def test_the_log_is_that_of_a_run_that_has_one(status, capsys):
    RunFolder(status.runs[4].path).error_log.write_text("")
    group = error_groups(status.runs)[1]
    assert (group.runs[0].run_id, group.wrote.run_id) == (0, 1)
    group.print()
    assert "the log of other run 1:\nTraceback" in capsys.readouterr().out


def test_a_reason_is_told_if_the_log_does_not_say_it(status, capsys):
    run = status.runs[0]
    error_groups([run])[0].print()
    assert capsys.readouterr().out.startswith("==> a0 run 0: error <==\nTraceback")
    log = RunFolder(run.path).error_log
    kept = log.read_text()
    log.write_text("a warning\n")
    try:
        error_groups([run])[0].print()
    finally:
        log.write_text(kept)
    assert capsys.readouterr().out == f"==> a0 run 0: error: {run.reason} <==\na warning\n"


def test_many_runs_are_not_all_named(status):
    (group,) = error_groups([status.runs[0]] * 130)
    assert group.names.endswith(", 0 and 30 more")


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("ring.py:21 in act: ValueError: 5", "ring.py:21 in act: ValueError: 6", True),
        ("ring.py:21 in act: ValueError: 5", "ring.py:22 in act: ValueError: 5", False),
        ("my ring.py:2: ValueError: 5", "my ring.py:3: ValueError: 5", False),
        ("In[2]:4 in act: KeyError: 1", "In[3]:4 in act: KeyError: 1", False),
        ("timed out after 3 s", "timed out after 4 s", True),
        ("ValueError: 0x7f00", "ValueError: 0x7f01", True),
        ("ValueError: one", "ValueError: two", False),
    ],
)
def test_only_numbers_of_the_message_may_differ(one, other, alike):
    assert (error_kind(one) == error_kind(other)) is alike
