"""Batch files: a batch without code, and refusals that name line, reason and the nearest name."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from manager_process import ENVIRONMENT
from toys import listing

from simmanager import SimulationManager, read_status
from simmanager.agents import Stachenfeld2018
from simmanager.base.errors import BatchFileError, SimManagerError
from simmanager.batch.batch_file import read_batch_file
from simmanager.cli.main import main
from simmanager.default_simulation import stachenfeld_in_2d
from simmanager.disk.batch_folder import BatchFolder
from simmanager.dispatch.run_options import check_options

pytestmark = pytest.mark.python_versions

MODULE = """
class Agent:
    def __init__(self, gain=1.0, **others):
        self.gain = gain
    def act(self, obs):
        return 0.0
    def update(self):
        pass
    class Inner:
        pass
class Strict(Agent):
    def __init__(self, gain=1.0):
        super().__init__(gain)
class Arena:
    def reset(self):
        return 0.0, None
    def step(self, action):
        return 0.0, None, 0.0
def loop(agent, env, n_steps=2):
    return agent, env, {"gain": [agent.gain] * n_steps}
def last(agent, env, history):
    return history["gain"][-1]
number = 5
"""

TOML = """\
manager_id = "rooms"
runs_per_sim = 2
seed = 7

[options]
n_jobs = 2
timeout = 60

[[simulations]]
simulation_id = "SR"
default = "stachenfeld_in_2d"
training_loop_params = { t_episode = 5 }
[simulations.sweep]
agent_params.lr_td = [0.001, 0.01]
"training_loop_params.n_episode" = [1, 2]

[[simulations]]
simulation_id = "mine"
agent_class = "batch_models:Agent"
agent_params = { gain = 3.0, whatever = [1, 2] }
env_class = "batch_models:Arena"
training_loop = "batch_models:loop"
metrics = { last = "batch_models:last" }
"""

YAML = """\
manager_id: rooms
runs_per_sim: 2
seed: 7
options: {n_jobs: 2, timeout: 60}
simulations:
  - simulation_id: SR
    default: stachenfeld_in_2d
    training_loop_params: {t_episode: 5}
    sweep:
      agent_params:
        lr_td: [1e-3, 1e-2]
      training_loop_params.n_episode: [1, 2]
  - simulation_id: mine
    agent_class: batch_models:Agent
    agent_params: {gain: 3.0, whatever: [1, 2]}
    env_class: batch_models:Arena
    training_loop: batch_models:loop
    metrics:
      last: batch_models:last
"""

#: A simulation that may be added to.
ONE = '[[simulations]]\nsimulation_id = "one"\ndefault = "stachenfeld_in_2d"\n'
OWN = '[[simulations]]\nsimulation_id = "own"\nenv_class = "batch_models:Arena"\ntraining_loop = "batch_models:loop"\n'


@pytest.fixture(autouse=True)
def models(tmp_path, monkeypatch):
    """A module of the user's own, next to the batch files."""
    (tmp_path / "batch_models.py").write_text(MODULE)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


def read(text, name="batch.toml"):
    Path(name).write_text(text)
    return read_batch_file(name)


# What it says --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "text"), [("batch.toml", TOML), ("batch.yaml", YAML)])
def test_a_file_says_all_of_a_batch(name, text):
    plan = read(text, name)
    assert (plan.manager_id, plan.runs_per_sim, plan.seed) == ("rooms", 2, 7)
    assert plan.options == {"n_jobs": 2, "timeout": 60}
    assert [s.simulation_id for s in plan.simulations] == [
        "SR__lr_td=0.001__n_episode=1",
        "SR__lr_td=0.001__n_episode=2",
        "SR__lr_td=0.01__n_episode=1",
        "SR__lr_td=0.01__n_episode=2",
        "mine",
    ]
    sr, mine = plan.simulations[1], plan.simulations[4]
    assert sr.agent_class is Stachenfeld2018
    assert sr.agent_params == {**stachenfeld_in_2d.agent_params, "lr_td": 0.001}
    assert sr.training_loop_params == {"t_episode": 5, "n_episode": 2}
    assert mine.agent_class.__name__ == "Agent"
    assert mine.agent_params == {"gain": 3.0, "whatever": [1, 2]}
    assert mine.env_params is None
    assert mine.metrics["last"](None, None, {"gain": [1, 2]}) == 2


