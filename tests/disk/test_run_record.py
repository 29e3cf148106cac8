"""run.json: seeds that depend on nothing but the run, versions, and numbers from damaged files."""

import json
import random
from dataclasses import asdict

import numpy as np
import pytest

from simmanager.disk.run_record import FORMAT, RunRecord, draw_seed, number_of, run_seed


def test_a_seed_depends_on_batch_simulation_and_run_only():
    assert run_seed(1, "a", 0) == run_seed(1, "a", 0)
    seeds = {run_seed(batch, simulation, run) for batch in range(5) for simulation in "abc" for run in range(100)}
    assert len(seeds) == 5 * 3 * 100
    assert all(0 <= seed < 2**32 for seed in seeds)


def test_seeds_are_the_same_in_every_version():
    """A changed formula would make every batch on disk unrepeatable."""
    assert [run_seed(0, "toy", 0), run_seed(2018, "SR_custom_sim", 4)] == [322971764, 3829670235]


def test_ids_that_run_together_do_not_share_seeds():
    assert run_seed(1, "a", 11) != run_seed(1, "a1", 1)
    assert run_seed(11, "a", 1) != run_seed(1, "1a", 1)


def test_drawing_a_seed_touches_no_generator():
    states = random.getstate(), np.random.get_state()[1].tolist()
    seeds = {draw_seed() for _ in range(50)}
    assert len(seeds) > 45
    assert all(0 <= seed < 2**32 for seed in seeds)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == states


def test_a_record_is_json_with_its_format():
    record = RunRecord("toy", 3, 5, 1, "finished", versions={"python": "3"})
    content = json.loads(json.dumps(record.as_json()))
    assert content.pop("format") == FORMAT
    assert content == asdict(record)


@pytest.mark.parametrize(
    ("value", "number"),
    [(1, 1.0), (2.5, 2.5), (True, None), ("3", None), (None, None), ([], None), (float("nan"), None), (1e999, None)],
)
def test_a_number_is_read_from_a_record_that_may_be_damaged(value, number):
    assert number_of({"x": value}, "x") == number
    assert number_of({}, "x") is None
