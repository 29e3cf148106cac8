"""Results are compared by their values, whatever their bytes."""

import random
import zipfile

import cloudpickle
import numpy as np
import pytest

from simmanager import OneShot, SimulationManager
from simmanager.batch.reproduction import reproduce
from simmanager.batch.same_values import same_files, same_values


class Thing:
    def __init__(self, **attributes):
        self.__dict__.update(attributes)


class Slotted:
    __slots__ = ("x",)

    def __init__(self, x):
        self.x = x


def by_value(source, name="Model"):
    """Return a class of a script, as it is made anew each time that the script is loaded."""
    space = {"__name__": "__main__"}
    exec(source, space)
    return space[name]


def generator(seed, draws):
    rng = np.random.default_rng(seed)
    rng.random(draws)
    return rng


SAME = {
    "numbers": (1.5, 1.5),
    "NaN": (float("nan"), float("nan")),
    "arrays": (np.array([1.0, np.nan]), np.array([1.0, np.nan])),
    "lists of arrays": ([np.ones(2), "a"], [np.ones(2), "a"]),
    "dicts": ({"a": {"b": np.ones(2)}}, {"a": {"b": np.ones(2)}}),
    "sets": ({"a", "b"}, {"b", "a"}),
    "arrays of objects": (np.array([None, [1]], dtype=object), np.array([None, [1]], dtype=object)),
    "masked arrays": (np.ma.array([1, 5], mask=[0, 1]), np.ma.array([1, 6], mask=[0, 1])),
    "objects": (Thing(w=np.ones(3)), Thing(w=np.ones(3))),
    "objects with slots": (Slotted([1]), Slotted([1])),
    "generators": (generator(1, 5), generator(1, 5)),
    "Python's generators": (random.Random(3), random.Random(3)),
    "functions": (by_value("def Model(x=1): return x + 2"), by_value("def Model(x=1): return x + 2")),
    "classes by value": (by_value("class Model: pass")(), by_value("class Model: pass")()),
}

OTHER = {
    "numbers": (1.5, 1.25),
    "types": (1, 1.0),
    "types of arrays": (np.ones(2), np.ones(2, dtype=np.float32)),
    "shapes": (np.ones((2, 1)), np.ones(2)),
    "arrays": (np.array([1.0, 2.0]), np.array([1.0, np.nan])),
    "an array deep inside": ([{"a": Thing(w=np.ones(3))}], [{"a": Thing(w=np.array([1, 1, 1.5]))}]),
    "keys": ({"a": 1}, {"b": 1}),
    "lengths": ([1, 2], [1]),
    "masks": (np.ma.array([1, 5], mask=[0, 1]), np.ma.array([1, 5], mask=[1, 0])),
    "slots": (Slotted(1), Slotted(2)),
    "states of generators": (generator(1, 5), generator(1, 6)),
    "code": (by_value("def Model(x=1): return x + 2"), by_value("def Model(x=1): return x + 3")),
    "classes": (Thing(), Slotted(1)),
}


@pytest.mark.parametrize("what", SAME)
def test_these_have_the_same_values(what):
    assert same_values(*SAME[what])


@pytest.mark.parametrize("what", OTHER)
def test_these_do_not(what):
    assert not same_values(*OTHER[what])


def test_a_cycle_is_compared_once():
    pair = []
    for last in (1, 1, 2):
        thing = Thing(parts=[])
        thing.parts += [thing, last]
        pair.append(thing)
    assert same_values(pair[0], pair[1])
    assert not same_values(pair[0], pair[2])


def test_archives_are_compared_by_their_members(tmp_path):
    for name, content in (("one", b"weights"), ("two", b"weights"), ("three", b"other weights")):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr(f"{name}/data", content)  # as PyTorch does
    assert (tmp_path / "one").read_bytes() != (tmp_path / "two").read_bytes()
    assert same_files(tmp_path / "one", tmp_path / "two")
    assert not same_files(tmp_path / "one", tmp_path / "three")


def test_a_format_that_is_not_known_is_compared_by_its_bytes(tmp_path):
    (tmp_path / "one").write_bytes(b"weights")
    (tmp_path / "two").write_bytes(b"other weights")
    assert not same_files(tmp_path / "one", tmp_path / "two")


class Named:
    """Pickles under another name each time, as a class of a script does."""

    def __init__(self, x):
        self.x = x

    def __reduce__(self):
        return cloudpickle.loads, (cloudpickle.dumps(by_value("class Model: pass")()),), {"x": self.x}


def model(level=1.0):
    return {"model": Named(np.full(3, level)), "level": level}


def test_a_run_whose_pickle_differs_in_bytes_alone_is_reproduced(tmp_path):
    manager = SimulationManager([OneShot(model)], 1, "batch", seed=1)
    manager.run_all(1)
    done = reproduce("batch/model/0", tmp_path / "copy")
    assert done.files["training_hist.dict"] == "same values"
    assert done.same and not done.same_bytes
    assert "training_hist.dict: the same values; the bytes differ" in str(done)
    assert str(done).endswith("Reproduced: the same values.")
