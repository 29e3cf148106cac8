"""SingleSim: a recipe that is run here, saved, loaded, copied and compared."""

import copy
import functools
import json
import os
import pickle
import random
import re
import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest
from toys import BOOM, ToyAgent, ToyArena, failing_loop, python, toy_loop, toy_sim

from simmanager import RunFolder, RunState, SimulationManager, SingleSim
from simmanager.base.errors import (
    BatchExists,
    BatchNotFound,
    ParameterError,
    ParameterTypeError,
    RecipeError,
    ResultsMissing,
    SimManagerError,
    SimulationError,
)
from simmanager.simulation.description import FIELDS, describe_simulation, readable

pytestmark = pytest.mark.python_versions

FILES = {
    "agent",
    "arena",
    "training_hist.dict",
    "param.dict",
    "run.log",
    "error.log",
    "state.log",
    "run.json",
    "summary.npz",
}


class Grumbles:
    def __reduce__(self):
        raise TypeError("I stay here")


class DoesNotComeBack:
    def __reduce__(self):
        return (int, ("not a number",))


def loop_that_prints(agent, env, folder):
    print("to stdout")
    print("to stderr", file=sys.stderr)
    seen = {name: (RunFolder(folder).path / name).read_text() for name in ("run.log", "error.log", "state.log")}
    return agent, env, {"seen": [seen]}


def loop_that_replaces_stdout(agent, env):
    sys.stdout.close()
    sys.stdout = open(os.devnull, "w")  # noqa: PTH123
    sys.stderr = None
    raise ValueError("after doing harm")


def loop_that_looks_at_an_older_run(agent, env, folder):
    return agent, env, {"there": [(RunFolder(folder).path / "agent").read_bytes()]}


def loop_that_is_interrupted(agent, env):
    raise KeyboardInterrupt


# A recipe ------------------------------------------------------------------------------------------------------


def test_an_empty_simulation_can_be_filled_later():
    sim = SingleSim()
    assert set(sim.fields.values()) == {None}
    for name, value in toy_sim().fields.items():
        setattr(sim, name, value)
    assert sim == toy_sim()


def test_printing_a_simulation_shows_all_its_fields():
    text = str(toy_sim("my_sim", n_steps=3))
    for part in ("my_sim", "ToyAgent", "{'gain': 2.0}", "ToyArena", "{'start': 1.0}", "toy_loop", "{'n_steps': 3}"):
        assert part in text
    assert "my_sim" in repr(toy_sim("my_sim"))
    assert "None" in str(SingleSim())


@pytest.mark.parametrize("name", ["agent_class", "env_class", "training_loop"])
def test_an_incomplete_simulation_names_what_is_missing_and_writes_nothing(name, tmp_path):
    sim = toy_sim().copy(**{name: None})
    with pytest.raises(SimulationError, match=f"is incomplete: {name} missing"):
        sim.run_sim()
    assert list(tmp_path.iterdir()) == []


def test_an_empty_simulation_names_all_that_is_missing():
    with pytest.raises(SimulationError, match="agent_class, env_class, training_loop missing"):
        SingleSim().run_sim()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"agent_class": "ToyAgent"}, "agent_class of the simulation 'toy' is no class or function: 'ToyAgent'"),
        ({"training_loop": 5}, "training_loop of"),
        ({"agent_params": [1]}, "agent_params must be a dict"),
        ({"env_params": {1: 2}}, "env_params must be a dict of parameter names and values"),
    ],
)
def test_a_field_of_the_wrong_kind_is_named(change, words):
    with pytest.raises(SimulationError, match=words):
        toy_sim().copy(**change).check()


def test_a_copy_shares_no_parameters():
    sim = toy_sim()
    sim.agent_params["nested"] = {"a": [1]}
    copied = sim.copy(simulation_id="other")
    copied.agent_params["nested"]["a"].append(2)
    assert sim.agent_params["nested"] == {"a": [1]}
    assert copied.simulation_id == "other"
    assert copied.agent_class is sim.agent_class


def test_a_copy_refuses_a_field_that_does_not_exist():
    with pytest.raises(ParameterTypeError, match=r"no field 'agent_param'\. Did you mean 'agent_params'"):
        toy_sim().copy(agent_param={})


