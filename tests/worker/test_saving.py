"""The results of a run, each part on its own: in worker processes, as users have it."""

import json
import sys
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from one_run import execute, make
from toys import ToyAgent, ToyArena, toy_loop, toy_sim

from simmanager import (
    NotSaved,
    OneShot,
    PartNotSaved,
    RunFolder,
    RunState,
    SimulationError,
    SimulationManager,
    SingleSim,
    read_results,
    read_status,
    reproduce,
)
from simmanager.disk.run_folder import RESULTS
from simmanager.results.terminal import not_kept


class Writer:
    """As TensorBoard's: it holds an open file."""

    def __init__(self, path):
        self.file = open(path, "w")  # noqa: PTH123 - as users have it

    def __del__(self):
        self.file.close()


class LoggingAgent(ToyAgent):
    """Opens its log when it is made."""

    def __init__(self):
        super().__init__()
        self.writer = Writer("/dev/null")


class LockedAgent(ToyAgent):
    """Gets a lock while it is trained."""

    def update(self):
        self.parts = {"lock": [threading.Lock()]}
        return super().update()


class LockedArena(ToyArena):
    def __init__(self):
        super().__init__()
        self.lock = threading.Lock()


class ClumsyAgent(ToyAgent):
    """Its own way of saving itself has a fault."""

    def save_agent(self, path):
        raise ZeroDivisionError("one over nothing")


class AbsentMindedAgent(ToyAgent):
    def save_agent(self, path):
        pass


class OutOfMemory:
    def __reduce__(self):
        raise MemoryError("too much")


class ForgetfulAgent(ToyAgent):
    """Says itself what of it is pickled: that code is not executed before the run."""

    n_asked = 0

    def __getstate__(self):
        type(self).n_asked += 1
        return {"n_asked": type(self).n_asked}


def last_position(agent, env, history):
    return history["position"][-1]


def spoiling_metric(agent, env, history):
    agent.updates = -1
    return 5.0


def sim(agent_class=ToyAgent, simulation_id="toy", **fields):
    return toy_sim(simulation_id).copy(
        **{"agent_class": agent_class, "agent_params": {}, "metrics": {"last": last_position}, **fields}
    )


#: Why each of these agents is not saved.
REASONS = {
    LoggingAgent: "LoggingAgent.writer.file cannot be pickled (PicklingError: Cannot pickle files that are not opened "
    "for reading: w)",
    LockedAgent: "LockedAgent.parts['lock'][0] cannot be pickled (TypeError: cannot pickle '_thread.lock' object)",
    ClumsyAgent: "ClumsyAgent.save_agent raised ZeroDivisionError: one over nothing",
    AbsentMindedAgent: "Saving 'agent' wrote no file at the path it was given (does it add a file ending?).",
}


@pytest.mark.parametrize("agent_class", REASONS, ids=lambda kind: kind.__name__)
def test_an_agent_that_cannot_be_saved_fails_no_trained_run_and_is_named_everywhere(agent_class, tmp_path):
    why = REASONS[agent_class]
    manager = SimulationManager([sim(agent_class)], 1, "b", seed=1)
    (run,) = manager.run_all(progress=False).runs
    assert (run.state, run.reason) == (RunState.FINISHED, f"agent not saved: {why}")
    folder = RunFolder(run.path)
    assert folder.read_history().last.detail.endswith(f"; agent not saved: {why}")
    assert json.loads(folder.record.read_text())["not_saved"] == {"agent": why}
    assert f"simmanager: agent not saved: {why}" in folder.read_log("error")
    (result,) = manager.results()
    assert result.not_saved == {"agent": why}
    assert not_kept(manager.results()) == [f"agent not saved in 1 run: {why}"]
    assert manager.results().rows()[0]["not_saved"] == f"agent: {why}"
    assert result.metrics["last"] == manager.results().curves("position")["toy"].values[0, -1]


def test_what_was_saved_is_loaded_and_what_was_not_says_why():
    manager = SimulationManager([sim(LockedAgent)], 1, "b", seed=1)
    manager.run_all(progress=False)
    agent, env, history = manager.load_results("toy", 0)
    assert isinstance(agent, NotSaved)
    assert not agent
    assert str(agent) == f"<agent not saved: {REASONS[LockedAgent]}>"
    assert env.position == history["position"][-1]
    for use in (lambda: agent.gain, lambda: agent[0], lambda: agent.act(0), lambda: agent()):
        with pytest.raises(PartNotSaved, match=r"LockedAgent\.parts\['lock'\]\[0\] cannot be pickled.*__getstate__"):
            use()
    assert not hasattr(agent, "gain")