def test_what_a_file_does_not_say_is_left_open():
    plan = read(ONE, "my rooms.toml".replace(" ", "_"))
    assert (plan.manager_id, plan.runs_per_sim, plan.seed, plan.options) == ("my_rooms", None, None, {})
    assert plan.simulations == [stachenfeld_in_2d.copy(simulation_id="one")]
    assert plan.simulations[0].agent_params is not stachenfeld_in_2d.agent_params


def test_a_default_keeps_its_own_id():
    assert read('[[simulations]]\ndefault = "weber_in_2d"').simulations[0].simulation_id == "weber_2018_in_simple2D"


def test_parameters_of_a_default_go_with_its_class():
    sim = read(f'{ONE}agent_class = "batch_models:Agent"\nagent_params = {{ gain = 2 }}').simulations[0]
    assert sim.agent_params == {"gain": 2}
    assert sim.env_params == stachenfeld_in_2d.env_params
    same = read(f'{ONE}agent_class = "simmanager.agents:Stachenfeld2018"\nagent_params = {{ lr_td = 2 }}').simulations[
        0
    ]
    assert same.agent_params == {**stachenfeld_in_2d.agent_params, "lr_td": 2}


def test_a_name_may_stand_for_something_inside_of_a_class():
    assert read(f'{OWN}agent_class = "batch_models:Agent.Inner"').simulations[0].agent_class.__name__ == "Inner"


def test_values_may_be_drawn_from_a_distribution():
    sweep = """
[simulations.sweep]
mode = "random"
n = 5
seed = 3
"agent_params.lr_td" = { distribution = "loguniform", a = 1e-4, b = 1e-1 }
"training_loop_params.n_episode" = { distribution = "randint", low = 1, high = 100 }
"""
    plan, again = read(ONE + sweep), read(ONE + sweep)
    assert plan == again
    assert len(plan.simulations) == 5
    for sim in plan.simulations:
        assert 1e-4 <= sim.agent_params["lr_td"] <= 1e-1
        assert 1 <= sim.training_loop_params["n_episode"] < 100


# Refusals ------------------------------------------------------------------------------------------------------

