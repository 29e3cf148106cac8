"""A real Dask cluster: a scheduler and two workers with nannies, started from their command line."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from manager_process import start_batch
from places import python_path
from toys import failing_loop, hashes, python, toy_loop, toy_sim, wait_for, waiting_loop
from trouble import wait_for as wait_until

pytest.importorskip("distributed", reason="the extra 'dask' is not installed")

from simmanager import BatchHandle, OrderRefused, SimulationManager
from simmanager.base.errors import ParameterError, SimManagerError
from simmanager.dispatch import dask_executor
from simmanager.status.reader import read_status

#: What Dask's own imports say is not ours to mend.
pytestmark = pytest.mark.filterwarnings("ignore:The '__version__' attribute is deprecated:DeprecationWarning")


def counting_waiting_loop(agent, env, folder="", gate=""):
    """Leave a mark of this execution, then wait for the gate."""
    (Path(folder) / f"{os.getpid()}-{len(os.listdir(folder))}").touch()  # noqa: PTH208
    return waiting_loop(agent, env, gate)


class Cluster:
    """A scheduler and workers, as a user starts them."""

    def __init__(self, folder: Path, n_workers: int = 2) -> None:
        self.folder, told = folder, folder / "scheduler.json"
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(told))
        self.address = self._address(told)
        self.nannies = [
            self._start("worker", self.address, "--nthreads", "1", "--local-directory", str(folder / f"worker{i}"))
            for i in range(n_workers)
        ]
        with self.client() as client:
            client.wait_for_workers(n_workers, timeout=60)

    def _address(self, told: Path) -> str:
        """Return the address that the scheduler writes down, once it has done so: it does not write the file whole."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            wait_for(told, patience_s=60)
            with contextlib.suppress(json.JSONDecodeError):
                return json.loads(told.read_text())["address"]
        raise AssertionError(f"{told} is not complete")

    def _start(self, what: str, *words: str) -> subprocess.Popen[bytes]:
        path = python_path(Path(__file__).resolve().parent)  # the loops of this file are imported there
        environ = {**os.environ, "PYTHONPATH": path, "DASK_TEMPORARY_DIRECTORY": str(self.folder), "PYTHONWARNINGS": ""}
        command = [sys.executable, "-m", "dask", what, *words, "--no-dashboard"]
        with (self.folder / f"{what}.log").open("ab") as log:
            return subprocess.Popen(
                command, stdout=log, stderr=log, env=environ, cwd=self.folder, start_new_session=True
            )

    def client(self):
        from distributed import Client

        return Client(self.address, timeout=60, set_as_default=False)

    def worker_pids(self) -> list[int]:
        with self.client() as client:
            return list(client.run(os.getpid).values())

    def close(self) -> None:
        for process in self.nannies:
            process.terminate()
        self._wait_for_the_end(*self.nannies)  # before the scheduler ends: they say goodbye to it
        self.scheduler.terminate()
        self._wait_for_the_end(self.scheduler)

    def _wait_for_the_end(self, *processes: subprocess.Popen[bytes]) -> None:
        for process in processes:
            try:
                process.wait(3)
            except subprocess.TimeoutExpired:  # it waits for somebody who is gone
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    yield made
    made.close()


@pytest.fixture
def own_cluster(tmp_path_factory):
    """A cluster that the test may break."""
    made = Cluster(tmp_path_factory.mktemp("own"))
    yield made
    made.close()


def in_thread(function):
    """Run a function in a thread; returns the thread and the list that gets its result."""
    results = []
    thread = threading.Thread(target=lambda: results.append(function()))
    thread.start()
    return thread, results


def executions(folder="counted"):
    return len(list(Path(folder).iterdir()))


def test_a_batch_on_a_cluster_gives_the_same_states_and_bytes_as_here(cluster, tmp_path):
    simulations = [toy_sim("a"), toy_sim("b", n_steps=4), toy_sim("bad", failing_loop)]
    there = SimulationManager(simulations, 3, "there", seed=7)
    status = there.run_all(backend="dask", address=cluster.address, progress=False)
    here = SimulationManager(simulations, 3, "here", seed=7)
    assert here.run_all(1, progress=False).counts == status.counts
    assert [(run.state, run.reason, run.seed) for run in there.status().runs] == [
        (run.state, run.reason, run.seed) for run in here.status().runs
    ]
    for manager in (there, here):
        for run in manager.status().simulation("bad"):
            assert "boom" in (Path(run.path) / "error.log").read_text()
    assert _good(tmp_path / "there") == _good(tmp_path / "here")


