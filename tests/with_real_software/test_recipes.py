"""What the README shows for each simulator runs, and gives the same numbers on any worker."""

import importlib
import math
import re
from pathlib import Path

import numpy as np
import pytest

from simmanager import OneShot, SimulationManager

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
SECTION = README.partition("## With the simulator that you use")[2].partition("\n## ")[0]
RECIPES = {re.match(r"def (\w+)", code)[1]: code for code in re.findall(r"```python\n(.*?)```", SECTION, re.DOTALL)}
PARAMETERS = {
    "spiking": {"drive": 1.1},
    "cell": {"amplitude": 20.0},
    "network": {"weight": 0.01},
    "fit_net": {"rate": 0.1},
    "with_files": {"rate": 0.1},
    "regression": {"rate": 0.1},
    "walk": {"n_steps": 50},
    "compiled": {"n_steps": 50},
    "ppo": {"learning_rate": 1e-3},
    "wealth": {"n": 20},
}


#: Files that recipes write, at the end of their names.
FILES = {"ppo": {"ppo.zip"}, "with_files": {"model.pt", "weights.csv", "weights.gif"}}


def test_each_recipe_is_tested():
    assert set(RECIPES) == set(PARAMETERS)


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_recipe_runs_and_repeats(name, tmp_path, monkeypatch, capsys):
    (tmp_path / f"recipe_{name}.py").write_text(RECIPES[name])
    monkeypatch.syspath_prepend(str(tmp_path))
    recipe = getattr(importlib.import_module(f"recipe_{name}"), name)
    found = []
    for batch, options in (("one", {"n_jobs": 1}), ("two", {"n_jobs": 2})):
        manager = SimulationManager([OneShot(recipe, PARAMETERS[name], "sim")], 2, batch, seed=1)
        status = manager.run_all(**options)
        assert status.all_finished, [folder.error_log.read_text() for folder in manager.runs]
        found.append([manager.load_results("sim", run)[2] for run in range(2)])
        assert manager.results().keys, "nothing to draw"
        for run in manager.results():
            assert FILES.get(name, set()) <= run.artefacts.keys()
            assert name != "with_files" or any("tfevents" in file for file in run.artefacts)
    for one, other in zip(*found, strict=True):
        assert one.keys() == other.keys()
        for key in one:
            np.testing.assert_array_equal(np.asarray(one[key]), np.asarray(other[key]))
            assert np.size(one[key]) and math.isfinite(np.ravel(one[key])[-1])
    assert "shared" not in capsys.readouterr().out
