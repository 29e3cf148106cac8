"""A run that goes wrong hurts itself only. Timeouts, crashes, memory, retries, fail_fast."""

from __future__ import annotations

import json
import os
import pickle
import re
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from manager_process import ENVIRONMENT, start_cli
from our_processes import workers_alive
from places import python_path
from toys import ToyAgent, failing_loop, hashes, python, toy_loop, toy_sim
from trouble import (
    bad_sim,
    crash_once_loop,
    escaping_loop,
    family_loop,
    fat_loop,
    is_alive,
    pause_in_c_loop,
    pid_loop,
    runaway_loop,
    spin_loop,
    stubborn_loop,
)

from simmanager import ParameterError, RunState, SimulationManager, SingleSim, report_progress
from simmanager.status.status import BatchStatus


def run(simulations: list[SingleSim], runs: int = 1, name: str = "b", n_jobs: int = 2, **options: Any) -> BatchStatus:
    return SimulationManager(simulations, runs, name, seed=11).run_all(n_jobs, progress=False, **options)


def record(path: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(Path(path, "run.json").read_text())
    return content


def history_of(path: str) -> Any:
    return pickle.loads(Path(path, "training_hist.dict").read_bytes())


# Timeouts ------------------------------------------------------------------------------------------------------


#: Loops that never end, and a time in which each has certainly begun: one starts two interpreters first.
ENDLESS = [
    (spin_loop, 1),
    (pause_in_c_loop, 1),
    (stubborn_loop, 1),
    (family_loop, 1),
    (runaway_loop, 3),
    (escaping_loop, 1),
]


@pytest.mark.parametrize(("loop", "timeout"), ENDLESS)
def test_a_run_that_never_ends_is_ended_with_all_that_it_started(loop, timeout, tmp_path):
    before = workers_alive()
    status = run([toy_sim("stuck", loop, folder=str(tmp_path)), toy_sim("good")], runs=1, timeout=float(timeout))
    (stuck,), (good,) = status.simulation("stuck"), status.simulation("good")
    assert (stuck.state, stuck.reason) == (RunState.ERROR, f"timed out after {timeout} s")
    assert good.state is RunState.FINISHED
    assert not is_alive(int((tmp_path / "started").read_text()))
    assert workers_alive() <= before, "grandchildren are gone too"
    assert not strays(tmp_path)
    written = record(stuck.path)
    assert (written["state"], written["reason"], written["attempt"]) == ("error", f"timed out after {timeout} s", 1)
    assert written["duration_s"] > 0
    if loop is spin_loop:
        assert "spin_loop" in Path(stuck.path, "error.log").read_text(), "the traceback shows where it hung"


@pytest.mark.parametrize("loop", [runaway_loop, escaping_loop])
def test_what_a_finished_run_leaves_behind_is_ended_wherever_it_hides(loop, tmp_path):
    """Neither their session nor their environment tells whose they are, but their parent does."""
    status = run([toy_sim("runaway", loop, folder=str(tmp_path), hang=False), toy_sim("good")], n_jobs=1)
    assert status.all_finished
    assert not strays(tmp_path)


def strays(folder: Path) -> list[int]:
    """Return the living processes, this one left out, that work in a folder; some change their number all the time."""
    found = []
    for _ in range(20):
        for entry in Path("/proc").iterdir():
            with suppress(OSError):
                if entry.name.isdigit() and int(entry.name) != os.getpid() and (entry / "cwd").readlink() == folder:
                    found.append(int(entry.name))
    return found


def test_the_time_of_a_run_counts_from_its_own_start(tmp_path):
    """Eight runs of 0.3 s on one worker end in spite of a timeout that is shorter than all of them together."""
    status = run([toy_sim("short", sleeping_loop, seconds=0.3)], runs=6, n_jobs=1, timeout=1.5)
    assert status.all_finished, status


def sleeping_loop(agent: Any, env: Any, seconds: float = 0.0) -> Any:
    import time

    time.sleep(seconds)
    return toy_loop(agent, env, 2)


# Crashes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("manner", "words"),
    [
        ("SIGSEGV", r"^killed by SIGSEGV$"),
        ("exit 3", r"^exited with code 3\b"),
        ("SIGKILL", r"^killed by SIGKILL, often the out-of-memory killer; peak memory \d+(\.\d GB| MB)$"),
        ("SIGABRT", r"^killed by SIGABRT$"),
        ("null pointer", r"^killed by SIGSEGV$"),
    ],
)
def test_a_crash_is_one_error_with_its_reason(manner, words):
    status = run([toy_sim("bad", crashing_loop, how=manner), toy_sim("good")], runs=2)
    for bad in status.simulation("bad"):
        assert bad.state is RunState.ERROR
        assert re.search(words, bad.reason), bad.reason
        written = record(bad.path)
        assert written["reason"] == bad.reason and written["peak_mb"] > 10 and written["cpu_s"] is not None
        log = Path(bad.path, "error.log").read_text()
        if "SEGV" in words or "ABRT" in words:
            assert "Fatal Python error" in log and "crashing_loop" in log, "faulthandler names the line"
    assert [good.state for good in status.simulation("good")] == [RunState.FINISHED] * 2


