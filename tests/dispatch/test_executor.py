"""Slots and workers: the same results on any number of them, and what reaches a worker."""

import fcntl
import json
import os
import signal
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from one_run import execute, make
from toys import failing_loop, hashes, python, toy_loop, toy_sim
from trouble import wait_for

from simmanager import RunOptions, RunState, SimulationManager
from simmanager.base.errors import ParameterError, ParameterTypeError
from simmanager.disk.run_folder import RunFolder
from simmanager.dispatch.executor import Executor
from simmanager.dispatch.run_options import count_jobs
from simmanager.dispatch.slots import Slots
from simmanager.dispatch.stop import Stop
from simmanager.dispatch.supervision import TELL_AFTER_S, Job, supervise
from simmanager.dispatch.worker_process import Worker, WorkerSettings
from simmanager.worker.attempt import LOCK_PATIENCE_S, LOOKERS_S
from simmanager.worker.process_group import state_of

pytestmark = pytest.mark.python_versions


def loop_that_dies(agent, env, number=int(signal.SIGKILL)):
    os.kill(os.getpid(), number)
    time.sleep(60)


def loop_that_leaves(agent, env, code=0):
    os._exit(code)


def loop_that_tells_its_world(agent, env, names=()):
    world = {
        "pid": os.getpid(),
        "cwd": os.getcwd(),  # noqa: PTH109
        "path": list(sys.path),
        "argv": list(sys.argv),
        "stdin": sys.stdin.read(),
        "main_thread": threading.current_thread() is threading.main_thread(),
        "main": getattr(sys.modules["__main__"], "__file__", ""),
        "environ": {name: os.environ.get(name) for name in names},
        "session": os.getsid(0),
    }
    return agent, env, {"world": [world]}


def loop_that_changes_its_world(agent, env):
    import logging
    import warnings

    world = [os.getcwd(), os.environ.get("SPOILT"), logging.root.level, np.geterr()["over"]]  # noqa: PTH109
    os.chdir("/")
    os.environ["SPOILT"] = "yes"
    logging.root.setLevel(5)
    np.seterr(over="ignore")
    warnings.simplefilter("ignore")
    print("not closed", end="")
    sys.stdout = None
    return agent, env, {"world": world, "pid": [os.getpid()]}


def counting_loop(agent, env, folder="", special=-1, what=""):
    """Count the runs in ``folder``; one of them does something special."""
    number = len(os.listdir(folder))  # noqa: PTH208
    (Path(folder) / str(number)).touch()
    if number == special and what == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    if number == special and what == "raises":
        raise ValueError("boom")
    if number == special and what == "leaves":
        import threading

        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    until = time.perf_counter() + (0.1 if number == special and what == "slow" else 0)
    while time.perf_counter() < until:
        pass
    return agent, env, {"number": [number]}


def manager_of(*simulations, runs=1, name="batch", **options):
    return SimulationManager(list(simulations), runs, name, seed=7, **options)


def world_of(manager, run=0):
    return manager.load_results(0, run)[2]["world"][0]


def test_results_do_not_depend_on_the_number_of_jobs(tmp_path):
    found = {}
    for n_jobs in (1, 2, 5):
        manager = manager_of(toy_sim("a"), toy_sim("b", n_steps=3), runs=3, name=f"jobs_{n_jobs}")
        assert manager.run_all(n_jobs, progress=False).all_finished
        found[n_jobs] = hashes(tmp_path / f"jobs_{n_jobs}")
    assert len(found[1]) == 6 * 4
    assert found[1] == found[2] == found[5]
    in_process = manager_of(toy_sim("a"), toy_sim("b", n_steps=3), runs=3, name="here")
    state = np.random.get_state()
    in_process.run_all(in_process=True, progress=False)
    np.random.set_state(state)
    assert hashes(tmp_path / "here") == found[1]
    fresh = manager_of(toy_sim("a"), toy_sim("b", n_steps=3), runs=3, name="fresh")
    fresh.run_all(2, progress=False, fresh_process=True)
    assert hashes(tmp_path / "fresh") == found[1]


