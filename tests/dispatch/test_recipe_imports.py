"""A worker that a module has changed takes recipes that import the same: a sweep needs no worker for each value."""

import importlib
import os
import sys
import textwrap

import numpy as np
import pytest
from toys import ToyAgent, toy_sim

from simmanager import OneShot, SimulationManager, sweep
from simmanager.dispatch.recipe_imports import imports_of, modules_in


class Marked:
    """A parameter whose pickle names its module."""


@pytest.fixture
def loud(tmp_path, monkeypatch):
    """Two modules whose import changes the environment, as that of many libraries does."""
    for name in ("loud", "louder"):
        (tmp_path / f"{name}.py").write_text(
            textwrap.dedent(f"""
            import os
            before = sorted(name for name in os.environ if name.startswith("IMPORTED_"))
            os.environ["IMPORTED_{name}"] = "1"

            def tell(value=0, more=None):
                return {{"pid": os.getpid(), "value": value, "others": len(before)}}
            """)
        )
    monkeypatch.syspath_prepend(str(tmp_path))
    loaded = [importlib.import_module(name).tell for name in ("loud", "louder")]
    for name in ("loud", "louder"):
        del os.environ[f"IMPORTED_{name}"]  # or the workers would find it
    yield loaded
    for name in ("loud", "louder"):
        del sys.modules[name]


def test_a_sweep_over_a_module_that_changes_the_process_uses_one_worker(loud):
    values = sweep(OneShot(loud[0]), {"training_loop_params.value": list(range(5))})
    manager = SimulationManager(values, 2, "sweep", seed=1)
    manager.run_all(n_jobs=1)
    results = manager.results()
    assert len({run.metrics["pid"] for run in results.runs}) == 1
    assert sorted(run.metrics["value"] for run in results.runs) == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


def test_a_worker_that_one_module_has_changed_takes_no_recipe_of_another(loud):
    simulations = [OneShot(tell, {}, tell.__module__) for tell in loud]
    manager = SimulationManager(simulations, 2, "two", seed=1)
    manager.run_all(n_jobs=1)
    runs = manager.results().runs
    pids = [{run.metrics["pid"] for run in runs if run.simulation_id == name} for name in ("loud", "louder")]
    assert not pids[0] & pids[1]
    assert {run.metrics["others"] for run in runs} == {0}


def test_short_runs_of_many_simulations_share_workers_but_not_what_an_import_changes(loud):
    quiet = [OneShot(tell_quietly, {}, f"quiet_{n:02}") for n in range(60)]
    mixed = [*quiet[:40], *(OneShot(tell, {}, tell.__module__) for tell in loud), *quiet[40:]]
    manager = SimulationManager(mixed, 1, "many", seed=1)
    status = manager.run_all(n_jobs=1)
    runs = {run.simulation_id: run for run in manager.results().runs}
    assert status.all_finished and len(runs) == 62
    assert {run.metrics["others"] for run in runs.values()} == {0}, "none met what the import for another one changed"
    assert len({run.metrics["pid"] for run in runs.values()}) <= 4, "quiet, loud, louder, and quiet again"


def tell_quietly():
    return {"pid": os.getpid(), "others": len([name for name in os.environ if name.startswith("IMPORTED_")])}


def test_recipes_that_differ_in_parameters_import_the_same(tmp_path):
    for name, gain in (("one", 1.0), ("other", np.float64(2.0))):
        (tmp_path / name).write_bytes(toy_sim(gain={"is": float(gain)}).recipe())
    assert imports_of(tmp_path / "one") == imports_of(tmp_path / "other")


def test_a_parameter_that_needs_a_module_makes_a_difference(tmp_path):
    (tmp_path / "one").write_bytes(toy_sim(gain={"is": 1.0}).recipe())
    (tmp_path / "other").write_bytes(toy_sim(gain={"is": Marked()}).recipe())
    assert imports_of(tmp_path / "one") != imports_of(tmp_path / "other")


def test_modules_are_read_and_not_imported():
    content = toy_sim(gain={"is": {"arrays": [np.ones(3)], "types": {int, ToyAgent}}}).recipe()
    assert "toys" in modules_in(content)
    unknown = content.replace(b"\x8c\x04toys", b"\x8c\x04yots")
    assert "yots" in modules_in(unknown)


def test_modules_that_code_by_value_uses_are_read():
    import cloudpickle

    space = {"__name__": "__main__"}
    exec("import fractions\ndef f(): return fractions.Fraction(1)", space)
    assert "fractions" in modules_in(cloudpickle.dumps(space["f"]))


def test_a_file_that_cannot_be_read_is_like_no_other(tmp_path):
    (tmp_path / "damaged").write_bytes(b"no pickle")
    assert imports_of(tmp_path / "damaged") != imports_of(tmp_path / "missing")