def test_simulations_are_equal_if_all_their_fields_are():
    assert toy_sim() == toy_sim()
    assert toy_sim() != toy_sim("other")
    assert toy_sim(n_steps=1) != toy_sim(n_steps=2)
    assert toy_sim() != 5
    with pytest.raises(TypeError, match="unhashable"):
        hash(toy_sim())


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (np.arange(3), np.arange(3), True),
        (np.arange(3), np.arange(4), False),
        (np.arange(3), [0, 1, 2], False),
        ([np.zeros(2), {"a": np.ones(1)}], [np.zeros(2), {"a": np.ones(1)}], True),
        ((1, 2), [1, 2], False),
        ({"a": 1}, {"b": 1}, False),
        (1, 1.0, True),
    ],
)
def test_parameters_are_compared_by_value_arrays_too(one, other, equal):
    assert (toy_sim().copy(agent_params={"x": one}) == toy_sim().copy(agent_params={"x": other})) is equal


def test_anything_with_the_same_attributes_is_a_simulation():
    assert SingleSim.from_object(SimpleNamespace(**toy_sim().fields)) == toy_sim()
    sim = toy_sim()
    assert SingleSim.from_object(sim) is sim


@pytest.mark.parametrize("thing", [None, 5, "sim", {}, SingleSim, ToyAgent(), SimpleNamespace(agent_class=ToyAgent)])
def test_what_lacks_an_attribute_is_no_simulation(thing):
    with pytest.raises(SimulationError, match="simulation: it has no"):
        SingleSim.from_object(thing)


# The pickle ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "name"),
    [
        ({"agent_params": {"policy": threading.Lock()}}, r"agent_params\['policy'\]"),
        ({"env_params": {"walls": [1, {"x": threading.Lock()}]}}, r"env_params\['walls'\]\[1\]\['x'\]"),
        ({"training_loop_params": {"log": Grumbles()}}, r"training_loop_params\['log'\]"),
    ],
)
def test_what_cannot_be_pickled_is_named(params, name):
    with pytest.raises(RecipeError, match=f"Cannot pickle {name} of simulation 'toy'"):
        toy_sim().copy().__class__(**{**toy_sim().fields, **params}).recipe()


def test_what_can_be_pickled_but_not_loaded_is_refused_too():
    sim = toy_sim()
    sim.agent_params = {"x": DoesNotComeBack()}
    with pytest.raises(RecipeError, match="can be pickled but not loaded"):
        sim.recipe()


def test_a_recipe_that_cannot_be_pickled_is_refused_before_anything_is_written(tmp_path):
    sim = toy_sim()
    sim.agent_params = {"gain": threading.Lock()}
    with pytest.raises(RecipeError):
        sim.run_sim()
    assert list(tmp_path.iterdir()) == []


def test_a_lambda_and_a_local_class_can_be_in_a_recipe():
    class Local(ToyAgent):
        pass

    fields = pickle.loads(toy_sim().copy(agent_class=Local, agent_params={"gain": 1.0}).recipe())
    assert fields["agent_class"](1.0).gain == 1.0


def test_parameters_are_saved_and_loaded(tmp_path):
    toy_sim("saved", n_steps=4).save_params(tmp_path / "new" / "folder")
    sim = SingleSim()
    sim.load_params(tmp_path / "new" / "folder")
    assert sim == toy_sim("saved", n_steps=4)


def test_parameters_that_are_missing_or_something_else_are_refused(tmp_path):
    with pytest.raises(ResultsMissing, match="results_sim"):
        SingleSim().load_params()
    (tmp_path / "param.dict").write_bytes(pickle.dumps({"lr": 1}))
    with pytest.raises(SimManagerError, match="does not hold the parameters of a simulation"):
        SingleSim().load_params(tmp_path)


# Running it here -----------------------------------------------------------------------------------------------


def test_a_run_leaves_exactly_the_files_of_the_tutorial(tmp_path):
    toy_sim().run_sim()
    lock = {"state.lock"}
    assert {path.name for path in (tmp_path / "results_sim").iterdir()} - lock == FILES
    assert [path.name for path in tmp_path.iterdir()] == ["results_sim"]


def test_the_results_are_loaded_as_live_objects():
    sim = toy_sim(n_steps=7)
    sim.run_sim("here")
    agent, env, history = sim.load_results("here")
    assert isinstance(agent, ToyAgent)
    assert agent.updates == 7
    assert isinstance(env, ToyArena)
    assert len(history["position"]) == 7
    empty = SingleSim()
    empty.load_results("here")
    assert empty == sim


