"""BatchStatus: what a second terminal sees, of a batch, of one run, of a neighbour's folder."""

import json
import os
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from toys import BOOM, failing_loop, listing, python, toy_sim

from simmanager import RunState, RunStatus, SimulationManager, read_status
from simmanager.base.errors import BatchNotFound, UnknownName
from simmanager.disk import manifest
from simmanager.disk.locks import take_lock
from simmanager.disk.manifest import Manifest
from simmanager.status import reader as status_reader
from simmanager.status import run_reader
from simmanager.status.status import estimate_remaining, summarise_runs

#: The names that others rely on, and what could not be read.
BATCH_NAMES = {"manager_id", "path", "counts", "total", "fraction", "eta_s", "manager_alive", "runs"} | {
    "damage",
    "mixed",
    "paused",
}
RUN_NAMES = {
    "simulation_id",
    "run_id",
    "state",
    "path",
    "reason",
    "seed",
    "attempt",
    "started",
    "ended",
    "duration_s",
    "cpu_s",
    "peak_mb",
    "fraction",
    "pid",
    "host",
}
KEYWORDS = ["in_queue", "running", "finished", "error", "interrupted"]


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """A batch that has ended; tests only look at it."""
    folder = tmp_path_factory.mktemp("executed")
    manager = SimulationManager([toy_sim("good"), toy_sim("bad", failing_loop)], 2, "batch", seed=7, results_dir=folder)
    manager.run_all(2, progress=False)
    return folder / "batch"


@pytest.fixture
def waiting(tmp_path):
    """A batch of three runs that all wait."""
    manager = SimulationManager([toy_sim()], 3, "batch", seed=7)
    manager.generate_sim_paths()
    return manager


def advance(run, *moves):
    run.move(run.read_history(), *((RunState(state), detail) for state, detail in moves))


def run_status(state, simulation="a", **fields):
    return RunStatus(simulation, 0, RunState(state), "path", **fields)


def test_json_has_exactly_the_names_of_the_design(executed):
    content = json.loads(json.dumps(read_status(executed).as_json(), allow_nan=False))
    assert set(content) == BATCH_NAMES
    assert all(set(run) == RUN_NAMES for run in content["runs"])
    assert list(content["counts"]) == KEYWORDS
    assert {run["state"] for run in content["runs"]} == {"finished", "error"}
    assert all(type(run["run_id"]) is int for run in content["runs"])


def test_a_batch_that_has_ended(executed):
    status = read_status(str(executed))
    assert (status.manager_id, status.path) == ("batch", str(executed))
    assert status.counts == {"in_queue": 0, "running": 0, "finished": 2, "error": 2, "interrupted": 0}
    assert (status.total, status.fraction, status.eta_s, status.manager_alive) == (4, 1.0, None, False)
    assert status.damage == ()
    assert not status.all_finished
    assert str(status) == "batch: 2 finished, 2 error"
    assert "simmanager logs" in status.advice
    good = status.simulation("good")[0]
    assert (good.state, good.reason, good.attempt, good.fraction) == ("finished", "", 1, 1.0)
    assert good.started <= good.ended
    assert good.duration_s >= 0
    assert good.cpu_s >= 0
    assert good.peak_mb > 1
    assert good.pid != os.getpid()
    assert good.host
    bad = status.simulation("bad")[1]
    assert (bad.state, bad.reason, bad.attempt) == ("error", BOOM, 1)
    assert bad.duration_s >= 0
    assert bad.peak_mb > 1


def test_the_numbers_are_those_of_run_json(executed):
    for run in read_status(executed).runs:
        record = json.loads((Path(run.path) / "run.json").read_text())
        for name in ("seed", "started", "duration_s", "cpu_s", "peak_mb", "pid", "host", "attempt", "state", "reason"):
            assert record[name] == getattr(run, name)


def test_looking_changes_nothing(executed):
    before = listing(executed)
    read_status(executed)
    assert listing(executed) == before


def test_an_unknown_simulation_is_named_with_those_that_exist(executed):
    with pytest.raises(UnknownName, match=r"Did you mean 'good'\? There are: good, bad"):
        read_status(executed).simulation("god")


def test_a_batch_that_waits(waiting):
    status = waiting.status()
    assert status.headline == "3 in_queue"
    assert (status.fraction, status.eta_s, status.manager_alive) == (0.0, None, False)
    assert [(run.attempt, run.fraction, run.started, run.pid) for run in status.runs] == [(0, 0.0, "", None)] * 3
    assert "3 runs are waiting: simmanager resume" in status.advice


