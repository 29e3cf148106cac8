"""A long run need not start again."""

from __future__ import annotations

import os
import pickle
import random
import signal
import sys
import time
from pathlib import Path

import cloudpickle
import numpy as np
import pytest
from toys import hashes, toy_sim

from simmanager import (
    RunFolder,
    SimulationManager,
    SingleSim,
    load_checkpoint,
    log_metrics,
    no_improvement,
    save_checkpoint,
)
from simmanager.agents import RandomAgent, Stachenfeld2018, Weber2018
from simmanager.arenas import Simple2D
from simmanager.training.loops import default_training_loop, episode_based_training_loop
from simmanager.training.recording import HistoryRecorder
from simmanager.worker import checkpoint_store

ROOM = {"arena_x_limits": [-6, 6], "arena_y_limits": [-6, 6], "agent_step_size": 1.0}


class Killer:
    """Wraps an agent; kills its own process at a certain update, once (a file says that it was done)."""

    def die(self) -> None:
        flag = Path(os.environ["TEST_KILL_FLAG"])
        if not flag.exists() and Path(os.environ["TEST_KILL_WHEN"]).exists():
            flag.touch()
            os.kill(os.getpid(), signal.SIGKILL)


class MortalSR(Stachenfeld2018, Killer):
    def update(self):
        self.die_now_and_then()
        np.random.random()  # the global generators belong to the state of a run, too
        random.random()
        return super().update()

    def die_now_and_then(self):
        if self.global_count() == 700:
            wait_for_a_checkpoint()
            self.die()

    def global_count(self):
        self.count = getattr(self, "count", 0) + 1
        return self.count


class MortalWeber(Weber2018, Killer):
    def update(self, exc_normalization=True, pos=None):
        self.count = getattr(self, "count", 0) + 1
        if self.count == 700:
            wait_for_a_checkpoint()
            self.die()
        return super().update(exc_normalization, pos)


class MortalRandom(RandomAgent, Killer):
    def update(self):
        self.count = getattr(self, "count", 0) + 1
        if self.count == 700:
            self.die()
        return {"x": np.random.random()}


class MortalRoom(Simple2D, Killer):
    """Agents that move through it in blocks of steps still do so."""

    def step_block(self, actions):
        if self.global_steps <= 700 < self.global_steps + len(actions):
            wait_for_a_checkpoint()
            self.die()
        return super().step_block(actions)


def wait_for_a_checkpoint():
    time.sleep(0.05)  # inside a run: iterations before this one have passed the interval between two checkpoints


def sims() -> list[SingleSim]:
    small = {"room_width": 12, "room_depth": 12}
    return [
        SingleSim(
            MortalSR, small, Simple2D, ROOM, episode_based_training_loop, {"t_episode": 50, "n_episode": 20}, "SR",
        ),
        SingleSim(
            MortalWeber, {**small, "Ne": 16, "Ni": 9, "resolution": 10}, Simple2D, ROOM, default_training_loop,
            {"n_steps": 1000}, "weber",
        ),
        SingleSim(
            MortalRandom, {}, Simple2D, ROOM, default_training_loop, {"n_steps": 1000, "record_every": 3}, "random",
        ),
        SingleSim(
            Stachenfeld2018, small, MortalRoom, ROOM, episode_based_training_loop, {"t_episode": 50, "n_episode": 20},
            "SR_in_blocks",
        ),
        SingleSim(
            Weber2018, {**small, "Ne": 16, "Ni": 9, "resolution": 10}, MortalRoom, ROOM, default_training_loop,
            {"n_steps": 1000, "record_every": 3}, "weber_in_blocks",
        ),
    ]  # fmt: skip


@pytest.fixture
def mortal(tmp_path, monkeypatch):
    """Runs die in the middle if the file ``when`` exists and ``flag`` does not."""
    monkeypatch.setenv("TEST_KILL_FLAG", str(tmp_path / "flag"))
    monkeypatch.setenv("TEST_KILL_WHEN", str(tmp_path / "when"))
    return tmp_path


@pytest.mark.parametrize("index", range(5))
def test_a_killed_run_goes_on_from_its_checkpoint_with_the_same_bytes(mortal, index):
    sim = sims()[index]
    quiet = SimulationManager([sim], 1, "undisturbed", seed=3)
    assert quiet.run_all(1, checkpoint_every_s=1e-4, progress=False).all_finished
    (mortal / "when").touch()
    killed = SimulationManager([sim], 1, "killed", seed=3)
    status = killed.run_all(1, checkpoint_every_s=1e-4, progress=False)
    assert "SIGKILL" in status.runs[0].reason
    assert killed.runs[0].checkpoint.exists()
    status = killed.run_all(1, checkpoint_every_s=1e-4, retry_errors=True, progress=False)
    assert status.all_finished
    assert status.runs[0].attempt == 2
    assert hashes(Path("killed")) == hashes(Path("undisturbed"))
    assert not killed.runs[0].checkpoint.exists()
    assert killed.runs[0].error_log.read_text() == ""


