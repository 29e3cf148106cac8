"""Public things are known by their public path: in pickles, in manager.json, in tracebacks."""

import importlib
import inspect
import json
import pickle
import pickletools
import re
from pathlib import Path

import pytest
from toys import python, toy_sim

import simmanager
from simmanager import OneShot, SimulationManager, SingleSim, default_simulation
from simmanager.base.moved_modules import described_now, module_now
from simmanager.disk import pickling

FACES = ("", ".agents", ".arenas", ".analysis", ".plots", ".report", ".compat.neuralplayground")
PUBLIC = {f"simmanager{face}" for face in FACES}

#: Steps and episodes that are enough to have all parts of a model made.
FEW = dict.fromkeys(("n_steps", "t_episode", "n_episode", "n_episodes"), 3)


def parts_of(module):
    """Return the public classes and functions of a module."""
    module = importlib.import_module(module)
    things = {name: getattr(module, name) for name in module.__all__}
    return {name: thing for name, thing in things.items() if inspect.isclass(thing) or inspect.isfunction(thing)}


@pytest.mark.parametrize("module", sorted(PUBLIC))
def test_every_public_class_and_function_has_its_public_module(module):
    parts = parts_of(module)
    assert parts or module == "simmanager.compat.neuralplayground"
    for name, thing in parts.items():
        assert thing.__module__ in PUBLIC, name
        home = importlib.import_module(thing.__module__)
        assert getattr(home, thing.__qualname__) is thing, name  # pickle finds it there
        assert pickle.loads(pickle.dumps(thing)) is thing


def test_errors_are_shown_and_found_under_their_public_name():
    done = python("from simmanager import SimulationManager; SimulationManager([])")
    assert "\nsimmanager.SimulationError: " in done.stderr
    error = simmanager.base.errors.InvalidTransition("x")
    assert str(pickle.loads(pickle.dumps(error))) == "x"


def modules_in(content):
    """Return the modules of ours whose names a pickle tells to import."""
    texts = {argument for _, argument, _ in pickletools.genops(content) if isinstance(argument, str)}
    return {text for text in texts if re.fullmatch(r"simmanager(\.\w+)*", text)}


def few_steps(sim):
    params = {name: FEW.get(name, value) for name, value in (sim.training_loop_params or {}).items()}
    return sim.copy(training_loop_params=params)


def square(x):
    return {"y": x * x, "ys": [x, x]}


READY_MADE = {name: sim for name, sim in vars(default_simulation).items() if isinstance(sim, SingleSim)}


@pytest.mark.parametrize("name", [*READY_MADE, "one_shot"])
def test_results_hold_public_paths_only(name, tmp_path):
    sim = few_steps(READY_MADE[name]) if name in READY_MADE else OneShot(square, {"x": 2})
    sim.run_sim(tmp_path / "run", seed=1)
    found = set()
    for file in ("agent", "arena", "training_hist.dict", "param.dict"):
        found |= modules_in((tmp_path / "run" / file).read_bytes())
    assert found
    assert found <= PUBLIC, found - PUBLIC


def test_a_pickle_and_a_manifest_made_by_public_names_alone_are_loaded(tmp_path):
    sims = [few_steps(sim) for sim in READY_MADE.values()]
    SimulationManager(sims, 1, "batch", seed=1).generate_sim_paths()
    written = json.loads(Path("batch", "manager.json").read_text())
    kinds = {entry[part] for entry in written["simulations"] for part in ("agent_class", "env_class", "training_loop")}
    assert {kind.partition(":")[0] for kind in kinds} <= PUBLIC
    (tmp_path / "made.pkl").write_bytes(
        pickle.dumps({"agent": simmanager.agents.Stachenfeld2018, "loop": simmanager.default_training_loop})
    )
    done = python(
        "import pickle, sys; from pathlib import Path\n"
        "made = pickle.loads(Path(sys.argv[1]).read_bytes())\n"
        "from simmanager import SimulationManager, agents, default_training_loop\n"
        "assert made == {'agent': agents.Stachenfeld2018, 'loop': default_training_loop}\n"
        "print(SimulationManager(existing_simulation='batch').run_all(2, progress=False).all_finished)",
        tmp_path / "made.pkl",
    )
    assert done.stdout.strip() == "True", done.stderr


def test_paths_of_earlier_versions_are_found_where_they_are_now():
    old = b"csimmanager.recording\nTransitionHistory\n."
    assert pickling.loads(old) is simmanager.arenas.TransitionHistory
    assert pickling.loads(b"csimmanager.statistics\nmean\n.") is simmanager.analysis.mean
    assert module_now("my_module") == "my_module"
    entry = {
        "agent_class": "simmanager.agents.weber_2018:Weber2018",
        "training_loop": "simmanager.training_loops:default_training_loop",
        "env_params": {"size": [1, "simmanager is fine: yes"], "kind": "simmanager.arenas.simple2d:Simple2D"},
        "env_class": "mine:Arena",
    }
    assert described_now(entry) == {
        "agent_class": "simmanager.agents:Weber2018",
        "training_loop": "simmanager:default_training_loop",
        "env_params": {"size": [1, "simmanager is fine: yes"], "kind": "simmanager.arenas:Simple2D"},
        "env_class": "mine:Arena",
    }


def test_every_module_of_an_earlier_version_leads_to_one_that_is_there():
    from simmanager.base.moved_modules import _MOVED

    for now in _MOVED.values():
        importlib.import_module(now)


def test_a_description_is_the_same_before_and_after_it_is_written():
    sim = toy_sim()
    manager = SimulationManager([sim], 1, "batch")
    manager.generate_sim_paths()
    assert SimulationManager(existing_simulation="batch").simulation_list == [sim]