def test_a_run_is_running_exactly_as_long_as_its_lock_is_held(waiting):
    run = waiting.runs[0]
    lock = take_lock(run.lock_file, 0)
    advance(run, ("running", "attempt=1 pid=4711 host=here"))
    run.progress.write_text("1 4\n")
    status = waiting.status().runs[0]
    assert (status.state, status.fraction, status.pid, status.host) == ("running", 0.25, 4711, "here")
    assert status.duration_s >= 0
    assert status.ended == ""
    lock.release()
    status = waiting.status().runs[0]
    assert (status.state, status.reason) == ("interrupted", "its process is gone")
    assert run.read_history().state is RunState.RUNNING


def test_a_run_that_ends_between_two_looks_is_not_taken_for_dead(waiting, monkeypatch):

    run = waiting.runs[0]
    advance(run, ("running", "attempt=1"))

    def ends_just_now(path):
        if path.endswith("state.lock") and run.read_history().state is RunState.RUNNING:
            advance(run, ("finished", "duration_s=1.0"))
        return False

    monkeypatch.setattr(run_reader, "is_held", ends_just_now)
    assert waiting.status().runs[0].state == "finished"


def test_a_batch_that_is_run_is_alive_and_has_an_eta(waiting):
    from simmanager.disk.batch_folder import BatchFolder

    advance(waiting.runs[0], ("running", "attempt=1"), ("finished", "duration_s=10.0"))
    with BatchFolder(waiting.results_path).held():
        status = waiting.status()
        assert status.manager_alive
        assert status.eta_s == 20.0
        assert status.advice == ""
    assert waiting.status().eta_s is None


def test_a_missing_run_folder_is_a_run_that_waits(waiting):
    shutil.rmtree(waiting.runs[2].path)
    status = waiting.status()
    assert status.headline == "3 in_queue"
    assert status.runs[2].reason == "it has no folder yet"


def test_a_manifest_that_promises_very_many_runs_is_told_by_what_is_there(executed, tmp_path, monkeypatch):
    executed = shutil.copytree(executed, tmp_path / "batch")
    path = executed / "manager.json"
    content = json.loads(path.read_text())
    monkeypatch.setattr(manifest, "MOST_RUNS", 20_000)  # it is a million; that takes longer
    path.write_text(json.dumps(content | {"runs_per_sim": 10_000}))
    read, seeds = [], []
    monkeypatch.setattr(status_reader, "peek", lambda path, peek=status_reader.peek: read.append(path) or peek(path))
    seed_of = Manifest.seed_of
    monkeypatch.setattr(Manifest, "seed_of", lambda *of: seeds.append(of) or seed_of(*of))
    status = read_status(executed)
    assert status.counts == {"in_queue": 19_996, "running": 0, "finished": 2, "error": 2, "interrupted": 0}
    assert len(read) == len(seeds) == 4, "nothing is worked out for those that have no folder"
    path.write_text(json.dumps(content | {"runs_per_sim": 10_001}))
    status = read_status(executed)
    assert status.counts["finished"] == 2 and "runs_per_sim is 10001" in status.damage[0]


def test_a_damaged_manifest_is_named_and_the_runs_are_shown_all_the_same(waiting):
    (Path(waiting.results_path) / "manager.json").write_text("{")
    status = read_status(waiting.results_path)
    assert (status.manager_id, status.headline) == ("batch", "3 in_queue")
    assert "manager.json is damaged" in status.damage[0]


def test_a_damaged_state_log_is_named(waiting):
    waiting.runs[1].state_log.write_bytes(b"\x00\x01garbage\n")
    status = waiting.status()
    assert status.runs[1].state == "in_queue"
    assert "toy run 1" in status.damage[0]


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e999", "x", "", "9" * 400])
def test_odd_numbers_in_a_state_log_do_not_reach_the_json(waiting, value):
    for run, end in zip(waiting.runs, ("finished", "error", None), strict=True):
        details = f"attempt=1 pid={value} host={value} duration_s={value} cpu_s={value} peak_mb={value}"
        advance(run, ("running", details), *([(end, details)] if end else []))
    lock = take_lock(waiting.runs[2].lock_file, 0)
    try:
        json.dumps(waiting.status().as_json(), allow_nan=False)
    finally:
        lock.release()