def counting_loop(agent, env, log="", fail=False):
    state = load_checkpoint() or {"step": 0}
    with Path(log).open("a") as file:
        file.write(f"from {state['step']}\n")
    for step in range(state["step"], 10):
        time.sleep(0.002)
        save_checkpoint({"step": step + 1})
        if step == 5 and fail and not Path(log + ".died").exists():
            Path(log + ".died").touch()
            os.kill(os.getpid(), signal.SIGKILL)
    return agent, env, {"x": [1.0]}


def test_a_retry_goes_on_from_the_checkpoint(tmp_path):
    log = tmp_path / "log"
    sim = toy_sim("counting", counting_loop, log=str(log), fail=True)
    status = SimulationManager([sim], 1, "batch").run_all(1, checkpoint_every_s=1e-3, retries=1, progress=False)
    assert status.all_finished
    assert log.read_text() == "from 0\nfrom 6\n"


def test_a_checkpoint_holds_no_byte_code_of_ours():
    """It would go on with the code of an earlier version, and end the process in another version of Python."""
    recorder = HistoryRecorder(4)
    recorder.record(0, {"number": 1.5, "vector": np.ones(2), "word": "left"})
    content = cloudpickle.dumps(recorder)
    assert b"_make_function" not in content
    assert b"_make_skeleton_class" not in content
    loaded = pickle.loads(content)
    loaded.record(3, {"number": 2.5})
    assert loaded.history()["number"].tolist()[::3] == [1.5, 2.5]


def test_without_the_option_nothing_is_saved(tmp_path):
    sim = toy_sim("counting", counting_loop, log=str(tmp_path / "log"), fail=True)
    manager = SimulationManager([sim], 1, "batch")
    manager.run_all(1, progress=False)
    assert not manager.runs[0].checkpoint.exists()


