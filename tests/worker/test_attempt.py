"""execute_run, called here as a worker calls it: from the recipe to the verdict."""

import json
import os
import pickle
import signal
import sys
from pathlib import Path

import pytest
from one_run import execute, make
from toys import BOOM, ToyAgent, failing_loop, listing, toy_sim

from simmanager import RunFolder, RunState
from simmanager.base.errors import SimulationError
from simmanager.base.text import describe
from simmanager.disk.files import SCRATCH
from simmanager.disk.locks import is_held, take_lock
from simmanager.disk.run_folder import RESULTS
from simmanager.worker import attempt
from simmanager.worker.simulate import check_returned, load_recipe
from simmanager.worker.task import Outcome, Task, as_message, as_plain, as_tasks

pytestmark = pytest.mark.python_versions


def states(folder):
    return [str(move.state) for move in folder.read_history().transitions]


def loop_that_looks(agent, env, folder):
    run = RunFolder(folder)
    seen = [is_held(run.lock_file), str(run.read_history().state), sorted(path.name for path in run.path.iterdir())]
    return agent, env, {"seen": seen}


def loop_that_exits(agent, env, code):
    sys.exit(code)


def loop_that_raises_ctrl_c(agent, env):
    raise KeyboardInterrupt("sent by user code")


class CannotBeShown(Exception):
    def __str__(self):
        raise RuntimeError("no text")


def loop_that_raises_the_unspeakable(agent, env):
    raise CannotBeShown


def loop_that_reports(agent, env):
    from simmanager import report_progress

    for done in range(5):
        report_progress(done, 5)
    return agent, env, {}


def loop_that_returns_what_cannot_be_saved(agent, env):
    return agent, env, {"generator": (x for x in [])}


def test_a_run_goes_from_queue_to_finished_and_its_results_are_in_place(tmp_path):
    folder, task = make(tmp_path, toy_sim())
    outcome, error = execute(task)
    assert error is None
    assert (outcome.state, outcome.reason, outcome.executed, outcome.attempt) == ("finished", "", True, 1)
    assert states(folder) == ["in_queue", "running", "finished"]
    assert all((folder.path / name).is_file() for name in RESULTS)
    assert folder.load(folder.params)["simulation_id"] == "toy"
    record = json.loads(folder.record.read_text())
    assert (record["simulation_id"], record["run_id"], record["seed"], record["attempt"]) == ("toy", 3, 5, 1)
    assert not folder.progress.exists()
    assert not list(folder.path.glob(f"{SCRATCH}*"))
    assert not is_held(folder.lock_file)


def test_the_log_tells_the_stages_of_a_run(tmp_path):
    folder, task = make(tmp_path, toy_sim())
    execute(task)
    assert folder.read_log("run").splitlines() == [
        "---> Loading the simulation",
        "---> Initializing models",
        "---> Training loop",
        "---> Saving models",
        "---> Simulation finished",
    ]
    assert folder.read_log("error") == ""


def test_the_line_of_a_running_run_says_where_it_is(tmp_path):
    folder, task = make(tmp_path, toy_sim())
    execute(task)
    detail = folder.read_history().transitions[1].detail
    assert detail.startswith(f"attempt=1 pid={os.getpid()} host=")


def test_the_lock_is_held_while_the_run_lives_and_no_result_is_there_before_its_end(tmp_path):
    folder, _ = make(tmp_path, toy_sim())
    sim = toy_sim(loop=loop_that_looks, folder=str(folder.path))
    (tmp_path / "toy" / "simulation.pkl").write_bytes(sim.recipe())
    execute(Task(str(folder.path), str(tmp_path / "toy" / "simulation.pkl"), 5))
    held, state, names = folder.load(folder.history)["seen"]
    assert held
    assert state == "running"
    assert not set(RESULTS) & set(names)


