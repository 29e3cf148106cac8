"""The names of ``neuralplayground.backend`` and folders of its format, made by hand: the package is not needed."""

from __future__ import annotations

import inspect
import pickle
import re
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from neuralplayground_signatures import SIGNATURES
from toys import ToyAgent, ToyArena, listing, python, toy_loop, toy_sim

import simmanager
from simmanager import BatchDamaged, BatchNotFound, BatchNotWritable, RunFolder, SimulationManager, SingleSim
from simmanager.base.errors import PackageMissing, ResultsMissing
from simmanager.cli.main import main
from simmanager.compat import neuralplayground as npg_backend
from simmanager.results.results import read_results

STATES = ("finished", "error", "running", "in_queue")


def theirs(simulation_id):
    """A simulation of no class of ours."""
    return types.SimpleNamespace(
        **{name: toy_sim(simulation_id).fields[name] for name in simmanager.simulation.description.FIELDS}
    )


@pytest.fixture
def batch(tmp_path):
    """A folder as its manager writes it: bare keywords, ``params.dict``, ``simulation.params``."""
    path = tmp_path / "their_batch"
    simulations = [theirs("sr"), theirs("a_second")]
    for simulation in simulations:
        for run, state in enumerate(STATES):
            folder = path / simulation.simulation_id / f"run_{run}_22-11-2024_14-15-33-591"
            folder.mkdir(parents=True)
            (folder / "state.log").write_text(state)
            if state == "error":
                (folder / "error.log").write_text("Traceback: boom")
            if state == "finished":
                write_results(folder, simulation)
    content = {"simulation_list": simulations, "runs_per_sim": 4, "manager_id": "their_batch", "run_paths": []}
    (path / "simulation.params").write_bytes(pickle.dumps(content))
    return path


def write_results(folder, simulation):
    agent, env, history = toy_loop(ToyAgent(), ToyArena(), 5)
    contents = {"agent": agent, "arena": env, "training_hist.dict": history, "params.dict": vars(simulation)}
    for name, content in contents.items():
        (folder / name).write_bytes(pickle.dumps(content))


class NotInstalled:
    """Finds no module of the package, whether it is installed or not."""

    def find_spec(self, name, path=None, target=None):
        if name == "neuralplayground":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


@pytest.fixture
def not_installed(monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "neuralplayground"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [NotInstalled(), *sys.meta_path])


# The names -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SIGNATURES)
def test_everything_is_called_as_there(name):
    thing = npg_backend
    for part in name.split("."):
        thing = getattr(thing, part)
    ours = inspect.signature(thing)
    wanted = [parameter.partition("=") for parameter in SIGNATURES[name].split(", ") if parameter]
    names = [parameter for parameter in ours.parameters if parameter != "self"]
    if name != "SimulationManager.show_logs":  # takes the log type in second place, too, see below
        assert names[: len(wanted)] == [parameter for parameter, _, _ in wanted]
    for parameter, _, default in wanted:
        ours_default = ours.parameters[parameter].default
        expected = inspect.Parameter.empty if not default else None if default == "[]" else eval(default)
        assert ours_default == expected, f"default of {parameter}"
    others = [ours.parameters[parameter] for parameter in names[len(wanted) :]]
    assert all(p.default is not p.empty or p.kind is p.VAR_KEYWORD for p in others), "needs more than theirs"


def test_importing_the_plug_in_loads_neither_the_package_nor_anything_heavy():
    program = (
        "import sys, simmanager.compat.neuralplayground as n; dir(n); before = set(sys.modules)\n"
        "n.SingleSim; n.SimulationManager; n.default_simulation; after = set(sys.modules)\n"
        "print({'numpy', 'joblib', 'matplotlib', 'scipy'} & before, {'neuralplayground', 'torch'} & after)"
    )
    done = python(program)
    assert (done.stdout.strip(), done.stderr) == ("set() set()", "")


def test_all_names_but_the_default_simulations_are_there_without_the_package(not_installed):
    for name in npg_backend.__all__:
        assert getattr(npg_backend, name) is not None
    assert set(dir(npg_backend)) == set(npg_backend.__all__)
    with pytest.raises(AttributeError, match="no attribute 'SimulationManger'"):
        npg_backend.SimulationManger
    with pytest.raises(PackageMissing, match=r"pip install 'simmanager\[neuralplayground\]'"):
        npg_backend.default_simulation.weber_in_2d
    with pytest.raises(ImportError, match="not installed"):
        from simmanager.compat.neuralplayground.default_simulation import stachenfeld_in_2d  # noqa: F401
    assert not hasattr(npg_backend.default_simulation, "__wrapped__"), "tools that look at modules load nothing"


def test_a_broken_installation_says_what_is_missing_there(monkeypatch):
    monkeypatch.setitem(sys.modules, "neuralplayground", types.ModuleType("neuralplayground"))
    monkeypatch.setitem(sys.modules, "neuralplayground.backend", None)
    with pytest.raises(ModuleNotFoundError, match=r"neuralplayground\.backend") as caught:
        npg_backend.default_simulation.weber_in_2d
    assert not isinstance(caught.value, PackageMissing)


