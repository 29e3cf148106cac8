"""Soak: a batch of hundreds of short runs under random kills, stops and resumes; nothing may be lost.

``python -m benchmarks.chaos --minutes M [--seed S]`` ends with a table; exit code 1 if a number that must
be zero is not.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import pickle
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from simmanager import BatchBusy, BatchHandle, OrderNotAnswered, OrderRefused, SimulationManager, SingleSim
from simmanager.disk.batch_folder import BatchFolder
from simmanager.disk.batch_lock import signature_in
from simmanager.disk.run_folder import RESULTS
from simmanager.status.reader import read_status
from simmanager.status.status import BatchStatus
from simmanager.worker.process_group import TOKEN, lives

#: Mean seconds between two blows (Poisson).
BLOW_EVERY_S = 0.7

#: Blows and their weights.
BLOWS = {
    "SIGKILL worker": 4,
    "SIGKILL manager": 3,
    "SIGKILL all": 1,
    "SIGSTOP/SIGCONT worker": 2,
    "SIGSTOP/SIGCONT manager": 1,
    "pause, resume": 2,
    "freeze, resume": 2,
    "freeze, SIGKILL manager": 1,
    "jobs": 2,
    "add runs": 2,
    "add runs, SIGKILL it": 1,
}

#: How often a manager is started without a terminal, in a session of its own.
DETACHED = 0.3

#: Most runs that are added to a batch.
MOST_ADDED = 5

#: Runs of a batch; a new one begins when all are finished.
RUNS = {"quick": 40, "slow": 25, "bulky": 15}

#: Program that gives a batch one more run of each simulation.
ADD = "import sys, simmanager; simmanager.SimulationManager(existing_simulation=sys.argv[1]).extend({runs})"

#: Program of one command of simmanager.
MANAGER = "import sys; from simmanager.cli.main import main; sys.exit(main(sys.argv[1:]))"


# The simulation ------------------------------------------------------------------------------------------------


class ChaosAgent:
    """Draws numbers."""

    def act(self, obs: Any) -> float:
        """Return a number."""
        return float(np.random.random())

    def update(self) -> float:
        """Return a number."""
        return float(np.random.random())


class ChaosArena:
    """Does nothing."""

    def reset(self) -> tuple[float, float]:
        """Return the start."""
        return 0.0, 0.0

    def step(self, action: float) -> tuple[float, float, float]:
        """Return the action."""
        return action, action, 0.0


def trace_name(generator: Any) -> str:
    """Return the name of the trace of the run that was seeded like this generator."""
    return "-".join(map(str, generator.get_state()[1][:2]))


def count_begins(trace: Path) -> int:
    """Return how often a run was begun."""
    return trace.read_text().split().count("begin")


def chaos_loop(agent: Any, env: Any, traces: str, seconds: float, size: int) -> Any:
    """Hold a lock of its own while it runs, and note each beginning: so a second execution at once is seen."""
    trace = os.open(Path(traces, trace_name(np.random)), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(trace, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.write(trace, b"TWICE\n")
        os.write(trace, b"begin\n")
        time.sleep(seconds)
        history = {"x": np.random.random(size), "y": [agent.act(None) for _ in range(10)]}
        os.write(trace, b"end\n")
    finally:
        os.close(trace)
    return agent, env, history


def simulations(traces: Path) -> list[SingleSim]:
    """Return the recipes: quick ones, slow ones, and some with much to write."""
    shapes = {"quick": (0.02, 10), "slow": (0.4, 10), "bulky": (0.05, 200_000)}
    return [
        SingleSim(
            simulation_id=name,
            agent_class=ChaosAgent,
            env_class=ChaosArena,
            training_loop=chaos_loop,
            training_loop_params={"traces": str(traces), "seconds": seconds, "size": size},
        )
        for name, (seconds, size) in shapes.items()
    ]


# What is counted -----------------------------------------------------------------------------------------------


@dataclass
class Report:
    """What happened, and what must not happen."""

    blows: Counter[str] = field(default_factory=Counter)
    batches: int = 0
    runs: int = 0
    executions: int = 0
    managers: int = 0
    detached: int = 0
    looks: int = 0
    bad: dict[str, list[str]] = field(
        default_factory=lambda: {
            name: []
            for name in (
                "lost",
                "executed twice at once",
                "executed after finished",
                "finished without loadable results",
                "results differ",
                "untrue status",
                "unanswered",
                "leftovers",
                "manager failed",
            )
        }
    )

    def table(self) -> str:
        """Return the table."""
        rows = [(f"moves: {name}", str(self.blows[name])) for name in BLOWS]
        rows += [
            (name, str(getattr(self, name)))
            for name in ("batches", "runs", "executions", "managers", "detached", "looks")
        ]
        rows += [(name, str(len(found))) for name, found in self.bad.items()]
        lines = [f"| {name:<40} | {value:>8} |" for name, value in rows]
        examples = [f"  {name}: {found[0]}" for name, found in self.bad.items() if found]
        return "\n".join([f"| {'chaos':<40} | {'number':>8} |", f"|{'-' * 42}|{'-' * 9}:|", *lines, *examples])

    @property
    def clean(self) -> bool:
        """Whether all that must be zero is zero."""
        return not any(self.bad.values())


# The adversary -------------------------------------------------------------------------------------------------


def marked_processes(mark: str) -> list[int]:
    """Return the living processes whose environment has this batch's mark."""
    found = []
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            state = Path(entry.path, "stat").read_bytes().rpartition(b")")[2].split()[0]
            if state not in (b"Z", b"X") and mark.encode() in Path(entry.path, "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return found


def workers(mark: str) -> list[int]:
    """Return the marked processes that are workers."""
    found = []
    for pid in marked_processes(mark):
        with contextlib.suppress(OSError):
            if f"{TOKEN}=".encode() in Path(f"/proc/{pid}/environ").read_bytes():
                found.append(pid)
    return found


def send(pid: int, number: int) -> None:
    """Send a signal to a process that may be gone."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


class Elsewhere:
    """A manager that is no child of this process."""

    def __init__(self, pid: int) -> None:
        self.pid, self.returncode = pid, 0

    def poll(self) -> int | None:
        """Return None as long as it lives."""
        return None if lives(self.pid) else self.returncode

    def wait(self, seconds: float) -> int:
        """Wait until it has ended, so long at most."""
        deadline = time.monotonic() + seconds
        while self.poll() is None:
            if time.monotonic() >= deadline:
                raise subprocess.TimeoutExpired("manager", seconds)
            time.sleep(0.01)
        return self.returncode

    def kill(self) -> None:
        """Kill it."""
        send(self.pid, signal.SIGKILL)


class Chaos:
    """One batch after the other under fire, until the time is over.

    Parameters
    ----------
    folder : Path
        Where all happens.
    seed : int
        Of the adversary, not of the batches.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.random = random.Random(seed)
        self.report = Report()
        self.mark = f"CHAOS={os.getpid()}-{seed}"
        self.deadline = 0.0
        self.manager: subprocess.Popen[bytes] | Elsewhere | None = None
        self.over = threading.Event()
        #: Processes that were started.
        self.pids: set[int] = set()
        self._begun: dict[str, int] = {}
        #: Runs of the batch at hand, at least and at most: what a killed process was adding may be there or not.
        self._least = self._most = 0

    def run(self, seconds: float) -> Report:
        """Run batches until the time is over and the last one is finished."""
        self.deadline = time.monotonic() + seconds
        while time.monotonic() < self.deadline:
            self._one_batch(self.report.batches)
            self.report.batches += 1
        self._check_leftovers()
        return self.report

    # One batch -------------------------------------------------------------------------------------------------

    def _one_batch(self, number: int) -> None:
        self._begun.clear()
        traces = self.folder / f"traces{number}"
        traces.mkdir()
        managers = []
        for simulation in simulations(traces):
            name = str(simulation.simulation_id)
            manager = SimulationManager(
                [simulation], RUNS[name], f"{name}{number}", seed=number, results_dir=self.folder
            )
            manager.generate_sim_paths()
            managers.append(manager)
        for manager in managers:
            self._under_fire(Path(manager.results_path), traces)
            self._check_batch(manager)
        self._check_traces(traces)
        for manager in managers:
            shutil.rmtree(manager.results_path)

    def _under_fire(self, batch: Path, traces: Path) -> None:
        self.over.clear()
        self._least = self._most = read_status(batch).total
        poller = threading.Thread(target=self._poll, args=(batch, traces))
        poller.start()
        try:
            while not self._is_finished(batch):
                self._start_manager(batch)
                while self.manager is not None and self.manager.poll() is None:
                    pause = self.random.expovariate(1 / BLOW_EVERY_S)
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        self.manager.wait(pause)
                        break
                    if time.monotonic() < self.deadline:
                        self._strike(batch)
                if self.manager is not None and self.manager.returncode not in (0, 1, -9):
                    self.report.bad["manager failed"].append(f"exit code {self.manager.returncode}, see {batch}.log")
                    if len(self.report.bad["manager failed"]) > 20:
                        return
        finally:
            self.over.set()
            poller.join()

    def _is_finished(self, batch: Path) -> bool:
        return read_status(batch).all_finished

    def _start_manager(self, batch: Path) -> None:
        words = ["resume", str(batch), "--jobs", "2", "--retry-errors"]
        if self.random.random() < DETACHED:
            code = self._start(batch, MANAGER, *words, "--detach").wait()
            if code not in (0, 1):
                self.report.bad["manager failed"].append(f"exit code {code} with --detach, see {batch}.log")
            self.manager = Elsewhere(signature_in(BatchFolder(batch).lock_file).pid)
            self.report.detached += 1
        else:
            self.manager = self._start(batch, MANAGER, *words)
        self.report.managers += 1
        self.pids.add(self.manager.pid)

    def _start(self, batch: Path, program: str, *words: str) -> subprocess.Popen[bytes]:
        name, _, value = self.mark.partition("=")
        with Path(f"{batch}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-c", program, *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, name: value, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )

    def _strike(self, batch: Path) -> None:
        assert self.manager is not None
        blow = self.random.choices(list(BLOWS), list(BLOWS.values()))[0]
        victims = workers(self.mark)
        self.pids.update(victims)
        if "worker" in blow and not victims:
            return
        self.report.blows[blow] += 1
        if blow == "SIGKILL manager":
            self.manager.kill()
        elif blow == "SIGKILL all":
            send(self.manager.pid, signal.SIGSTOP)
            for pid in workers(self.mark):
                send(pid, signal.SIGKILL)
            self.manager.kill()
        elif blow == "SIGKILL worker":
            send(self.random.choice(victims), signal.SIGKILL)
        elif not blow.startswith("SIG"):
            self._order(batch, blow)
        else:
            pid = self.manager.pid if blow.endswith("manager") else self.random.choice(victims)
            send(pid, signal.SIGSTOP)
            time.sleep(self.random.random() * 0.3)
            send(pid, signal.SIGCONT)

    def _order(self, batch: Path, blow: str) -> None:
        """Tell the manager something, if there is one."""
        assert self.manager is not None
        handle = BatchHandle(batch)
        try:
            if blow.startswith("add"):
                self._add(batch, is_killed="SIGKILL" in blow)
            elif blow == "jobs":
                handle.jobs(self.random.randint(1, 4))
            else:
                handle.pause(freeze=blow.startswith("freeze"))
                time.sleep(self.random.random() * 0.5)
                if "SIGKILL" in blow:
                    self.manager.kill()
                else:
                    handle.resume()
        except OrderNotAnswered as error:
            self.report.bad["unanswered"].append(str(error))
        except (OrderRefused, BatchBusy):  # it is ending
            pass

    def _add(self, batch: Path, *, is_killed: bool) -> None:
        if self._most >= RUNS[batch.name.rstrip("0123456789")] + MOST_ADDED:
            return
        self._most += 1
        adding = self._start(batch, ADD.format(runs=self._most), str(batch))
        if is_killed:
            time.sleep(0.1 + self.random.random() * 0.4)
            adding.kill()
        if adding.wait() == 0:
            self._least = self._most

    # Looking ---------------------------------------------------------------------------------------------------

    def _poll(self, batch: Path, traces: Path) -> None:
        """Look all the time: what is said must be possible, and what is finished stays finished."""
        finished: set[tuple[str, int | None]] = set()
        while not self.over.is_set():
            self.report.looks += 1
            least = self._least
            try:
                status = read_status(batch)
            except Exception as error:
                self.report.bad["untrue status"].append(f"{type(error).__name__}: {error}")
                continue
            for text in self._untruths(status, finished, least):
                self.report.bad["untrue status"].append(text)
            for run in status.runs:
                if run.state == "finished" and (run.simulation_id, run.run_id) not in finished:
                    finished.add((run.simulation_id, run.run_id))
                    key = trace_name(np.random.RandomState(run.seed))
                    self._begun[key] = count_begins(traces / key)
            self.over.wait(0.02)

    def _untruths(self, status: BatchStatus, finished: set[Any], least: int) -> Iterator[str]:
        if not least <= status.total <= self._most or sum(status.counts.values()) != status.total:
            yield f"{status.total} runs instead of {least} to {self._most}"
        yield from status.damage
        for run in status.runs:
            if (run.simulation_id, run.run_id) in finished and run.state != "finished":
                yield f"{run.path} was finished and is {run.state}"
            if run.state == "error" and "SIGKILL" not in run.reason:
                yield f"{run.path}: {run.reason}"
            if run.state == "finished" and not all(Path(run.path, name).exists() for name in RESULTS):
                yield f"{run.path} is finished without results"

    # The end of a batch ----------------------------------------------------------------------------------------

    def _check_batch(self, manager: SimulationManager) -> None:
        status = manager.status()
        self.report.runs += status.total
        for run in status.runs:
            if run.state != "finished":
                self.report.bad["lost"].append(f"{run.path}: {run.state} {run.reason}")
                continue
            self._check_results(run.path, run.seed)
        for path in Path(manager.results_path).rglob("*"):
            if path.name.startswith(("~simmanager-part-", ".removed-")):
                self.report.bad["leftovers"].append(str(path))

    def _check_results(self, path: str, seed: int | None) -> None:
        try:
            history = pickle.loads(Path(path, "training_hist.dict").read_bytes())
            for name in ("agent", "arena", "param.dict"):
                pickle.loads(Path(path, name).read_bytes())
            with np.load(Path(path, "summary.npz"), allow_pickle=False) as summary:
                assert "x" in summary
        except Exception as error:
            self.report.bad["finished without loadable results"].append(f"{path}: {error!r}")
            return
        generator = np.random.RandomState(seed)
        if not np.array_equal(generator.random_sample(len(history["x"])), history["x"]):
            self.report.bad["results differ"].append(path)

    def _check_traces(self, traces: Path) -> None:
        for trace in traces.iterdir():
            lines = trace.read_text().split()
            self.report.executions += lines.count("begin")
            if lines.count("begin") > self._begun.get(trace.name, sys.maxsize):
                self.report.bad["executed after finished"].append(str(trace))
            if "TWICE" in lines:
                self.report.bad["executed twice at once"].append(str(trace))

    def _check_leftovers(self) -> None:
        patience = time.monotonic() + 10
        while (alive := marked_processes(self.mark)) and time.monotonic() < patience:
            time.sleep(0.05)
        self.report.bad["leftovers"] += [f"process {pid}" for pid in alive]
        for pid in alive:
            send(pid, signal.SIGKILL)


def in_shared_memory() -> set[str]:
    """Return the names in /dev/shm."""
    return {path.name for path in Path("/dev/shm").iterdir()} if Path("/dev/shm").is_dir() else set()


def run_chaos(seconds: float, seed: int) -> Report:
    """Run it in a temporary folder; kept if something is wrong."""
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    before = in_shared_memory()
    chaos = Chaos(folder, seed)
    report = chaos.run(seconds)
    for name in in_shared_memory() - before:  # of our processes only: others use this machine, too
        if chaos.pids & set(map(int, re.findall(r"\d+", name))):
            report.bad["leftovers"].append(f"/dev/shm/{name}")
    if report.clean:
        shutil.rmtree(folder)
    else:
        print(f"see {folder}")
    return report


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.chaos", description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=1.0, metavar="M", help="how long (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of the adversary (default: %(default)s)")
    arguments = parser.parse_args(argv)
    report = run_chaos(arguments.minutes * 60, arguments.seed)
    print(report.table())
    return 0 if report.clean else 1


if __name__ == "__main__":
    from benchmarks.chaos import main as _main  # not from __main__: its classes must have their real module

    sys.exit(_main())