def test_a_finished_run_is_never_executed_again(tmp_path):
    folder, task = make(tmp_path, toy_sim())
    execute(task)
    before = listing(folder.path)
    outcome, error = execute(task)
    assert outcome == Outcome("finished", executed=False, attempt=1)
    assert error is None
    assert listing(folder.path) == before


def test_an_error_is_the_outcome_not_an_exception(tmp_path):
    folder, task = make(tmp_path, toy_sim(loop=failing_loop))
    outcome, error = execute(task)
    assert (outcome.state, outcome.reason) == ("error", BOOM)
    assert isinstance(error, ValueError)
    assert states(folder) == ["in_queue", "running", "error"]
    assert "Traceback" in folder.read_log("error")
    assert "failing_loop" in folder.read_log("error")
    assert not set(RESULTS) & {path.name for path in folder.path.iterdir()}


@pytest.mark.parametrize(
    ("loop", "params", "reason"),
    [
        (loop_that_exits, {"code": 3}, "the simulation's code called sys.exit(3)"),
        (loop_that_exits, {"code": None}, "the simulation's code called sys.exit("),
        (
            loop_that_raises_the_unspeakable,
            {},
            "CannotBeShown: (its text cannot be shown: __str__ raised RuntimeError)",
        ),
        (failing_loop, {"message": "two\nlines\x1b[31m"}, "ValueError: two lines [31m"),
        (failing_loop, {"message": ""}, "ValueError"),
        (failing_loop, {"no_such": 1}, "TypeError: failing_loop() got an unexpected keyword argument 'no_such'"),
    ],
)
def test_the_reason_is_one_line_that_says_what_happened(loop, params, reason, tmp_path):
    folder, task = make(tmp_path, toy_sim(loop=loop, **params))
    outcome, _ = execute(task)
    assert outcome.state == "error"
    assert reason in outcome.reason
    assert folder.read_history().last.detail == outcome.reason
    assert json.loads(folder.record.read_text())["reason"] == outcome.reason


def test_ctrl_c_of_user_code_is_an_error_where_the_real_one_is_ignored(tmp_path):
    folder, task = make(tmp_path, toy_sim(loop=loop_that_raises_ctrl_c))
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        outcome, _ = execute(task)
    finally:
        signal.signal(signal.SIGINT, before)
    assert outcome.state == "error"
    assert outcome.reason.endswith(
        "loop_that_raises_ctrl_c: the simulation's code raised KeyboardInterrupt sent by user code"
    )
    assert states(folder)[-1] == "error"


def test_a_failed_run_is_executed_again_only_if_that_is_wanted(tmp_path):
    folder, task = make(tmp_path, toy_sim(loop=failing_loop))
    execute(task)
    outcome, _ = execute(task)
    assert (outcome.state, outcome.executed, outcome.reason) == ("error", False, BOOM)
    (tmp_path / "toy" / "simulation.pkl").write_bytes(toy_sim().recipe())
    outcome, _ = execute(Task(task.folder, task.recipe, 5, execute=(*task.execute, "error")))
    assert (outcome.state, outcome.attempt) == ("finished", 2)
    assert states(folder) == ["in_queue", "running", "error", "in_queue", "running", "finished"]
    assert "boom" in (folder.path / "attempt_1" / "error.log").read_text()
    assert folder.read_log("error") == ""


@pytest.mark.parametrize("state", ["running", "interrupted"])
def test_an_interrupted_run_is_executed_again(state, tmp_path):
    folder, task = make(tmp_path, toy_sim())
    moves = [(RunState.RUNNING, "attempt=1")] + ([(RunState.INTERRUPTED, "")] if state == "interrupted" else [])
    folder.move(folder.read_history(), *moves)
    (folder.path / f"{SCRATCH}agent").write_text("half")
    (folder.path / "run.log").write_text("the first attempt")
    outcome, _ = execute(task)
    assert (outcome.state, outcome.attempt) == ("finished", 2)
    assert states(folder) == ["in_queue", "running", "interrupted", "in_queue", "running", "finished"]
    assert not list(folder.path.glob(f"{SCRATCH}*"))
    assert (folder.path / "attempt_1" / "run.log").read_text() == "the first attempt"