def test_runs_of_one_simulation_differ():
    manager = manager_of(toy_sim(), runs=2)
    manager.run_all(2, progress=False)
    assert manager.load_results(0, 0)[0].drawn != manager.load_results(0, 1)[0].drawn


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_worker_that_dies_takes_only_its_own_run(n_jobs):
    manager = manager_of(toy_sim("before"), toy_sim("dies", loop_that_dies), toy_sim("after"), runs=2)
    status = manager.run_all(n_jobs, progress=False)
    assert [run.state for run in status.simulation("dies")] == [RunState.ERROR] * 2
    assert {run.state for name in ("before", "after") for run in status.simulation(name)} == {RunState.FINISHED}
    for run in status.simulation("dies"):
        assert "killed by SIGKILL" in run.reason
        record = json.loads((Path(run.path) / "run.json").read_text())
        assert (record["state"], record["reason"], record["run_id"]) == ("error", run.reason, run.run_id)
        assert record["seed"] == run.seed


@pytest.mark.parametrize(
    ("loop", "params", "reason"),
    [
        (loop_that_dies, {"number": int(signal.SIGSEGV)}, "killed by SIGSEGV"),
        (loop_that_dies, {"number": int(signal.SIGABRT)}, "killed by SIGABRT"),
        (loop_that_leaves, {"code": 0}, "exited with code 0 before the run had ended"),
        (loop_that_leaves, {"code": 7}, "exited with code 7 before the run had ended"),
    ],
)
def test_how_a_worker_died_is_said_in_words(loop, params, reason):
    status = manager_of(toy_sim("dies", loop, **params)).run_all(1, progress=False)
    assert status.headline == "1 error"
    assert reason in status.runs[0].reason


def test_a_segfault_leaves_its_traceback_in_the_error_log():
    manager = manager_of(toy_sim("dies", loop_that_dies, number=int(signal.SIGSEGV)))
    manager.run_all(1, progress=False)
    text = manager.runs[0].read_log("error")
    assert "Segmentation fault" in text
    assert "loop_that_dies" in text


def test_the_worker_has_the_import_path_directory_and_arguments_of_the_caller(tmp_path, monkeypatch):
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "my_models.py").write_text("from toys import ToyAgent\nclass Mine(ToyAgent): pass\n")
    monkeypatch.syspath_prepend(tmp_path / "modules")
    monkeypatch.setattr(sys, "argv", ["my_script.py", "--flag"])
    import my_models

    manager = manager_of(toy_sim(loop=loop_that_tells_its_world).copy(agent_class=my_models.Mine))
    assert manager.run_all(1, progress=False).all_finished
    world = world_of(manager)
    assert world["cwd"] == str(tmp_path)
    assert world["path"] == sys.path
    assert world["argv"] == ["my_script.py", "--flag"]
    assert world["main_thread"]
    assert world["pid"] != os.getpid()
    assert world["session"] == world["pid"] != os.getsid(0)
    assert world["stdin"] == ""
    assert world["main"].endswith("worker/__main__.py")
    assert type(manager.load_results(0, 0)[0]) is my_models.Mine
    del sys.modules["my_models"]


def test_numerical_libraries_get_one_thread_unless_the_user_set_them(monkeypatch):
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "MY_OWN")
    for name in names:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv("MY_OWN", "kept")
    sim = toy_sim(loop=loop_that_tells_its_world, names=names)
    manager = manager_of(sim, name="one")
    manager.run_all(1, progress=False)
    expected = {"OMP_NUM_THREADS": "3", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "MY_OWN": "kept"}
    assert world_of(manager)["environ"] == expected
    monkeypatch.delenv("OMP_NUM_THREADS")
    manager = manager_of(sim, name="two")
    manager.run_all(1, progress=False)
    assert world_of(manager)["environ"]["OMP_NUM_THREADS"] == "1"
    manager = manager_of(sim, name="four")
    manager.run_all(1, progress=False, threads_per_run=4)
    assert world_of(manager)["environ"]["OMP_NUM_THREADS"] == "4"
    assert "OMP_NUM_THREADS" not in os.environ