def test_an_arena_that_cannot_be_saved_leaves_the_agent(tmp_path):
    folder, task = make(tmp_path, sim(env_class=LockedArena, env_params={}))
    execute(task)
    why = "LockedArena.lock cannot be pickled (TypeError: cannot pickle '_thread.lock' object)"
    assert folder.load(folder.agent).updates == 10
    assert repr(folder.load(folder.arena)) == f"<arena not saved: {why}>"
    assert "simmanager: the arena will not be saved as it is now: " + why in folder.read_log("run")


def test_a_run_with_a_part_not_saved_is_complete_for_whoever_finds_it_dead(tmp_path):
    folder, task = make(tmp_path, sim(LockedAgent))
    execute(task)
    lines = folder.state_log.read_text().splitlines(keepends=True)
    folder.state_log.write_text("".join(lines[:2]))
    outcome, _ = execute(task)
    assert (outcome.state, outcome.executed, outcome.attempt) == ("finished", False, 1)
    assert read_status(folder.path).runs[0].reason == f"agent not saved: {REASONS[LockedAgent]}"
    folder.state_log.write_text("".join(lines[:2]))
    folder.arena.unlink()
    assert execute(task)[0].attempt == 2


def test_a_run_with_a_part_not_saved_is_reproduced_by_the_others():
    manager = SimulationManager([sim(LockedAgent)], 1, "b", seed=1)
    manager.run_all(progress=False)
    repeated = reproduce(manager.runs[0])
    assert repeated.files == {**dict.fromkeys(RESULTS, "same"), "agent": "not saved"}
    assert repeated.same
    manager.runs[0].arena.write_bytes(b"other")
    assert not reproduce(manager.runs[0]).same


def loop_with_a_generator(agent, env):
    return agent, env, {"x": [1.0, 2.0], "rest": (i for i in [])}


def loop_that_runs_out_of_memory(agent, env):
    return agent, env, {"x": [1.0, 2.0], "rest": OutOfMemory()}


@pytest.mark.parametrize(
    ("loop", "why"),
    [
        (loop_with_a_generator, "TypeError: cannot pickle 'generator' object"),
        (loop_that_runs_out_of_memory, "MemoryError: too much"),
    ],
)
def test_a_history_is_saved_without_what_cannot_be_pickled(loop, why, tmp_path):
    folder, task = make(tmp_path, toy_sim(loop=loop))
    outcome, _ = execute(task)
    text = f"training_hist.dict['rest'] not saved: history['rest'] cannot be pickled ({why})"
    assert (outcome.state, outcome.reason) == ("finished", text)
    assert folder.load(folder.history) == {"x": [1.0, 2.0]}
    assert folder.load(folder.agent).updates == 0


def test_models_are_saved_as_the_loop_left_them_whatever_metrics_do_to_them(tmp_path):
    folder, task = make(tmp_path, sim(metrics={"spoils": spoiling_metric}))
    execute(task)
    assert folder.load(folder.agent).updates == 10


class KilledWhileSaved(ToyAgent):
    def __reduce__(self):
        import os
        import signal

        os.kill(os.getpid(), signal.SIGKILL)


def test_history_and_curves_are_on_the_disk_before_an_agent_is_saved():
    manager = SimulationManager([sim(KilledWhileSaved)], 1, "b", seed=1)
    (run,) = manager.run_all(progress=False).runs
    assert run.state is RunState.ERROR
    folder = RunFolder(run.path)
    assert len(folder.load(folder.history)["position"]) == 10
    with np.load(folder.summary) as saved:
        assert len(saved["position"]) == 10
    manager.rerun_simulation("toy", progress=False)
    (again,) = manager.runs
    with np.load(again.path / "attempt_1" / "summary.npz") as saved:
        assert len(saved["position"]) == 10


def loop_that_fails_later(agent, env):
    print(f"life {agent.gain}")
    raise ValueError(f"boom {agent.gain}")


