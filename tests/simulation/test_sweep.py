"""Sweeps: combinations of values, ids that name them, and refusals that name the nearest."""

import re

import numpy as np
import pytest
from scipy import stats
from toys import ToyAgent, ToyArena, case_name, python, toy_sim

import simmanager
from simmanager import SimulationManager, SingleSim, sweep
from simmanager.base.errors import ParameterError, ParameterTypeError, SimulationError, UnknownName, UnsafeName
from simmanager.default_simulation import stachenfeld_in_2d
from simmanager.disk.manifest import check_name
from simmanager.simulation.sweep import MAX_SIMULATIONS, sweep_all

GAIN, START, STEPS = "agent_params.gain", "env_params.start", "training_loop_params.n_steps"


def ids(simulations):
    return [simulation.simulation_id for simulation in simulations]


def with_room(**params):
    return toy_sim().copy(env_class=lambda room: ToyArena(room["width"]), env_params={"room": {"width": 1.0}, **params})


# Combinations --------------------------------------------------------------------------------------------------


def test_a_grid_has_every_combination_and_the_last_key_changes_fastest():
    sr = stachenfeld_in_2d.copy(simulation_id="SR")
    swept = sweep(sr, {"agent_params.lr_td": [1e-3, 1e-2], "training_loop_params.n_episode": [10, 100]})
    assert ids(swept) == [
        "SR__lr_td=0.001__n_episode=10",
        "SR__lr_td=0.001__n_episode=100",
        "SR__lr_td=0.01__n_episode=10",
        "SR__lr_td=0.01__n_episode=100",
    ]
    assert [s.agent_params["lr_td"] for s in swept] == [1e-3, 1e-3, 1e-2, 1e-2]
    assert [s.training_loop_params["n_episode"] for s in swept] == [10, 100, 10, 100]
    assert all(s.agent_params["discount"] == sr.agent_params["discount"] for s in swept)
    assert sr == stachenfeld_in_2d.copy(simulation_id="SR")


def test_zip_takes_the_first_values_then_the_second():
    swept = sweep(toy_sim(), {GAIN: [1, 2, 2], STEPS: [10, 20, 30]}, mode="zip")
    assert [(s.agent_params["gain"], s.training_loop_params["n_steps"]) for s in swept] == [(1, 10), (2, 20), (2, 30)]
    assert ids(swept) == ["toy__gain=1__n_steps=10", "toy__gain=2__n_steps=20", "toy__gain=2__n_steps=30"]


def test_random_draws_from_distributions_and_lists():
    swept = sweep(toy_sim(), {GAIN: stats.loguniform(1e-4, 1e-1), STEPS: [10, 20]}, mode="random", n=200, seed=3)
    gains = np.array([s.agent_params["gain"] for s in swept])
    assert len(set(ids(swept))) == 200
    assert gains.min() >= 1e-4
    assert gains.max() <= 1e-1
    assert 80 < sum(gains < 10**-2.5) < 120  # the median of the distribution; 3 standard deviations are 21
    assert {s.training_loop_params["n_steps"] for s in swept} == {10, 20}
    assert all(type(s.agent_params["gain"]) is float for s in swept)
    assert all(re.fullmatch(r"toy__gain=\d\.\d+(e-\d+)?__n_steps=[12]0", name) for name in ids(swept))


def test_random_is_repeated_by_its_seed_whatever_the_order_of_the_keys():
    parameters = {GAIN: stats.norm(), STEPS: stats.randint(1, 1000), START: [1, 2, 3]}
    swept = sweep(toy_sim(), parameters, "random", 5, 7)
    assert sweep(toy_sim(), parameters, "random", 5, 7) == swept
    assert sweep(toy_sim(), parameters, "random", 9, 7)[:5] == swept
    assert sweep(toy_sim(), parameters, "random", 5, 8) != swept
    turned = sweep(toy_sim(), dict(reversed(parameters.items())), "random", 5, 7)
    assert [s.copy(simulation_id="x") for s in turned] == [s.copy(simulation_id="x") for s in swept]
    assert all(type(s.training_loop_params["n_steps"]) is int for s in swept)


def test_random_without_a_seed_draws_one_and_leaves_the_global_generators_alone():
    state = np.random.get_state()[1].copy()
    one, other = (sweep(toy_sim(), {GAIN: stats.norm()}, "random", 3) for _ in range(2))
    assert ids(one) != ids(other)
    assert (np.random.get_state()[1] == state).all()


