"""Tests against the installed NeuralPlayground, run by ``scripts/test-neuralplayground`` in its environment."""

from __future__ import annotations

import importlib.util

import pytest

#: Without the package there is nothing to test here.
collect_ignore_glob = [] if importlib.util.find_spec("neuralplayground") else ["test_*.py"]

#: It opens files that it never closes.
_THEIR_WARNINGS = ("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.is_relative_to(__file__.rpartition("/")[0]):
            for warning in _THEIR_WARNINGS:
                item.add_marker(pytest.mark.filterwarnings(warning))


@pytest.fixture(scope="session")
def recordings(tmp_path_factory):
    """Name of an arena of recorded behaviour -> ``data_path`` of recordings of the same format, made here."""
    from made_recordings import write_recordings

    return write_recordings(tmp_path_factory.mktemp("recordings"))