SWEEP = f"{ONE}[simulations.sweep]\n"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (f'manger_id = "x"\n{ONE}', 1, "manger_id: there is no such field. Did you mean 'manager_id'"),
        ("seed = 1\n", 1, "there is no simulation: add [[simulations]]"),
        ("simulations = []\n", 1, "there is no simulation"),
        ("seed = 1\nsimulations = [5]\n", 2, "simulations[0]: this must be a table"),
        (f"seed = 1\nruns_per_sim = 'x'\n{ONE}", 2, "runs_per_sim: this must be a whole number, not 'x'"),
        (f"runs_per_sim = true\n{ONE}", 1, "runs_per_sim: this must be a whole number, not True"),
        (f"runs_per_sim = 0\n{ONE}", 1, "at least 1"),
        (f"\nseed = -1\n{ONE}", 2, "seed must be at least 0"),
        (f"manager_id = '../up'\n{ONE}", 1, "becomes a folder name"),
        (f"[options]\ntimeuot = 3\n{ONE}", 2, "options.timeuot: there is no such option. Did you mean 'timeout'"),
        (f"[options]\nretries = 1\ntimeout = -3\n{ONE}", 3, "timeout must be greater than 0"),
        (f"[options]\nn_jobs = 0\n{ONE}", 2, "n_jobs must not be 0"),
        (f"[options]\nretries = 1\ntimeout = '10q'\n{ONE}", 3, "options.timeout: timeout must be a number of seconds"),
        (f"[options]\nmemory_limit_mb = '3G'\n{ONE}", 2, "e.g. 500MB, 3GB, 2GiB; not '3G'"),
        (f"[options]\naddress = 'tcp://x:1'\n{ONE}", 1, "options: An address is that of a Dask scheduler"),
        (
            f"{ONE}agent_clas = 'x'\n",
            4,
            "simulations[0].agent_clas: there is no such field. Did you mean 'agent_class'",
        ),
        (f"{ONE}agent_params = 5\n", 4, "agent_params: this must be a table"),
        (f"{ONE}{ONE}", 5, "'one' is the id of the simulation at line 1"),
        (f"{ONE}{ONE.replace('one', 'ONE')}", 5, "'ONE' is the id of the simulation at line 1"),
        (ONE.replace("one", "a/b"), 2, "becomes a folder name"),
        (ONE.replace("one", "figures"), 1, "cannot be a simulation_id"),
        (
            ONE.replace("d_in", "_in"),
            3,
            "there is no default simulation 'stachenfel_in_2d'. Did you mean 'stachenfeld_",
        ),
        (OWN, 1, "agent_class is missing"),
        (OWN.replace('simulation_id = "own"', "agent_class = 'batch_models:Agent'"), 1, "simulation_id is missing"),
        (
            f"{OWN}agent_class = 'batch_modles:Agent'",
            5,
            "There is no module 'batch_modles'. Did you mean 'batch_models'",
        ),
        (f"{ONE}agent_class = 'simmanager.agent:X'", 4, "module 'simmanager.agent'. Did you mean 'simmanager.agents'"),
        (f"{ONE}agent_class = 'batch_models.x:X'", 4, "There is no module 'batch_models.x'."),
        (f"{OWN}agent_class = 'batch_models:Agnet'", 5, "no 'Agnet' in batch_models. Did you mean 'Agent'"),
        (f"{OWN}agent_class = 'batch_models:Agent.Iner'", 5, "Did you mean 'Inner'"),
        (f"{OWN}agent_class = 'batch_models:number'", 5, "is no class or function, but 5"),
        (f"{OWN}agent_class = 'batch_models'", 5, "not of the form 'module:Class'"),
        (f"{OWN}agent_class = '.batch_models:Agent'", 5, "not of the form 'module:Class'"),
        (f"{OWN}agent_class = 'os:system(1)'", 5, "not of the form 'module:Class'"),
        (f"{ONE}metrics = {{ x = 5 }}", 4, "metrics.x: this must be a name like 'module:function'"),
        (f"{ONE}metrics = {{ duration_s = 'batch_models:last' }}", 1, "needs another name"),
        (
            f"{ONE}agent_params = {{ lr_tdd = 3 }}",
            4,
            "agent_params.lr_tdd: Stachenfeld2018 has no parameter 'lr_tdd'. Did",
        ),
        (f"{ONE}\n[simulations.env_params]\n# x\narena_limits = 3", 7, "Did you mean 'arena_x_limits'"),
        (f"{OWN}agent_class = 'batch_models:Strict'\nagent_params.gian = 3", 6, "Did you mean 'gain'"),
        (f"{ONE}training_loop_params = {{ agent = 3 }}", 4, "has no parameter 'agent'"),
        (f"{SWEEP}", 4, "needs a dict of parameters"),
        (f"{SWEEP}modee = 'zip'\nagent_params.lr_td = [3]", 5, "no such field of a sweep. Did you mean 'mode'"),
        (f"{SWEEP}n = 'x'\nagent_params.lr_td = [3]", 5, "sweep.n: this must be a whole number"),
        (f"{SWEEP}mode = 'gird'\nagent_params.lr_td = [3]", 4, "Did you mean 'grid'"),
        (f"{SWEEP}\nagent_params.lr_dt = [3]", 6, "has no agent_params.lr_dt. Did you mean 'lr_td'"),
        (f"{SWEEP}'agent_parms.lr_td' = [3]", 5, "Did you mean 'agent_params'"),
        (f"{SWEEP}agent_params.lr_td = 3", 5, "sweep.agent_params.lr_td: this must be a list of values, not 3"),
        (f"{SWEEP}agent_params.lr_td = {{distribution = 'loguniforn', a = 1}}", 5, "Did you mean 'loguniform'"),
        (f"{SWEEP}agent_params.lr_td = {{distribution = 'norm', a = 1}}", 5, "norm does not take these numbers"),
        (f"{SWEEP}agent_params.lr_td = {{distribution = 'norm', scale = -1}}", 5, "norm does not take these numbers"),
        (f"{SWEEP}agent_params.lr_td = {{distribution = 'norm'}}", 4, "is a distribution"),
        ("seed = 1\nseed = 2\n", 2, "Cannot overwrite a value"),
    ],
)
def test_what_is_not_allowed_is_refused_with_line_and_reason(text, line, words, tmp_path):
    with pytest.raises(BatchFileError) as caught:
        read(text)
    assert str(caught.value).startswith(f"batch.toml:{line}: ")
    assert words in str(caught.value)
    assert set(listing(tmp_path)) == {"batch.toml", "batch_models.py"}


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("simulations:\n", 1, "simulations: this must be a list, not None"),
        ("- 1\n- 2\n", 1, "this must be a table"),
        ("simulations:\n  - default: stachenfeld_in_2d\n    5: x\n", 3, "there is no such field"),
        ("simulations:\n- default: stachenfeld_in_2d\n  agent_params:\n    lr_td: 1\n    lr_dt: 2\n", 5, "'lr_td'"),
        ("simulations:\n- default: stachenfeld_in_2d\n  agent_params: {1: 2}\n", 3, "has no parameter"),
        ("simulations:\n- default: stachenfeld_in_2d\n  sweep:\n    agent_params.lr_td: 5\n", 4, "list of values"),
    ],
)
def test_yaml_that_is_not_allowed_is_refused_with_line_and_reason(text, line, words):
    with pytest.raises(BatchFileError) as caught:
        read(text, "batch.yaml")
    assert str(caught.value).startswith(f"batch.yaml:{line}: ")
    assert words in str(caught.value)