@pytest.mark.parametrize("damage", ["empty", "garbage", "half", "other parameters"])
def test_a_checkpoint_that_cannot_be_used_is_named_and_the_run_starts_afresh(tmp_path, damage):
    log = tmp_path / "log"
    sim = toy_sim("counting", counting_loop, log=str(log), fail=True)
    manager = SimulationManager([sim], 1, "batch")
    manager.run_all(1, checkpoint_every_s=1e-3, progress=False)
    file = manager.runs[0].checkpoint
    content = file.read_bytes()
    file.write_bytes(
        {"empty": b"", "garbage": b"\x80\x05garbage", "half": content[: len(content) // 2]}.get(damage, content)
    )
    if damage == "other parameters":
        sim.agent_params = {"gain": 3.0}
    assert manager.run_all(1, retry_errors=True, progress=False).all_finished
    assert log.read_text() == "from 0\nfrom 0\n"
    assert "the checkpoint cannot be used" in manager.runs[0].error_log.read_text()


def drawing_loop(agent, env, flag=""):
    drawn = load_checkpoint() or []
    for step in range(len(drawn), 10):
        time.sleep(0.002)
        drawn.append((random.random(), float(np.random.random())))
        save_checkpoint(drawn)
        if step == 5 and flag and not Path(flag).exists():
            Path(flag).touch()
            os.kill(os.getpid(), signal.SIGKILL)
    return agent, env, {"drawn": np.array(drawn)}


def test_both_global_generators_go_on_where_they_were(tmp_path):
    drawn = []
    for flag in ("", str(tmp_path / "flag")):
        manager = SimulationManager([toy_sim("drawing", drawing_loop, flag=flag)], 1, f"batch{bool(flag)}", seed=1)
        assert manager.run_all(1, checkpoint_every_s=1e-3, retries=1, progress=False).all_finished
        drawn.append(manager.load_results(0, 0)[2]["drawn"])
    assert manager.status().runs[0].attempt == 2
    assert np.array_equal(*drawn)


class NeedsAFile:
    """Cannot be loaded once its file is gone."""

    def __reduce__(self):
        return open, ("a file that is gone",)


@pytest.mark.parametrize("trouble", ["state", "generators"])
def test_what_cannot_be_restored_is_told_and_leaves_the_generators_as_they_were(tmp_path, monkeypatch, capsys, trouble):
    store = checkpoint_store.CheckpointStore(RunFolder(tmp_path), 1e-9, b"recipe")
    if trouble == "generators":
        half = {"random": random.Random(5).getstate(), "numpy": "no state of NumPy"}
        with monkeypatch.context() as patch:
            patch.setattr(checkpoint_store, "_generators", lambda: half)
            store.save("fine")
    else:
        store.save(NeedsAFile())
    before = random.getstate()
    assert store.load() is None
    assert random.getstate() == before
    assert "the checkpoint cannot be used" in capsys.readouterr().err


class FakeTorch:
    """Has the generators of PyTorch on a machine with two GPUs; for none, or before CUDA is started, see ``cuda``."""

    def __init__(self, state, cuda):
        self.state, self.on_gpus = state, cuda
        self.cuda = self

    def get_rng_state(self):
        return self.state

    def set_rng_state(self, state):
        self.state = state

    def is_initialized(self):
        return self.on_gpus is not None

    is_available = is_initialized

    def get_rng_state_all(self):
        assert self.on_gpus is not None, "this starts CUDA"
        return list(self.on_gpus)

    def set_rng_state_all(self, states):
        assert self.on_gpus is not None, "there is no GPU"
        self.on_gpus = states


@pytest.mark.parametrize(
    ("before", "after", "wanted"), [([1, 2], [8, 9], [1, 2]), (None, [8, 9], [8, 9]), ([1, 2], None, None)]
)
def test_the_generators_of_gpus_are_kept_where_there_are_some(tmp_path, monkeypatch, before, after, wanted):
    store = checkpoint_store.CheckpointStore(RunFolder(tmp_path), 1e-9, b"recipe")
    monkeypatch.setitem(sys.modules, "torch", FakeTorch("cpu", before))
    store.save("state")
    later = FakeTorch("another", after)
    monkeypatch.setitem(sys.modules, "torch", later)
    assert store.load() == "state"
    assert (later.state, later.on_gpus) == ("cpu", wanted)


def unpicklable_loop(agent, env):
    for _ in range(3):
        time.sleep(0.002)
        save_checkpoint({"lock": __import__("_thread").allocate_lock()})
    return agent, env, {"x": [1.0]}


def test_a_state_that_cannot_be_pickled_is_told_once_and_ends_no_run():
    manager = SimulationManager([toy_sim("toy", unpicklable_loop)], 1, "batch")
    assert manager.run_all(1, checkpoint_every_s=1e-3, progress=False).all_finished
    assert manager.runs[0].error_log.read_text().count("could not be saved") == 1


def test_outside_of_a_run_nothing_happens(tmp_path):
    save_checkpoint({"x": 1})
    assert load_checkpoint() is None
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_raised_keeps_no_checkpoint():
    def raising(agent, env):
        time.sleep(0.002)
        save_checkpoint({"x": 1})
        raise ValueError("no")

    manager = SimulationManager([toy_sim("toy", raising)], 1, "batch")
    assert manager.run_all(1, checkpoint_every_s=1e-3, progress=False).counts["error"] == 1
    assert not manager.runs[0].checkpoint.exists()


def loop_that_is_killed_once(agent, env, n_steps=40, killed_at=25):
    """Log a loss that is lowest in the fifth step; save a checkpoint after each; be killed once."""
    first, agent = load_checkpoint() or (0, agent)
    for step in range(first, n_steps):
        agent.update()
        log_metrics({"loss": abs(step - 5.0)})
        save_checkpoint((step + 1, agent))
        flag = Path(os.environ["TEST_KILL_FLAG"])
        if step == killed_at and not flag.exists():
            flag.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    return agent, env, {"x": [1.0]}


def test_what_rules_have_seen_belongs_to_a_checkpoint(tmp_path, monkeypatch):
    """Patience goes on where it was, and so does the count of steps: the run ends where an undisturbed one does."""
    ended = []
    for name, killed_at in (("undisturbed", -1), ("killed", 25)):
        monkeypatch.setenv("TEST_KILL_FLAG", str(tmp_path / f"{name} once"))
        sim = toy_sim("s", loop_that_is_killed_once, killed_at=killed_at).copy(stop_when=[no_improvement("loss", 25)])
        manager = SimulationManager([sim], 1, name, seed=1)
        assert manager.run_all(1, retries=1, checkpoint_every_s=1e-9, progress=False).all_finished
        (run,) = manager.status().runs
        ended.append((run.reason, sim.load_results(run.path)[0].updates))
        assert run.attempt == (2 if killed_at > 0 else 1)
    assert ended == [("stopped early: loss has not improved since step 5, at step 30", 31)] * 2
