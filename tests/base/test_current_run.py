"""The run that this process executes: known while it lasts, and to nobody outside."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from toys import toy_sim

from simmanager import OneShot, SimulationManager, load_checkpoint, report_progress, save_checkpoint
from simmanager.base.current_run import RUN, RUN_FOLDER, CurrentRun, current_run, executing


class Kept:
    def __init__(self):
        self.states = []

    def save(self, state):
        self.states.append(state)

    def load(self):
        return self.states[-1] if self.states else None


def test_outside_of_a_run_what_is_said_goes_nowhere():
    report_progress(1, 2)
    save_checkpoint("state")
    assert load_checkpoint() is None


def test_what_models_say_reaches_the_run_that_is_executed():
    told, kept = [], Kept()
    run = CurrentRun(7, run_folder="run_0", tell_progress=lambda *progress: told.append(progress), checkpoints=kept)
    with executing(run):
        assert current_run() is run
        report_progress(1, 2)
        save_checkpoint("state")
        assert load_checkpoint() == "state"
    assert told == [(1, 2)]
    assert kept.states == ["state"]


def test_a_run_that_raises_is_no_longer_the_current_one():
    with pytest.raises(ValueError), executing(CurrentRun(1, run_folder="run_0")):
        raise ValueError
    assert not current_run()


def test_a_run_within_a_run_gives_its_place_back():
    outer, inner = CurrentRun(1, artefacts="a", run_folder="a"), CurrentRun(2, artefacts="b", run_folder="b")
    with executing(outer):
        with executing(inner):
            assert current_run() is inner and os.environ[RUN_FOLDER] == "b"
        assert current_run() is outer and os.environ[RUN_FOLDER] == "a"
    assert RUN_FOLDER not in os.environ and RUN not in os.environ


def what_it_is():
    """Tell who the run is: this process, a child that is forked or spawned, and a program."""
    run = current_run()
    with (run.folder / "by the model").open("x") as file:
        file.write("text")
    told = [repr(run), bool(run), run.seed, run.run_id, run.simulation_id, run.attempt, str(run.batch), str(run.folder)]
    subprocess.run('echo text > "$SIMMANAGER_RUN_FOLDER/by a program"', shell=True, check=True)
    return told


TELL = (
    f"import json, sys; sys.path[:0] = {[str(Path(__file__).parents[n]) for n in (0, 1)]}; "
    "import test_current_run as t; print(json.dumps(t.what_it_is()))"
)


def tell_all():
    """Return what the run and a program that it starts know of it."""
    here = what_it_is()
    (current_run().folder / "by the model").unlink()
    done = subprocess.run([sys.executable, "-c", TELL], capture_output=True, text=True, check=True)
    return {"here": [json.dumps(here)], "there": [json.dumps(json.loads(done.stdout))]}


@pytest.mark.parametrize("in_process", [False, True])
def test_a_run_and_the_programs_that_it_starts_know_it_and_its_folder(in_process):
    manager = SimulationManager([OneShot(tell_all)], 2, "batch", seed=3)
    status = manager.run_all(1, progress=False, in_process=in_process)
    for run_id, run in enumerate(status.runs):
        folder = Path(run.path, "artefacts")
        assert (
            manager.load_results("tell_all", run_id)[0]["here"] == manager.load_results("tell_all", run_id)[0]["there"]
        )
        told = json.loads(manager.load_results("tell_all", run_id)[0]["here"][0])
        named = f"<CurrentRun: run {run_id} of 'tell_all', attempt 1, seed {run.seed}>"
        assert told == [named, True, run.seed, run_id, "tell_all", 1, str(Path("batch").absolute()), str(folder)]
        assert {path.name for path in folder.iterdir()} == {"by the model", "by a program"}
    assert not current_run()


def test_outside_of_a_run_the_same_code_has_a_folder_and_a_seed_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr("simmanager.base.current_run._nobody", None)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv(RUN_FOLDER, "")
    told = what_it_is()
    assert told == what_it_is_not(told[2], told[-1])
    assert Path(told[-1]).parent == tmp_path and 0 <= told[2] < 2**32
    assert {path.name for path in Path(told[-1]).iterdir()} == {"by the model", "by a program"}
    assert current_run().seed == told[2] and str(current_run().folder) == told[-1], "the same in the whole process"


def what_it_is_not(seed, folder):
    return [f"<CurrentRun: no run, attempt 1, seed {seed}>", False, seed, 0, "", 1, "None", folder]


def loop_that_notes_its_run(agent, env):
    run = current_run()
    return agent, env, {"seed": [run.seed], "attempt": [run.attempt], "folder": [run.run_folder]}


def test_a_loop_in_a_worker_finds_folder_seed_and_attempt():
    manager = SimulationManager([toy_sim("toy", loop_that_notes_its_run)], 2, "batch", seed=3)
    status = manager.run_all(1, progress=False)
    for run_id, run in enumerate(status.runs):
        _, _, history = manager.load_results("toy", run_id)
        assert history == {"seed": [run.seed], "attempt": [1], "folder": [str(run.path)]}


def seeds_drawn_before(seed):
    """Give the seed that is passed on, whatever has been drawn before."""
    return {"seed": seed}


def test_a_function_gets_the_seed_of_its_run_however_the_generators_stand():
    import numpy as np

    call = OneShot(seeds_drawn_before).training_loop
    with executing(CurrentRun(12345, run_folder="run_0")):
        np.random.random(5)
        assert call(None, None)[0] == {"seed": 12345}
    assert 0 <= call(None, None)[0]["seed"] < 2**32  # by hand, without a run: drawn