def test_a_failed_run_keeps_its_logs_when_it_is_run_anew_and_when_it_is_tried_again():
    sims = [toy_sim(loop=loop_that_fails_later).copy(agent_params={"gain": 1.0})]
    manager = SimulationManager(sims, 1, "b", seed=1)
    manager.run_all(progress=False)
    sims[0].agent_params["gain"] = 2.0
    manager.rerun_simulation("toy", progress=False, retries=1, retry_errors=True)
    sims[0].agent_params["gain"], sims[0].training_loop = 3.0, toy_loop
    assert manager.rerun_simulation("toy", progress=False).all_finished
    (run,) = manager.runs
    logs = {path.parent.name: path.read_text() for path in run.path.glob("attempt_*/error.log")}
    assert {name: text.strip().splitlines()[-1] for name, text in logs.items()} == {
        "attempt_1": "ValueError: boom 1.0",
        "attempt_2": "ValueError: boom 2.0",
        "attempt_3": "ValueError: boom 2.0",
    }
    assert "life 1.0" in (run.path / "attempt_1" / "run.log").read_text()
    assert json.loads((run.path / "attempt_3" / "run.json").read_text())["reason"].endswith(" ValueError: boom 2.0")
    assert run.read_log("error") == ""
    manager.rerun_simulation("toy", progress=False, include_finished=True)
    assert not list(manager.runs[0].path.glob("attempt_*"))
    assert [path.name for path in run.path.parent.iterdir() if path.name.startswith(".removed")] == []


# Before the first step -----------------------------------------------------------------------------------------


def test_the_log_warns_before_the_first_step_of_what_will_not_be_saved(tmp_path):
    folder, task = make(tmp_path, sim(LoggingAgent))
    execute(task)
    lines = folder.read_log("run").splitlines()
    warning = f"simmanager: the agent will not be saved as it is now: {REASONS[LoggingAgent]}"
    assert lines.index(warning) < lines.index("---> Training loop")


def test_the_first_look_executes_nothing_of_the_users(tmp_path):
    folder, task = make(tmp_path, sim(ForgetfulAgent, metrics={}))
    before = ForgetfulAgent.n_asked
    execute(task)
    assert folder.load(folder.agent).__dict__ == {"n_asked": before + 1}
    assert "will not be saved" not in folder.read_log("run")


# What is left out of the curves --------------------------------------------------------------------------------


def loop_with_odd_keys(agent, env):
    return agent, env, {"train/loss": [2.0, None], 5: 7, "name": "abc", "ragged": [[1], [1, 2]]}


def test_what_has_no_curve_is_named_in_the_log_and_in_the_results():
    manager = SimulationManager([toy_sim(loop=loop_with_odd_keys)], 1, "b", seed=1)
    manager.run_all(progress=False)
    results = read_results("b")
    assert results.keys == ("train/loss", "5")
    assert results.curves("5")["toy"].values.tolist() == [[7.0]]
    assert results[0].left_out == {"name": "it is text", "ragged": "its values are of different shapes: (1,), (2,)"}
    assert results.rows()[0]["left_out"].startswith("name: it is text; ragged: ")
    assert "simmanager: the summary has no curve 'name': it is text" in manager.runs[0].read_log("error")
    assert not_kept(results)[0] == "name has no curve in 1 run: it is text"
    with pytest.raises(KeyError, match="The history has it, but it is text"):
        results.curves("name")


# What a loop may return ----------------------------------------------------------------------------------------


def loop_with_a_frame(agent, env):
    frame = pd.DataFrame({"loss": [3.0, 1.0, 2.0]}, index=pd.date_range("2026-11-26", periods=3))
    frame.attrs["unit"] = "mV"
    return agent, env, frame.sort_values("loss")


def loop_with_rows(agent, env):
    return agent, env, [{"loss": 3.0}, {"loss": 1.0}]


def loop_that_forgets_the_models(agent, env):
    return {"loss": [3.0, 1.0]}


def loop_with_a_number(agent, env):
    agent.update()
    return agent, env, 3.5


