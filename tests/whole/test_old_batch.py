"""Folders that version 0.1.0 made, before its modules were sorted into packages, open with the version of today.

How they were made: ``old_batch/make.py``. Here public names only, as a user's scripts have them.
"""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from simmanager import (
    OneShot,
    ParameterError,
    SimulationManager,
    SingleSim,
    default_training_loop,
    episode_based_training_loop,
    read_results,
    read_status,
    reinforcement_learning_loop,
    reproduce,
)
from simmanager.agents import AgentCore, QLearning, RandomAgent, Stachenfeld2018, Weber2018
from simmanager.arenas import (
    CircularArena,
    ConnectedRooms,
    Environment,
    GymnasiumArena,
    MergingRoom,
    RecordedTrajectory,
    Simple2D,
    example_recording,
)
from simmanager.cli.main import main
from simmanager.compat.neuralplayground import tem_training_loop

OLD = Path(__file__).parents[1] / "old_batch"

#: Byte code is that of one version of Python: what a script had by value, and the checkpoints of 0.1.0, which held some
#: of simmanager's own, are of use in that one only.
SAME_PYTHON = sys.version_info[:2] == (3, 11)
same_python = pytest.mark.skipif(not SAME_PYTHON, reason="the batch was made by Python 3.11")

#: Simulation -> class of its agent and of its arena, for every run that was finished.
FINISHED = {
    "places__lr_td=0.01": (Stachenfeld2018, Simple2D),
    "places__lr_td=0.1": (Stachenfeld2018, Simple2D),
    "grids": (Weber2018, CircularArena),
    "corridor": (AgentCore, ConnectedRooms),
    "merging": (RandomAgent, MergingRoom),
    "recorded": (AgentCore, RecordedTrajectory),
    "example": (RandomAgent, RecordedTrajectory),
    "still": (AgentCore, Environment),
    "compass": (QLearning, Simple2D),
    "pole": (QLearning, GymnasiumArena),
    "tem": (object, object),
    "decay": (dict, type(None)),
    "second_attempt": (RandomAgent, Simple2D),
}

OTHER_STATES = {"failed": "error", "cut_steps": "interrupted", "cut_episodes": "interrupted", "waiting": "in_queue"}

#: Simulation -> fields of its recipe, by the names that they have today.
RECIPES = {
    "places__lr_td=0.1": (Stachenfeld2018, Simple2D, episode_based_training_loop),
    "grids": (Weber2018, CircularArena, default_training_loop),
    "corridor": (AgentCore, ConnectedRooms, default_training_loop),
    "merging": (RandomAgent, MergingRoom, default_training_loop),
    "example": (RandomAgent, example_recording, default_training_loop),
    "still": (AgentCore, Environment, default_training_loop),
    "pole": (QLearning, GymnasiumArena, reinforcement_learning_loop),
}


def copied(name, tmp_path, monkeypatch):
    """Return a copy of an old folder; the module beside the file that made it can be imported."""
    monkeypatch.syspath_prepend(OLD)
    monkeypatch.delitem(sys.modules, "old_models", raising=False)
    folder = tmp_path / name
    shutil.copytree(OLD / name, folder)
    if not SAME_PYTHON:
        for checkpoint in folder.glob("*/run_*/checkpoint.pkl"):
            checkpoint.unlink()
    return folder


@pytest.fixture
def batch(tmp_path, monkeypatch):
    return copied("batch_0_1", tmp_path, monkeypatch)


@pytest.fixture
def script_batch(tmp_path, monkeypatch):
    return copied("script_0_1", tmp_path, monkeypatch)


@pytest.fixture
def single(tmp_path, monkeypatch):
    return copied("single_0_1", tmp_path, monkeypatch)


def opened(folder):
    return SimulationManager(existing_simulation=folder)


def counts(status):
    return {state: number for state, number in status.counts.items() if number}


def finished_files(folder):
    """Return the content of every file in the runs that were finished when the batch was made."""
    return {
        path: path.read_bytes()
        for name in FINISHED
        for path in (folder / name).glob("run_0_*/**/*")
        if path.is_file() and path.name != "state.lock"
    }


def simulation_files(folder):
    return {path: path.read_bytes() for path in folder.glob("*/simulation.pkl")}


