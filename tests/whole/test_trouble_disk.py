"""A full, read-only, deleted or damaged disk. What is whole is kept."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from families import slow_but
from manager_process import start_batch, start_cli
from toys import ToyAgent, failing_loop, hashes, listing, toy_loop, toy_sim
from trouble import counted_loop, wait_for

from simmanager import RunState, SimManagerError, SimulationManager
from simmanager.cli.main import main
from simmanager.status.reader import read_status


def can_mount() -> bool:
    return os.geteuid() == 0 and shutil.which("mount") is not None


@contextmanager
def mounted(path: Path, *options: str) -> Iterator[Path]:
    path.mkdir(exist_ok=True)
    done = subprocess.run(["mount", *options, str(path)], capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"cannot mount here: {done.stderr.decode()}")
    try:
        yield path
    finally:
        os.chdir("/")
        subprocess.run(["umount", "-l", str(path)], check=True)


needs_mount = pytest.mark.skipif(not can_mount(), reason="needs root, to mount a small file system")


def look(batch: Path | str, capsys: Any, codes: tuple[int, ...] = (0, 1, 2)) -> str:
    """Look at a batch in every way; nothing raises. Return what was printed."""
    for words in (
        ["status", str(batch)],
        ["status", str(batch), "--json"],
        ["logs", str(batch)],
        ["logs", str(batch), "--type", "state"],
        ["logs", str(batch), "toy", "0"],
    ):
        assert main(words) in codes, words
    said = capsys.readouterr()
    assert "Traceback (most recent" not in said.err
    return str(said.out + said.err)


# Full ----------------------------------------------------------------------------------------------------------


def big_history_loop(agent: Any, env: Any, kilobytes: int = 0) -> Any:
    return agent, env, {"x": np.random.random(128 * kilobytes)}


class BigAgent(ToyAgent):
    def save_agent(self, path: str) -> None:
        Path(path).write_bytes(bytes(4_000_000))


def printing_loop(agent: Any, env: Any, kilobytes: int = 0) -> Any:
    print("x" * (1000 * kilobytes), flush=True)
    return toy_loop(agent, env, 3)


@needs_mount
def test_a_run_that_finds_the_disk_full_is_an_error_and_never_finished(tmp_path, capsys):
    with mounted(tmp_path / "small", "-t", "tmpfs", "-o", "size=2m", "tmpfs") as small:
        sims = [
            toy_sim("history", big_history_loop, kilobytes=4000),
            toy_sim("agent").copy(agent_class=BigAgent, agent_params={}),
            toy_sim("prints", printing_loop, kilobytes=4000),
            toy_sim("toy"),
        ]
        status = SimulationManager(sims, 1, "b", seed=1, results_dir=small).run_all(1, progress=False)
        states = {run.simulation_id: (run.state, run.reason) for run in status.runs}
        assert states["history"] == (
            RunState.ERROR,
            "SimManagerError: The training history could not be saved: No space left on device.",
        )
        assert "agent could not be saved: No space left" in states["agent"][1]
        assert states["prints"][0] is RunState.ERROR and "No space left" in states["prints"][1]
        assert not list((small / "b").glob("*/run_*/~simmanager-part-*")), (
            "scratch files are removed, so that there is space again"
        )
        look(small / "b", capsys)
        for log in (small / "b").glob("prints/*/run.log"):
            log.unlink()
        assert SimulationManager(existing_simulation=small / "b").run_all(1, progress=False).simulation("toy")[
            0
        ].state is (RunState.FINISHED if states["toy"][0] is not RunState.ERROR else RunState.ERROR)


@needs_mount
def test_a_disk_with_no_byte_left_loses_nothing_and_resume_goes_on_when_there_is_space(tmp_path, capsys):
    with mounted(tmp_path / "small", "-t", "tmpfs", "-o", "size=1m", "tmpfs") as small:
        manager = SimulationManager([toy_sim("toy")], 4, "b", seed=1, results_dir=small)
        manager.generate_sim_paths()
        filler = small / "filler"
        with suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 4096)
        status = manager.run_all(2, progress=False)
        assert status.counts["finished"] == 0 and status.counts["running"] == 0
        look(small / "b", capsys)
        assert main(["resume", str(small / "b")]) in (1, 2)
        assert "Traceback" not in capsys.readouterr().err
        filler.unlink()
        resumed = SimulationManager(existing_simulation=small / "b").run_all(1, progress=False, retry_errors=True)
        assert resumed.all_finished, resumed.runs
        other = SimulationManager([toy_sim("toy")], 4, "b", seed=1, results_dir=tmp_path)
        other.run_all(2, progress=False)
        assert hashes(small / "b") == hashes(tmp_path / "b")


@needs_mount
def test_a_batch_cannot_be_made_on_a_full_disk_and_says_so(tmp_path, capsys):
    with mounted(tmp_path / "small", "-t", "tmpfs", "-o", "size=16k", "tmpfs") as small:
        with suppress(OSError), (small / "filler").open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 4096)
        with pytest.raises(SimManagerError, match="No space left"):
            SimulationManager([toy_sim("toy")], 4, "b", seed=1, results_dir=small).run_all(2, progress=False)


def test_a_file_that_may_not_grow_is_an_error_of_its_run():
    """RLIMIT_FSIZE is a full disk for those who may not mount one."""
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        sims = [toy_sim("big", big_history_loop, kilobytes=1000), toy_sim("toy")]
        status = SimulationManager(sims, 1, "b", seed=1).run_all(1, progress=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert status.runs[0].state is RunState.ERROR and "could not be saved: File too large" in status.runs[0].reason
    assert status.runs[1].state is RunState.FINISHED


def test_a_run_that_cannot_be_made_anew_on_a_full_disk_stays(batch, capsys):
    import resource

    def runs() -> dict[str, Any]:
        return {path.name: listing(path) for path in batch.glob("toy/run_*")}

    limits, before = resource.getrlimit(resource.RLIMIT_FSIZE), runs()
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        code = main(["rerun", "b", "toy", "--all", "--jobs", "1"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert code == 2 and "cannot be replaced (File too large)" in capsys.readouterr().err
    assert runs() == before
    main(["rerun", "b", "toy", "--all", "--jobs", "1"])
    assert {run.state for run in read_status("b").simulation("toy")} == {RunState.FINISHED} and runs() != before
    assert not list(batch.glob("toy/[~.]*"))


# Read-only -----------------------------------------------------------------------------------------------------


@needs_mount
def test_a_read_only_folder_can_be_looked_at_and_says_that_it_cannot_be_written(tmp_path, capsys):
    SimulationManager([toy_sim("toy"), toy_sim("bad", failing_loop)], 2, "b", seed=1).run_all(1, progress=False)
    before = hashes(tmp_path / "b", ("state.log", "run.json"))
    with mounted(tmp_path / "view", "--bind", str(tmp_path / "b")) as view:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(view)], check=True)
        assert "2 finished" in look(view, capsys)
        for words in (["resume", str(view)], ["rerun", str(view), "bad"]):
            assert main(words) == 2
            said = capsys.readouterr().err
            assert "cannot be written" in said and "Read-only file system" in said and "Traceback" not in said
        assert main(["stop", str(view)]) == 0
        with pytest.raises(SimManagerError, match="Read-only"):
            SimulationManager([toy_sim()], 1, "c", seed=1, results_dir=view).run_all(1, progress=False)
    assert hashes(tmp_path / "b", ("state.log", "run.json")) == before


@needs_mount
def test_a_run_folder_that_becomes_read_only_hurts_that_run_only(tmp_path):
    manager = SimulationManager([toy_sim("toy")], 3, "b", seed=1)
    manager.generate_sim_paths()
    with mounted(manager.runs[1].path, "--bind", str(manager.runs[1].path)) as locked:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(locked)], check=True)
        status = manager.run_all(1, progress=False)
        assert [run.state for run in status.runs] == [RunState.FINISHED, RunState.IN_QUEUE, RunState.FINISHED]
    assert SimulationManager(existing_simulation=tmp_path / "b").run_all(1, progress=False).all_finished


# Deleted -------------------------------------------------------------------------------------------------------


def test_a_batch_folder_that_is_deleted_under_a_running_batch(tmp_path):
    (tmp_path / "trace").mkdir()
    process = start_batch("[toy_sim('w', counted_loop, folder='trace', gate='gate')]", 6)
    wait_for(lambda: len(list((tmp_path / "trace").iterdir())) >= 2, "two runs at work")
    shutil.rmtree(tmp_path / "b")
    (tmp_path / "gate").touch()
    assert process.wait() != 0
    assert f"The batch is not at {tmp_path / 'b'} any more" in process.output()
    assert not (tmp_path / "b").exists(), "what the user deleted does not come back"


def test_the_command_line_says_in_one_line_that_its_batch_was_deleted(tmp_path):
    (tmp_path / "trace").mkdir()
    sim = toy_sim("w", counted_loop, folder="trace", gate="gate")
    SimulationManager([sim], 4, "b", seed=1).generate_sim_paths()
    process = start_cli("resume", "b", "--jobs", "2")
    wait_for(lambda: len(list((tmp_path / "trace").iterdir())) >= 2, "two runs at work")
    shutil.rmtree(tmp_path / "b")
    (tmp_path / "gate").touch()
    assert process.wait() == 2
    assert "any more: it was moved away, or removed" in process.output() and "Traceback" not in process.output(), (
        process.output()
    )


def test_a_run_folder_that_is_deleted_is_made_again(tmp_path, capsys):
    (tmp_path / "trace").mkdir()
    sim = toy_sim("w", counted_loop, folder="trace", gate="gate")
    SimulationManager([sim], 4, "b", seed=1).generate_sim_paths()
    process = start_cli("resume", "b", "--jobs", "2")
    wait_for(lambda: len(list((tmp_path / "trace").iterdir())) >= 2, "two runs at work")
    victims = [run for run in read_status("b").runs if run.state == "running"][:1]
    victims += [run for run in read_status("b").runs if run.state == "in_queue"][:1]
    for run in victims:
        shutil.rmtree(run.path)
    (tmp_path / "gate").touch()
    assert process.wait() == 1 and "Traceback" not in process.output(), process.output()
    look("b", capsys)
    assert read_status("b").counts["finished"] == 2
    assert SimulationManager(existing_simulation="b").run_all(2, progress=False).all_finished


# Damaged -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A batch with a finished and a failed run; each test damages a copy."""
    folder = tmp_path_factory.mktemp("ready")
    sims = [toy_sim("toy"), toy_sim("bad", failing_loop)]
    SimulationManager(sims, 1, "b", seed=1, results_dir=folder).run_all(1, progress=False)
    return folder / "b"


