"""Running a run again, elsewhere."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path

import pytest
from toys import failing_loop, listing, toy_loop, toy_sim

from simmanager import SimulationManager
from simmanager.base.errors import BatchExists, BatchNotFound, ResultsMissing, SimManagerError, UnknownName
from simmanager.batch.reproduction import reproduce
from simmanager.cli.main import main


def loop_that_knows_its_process(agent, env, n_steps=3):
    agent, env, history = toy_loop(agent, env, n_steps)
    return agent, env, {**history, "pid": [float(os.getpid())]}


def loop_that_works_once(agent, env, flag=""):
    Path(flag).touch(exist_ok=False)
    return agent, env, {"x": [1.0]}


def run_of(*simulations):
    manager = SimulationManager(list(simulations), 1, "batch", seed=3)
    manager.run_all(1, progress=False)
    return manager.runs[0]


def test_a_run_gives_the_same_bytes_again_and_is_left_alone():
    run = run_of(toy_sim(n_steps=5))
    before = listing(Path("batch"))
    done = reproduce(run)
    assert done.same
    assert set(done.files.values()) == {"same"}
    assert done.changes == ()
    assert str(done).endswith("Reproduced: the same bytes.")
    assert not done.copy.exists()
    assert listing(Path("batch")) == before


def test_what_differs_is_named_with_how_much():
    run = run_of(toy_sim("pid", loop_that_knows_its_process))
    done = reproduce(run)
    assert not done.same
    assert done.files == {"agent": "same", "arena": "same", "training_hist.dict": "other", "summary.npz": "other"}
    assert list(done.curves) == ["pid"]
    assert done.curves["pid"] > 0
    assert "NOT reproduced" in str(done)


def test_a_copy_that_fails_says_why(tmp_path):
    run = run_of(toy_sim("once", loop_that_works_once, flag=str(tmp_path / "flag")))
    done = reproduce(run)
    assert (done.same, done.state) == (False, "error")
    assert "FileExistsError" in str(done)
    assert set(done.files.values()) == {"missing"}


def test_the_copy_can_be_kept(tmp_path):
    run = run_of(toy_sim(n_steps=5))
    assert reproduce(run, tmp_path / "new" / "copy").same
    assert (tmp_path / "new" / "copy" / "run.json").is_file()
    assert pickle.loads((tmp_path / "new" / "copy" / "training_hist.dict").read_bytes())["noise"].shape == (5, 3)
    with pytest.raises(BatchExists, match="there already"):
        reproduce(run, tmp_path / "new" / "copy")


def test_another_version_than_that_of_the_run_is_told():
    run = run_of(toy_sim(n_steps=5))
    record = json.loads(run.record.read_text())
    record["versions"]["numpy"] = "0.0.1"
    run.record.write_text(json.dumps(record))
    assert any(change.startswith("numpy 0.0.1 before") for change in reproduce(run).changes)


def test_a_run_that_cannot_be_repeated_is_refused():
    failed = run_of(toy_sim("bad", failing_loop))
    with pytest.raises(ResultsMissing, match="not finished"):
        reproduce(failed)
    with pytest.raises(BatchNotFound, match="There is no run at nowhere"):
        reproduce("nowhere")


def test_a_run_is_named_as_on_the_command_line():
    run_of(toy_sim("fine"))
    assert reproduce("batch/fine/0").same
    with pytest.raises(UnknownName, match="has no run 7"):
        reproduce("batch/fine/7")


@pytest.mark.parametrize("lost", ["run.json", "param.dict"])
def test_a_run_without_its_seed_or_parameters_is_refused(lost):
    run = run_of(toy_sim())
    (run.path / lost).unlink()
    with pytest.raises(ResultsMissing, match="lacks its seed"):
        reproduce(run)


def test_reproduce_on_the_command_line(capsys):
    run_of(toy_sim("pid", loop_that_knows_its_process), toy_sim("fine"))
    assert main(["reproduce", "batch", "fine", "0"]) == 0
    assert "the same bytes" in capsys.readouterr().out
    assert main(["reproduce", "batch/pid/0"]) == 1
    assert "pid: differs by" in capsys.readouterr().out
    assert main(["reproduce", "batch/nothing/0"]) == 2


class SavesAFolder:
    def __init__(self, gain=1.0):
        self.gain = gain

    def act(self, obs):
        return 0.0

    def update(self):
        return None

    def save_agent(self, save_path):
        folder = Path(save_path)
        (folder / "layers").mkdir(parents=True)
        (folder / "layers" / "weights").write_text(str(self.gain))


def test_an_agent_that_saves_itself_as_a_folder_is_compared_file_by_file():
    sim = toy_sim(n_steps=3)
    sim.agent_class = SavesAFolder
    run = run_of(sim)
    assert reproduce(run).same
    (run.agent / "layers" / "weights").write_text("3.0")
    assert reproduce(run).files["agent"] == "other"
    (run.agent / "more").write_text("")
    assert reproduce(run).files["agent"] == "other"
    with pytest.raises(SimManagerError, match="agent is a folder that the model's own saving method made"):
        SimulationManager(existing_simulation="batch").load_results(0, 0)
