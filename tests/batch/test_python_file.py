"""Simulations named on the command line: FILE.py or FILE.py:NAME."""

import sys

import pytest

from simmanager import SingleSim
from simmanager.base.errors import SimManagerError, SimulationError, UnknownName
from simmanager.batch.python_file import load_simulations

FILE = """
from toys import ToyAgent, toy_sim, toy_loop
one = toy_sim("one")
simulation_list = [one, toy_sim("two")]
as_tuple = (one,)
def make():
    return toy_sim("made")
def make_many():
    return [toy_sim("a"), toy_sim("b")]
class Local(ToyAgent):
    pass
local = one.copy(agent_class=Local, simulation_id="local")
number = 5
mixed = [one, 5]
empty = []
"""


@pytest.fixture(autouse=True)
def a_file(tmp_path, monkeypatch):
    (tmp_path / "my_sims.py").write_text(FILE)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path / "my_sims.py"
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.mark.parametrize(
    ("target", "ids"),
    [
        ("my_sims.py", ["one", "two"]),
        ("my_sims.py:simulation_list", ["one", "two"]),
        ("my_sims.py:one", ["one"]),
        ("my_sims.py:as_tuple", ["one"]),
        ("my_sims.py:make", ["made"]),
        ("my_sims.py:make_many", ["a", "b"]),
        ("./my_sims.py:one", ["one"]),
    ],
)
def test_a_name_is_a_simulation_a_list_or_a_function_that_returns_one(target, ids):
    stem, simulations = load_simulations(target)
    assert stem == "my_sims"
    assert [simulation.simulation_id for simulation in simulations] == ids
    assert all(isinstance(simulation, SingleSim) for simulation in simulations)


def test_a_file_may_lie_in_a_folder_with_colons_and_spaces(tmp_path, a_file):
    (tmp_path / "a: b").mkdir()
    a_file.rename(tmp_path / "a: b" / "my sims.py")
    assert load_simulations("a: b/my sims.py:one")[0] == "my sims"
    assert load_simulations("a: b/my sims.py")[0] == "my sims"


def test_a_file_may_import_its_neighbours(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "my_neighbour.py").write_text("from toys import toy_sim\nsim = toy_sim('n')\n")
    (tmp_path / "sub" / "main_file.py").write_text("from my_neighbour import sim as simulation_list\n")
    assert load_simulations("sub/main_file.py")[1][0].simulation_id == "n"


def test_a_file_named_like_a_module_does_not_take_its_place(tmp_path):
    (tmp_path / "json.py").write_text("from toys import toy_sim\nsimulation_list = [toy_sim()]\n")
    import json

    assert load_simulations("json.py")[0] == "json"
    assert sys.modules["json"] is json


def test_classes_of_the_file_travel_by_value():
    """A worker does not have the file on its path, nor execute it again."""
    import pickle

    sim = load_simulations("my_sims.py:local")[1][0]
    content = sim.recipe()
    del sys.modules["my_sims"]
    assert pickle.loads(content)["agent_class"].__name__ == "Local"


@pytest.mark.parametrize("target", ["missing.py", "missing.py:x", "my_sims", "", ".", "my_sims.py:"])
def test_a_file_that_is_not_there_is_named(target):
    with pytest.raises(SimManagerError) as caught:
        load_simulations(target)
    assert isinstance(caught.value, (SimulationError, UnknownName))


def test_a_name_that_is_not_there_is_named_with_the_nearest():
    with pytest.raises(
        UnknownName, match=r"my_sims\.py does not define 'simulations_list'\. Did you mean 'simulation_list'"
    ):
        load_simulations("my_sims.py:simulations_list")


@pytest.mark.parametrize("name", ["number", "mixed"])
def test_what_is_no_simulation_is_named_with_its_place(name):
    with pytest.raises(SimulationError, match=rf"my_sims\.py:{name}"):
        load_simulations(f"my_sims.py:{name}")


def test_an_error_in_the_file_is_the_users_own(tmp_path):
    (tmp_path / "bad.py").write_text("1 / 0\n")
    with pytest.raises(ZeroDivisionError):
        load_simulations("bad.py")