@pytest.fixture
def batch(ready: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(ready, tmp_path / "b"))


def file_of(batch: Path, name: str, simulation: str = "toy") -> Path:
    return batch / name if name == "manager.json" else next(batch.glob(f"{simulation}/run_0_*")) / name


@pytest.mark.parametrize("simulation", ["toy", "bad"])
def test_a_state_log_cut_at_any_byte_never_makes_status_raise_nor_lie(simulation, batch, capsys):
    log = file_of(batch, "state.log", simulation)
    whole = log.read_bytes()
    end = read_status("b").simulation(simulation)[0].state
    for size in range(len(whole) + 1):
        log.write_bytes(whole[:size])
        status = read_status("b")
        (run,) = status.simulation(simulation)
        lines = whole[:size].count(b"\n")
        expected = [RunState.IN_QUEUE, RunState.IN_QUEUE, RunState.INTERRUPTED, end][lines]
        assert run.state is expected, size
        if lines == 0:
            assert any("state.log" in text for text in status.damage), size
        if size % 7 == 0:
            look("b", capsys)


def test_a_finished_run_whose_state_log_was_cut_is_not_executed_again(batch):
    log = file_of(batch, "state.log")
    whole = log.read_bytes()
    agent = log.parent / "agent"
    stamp = agent.stat().st_mtime_ns
    for size in sorted({0, 10, len(whole) - 1, *(i + 1 for i, byte in enumerate(whole) if byte == ord("\n"))}):
        log.write_bytes(whole[:size])
        status = SimulationManager(existing_simulation="b").run_all(1, progress=False)
        assert status.simulation("toy")[0].state is RunState.FINISHED, size
        assert agent.stat().st_mtime_ns == stamp, f"cut at {size}: results that are whole are kept"