def test_one_worker_takes_many_runs_and_each_starts_clean(tmp_path):
    manager = manager_of(toy_sim(loop=loop_that_changes_its_world), runs=3)
    assert manager.run_all(1, progress=False).all_finished
    histories = [manager.load_results(0, run)[2] for run in range(3)]
    assert len({history["pid"][0] for history in histories}) == 1
    assert all(history["world"] == histories[0]["world"] for history in histories)
    assert histories[0]["world"][:2] == [str(tmp_path), None]
    assert all("not closed" in run.read_log("run") for run in manager.runs)
    fresh = manager_of(toy_sim(loop=loop_that_changes_its_world), runs=3, name="fresh")
    fresh.run_all(1, progress=False, fresh_process=True)
    assert len({fresh.load_results(0, run)[2]["pid"][0] for run in range(3)}) == 3


def test_classes_of_a_main_script_without_guard_reach_the_worker(tmp_path):
    """The script is executed once: nothing is run again in the workers."""
    script = tmp_path / "script.py"
    script.write_text("""
import os
from pathlib import Path
from simmanager import SimulationManager, SingleSim

with open("executed", "a") as file:
    file.write("once\\n")

class Agent:
    def act(self, obs):
        return helper(obs)
    def update(self):
        pass

class Arena:
    def reset(self):
        return 1, 1
    def step(self, action):
        return 1, 1, 0.0

def helper(obs):
    return FACTOR * obs

FACTOR = 21

def loop(agent, env, twice=lambda x: 2 * x):
    return agent, env, {"answer": [twice(agent.act(1))]}

sim = SingleSim(agent_class=Agent, env_class=Arena, training_loop=loop, simulation_id="s")
manager = SimulationManager([sim], 2, "batch")
status = manager.run_all(2, progress=False)
agent, env, history = manager.load_results(0, 1)
print(status.headline, history, type(agent) is Agent)
print(Path("executed").read_text().count("once"))
""")
    import subprocess

    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["2 finished {'answer': [42]} True", "1"], done.stderr
    assert done.stderr == ""


def test_a_batch_can_be_run_from_a_script_read_from_stdin():
    import subprocess

    program = """
from toys import toy_sim
from simmanager import SimulationManager
print(SimulationManager([toy_sim()], 1, "batch").run_all(1, progress=False).headline)
"""
    from manager_process import ENVIRONMENT

    done = subprocess.run(
        [sys.executable, "-"], input=program, capture_output=True, text=True, env=ENVIRONMENT, check=False
    )
    assert (done.stdout, done.stderr) == ("1 finished\n", "")


def test_a_batch_can_be_run_from_a_thread(tmp_path):
    import threading

    found = []
    manager = manager_of(toy_sim())
    thread = threading.Thread(target=lambda: found.append(manager.run_all(1, progress=False)))
    thread.start()
    thread.join()
    assert found[0].all_finished


def test_user_code_that_prints_what_looks_like_the_protocol_breaks_nothing():
    def chatty(agent, env):
        os.write(1, b'simmanager:{"state": "finished"}\n')
        print('simmanager:{"ready": 1}')
        return toy_loop(agent, env)

    manager = manager_of(toy_sim(loop=chatty), runs=2)
    assert manager.run_all(1, progress=False).all_finished
    assert '{"ready": 1}' in manager.runs[1].read_log("run")


def test_no_more_workers_are_started_than_there_are_runs():
    manager = manager_of(toy_sim(loop=loop_that_tells_its_world), runs=2)
    manager.run_all(64, progress=False)
    assert len({world_of(manager, run)["pid"] for run in range(2)}) <= 2


def test_jobs_are_counted_as_joblib_counts():
    import joblib

    assert count_jobs(3) == 3
    assert count_jobs(-1) == joblib.effective_n_jobs(-1)
    assert count_jobs(-1000) == 1
    with pytest.raises(ParameterError, match="n_jobs must not be 0"):
        count_jobs(0)


def test_no_tasks_are_no_work():
    Executor(2, RunOptions()).run([], lambda *_: pytest.fail("a run"), lambda: None)