def crashing_loop(agent: Any, env: Any, how: str = "") -> Any:
    import ctypes
    import signal

    print("before the crash", flush=True)
    if how == "exit 3":
        os._exit(3)
    if how == "null pointer":
        ctypes.string_at(0)
    os.kill(os.getpid(), getattr(signal, how))


# Memory --------------------------------------------------------------------------------------------------------


def test_a_run_over_its_memory_limit_gets_a_memory_error_and_the_others_do_not_notice():
    sims = [toy_sim("fat", fat_loop, megabytes=600), toy_sim("thin", fat_loop, megabytes=50)]
    status = run(sims, runs=2, n_jobs=1, memory_limit_mb=300)
    for fat in status.simulation("fat"):
        assert fat.state is RunState.ERROR and "MemoryError" in fat.reason, fat.reason
    assert all(thin.state is RunState.FINISHED for thin in status.simulation("thin"))


def test_peak_memory_and_cpu_time_are_those_of_the_run_and_not_of_its_workers_past():
    sims = [
        toy_sim("fat", fat_loop, megabytes=400),
        toy_sim("thin", fat_loop, megabytes=0),
        toy_sim("crash", crashing_loop, how="SIGKILL"),
    ]
    status = run(sims, n_jobs=1)
    fat, thin, crash = status.runs
    pids = {record(one.path)["pid"] for one in status.runs}
    assert len(pids) == 1, "all on one worker"
    assert record(fat.path)["peak_mb"] > 400 and record(fat.path)["cpu_s"] >= 0.3
    for small in (thin, crash):
        written = record(small.path)
        assert written["peak_mb"] < 300, written
        assert written["cpu_s"] < 0.3, written
    assert (fat.peak_mb, fat.cpu_s) == (record(fat.path)["peak_mb"], record(fat.path)["cpu_s"])


def test_the_memory_of_a_large_manager_is_not_that_of_a_run_that_was_killed(tmp_path):
    done = python(
        "import json, numpy\n"
        "from test_trouble_runs import crashing_loop\n"
        "from toys import toy_sim\n"
        "from simmanager import SimulationManager\n"
        "ballast = numpy.ones(60_000_000)\n"
        "manager = SimulationManager([toy_sim('crash', crashing_loop, how='SIGKILL')], 1, 'b', seed=1)\n"
        "manager.run_all(1, progress=False)\n"
        "print(json.dumps(json.loads((manager.runs[0].path / 'run.json').read_text())['peak_mb']))",
        environ={"PYTHONPATH": python_path(Path(__file__).parent)},
    )
    peak = json.loads(done.stdout.splitlines()[-1])
    assert peak is None or peak < 300, "480 MB are the manager's"


