"""What running runs have logged is among the curves in the middle of a batch."""

import threading
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from toys import toy_sim
from trouble import wait_for

from simmanager import SimulationManager, UnknownName, log_metrics, read_results, read_status
from simmanager.cli.main import main
from simmanager.plots import plot_curves


def losing_loop(agent, env, folder="."):
    """Log a loss; the first run ends, the others wait for the file ``gate``."""
    first = not Path(folder, "begun").exists()
    Path(folder, "begun").touch()
    for step in range(6):
        log_metrics({"loss": 1.0 / (1 + step)}, step=step)
    while not first and not Path(folder, "gate").exists():
        threading.Event().wait(0.01)
    return agent, env, {"x": [1.0]}


@pytest.fixture
def half_way(tmp_path):
    """A batch of one finished and one running run; another simulation has a running one only."""
    sims = [toy_sim(name, losing_loop, folder=str(tmp_path)) for name in ("a", "b")]
    manager = SimulationManager(sims, 1, "batch", seed=1)
    thread = threading.Thread(target=manager.run_all, args=[2], kwargs={"progress": False})
    thread.start()

    def is_half_way():
        runs = read_status("batch").runs if Path("batch/manager.json").exists() else ()
        logged = [run for run in runs if run.state == "running" and "loss" in run.last_logged]
        return len(logged) == 1 and [run.state for run in runs].count("finished") == 1

    wait_for(is_half_way, "one to end, the other to log")
    yield Path("batch")
    (tmp_path / "gate").touch()
    thread.join(60)


def test_running_runs_are_drawn_dotted_on_the_finished_ones(half_way, capsys):
    results = read_results(half_way)
    assert "loss" in results.keys
    running = results.running_curves("loss")
    assert sorted(map(len, running.values())) == [0, 1]
    (one,) = [curve for of_sim in running.values() for curve in of_sim.values()]
    assert one.steps.tolist() == list(range(6)) and one.values[-1] == pytest.approx(1 / 6)
    ax = plot_curves(results, "loss")
    dotted = [line for line in ax.get_lines() if line.get_label() == "_running run"]
    assert len(dotted) == 1 and dotted[0].get_linestyle() == ":"
    assert any("1 running, dotted" in text.get_text() for text in ax.figure.findobj(plt.Text))
    plt.close(ax.figure)
    assert main(["results", str(half_way), "--key", "loss"]) == 0
    rows = [line.split(",") for line in capsys.readouterr().out.splitlines()[1:]]
    states = [state for _, _, state, _, _ in rows]
    assert states == sorted(states) and states.count("running") == 6, "what it has logged so far, and no more"
    assert [float(value) for *_, value in rows[-6:]] == pytest.approx(one.values.tolist())
    assert main(["report", str(half_way)]) == 0
    assert "Learning curves of loss" in (half_way / "report.html").read_text()


def test_a_curve_that_only_a_running_run_has_is_there_too(half_way):
    results = read_results(half_way)
    (waiting,) = [name for name in results.simulation_ids if results.counts(name)["running"]]
    assert results.curves("loss", waiting)[waiting].n_runs == 0
    ax = plot_curves(results, "loss", waiting)
    assert any(line.get_label() == "_running run" for line in ax.get_lines())
    plt.close(ax.figure)
    with pytest.raises(UnknownName, match="No curve 'gain'"):
        results.curves("gain")
