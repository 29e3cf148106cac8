"""Seeds of runs: each its own, or one for all runs with the same run_id (common random numbers)."""

import hashlib
import json
import random
from pathlib import Path

import pytest
from command_line import simmanager

from simmanager import OneShot, SimulationManager, compare, read_results, read_status, reproduce
from simmanager.base.errors import ParameterError


def noisy(effect):
    """Return an effect plus noise, which comes from the seed of the run."""
    return {"y": [effect + random.gauss(0, 1)]}


def a_batch(name="b", **options):
    simulations = [OneShot(noisy, {"effect": effect}, f"e{effect}") for effect in (0.0, 0.5)]
    return SimulationManager(simulations, 4, name, seed=7, **options)


def seeds_of(status):
    found = {}
    for run in status.runs:
        found.setdefault(run.simulation_id, []).append(run.seed)
    return found


def documented(simulation_id, run_id):
    return int.from_bytes(hashlib.sha256(f"7/{simulation_id}/{run_id}".encode()).digest()[:4], "big")


def test_shared_seeds_are_those_of_the_run_whatever_its_simulation():
    shared = seeds_of(a_batch(seeds="shared").run_all(2, progress=False))
    assert shared["e0.0"] == shared["e0.5"] == [documented("", run_id) for run_id in range(4)]
    assert len(set(shared["e0.0"])) == 4
    separate = seeds_of(a_batch("other").run_all(2, progress=False))
    assert separate == {name: [documented(name, run_id) for run_id in range(4)] for name in separate}


def test_runs_with_shared_seeds_are_compared_in_pairs_and_that_is_said():
    a_batch(seeds="shared").run_all(2, progress=False)
    (one,) = compare("b", key="y").differences
    assert one.paired and one.n_first == 4
    assert abs(one.difference) == pytest.approx(0.5) and one.low == pytest.approx(one.high), "the noise cancels out"
    assert "4 pairs, same seeds" in str(compare("b", key="y"))
    a_batch("other").run_all(2, progress=False)
    (one,) = compare("other", key="y").differences
    assert not one.paired and one.high - one.low > 0.5


def test_they_are_kept_by_what_comes_later():
    a_batch(seeds="shared").generate_sim_paths()
    assert json.loads(Path("b/manager.json").read_text())["seeds"] == "shared"
    manager = SimulationManager(existing_simulation="b")
    assert manager.seeds == "shared"
    manager.extend(6)
    manager.add([OneShot(noisy, {"effect": 1.0}, "late")])
    first = seeds_of(manager.run_all(2, progress=False))
    assert set(map(tuple, first.values())) == {tuple(documented("", run_id) for run_id in range(6))}
    status = manager.rerun_simulation("late", include_finished=True, n_jobs=1, progress=False)
    assert seeds_of(status) == first
    assert {run.seed for run in read_results("b") if run.run_id == 2} == {documented("", 2)}
    assert reproduce("b/late/3").same


def test_another_word_is_refused_before_anything_is_written():
    with pytest.raises(ParameterError, match="seeds must be one of 'separate', 'shared', not 'common'"):
        a_batch(seeds="common")
    a_batch().generate_sim_paths()
    path = Path("b/manager.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"seeds": "common"}))
    assert "seeds is 'common', not one of separate, shared" in read_status("b").damage[0]


def test_a_batch_of_before_has_separate_seeds():
    a_batch().generate_sim_paths()
    path = Path("b/manager.json")
    content = json.loads(path.read_text())
    del content["seeds"]
    path.write_text(json.dumps(content))
    assert seeds_of(read_status("b"))["e0.5"][3] == documented("e0.5", 3)


MODEL = """
from simmanager import OneShot

def f(x):
    return {"y": x}

simulation_list = [OneShot(f, {"x": x}, f"x{x}") for x in (1, 2)]
"""


def test_the_command_line_and_batch_files_have_them_too():
    Path("model.py").write_text(MODEL)
    assert simmanager("run", "model.py", "--seeds", "shared", "--seed", "7", "--runs", "2", "--id", "b").returncode == 0
    assert seeds_of(read_status("b"))["x2"] == [documented("", run_id) for run_id in range(2)]
    refused = simmanager("run", "model.py", "--seeds", "separate", "--extend", "--id", "b")
    assert refused.returncode == 2 and "has the seeds shared, and its finished runs with it" in refused.stderr
    assert "Leave the seeds away" in refused.stderr
    assert simmanager("run", "model.py", "--extend", "--id", "b").returncode == 0

    text = 'seeds = "shared"\nseed = 7\nruns_per_sim = 2\n[[simulations]]\nsimulation_id = "s"\n'
    text += 'agent_class = "toys:ToyAgent"\nenv_class = "toys:ToyArena"\ntraining_loop = "toys:toy_loop"\n'
    Path("batch.toml").write_text(text)
    assert simmanager("run", "batch.toml", "--id", "toml").returncode == 0
    assert seeds_of(read_status("toml"))["s"] == [documented("", run_id) for run_id in range(2)]
    Path("wrong.toml").write_text(text.replace("shared", "common"))
    refused = simmanager("run", "wrong.toml")
    assert refused.returncode == 2 and "wrong.toml" in refused.stderr and "seeds must be one of" in refused.stderr