def test_run_json_tells_seed_state_and_times():
    toy_sim().run_sim("here", seed=11)
    record = json.loads((RunFolder("here").path / "run.json").read_text())
    assert (record["seed"], record["state"], record["attempt"], record["reason"]) == (11, "finished", 1, "")
    assert record["started"] <= record["ended"]
    assert record["duration_s"] >= 0
    assert record["cpu_s"] >= 0
    assert record["peak_mb"] > 1
    assert record["pid"] == os.getpid()
    assert record["versions"]["numpy"] == np.__version__


def test_the_same_seed_gives_the_same_bytes_and_another_one_others():
    for folder, seed in (("a", 1), ("b", 1), ("c", 2)):
        toy_sim().run_sim(folder, seed=seed)
    files = [
        [(RunFolder(f).path / name).read_bytes() for name in ("agent", "arena", "training_hist.dict")] for f in "abc"
    ]
    assert files[0] == files[1]
    assert files[0] != files[2]


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, "7", True])
def test_a_seed_that_is_not_allowed_is_refused_before_anything_is_written(seed, tmp_path):
    with pytest.raises(ParameterError, match="seed"):
        toy_sim().run_sim(seed=seed)
    assert list(tmp_path.iterdir()) == []


def test_seeding_a_run_leaves_the_callers_generators_alone():
    states = random.getstate(), np.random.get_state()[1].tolist()
    toy_sim().run_sim(seed=3)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == states


def test_what_is_printed_is_visible_in_the_logs_while_it_runs(tmp_path):
    toy_sim(loop=loop_that_prints, folder=str(tmp_path / "results_sim")).run_sim()
    seen = toy_sim().load_results()[2]["seen"][0]
    assert "to stdout" in seen["run.log"]
    assert "to stderr" in seen["error.log"]
    assert "\trunning\t" in seen["state.log"]


def test_stdout_and_stderr_are_given_back(capsys):
    before = sys.stdout, sys.stderr
    toy_sim().run_sim()
    assert (sys.stdout, sys.stderr) == before
    print("visible")
    assert capsys.readouterr().out == "visible\n"


def test_stdout_and_stderr_are_given_back_whatever_the_run_did_to_them(recwarn):
    before = sys.stdout, sys.stderr
    with pytest.raises(ValueError, match="after doing harm"):
        toy_sim(loop=loop_that_replaces_stdout).run_sim()
    assert (sys.stdout, sys.stderr) == before


def test_an_error_is_raised_and_written_to_both_logs():
    with pytest.raises(ValueError, match=r"^boom$"):
        toy_sim(loop=failing_loop).run_sim()
    folder = RunFolder("results_sim")
    assert "Traceback" in folder.read_log("error")
    assert "ValueError: boom" in folder.read_log("error")
    assert "about to fail" in folder.read_log("run")
    history = folder.read_history()
    assert history.state is RunState.ERROR
    assert history.last.detail == BOOM
    assert json.loads(folder.record.read_text())["error_type"] == "ValueError"
    with pytest.raises(ResultsMissing, match=re.escape(f"its state is error ({BOOM})")):
        toy_sim().load_results()


def agent_with_a_limit(gain):
    raise TypeError(f"{gain} is too much")


def test_an_error_of_the_agents_parameters_is_an_error_of_the_run():
    with pytest.raises(TypeError, match="1 is too much"):
        toy_sim().copy(agent_class=agent_with_a_limit, agent_params={"gain": 1}).run_sim()
    assert RunFolder("results_sim").read_history().state is RunState.ERROR


def needy_loop(agent, env, n, rate):
    return agent, env, {}


def open_loop(agent, env, *, n=1, **others):
    return agent, env, {}


class Settings:
    def __init__(self, settings, /, gain=1.0):
        self.gain = gain