def _good(batch: Path) -> dict[str, str]:
    import shutil

    for folder in batch.glob("bad"):
        shutil.rmtree(folder)
    return hashes(batch)


def test_inside_joblibs_context_the_active_cluster_is_used(cluster):
    import joblib

    with cluster.client() as client, client.as_current(), joblib.parallel_config(backend="dask"):
        manager = SimulationManager([toy_sim("a")], 2, "batch", seed=7)
        assert manager.run_all(progress=False).all_finished
    pids = {run.pid for run in manager.status().runs}
    parents = {int(re.search(r"PPid:\s+(\d+)", text)[1]) for text in map(_status_or_gone, pids) if text}
    assert os.getpid() not in parents


def _status_or_gone(pid):
    try:
        return Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return ""


def test_n_jobs_is_the_number_of_runs_at_a_time_in_the_whole_cluster(cluster):
    manager = SimulationManager([toy_sim("a", n_steps=2000)], 4, "batch", seed=7)
    assert manager.run_all(1, backend="dask", address=cluster.address, progress=False).all_finished
    times = sorted((run.started, run.ended) for run in manager.status().runs)
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(times))


def test_a_killed_dask_worker_loses_no_run_and_none_is_executed_twice(own_cluster, tmp_path):
    (tmp_path / "counted").mkdir()
    simulation = toy_sim("w", counting_waiting_loop, folder=str(tmp_path / "counted"), gate=str(tmp_path / "gate"))
    manager = SimulationManager([simulation], 6, "batch", seed=7)
    manager.generate_sim_paths()
    thread, results = in_thread(lambda: manager.run_all(backend="dask", address=own_cluster.address, progress=False))
    while executions() < 2:
        assert thread.is_alive()
        thread.join(0.02)
    os.kill(own_cluster.worker_pids()[0], signal.SIGKILL)
    thread.join(1.0)  # Dask hands the run of the dead worker to another, which finds it executed
    assert executions() == 2
    (tmp_path / "gate").touch()
    thread.join(60)
    assert results[0].all_finished
    assert executions() == 6
    for run in manager.runs:
        assert run.state_log.read_text().count("\tfinished\t") == 1
        assert run.read_history().attempts == 1


def test_without_its_scheduler_a_batch_ends_and_goes_on_without_dask(own_cluster, tmp_path, capsys):
    (tmp_path / "counted").mkdir()
    simulation = toy_sim("w", counting_waiting_loop, folder=str(tmp_path / "counted"), gate=str(tmp_path / "gate"))
    manager = SimulationManager([simulation], 4, "batch", seed=7)
    manager.generate_sim_paths()
    thread, results = in_thread(lambda: manager.run_all(backend="dask", address=own_cluster.address))
    while executions() < 2:
        assert thread.is_alive()
        thread.join(0.02)
    own_cluster.scheduler.kill()
    thread.join(60)
    assert results, "run_all hangs"
    assert results[0].counts["in_queue"] == 2
    assert "connection to the Dask scheduler" in capsys.readouterr().out
    (tmp_path / "gate").touch()
    status = manager.run_all(2, progress=False)
    assert status.all_finished
    for run in manager.runs:
        assert run.state_log.read_text().count("\tfinished\t") == 1


def test_stopping_at_once_reaches_the_runs_on_the_cluster(cluster, tmp_path):
    simulation = toy_sim("w", waiting_loop, gate="nobody makes it", started=str(tmp_path / "started"))
    manager = SimulationManager([simulation], 3, "batch", seed=7)
    manager.generate_sim_paths()
    thread, results = in_thread(lambda: manager.run_all(1, backend="dask", address=cluster.address, progress=False))
    wait_for(tmp_path / "started")
    assert (
        python(
            "import sys; from simmanager.cli.main import main; main(['stop', sys.argv[1], '--now'])", "batch"
        ).returncode
        == 0
    )
    thread.join(60)
    counts = results[0].counts
    assert (counts["interrupted"], counts["in_queue"]) == (1, 2)
    assert not Path("batch/stop.request").exists()