def test_the_pickles_are_those_of_the_old_version():
    """Made anew by a later version, they would prove nothing."""
    manifest = json.loads((OLD / "batch_0_1" / "manager.json").read_text(encoding="utf-8"))
    assert manifest["provenance"]["simmanager"]["git_commit"].startswith("3adea377a5a9")
    recipe = (OLD / "batch_0_1" / "grids" / "simulation.pkl").read_bytes()
    for module in (b"simmanager.training_loops", b"simmanager.agents.weber_2018", b"simmanager.grid_score"):
        assert module in recipe
    assert b"simmanager.recording" in next((OLD / "batch_0_1" / "compass").glob("run_0_*/arena")).read_bytes()


# Looking -------------------------------------------------------------------------------------------------------


def test_the_status_tells_every_state(batch):
    status = read_status(batch)
    expected = {**dict.fromkeys(FINISHED, "finished"), **OTHER_STATES}
    assert {run.simulation_id: str(run.state) for run in status.runs} == expected
    assert counts(status) == {"in_queue": 1, "finished": 13, "error": 1, "interrupted": 2}
    runs = {run.simulation_id: run for run in status.runs}
    assert runs["second_attempt"].attempt == 2
    assert runs["failed"].reason == "ParameterError: step_size must be at least 0, not -1.0."
    assert runs["cut_steps"].reason == "its process is gone"
    assert runs["decay"].seed == 1848655740
    assert counts(opened(batch).status()) == counts(status)