WHEN = b"2026-11-22T14:15:33.591Z"


@pytest.mark.parametrize(
    ("part", "odd"),
    [
        *(
            (part, odd)
            for part in (b"1.5", b"1.25", b"80.0")
            for odd in (b"1.2.3", b".", b"9" * 400 + b".0", b"nan", b"")
        ),
        *((b"4711", odd) for odd in (b"9" * 5000, b"-1", b"x", b"")),
        *((b"host=here", b"host=" + odd) for odd in (b"\xff", b"", b"\x1b[2J")),
        *((WHEN, odd) for odd in (b"\xff\xfe", b"", b"tomorrow", b"9999-99-99T99:99:99.999Z")),
    ],
)
def test_a_usual_state_log_with_one_odd_part_is_no_error(waiting, part, odd):
    end = b"W\tfinished\tduration_s=1.5 cpu_s=1.25 peak_mb=80.0\n"
    usual = b"W\tin_queue\t\nW\trunning\tattempt=1 pid=4711 host=here\n" + end
    usual = usual.replace(b"W", WHEN)
    run = waiting.runs[0]
    run.state_log.write_bytes(usual)
    known = waiting.status().runs[0]
    assert (known.state, known.attempt, known.started, known.ended) == ("finished", 1, WHEN.decode(), WHEN.decode())
    assert (known.duration_s, known.cpu_s, known.peak_mb, known.pid, known.host) == (1.5, 1.25, 80.0, 4711, "here")
    run.state_log.write_bytes(usual.replace(part, odd))
    status = waiting.status()
    assert status.runs[0].state == "finished"
    json.dumps(status.as_json(), allow_nan=False)


def test_odd_times_in_a_state_log_are_no_error(waiting):
    run = waiting.runs[0]
    run.state_log.write_text("yesterday\trunning\tx\n\tfinished\t\n")
    status = waiting.status().runs[0]
    assert (status.state, status.duration_s) == ("finished", None)


def test_one_run_folder_has_a_status_of_its_own(executed):
    run = read_status(executed).simulation("bad")[0]
    status = read_status(run.path)
    assert (status.total, status.counts["error"]) == (1, 1)
    assert status.runs[0] == run


def test_a_single_run_sim_has_a_status(tmp_path):
    toy_sim("mine").run_sim("here", seed=3)
    status = read_status("here")
    run = status.runs[0]
    assert (status.manager_id, run.simulation_id, run.run_id, run.state, run.seed) == (
        "here",
        "here",
        None,
        "finished",
        3,
    )
    os.chdir("here")
    assert read_status(".").manager_id == "here"
    os.chdir(tmp_path)


def test_a_folder_of_neuralplayground_is_understood(tmp_path):
    """Bare keywords, no manager.json, ``params.dict``."""
    batch = tmp_path / "their_results"
    for simulation in ("sr", "weber"):
        for run, keyword in enumerate(("finished", "error", "running", "in_queue")):
            folder = batch / simulation / f"run_{run}_22-11-2024_14-15-33-591"
            folder.mkdir(parents=True)
            (folder / "state.log").write_text(keyword)
            (folder / "params.dict").touch()
            (folder / "error.log").write_text("Traceback" if keyword == "error" else "")
    (batch / "notes").mkdir()
    (batch / "simulations.params").touch()
    status = read_status(batch)
    assert status.manager_id == "their_results"
    assert status.headline == "2 in_queue, 2 running, 2 finished, 2 error"
    assert [run.simulation_id for run in status.runs] == ["sr"] * 4 + ["weber"] * 4
    assert [run.run_id for run in status.runs] == [0, 1, 2, 3] * 2
    json.dumps(status.as_json(), allow_nan=False)


def test_one_run_of_neuralplayground_is_understood(tmp_path):
    (tmp_path / "results_sim").mkdir()
    (tmp_path / "results_sim" / "state.log").write_text("finished")
    assert read_status(tmp_path / "results_sim").headline == "1 finished"


@pytest.mark.parametrize("name", ["missing", "empty", "file", "other"])
def test_where_there_is_no_batch_that_is_said(name, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "other" / "things").mkdir(parents=True)
    with pytest.raises(BatchNotFound, match=name):
        read_status(tmp_path / name)


def test_failed_runs_count_as_done():
    runs = (run_status("error"), run_status("finished", fraction=1.0), run_status("running", fraction=0.5))
    status = summarise_runs("b", Path("b"), (*runs, run_status("in_queue", fraction=0.0)), alive=True)
    assert status.fraction == 2.5 / 4
    assert summarise_runs("b", Path("b"), (), alive=False).headline == "no runs"