def test_a_run_that_died_after_its_results_were_in_place_is_declared_finished(tmp_path):
    folder, task = make(tmp_path, toy_sim())
    execute(task)
    lines = folder.state_log.read_text().splitlines(keepends=True)
    folder.state_log.write_text("".join(lines[:2]))
    before = folder.agent.stat().st_mtime_ns
    outcome, _ = execute(task)
    assert (outcome.state, outcome.executed) == ("finished", False)
    assert folder.read_history().last.detail == "its results were in place"
    assert folder.agent.stat().st_mtime_ns == before


@pytest.mark.parametrize("lost", [*RESULTS, "run.json"])
def test_a_run_that_died_before_all_was_in_place_is_executed_again(lost, tmp_path):
    folder, task = make(tmp_path, toy_sim())
    execute(task)
    lines = folder.state_log.read_text().splitlines(keepends=True)
    folder.state_log.write_text("".join(lines[:2]))
    (folder.path / lost).unlink()
    outcome, _ = execute(task)
    assert (outcome.state, outcome.executed, outcome.attempt) == ("finished", True, 2)


def test_a_lost_state_log_of_a_finished_run_is_written_again(tmp_path):
    folder, task = make(tmp_path, toy_sim())
    execute(task)
    folder.state_log.unlink()
    outcome, _ = execute(task)
    assert (outcome.state, outcome.executed) == ("finished", False)
    assert states(folder) == ["in_queue", "running", "finished"]


def test_a_lost_state_log_of_another_run_puts_it_into_the_queue(tmp_path):
    folder, task = make(tmp_path, toy_sim())
    folder.state_log.unlink()
    assert execute(task)[0].state == "finished"


def test_a_run_that_another_process_executes_is_left_alone(tmp_path, monkeypatch):

    monkeypatch.setattr(attempt, "LOCK_PATIENCE_S", 0)
    folder, task = make(tmp_path, toy_sim())
    lock = take_lock(folder.lock_file, 0)
    outcome, error = execute(task)
    lock.release()
    assert (outcome.state, outcome.executed, error) == ("", False, None)
    assert states(folder) == ["in_queue"]


def test_a_folder_that_is_gone_is_an_error_and_not_made_again(tmp_path):
    outcome, _ = execute(Task(str(tmp_path / "gone"), str(tmp_path / "x"), 1))
    assert outcome.state == "error"
    assert "is gone" in outcome.reason
    assert not (tmp_path / "gone").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "recipe of the simulation"),
        (b"", "cannot be loaded"),
        (b"garbage", "cannot be loaded"),
        (pickle.dumps([1]), "does not hold a complete simulation"),
        (pickle.dumps({"agent_class": ToyAgent}), "does not hold a complete simulation"),
        (b"cno_such_module\nThing\n.", "No module named 'no_such_module'"),
    ],
    ids=["missing", "empty", "garbage", "a list", "incomplete", "module gone"],
)
def test_a_recipe_that_cannot_be_used_is_an_error_of_the_run(content, words, tmp_path):
    folder, task = make(tmp_path, toy_sim())
    Path(task.recipe).unlink()
    if content is not None:
        Path(task.recipe).write_bytes(content)
    outcome, _ = execute(task)
    assert outcome.state == "error"
    assert words in outcome.reason
    with pytest.raises((SimulationError, ImportError)):
        load_recipe(Path(task.recipe))
    assert states(folder)[-1] == "error"


def test_progress_is_not_listened_to_after_the_run(tmp_path):
    from simmanager.base.current_run import current_run

    folder, task = make(tmp_path, toy_sim(loop=loop_that_reports))
    assert execute(task)[0].state == "finished"
    assert not current_run()
    assert not folder.progress.exists()