@pytest.mark.parametrize("name", ["manager.json", "run.json"])
def test_a_json_file_cut_at_any_byte_is_named_or_not_needed(name, batch, capsys):
    file = file_of(batch, name, "bad")
    whole = file.read_bytes()
    for size in range(0, len(whole) - 2):
        file.write_bytes(whole[:size])
        status = read_status("b")
        assert status.counts["finished"] == status.counts["error"] == 1, size
        if name == "manager.json":
            assert any("manager.json is damaged" in text for text in status.damage), size
        if size % 50 == 0:
            look("b", capsys)
            assert main(["resume", "b"]) == (2 if name == "manager.json" else 1)
    assert "Traceback" not in capsys.readouterr().err


GARBAGE: dict[str, bytes] = {
    "nuls": bytes(1000),
    "random": random.Random(1).randbytes(5000),
    "huge": b"x" * 8_000_000,
    "huge line": b"2026-11-22T14:15:33.591Z\tfinished\t" + b"x" * 8_000_000 + b"\n",
    "list": b"[1, 2, 3]",
    "deep": b"[" * 200_000,
    "number": b"1" * 5000,
    "null": b"null",
    "wrong types": json.dumps(
        {"format": 1, "manager_id": [], "simulations": {}, "seed": "x", "duration_s": "long", "attempt": {}}
    ).encode(),
    "odd numbers": b'{"format": 1, "duration_s": NaN, "cpu_s": Infinity, "peak_mb": 1e999, "pid": ' + b"9" * 400 + b"}",
    "odd facts": b"2026-11-22T14:15:33.591Z\trunning\tpid=inf host=\xff\n"
    b"yesterday\tfinished\tduration_s=inf cpu_s=nan pid=1e400\n",
    "bare": b"running",
    "other state": b"2026-11-22T14:15:33.591Z\tdancing\t\n",
    "newlines": b"\n\n\r\n\n",
    "html": b"<html>502 Bad Gateway</html>",
}