def test_after_enough_failures_nothing_new_starts():
    manager = manager_of(toy_sim("bad", failing_loop), toy_sim("good"), runs=5)
    status = manager.run_all(1, progress=False, fail_fast=2)
    assert status.counts["error"] >= 2
    assert status.counts["in_queue"] >= 5
    assert "resume" in status.advice


def test_nothing_is_started_once_the_wish_to_stop_is_there(tmp_path):
    folder, task = make(tmp_path, toy_sim())
    stop = Stop()
    stop.finish("enough")
    stop.finish("again")
    slots = Slots(WorkerSettings())
    outcome = supervise(Job(task), slots, stop)
    assert (outcome.state, outcome.executed, stop.reason) == ("", False, "enough")
    stop.now("at once")
    assert stop.is_now()
    assert folder.read_history().state is RunState.IN_QUEUE
    slots.close()


def test_supervising_a_finished_run_returns_at_once_and_is_safe_to_repeat(tmp_path):
    _, task = make(tmp_path, toy_sim())
    execute(task)
    slots = Slots(WorkerSettings())
    for _ in range(2):
        outcome = supervise(Job(task), slots, Stop())
        assert (outcome.state, outcome.executed) == ("finished", False)
    slots.close()


@pytest.mark.parametrize("seen", [True, False], ids=["seen", "not seen"])
def test_the_death_of_an_idle_worker_is_not_blamed_on_the_next_run(tmp_path, monkeypatch, seen):
    """The kernel may choose one that has nothing to do; the next run finds it dead, or meets its end."""
    slots = Slots(WorkerSettings())
    assert supervise(Job(make(tmp_path, toy_sim())[1]), slots, Stop()).state == "finished"
    (worker,) = slots._idle
    os.kill(worker.pid, signal.SIGKILL)
    os.waitid(os.P_PID, worker.pid, os.WEXITED | os.WNOWAIT)
    if not seen:  # as if it died right after the look
        monkeypatch.setattr(slots, "_retire_dead_workers", lambda: None)
    folder, task = make(tmp_path, toy_sim(), "run_4_22-11-2026_14-15-33-591")
    assert supervise(Job(task), slots, Stop()).state == "finished"
    assert [move.state for move in folder.read_history().transitions] == ["in_queue", "running", "finished"]
    slots.close()


def test_a_message_larger_than_the_pipe_to_a_worker_that_is_stopped_does_not_outlast_the_time_limit(tmp_path):
    worker = Worker(WorkerSettings())
    worker.wait_until_ready()
    os.kill(worker.pid, signal.SIGSTOP)
    _, task = make(tmp_path, toy_sim())
    large = replace(task, provenance={"text": "x" * 2_000_000})
    (death,) = worker.execute([large], 0.2, lambda: "")
    assert (death.reason, worker.has_ended()) == ("timed out after 0.2 s", True)
    slots = Slots(WorkerSettings())
    assert supervise(Job(large), slots, Stop()).state == "finished", "one that reads gets it whole"
    slots.close()


def test_who_looks_at_the_lock_of_a_run_and_does_not_let_go_is_named_once_and_soon(tmp_path):
    folder, task = make(tmp_path, toy_sim())
    folder.lock_file.touch()
    slots, stop, told, outcomes = Slots(WorkerSettings()), Stop(), [], []
    with folder.lock_file.open() as look:
        fcntl.flock(look, fcntl.LOCK_SH)
        thread = threading.Thread(target=lambda: outcomes.append(supervise(Job(task), slots, stop)))
        thread.start()
        wait_for(lambda: told.extend(stop.said()) or told, "a word")
        assert thread.is_alive()
    thread.join()
    assert outcomes[0].state == "finished" and [*told, *stop.said()] == told[:1]
    assert f"{folder.lock_path} is held by process {os.getpid()} (" in told[0] and "only looks at it" in told[0]
    assert LOCK_PATIENCE_S + LOOKERS_S <= TELL_AFTER_S < 2, "a user hears of it within two seconds"
    slots.close()