@pytest.mark.parametrize(
    ("runs", "seconds"),
    [
        ([], 0.0),
        ([run_status("finished", duration_s=5.0), run_status("error")], 0.0),
        ([run_status("in_queue")], None),
        ([run_status("finished", duration_s=5.0), run_status("in_queue"), run_status("in_queue")], 10.0),
        ([run_status("finished", duration_s=5.0), run_status("running", duration_s=2.0)], 3.0),
        ([run_status("finished", duration_s=5.0), run_status("running", duration_s=9.0)], 0.0),
        ([run_status("running", duration_s=2.0, fraction=0.25)], 6.0),
        ([run_status("finished", duration_s=4.0), *[run_status("running", duration_s=0.0)] * 2], 4.0),
        ([run_status("finished", duration_s=2.0), run_status("in_queue", simulation="b")], 2.0),
        ([run_status("running", duration_s=10.0, fraction=f) for f in (0.2, 0.5)], 40.0),  # by its own progress
        ([run_status("running", s, duration_s=10.0, fraction=f) for s, f in (("a", 0.2), ("b", 0.9))], 40.0),
        (
            [
                run_status("finished", duration_s=2.0),
                run_status("finished", "b", duration_s=10.0),
                run_status("in_queue", "b"),
            ],
            10.0,
        ),
    ],
)
def test_the_remaining_time_is_estimated_simulation_by_simulation(runs, seconds):
    assert estimate_remaining(runs) == seconds