@pytest.mark.parametrize("name", ["manager.json", "state.log", "run.json", "progress", "batch.lock", "stop.request"])
def test_garbage_in_any_file_is_survived(name, batch, capsys):
    target = batch / name if name in ("batch.lock", "stop.request") else file_of(batch, name)
    results = file_of(batch, "agent").read_bytes()
    for kind, content in GARBAGE.items():
        target.write_bytes(content)
        said = look(batch, capsys)
        if name == "manager.json":
            assert "damaged" in said, kind
        assert main(["resume", "b", "--jobs", "1"]) in (0, 1, 2), kind
        captured = capsys.readouterr()
        assert "Traceback (most recent" not in captured.err, kind
        assert file_of(batch, "agent").read_bytes() == results, kind


@pytest.mark.parametrize("kind", slow_but(["link", "dangling", "fifo", "folder", "missing"], "link", "missing"))
@pytest.mark.parametrize(
    "name",
    [
        "manager.json",
        "state.log",
        "state.lock",
        "run.json",
        "run.log",
        "error.log",
        "progress",
        "batch.lock",
        "stop.request",
        "simulation.pkl",
    ],
)
def test_anything_else_in_place_of_a_file_is_survived(name, kind, batch, tmp_path, capsys):
    if name == "simulation.pkl":
        target = batch / "bad" / name
    else:
        target = batch / name if name in ("batch.lock", "stop.request", "manager.json") else file_of(batch, name, "bad")
    target.unlink(missing_ok=True)
    outside = tmp_path / "outside.txt"
    outside.write_text("precious")
    makers: dict[str, Any] = {
        "link": lambda: target.symlink_to(outside),
        "dangling": lambda: target.symlink_to("nowhere"),
        "fifo": lambda: os.mkfifo(target),
        "folder": target.mkdir,
        "missing": lambda: None,
    }
    makers[kind]()
    said = look(batch, capsys)
    if name in ("manager.json", "state.log") and kind != "missing":
        assert "damaged" in said
    for words in (["resume", "b", "--jobs", "1"], ["resume", "b", "--jobs", "1", "--retry-errors"], ["stop", "b"]):
        assert main(words) in (0, 1, 2), words
    assert "Traceback (most recent" not in capsys.readouterr().err
    assert outside.read_text() == "precious"
    assert not (tmp_path / "nowhere").exists() and not (target.parent / "nowhere").exists()
    assert file_of(batch, "agent", "toy").exists()


# Clocks --------------------------------------------------------------------------------------------------------


def test_a_clock_that_steps_back_makes_no_time_negative(batch, capsys):
    log = file_of(batch, "state.log", "bad")
    log.write_text(
        "2030-01-01T00:00:00.000Z\tin_queue\t\n2030-01-01T00:00:00.000Z\trunning\tattempt=1\n"
        "1999-01-01T00:00:00.000Z\terror\tback in time\n"
    )
    file_of(batch, "run.json", "bad").unlink()
    (run,) = read_status(batch).simulation("bad")
    assert (run.state, run.duration_s) == (RunState.ERROR, 0.0)
    look(batch, capsys)
    status = SimulationManager(existing_simulation=batch).run_all(1, progress=False, retry_errors=True)
    (run,) = status.simulation("bad")
    assert run.state is RunState.ERROR and run.duration_s is not None and 0 <= run.duration_s < 3600


def test_of_two_folders_of_one_run_the_newer_counts_whatever_the_clock_says(batch, capsys):
    """A rerun after the clock was set back: the folder that is removed is the older one, so nothing is ambiguous."""
    future = batch / "bad" / "run_0_01-01-2099_00-00-00-000"
    next(batch.glob("bad/run_0_*")).rename(future)
    SimulationManager(existing_simulation=batch).rerun_simulation("bad", n_jobs=1, progress=False)
    (run,) = read_status(batch).simulation("bad")
    assert not future.exists() and run.attempt == 1
    look(batch, capsys)
