"""The tutorial's code, cell by cell and full size, and what its prose promises."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from kernels import execute, of_jupyter
from places import ROOT

import simmanager.default_simulation

NOTEBOOK = ROOT / "scripts" / "tutorial.ipynb"
FILES = {"agent", "arena", "training_hist.dict", "param.dict", "run.log", "error.log", "state.log"}


def code_cells() -> list[str]:
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


class Tutorial:
    """Executes the cells of the notebook in order, up to the one that a test names by a part of its text."""

    def __init__(self) -> None:
        self.names: dict[str, object] = {"__name__": "__main__"}
        self.cells = code_cells()

    def until(self, text: str) -> dict[str, object]:
        while self.cells:
            cell = self.cells.pop(0)
            exec(compile(cell, "<tutorial>", "exec"), self.names)
            if text in cell:
                return self.names
        raise AssertionError(f"no cell with {text!r}")


@pytest.fixture
def tutorial(monkeypatch):
    # The tutorial breaks a default simulation on purpose; other tests want it whole.
    for name in ("stachenfeld_in_2d", "weber_in_2d"):
        monkeypatch.setattr(simmanager.default_simulation, name, getattr(simmanager.default_simulation, name).copy())
    yield Tutorial()
    plt.close("all")


def test_the_whole_tutorial_runs_and_keeps_its_promises(tutorial, tmp_path, capsys):
    names = tutorial.until("print(sim)")
    assert "SR_custom_sim" in capsys.readouterr().out

    tutorial.until("sim.run_sim()")
    assert capsys.readouterr().out == "", "what a run prints goes to its log"
    assert {path.name for path in Path("results_sim").iterdir()} >= FILES

    names = tutorial.until("sim.load_results()")
    assert type(names["trained_agent"]).__name__ == "Stachenfeld2018"
    assert callable(names["env"].plot_trajectory), "the loaded objects have the methods of the original ones"
    assert names["training_hist"]["state_td_error"].shape == (1000, 144)

    tutorial.until("plt.ylabel")
    assert len(names["abs_td_error"]) == 1000

    tutorial.until("sim2 = SingleSim()")
    tutorial.until("sim2.load_params")
    assert names["sim2"] == names["sim"]
    tutorial.until('sim2.run_sim("small_lr_sim")')
    assert names["sim2"].agent_params["lr_td"] == 0.001
    assert names["agent_params"]["lr_td"] == 1e-2, "loaded parameters are a copy"
    tutorial.until("plt.legend()")
    assert max(names["abs_td_error2"]) > 0

    tutorial.until("print(weber_in_2d)")
    assert "weber_2018_in_simple2D" in capsys.readouterr().out

    tutorial.until("SimulationManager(simulation_list")
    assert not Path("example_simulation").exists(), "nothing is written before the paths are generated"
    tutorial.until("generate_sim_paths")
    assert len(list(Path("example_simulation").glob("*/run_*"))) == 15
    assert capsys.readouterr().out.count("in_queue") >= 15

    tutorial.until("run_all()")
    out = capsys.readouterr().out
    assert out.count("lr_td must be a number, not 'weird_learning_rate' (str)") == 5, "each failure is printed"
    manager = names["my_manager"]
    assert manager.status().counts == {"in_queue": 0, "running": 0, "finished": 10, "error": 5, "interrupted": 0}
    kept = {run.path: run.record.read_bytes() for run in manager.runs[:10]}

    tutorial.until("check_run_status()")
    out = capsys.readouterr().out
    assert out.count(": finished") == 10
    assert out.count(": error") == 5

    tutorial.until("show_logs(simulation_index = 2)")
    out = capsys.readouterr().out
    assert out.count("Traceback (most recent call last)") == 5
    assert "lr_td must be a number" in out

    before = manager.run_paths[10:]
    tutorial.until("rerun_simulation(simulation_index=2)")
    assert manager.status().all_finished
    assert not any(Path(path).exists() for path in before), "failed runs are removed and replaced"
    assert {run.path: run.record.read_bytes() for run in manager.runs[:10]} == kept, "finished runs are not run again"
    tutorial.until("check_run_status()")
    assert capsys.readouterr().out.count(": finished") == 15

    tutorial.until("learning_rates.run_all()")
    compared = names["learning_rates"].results()
    assert compared.status.counts["finished"] == 40
    assert compared.varying_parameters().keys() == {"agent_params.lr_td"}
    tutorial.until("plot_rate_maps(")
    scores = compared.metric("grid_score").values()
    assert all(one.n_runs == 10 and one.n_not_finite == 0 for one in scores)
    tutorial.until("learning_rates.report()")
    assert "Learning curves" in Path("learning_rates/report.html").read_text(encoding="utf-8")
    assert tutorial.cells == []

    total = sum(path.stat().st_size for path in Path("example_simulation").rglob("*") if path.is_file())
    assert total < 0.7e9, "the ancestor needs 5.2 GB"
    agent, _, history = manager.load_results(2, 4)
    assert agent.learning_rate == 0.001
    assert history["state_td_error"].shape == (100_000, 144)


@of_jupyter
@pytest.mark.slow
def test_the_notebook_runs_in_jupyter_with_figures(tmp_path, monkeypatch):
    import nbformat

    monkeypatch.delenv("MPLBACKEND", raising=False)
    cells = execute(nbformat.read(NOTEBOOK, 4), tmp_path, monkeypatch, timeout=300)
    outputs = [output for cell in cells for output in cell]
    figures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(figures) == 6
    assert any("progress value" in str(output.get("data", {}).get("text/html", "")) for output in outputs)
    assert "report.html" in str(outputs[-1]["data"]["text/plain"])
    shown = " ".join(str(output.get("data", {}).get("text/html", "")) for output in outputs)
    assert "15 finished" in shown
    assert "40 finished" in shown
    assert "P(first &gt; second)" in shown, "the comparison"


def test_the_notebook_in_the_repository_has_outputs_and_figures():
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    outputs = [output for cell in cells if cell["cell_type"] == "code" for output in cell["outputs"]]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 6
    assert not any(output["output_type"] == "error" for output in outputs)
