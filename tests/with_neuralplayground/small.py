"""NeuralPlayground's default simulations, with fewer steps and cells, and with recordings that need no download."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Mapping
from typing import Any

import numpy as np
from neuralplayground.backend import SingleSim, default_simulation


def small_simulation(name: str, recordings: Mapping[str, str]) -> SingleSim:
    """Return an object of its own class, of which nothing but sizes, steps and ``data_path`` is changed."""
    simulation = copy.deepcopy(getattr(default_simulation, name))
    loop = simulation.training_loop_params
    loop.update({"n_steps": 60} if "n_steps" in loop else {"t_episode": 30, "n_episode": 2})
    if "Ne" in simulation.agent_params:
        simulation.agent_params.update(Ne=49, Ni=25, resolution=20)
    arena = simulation.env_class.__name__
    if arena in recordings:
        simulation.env_params["data_path"] = recordings[arena]
    if name == "stachenfeld_in_wernle_1":  # both have the id of the second
        simulation.simulation_id = "stachenfeld_2018_in_wernle_1"
    return simulation


def same(one: Any, other: Any) -> bool:
    """Return whether two of its agents or arenas hold the same; its own ``==`` fails on arenas with numpy of today."""
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if type(one).__module__.startswith("neuralplayground"):
        return same(vars(one), vars(other))
    return pickle.dumps(one) == pickle.dumps(other)
