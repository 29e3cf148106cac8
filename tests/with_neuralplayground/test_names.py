"""The signatures that ours are held to are NeuralPlayground's, and complete."""

from __future__ import annotations

import inspect

import neuralplayground.backend as theirs
import pytest
from neuralplayground_signatures import SIGNATURES

from simmanager.compat import neuralplayground as npg_backend


def public_callables():
    for name, thing in vars(theirs).items():
        if inspect.isclass(thing):
            methods = {key: value for key, value in vars(thing).items() if inspect.isfunction(value)}
            yield from (f"{name}.{key}" for key in methods if key == "__init__" or not key.startswith("_"))
        elif inspect.isfunction(thing):
            yield name


def test_the_list_of_signatures_is_complete_and_true():
    found = {}
    for name in public_callables():
        thing = theirs
        for part in name.split("."):
            thing = getattr(thing, part)
        parameters = list(inspect.signature(thing).parameters.values())
        found[name] = ", ".join(
            p.name if p.default is p.empty else f"{p.name}={p.default!r}" for p in parameters if p.name != "self"
        )
    assert found == SIGNATURES


def test_every_name_of_their_backend_is_here():
    names = {name for name, thing in vars(theirs).items() if not name.startswith("_")}
    assert names <= set(npg_backend.__all__)
    loops = {name for name, thing in vars(theirs.training_loops).items() if inspect.isfunction(thing)}
    assert all(hasattr(npg_backend.training_loops, name) for name in loops)


@pytest.mark.parametrize("history", [[{"a": 1, "b": [2]}, {"a": 3, "b": [4]}], [None, None]])
def test_a_history_is_processed_as_theirs(history):
    ours = npg_backend.training_loops.process_training_hist(history)
    assert ours == (theirs.training_loops.process_training_hist(history) or {})
