"""What failed is run again: of the batch, of a simulation, or one run; and what would be, without doing it."""

import shutil
import sys
from pathlib import Path

import pytest
from toys import BOOM, failing_loop, listing, toy_sim

from simmanager import SimulationManager, read_results, read_status
from simmanager.cli.main import main
from simmanager.disk.batch_folder import BatchFolder


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    sims = [toy_sim("good"), toy_sim("bad", failing_loop), toy_sim("worse", failing_loop)]
    manager = SimulationManager(sims, 2, "batch", seed=7, results_dir=tmp_path_factory.mktemp("ended"))
    manager.run_all(1, progress=False)
    return manager.results_path


@pytest.fixture
def batch(ended):
    """A batch that has ended: two simulations with failed runs, one without. Each test has a copy of its own."""
    return Path(shutil.copytree(ended, "batch"))


def paths(batch):
    return {(run.simulation_id, run.run_id): run.path for run in read_status(batch).runs}


def replaced(batch, before):
    return {key for key, path in paths(batch).items() if before[key] != path}


def test_rerun_of_a_batch_replaces_all_that_failed(batch):
    before = paths(batch)
    assert main(["rerun", "batch", "--jobs", "1"]) == 1
    assert replaced(batch, before) == {("bad", 0), ("bad", 1), ("worse", 0), ("worse", 1)}


def test_rerun_of_one_run_leaves_the_others(batch):
    before = paths(batch)
    assert main(["rerun", "batch", "bad", "1", "--jobs", "1"]) == 1
    assert replaced(batch, before) == {("bad", 1)}


def test_rerun_of_one_run_does_not_run_those_that_wait(batch):
    SimulationManager(existing_simulation="batch").extend(3)
    assert main(["rerun", "batch", "bad", "1", "--jobs", "1"]) == 1
    assert read_status(batch).simulation("bad")[2].state == "in_queue"


def test_rerun_all_of_one_run_replaces_it_though_it_finished(batch):
    before = paths(batch)
    main(["rerun", "batch", "good", "0", "--jobs", "1"])
    assert replaced(batch, before) == set()
    main(["rerun", "batch", "good", "0", "--all", "--jobs", "1"])
    assert replaced(batch, before) == {("good", 0)}


def test_a_run_that_is_not_there_is_refused(batch, capsys):
    for words in (["rerun", "batch", "bad", "7"], ["rerun", "batch", "bad", "7", "--dry-run"]):
        assert main(words) == 2
        assert "has no run 7; its runs are [0, 1]" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--set", "agent_params.gain=5"], ["--from", "mine.py"]])
def test_a_change_needs_the_name_of_the_simulation(batch, words, capsys):
    assert main(["rerun", "batch", *words]) == 2
    assert "name it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "runs"),
    [
        (["rerun", "batch"], ["bad run 0", "bad run 1", "worse run 0", "worse run 1"]),
        (["rerun", "batch", "worse"], ["worse run 0", "worse run 1"]),
        (["rerun", "batch", "bad", "1"], ["bad run 1"]),
        (["rerun", "batch", "good", "--all"], ["good run 0", "good run 1"]),
        (["resume", "batch"], []),
        (["resume", "batch", "--retry-errors"], ["bad run 0", "bad run 1", "worse run 0", "worse run 1"]),
    ],
)
def test_a_dry_run_lists_what_would_run_and_changes_nothing(batch, words, runs, capsys):
    before = listing(batch)
    assert main([*words, "--dry-run"]) == 0
    *lines, last = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == runs
    assert last == f"{len(runs)} run{'' if len(runs) == 1 else 's'} would be executed; nothing was changed."
    assert all(line.endswith(f"error ({BOOM})") for line in lines if "good" not in line)
    assert listing(batch) == before


def test_a_dry_run_tells_that_somebody_runs_the_batch(batch, capsys):
    with BatchFolder(batch).held():
        assert main(["resume", "batch", "--dry-run"]) == 0
    assert "A manager is running this batch now" in capsys.readouterr().out


SOURCE = """
from simmanager import OneShot
def double(x, y=1):
    return {"twice": 2 * x * y}
simulation_list = [OneShot(double, {"x": x}, simulation_id=f"x{x}") for x in (1, 2, 3)]
"""


def as_a_new_process(*words):
    sys.modules.pop("mine", None)
    return main(list(words))


@pytest.fixture
def with_lost_recipes():
    """A batch that a file made, of which one recipe is lost and another broken; what made it is gone, too."""
    Path("mine.py").write_text(SOURCE)
    assert as_a_new_process("run", "mine.py", "--id", "batch", "--runs", "1", "--jobs", "1") == 0
    SimulationManager(existing_simulation="batch").extend(2)
    Path("batch/x1/simulation.pkl").unlink()
    Path("batch/x2/simulation.pkl").write_bytes(Path("batch/x2/simulation.pkl").read_bytes()[:-9])
    return Path("batch")


def test_a_recipe_is_replaced_whatever_is_in_its_place(with_lost_recipes):
    for name in ("x1", "x2"):
        recipe = Path(f"batch/{name}/simulation.pkl")
        recipe.unlink(missing_ok=True)
        (recipe / "inner").mkdir(parents=True)
    assert as_a_new_process("rerun", "batch", "x1", "--from", "mine.py", "--jobs", "1") == 1  # of x2 one still waits
    assert as_a_new_process("run", "mine.py", "--id", "batch", "--extend", "--jobs", "1") == 0
    assert states("batch") == dict.fromkeys(states("batch"), "finished")


def states(batch):
    return {(run.simulation_id, run.run_id): run.state.value for run in read_status(batch).runs}


def test_a_lost_recipe_is_replaced_from_the_file_without_loading_the_others(with_lost_recipes, capfd):
    as_a_new_process("rerun", "batch", "x1", "--jobs", "1")
    assert "batch x1 --from FILE" in capfd.readouterr().err
    for name in ("x1", "x2"):
        as_a_new_process("rerun", "batch", name, "--from", "mine.py", "--jobs", "1")
        assert states("batch")[name, 1] == "finished"
    assert as_a_new_process("resume", "batch", "--jobs", "1") == 0
    assert states("batch") == dict.fromkeys(states("batch"), "finished")


def test_run_extend_replaces_lost_recipes_but_mixes_no_code(with_lost_recipes, capfd):
    Path("mine.py").write_text(SOURCE.replace("2 * x", "3 * x"))
    words = ["run", "mine.py", "--id", "batch", "--extend", "--jobs", "1"]
    assert as_a_new_process(*words) == 2
    assert "Simulation 'x1' has finished runs, but the content of training_loop was changed" in capfd.readouterr().err
    Path("mine.py").write_text(SOURCE)
    assert as_a_new_process(*words) == 0
    assert states("batch") == dict.fromkeys(states("batch"), "finished")
    assert [run.metrics["twice"] for run in read_results("batch")] == [2, 2, 4, 4, 6, 6]