def test_random_combinations_are_distinct():
    swept = sweep(toy_sim(), {GAIN: [1, 2, 3], STEPS: [1, 2]}, "random", 6, 1)
    assert sorted(ids(swept)) == sorted(ids(sweep(toy_sim(), {GAIN: [1, 2, 3], STEPS: [1, 2]})))
    with pytest.raises(ParameterError, match="n is 7, but there are only 6 distinct combinations"):
        sweep(toy_sim(), {GAIN: [1, 2, 3], STEPS: [1, 2]}, "random", 7, 1)
    with pytest.raises(ParameterError, match="n is 4, but there are only 3 distinct combinations"):
        sweep(toy_sim(), {STEPS: stats.randint(1, 4)}, "random", 4, 1)


def test_a_distribution_of_vectors_gives_arrays():
    swept = sweep(with_room(), {"env_params.room": stats.multivariate_normal([0, 0])}, "random", 2, 1)
    assert [s.env_params["room"].shape for s in swept] == [(2,), (2,)]


def test_values_may_be_any_ordered_collection():
    for values in (np.array([1.0, 2.0]), (1.0, 2.0), iter([1.0, 2.0]), range(1, 3), np.linspace(1, 2, 2)):
        swept = sweep(toy_sim(), {GAIN: values})
        assert ids(swept) == ["toy__gain=1", "toy__gain=2"]
        assert all(type(s.agent_params["gain"]) in (float, int) for s in swept)


def test_a_value_inside_of_a_dict_is_reached():
    swept = sweep(with_room(start={"width": 0}), {"env_params.room.width": [2.0, 3.0]})
    assert [s.env_params for s in swept] == [{"room": {"width": w}, "start": {"width": 0}} for w in (2.0, 3.0)]
    assert ids(swept) == ["toy__width=2", "toy__width=3"]


def test_a_parameter_that_only_the_class_or_loop_names_may_be_swept():
    bare = toy_sim().copy(agent_params=None, training_loop_params=None)
    swept = sweep(bare, {GAIN: [1, 2], STEPS: [3]})
    assert [s.agent_params for s in swept] == [{"gain": 1}, {"gain": 2}]
    assert [s.training_loop_params for s in swept] == [{"n_steps": 3}] * 2


def test_copies_share_nothing():
    shared = {"walls": [1, 2]}
    base = toy_sim().copy(agent_params={"gain": 1.0, "other": [1]})
    one, other = sweep(base, {START: [shared, [shared]], STEPS: [1]})
    two, three = sweep(base, {STEPS: [1, 2], START: [shared]})
    one.agent_params["other"].append(2)
    two.env_params["start"]["walls"].append(3)
    assert other.agent_params["other"] == [1]
    assert base.agent_params["other"] == [1]
    assert three.env_params["start"] == {"walls": [1, 2]}
    assert shared == {"walls": [1, 2]}


def test_other_peoples_simulations_can_be_swept():
    class Theirs:
        pass

    theirs = Theirs()
    theirs.__dict__.update({name: value for name, value in toy_sim("theirs").fields.items() if name != "metrics"})
    swept = sweep(theirs, {GAIN: [1]})
    assert ids(swept) == ["theirs__gain=1"]
    assert isinstance(swept[0], SingleSim)


def test_a_swept_batch_runs(tmp_path):
    manager = SimulationManager(sweep(toy_sim(), {GAIN: [0.5, 1e-05], STEPS: [2, 3]}), 1, "batch", seed=1)
    assert manager.run_all(2, progress=False).all_finished
    agent, _, history = manager.load_results("toy__gain=1e-05__n_steps=3", 0)
    assert (agent.gain, len(history["position"])) == (1e-05, 3)


