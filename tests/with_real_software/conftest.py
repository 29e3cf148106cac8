"""Tests with the software that people simulate with, run by ``scripts/test-real-software`` in its environment."""

from __future__ import annotations

import importlib.util

import pytest

#: Without these there is nothing to test here.
_NEEDED = (
    """brainstate brian2 jax lightning mesa nengo netpyne neuron numba sklearn stable_baselines3 torch xarray""".split()
)
collect_ignore_glob = [] if all(map(importlib.util.find_spec, _NEEDED)) else ["test_*.py"]


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.is_relative_to(__file__.rpartition("/")[0]):
            item.add_marker(pytest.mark.filterwarnings("ignore"))  # theirs


@pytest.fixture(autouse=True)
def their_files_are_theirs(tmp_path_factory, monkeypatch):
    """Let workers put what libraries leave (logs of Brian2, caches of PyTorch) into a folder of the test."""
    monkeypatch.setenv("TMPDIR", str(tmp_path_factory.mktemp("theirs")))