def at(seconds):
    return (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


@pytest.mark.parametrize("slots", [1, 2, 5])
@pytest.mark.parametrize(("duration", "between"), [(1.0, 0.5), (0.0, 0.25), (0.001, 0.002), (3.0, 0.0)])
def test_the_time_between_two_runs_counts_too(slots, duration, between):
    runs = [
        run_status(
            "finished", f"s{n}_{slot}", started=at(began), ended=at(began + duration), duration_s=duration, pid=slot + 7
        )
        for slot in range(slots)
        for n in range(40)
        for began in [n * (duration + between) + slot * duration / slots + (3600 if n >= 20 else 0)]  # it was frozen
    ]
    waiting = [run_status("in_queue", f"waits{n}") for n in range(1000)]
    running = [run_status("running", f"runs{n}", duration_s=duration) for n in range(slots)]
    assert estimate_remaining([*runs, *waiting, *running]) == pytest.approx(
        round(1000 * (duration + between) / slots, 1), abs=0.11
    )


def test_damaged_times_of_runs_say_nothing_of_the_time_between_them():
    runs = [run_status("finished", started="yesterday", ended="today", duration_s=2.0, pid=1) for _ in range(5)]
    assert estimate_remaining([*runs, run_status("in_queue")]) == 2.0


def test_looking_loads_nothing_heavy_and_unpickles_nothing(executed):
    program = """
import sys
from simmanager.status.reader import read_status
status = read_status(sys.argv[1])
assert status.total == 4
heavy = {"numpy", "joblib", "matplotlib", "rich", "scipy", "cloudpickle", "pickle", "filelock"} & set(sys.modules)
assert not heavy, heavy
"""
    done = python(program, executed, environ={"COVERAGE_PROCESS_START": ""})  # measuring coverage loads pickle
    assert done.returncode == 0, done.stderr


def test_a_pickle_that_runs_code_is_never_loaded(waiting):
    class Bomb:
        def __reduce__(self):
            return (os.mkdir, ("exploded",))

    import pickle

    content = pickle.dumps(Bomb())
    (Path(waiting.results_path) / "toy" / "simulation.pkl").write_bytes(content)
    for name in ("agent", "arena", "param.dict", "training_hist.dict"):
        (waiting.runs[0].path / name).write_bytes(content)
    read_status(waiting.results_path)
    read_status(waiting.runs[0].path)
    assert not Path("exploded").exists()


def test_a_status_is_a_record_of_its_moment(executed):
    status = read_status(executed)
    with pytest.raises(AttributeError):
        status.total = 5
    assert replace(status, manager_alive=True).advice == ""
    assert repr(status) == "<BatchStatus batch: 2 finished, 2 error>"


def test_a_reader_that_reads_again_sees_what_changed_and_nothing_else():
    from simmanager.status.reader import StatusReader

    manager = SimulationManager([toy_sim("a"), toy_sim("b", failing_loop)], 2, "batch", seed=1)
    manager.generate_sim_paths()
    reader = StatusReader("batch")
    assert reader.read() == read_status("batch")
    manager.run_all(1, progress=False)
    assert reader.read() == read_status("batch")
    assert reader.read().counts["error"] == 2
    manager.simulation_list[1].training_loop = toy_sim("x").training_loop
    manager.simulation_list[1].training_loop_params = {}
    manager.rerun_simulation("b", progress=False)
    assert reader.read() == read_status("batch")
    assert reader.read().all_finished


def test_a_run_that_finished_at_once_reads_the_same_by_the_quick_way_and_the_plain_one():
    from simmanager.disk.state import parse
    from simmanager.status.run_reader import describe, finished_at_once

    manager = SimulationManager([toy_sim("a")], 1, "batch", seed=1)
    manager.run_all(1, progress=False)
    folder = manager.runs[0]
    content = folder.state_log.read_bytes()
    quick = finished_at_once(content.decode(), str(folder.path), "a", 0, 5)
    assert quick is not None
    assert quick == describe(str(folder.path), "a", 0, 5, parse(content))


def test_a_run_that_failed_at_once_reads_the_same_by_the_quick_way_and_the_plain_one():
    from simmanager.disk.state import parse
    from simmanager.status.run_reader import describe, failed_at_once

    manager = SimulationManager([toy_sim("a", failing_loop, message="boom: 5 ≠ 6")], 1, "batch", seed=1)
    manager.run_all(1, progress=False)
    folder = manager.runs[0]
    content = folder.state_log.read_bytes()
    quick = failed_at_once(content.decode(), str(folder.path), "a", 0, 5)
    assert quick is not None
    assert quick == describe(str(folder.path), "a", 0, 5, parse(content))
    assert (quick.state, quick.reason) == ("error", f"{BOOM}: 5 ≠ 6")
    folder.record.unlink()
    without = failed_at_once(content.decode(), str(folder.path), "a", 0, 5)
    assert without == describe(str(folder.path), "a", 0, 5, parse(content))


class _Counting:
    """Counts how often the size of a state.log is asked for."""

    def __init__(self, monkeypatch):

        self.asked = []
        real = status_reader._size_of
        monkeypatch.setattr(status_reader, "_size_of", lambda path: self.asked.append(path) or real(path))


def test_a_refresh_looks_only_at_what_was_started(monkeypatch):
    from simmanager.disk.run_folder import RunFolder
    from simmanager.disk.starts import StartsLog, note_start
    from simmanager.status.reader import StatusReader

    manager = SimulationManager([toy_sim("a")], 50, "batch", seed=1)
    manager.generate_sim_paths()
    StartsLog(Path("batch")).begin()
    reader = StatusReader("batch")
    reader.read()
    looks = _Counting(monkeypatch)
    assert reader.read().counts["in_queue"] == 50
    assert looks.asked == []
    folder = RunFolder(manager.runs[7].path)
    note_start(folder)
    assert reader.read().counts["in_queue"] == 50  # noted, not yet moved
    assert len(looks.asked) == 1
    folder.move(folder.read_history(), (RunState.RUNNING, "attempt=1 pid=1 host=x"), (RunState.ERROR, "boom"))
    assert reader.read().counts == {**dict.fromkeys(RunState, 0), "in_queue": 49, "error": 1}
    assert len(looks.asked) == 2


def test_a_start_that_could_not_be_noted_is_seen_by_the_next_look_at_all(monkeypatch):
    from simmanager.disk.starts import StartsLog

    manager = SimulationManager([toy_sim("a")], 3, "batch", seed=1)
    manager.generate_sim_paths()
    StartsLog(Path("batch")).begin()
    reader = status_reader.StatusReader("batch")
    reader.read()
    folder = manager.runs[1]
    folder.move(folder.read_history(), (RunState.RUNNING, "attempt=1 pid=1 host=x"), (RunState.ERROR, "boom"))
    assert reader.read().counts["error"] == 0
    reader._next_full_look = 0.0
    assert reader.read().counts["error"] == 1


@pytest.mark.parametrize("what", ["nothing", "pipe"])
def test_without_a_list_of_starts_each_refresh_looks_at_all(what):
    from simmanager.status.reader import StatusReader

    manager = SimulationManager([toy_sim("a")], 3, "batch", seed=1)
    manager.generate_sim_paths()
    if what == "pipe":
        os.mkfifo("batch/starts.log")
    reader = StatusReader("batch")
    for number, folder in enumerate(manager.runs):
        assert reader.read().counts["error"] == number
        folder.move(folder.read_history(), (RunState.RUNNING, "attempt=1 pid=1 host=x"), (RunState.ERROR, "boom"))


@pytest.mark.parametrize("what", ["garbage", "gone", "shorter", "pipe", "link"])
def test_a_strange_list_of_starts_harms_nobody_and_makes_the_reader_look_at_all(tmp_path, what):
    from simmanager.status.reader import StatusReader

    manager = SimulationManager([toy_sim("a")], 4, "batch", seed=1)
    manager.run_all(1, progress=False)
    starts = Path("batch/starts.log")
    assert starts.read_text().count("\n") == 4
    manager.extend(runs_per_sim=6)
    reader = StatusReader("batch")
    reader.read()
    if what == "garbage":
        starts.write_bytes(starts.read_bytes() + b"\x00\xff../../etc\nno newline")
    else:
        starts.unlink()
    if what == "shorter":
        starts.write_text("a/x\n")
    elif what == "pipe":
        os.mkfifo(starts)
    elif what == "link":
        (tmp_path / "mine").write_text("mine")
        starts.symlink_to(tmp_path / "mine")
    manager.run_all(1, progress=False)
    assert what != "link" or (tmp_path / "mine").read_text() == "mine"
    if what != "garbage":  # the first start is glued to it
        assert reader.read() == read_status("batch")
    assert read_status("batch").all_finished
    reader._next_full_look = 0.0
    assert reader.read().all_finished


def test_a_state_log_that_goes_on_after_a_first_glance_is_read_to_its_end(waiting):
    """Its first 1,024 bytes may look like all of it."""
    from simmanager.status.run_reader import _GLANCE

    begin = WHEN + b"\tin_queue\t\n" + WHEN + b"\trunning\tattempt=1 pid=4711 host=here\n" + WHEN + b"\terror\t"
    again = b"".join(WHEN + b"\t" + line + b"\n" for line in (b"in_queue\t", b"running\tattempt=2", b"finished\t"))
    waiting.runs[0].state_log.write_bytes(begin + b"x" * (_GLANCE - len(begin) - 1) + b"\n" + again)
    run = waiting.status().runs[0]
    assert (run.state, run.attempt) == ("finished", 2)


def test_a_verdict_on_a_run_that_never_began_is_seen_by_those_who_watch(tmp_path):
    """Its worker died before it could say that it runs: nobody else notes that it has moved."""
    from simmanager.disk.starts import StartsLog
    from simmanager.dispatch.verdict import write_verdict
    from simmanager.dispatch.worker_process import Death
    from simmanager.status.reader import StatusReader
    from simmanager.worker.task import Task

    manager = SimulationManager([toy_sim("a")], 2, "batch", seed=1)
    manager.generate_sim_paths()
    StartsLog(Path("batch")).begin()
    reader = StatusReader("batch")
    reader.read()
    folder = manager.runs[0]
    write_verdict(folder, Task(str(folder.path), "", 0), Death("killed by SIGKILL"))
    assert reader.read().counts["error"] == 1


def test_a_rerun_never_removes_what_has_finished_whatever_status_says(monkeypatch):
    manager = SimulationManager([toy_sim("a")], 2, "batch", seed=1)
    manager.run_all(1, progress=False)
    before = manager.run_paths
    wrong = [run._replace(state=RunState.ERROR) for run in manager.status().runs]
    with monkeypatch.context() as patch:
        patch.setattr(type(manager.status()), "simulation", lambda self, name: wrong)
        manager.rerun_simulation("a", progress=False)
    assert manager.run_paths == before


@pytest.mark.parametrize("content", ["x" * 100, "\x00" * 100])
def test_a_manifest_of_too_many_runs_is_damaged(waiting, content):
    file = Path(waiting.results_path, "manager.json")
    manifest = json.loads(file.read_text())
    manifest["simulations"] *= 2
    manifest["simulations"][-1] = {**manifest["simulations"][-1], "simulation_id": "other"}
    manifest["runs_per_sim"] = 9_000_000
    file.write_text(json.dumps(manifest))
    status = read_status(waiting.results_path)
    assert any("runs_per_sim is 9000000" in damage for damage in status.damage)
