"""param.dict of runs with large parameters: one copy for a simulation, and no way from it to the recipe."""

import os
import pickle
import stat

import numpy as np
import pytest
from one_run import execute, make
from toys import toy_sim

from simmanager import RunState, SimulationManager
from simmanager.disk import shared_params
from simmanager.disk.shared_params import SHARE_FROM

DATA = np.arange(SHARE_FROM / 8.0)  # as large as parameters must be to be shared


def loop_with_data(agent, env, data):
    return agent, env, {"sum": [float(data.sum())]}


def sim(factor=1.0):
    return toy_sim(loop=loop_with_data, data=DATA * factor)


def run_three(factor=1.0):
    manager = SimulationManager([sim(factor)], 3, "b", seed=1)
    assert manager.run_all(progress=False, n_jobs=2).all_finished
    return manager


def params_of(manager):
    return [run.params for run in manager.runs]


def test_large_parameters_are_on_the_disk_once_for_all_runs_and_once_for_the_recipe():
    manager = run_three()
    recipe = manager.runs[0].path.parent / "simulation.pkl"
    files = [*params_of(manager), recipe]
    assert all(pickle.loads(file.read_bytes())["simulation_id"] == "toy" for file in files)
    blocks = {(found.st_dev, found.st_ino): found.st_size for found in map(os.stat, files)}
    assert len(blocks) == 2
    assert recipe.stat().st_nlink == 1
    run, simulation = manager.runs[0].path.name, recipe.parent
    simulation.rename(simulation.with_name("moved"))
    moved = pickle.loads((simulation.with_name("moved") / run / "param.dict").read_bytes())
    assert np.array_equal(moved["training_loop_params"]["data"], DATA)


def test_small_parameters_are_a_file_of_their_own():
    manager = SimulationManager([toy_sim()], 2, "b", seed=1)
    manager.run_all(progress=False)
    assert [file.stat().st_nlink for file in params_of(manager)] == [1, 1]
    assert not (manager.runs[0].path.parent / shared_params.SHARED).exists()


def may_open(file, flags):
    """Return whether an ordinary user may open a file; the superuser may open everything."""
    folder = os.open(file.parent, os.O_RDONLY)
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.seteuid(65534)
            os.open(file.name, flags, dir_fd=folder)
        except PermissionError:
            os._exit(1)
        finally:
            os._exit(0)
    os.close(folder)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_whoever_opens_shared_parameters_for_writing_is_refused():
    (file, *_) = params_of(run_three())
    assert stat.S_IMODE(file.stat().st_mode) == 0o444
    assert may_open(file, os.O_RDONLY)
    assert not may_open(file, os.O_WRONLY)


def test_parameters_that_are_saved_anew_are_those_of_one_run_only():
    manager = run_three()
    first, second, third = manager.runs
    toy_sim("other").save_params(first.path)
    assert pickle.loads(first.params.read_bytes())["simulation_id"] == "other"
    assert [pickle.loads(run.params.read_bytes())["simulation_id"] for run in (second, third)] == ["toy", "toy"]


def test_what_is_written_over_them_by_force_reaches_neither_the_recipe_nor_later_runs():
    manager = run_three()
    for file in params_of(manager):
        file.chmod(0o644)
        file.write_bytes(b"broken")
    manager.rerun_simulation("toy", include_finished=True, progress=False)
    assert manager.status().all_finished
    for run in manager.runs:
        assert np.array_equal(pickle.loads(run.params.read_bytes())["training_loop_params"]["data"], DATA)
        assert run.load(run.history)["sum"] == [float(DATA.sum())]


def test_a_second_attempt_with_other_parameters_has_those(tmp_path):
    folder, task = make(tmp_path, sim())
    other = folder.path.with_name("run_4_22-11-2026_14-15-33-591")
    assert execute(task)[0].state == "finished"
    (tmp_path / "toy" / "simulation.pkl").write_bytes(sim(2.0).recipe())
    folder.state_log.write_text("")
    folder.record.unlink()
    assert execute(task)[0].state == RunState.FINISHED
    assert not other.exists()
    content = pickle.loads(folder.params.read_bytes())
    assert np.array_equal(content["training_loop_params"]["data"], 2 * DATA)
    assert not list(folder.path.glob("~simmanager-part-*"))
    assert not list(folder.path.parent.glob("~simmanager-part-*"))


@pytest.mark.parametrize("planted", ["link", "folder", "other"])
def test_whatever_is_in_the_place_of_the_copy_the_parameters_are_right(planted, tmp_path):
    folder, task = make(tmp_path, sim())
    shared = folder.path.parent / shared_params.SHARED
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    if planted == "link":
        shared.symlink_to(victim)
    elif planted == "folder":
        shared.mkdir()
    else:
        shared.write_bytes(b"other")
    assert execute(task)[0].state == "finished"
    assert pickle.loads(folder.params.read_bytes())["simulation_id"] == "toy"
    assert victim.read_bytes() == b"mine"


def test_a_file_system_without_links_gets_copies(tmp_path, monkeypatch):
    def no_links(*_, **__):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(shared_params.os, "link", no_links)
    folder, task = make(tmp_path, sim())
    assert execute(task)[0].state == "finished"
    assert folder.params.stat().st_nlink == 1
    assert pickle.loads(folder.params.read_bytes())["simulation_id"] == "toy"


def test_a_batch_with_shared_parameters_is_overwritten_like_any_other():
    manager = run_three()
    simulation = manager.runs[0].path.parent
    SimulationManager([toy_sim("other")], 1, "b", seed=1).generate_sim_paths(overwrite=True)
    assert not simulation.exists()
