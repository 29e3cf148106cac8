"""Resources and the time limit of a simulation: what may be declared, and how it is refused."""

import json
from fractions import Fraction

import pytest

from simmanager import OneShot, ParameterError, ParameterTypeError, SimulationError, SingleSim
from simmanager.base.quantity import MEGABYTES, SECONDS
from simmanager.base.resources import needs_of, time_limit
from simmanager.simulation.description import describe_simulation


def nothing():
    return {}


@pytest.mark.parametrize(
    "declared, needs",
    [
        (None, {}),
        ({}, {}),
        ({"cpus": 4}, {"cpus": 4}),
        ({"gpus": 0.5, "memory_mb": "20GB"}, {"gpus": 0.5, "memory_mb": 20_000.0}),
        ({"gpus": 2.0, "memory_mb": 1500}, {"gpus": 2, "memory_mb": 1500}),
        ({"gpus": 0}, {"gpus": 0}),
    ],
)
def test_resources_are_numbers(declared, needs):
    assert needs_of(declared) == needs


@pytest.mark.parametrize(
    "declared, words",
    [
        ({"cpu": 4}, "There is no resource 'cpu'. Did you mean 'cpus'"),
        ({"cpus": 0}, r"resources\['cpus'\] must be at least 1"),
        ({"cpus": 1.5}, "must be a whole number"),
        ({"cpus": True}, "must be a whole number"),
        ({"gpus": -1}, "must be at least 0"),
        ({"gpus": 1.5}, "must be a whole number of GPUs, or a share of one below 1"),
        ({"gpus": float("nan")}, "must be a finite number"),
        ({"memory_mb": "20 pounds"}, "must be a number of megabytes, or one with a unit"),
        ({"memory_mb": 0}, "must be greater than 0"),
        ([4], "resources must be a dict"),
        ("cpus", "resources must be a dict"),
    ],
)
def test_what_is_no_resource_is_refused(declared, words):
    with pytest.raises((ParameterError, ParameterTypeError), match=words):
        needs_of(declared)
    with pytest.raises(SimulationError, match="resources of the simulation 'one' cannot be so"):
        OneShot(nothing, simulation_id="one", resources=declared).check()


@pytest.mark.parametrize("timeout, seconds", [(None, None), (90, 90.0), ("2h", 7200.0), ("1.5 min", 90.0)])
def test_a_time_limit_is_a_number_of_seconds(timeout, seconds):
    assert time_limit(timeout) == seconds
    OneShot(nothing, simulation_id="one", timeout=timeout).check()


@pytest.mark.parametrize("timeout", [0, -1, "soon", True, float("inf")])
def test_what_is_no_time_limit_is_refused(timeout):
    with pytest.raises(SimulationError, match="timeout of the simulation 'one' cannot be so: timeout must be"):
        OneShot(nothing, simulation_id="one", timeout=timeout).check()


def test_what_waits_for_its_function_keeps_them():
    sim = OneShot(None, {"x": 1}, "one", resources={"cpus": 2}, timeout=5, cwd="run")
    assert (sim.resources, sim.timeout, sim.cwd) == ({"cpus": 2}, 5, "run")


def test_one_that_an_earlier_version_has_pickled_has_none():
    sim = OneShot(nothing, simulation_id="one")
    for name in ("resources", "timeout", "fail_when", "stop_when"):
        del vars(sim)[name]
    assert sim == OneShot(nothing, simulation_id="one") and sim.copy().resources is None


def test_what_is_kept_are_numbers():
    sim = OneShot(nothing, simulation_id="one", resources={"memory_mb": Fraction(900)}, timeout=Fraction(5, 2))
    entry = json.loads(json.dumps(describe_simulation(sim)))
    assert entry["resources"] == {"memory_mb": 900} and entry["timeout"] == 2.5


def test_a_copy_has_its_own_resources():
    sim = OneShot(nothing, simulation_id="one", resources={"cpus": 2}, timeout="1h")
    other = sim.copy()
    other.resources["cpus"] = 3
    assert sim.resources == {"cpus": 2} and other.timeout == "1h"
    assert sim != other


def test_a_recipe_has_them_only_where_they_are_declared():
    assert b"resources" not in SingleSim().recipe()
    assert b"resources" in SingleSim(resources={"cpus": 1}).recipe()


@pytest.mark.parametrize(
    "quantity, word, value", [(SECONDS, "90", 90.0), (SECONDS, "90s", "90s"), (MEGABYTES, "x", "x")]
)
def test_a_bare_word_is_a_number(quantity, word, value):
    assert quantity.read(word) == value