def with_a_generator(loop):
    @functools.wraps(loop)
    def wrapper(*models, **params):
        return loop(*models, rate=1, **params)

    return wrapper


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {"agent_params": {"gian": 1}},
            r"ToyAgent of simulation 'toy' has no parameter 'gian'\. Did you mean 'gain'\?",
        ),
        ({"env_params": {"strat": 1}}, r"ToyArena of simulation 'toy' has no parameter 'strat'\. Did you mean 'start'"),
        ({"training_loop_params": {"n_stesp": 1}}, r"toy_loop .* has no parameter 'n_stesp'\. Did you mean 'n_steps'"),
        ({"training_loop_params": {"agent": 1}}, "toy_loop .* has no parameter 'agent'"),
        ({"training_loop": needy_loop}, "needy_loop .* needs n, rate: give it in training_loop_params"),
        ({"training_loop": lambda agent: agent}, "takes 1 of the 2 values"),
        ({"agent_class": Settings, "agent_params": {"gain": 2.0}}, "Settings .* needs settings"),
        ({"agent_class": Settings, "agent_params": {"settings": 2.0}}, "Settings .* has no parameter 'settings'"),
    ],
)
def test_a_parameter_that_would_fail_each_run_is_refused_before_anything_is_written(fields, words, tmp_path):
    sim = toy_sim().copy(**fields)
    for act in (lambda: SimulationManager([sim], 1, "batch"), lambda: SimulationManager([toy_sim()]).add([sim])):
        with pytest.raises(SimulationError, match=words):
            act()
    with pytest.raises(SimulationError, match=words):
        sim.run_sim()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"training_loop": open_loop, "training_loop_params": {"what": "ever"}},
        {"training_loop": functools.partial(needy_loop, n=3, rate=1)},
        {"training_loop": functools.partial(needy_loop, n=3), "training_loop_params": {"n": 4, "rate": 1}},
        {"training_loop": with_a_generator(needy_loop), "training_loop_params": {"n": 4}},
        {"agent_class": dict, "agent_params": {"what": "ever"}},
        {"agent_class": int, "agent_params": {}},
    ],
)
def test_what_takes_anything_or_has_no_signature_is_not_checked(fields):
    toy_sim().copy(**fields).check()


def test_ctrl_c_interrupts_the_run():
    with pytest.raises(KeyboardInterrupt):
        toy_sim(loop=loop_that_is_interrupted).run_sim()
    assert RunFolder("results_sim").read_history().state is RunState.INTERRUPTED


@pytest.mark.parametrize(
    ("loop", "words"),
    [
        (lambda agent, env: None, "returned NoneType; it must return agent, env, history"),
        (lambda agent, env: (agent, env), "returned 2 values; it must return agent, env, history"),
        (lambda agent, env: (agent, env, [1]), "is of type list; it must be a dict"),
    ],
)
def test_a_loop_that_returns_something_else_is_told_what_to_return(loop, words):
    with pytest.raises(SimulationError, match=words):
        toy_sim(loop=loop).run_sim()


def test_a_folder_that_holds_something_else_is_refused_and_left_alone(tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.tex").write_text("years of work")
    with pytest.raises(BatchExists, match="holds something else than a run"):
        toy_sim().run_sim("thesis")
    assert [path.name for path in (tmp_path / "thesis").iterdir()] == ["thesis.tex"]
    (tmp_path / "file").write_text("x")
    with pytest.raises(BatchExists):
        toy_sim().run_sim("file")
    (tmp_path / "link").symlink_to(tmp_path / "thesis")
    with pytest.raises(BatchExists):
        toy_sim().run_sim("link")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "link", "thesis"]


def test_an_empty_folder_and_one_deep_down_may_be_used(tmp_path):
    (tmp_path / "empty").mkdir()
    toy_sim().run_sim("empty")
    toy_sim().run_sim(tmp_path / "a" / "b" / "c")
    assert RunFolder(tmp_path / "a" / "b" / "c").read_history().state is RunState.FINISHED


def test_an_older_run_is_replaced_only_once_the_new_one_has_ended(tmp_path):
    toy_sim().run_sim("here", seed=1)
    older = (tmp_path / "here" / "agent").read_bytes()
    toy_sim(loop=loop_that_looks_at_an_older_run, folder=str(tmp_path / "here")).run_sim("here", seed=2)
    assert toy_sim().load_results("here")[2]["there"] == [older]
    assert [path.name for path in tmp_path.iterdir()] == ["here"]
    assert json.loads((tmp_path / "here" / "run.json").read_text())["seed"] == 2


def test_a_failed_run_replaces_an_older_one_too(tmp_path):
    toy_sim().run_sim("here")
    with pytest.raises(ValueError, match="boom"):
        toy_sim(loop=failing_loop).run_sim("here")
    assert RunFolder("here").read_history().state is RunState.ERROR
    assert [path.name for path in tmp_path.iterdir()] == ["here"]


def test_an_older_run_that_a_kill_left_aside_is_put_back(tmp_path):
    toy_sim().run_sim("here")
    (tmp_path / "here").rename(tmp_path / ".here.old")
    sim = toy_sim()
    sim.agent_params = {"gain": threading.Lock()}
    with pytest.raises(RecipeError):
        sim.run_sim("here")
    assert sim.load_results("here")


def test_results_that_are_not_there_name_the_folder():
    with pytest.raises(ResultsMissing, match="results_sim"):
        SingleSim().load_results()