def test_a_run_that_gets_another_worker_since_another_session_made_it_waits_for_nobody(tmp_path):
    slots, stop = Slots(WorkerSettings()), Stop()
    for number, module in enumerate(("json", "csv")):
        _, task = make(tmp_path, toy_sim(), f"run_{number}_22-11-2026_14-15-33-591")
        task = replace(task, session={"modules": [module]})
        assert supervise(Job(task), slots, stop).state == "finished"
    assert list(stop.said()) == []
    slots.close()


def test_a_run_before_which_every_worker_dies_is_not_tried_for_ever(tmp_path, monkeypatch):
    slots, sent = Slots(WorkerSettings()), []
    send = Worker._send

    def send_and_kill(worker, message):
        if "task" in message:
            sent.append(worker.pid)
            os.kill(worker.pid, signal.SIGKILL)
            os.waitid(os.P_PID, worker.pid, os.WEXITED | os.WNOWAIT)
        send(worker, message)

    monkeypatch.setattr(Worker, "_send", send_and_kill)
    folder, task = make(tmp_path, toy_sim())
    outcome = supervise(Job(task), slots, Stop())
    assert (outcome.state, len(set(sent))) == ("error", 3)
    assert "SIGKILL" in outcome.reason
    assert folder.read_history().state is RunState.ERROR
    slots.close()


def test_a_callers_interpreter_that_cannot_start_a_worker_says_so(monkeypatch):
    from simmanager.base.errors import SimManagerError

    monkeypatch.setattr(sys, "executable", "/bin/false")
    manager = manager_of(toy_sim(), runs=2)
    with pytest.raises(SimManagerError, match="A worker process could not be started"):
        manager.run_all(1, progress=False)
    assert manager.status().headline == "2 in_queue"


def test_the_callers_own_state_is_left_alone(tmp_path):
    done = python("""
import os, random, signal, sys, threading
import numpy as np
from toys import toy_sim
from simmanager import SimulationManager
manager = SimulationManager([toy_sim()], 1, "batch")
def state():
    return (os.getcwd(), dict(os.environ), list(sys.path), random.getstate(), np.random.get_state()[1].tolist(),
            [signal.getsignal(n) for n in (2, 15, 1)], os.listdir("/proc/self/fd"), threading.active_count())
manager.run_all(2, progress=False)
before = state()
manager.rerun_simulation(0, include_finished=True, n_jobs=2, progress=False)
after = state()
assert before == after, (before, after)
""")
    assert done.returncode == 0, done.stderr