# Ids -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([0.1, 0.30000000000000004, 1 / 3, 1e-9, -2.5e10], ["0.1", "0.3", "0.333333", "1e-09", "-2.5e+10"]),
        ([0.1, 0.10000001, 0.5], ["0.1", "0.10000001", "0.5"]),
        ([10, 10.0, 11], ["10", "10.0", "11"]),
        ([float("inf"), float("nan")], ["inf", "nan"]),
        ([True, False, None, 1], ["True", "False", "None", "1"]),
        (["relu", "a b/c", "../up", "é", ""], ["relu", "a_b_c", ".._up", "_", ""]),
        (["a b", "a/b", "c"], ["a_b_0", "a_b_1", "c"]),
        (["sim", "Sim"], ["sim_0", "Sim_1"]),
        (["x" * 100, "x" * 99], ["x" * 40 + "_0", "x" * 40 + "_1"]),
        ([[-6, 6], [-8.5, 8.5], (1, 2)], ["-6,6", "-8.5,8.5", "1,2"]),
        ([[1, 2], (1, 2)], ["1,2_0", "1,2_1"]),
        ([{"a": 1}, {"a": 2}, [[1], [2]], []], ["dict0", "dict1", "list2", "list3"]),
        ([np.zeros(3), np.ones(3)], ["ndarray0", "ndarray1"]),
        ([ToyAgent, ToyArena], ["ToyAgent", "ToyArena"]),
        ([object(), max], ["object0", "max"]),
        ([np.float32(0.5), np.int64(3), np.bool_(True)], ["0.5", "3", "True"]),
    ],
    ids=case_name,
)
def test_ids_name_the_values(values, labels):
    swept = sweep(toy_sim(), {GAIN: values})
    assert ids(swept) == [f"toy__gain={label}" for label in labels]
    for name in ids(swept):
        check_name("id", name)


def test_keys_of_one_name_are_told_apart_by_their_group():
    sim = with_room(gain=1)
    swept = sweep(sim, {GAIN: [1], "env_params.gain": [2], "env_params.room.width": [3]})
    assert ids(swept) == ["toy__agent_params.gain=1__env_params.gain=2__width=3"]


def test_an_id_that_is_too_long_ends_in_a_hash_and_stays_unique():
    parameters = {GAIN: ["x" * 39 + c for c in "ab"], START: ["y" * 40], STEPS: ["z" * 40, "w" * 40]}
    swept = sweep(toy_sim("long_" * 6), parameters)
    assert len({name.lower() for name in ids(swept)}) == 4
    assert all(len(name) == 150 and re.search("-[0-9a-f]{8}$", name) for name in ids(swept))
    assert ids(sweep(toy_sim("long_" * 6), parameters)) == ids(swept)


def test_ids_that_would_read_the_same_are_told_apart():
    swept = sweep(toy_sim(), {GAIN: ["a", "a__start=b"], START: ["c", "b__start=c"]})
    assert len({name.lower() for name in ids(swept)}) == 4


def test_an_id_stays_the_same_when_values_are_added():
    few = ids(sweep(toy_sim(), {GAIN: [0.1, "a"], STEPS: [1]}))
    many = ids(sweep(toy_sim(), {GAIN: [0.1, "a", 0.2, "b"], STEPS: [1, 2]}))
    assert set(few) < set(many)