def test_logs_are_shown(capsys):
    toy_sim().run_sim()
    toy_sim().show_logs()
    assert capsys.readouterr().out == "(error.log is empty)\n"
    toy_sim().show_logs(log_type="run")
    assert "Training loop" in capsys.readouterr().out
    toy_sim().show_logs("results_sim", log_type="state")
    assert "\tfinished\t" in capsys.readouterr().out
    with pytest.raises(ParameterError, match="log_type"):
        toy_sim().show_logs(log_type="agent")
    with pytest.raises(BatchNotFound):
        toy_sim().show_logs("nowhere")


def test_an_agent_that_cannot_be_saved_is_an_error_that_says_so():
    class Stubborn(ToyAgent):
        def save_agent(self, path):
            raise OSError("no room")

    with pytest.raises(SimManagerError, match="The agent could not be saved"):
        toy_sim().copy(agent_class=Stubborn, agent_params={}).run_sim()
    folder = RunFolder("results_sim")
    assert folder.read_history().state is RunState.ERROR
    assert not folder.agent.exists()


def test_an_agents_own_way_of_saving_is_used():
    class Own(ToyAgent):
        def save_agent(self, path):
            with open(path, "wb") as file:  # noqa: PTH123
                pickle.dump("my own format", file)

    toy_sim().copy(agent_class=Own, agent_params={}).run_sim()
    assert toy_sim().load_results()[0] == "my own format"


# Readable ------------------------------------------------------------------------------------------------------


class HasNoText:
    def __repr__(self):
        raise ValueError


class Tensor:
    """As torch's: ``size`` is a method."""

    def tolist(self):
        return [1.0]

    def size(self):
        return (1,)

    def __repr__(self):
        return "tensor([1.])"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, 1),
        (1.5, 1.5),
        (None, None),
        (True, True),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        ("x" * 2000, "x" * 1000 + "… #5c0e0ea4"),
        ({"a": (1, 2)}, {"a": [1, 2]}),
        ({1: 2}, {"1": 2}),
        (np.float32(0.5), 0.5),
        (np.arange(3), [0, 1, 2]),
        (ToyAgent, "toys:ToyAgent"),
        (toy_loop, "toys:toy_loop"),
        (HasNoText(), "<HasNoText>"),
        (Tensor(), "tensor([1.])"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_parameters_become_readable(value, expected):
    assert readable(value) == expected
    json.dumps(readable(value), allow_nan=False)


def test_large_and_deep_parameters_stay_small():
    assert len(json.dumps(readable({"a": np.zeros((1000, 1000)), "b": list(range(10_000))}))) < 1000
    deep = []
    for _ in range(500):
        deep = [deep]
    assert len(json.dumps(readable(deep))) < 1000


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (np.zeros(5000), np.where(np.arange(5000) == 2500, 1.0, 0.0)),
        ("x" * 2000, "x" * 1999 + "y"),
        (list(range(1000)), [*range(999), 5]),
        ({str(n): n for n in range(300)}, {str(n): min(n, 298) for n in range(300)}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_large_parameters_that_differ_look_different(one, other):
    """A change is seen by what manager.json says."""
    assert readable(one) != readable(other)
    assert readable(one) == readable(copy.deepcopy(one))


def test_the_entry_of_a_simulation_has_all_fields():
    entry = describe_simulation(toy_sim("toy", n_steps=2))
    assert set(entry) == set(FIELDS)
    assert entry["agent_class"] == "toys:ToyAgent"
    assert entry["training_loop_params"] == {"n_steps": 2}


def test_a_set_reads_the_same_in_every_process(tmp_path):
    names = "{'where': {'north', 'south', 'east', 5}}"
    program = f"from simmanager.simulation.description import readable; print(readable({names}))"
    said = set()
    for seed in ("1", "2", "3"):
        done = python(program, environ={"PYTHONHASHSEED": seed})
        assert done.returncode == 0, done.stderr
        said.add(done.stdout)
    assert said == {"{'where': ['east', 'north', 'south', 5]}\n"}


class Awkward:
    shape = ()

    def __getattr__(self, name):
        raise RuntimeError(name)


class Endless:
    size = 1

    def tolist(self):
        return self


class Uncountable(list):
    def __len__(self):
        raise RuntimeError("no length")


@pytest.mark.parametrize(
    "value", [Awkward(), Endless(), Uncountable(), 10**5000], ids=lambda value: type(value).__name__
)
def test_whatever_a_parameter_is_it_can_be_described(value):
    text = json.dumps(readable({"a": value}), allow_nan=False)
    assert 5 < len(text) < 1000