def test_an_error_in_a_module_is_the_users_own(tmp_path):
    (tmp_path / "broken_models.py").write_text("import module_that_is_missing\n")
    with pytest.raises(ModuleNotFoundError, match="module_that_is_missing") as caught:
        read(f'{OWN}agent_class = "broken_models:Agent"')
    assert not isinstance(caught.value, SimManagerError)


# From the command line -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "text"), [("batch.toml", TOML), ("batch.yaml", YAML)])
def test_a_batch_file_runs_from_the_command_line_and_is_resumed_without_it(name, text, tmp_path):
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / name).write_text(text)
    (tmp_path / "batch_models.py").rename(tmp_path / "files" / "batch_models.py")
    command = [sys.executable, "-m", "simmanager", "run", f"files/{name}", "--runs", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=ENVIRONMENT, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "5 runs: 5 finished" in done.stdout
    manifest = BatchFolder("rooms").read_manifest()
    assert (manifest.runs_per_sim, manifest.seed) == (1, 7)
    (tmp_path / "files" / "batch_models.py").unlink()
    manager = SimulationManager(existing_simulation="rooms")
    manager.extend(2)
    assert manager.run_all(2, progress=False).all_finished
    record = json.loads((manager.runs[-1].path / "run.json").read_text())
    assert record["metrics"] == {"last": 3.0}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("batch.toml", f"[options]\ntimeout = '10m'\nmemory_limit_mb = '3GB'\nfail_fast = true\n{ONE}"),
        (
            "batch.yaml",
            "options: {timeout: 10m, memory_limit_mb: 3GB, fail_fast: true}\n"
            "simulations: [{simulation_id: one, default: stachenfeld_in_2d}]\n",
        ),
    ],
)
def test_times_and_memories_of_a_file_may_have_units(name, text):
    options = check_options(read(text, name).options)
    assert (options.timeout, options.memory_limit_mb, options.fail_fast) == (600, 3000, True)