# Refusals ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("agent_params.gian", r"Simulation 'toy' \(ToyAgent\) has no agent_params\.gian\. Did you mean 'gain'"),
        ("agent_params.n_steps", r"has no agent_params\.n_steps\. Did you mean 'training_loop_params\.n_steps'"),
        ("training_loop_params.agent", r"has no training_loop_params\.agent.*There are: n_steps"),
        ("agent_parms.gain", r"No parameter group 'agent_parms'\. Did you mean 'agent_params'"),
        ("agent_params.gain.x", r"agent_params\.gain of simulation 'toy' is no dict"),
        ("metrics.x", "No parameter group 'metrics'"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest(key, words):
    with pytest.raises(UnknownName, match=words):
        sweep(toy_sim(), {key: [1]})


def test_an_unknown_key_inside_of_a_dict_is_refused_with_the_nearest():
    with pytest.raises(UnknownName, match=r"has no env_params\.room\.widht\. Did you mean 'width'"):
        sweep(with_room(), {"env_params.room.widht": [1]})


@pytest.mark.parametrize("key", ["gain", "", "agent_params", "agent_params.", "agent_params..gain", 5])
def test_a_key_of_another_form_is_refused(key):
    with pytest.raises(SimulationError, match=r"not of the form agent_params\.NAME"):
        sweep(toy_sim(), {key: [1]})


@pytest.mark.parametrize("values", [0.1, "text", {"a": 1}, {1, 2}, None, b"x"])
def test_values_that_are_no_list_are_refused(values):
    with pytest.raises(ParameterTypeError, match=r"agent_params\.gain needs a list of values"):
        sweep(toy_sim(), {GAIN: values})


@pytest.mark.parametrize("parameters", [{}, None, [1], "x"])
def test_parameters_that_are_no_dict_are_refused(parameters):
    with pytest.raises(ParameterTypeError, match="needs a dict of parameters"):
        sweep(toy_sim(), parameters)


@pytest.mark.parametrize(
    ("parameters", "options", "words"),
    [
        ({GAIN: []}, {}, "has no values"),
        ({GAIN: [1, 2, 1]}, {}, "has the value 1 twice; for more runs of it, use runs_per_sim"),
        ({GAIN: [[1], [1]]}, {}, "twice"),
        ({GAIN: stats.norm()}, {}, "is a distribution"),
        ({GAIN: stats.norm()}, {"mode": "zip"}, "is a distribution"),
        ({GAIN: [1, 2], STEPS: [1]}, {"mode": "zip"}, f"{GAIN} has 2, {STEPS} has 1"),
        ({GAIN: [1, 1], STEPS: [2, 2]}, {"mode": "zip"}, "combinations has the value .* twice"),
        ({GAIN: [1]}, {"mode": "gird"}, "Did you mean 'grid'"),
        ({GAIN: [1]}, {"mode": None}, "mode must be one of grid, zip, random"),
        ({GAIN: [1]}, {"n": 3}, "n and seed belong to mode='random'"),
        ({GAIN: [1]}, {"seed": 3, "mode": "zip"}, "n and seed belong to mode='random'"),
        ({GAIN: [1]}, {"mode": "random"}, "needs n"),
        ({GAIN: [1]}, {"mode": "random", "n": 0}, "n must be"),
        ({GAIN: [1]}, {"mode": "random", "n": 1.5}, "n must be"),
        ({GAIN: [1]}, {"mode": "random", "n": 1, "seed": -1}, "seed must be"),
        ({GAIN: range(1000), STEPS: range(1000)}, {}, f"1000000 simulations; at most {MAX_SIMULATIONS}"),
        ({"env_params.room": [1], "env_params.room.width": [1]}, {}, "the second is a part of the first"),
    ],
    ids=case_name,
)
def test_what_makes_no_sweep_is_refused_with_the_reason(parameters, options, words):
    with pytest.raises(ParameterError, match=words):
        sweep(with_room() if "env_params.room" in parameters else toy_sim(), parameters, **options)


def test_a_simulation_without_a_usable_id_is_refused():
    with pytest.raises(SimulationError, match="needs a simulation_id"):
        sweep(toy_sim().copy(simulation_id=None), {GAIN: [1]})
    with pytest.raises(UnsafeName):
        sweep(toy_sim("../up"), {GAIN: [1]})
    with pytest.raises(SimulationError, match="is no simulation"):
        sweep("toy", {GAIN: [1]})


# All simulations of a list -------------------------------------------------------------------------------------


def test_of_several_simulations_each_is_swept_over_the_parameters_that_it_has():
    simulations = [toy_sim("one"), with_room().copy(simulation_id="two")]
    swept = sweep_all(simulations, {"env_params.room.width": [1, 2], GAIN: [3]})
    assert ids(swept) == ["one__gain=3", "two__width=1__gain=3", "two__width=2__gain=3"]
    assert ids(sweep_all(simulations, {START: [1]})) == ["one__start=1", "two"]


def test_a_parameter_that_no_simulation_has_is_refused():
    with pytest.raises(UnknownName, match="Did you mean 'gain'"):
        sweep_all([toy_sim("one"), toy_sim("two")], {START: [1], "agent_params.gian": [1]})


# The name ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "imports",
    [
        "import simmanager",
        "import simmanager, simmanager.simulation.sweep",
        "import simmanager.plots, simmanager",
        "from simmanager.simulation import sweep; import simmanager",
    ],
)
def test_sweep_is_the_function_whatever_was_imported_first(imports):
    done = python(f"{imports}\nprint(callable(simmanager.sweep), simmanager.sweep.__name__)")
    assert (done.stdout, done.stderr) == ("True sweep\n", "")
    assert simmanager.sweep is sweep


def test_simulations_that_would_become_the_same_are_refused():
    grid = sweep(toy_sim("t"), {GAIN: [1.0, 2.0]})
    with pytest.raises(ParameterError, match=r"'t__gain=1' and 't__gain=2' differ in nothing but agent_params\.gain"):
        sweep_all(grid, {GAIN: [3.0, 4.0]})
    assert len(sweep_all(grid, {"training_loop_params.n_steps": [3, 4]})) == 4
    twins = [toy_sim("one"), toy_sim("two")]  # which differ in their seeds
    assert len(sweep_all(twins, {GAIN: [3.0, 4.0]})) == 4
