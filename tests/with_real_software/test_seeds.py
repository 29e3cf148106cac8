"""The same batch gives the same numbers, whichever worker executes a run, and in whatever order."""

import os
from pathlib import Path

import draws
import numpy as np
import pytest

from simmanager import OneShot, SimulationManager, load_checkpoint, save_checkpoint

#: Each run of these draws other numbers; NEURON's generators begin where they are told to, in each run.
SEEDED = [
    draws.torch_draws,
    draws.numba_draws,
    draws.numba_draws_of_python,
    draws.brainstate_draws,
    draws.brian2_draws,
    draws.gymnasium_draws,
    draws.stable_baselines3_draws,
    draws.sklearn_draws,
    draws.nengo_draws,
    draws.ratinabox_draws,
    pytest.param(draws.brian2_program_draws, marks=pytest.mark.slow),  # it compiles a program for each run
]


def drawn(function, name, runs=3, **options):
    manager = SimulationManager([OneShot(function, {}, "one")], runs, name, seed=1)
    status = manager.run_all(**options)
    assert status.counts["finished"] == runs, manager.show_logs()
    return [np.ravel(manager.load_results("one", run)[2]["drawn"]).tolist() for run in range(runs)]


@pytest.mark.parametrize("function", SEEDED, ids=lambda function: function.__name__)
def test_numbers_depend_neither_on_the_worker_nor_on_what_it_did_before(function):
    one = drawn(function, "one_worker", n_jobs=1)
    two = drawn(function, "two_workers", n_jobs=2)
    assert one == two
    assert len({tuple(numbers) for numbers in one}) == 3  # and each run has its own


def draws_of_numba():
    import random

    import numba

    @numba.njit
    def draw():  # of a pair of normal numbers, the second is kept for the next time
        return np.random.standard_normal() + random.gauss(0.0, 1.0)

    return draw


def draws_of_torch():
    import torch

    return lambda: torch.randn(1).item()


def draws_of_brainstate():
    import brainstate

    return lambda: float(brainstate.random.randn())


def interrupted(draws, folder=""):
    """Draw, with a checkpoint after each number; die once after the third, if there is a folder to note that in."""
    draw, drawn = draws(), load_checkpoint() or []
    while len(drawn) < 6:
        drawn.append(draw())
        save_checkpoint(drawn)
        if len(drawn) == 3 and folder and not (died := Path(folder) / "died").exists():
            died.touch()
            os._exit(1)
    return {"drawn": drawn}


@pytest.mark.parametrize("draws", [draws_of_numba, draws_of_torch, draws_of_brainstate])
def test_a_run_goes_on_from_a_checkpoint_with_the_numbers_that_would_have_come(draws, tmp_path):
    found = []
    for name, folder in (("undisturbed", ""), ("disturbed", str(tmp_path))):
        manager = SimulationManager([OneShot(interrupted, {"draws": draws, "folder": folder}, "one")], 1, name, seed=1)
        assert manager.run_all(1, retries=1, checkpoint_every_s=1e-9, progress=False).all_finished
        found.append(manager.load_results("one", 0)[2]["drawn"])
    assert (tmp_path / "died").exists()
    assert len(set(found[0])) == 6
    assert found[0] == found[1]