# Retries -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["SIGKILL", "os._exit"])
def test_a_crash_is_retried_with_the_same_seed_and_the_logs_of_the_first_attempt_are_kept(how, tmp_path):
    marker = str(tmp_path / "marker")
    status = run([toy_sim("once", crash_once_loop, marker=marker, how=how)], n_jobs=1, retries=2)
    (once,) = status.runs
    assert (once.state, once.attempt) == (RunState.FINISHED, 2)
    second, first = record(once.path), json.loads(Path(once.path, "attempt_1", "run.json").read_text())
    assert (first["attempt"], first["state"], second["attempt"], second["state"]) == (1, "error", 2, "finished")
    assert first["seed"] == second["seed"] == once.seed
    assert "attempt 1" in Path(once.path, "attempt_1", "run.log").read_text()
    assert "attempt 2" in Path(once.path, "run.log").read_text()
    assert Path(once.path, "attempt_1", "error.log").exists()
    good = run([toy_sim("once", crash_once_loop, marker=marker, how=how)], name="undisturbed", n_jobs=1)
    assert hashes(Path("b")) == hashes(Path("undisturbed"))
    assert good.all_finished


def test_retries_are_counted_and_end():
    status = run([toy_sim("always", crashing_loop, how="exit 3"), toy_sim("raises", failing_loop)], n_jobs=2, retries=2)
    (always,), (raises,) = status.simulation("always"), status.simulation("raises")
    assert (always.state, always.attempt, record(always.path)["attempt"]) == (RunState.ERROR, 3, 3)
    assert sorted(path.name for path in Path(always.path).glob("attempt_*")) == ["attempt_1", "attempt_2"]
    assert (raises.state, raises.attempt) == (RunState.ERROR, 1), "an exception is no crash: it is not retried"


def test_exceptions_are_retried_if_asked(tmp_path):
    marker = str(tmp_path / "marker")
    sim = toy_sim("once", crash_once_loop, marker=marker, how="exception")
    assert run([sim], n_jobs=1, retries=1).counts["error"] == 1
    Path(marker).unlink()
    status = run([sim], name="c", n_jobs=1, retries=1, retry_errors=True)
    assert (status.runs[0].state, status.runs[0].attempt) == (RunState.FINISHED, 2)
    assert "ValueError: boom" in Path(status.runs[0].path, "attempt_1", "error.log").read_text()


def test_a_timeout_is_retried():
    status = run([toy_sim("stuck", spin_loop)], n_jobs=1, timeout=0.5, retries=1)
    assert (status.runs[0].attempt, status.runs[0].reason) == (2, "timed out after 0.5 s")


# fail_fast and the rest ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n_jobs", "k", "failed"), [(1, True, {1}), (1, 3, {3}), (2, True, {1, 2}), (2, 3, {3, 4})])
def test_after_k_failures_nothing_new_starts(n_jobs, k, failed):
    sims = [toy_sim(f"s{i}", failing_loop) for i in range(12)]
    status = run(sims, n_jobs=n_jobs, fail_fast=k)
    assert status.counts["error"] in failed
    assert status.counts["in_queue"] == 12 - status.counts["error"]
    assert all(one.attempt == 0 for one in status.runs if one.state is RunState.IN_QUEUE)


def test_fail_fast_counts_failures_and_not_finished_runs():
    sims = [toy_sim("good"), toy_sim("bad", failing_loop), toy_sim("late")]
    status = run(sims, runs=2, n_jobs=1, fail_fast=2)
    assert status.counts == {"in_queue": 2, "running": 0, "finished": 2, "error": 2, "interrupted": 0}


def test_a_fresh_process_for_each_run_if_asked():
    sim = [toy_sim("pid", pid_loop)]
    shared, fresh = run(sim, 4, "shared", n_jobs=1), run(sim, 4, "fresh", n_jobs=1, fresh_process=True)
    assert len({history_of(one.path)["pid"][0] for one in shared.runs}) == 1
    assert len({history_of(one.path)["pid"][0] for one in fresh.runs}) == 4


def test_numerical_libraries_get_the_threads_they_are_given(monkeypatch):
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    assert history_of(run([toy_sim("t", pid_loop)], name="one").runs[0].path)["threads"] == ["1"] * 3
    assert history_of(run([toy_sim("t", pid_loop)], name="two", threads_per_run=2).runs[0].path)["threads"] == ["2"] * 3
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert history_of(run([toy_sim("t", pid_loop)], name="own").runs[0].path)["threads"] == ["7", "1", "1"]