def test_a_batch_on_a_cluster_pauses_and_grows(cluster, tmp_path):
    simulation = toy_sim("w", counting_waiting_loop, folder=str(tmp_path / "marks"), gate=str(tmp_path / "gate"))
    (tmp_path / "marks").mkdir()
    manager = SimulationManager([simulation], 3, "batch", seed=7)
    manager.generate_sim_paths()
    thread, results = in_thread(lambda: manager.run_all(1, backend="dask", address=cluster.address, progress=False))
    wait_until(lambda: any((tmp_path / "marks").iterdir()), "the first run")
    handle = BatchHandle("batch")
    assert handle.pause() == "nothing new starts, 1 run is finishing"
    with pytest.raises(OrderRefused, match="cannot be frozen"):
        handle.pause(freeze=True)
    assert handle.jobs(2) == "2 runs at a time"
    (tmp_path / "gate").touch()
    wait_until(lambda: read_status("batch").counts["finished"] == 1, "its end")
    time.sleep(0.6)
    assert read_status("batch").counts["in_queue"] == 2 and read_status("batch").paused == "paused"
    SimulationManager(existing_simulation="batch").extend(4)
    assert handle.resume().startswith("going on")
    thread.join(60)
    assert results[0].all_finished and results[0].total == 4
    assert len(list((tmp_path / "marks").iterdir())) == 4


def test_a_signal_to_the_manager_is_named_by_the_runs_on_the_cluster(cluster, tmp_path):
    started = tmp_path / "started"
    simulations = f"[toy_sim('w', waiting_loop, gate='nobody makes it', started={str(started)!r})]"
    then = f"manager.run_all(1, backend='dask', address={cluster.address!r})"
    manager = start_batch(simulations, 2, then=then)
    wait_until(lambda: started.exists() or not manager.running(), "the first run")
    for number, answer in ((signal.SIGHUP, "1 run is finishing"), (signal.SIGTERM, "stopping the runs at hand")):
        manager.signal(number)
        wait_until(lambda answer=answer: answer in manager.output() or not manager.running(), answer)
    assert manager.wait() == 128 + signal.SIGTERM, manager.output()
    reasons = [(run.state, run.reason) for run in read_status("b").runs]
    by_whom = "stopped by SIGTERM (a kill, a shutdown, or the time limit of a job)"
    assert reasons == [("interrupted", by_whom), ("in_queue", "")]


def test_a_worker_that_does_not_see_the_folder_is_named_at_once(cluster):
    manager = SimulationManager([toy_sim("a")], 2, "batch", seed=7)
    manager.generate_sim_paths()
    elsewhere = SimulationManager(existing_simulation="/proc/self/cwd/batch")  # another folder in each process
    with pytest.raises(
        SimManagerError, match=r"tcp://127\.0\.0\.1:\d+ \(.* does not see /proc/self/cwd/batch"
    ) as raised:
        elsewhere.run_all(backend="dask", address=cluster.address, progress=False)
    assert str(raised.value).count("tcp://") == 2
    assert manager.status().headline == "2 in_queue"


def test_what_is_no_address_is_told_at_once_without_the_password_in_it():
    manager = SimulationManager([toy_sim("a")], 1, "batch", seed=7)
    with pytest.raises(SimManagerError, match=r"There is no Dask scheduler at tcp://\*\*\*@127\.0\.0\.1:9") as caught:
        manager.run_all(backend="dask", address="tcp://joe:s3cret@127.0.0.1:9", progress=False)
    assert "s3cret" not in str(caught.value)
    assert manager.status().headline == "1 in_queue"


def test_where_there_is_no_scheduler_an_error_says_so(monkeypatch):
    monkeypatch.setattr(dask_executor, "_PATIENCE_S", 0.5)
    manager = SimulationManager([toy_sim("a")], 1, "batch", seed=7)
    with pytest.raises(SimManagerError, match=r"There is no Dask scheduler at tcp://127\.0\.0\.1:9"):
        manager.run_all(backend="dask", address="tcp://127.0.0.1:9", progress=False)
    with pytest.raises(SimManagerError, match="Give the address"):
        manager.run_all(backend="dask", progress=False)
    with pytest.raises(ParameterError, match="backend"):
        manager.run_all(backend="dusk")
    with pytest.raises(ParameterError, match="address is that of a Dask scheduler"):
        manager.run_all(address="tcp://127.0.0.1:9")
    assert manager.status().headline == "1 in_queue"


def test_after_too_many_failures_nothing_new_is_handed_to_the_cluster(cluster):
    manager = SimulationManager([toy_sim("bad", failing_loop)], 6, "batch", seed=7)
    status = manager.run_all(1, backend="dask", address=cluster.address, progress=False, fail_fast=2)
    assert (status.counts["error"], status.counts["in_queue"]) == (2, 4)


def test_events_reach_the_manager_from_a_cluster(cluster):
    events = []
    manager = SimulationManager([toy_sim("a", toy_loop)], 2, "batch", seed=7)
    manager.run_all(backend="dask", address=cluster.address, progress=False, on_event=events.append)
    assert sorted(event.kind for event in events) == ["batch_ended", "ended", "ended", "started", "started"]