def test_progress_is_written_at_most_once_a_second(tmp_path, monkeypatch):

    folder, _ = make(tmp_path, toy_sim())
    now = [100.0]
    monkeypatch.setattr(attempt.time, "monotonic", lambda: now[0])
    written = []
    monkeypatch.setattr(RunFolder, "write_bytes", lambda self, target, content: written.append(content))
    listener = attempt._ProgressFile(folder)
    for step in range(100):
        now[0] += 0.1
        listener(step, 100)
    assert 9 <= len(written) <= 10
    assert written[0].decode().split()[1] == "100"


def test_an_empty_history_is_a_history(tmp_path):
    folder, task = make(tmp_path, toy_sim(loop=loop_that_reports))
    execute(task)
    assert folder.load(folder.history) == {}


def test_what_a_loop_must_return_is_said_with_its_name():
    def my_loop():
        pass

    assert check_returned([1, 2, {}], my_loop) == (1, 2, {})
    assert check_returned((1, 2, None), my_loop) == (1, 2, {})
    assert check_returned((1, 2, [{"x": 3}, {"x": 4}]), my_loop) == (1, 2, {"x": [3, 4]})
    for returned in (None, 5, (1, 2), (1, 2, {}, 4), (1, 2, [3])):
        with pytest.raises(SimulationError, match="my_loop"):
            check_returned(returned, my_loop)


def test_an_exception_is_described_in_one_line():
    assert describe(ValueError("a\nb")) == "ValueError: a b"
    assert describe(ValueError()) == "ValueError"
    assert describe(KeyError("x")) == "KeyError: 'x'"
    assert len(describe(ValueError("x" * 5000))) == 300
    assert describe(SystemExit(2)) == "the simulation's code called sys.exit(2)"


def test_tasks_and_outcomes_travel_as_json():
    tasks = [Task(folder, "recipe", seed, provenance={"host": "x"}) for folder, seed in (("a", 5), ("b", 6))]
    assert as_tasks(json.loads(json.dumps(as_message(tasks)))) == tasks
    outcome = Outcome("error", "why", True, 1.5, 2, "1 thread(s)")
    assert Outcome(**json.loads(json.dumps(as_plain(outcome)))) == outcome


def loop_whose_child_exits(agent, env):
    child = os.fork()
    if child == 0:
        sys.exit(7)  # what everybody writes at the end of a child's work
    _, status = os.waitpid(child, 0)
    return agent, env, {"exit_code": [os.waitstatus_to_exitcode(status)]}


def loop_whose_child_returns(agent, env):
    child = os.fork()
    if child:
        os.waitpid(child, 0)
    return agent, env, {"child": [child]}


def loop_whose_child_raises(agent, env):
    child = os.fork()
    if child == 0:
        raise ValueError("in the child")
    _, status = os.waitpid(child, 0)
    return agent, env, {"exit_code": [os.waitstatus_to_exitcode(status)]}


def metric_that_forks(agent, env, history):
    child = os.fork()
    if child:
        os.waitpid(child, 0)
    return 1.0


@pytest.mark.parametrize("loop", [loop_whose_child_exits, loop_whose_child_returns, loop_whose_child_raises])
def test_a_forked_child_that_comes_back_writes_no_verdict(tmp_path, loop):
    folder, task = make(tmp_path, toy_sim(loop=loop))
    outcome, error = execute(task)
    assert (outcome.state, error) == ("finished", None)
    assert states(folder) == ["in_queue", "running", "finished"]
    expected = {loop_whose_child_exits: [7], loop_whose_child_raises: [1]}
    if loop in expected:
        assert folder.load(folder.history)["exit_code"] == expected[loop]
    assert ("ValueError: in the child" in folder.read_log("error")) == (loop is loop_whose_child_raises)


def test_a_metric_whose_child_comes_back_writes_no_second_verdict(tmp_path):
    sim = toy_sim()
    sim.metrics = {"forked": metric_that_forks}
    folder, task = make(tmp_path, sim)
    assert execute(task)[0].state == "finished"
    assert states(folder) == ["in_queue", "running", "finished"]
