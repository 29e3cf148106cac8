"""After a failed run, and when memory piles up, the next run finds a fresh process; else the one that is there."""

import os
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from toys import python

from simmanager import OneShot, SimulationManager
from simmanager.worker import fitness as fitness_module
from simmanager.worker.fitness import Fitness, resident_bytes
from simmanager.worker.task import Outcome

FAILED = Outcome("error", "boom", executed=True, duration_s=0.01)
FINISHED = Outcome("finished", executed=True, duration_s=0.01)


def fail_once(flag):
    if not Path(flag).exists():
        Path(flag).touch()
        raise ValueError("boom")
    return {"pid": os.getpid()}


def tell_process():
    return {"pid": os.getpid()}


def use_a_pool():
    import joblib

    with joblib.parallel_config(backend="loky", n_jobs=2):
        squares = joblib.Parallel()(joblib.delayed(pow)(n, 2) for n in range(4))
    return {"pid": os.getpid(), "sum": sum(squares)}


def processes(function, params, runs, **options):
    manager = SimulationManager([OneShot(function, params, "one")], runs, "batch", seed=1)
    manager.run_all(n_jobs=1, **options)
    return [run.metrics.get("pid") for run in manager.results().runs]


def test_the_run_after_a_failed_one_has_a_process_of_its_own(tmp_path):
    manager = SimulationManager([OneShot(fail_once, {"flag": str(tmp_path / "flag")}, "one")], 3, "batch", seed=1)
    manager.run_all(n_jobs=1)
    failed, second, third = manager.runs
    pids = [run.read_json(run.record)["pid"] for run in (failed, second, third)]
    assert pids[0] not in pids[1:]
    assert pids[1] == pids[2]


def test_runs_that_end_well_share_a_process():
    assert len(set(processes(tell_process, {}, 4))) == 1


def test_a_pool_of_joblib_that_waits_for_more_work_does_not_cost_the_worker():
    assert len(set(processes(use_a_pool, {}, 3))) == 1


@pytest.fixture
def fitness():
    """A worker between two runs that took long to start."""
    fitness = Fitness()
    fitness.run_begins()
    fitness.loaded()
    fitness._costs_s = 2.0
    return fitness


def test_a_worker_that_took_long_to_start_is_kept_if_a_failed_run_left_nothing(fitness):
    assert not fitness.why_unfit(FAILED, short=True)


def test_it_is_not_kept_if_a_file_is_open(fitness, tmp_path):
    with (tmp_path / "file").open("w"):
        assert fitness.why_unfit(FAILED, short=True)
    assert not fitness.why_unfit(FAILED, short=True)


def test_it_is_not_kept_if_the_failed_run_imported_something(fitness, monkeypatch):
    monkeypatch.setitem(sys.modules, "half_made", sys)
    assert fitness.why_unfit(FAILED, short=True)


def test_a_worker_that_starts_quickly_is_not_kept_after_a_failed_run(fitness):
    fitness._costs_s = 0.2
    assert fitness.why_unfit(FAILED, short=True)
    assert not fitness.why_unfit(FINISHED, short=True)


def test_a_run_that_was_not_executed_costs_nothing(fitness):
    fitness._costs_s = 0.2
    assert not fitness.why_unfit(Outcome("error", executed=False), short=True)


def test_memory_that_piles_up_is_noticed_and_memory_that_is_freed_is_not(fitness, monkeypatch):
    taken = iter([100e6, 149e6, 200e6, 120e6, 151e6, 151e6])
    monkeypatch.setattr(fitness_module, "resident_bytes", lambda: next(taken))
    cleared = []
    monkeypatch.setattr(fitness_module, "clear_caches", lambda: cleared.append(1))
    assert not fitness.why_unfit(FINISHED, short=False)  # 100: what the first run left
    assert not fitness.why_unfit(FINISHED, short=False)  # 149
    assert not fitness.why_unfit(FINISHED, short=False)  # 200, 120 once caches are cleared
    assert len(cleared) == 1
    assert fitness.why_unfit(FINISHED, short=False) == "memory that has piled up"


def test_what_modules_take_is_no_growth(fitness, monkeypatch):
    taken = iter([100e6, 300e6])
    monkeypatch.setattr(fitness_module, "resident_bytes", lambda: next(taken))
    assert not fitness.why_unfit(FINISHED, short=False)
    monkeypatch.setitem(sys.modules, "large", sys)
    fitness.loaded()
    assert not fitness.why_unfit(FINISHED, short=False)


def test_after_short_runs_memory_is_looked_at_now_and_then(fitness, monkeypatch):
    looks = []
    monkeypatch.setattr(fitness_module, "resident_bytes", lambda: looks.append(1) or 100e6)
    for _ in range(64):
        fitness.why_unfit(FINISHED, short=True)
    assert len(looks) == 3


def test_the_memory_of_this_process_is_known():
    before = resident_bytes()
    block = np.ones(10_000_000)
    assert resident_bytes() - before > block.nbytes / 2


def test_runs_that_pile_up_memory_change_the_worker_and_all_finish(tmp_path, monkeypatch):
    (tmp_path / "hoard.py").write_text(
        textwrap.dedent("""
        import os, numpy as np
        kept = []
        def keep():
            kept.append(np.ones(8_000_000))
            return {"pid": os.getpid(), "kept": len(kept)}
        """)
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import hoard

    try:
        found = processes(hoard.keep, {}, 6)
        assert None not in found
        assert 1 < len(set(found)) < 6
    finally:
        del sys.modules["hoard"]


def test_nothing_left_is_nothing():
    program = "from simmanager.worker.library_leftovers import left_behind_for_good as left; print(repr(left()))"
    done = python(program)  # threads of the test runner would be taken for leftovers here
    assert done.stdout.strip() == "''", done.stderr
