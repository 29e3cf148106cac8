"""A manager obeys while it runs: pause, resume, jobs, first, add and stop from another process; also with kills."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from itertools import pairwise
from pathlib import Path

import pytest
from manager_process import MAKE, start_cli, start_script
from toys import hashes, toy_sim
from trouble import counted_loop, executions, wait_for
from waiting_batch import WAITING, begun, counts, finish, logged, start_waiting, waiting_sim

from simmanager import (
    BatchBusy,
    BatchHandle,
    OrderNotAnswered,
    OrderRefused,
    ParameterError,
    SimulationManager,
    UnknownName,
    read_status,
)
from simmanager.base.clock import utc_now
from simmanager.cli.main import main
from simmanager.disk.batch_folder import BatchFolder
from simmanager.disk.batch_lock import Signature
from simmanager.disk.files import SCRATCH
from simmanager.disk.orders import ORDERS, ask


@pytest.fixture(autouse=True)
def traces(leaves_nothing_behind: None, tmp_path: Path) -> Path:
    (tmp_path / "trace").mkdir()
    return tmp_path / "trace"


# Pause -----------------------------------------------------------------------------------------------------------


def test_a_paused_batch_starts_nothing_new_and_goes_on(capsys):
    manager = start_waiting()
    assert main(["pause", "b"]) == 0
    assert capsys.readouterr().out == "Nothing new starts, 2 runs are finishing.\nGo on: simmanager resume b\n"
    Path("gate").touch()
    wait_for(lambda: "no run is at hand any more" in manager.output(), "the runs at hand to end")
    assert counts() == {"finished": 2, "in_queue": 4} and manager.running()
    status = read_status("b")
    assert (status.paused, status.eta_s, status.manager_alive) == ("paused", None, True)
    assert main(["status", "b"]) == 0
    said = capsys.readouterr().out
    assert (
        "33% done, paused" in said
        and "batch.log: " in said
        and "its manager pauses; go on: simmanager resume b" in said
    )
    with pytest.raises(BatchBusy, match="It pauses; let it go on with simmanager resume"):
        SimulationManager(existing_simulation="b").run_all(1, progress=False)
    assert main(["resume", "b"]) == 0
    assert capsys.readouterr().out.startswith("Going on after ")
    finish(manager, 6)
    assert read_status("b").paused == ""
    assert "simmanager pause: nothing new starts" in logged() and "simmanager resume: going on" in logged()


def test_a_pause_outlasts_a_retry():
    """A run that crashes during a pause is started again after it."""
    manager = start_script(MAKE.format(simulations=WAITING, runs=2, name="b", then="manager.run_all(2, retries=1)"))
    wait_for(lambda: begun() == 2, "the first runs to begin")
    assert ask(Path("b"), "pause")
    victim = next(run.pid for run in read_status("b").runs if run.state == "running")
    os.kill(victim, signal.SIGKILL)
    wait_for(lambda: counts().get("error") == 1, "its verdict")
    time.sleep(0.5)
    assert counts() == {"error": 1, "running": 1, "in_queue": 2}
    assert ask(Path("b"), "resume")
    Path("gate").touch()
    assert manager.wait() == 0, manager.output()
    assert counts() == {"finished": 4}


def test_a_second_pause_and_a_resume_without_a_pause_are_no_harm():
    manager = start_waiting()
    assert ask(Path("b"), "resume") == "it does not pause"
    assert ask(Path("b"), "pause") == ask(Path("b"), "pause")
    assert ask(Path("b"), "resume").startswith("going on")
    finish(manager, 6)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_paused_manager_obeys_signals(number):
    manager = start_waiting()
    assert ask(Path("b"), "pause")
    manager.signal(number)
    wait_for(lambda: "2 runs are finishing" in manager.output(), "the manager to say so")
    Path("gate").touch()
    assert manager.wait() != 0
    assert counts() == {"finished": 2, "in_queue": 4} and read_status("b").paused == ""
    assert SimulationManager(existing_simulation="b").run_all(2, progress=False).all_finished


def test_a_manager_killed_while_it_pauses_loses_nothing(capsys):
    manager = start_waiting()
    assert ask(Path("b"), "pause")
    manager.signal(signal.SIGKILL)
    manager.wait()
    Path("gate").touch()
    wait_for(lambda: not counts().get("running"), "the runs that it left")
    assert read_status("b").paused == "" and counts() == {"finished": 2, "in_queue": 4}
    assert main(["resume", "b"]) == 0
    assert read_status("b").all_finished and set(executions(Path("trace")).values()) == {1}


def test_resume_of_a_paused_batch_takes_the_number_of_jobs_only(capsys):
    manager = start_waiting()
    assert ask(Path("b"), "pause")
    assert main(["resume", "b", "--timeout", "5"]) == 2
    assert "it goes on with its options, not with timeout" in capsys.readouterr().err
    assert read_status("b").paused == "paused"
    assert main(["resume", "b", "--jobs", "3"]) == 0
    wait_for(lambda: begun() == 3, "a third run")
    finish(manager, 6)
    assert BatchFolder("b").read_manifest().options == {"n_jobs": 3}


# Jobs and order --------------------------------------------------------------------------------------------------


def test_more_and_fewer_runs_at_a_time(capsys):
    manager = start_waiting(runs=4, jobs=1)
    assert main(["jobs", "b", "3"]) == 0
    assert capsys.readouterr().out == "3 runs at a time.\n"
    wait_for(lambda: begun() == 3, "two more runs")
    assert main(["jobs", "b", "1"]) == 0
    assert capsys.readouterr().out == "1 run at a time; 2 runs at hand will end first.\n"
    for trace in list(Path("trace").glob("*.trace"))[:1]:
        assert trace.exists()
    time.sleep(0.6)
    assert counts() == {"running": 3, "in_queue": 5} and begun() == 3
    finish(manager, 8)


def test_no_more_runs_than_were_asked_for_go_at_a_time():
    then = "manager.run_all(4)"
    text = MAKE.format(
        simulations="[toy_sim('w', counted_loop, folder='trace', seconds=0.3)]", runs=16, name="b", then=then
    )
    manager = start_script(text)
    wait_for(lambda: begun() >= 4, "the first runs")
    assert ask(Path("b"), "jobs", n_jobs=1) == "1 run at a time; 3 runs at hand will end first"
    wait_for(lambda: counts().get("running", 0) <= 1, "the others to end")
    others_ended = utc_now()  # what is looked at run by run is not one moment: the records tell
    assert manager.wait() == 0 and counts() == {"finished": 16}
    later = sorted((run.started, run.ended) for run in read_status("b").runs if run.started > others_ended)
    assert len(later) >= 8 and all(before[1] <= after[0] for before, after in pairwise(later))


@pytest.mark.parametrize("number", ["0", "many"])
def test_a_number_of_jobs_that_is_none_is_refused_before_anybody_is_asked(number, capsys):
    manager = start_waiting()
    if number == "many":
        with pytest.raises(SystemExit):
            main(["jobs", "b", number])
    else:
        assert main(["jobs", "b", number]) == 2
    assert "jobs" in capsys.readouterr().err
    assert "simmanager jobs" not in logged() and BatchFolder("b").read_manifest().options == {"n_jobs": 2}
    finish(manager, 6)


def test_what_the_user_wants_first_comes_first(capsys):
    manager = start_waiting(runs=4, jobs=1)
    assert main(["first", "b", "v"]) == 0
    assert "of v that wait come first" in capsys.readouterr().out
    with pytest.raises(UnknownName, match="No simulation 'x'"):
        BatchHandle("b").first("x")
    finish(manager, 8)
    starts = [line.partition("/")[0] for line in Path("b/starts.log").read_text().split()]
    assert starts == ["w", "v", "v", "v", "v", "w", "w", "w"]


# Add -------------------------------------------------------------------------------------------------------------

MORE = """
from trouble import counted_loop
from toys import toy_sim
simulation_list = [toy_sim(name, counted_loop, folder='trace', gate='gate') for name in {names}]
"""


def test_simulations_and_runs_are_added_to_a_running_batch(capsys):
    manager = start_waiting()
    Path("more.py").write_text(MORE.format(names=("w", "u")))
    assert main(["add", "b", "more.py", "--runs", "5"]) == 0
    said = capsys.readouterr().out
    assert "The manager that runs the batch: 9 runs more to execute." in said
    assert "Added 1 simulation: u, 9 runs; 15 in all." in said
    assert main(["add", "b", "more.py", "--runs", "5"]) == 0
    assert "Added 0 simulations, 0 runs; 15 in all." in capsys.readouterr().out
    finish(manager, 15)
    assert "15 runs: 15 finished" in manager.output()


def test_what_was_added_meanwhile_is_what_would_have_been_made_before():
    """The same results as those of a batch that had it from the beginning."""
    manager = start_script(
        MAKE.format(
            simulations="[toy_sim('w', counted_loop, folder='trace', gate='gate')]",
            runs=2,
            name="b",
            then="manager.run_all(2)",
        )
    )
    wait_for(lambda: begun() == 2, "the first runs")
    other = SimulationManager(existing_simulation="b")
    assert other.add([toy_sim("u")], 4) == ["u"]
    finish(manager, 8)
    seed = BatchFolder("b").read_manifest().seed
    whole = SimulationManager([waiting_sim("w"), toy_sim("u")], 4, "whole", seed=seed)
    assert whole.run_all(2, progress=False).all_finished
    assert hashes(Path("b")) == hashes(Path("whole"))


def test_other_parameters_are_refused_while_the_batch_runs():
    manager = start_waiting()
    with pytest.raises(BatchBusy, match="w: the parameters differ"):
        SimulationManager(existing_simulation="b").add([toy_sim("w", counted_loop, folder="trace", gate="other")])
    finish(manager, 6)


def test_run_extend_names_what_adds_to_a_running_batch(capsys):
    manager = start_waiting()
    Path("more.py").write_text(MORE.format(names=("w", "u")))
    assert main(["run", "more.py", "--id", "b", "--extend", "--runs", "4"]) == 2
    error = capsys.readouterr().err
    assert "To add to it while it runs: simmanager add" in error
    words = error.strip().rpartition("simmanager add ")[2].split()
    assert main(["add", *words]) == 0
    finish(manager, 12)


def test_without_a_manager_it_is_only_added(capsys):
    SimulationManager([toy_sim("a")], 2, "b", seed=1).run_all(1, progress=False)
    Path("more.py").write_text("from toys import toy_sim\nsimulation_list = [toy_sim('a'), toy_sim('c')]\n")
    assert main(["add", "b", "more.py", "--runs", "3"]) == 0
    said = capsys.readouterr().out
    assert said == "Added 1 simulation: c, 4 runs; 6 in all.\nRun them: simmanager resume b\n"
    assert counts() == {"finished": 2, "in_queue": 4}
    assert main(["resume", "b"]) == 0 and counts() == {"finished": 6}


def test_two_who_add_at_a_time_lose_nothing_of_each_other():
    manager = start_waiting(runs=1)
    names = [f"more_{number}" for number in range(4)]
    failed = []

    def add(name: str) -> None:
        try:
            SimulationManager(existing_simulation="b").add([waiting_sim(name)])
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=add, args=[name]) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    finish(manager, 6)
    assert set(BatchFolder("b").read_manifest().simulation_ids) == {"w", "v", *names}


def test_who_adds_is_killed_and_nothing_is_lost():
    """Killed between manager.json and the folders of the runs, which the next resume makes."""
    manager = start_waiting()
    text = (
        "import os, signal\nfrom toys import toy_sim\nfrom simmanager import SimulationManager\n"
        "from simmanager.disk.batch_folder import OpenBatch\n"
        "OpenBatch.add_run = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "SimulationManager(existing_simulation='b').add([toy_sim('u')])\n"
    )
    killed = start_script(text)
    assert killed.wait() == -signal.SIGKILL
    assert SimulationManager(existing_simulation="b").add([waiting_sim("t")]) == ["t"]
    Path("gate").touch()
    assert manager.wait() == 0, manager.output()
    assert SimulationManager(existing_simulation="b").run_all(2, progress=False).all_finished
    assert counts() == {"finished": 12} and set(executions(Path("trace")).values()) == {1}


def test_a_manager_killed_right_after_something_was_added_loses_nothing():
    manager = start_waiting()
    assert SimulationManager(existing_simulation="b").add([waiting_sim("u")]) == ["u"]
    manager.signal(signal.SIGKILL)
    manager.wait()
    Path("gate").touch()
    wait_for(lambda: not counts().get("running"), "the runs that it left")
    assert SimulationManager(existing_simulation="b").run_all(2, progress=False).all_finished
    assert counts() == {"finished": 9} and set(executions(Path("trace")).values()) == {1}


def test_a_rerun_of_one_simulation_leaves_what_is_added_to_the_next_resume():
    SimulationManager([waiting_sim("w"), toy_sim("v")], 2, "b", seed=1).generate_sim_paths()
    then = "SimulationManager(existing_simulation='b').rerun_simulation('w', n_jobs=1)"
    manager = start_script(f"from simmanager import SimulationManager\n{then}\n")
    wait_for(lambda: begun() == 1, "the first run")
    SimulationManager(existing_simulation="b").add([toy_sim("u")], 3)
    Path("gate").touch()
    assert manager.wait() == 0, manager.output()
    assert counts() == {"finished": 3, "in_queue": 6}


# From Python -----------------------------------------------------------------------------------------------------


def test_the_handle_and_the_manager_ask_as_the_command_line_does():
    manager = SimulationManager([waiting_sim("w"), waiting_sim("v")], 3, "b", seed=1)
    handle = manager.start(1)
    assert handle.pause() == "nothing new starts, 1 run is finishing"
    assert manager.jobs(2) == "2 runs at a time"
    assert manager.first("v") == "3 runs of v that wait come first"
    with pytest.raises(ParameterError, match="not with timeout"):
        manager.resume(timeout=3)
    assert manager.resume().paused == ""
    wait_for(lambda: begun() == 2, "a second run")
    assert "2 runs are finishing" in handle.stop()
    Path("gate").touch()
    assert handle.wait(60).counts["finished"] == 2
    assert manager.pause() == handle.resume() == "no manager is running this batch"
    assert manager.resume(progress=False).all_finished


def test_a_thread_of_the_managers_process_may_ask():
    manager = SimulationManager([waiting_sim("w")], 4, "b", seed=1)
    said = []

    def ask_for_less() -> None:
        wait_for(lambda: begun() == 1, "the first run")
        said.append(manager.pause())
        Path("gate").touch()
        said.append(BatchHandle("b").resume(2))

    thread = threading.Thread(target=ask_for_less)
    thread.start()
    assert manager.run_all(1, progress=False).all_finished
    thread.join()
    assert said[0] == "nothing new starts, 1 run is finishing" and said[1].startswith("going on after")


# The box of the orders -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [["pause"], ["jobs", "2"], ["first", "w"], ["stop"]])
def test_without_a_manager_nothing_is_left_behind(words, capsys):
    SimulationManager([toy_sim("w")], 1, "b", seed=1).run_all(1, progress=False)
    assert main([words[0], "b", *words[1:]]) == 0
    said = capsys.readouterr().out
    assert "o manager is running this batch" in said and ("kept for the next one: jobs 2" in said) == ("2" in words)
    assert not Path("b", ORDERS).exists()
    assert main([words[0], "nothing", *words[1:]]) == 2


def test_an_order_to_a_manager_that_is_gone_is_not_obeyed_by_the_next():
    SimulationManager([toy_sim("w")], 2, "b", seed=1).generate_sim_paths()
    Path("b", ORDERS).mkdir()
    order = {"to": ["here", 1, "then"], "verb": "stop", "arguments": {"now": True}, "is_awaited": True}
    Path("b", ORDERS, f"{1:020d}-1-0.json").write_text(json.dumps(order))
    assert SimulationManager(existing_simulation="b").run_all(1, progress=False).all_finished
    assert not Path("b", ORDERS).exists()


def test_nothing_but_orders_is_removed_from_the_folder_of_the_orders():
    SimulationManager([toy_sim("w")], 2, "b", seed=1).generate_sim_paths()
    kept = Path("b", ORDERS, "run_0_27-11-2026_14-15-33-591", "agent")  # of a simulation of that name, in earlier days
    kept.parent.mkdir(parents=True)
    kept.touch()
    for name in (f"{1:020d}-1-0.json", f"{1:020d}-1-0.json.answer", f"{SCRATCH}{2:020d}-1-0.json"):
        Path("b", ORDERS, name).touch()
    assert SimulationManager(existing_simulation="b").run_all(1, progress=False).all_finished
    assert list(Path("b", ORDERS).rglob("*")) == [kept.parent, kept]


def test_a_manager_that_is_stopped_does_it_later(capsys):
    manager = start_waiting()
    manager.signal(signal.SIGSTOP)
    with pytest.raises(OrderNotAnswered, match=r"has not answered for 0\.5 s"):
        ask(Path("b"), "jobs", patience_s=0.5, n_jobs=3)
    manager.signal(signal.SIGCONT)
    wait_for(lambda: begun() == 3, "what was asked")
    time.sleep(1.1)  # nobody reads the answer any more
    finish(manager, 6)


def test_orders_that_make_no_sense_harm_nothing(tmp_path):
    manager = start_waiting()
    holder = list(Signature(**json.loads(Path("b/batch.lock").read_text())).holder)
    Path("b", ORDERS).mkdir()
    for number, content in enumerate(
        ["", "[]", "{}", '{"to": 3}', json.dumps({"to": holder, "verb": 7, "arguments": []})]
    ):
        Path("b", ORDERS, f"{number:020d}-1-0.json").write_text(content)
    with pytest.raises(OrderRefused, match="knows no 'dance'"):
        ask(Path("b"), "dance")
    with pytest.raises(OrderRefused, match="unexpected keyword"):
        ask(Path("b"), "pause", tempo=3)
    with pytest.raises(OrderRefused, match="must be a whole number"):
        ask(Path("b"), "jobs", n_jobs="x' or 1")
    Path("gate").touch()
    assert manager.wait() == 0 and counts() == {"finished": 6}
    assert SimulationManager(existing_simulation="b").run_all(1, progress=False).all_finished
    assert not Path("b", ORDERS).exists() or not list(Path("b", ORDERS).iterdir())


def test_a_link_in_the_place_of_the_orders_is_not_followed(tmp_path, capsys):
    manager = start_waiting()
    (tmp_path / "elsewhere").mkdir()
    Path("b", ORDERS).symlink_to(tmp_path / "elsewhere")
    assert main(["pause", "b"]) == 2
    assert "is in the way of orders" in capsys.readouterr().err
    Path("gate").touch()
    assert manager.wait() == 0 and counts() == {"finished": 6}
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_second_manager_is_refused_whatever_the_first_was_told():
    manager = start_waiting()
    for verb, arguments in {"pause": {}, "jobs": {"n_jobs": 1}, "resume": {}, "first": {"simulation_id": "v"}}.items():
        assert ask(Path("b"), verb, **arguments)
        with pytest.raises(BatchBusy):
            SimulationManager(existing_simulation="b").run_all(1, progress=False)
    finish(manager, 6)


def test_a_detached_batch_obeys_too(capsys):
    Path("mine.py").write_text(MORE.format(names=("w", "v")))
    started = start_cli("run", "mine.py", "--id", "b", "--runs", "3", "--jobs", "1", "--detach")
    assert started.wait() == 0, started.output()
    assert main(["pause", "b"]) == 0
    assert main(["jobs", "b", "2"]) == 0
    assert main(["resume", "b"]) == 0
    wait_for(lambda: begun() == 2, "a second run")
    Path("gate").touch()
    wait_for(lambda: read_status("b").all_finished and not read_status("b").manager_alive, "its end")
    assert [line.split(": ", 1)[1].partition(":")[0] for line in logged().splitlines() if " process " in line][:4] == [
        "simmanager run mine.py --id b --runs 3 --jobs 1 --detach",
        "simmanager pause",
        "simmanager jobs",
        "simmanager resume",
    ]


def test_the_log_says_how_a_batch_ended():
    SimulationManager([toy_sim("w")], 2, "b", seed=1).run_all(1, progress=False)
    assert read_status("b").last_said == logged().splitlines()[-1]
    assert read_status("b").last_said.endswith(": ended: 2 finished")


def test_a_manager_that_executes_the_runs_itself_can_be_stopped_between_two():
    then = "manager.run_all(in_process=True)"
    manager = start_script(MAKE.format(simulations=WAITING, runs=2, name="b", then=then))
    wait_for(lambda: begun() == 1 or not manager.running(), "the first run to begin")
    refused = []

    def ask_in_vain() -> None:
        with pytest.raises(OrderRefused, match="it only stops"):
            ask(Path("b"), "jobs", patience_s=30, n_jobs=2)
        refused.append(True)

    thread = threading.Thread(target=ask_in_vain)
    thread.start()
    wait_for(lambda: Path("b", ORDERS).is_dir() and any(Path("b", ORDERS).glob("*.json")), "the question")
    assert ask(Path("b"), "stop", patience_s=0) == ""
    Path("gate").touch()
    thread.join(30)
    assert manager.wait() == 0, manager.output()
    assert refused and counts() == {"finished": 1, "in_queue": 3}