def test_options_that_need_each_other_are_looked_at_together():
    plan = read(f"[options]\naddress = 'tcp://x:1'\nbackend = 'dask'\nn_jobs = 3\n{ONE}")
    assert plan.options == {"address": "tcp://x:1", "backend": "dask", "n_jobs": 3}


def test_the_options_of_the_file_hold_unless_others_are_given(capsys):
    Path("batch.toml").write_text(f"[options]\ntimeout = 1e-9\nn_jobs = 1\n{OWN}agent_class = 'batch_models:Agent'")
    assert main(["run", "batch.toml", "--runs", "1"]) == 1
    assert "timed out" in capsys.readouterr().out
    assert main(["run", "batch.toml", "--runs", "1", "--timeout", "60", "--extend", "--retry-errors"]) == 0


def test_the_line_of_a_mistake_is_shown_and_nothing_is_written(tmp_path, capsys):
    Path("batch.toml").write_text(f"{ONE}agent_params = {{ lr_tdd = 3 }}\n")
    before = listing(tmp_path)
    assert main(["run", "batch.toml"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("simmanager: batch.toml:4: simulations[0].agent_params.lr_tdd: ")
    assert err.count("\n") == 1
    assert listing(tmp_path) == before


def test_a_sweep_on_the_command_line_and_more_of_it_later(capsys):
    Path("batch.toml").write_text(f"{OWN}agent_class = 'batch_models:Strict'\n")
    sweep = ["run", "batch.toml", "--jobs", "2", "--sweep"]
    assert main([*sweep, "agent_params.gain=0.5,2", "--runs", "1", "--seed", "3"]) == 0
    assert read_status("batch").headline == "2 finished"
    before = listing(Path("batch/own__gain=0.5"))
    assert main([*sweep, "agent_params.gain=0.5,2,4"]) == 2
    assert "add to it: simmanager run batch.toml" in capsys.readouterr().err
    assert main([*sweep, "agent_params.gain=0.5,2,4", "--runs", "2", "--extend"]) == 0
    assert "4 runs (2 others stay as they are)" in capsys.readouterr().out
    assert before.items() <= listing(Path("batch/own__gain=0.5")).items()
    assert BatchFolder("batch").read_manifest().simulation_ids == [f"own__gain={gain}" for gain in ("0.5", "2", "4")]


def test_extend_makes_the_batch_if_it_is_not_there_and_has_nothing_to_do_if_it_is(capsys):
    Path("batch.toml").write_text(f"{OWN}agent_class = 'batch_models:Strict'\n")
    command = ["run", "batch.toml", "--runs", "1", "--extend", "--id", "other"]
    assert main(command) == 0
    assert "1 finished" in capsys.readouterr().out
    assert main(command) == 0
    assert "Nothing to do: 1 of 1 runs are finished" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--extend", "--seed", "4"], "has the seed 3"),
        (["--extend", "--runs", "1"], "runs_per_sim is 2 already"),
        (["--extend", "--id", "../batch"], "becomes a folder name"),
        (["--sweep", "agent_params.gian=1"], "Did you mean 'gain'"),
        (["--sweep", "agent_params.gain=1", "--sweep", "agent_params.gain=2"], "is swept twice"),
        (["--sweep", "agent_params.gain"], "not of the form"),
        (["--fail-fast", "0", "--id", "other"], "fail_fast must be at least 1"),
    ],
    ids=str,
)
def test_a_run_that_is_not_allowed_is_refused_and_nothing_is_written(words, reason, tmp_path, capsys):
    plan = read(f"{OWN}agent_class = 'batch_models:Strict'\n")
    SimulationManager(plan.simulations, 2, "batch", seed=3).generate_sim_paths()
    before = {**listing(tmp_path), "batch/batch.lock": None}
    assert main(["run", "batch.toml", *words]) == 2
    assert reason in capsys.readouterr().err
    assert {**listing(tmp_path), "batch/batch.lock": None} == before  # the lock tells who took it last