def test_default_simulations_are_copies_of_theirs(monkeypatch):
    module = types.ModuleType("neuralplayground.backend.default_simulation")
    module.weber_in_2d, module.some_params = theirs("weber"), {"a": 1}
    for name in ("neuralplayground", "neuralplayground.backend"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    ours = npg_backend.default_simulation
    monkeypatch.setattr(ours, "weber_in_2d", ours.weber_in_2d)  # taken away again afterwards
    assert ours.names() == ["weber_in_2d"]
    assert "weber_in_2d" in dir(ours)
    assert isinstance(ours.weber_in_2d, npg_backend.SingleSim)
    ours.weber_in_2d.agent_params["gain"] = 77
    assert module.weber_in_2d.agent_params["gain"] == 2.0
    assert ours.some_params is module.some_params
    with pytest.raises(AttributeError, match="Did you mean 'weber_in_2d'"):
        ours.weber_in_3d


# What runs -----------------------------------------------------------------------------------------------------


def test_a_script_for_their_backend_runs(capsys):
    sims = [npg_backend.SingleSim(**vars(theirs(name))) for name in ("one", "two")]
    manager = npg_backend.SimulationManager(sims, 2, "b", True)
    manager.generate_sim_paths()
    manager.run_all(1, progress=False)
    capsys.readouterr()
    manager.show_logs(1, "run")
    manager.show_logs(simulation_index=1, log_type="run")
    assert capsys.readouterr().out.count("---> Simulation finished") == 4
    opened = npg_backend.SimulationManager(existing_simulation="b")
    assert all(isinstance(simulation, npg_backend.SingleSim) for simulation in opened.simulation_list)
    sim = npg_backend.SingleSim(simulation_id="another")
    agent, _, _ = sim.load_results(results_path=opened.run_paths[0])
    assert agent.updates == 10
    assert sim.simulation_id == "one", "parameters are taken over, as there"
    sim.show_logs(results_path=opened.run_paths[0], log_type="state")
    assert "finished" in capsys.readouterr().out


def test_rerun_replaces_finished_runs_too(capsys):
    manager = npg_backend.SimulationManager([npg_backend.SingleSim(**vars(theirs("one")))], 2, "b")
    manager.run_all(1, in_process=True, progress=False)
    manager.simulation_list[0].training_loop_params = {"n_steps": 3}
    manager.rerun_simulation(in_process=True, progress=False)
    assert [manager.load_results(0, run)[0].updates for run in (0, 1)] == [3, 3]


def test_save_params_writes_what_the_manager_is(tmp_path):
    manager = npg_backend.SimulationManager([toy_sim("one")], 2, "b")
    manager.generate_sim_paths()
    manager.save_params("b")
    content = pickle.loads((tmp_path / "b" / "simulation.params").read_bytes())
    assert (content["manager_id"], content["runs_per_sim"], content["verbose"]) == ("b", 2, False)
    assert content["run_paths"] == manager.run_paths
    assert content["simulation_list"] == [toy_sim("one")]
    assert SimulationManager(existing_simulation="b").seed == manager.seed, "still a batch of ours"
    with pytest.raises(BatchNotFound, match="no folder"):
        manager.save_params("missing")


class Walker:
    """An agent of TEM's kind that only counts."""

    def __init__(self):
        self.n_walk, self.updates, self.mod_kwargs = -1, 0, {"size": 1}
        self.tem = types.SimpleNamespace(hyper={"eta": 0.1})

    def batch_act(self, obs):
        self.n_walk += 1
        return [obs] * 2

    def update(self):
        self.n_walk = 0
        self.updates += 1


class Rooms:
    def __init__(self):
        self.env_kwargs, self.steps = {"batch_size": 2}, []

    def reset(self, random_state=False, custom_state=None):
        assert random_state
        return [0, 0], None

    def step(self, actions, normalize_step=False):
        assert normalize_step
        self.steps.append(actions)
        return actions[0], None, None


def test_tem_walks_then_learns():
    agent, env, history = npg_backend.tem_training_loop(Walker(), Rooms(), 3, {"n_rollout": 5})
    assert agent.updates == 3
    assert len(env.steps) == 6 + 5 + 5, "it starts one step before the walk"
    assert history == {"mod_kwargs": {"size": 1}, "env_kwargs": {"batch_size": 2}, "hyper": {"eta": 0.1}}


def test_a_history_is_made_of_what_update_returned():
    process = npg_backend.training_loops.process_training_hist
    assert process([{"a": 1}, {"a": 2}]) == {"a": [1, 2]}
    assert process([None, None]) == process([]) == {}


# Folders -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("package", [simmanager, npg_backend])
def test_a_folder_of_theirs_opens_and_stays_as_it_is(package, batch, capsys):
    before = listing(batch)
    manager = package.SimulationManager(existing_simulation=batch)
    assert (manager.manager_id, manager.runs_per_sim, manager.seed) == ("their_batch", 4, None)
    assert manager.simulation_ids == ["sr", "a_second"]
    assert len(manager.run_paths) == 8
    assert manager.check_run_status().headline == "2 in_queue, 2 running, 2 finished, 2 error"
    manager.show_logs("sr")
    assert "boom" in capsys.readouterr().out
    agent, _, history = manager.load_results("sr", 0)
    assert agent.updates == len(history["position"]) == 5
    with pytest.raises(ResultsMissing, match="its state is error"):
        manager.load_results(0, 1)
    changes = (manager.run_all, manager.resume, lambda: manager.rerun_simulation(0), lambda: manager.extend(5))
    changes = (*changes, lambda: manager.generate_sim_paths(overwrite=True))
    for change in changes:
        with pytest.raises(BatchNotWritable, match=r"not continued.*simulation_list, 4, 'another_id'"):
            change()
    assert listing(batch) == before


def test_its_simulations_run_as_a_batch_of_ours(batch):
    simulations = SimulationManager(existing_simulation=batch).simulation_list
    assert all(type(simulation) is SingleSim for simulation in simulations)
    assert SimulationManager(simulations, 1, "ours").run_all(1, in_process=True, progress=False).all_finished


def test_one_run_of_theirs_loads(batch):
    path = next(batch.glob("sr/run_0*"))
    sim = SingleSim()
    assert sim.load_results(path)[0].updates == 5
    assert sim == toy_sim("sr")


def test_the_command_line_shows_it_and_does_not_continue_it(batch, capsys):
    assert main(["status", str(batch)]) == 1
    assert "2 in_queue, 2 running, 2 finished, 2 error" in capsys.readouterr().out
    assert main(["logs", str(batch), "sr", "1"]) == 0
    assert "boom" in capsys.readouterr().out
    for words in (["resume", str(batch)], ["rerun", str(batch), "sr"]):
        assert main(words) == 2
        assert "not continued" in capsys.readouterr().err


def test_summaries_make_its_curves_readable_without_unpickling(batch):
    assert npg_backend.summarise_results(batch) == 2
    curves = read_results(batch).curves("position")
    assert curves["sr"].values.shape == (1, 5)
    assert npg_backend.summarise_results(next(batch.glob("sr/run_0*"))) == 0


def test_a_summary_of_a_history_that_is_no_dict_is_empty(batch):
    folder = RunFolder(next(batch.glob("sr/run_0*")))
    folder.history.write_bytes(pickle.dumps([1, 2]))
    assert npg_backend.summarise_results(folder.path) == 1
    with np.load(folder.summary, allow_pickle=False) as arrays:
        assert arrays.files == []


def test_a_finished_run_without_a_history_is_named(batch):
    next(batch.glob("sr/run_0*/training_hist.dict")).unlink()
    with pytest.raises(ResultsMissing, match=r"training_hist\.dict"):
        npg_backend.summarise_results(batch)


@pytest.mark.parametrize(
    "content",
    [b"", b"nonsense", pickle.dumps([1]), pickle.dumps({"simulation_list": []}), pickle.dumps(1)[:-1]],
    ids=["empty", "nonsense", "a list", "half a manager", "cut off"],
)
def test_damaged_parameters_are_named(content, batch):
    (batch / "simulation.params").write_bytes(content)
    with pytest.raises(BatchDamaged, match=r"simulation\.params"):
        SimulationManager(existing_simulation=batch)


#: A pickle of an object of a class of the package.
OF_THE_PACKAGE = b"cneuralplayground.backend.simulation_manager\nSingleSim\n."


def test_what_needs_the_package_says_so(batch, not_installed):
    next(batch.glob("sr/run_0*/training_hist.dict")).write_bytes(OF_THE_PACKAGE)
    with pytest.raises(PackageMissing, match="pip install"):
        npg_backend.summarise_results(batch)
    (batch / "simulation.params").write_bytes(OF_THE_PACKAGE)
    with pytest.raises(PackageMissing, match=r"pip install.*simmanager status"):
        SimulationManager(existing_simulation=batch)
    assert simmanager.read_status(batch).total == 8, "looking needs no package"


@pytest.mark.parametrize("where", ["simulation.params", "training_hist.dict"])
def test_another_missing_module_is_named_as_it_is(where, batch):
    for path in batch.rglob(where):
        path.write_bytes(b"cno_such_module\nName\n.")
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        SimulationManager(existing_simulation=batch) if where == "simulation.params" else (
            npg_backend.summarise_results(batch)
        )


def test_a_folder_without_its_parameters_is_no_batch(tmp_path):
    Path("empty").mkdir()
    with pytest.raises(BatchNotFound):
        SimulationManager(existing_simulation="empty")


# The house -----------------------------------------------------------------------------------------------------


def test_no_other_module_imports_the_package():
    root = Path(simmanager.__file__).parent
    importing = re.compile(r"\b(import|from) neuralplayground\b|PACKAGE = \"neuralplayground\"")
    found = {str(path.relative_to(root)) for path in root.rglob("*.py") if importing.search(path.read_text())}
    assert found == {"batch/neuralplayground_folder.py"}
