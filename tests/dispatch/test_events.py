"""What a batch tells while it runs, and the command at its end."""

from __future__ import annotations

import json
import os
import re
import threading
from pathlib import Path

import pytest
from toys import BOOM, failing_loop, toy_sim

from simmanager import SimulationManager, log_metrics, report_progress
from simmanager.base.errors import ParameterTypeError
from simmanager.cli.main import main
from simmanager.dispatch import events
from simmanager.dispatch.events import Announcer, Event, notify

EVENT = Event("started", "a", 0, "path", "running")


def gated_progress_loop(agent, env, folder=""):
    """Say how far it is, step by step, as the test opens the gates."""
    for step in (1, 2):
        report_progress(step, 4)
        # The first note comes a second after the start; ask until it is due.
        while not (Path(folder) / f"gate{step}").exists():
            report_progress(step, 4)
            threading.Event().wait(0.02)
    return agent, env, {"x": [1.0]}


def executed(*simulations, runs=1, **options):
    told = []
    manager = SimulationManager(list(simulations), runs, "batch", seed=1)
    manager.run_all(2, progress=False, on_event=told.append, **options)
    return manager, told


def test_each_run_is_told_when_it_starts_and_ends_and_the_batch_at_the_end():
    manager, told = executed(toy_sim("a"), toy_sim("bad", failing_loop), runs=2)
    *of_runs, last = told
    assert (last.kind, last.path, last.run_id) == ("batch_ended", str(manager.status().path), None)
    assert last.status.counts == manager.status().counts
    for simulation, run_id in (("a", 0), ("a", 1), ("bad", 0), ("bad", 1)):
        kinds = [event.kind for event in of_runs if (event.simulation_id, event.run_id) == (simulation, run_id)]
        assert kinds == ["started", "ended"]
    assert {(event.state, event.reason) for event in of_runs if event.kind == "ended"} == {
        ("finished", ""),
        ("error", BOOM),
    }


def gated_logging_loop(agent, env, folder=""):
    """Log a loss at each gate that the test opens."""
    for step, loss in enumerate((0.5, float("nan"), 0.25)):
        log_metrics({"loss": loss}, step=step)
        while not (Path(folder) / f"gate{step}").exists():
            threading.Event().wait(0.02)
    return agent, env, {"x": [1.0]}


def test_what_a_run_logs_is_told_once_each(tmp_path):
    told, manager = [], SimulationManager([toy_sim("a", gated_logging_loop, folder=str(tmp_path))], 1, "batch", seed=1)

    def listen(event):
        told.append(event)
        if event.kind == "progress":
            threading.Event().wait(0.6)  # ticks pass in which nothing changes
            (tmp_path / f"gate{len([one for one in told if one.kind == 'progress']) - 1}").touch()

    manager.run_all(1, progress=False, on_event=listen)
    losses = [event.metrics["loss"] for event in told if event.kind == "progress"]
    assert str(losses) == "[0.5, nan, 0.25]"
    assert told[-2].kind == "ended" and told[-2].metrics == {"loss": 0.25} and told[-1].metrics == {}


def test_progress_of_a_run_is_told_when_it_changes(tmp_path):
    told, manager = [], SimulationManager([toy_sim("a", gated_progress_loop, folder=str(tmp_path))], 1, "batch", seed=1)

    def listen(event):
        told.append(event)
        if event.kind == "progress":
            (tmp_path / f"gate{round(event.fraction * 4)}").touch()

    manager.run_all(1, progress=False, on_event=listen)
    assert [event.fraction for event in told if event.kind == "progress"] == [0.25, 0.5]


def test_a_function_that_raises_is_told_once_and_harms_nothing(capsys):
    calls = []

    def raising(event):
        calls.append(event.kind)
        raise RuntimeError("not my day")

    manager = SimulationManager([toy_sim("a")], 3, "batch", seed=1)
    assert manager.run_all(1, progress=False, on_event=raising).all_finished
    assert len(calls) == 7
    assert capsys.readouterr().err.count("RuntimeError: not my day") == 1


def test_the_function_is_called_in_one_thread_in_this_process():
    threads = set()
    manager = SimulationManager([toy_sim("a")], 3, "batch", seed=1)
    manager.run_all(2, progress=False, on_event=lambda event: threads.add(threading.current_thread().name))
    assert threads == {"simmanager-events"}


def test_runs_in_this_process_are_told_too():
    told = []
    manager = SimulationManager([toy_sim("a")], 1, "batch", seed=1)
    manager.run_all(in_process=True, progress=False, on_event=told.append)
    assert [event.kind for event in told] == ["started", "ended", "batch_ended"]


def test_a_function_that_hangs_is_left_behind_and_said_so(monkeypatch, capsys):
    monkeypatch.setattr(events, "_PATIENCE_S", 0.05)
    gate = threading.Event()
    announcer = Announcer(lambda event: gate.wait())
    announcer.send(EVENT)
    announcer.close()
    gate.set()
    assert "left behind" in capsys.readouterr().err


def test_without_a_function_nothing_is_started():
    before = set(threading.enumerate())  # another test may have left a function that hangs
    announcer = Announcer(None)
    announcer.send(EVENT)
    announcer.close()
    assert not announcer.wanted
    new = set(threading.enumerate()) - before
    assert "simmanager-events" not in {thread.name for thread in new}