def test_a_frame_stays_a_frame_with_its_attributes_and_its_columns_are_curves(tmp_path):
    folder, task = make(tmp_path, toy_sim(loop=loop_with_a_frame))
    assert execute(task)[0].state == "finished"
    frame = folder.load(folder.history)
    assert (frame["loss"].tolist(), frame.attrs) == ([1.0, 2.0, 3.0], {"unit": "mV"})
    with np.load(folder.summary) as saved:
        assert saved["loss"].tolist() == [1.0, 2.0, 3.0]


def test_a_dataset_stays_a_dataset_with_its_attributes_and_its_variables_are_curves(tmp_path):
    xarray = pytest.importorskip("xarray")

    def loop_with_a_dataset(agent, env):
        v = xarray.DataArray([3.0, 1.0], dims="time", coords={"time": [10, 5]}, attrs={"unit": "mV"})
        return agent, env, xarray.Dataset({"v": v, "area": 2.0}, attrs={"paper": "Stachenfeld 2018"})

    folder, task = make(tmp_path, toy_sim(loop=loop_with_a_dataset))
    assert execute(task)[0].state == "finished"
    history = folder.load(folder.history)
    assert (history.attrs, history["v"].attrs) == ({"paper": "Stachenfeld 2018"}, {"unit": "mV"})
    with np.load(folder.summary) as saved:
        assert (saved["v"].tolist(), saved["area"].tolist()) == ([3.0, 1.0], [2.0])


def test_a_list_of_dicts_is_a_history(tmp_path):
    folder, task = make(tmp_path, toy_sim(loop=loop_with_rows))
    assert execute(task)[0].state == "finished"
    assert folder.load(folder.history) == {"loss": [3.0, 1.0]}


@pytest.mark.parametrize(
    ("loop", "words", "returned", "updates"),
    [
        (loop_that_forgets_the_models, "returned dict; it must return agent, env, history", {"loss": [3.0, 1.0]}, 0),
        (loop_with_a_number, "returned is of type float; it must be a dict", 3.5, 1),
    ],
)
def test_what_is_no_history_is_refused_but_kept(loop, words, returned, updates, tmp_path):
    folder, task = make(tmp_path, toy_sim(loop=loop))
    outcome, error = execute(task)
    assert (outcome.state, type(error)) == ("error", SimulationError)
    assert words in outcome.reason
    assert outcome.reason.endswith("What it returned is kept: load_results gives it as the history.")
    agent, _, history = SingleSim().load_results(folder.path)
    assert (history, agent.updates) == (returned, updates)


def function_without_a_result():
    pass


def function_with_a_frame():
    return pd.DataFrame({"loss": [3.0, 1.0]}, index=[1, 0])


def function_with_a_number():
    return 3.5


def test_a_function_may_return_nothing_or_a_table_and_what_else_it_returns_is_kept():
    functions = (function_without_a_result, function_with_a_frame, function_with_a_number)
    manager = SimulationManager([OneShot(function) for function in functions], 1, "b", seed=1)
    status = manager.run_all(progress=False)
    assert [run.state for run in status.runs] == ["finished", "finished", "error"]
    assert manager.load_results("function_without_a_result", 0) == ({}, None, {})
    result, _, frame = manager.load_results("function_with_a_frame", 0)
    assert result["loss"].tolist() == frame["loss"].tolist() == [3.0, 1.0]
    assert manager.results().curves("loss")["function_with_a_frame"].values.tolist() == [[3.0, 1.0]]
    assert "function_with_a_number returned 3.5 (float); it must return a dict" in status.runs[2].reason
    assert SingleSim().load_results(status.runs[2].path)[2] == 3.5


def test_the_loop_of_the_toys_has_no_remark(tmp_path):
    folder, task = make(tmp_path, toy_sim(loop=toy_loop))
    execute(task)
    record = json.loads(folder.record.read_text())
    assert (record["not_saved"], record["left_out"]) == ({}, {})
    assert Path(folder.error_log).read_text() == ""


class AgentThatPrints(ToyAgent):
    """As the logger of stable-baselines3: it holds the stream to which it prints."""

    def update(self):
        self.stream = sys.stdout
        return super().update()


def test_an_agent_that_holds_the_output_of_its_worker_is_saved():
    manager = SimulationManager([sim(AgentThatPrints)], 1, "b", seed=1)
    (run,) = manager.run_all(progress=False).runs
    assert (run.state, run.reason) == (RunState.FINISHED, "")
    assert manager.load_results("toy", 0)[0].stream is sys.stdout
