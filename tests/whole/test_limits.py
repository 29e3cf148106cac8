"""Limits that speak: what is too long or too deep is refused or left out by name; what is damaged is named."""

from pathlib import Path

import pytest

from simmanager import OneShot, SimulationManager, read_results, read_status
from simmanager.base.errors import ParameterError, RecipeError
from simmanager.cli.main import main
from simmanager.disk import json_file, run_folder, sources
from simmanager.disk.sources import keep_sources, kept_code


def many(n=300):
    Path("executed").touch()
    return {f"a metric with a rather long name, {i}": float(i) for i in range(n)}


def taking(n):
    """Take something."""


@pytest.fixture
def low_limit(monkeypatch):
    for module in (json_file, run_folder):
        monkeypatch.setattr(module, "LONGEST", 12_000)


def test_of_a_record_that_would_be_too_long_to_read_the_longest_part_is_left_out_and_named(low_limit, capsys):
    manager = SimulationManager([OneShot(many, simulation_id="a")], 1, "b", seed=7)
    (run,) = manager.run_all(in_process=True, progress=False).runs
    assert "metrics not saved: 300 entries, but run.json holds" in run.reason
    (record,) = read_results("b")
    assert record.metrics == {} and record.contents is not None
    log = Path(run.path, "state.log")
    log.write_text("\n".join(log.read_text().split("\n")[:2]) + "\n")  # its process dies before the last line
    Path("executed").unlink()
    assert manager.run_all(in_process=True, progress=False).all_finished
    assert not Path("executed").exists()
    Path(run.path, "run.json").write_text('{"metrics": ' + " " * 20_000 + "{}}")
    assert "it is damaged" in read_results("b").status.damage[0]
    main(["results", "b"])
    assert "run.json not saved in 1 run: it is damaged" in capsys.readouterr().out
    main(["show", "b/a/0"])
    assert "damaged: run.json is damaged, so metrics and versions are not known" in capsys.readouterr().out


def test_sources_that_would_make_their_file_too_long_are_left_out(monkeypatch, tmp_path):
    monkeypatch.setattr(sources, "_LONGEST_FILE", 12_000)
    keep_sources(tmp_path, {}, {"short": "x" * 100, "long": "y" * 12_000})
    keep_sources(tmp_path, {}, {"another": "z" * 12_000})
    assert list(kept_code(tmp_path)) == ["short"]


def test_a_batch_that_could_not_be_read_again_is_not_made():
    sims = [OneShot(print, simulation_id=name) for name in "ab"]
    with pytest.raises(ParameterError, match=r"runs_per_sim is 600000, of 2 simulations"):
        SimulationManager(sims, 600_000, "b").generate_sim_paths()
    assert not Path("b", "manager.json").exists()
    SimulationManager(sims, 1, "b").generate_sim_paths()
    with pytest.raises(ParameterError, match="runs_per_sim is 600000"):
        SimulationManager(existing_simulation="b").extend(600_000)
    assert read_status("b").total == 2


@pytest.mark.parametrize("depth", [400, 3000])
def test_a_parameter_that_is_nested_too_deeply_is_refused_by_name_or_runs(depth):
    value = 1
    for _ in range(depth):
        value = {"a": value}
    manager = SimulationManager([OneShot(taking, {"n": value}, simulation_id="a")], 1, "b")
    if depth == 400:
        assert manager.run_all(1, progress=False).all_finished and len(manager.results()) == 1
        return
    with pytest.raises(RecipeError, match=r"training_loop_params\['n'\].* of simulation 'a' is nested too deeply"):
        manager.generate_sim_paths()
