"""NeuralPlayground's tutorial with its own models: in its script, only the imports from its backend are changed."""

from __future__ import annotations

import json

import matplotlib.pyplot as plt
import pytest
from places import ROOT

from simmanager.compat import neuralplayground as npg_backend

NOTEBOOK = ROOT / "scripts" / "tutorial.ipynb"

#: From the notebook, which says simmanager everywhere, to what a script of its says after the change.
_IMPORTS = {
    "from simmanager.agents import": "from neuralplayground.agents import",
    "from simmanager.arenas import": "from neuralplayground.arenas import",
    "from simmanager.default_simulation import": "from simmanager.compat.neuralplayground.default_simulation import",
    "from simmanager import": "from simmanager.compat.neuralplayground import",
}


def cells():
    """Return the code of their tutorial; what follows in the notebook, a comparison, is ours alone."""
    for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            text = "".join(cell["source"])
            if "compare" in text:
                return
            for ours, theirs in _IMPORTS.items():
                text = text.replace(ours, theirs)
            yield text


@pytest.fixture
def fewer_steps(monkeypatch):
    """Ready-made simulations of a size that its models manage in a moment."""
    module = npg_backend.default_simulation
    weber = module.weber_in_2d.copy(training_loop_params={"n_steps": 100})
    weber.agent_params.update(Ne=49, Ni=25, resolution=20)
    monkeypatch.setattr(module, "weber_in_2d", weber)
    short = {"t_episode": 50, "n_episode": 2}
    monkeypatch.setattr(module, "stachenfeld_in_2d", module.stachenfeld_in_2d.copy(training_loop_params=short))


def test_the_tutorial_runs_with_other_imports(fewer_steps, capsys):
    names = {"__name__": "__main__"}
    for cell in cells():
        exec(compile(cell, "<tutorial>", "exec"), names)
    plt.close("all")
    assert type(names["trained_agent"]).__module__ == "neuralplayground.agents.stachenfeld_2018"
    assert len(names["abs_td_error"]) == len(names["abs_td_error2"]) == 1000
    out = capsys.readouterr().out
    assert out.count("Traceback (most recent call last)") == 5, "the logs of the simulation broken on purpose"
    assert "10 finished, 5 error" in out
    status = names["my_manager"].status()
    assert status.all_finished
    assert status.total == 15
    assert names["my_manager"].load_results(2, 4)[0].learning_rate == 0.001