def test_what_is_no_function_is_refused():
    with pytest.raises(ParameterTypeError, match="on_event must be a function"):
        SimulationManager([toy_sim("a")], 1, "batch").run_all(on_event="print")


def test_the_command_at_the_end_finds_the_summary_in_its_environment(capfd):
    Path("mine.py").write_text("from toys import toy_sim\nsimulations = [toy_sim('a')]\n")
    command = 'printf "%s|%s|%s" "$SIMMANAGER_ID" "$SIMMANAGER_SUMMARY" "$SIMMANAGER_FAILED" > told'
    assert main(["run", "mine.py:simulations", "--runs", "2", "--id", "batch", "--notify", command]) == 0
    assert Path("told").read_text() == "batch|2 finished|0"
    Path("told").unlink()
    assert main(["resume", "batch", "--notify", command]) == 0
    assert Path("told").read_text() == "batch|2 finished|0"


#: Appends a line for each call.
TELLS = (
    'printf "%s|%s failed of %s|%s|%s\\n" "$SIMMANAGER_EVENT" "$SIMMANAGER_FAILED" "$SIMMANAGER_TOTAL" '
    '"$SIMMANAGER_REASON" "$SIMMANAGER_DURATION" >> told'
)


@pytest.mark.parametrize(
    ("when", "kinds"),
    [(None, ["end"]), ("end", ["end"]), ("failure", ["failure"]), ("failure,end", ["failure", "end"])],
)
def test_the_command_is_run_at_the_first_failure_if_that_is_wanted_and_at_the_end(when, kinds):
    Path("mine.py").write_text(
        "from toys import failing_loop, toy_sim\nsimulation_list = [toy_sim('bad', failing_loop), toy_sim('good')]\n"
    )
    words = [] if when is None else ["--notify-on", when]
    run = ["run", "mine.py", "--runs", "2", "--id", "batch", "--jobs", "1", "--notify", TELLS, *words]
    assert main(run) == 1
    told = [line.split("|") for line in Path("told").read_text().splitlines()]
    assert [kind for kind, *_ in told] == kinds
    for kind, counts, reason, lasted in told:
        assert counts == ("1 failed of 4" if kind == "failure" else "2 failed of 4")
        assert reason.startswith("bad run 0: ") and BOOM in reason
        assert re.fullmatch(r"\d+(\.\d\d)? s", lasted)


def test_the_reason_is_that_of_the_run_that_fails_now_not_of_one_that_has_failed_before():
    Path("mine.py").write_text(
        "from toys import failing_loop, toy_sim\nsimulation_list = [toy_sim(name, failing_loop) for name in 'ab']\n"
    )
    assert main(["run", "mine.py", "--runs", "1", "--id", "batch", "--jobs", "1"]) == 1
    assert main(["rerun", "batch", "b", "--notify", TELLS, "--notify-on", "failure"]) == 1
    assert Path("told").read_text().startswith("failure|2 failed of 2|b run 0: ")


def test_when_without_a_command_is_refused(capsys):
    Path("mine.py").write_text("from toys import toy_sim\nsimulation_list = [toy_sim('a')]\n")
    assert main(["run", "mine.py", "--notify-on", "failure"]) == 2
    assert "give --notify COMMAND, too" in capsys.readouterr().err
    assert not Path("mine").exists()


def test_where_nothing_fails_nothing_is_told_of_a_failure():
    Path("mine.py").write_text("from toys import toy_sim\nsimulation_list = [toy_sim('good')]\n")
    assert main(["run", "mine.py", "--id", "batch", "--notify", TELLS, "--notify-on", "failure"]) == 0
    assert not Path("told").exists()


def test_when_the_command_is_run_must_be_one_of_the_words(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["run", "mine.py", "--notify", "true", "--notify-on", "success"])
    assert ended.value.code == 2
    assert "takes failure, end, or both with a comma between them; not 'success'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "patience_s", "words"),
    [("exit 3", 60, "exit code 3"), ("exec sleep 600 # s3cret", 0.2, "did not end within 0.2 s")],
)
def test_a_command_that_fails_or_hangs_is_told_and_harms_nothing(monkeypatch, capfd, command, patience_s, words):
    monkeypatch.setattr(events, "_PATIENCE_S", patience_s)
    manager = SimulationManager([toy_sim("a")], 1, "batch", seed=1)
    manager.generate_sim_paths()
    notify(command, manager.status())
    said = capfd.readouterr().err
    assert words in said and "s3cret" not in said


def test_what_a_command_that_hangs_has_started_ends_with_it(monkeypatch, tmp_path):
    monkeypatch.setattr(events, "_PATIENCE_S", 2.0)  # enough for a shell to start
    manager = SimulationManager([toy_sim("a")], 1, "batch", seed=1)
    manager.generate_sim_paths()
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    notify(f"exec > {tmp_path / 'pipe'}; echo started; (sleep 600; echo ended); :", manager.status())
    os.set_blocking(reader, True)
    with os.fdopen(reader, "rb") as pipe:
        assert pipe.read() == b"started\n"  # returns when no process has it open any more


def test_events_are_plain_records():
    assert json.loads(json.dumps(EVENT[:7])) == ["started", "a", 0, "path", "running", None, ""]
