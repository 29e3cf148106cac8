"""The hash of a value is that of its content: the same in another process, another one for another content."""

import dataclasses
import enum
import functools
import random
import threading
from random import gauss

import cloudpickle
import numpy as np
import pytest
from places import ROOT
from toys import python, toy_loop

from simmanager.base.content_hash import content_hash, is_plain, travels_with_recipe, users_part


class Thing:
    """An object without a repr of its own."""

    def __init__(self, value):
        self.value = value


def looped():
    thing = [1]
    thing.append(thing)
    return thing


EQUAL = [
    lambda: {"a": 1, "b": {3, 4}},
    lambda: Thing(np.arange(3)),
    lambda: np.random.default_rng(1),
    lambda: threading.Lock(),
    lambda: functools.partial(toy_loop, n_steps=3),
    lambda: gauss,
    lambda: looped(),
    lambda: lambda x: x + 1,
]


@pytest.mark.parametrize("make", EQUAL)
def test_equal_contents_have_one_hash(make):
    random.random()  # the state of a generator that all share is nobody's content
    assert content_hash(make()) == content_hash(make()) != ""


DIFFERENT = [
    (1, 1.0),
    (1, True),
    ("1", 1),
    ((1,), [1]),
    (Thing(1), Thing(2)),
    (Thing(1), Thing(1.0)),
    (np.zeros(3), np.zeros(3, dtype=np.float32)),
    (np.zeros((2, 3)), np.zeros((3, 2))),
    (np.array([1, None]), np.array([2, None])),
    (np.random.default_rng(1), np.random.default_rng(2)),
    (lambda x: x + 1, lambda x: x + 2),
    (lambda x: x.a, lambda x: x.b),
    (lambda x, y=1: x, lambda x, y=2: x),
    (lambda: Thing, lambda: random),
    (functools.partial(toy_loop, n_steps=3), functools.partial(toy_loop, n_steps=4)),
    (Thing.__init__, toy_loop),
]


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_different_contents_have_different_hashes(one, other):
    assert content_hash(one) != content_hash(other)


def test_a_function_is_another_one_if_what_it_uses_is_another():
    def function(gain, limit):
        source = f"GAIN = {gain}\nOTHER = {limit}\ndef helper(x): return GAIN * x\ndef f(x): return helper(x)"
        module = {"__name__": "__main__"}
        exec(source, module)
        return module["f"]

    assert content_hash(function(1, 1)) == content_hash(function(1, 2)) != content_hash(function(2, 1))


def test_what_cannot_be_hashed_has_no_hash():
    class Deep:
        def __init__(self):
            self.inner = None

    thing = Deep()
    for _ in range(5000):
        outer = Deep()
        outer.inner, thing = thing, outer
    assert content_hash(thing) == ""


SCRIPT = """
import abc, dataclasses, enum, functools, io, sys
import cloudpickle, pickle
import numpy as np
from collections import namedtuple
from simmanager.base.content_hash import content_hash
{moved}
GAIN, NAMES = {gain}, {{"one", "two", "three"}}
class Colour(enum.Enum):
    RED = 1
    BLUE = "b"
@dataclasses.dataclass
class Point:
    x: int = 1
    tags: list = dataclasses.field(default_factory=list)
class Base(abc.ABC):
    @abc.abstractmethod
    def act(self): ...
class Agent(Base):
    limits = frozenset(NAMES)
    def __init__(self): self.gain = GAIN
    def act(self):
        try:
            return helper(self) in {{"a", "b", "c"}} or super().act()
        except ValueError:
            return np.sin(self.size)
    @property
    def size(self): return len(NAMES)
    @staticmethod
    def twice(x): return 2 * x
def helper(x):
    return (lambda: helper(x), Point(), Colour.RED)
Pair = namedtuple("Pair", "a b")
things = [Agent, Colour, Colour.BLUE, Point, Point(2), Pair(1, 2), helper, functools.partial(helper, 3), Agent.twice]
for thing in things:
    print(thing.__class__.__name__, content_hash(thing))
"""


@pytest.mark.python_versions
def test_code_has_the_same_hash_in_another_process_and_on_another_line():
    def hashes(seed, moved="", gain=1):
        done = python(SCRIPT.format(moved=moved, gain=gain), environ={"PYTHONHASHSEED": str(seed)})
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    first = hashes(1)
    assert first == hashes(2) == hashes(3, moved="\n\n# moved")
    changed = hashes(1, gain=2)
    assert [one != other for one, other in zip(first, changed, strict=True)] == [True, *[False] * 8]


class Colour(enum.Enum):
    RED = 1


@dataclasses.dataclass
class Point:
    x: int = 1


@pytest.mark.parametrize("thing", [lambda x: Thing(x), Point, Colour, Colour.RED, Thing(3)])
def test_code_has_the_same_hash_when_it_comes_out_of_a_pickle(thing):
    import sys

    program = (
        "import sys, pickle; from simmanager.base.content_hash import content_hash; "
        "print(content_hash(pickle.loads(bytes.fromhex(sys.argv[1]))))"
    )
    module = sys.modules[__name__]
    cloudpickle.register_pickle_by_value(module)
    try:
        expected, content = content_hash(thing), cloudpickle.dumps(thing)
    finally:
        cloudpickle.unregister_pickle_by_value(module)
    assert python(program, content.hex(), cwd=ROOT.parent).stdout.strip() == expected


def test_only_what_json_tells_is_plain():
    plain = [None, True, 1, 0.5, "a", [1, [2]], {"a": {"b": "c"}}, [], {}]
    others = [(1,), float("nan"), float("inf"), {1: 2}, {1}, np.float32(1), 1 << 2000, "a" * 2000, [0] * 101, Thing(1)]
    assert all(map(is_plain, plain)) and not any(map(is_plain, others))


def test_what_workers_import_does_not_travel():
    assert not travels_with_recipe(toy_loop) and not travels_with_recipe(Thing)
    assert travels_with_recipe(lambda: 1)


def test_the_users_part_is_behind_wrappers():
    assert users_part(functools.partial(toy_loop, n_steps=3)) is toy_loop
    assert users_part(Thing(1)) is Thing and users_part(Thing) is Thing
    assert users_part(functools.lru_cache(toy_loop)) is toy_loop
