"""The same batch gives the same numbers, whichever worker executes a run, and in whatever order."""

import draws
import numpy as np
import pytest

from simmanager import OneShot, SimulationManager

#: Each run of these draws other numbers; NEURON's generators begin where they are told to, in each run.
SEEDED = [
    draws.torch_draws,
    draws.numba_draws,
    draws.numba_draws_of_python,
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
