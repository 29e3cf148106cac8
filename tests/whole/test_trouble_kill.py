"""Killed at its n-th file operation, for every n, the folder is right.

One batch is killed at operation 1, 2, 3, ... until the process ends by itself; once the manager, once its workers.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from manager_process import ENVIRONMENT, start_script
from our_processes import workers_alive
from places import HELPERS, python_path
from toys import failing_loop, hashes, toy_sim
from trouble import wait_for

from simmanager import BatchNotFound, RunState, SimulationManager
from simmanager.disk.files import SCRATCH
from simmanager.disk.run_folder import RESULTS
from simmanager.status.reader import read_status

PROGRAM = """
from toys import *
from simmanager import SimulationManager
manager = SimulationManager([toy_sim("a"), toy_sim("bad", failing_loop), toy_sim("b")], {runs}, "b", seed=7)
{before}
manager.run_all(1, progress=False, retries={retries})
{after}
"""

#: What the manager does while it is killed, and how many runs each simulation has.
MANAGER = {
    "make and run": {"runs": 1, "before": "", "after": "", "retries": 0},
    "rerun": {
        "runs": 1,
        "before": "",
        "after": "manager.rerun_simulation('bad', n_jobs=1, progress=False)",
        "retries": 0,
    },
}


def simulations() -> list:
    return [toy_sim("a"), toy_sim("bad", failing_loop), toy_sim("b")]


def killed_at(number: int, role: str, program: str) -> bool:
    """Run the program, killed at that operation; return whether it was, or ended by itself before."""
    Path("count.killed").unlink(missing_ok=True)
    site = python_path(HELPERS / "kill_site")
    environment = {
        **ENVIRONMENT,
        "PYTHONPATH": site,
        "KILL_AT": str(number),
        "KILL_IN": role,
        "KILL_ROOT": str(Path("b").absolute()),
        "KILL_COUNT": str(Path("count").absolute()),
    }
    process = start_script(program, env=environment)
    code = process.wait(60)
    wait_for(lambda: not workers_alive(), "the workers to be gone")
    if role == "manager":
        assert code in (0, -9), process.output()
        return code == -9
    assert code == 0, process.output()
    return Path("count.killed").exists()


def check_after_kill(role: str) -> None:
    """Look: what is said is true, and no scratch is a result."""
    try:
        status = read_status("b")
    except BatchNotFound:
        assert role == "manager" and not Path("b/manager.json").exists(), "only before the batch was made"
        return
    assert status.counts["running"] == 0, "nobody runs now"
    assert not status.damage, status.damage
    for run in status.runs:
        if run.state is RunState.FINISHED:
            names = {path.name for path in Path(run.path).iterdir()}
            assert {*RESULTS, "param.dict", "run.json", "run.log", "error.log"} <= names
            SimulationManager(existing_simulation="b").load_results(run.simulation_id, int(run.run_id or 0))
        elif run.simulation_id == "bad" and run.state is RunState.ERROR and "SIGKILL" not in run.reason:
            assert run.reason == "ValueError: boom"


def go_on(expected: dict[str, str]) -> None:
    """Finish it as a user would; the results are those of an undisturbed batch, and nothing else lies there."""
    if not Path("b/manager.json").exists():
        manager = SimulationManager(simulations(), 1, "b", seed=7)
    else:
        manager = SimulationManager(existing_simulation="b")
    status = manager.run_all(1, progress=False)
    if any("SIGKILL" in run.reason for run in status.runs):
        status = manager.run_all(1, progress=False, retry_errors=True)
    assert {run.simulation_id: str(run.state) for run in status.runs} == {
        "a": "finished",
        "bad": "error",
        "b": "finished",
    }
    assert status.simulation("bad")[0].reason == "ValueError: boom"
    good = {key: value for simulation in ("a", "b") for key, value in results_of(simulation).items()}
    assert good == expected
    assert not [path for path in Path("b").rglob("*") if path.name.startswith((SCRATCH, "."))]


def results_of(simulation: str) -> dict[str, str]:
    shutil.rmtree("only", ignore_errors=True)
    Path("only").mkdir()
    shutil.copytree(Path("b") / simulation, Path("only") / simulation)
    return hashes(Path("only"))


@pytest.fixture
def expected(leaves_nothing_behind: None) -> dict[str, str]:
    SimulationManager([toy_sim("a"), toy_sim("b")], 1, "undisturbed", seed=7).run_all(1, progress=False)
    return hashes(Path("undisturbed"))


def kill_at_each(role: str, program: str, expected: dict[str, str], first: int, step: int) -> int:
    """Kill at ``first``, ``first + step``, ... until the process ends by itself; return how often it was killed."""
    kills = 0
    for number in range(first, 100_000, step):
        shutil.rmtree("b", ignore_errors=True)
        if not killed_at(number, role, program):
            break
        kills += 1
        check_after_kill(role)
        go_on(expected)
    check_after_kill(role)
    return kills


def operations(role: str, program: str) -> int:
    """Return how many operations an undisturbed process makes."""
    shutil.rmtree("b", ignore_errors=True)
    Path("count").unlink(missing_ok=True)
    killed_at(10**9, role, program)
    return max(map(int, Path("count").read_text().split()))


@pytest.mark.parametrize("what", MANAGER)
def test_a_manager_killed_at_some_file_operations(what, expected):
    program = PROGRAM.format(**MANAGER[what])
    number = operations("manager", program)
    assert number > 20, "the shim sees what the manager writes"
    assert kill_at_each("manager", program, expected, 1, max(number // 6, 1)) >= 5


def test_a_worker_killed_at_some_file_operations(expected):
    program = PROGRAM.format(runs=1, before="", after="", retries=0)
    number = operations("worker", program)
    assert number > 40, "the shim sees what the worker writes"
    assert kill_at_each("worker", program, expected, 2, max(number // 6, 1)) >= 5


@pytest.mark.slow
@pytest.mark.parametrize("what", MANAGER)
def test_a_manager_killed_at_every_file_operation(what, expected):
    program = PROGRAM.format(**MANAGER[what])
    number = operations("manager", program)
    assert kill_at_each("manager", program, expected, 1, 1) >= number - 1


@pytest.mark.slow
def test_a_worker_killed_at_every_file_operation(expected):
    """The operations of all three runs, which one worker executes."""
    program = PROGRAM.format(runs=1, before="", after="", retries=0)
    number = operations("worker", program)
    assert kill_at_each("worker", program, expected, 1, 1) >= number - 1


@pytest.mark.slow
def test_a_worker_killed_at_every_operation_is_retried_to_the_same_results(expected):
    program = PROGRAM.format(runs=1, before="", after="", retries=9)
    for number in range(20, 60, 3):
        shutil.rmtree("b", ignore_errors=True)
        killed_at(number, "worker", program)
        check_after_kill("worker")
        go_on(expected)