def test_the_command_line_takes_the_same_options(tmp_path):
    (tmp_path / "mine.py").write_text(
        "from toys import *\nfrom trouble import *\n"
        "simulation_list = [toy_sim('stuck', spin_loop), toy_sim('fat', fat_loop, megabytes=600), toy_sim('good')]\n"
    )
    words = "--runs 1 --jobs 1 --timeout 1 --retries 1 --memory-limit 300 --fail-fast 9 --fresh-process --seed 1"
    process = start_cli("run", "mine.py", *words.split())
    assert process.wait() == 1, process.output()
    status = SimulationManager(existing_simulation="mine").status()
    stuck, fat, good = status.runs
    assert (stuck.reason, stuck.attempt) == ("timed out after 1 s", 2)
    assert "MemoryError" in fat.reason and good.state is RunState.FINISHED
    assert fat.reason.endswith("(the run may add 300 MB: memory_limit_mb, --memory-limit)")
    assert str(Path(stuck.path).name) in process.output(), "a failure is shown with its folder"


@pytest.mark.parametrize(
    "options",
    [
        {"timeout": 0},
        {"timeout": -1},
        {"timeout": float("nan")},
        {"retries": -1},
        {"memory_limit_mb": 0},
        {"fail_fast": 0},
        {"fail_fast": -1},
        {"threads_per_run": 0},
        {"retry_errors": "yes"},
        {"fresh_process": None},
    ],
)
def test_options_that_make_no_sense_are_refused_before_anything_is_made(options):
    with pytest.raises(ParameterError):
        run([toy_sim()], **options)
    assert not Path("b").exists()


def test_an_alarm_that_a_run_has_set_does_not_reach_the_next():
    status = run([bad_sim("loop", "timers"), toy_sim("good")], runs=3, n_jobs=1)
    assert status.all_finished, [one.reason for one in status.runs]


KILLED_AT_ITS_START = """
import os, signal
try:
    if "SIMMANAGER_WORKER" in os.environ:
        os.mkdir({marker!r})
        os.kill(os.getpid(), signal.SIGKILL)
except FileExistsError:
    pass
"""


def test_a_worker_that_is_killed_before_it_is_ready_does_not_end_the_batch(tmp_path, monkeypatch):
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(KILLED_AT_ITS_START.format(marker=str(tmp_path / "marker")))
    monkeypatch.setenv("PYTHONPATH", f"{site}:{ENVIRONMENT['PYTHONPATH']}")
    assert run([toy_sim("toy")], runs=3, n_jobs=2).all_finished
    assert (tmp_path / "marker").exists(), "one was killed"


def chatty_loop(agent: Any, env: Any, seconds: float = 2.5) -> Any:
    """Report progress from several threads and a forked child at once."""
    end = time.monotonic() + seconds

    def report() -> None:
        while time.monotonic() < end:
            report_progress(1, 2)

    if os.fork() == 0:
        report()
        os._exit(0)
    threads = [threading.Thread(target=report) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os.wait()
    return agent, env, {"x": [1.0]}


def test_progress_may_be_reported_from_anywhere():
    status = run([toy_sim("chatty", chatty_loop)], runs=2)
    assert status.all_finished, [one.reason for one in status.runs]
    assert not [path for one in status.runs for path in Path(one.path).iterdir() if "progress" in path.name]


def test_files_that_a_model_saves_beside_its_own_are_kept():
    class SavesTwoFiles(ToyAgent):
        def save_agent(self, path: str) -> None:
            Path(path).write_bytes(pickle.dumps("the rest"))
            np.save(path + "_weights.npy", np.arange(3.0))

    sim = toy_sim()
    sim.agent_class = SavesTwoFiles
    (one,) = run([sim]).runs
    assert np.load(Path(one.path, "agent_weights.npy")).tolist() == [0, 1, 2]
    assert not list(Path(one.path).glob("~simmanager-part-*"))
    SimulationManager(existing_simulation="b").rerun_simulation(0, include_finished=True, progress=False)
    (again,) = SimulationManager(existing_simulation="b").status().runs
    assert Path(again.path, "agent_weights.npy").exists()


def test_an_import_path_with_a_path_object_is_no_error(monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path, Path("somewhere")])
    assert run([toy_sim()]).all_finished
