"""How workers deal with large libraries: one takes a whole sweep, and what a script has from them travels."""

import os
from pathlib import Path

import pytest
from toys import python

from simmanager import OneShot, SimulationManager, SingleSim, reproduce, sweep


class Net:
    """Saves itself as PyTorch does: an archive whose folder has the name of the file."""

    def __init__(self):
        import torch

        self.weights = torch.randn(4)

    def save_agent(self, path):
        import torch

        torch.save({"weights": self.weights}, path)


class Nowhere:
    pass


def no_training(agent, env):
    return agent, env, {"first_weight": [float(agent.weights[0])]}


TOP_OF_A_SCRIPT = """
from neuron import h
from simmanager import OneShot, SimulationManager

def cell():
    soma = h.Section(name="soma")
    return {"segments": soma.nseg, "length": soma.L}

manager = SimulationManager([OneShot(cell)], 2, "batch", seed=1)
manager.run_all(1)
print("finished:", manager.status().all_finished)
"""


@pytest.mark.parametrize("name", ["sklearn.linear_model.Ridge", "gymnasium.spaces.Discrete", "torch.nn.Linear"])
def test_a_sweep_over_a_class_of_a_library_has_one_worker_for_each_slot(name):
    module, _, attribute = name.rpartition(".")
    kind = getattr(__import__(module, fromlist=[attribute]), attribute)
    values = sweep(OneShot(of_kind, {"kind": kind}), {"training_loop_params.value": list(range(4))})
    manager = SimulationManager(values, 1, "batch", seed=1)
    assert manager.run_all(n_jobs=1).all_finished
    assert len({run.metrics["pid"] for run in manager.results()}) == 1


def of_kind(kind, value=0):
    return {"pid": os.getpid(), "value": value}


def test_neuron_at_the_top_of_a_script_travels_by_the_name_of_its_module():
    Path("script.py").write_text(TOP_OF_A_SCRIPT)
    done = python("exec(open('script.py').read())")
    assert "finished: True" in done.stdout, done.stdout + done.stderr


def test_weights_that_torch_saves_are_reproduced():
    import torch

    sim = SingleSim(Net, {}, Nowhere, {}, no_training, {}, "net")
    manager = SimulationManager([sim], 1, "batch", seed=1)
    assert manager.run_all(1).all_finished
    done = reproduce("batch/net/0")
    assert done.same, str(done)
    assert set(torch.load(Path(manager.runs[0].agent), weights_only=True)) == {"weights"}