def test_a_batch_runs_from_a_working_directory_that_was_deleted(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    manager = SimulationManager([toy_sim("a")], 1, "batch", results_dir=tmp_path)
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert manager.run_all(1, progress=False).all_finished


@pytest.mark.parametrize("what", ["dies", "raises", "leaves", "slow"])
def test_one_of_many_short_runs_that_misbehaves_does_so_alone(tmp_path, what):
    (tmp_path / "counted").mkdir()
    simulation = toy_sim("short", counting_loop, folder=str(tmp_path / "counted"), special=12, what=what)
    manager = manager_of(simulation, runs=60)
    status = manager.run_all(1, progress=False)
    failed = [run for run in status.runs if run.state != "finished"]
    assert len(failed) == (what in ("dies", "raises"))
    assert {run.attempt for run in status.runs} == {1}
    assert len(list((tmp_path / "counted").iterdir())) == 60  # none was started twice
    for run in failed:
        assert ("SIGKILL" if what == "dies" else "boom") in run.reason


def test_runs_handed_over_with_one_that_takes_long_come_back_unexecuted(tmp_path):
    (tmp_path / "counted").mkdir()
    simulation = toy_sim("short", counting_loop, folder=str(tmp_path / "counted"), special=0, what="slow")
    made = [make(tmp_path, simulation, RunFolder.new_name(number)) for number in range(5)]
    slots = Slots(WorkerSettings())
    worker = slots.take("")
    outcomes = list(worker.execute([task for _, task in made], None, lambda: ""))
    assert [outcome.state for outcome in outcomes] == ["finished", "", "", "", ""]
    assert [folder.read_history().state for folder, _ in made[1:]] == [RunState.IN_QUEUE] * 4
    slots.give_back(worker)
    slots.close()


@pytest.mark.parametrize(
    "options", [{"timeout": 9.0}, {"retries": 1}, {"retry_errors": True}, {"fail_fast": 3}, {"fresh_process": True}]
)
def test_runs_are_handed_over_alone_where_an_option_is_about_each(options):
    assert RunOptions().allow_several
    assert not RunOptions(**options).allow_several


def seats_of(manager):
    return {manager.load_results(0, run.run_id)[2]["world"][0]["environ"]["SEAT"] for run in manager.runs}


def test_each_slot_has_its_own_environment():
    simulation = toy_sim("a", loop_that_meets_another, names=["SEAT"], folder=str(Path.cwd()))
    manager = manager_of(simulation, runs=2)
    assert manager.run_all(progress=False, slot_env=[{"SEAT": "zero"}, {"SEAT": "one"}]).all_finished
    assert seats_of(manager) == {"zero", "one"}


def loop_that_meets_another(agent, env, names=(), folder=""):
    """Wait until two runs are at hand at the same time, so that two slots are in use."""
    (Path(folder) / f"here-{os.getpid()}").touch()
    while len(list(Path(folder).glob("here-*"))) < 2:
        time.sleep(0.005)
    return loop_that_tells_its_world(agent, env, names)


def test_a_new_worker_takes_the_environment_of_the_slot_that_became_free():
    manager = manager_of(toy_sim("a", loop_that_tells_its_world, names=["SEAT"]), runs=4)
    manager.run_all(1, progress=False, fresh_process=True, slot_env=[{"SEAT": "zero"}, {"SEAT": "one"}])
    assert seats_of(manager) == {"zero"}


def test_more_slots_than_environments_share_them_and_a_free_slot_is_taken_again():
    slots = Slots(WorkerSettings(), [{"SEAT": "0"}, {"SEAT": "1"}])
    slots.prepare(3)
    workers = {worker.slot: worker for worker in (slots.take(""), slots.take(""), slots.take(""))}
    assert sorted(workers) == [0, 1, 2]
    slots.retire(workers[1])
    successor = slots.take("")
    assert successor.slot == 1
    for worker in (workers[0], workers[2], successor):
        slots.give_back(worker)
    slots.close()


@pytest.mark.parametrize("slot_env", [[], "0,1", [5], [{"A": 1}], [{"": "x"}], [{"A=B": "x"}], {"A": "1"}, [{5: "x"}]])
def test_environments_of_slots_are_checked(slot_env):
    with pytest.raises(ParameterTypeError, match="slot_env"):
        RunOptions(slot_env=slot_env)
    assert count_jobs(-1, RunOptions(slot_env=[{}, {}, {}])) == 3
    assert count_jobs(2, RunOptions(slot_env=[{}, {}, {}])) == 2


def test_gpus_on_the_command_line(tmp_path, capsys):
    from simmanager.cli.main import main

    Path("mine.py").write_text(
        "from test_executor import loop_that_tells_its_world\n"
        "from toys import toy_sim\n"
        "simulation = toy_sim('a', loop_that_tells_its_world, names=['CUDA_VISIBLE_DEVICES'])\n"
    )
    assert main(["run", "mine.py:simulation", "--runs", "1", "--id", "batch", "--gpus", "3"]) == 0
    manager = SimulationManager(existing_simulation="batch")
    assert world_of(manager)["environ"] == {"CUDA_VISIBLE_DEVICES": "3"}
    assert main(["resume", "batch", "--gpus", "0,,1"]) == 2
    assert "--gpus takes numbers" in capsys.readouterr().err


def test_a_worker_that_is_taken_while_all_are_being_frozen_is_frozen_too(tmp_path):
    """One that was being started when the freeze came has something to do only afterwards."""
    slots = Slots(WorkerSettings())
    start = slots._start

    def start_late(environ):
        worker = start(environ)
        slots.freeze()
        return worker

    slots._start = start_late
    try:
        worker = slots.take("recipe")
        wait_for(lambda: state_of(worker.pid) == "T", "it to be stopped")
        slots.thaw()
        wait_for(lambda: state_of(worker.pid) != "T", "it to go on")
        worker.wait_until_ready()
        slots.give_back(worker)
    finally:
        slots.close()