def test_the_command_line_shows_status_logs_parameters_and_differences(batch, capsys):
    assert main(["status", str(batch), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["counts"]["interrupted"] == 2
    assert main(["status", str(batch)]) == 1
    assert "second_attempt" in capsys.readouterr().out
    assert main(["logs", str(batch), "failed"]) == 0
    assert "step_size must be at least 0" in capsys.readouterr().out
    assert main(["show", str(batch), "pole", "0", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["env_params"] == {"env_id": "CartPole-v1"}
    assert main(["diff", f"{batch}/places__lr_td=0.01/0", f"{batch}/places__lr_td=0.1/0"]) == 1
    assert "agent_params.lr_td" in capsys.readouterr().out


def test_the_results_are_the_known_ones(batch, capsys):
    results = read_results(batch)
    assert results.metric("grid")["grids"].values == pytest.approx([0.01120261028331776])
    assert results.metric("seed_of_run")["decay"].values == pytest.approx([1848655740])
    assert results.curves("loss")["decay"].values == pytest.approx(np.exp(-0.5 * np.arange(5))[None])
    assert results.curves("episode_return")["pole"].values.tolist() == [[150.0, 116.0, 93.0]]
    assert results.curves("state_td_error")["places__lr_td=0.1"].values[0, :3] == pytest.approx(
        [0.05625, 0.0556875, 0.06744375]
    )
    assert list(results.varying_parameters())
    (grids,) = results.of("grids")
    assert grids.metric_errors == {"broken": "TypeError: it gave 'far' (str); a metric gives one number"}
    assert list(results.maps("places__lr_td=0.1")["places__lr_td=0.1"][0]) == ["eigenvectors"]
    assert list(results.trajectories("compass")["compass"]) == [0]
    assert not results.unreadable
    assert main(["results", str(batch), "--csv"]) == 1
    assert len(capsys.readouterr().out.splitlines()) == 1 + 17


def test_a_report_is_written(batch):
    page = opened(batch).report().read_text(encoding="utf-8")
    for words in ("second_attempt", "step_size must be at least 0", "state_td_error", "final_loss"):
        assert words in page


# Live objects --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mmap", [False, True], ids=["in memory", "left in the file"])
def test_the_results_of_every_finished_run_are_live_objects_of_the_classes_of_today(batch, mmap):
    manager = opened(batch)
    for name, classes in FINISHED.items():
        agent, env, history = manager.load_results(name, 0, mmap=mmap)
        assert (isinstance(agent, classes[0]), isinstance(env, classes[1])) == (True, True), name
        assert isinstance(history, dict)
        if isinstance(env, Environment) and name != "still":
            assert len(env.history) >= 16
            assert env.history[-1]["step"] == len(env.history)


def test_a_loaded_agent_and_arena_go_on(batch):
    for name in ("grids", "places__lr_td=0.1", "corridor", "merging", "recorded"):
        agent, env, _ = opened(batch).load_results(name, 0)
        default_training_loop(agent, env, 5)
    agent, env, _ = opened(batch).load_results("pole", 0)
    _, _, history = reinforcement_learning_loop(agent, env, 2)
    assert len(history["episode_return"]) == 2


def test_what_a_run_was_made_of_can_be_loaded(batch):
    manager = opened(batch)
    for name, fields in RECIPES.items():
        (run,) = [run for run in manager.runs if run.simulation_id == name]
        sim = SingleSim()
        sim.load_params(run.path)
        assert (sim.agent_class, sim.env_class, sim.training_loop) == fields
        assert sim.simulation_id.startswith(name.partition("__")[0])
    by_id = {sim.simulation_id: sim for sim in manager.simulation_list}
    assert by_id["places__lr_td=0.1"].agent_params["lr_td"] == 0.1
    assert by_id["tem"].training_loop is tem_training_loop
    decay = by_id["decay"].training_loop.function
    assert decay.__module__ == "old_models"
    assert by_id["decay"] == OneShot(decay, {"rate": 0.5}, "decay")


def test_the_folder_of_a_single_run_opens(single):
    assert counts(read_status(single)) == {"finished": 1}
    assert read_results(single)[0].seed == 13
    sim = SingleSim()
    agent, env, history = sim.load_results(single)
    assert (type(agent), type(env)) == (Stachenfeld2018, Simple2D)
    assert history["state_td_error"].shape == (16, 16)
    assert (sim.agent_class, sim.training_loop) == (Stachenfeld2018, episode_based_training_loop)
    before = history["state_td_error"]
    sim.run_sim(single, seed=13)
    assert np.allclose(sim.load_results(single)[2]["state_td_error"], before)


# Going on ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("looked_at", [False, True], ids=["unseen", "simulations loaded before"])
def test_resume_finishes_what_waits_and_what_was_cut(batch, looked_at):
    before = finished_files(batch)
    manager = opened(batch)
    if looked_at:  # then they are compared with those of the batch
        assert len(manager.simulation_list) == 17
    status = manager.resume(2, progress=False)
    assert counts(status) == {"finished": 16, "error": 1}
    assert finished_files(batch) == before
    _, room, history = manager.load_results("cut_steps", 0)
    assert room.state == pytest.approx([1.1650438552761475, -1.2029686671099444])
    assert history["steps"].tolist() == list(range(1, 17))
    assert history["word"].tolist() == ["left", "right"] * 8
    assert manager.load_results("cut_episodes", 0)[2]["episode_length"].tolist() == [13, 13, 15, 10, 11, 15]
    assert manager.load_results("waiting", 0)[1].state == pytest.approx([0.7384487850375622, -0.19794941695936036])


@same_python
def test_what_was_cut_goes_on_from_the_checkpoint_of_the_old_version(batch):
    assert main(["resume", str(batch), "--jobs", "2"]) == 1  # one has failed, and stays so
    for name in ("cut_steps", "cut_episodes"):
        (run,) = (batch / name).glob("run_0_*")
        assert "goes on from its checkpoint" in (run / "run.log").read_text(encoding="utf-8")
        said = (run / "error.log").read_text(encoding="utf-8").splitlines()
        assert set(said) <= {"simmanager: the summary has no curve 'word': its values are text"}
        assert not (run / "checkpoint.pkl").exists()


def test_a_failed_simulation_is_run_again_with_a_corrected_parameter(batch):
    manager = opened(batch)
    (failed,) = [sim for sim in manager.simulation_list if sim.simulation_id == "failed"]
    failed.agent_params["step_size"] = 0.5
    status = manager.rerun_simulation("failed", n_jobs=1, progress=False)
    assert counts(status) == {"in_queue": 1, "finished": 14, "interrupted": 2}
    agent, _, _ = opened(batch).load_results("failed", 0)
    assert (type(agent), agent.step_size) == (RandomAgent, 0.5)


def test_a_failed_simulation_is_run_again_from_the_command_line(batch):
    assert main(["rerun", str(batch), "failed", "--set", "agent_params.step_size=0.5", "--jobs", "1"]) == 1
    assert counts(read_status(batch)) == {"in_queue": 1, "finished": 14, "interrupted": 2}


def test_finished_runs_are_run_again_when_they_are_asked_for(batch):
    manager = opened(batch)
    before = manager.load_results("compass", 0)[1].state
    manager.rerun_simulation("compass", include_finished=True, n_jobs=1, progress=False)
    assert manager.load_results("compass", 0)[1].state == pytest.approx(before)


def test_a_batch_gets_more_runs_and_simulations(batch):
    before = finished_files(batch), simulation_files(batch)
    manager = opened(batch)
    manager.extend(2)
    old = [sim for sim in manager.simulation_list if sim.simulation_id in ("grids", "pole", "decay")]
    new = SingleSim(RandomAgent, None, Simple2D, None, default_training_loop, {"n_steps": 4}, "new")
    assert manager.add([*old, new]) == ["new"]
    assert (finished_files(batch), simulation_files(batch).keys() - before[1].keys()) == (
        before[0],
        {batch / "new" / "simulation.pkl"},
    )
    assert {path: simulation_files(batch)[path] for path in before[1]} == before[1]
    status = manager.run_all(2, progress=False)
    assert counts(status) == {"finished": 34, "error": 2}
    assert finished_files(batch) == before[0]
    assert manager.load_results("grids", 1)[2]["output_rate"].shape == (16,)
    assert read_results(batch).metric("grid")["grids"].values.shape == (2,)


def test_a_simulation_with_the_classes_of_today_is_the_same_as_before(batch):
    """What is the same is left alone; the paths of the modules in manager.json are no other parameters."""
    rooms = {"corridor_ysize": 2, "singleroom_ysize": 3, "singleroom_xsize": 3, "door_size": 1}
    same = SingleSim(AgentCore, None, ConnectedRooms, rooms, default_training_loop, {"n_steps": 16}, "corridor")
    before = simulation_files(batch)
    assert opened(batch).add([same]) == []
    assert simulation_files(batch) == before


def test_old_and_new_runs_of_one_simulation_are_runs_with_the_same_parameters(batch, capsys):
    manager = opened(batch)
    manager.extend(2)
    assert "compass" in [sim.simulation_id for sim in manager.simulation_list]
    manager.rerun_simulation("compass", n_jobs=1, progress=False)  # writes its parameters anew
    curves = read_results(batch).curves("episode_return")["compass"]
    assert (curves.run_ids, curves.n_other_parameters) == ((0, 1), 0)
    main(["diff", f"{batch}/compass/0", f"{batch}/compass/1"])
    told = capsys.readouterr().out
    assert "seed" in told
    assert not any(field in told for field in ("agent_class", "env_class", "training_loop"))


def test_a_change_that_was_cut_before_its_last_step_is_finished(batch):
    """manager.json was written with the new parameters, and the new recipe was not yet put in the place of the old."""
    recipe = batch / "waiting" / "simulation.pkl"
    wanted = recipe.read_bytes()
    (batch / "waiting" / ".part-next-simulation.pkl").write_bytes(wanted)
    shutil.copy(batch / "grids" / "simulation.pkl", recipe)
    opened(batch).extend(2)
    assert recipe.read_bytes() == wanted


@pytest.mark.parametrize("name", ["compass", "corridor", "grids", "decay", "example"])
def test_a_finished_run_is_reproduced_number_by_number(batch, name):
    """Not byte by byte: a class may have got another module path since, and NumPy another version."""
    done = reproduce(f"{batch}/{name}/0")
    assert (done.state, done.reason) == ("finished", "")
    assert "missing" not in done.files.values()
    assert max(done.curves.values(), default=0.0) < 1e-9


# Classes of a script -------------------------------------------------------------------------------------------


def test_a_batch_of_a_script_can_be_looked_at_in_every_python(script_batch):
    assert counts(read_status(script_batch)) == {"in_queue": 1, "finished": 2}
    assert read_results(script_batch).metric("all_in_one")["script"].values == pytest.approx([18.0])
    assert "all_in_one" in opened(script_batch).report().read_text(encoding="utf-8")


@same_python
def test_classes_of_a_script_are_loaded_and_work(script_batch):
    manager = opened(script_batch)
    agent, room, history = manager.load_results("script", 0)
    assert (type(agent).__name__, type(room).__name__) == ("ScriptAgent", "ScriptRoom")
    assert isinstance(agent, AgentCore)
    assert isinstance(room, Simple2D)
    with pytest.raises(ParameterError, match="two numbers"):
        agent.act([1.0])
    sim = manager.simulation_list[0]
    assert sim.metrics["all_in_one"](agent, room, history) == pytest.approx(18.0)
    assert manager.load_results("function", 0)[0] == {"gain": 2.0, "fields": 8}


@same_python
def test_a_batch_of_a_script_is_resumed_and_gets_more_runs(script_batch):
    manager = opened(script_batch)
    assert len(manager.simulation_list) == 3
    manager.extend(2)
    assert counts(manager.resume(2, progress=False)) == {"finished": 6}
    assert read_results(script_batch).metric("all_in_one")["script_waiting"].values == pytest.approx([18.0, 18.0])
