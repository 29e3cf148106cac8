"""Classes that travel by value: labels, classes of several pickles, and live ones that are the same."""

import dataclasses
import functools
import pickle
import sys
import types

import numpy as np
import pytest

from simmanager.disk.pickling import dump, dumps, loads
from simmanager.disk.recipe import UnusableRecipe, pickle_recipe
from simmanager.disk.same_code import same
from simmanager.disk.travelling import Classes, load_together

SOURCE = """
FACTOR = 2
TABLE = {"a": [1, 2]}
class Agent:
    count = 0
    def act(self, x): return FACTOR * x + TABLE["a"][0]
class Other(Agent):
    pass
"""


@pytest.fixture
def script(monkeypatch):
    """A module that workers cannot import, as a script is."""
    module = types.ModuleType("some_script")
    exec(compile(SOURCE, "some_script.py", "exec"), vars(module))
    monkeypatch.setitem(sys.modules, "some_script", module)
    return module


def loaded(content):
    """Return what is loaded, with live classes where they are the same."""
    return load_together([lambda classes: loads(content, classes)])[0]


def test_an_object_is_of_the_live_class_as_long_as_that_is_the_same(script):
    content = dumps(script.Agent())
    assert type(loaded(content)) is script.Agent
    assert type(loads(content)) is not script.Agent, "recipes get classes of their own"


@pytest.mark.parametrize(
    "change",
    [
        "FACTOR = 3",
        "FACTOR = 2.0",
        "TABLE['a'].append(3)",
        "Agent.count = 1",
        "Agent.act = lambda self, x: x",
        "Agent.new = None",
        "del Agent.count",
    ],
)
def test_a_class_is_made_anew_where_code_or_what_it_reads_has_changed(script, change):
    content = dumps(script.Agent())
    exec(change, vars(script))
    before = dict(vars(script.Agent))
    agent = loaded(content)
    assert type(agent) is not script.Agent and agent.act(5) == 11 and type(agent).count == 0
    assert dict(vars(script.Agent)) == before


def test_a_line_that_moves_is_no_change(script):
    content = dumps(script.Agent())
    exec(compile(f"\n\n# a comment\n{SOURCE}", "other.py", "exec"), vars(script))
    assert type(loaded(content)) is script.Agent


def test_a_class_whose_base_is_made_anew_is_made_anew(script):
    content = dumps(script.Other())
    script.Agent.count = 1
    other = loaded(content)
    assert type(other) is not script.Other and type(other).__mro__[1] is not script.Agent and other.count == 0


def test_two_pickles_that_are_loaded_together_have_one_class(script):
    one, two = dumps(script.Agent()), dumps([script.Agent()])
    script.Agent.count = 1
    agent, (same_kind,) = load_together([lambda c: loads(one, c), lambda c: loads(two, c)])
    assert type(agent) is type(same_kind) is not script.Agent


def test_two_classes_of_one_name_stay_two():
    def make(number):
        class Local:
            value = number

        return Local

    kinds = loads(dumps([make(1), make(2), make(2)]))
    assert [kind.value for kind in kinds] == [1, 2, 2] and len(set(kinds)) == 3
    assert [kind.value for kind in loads(dumps(kinds))] == [1, 2, 2]


def test_a_class_gives_the_same_bytes_each_time_also_where_it_was_loaded(script):
    content = pickle_recipe(script.Agent())
    one, two = loads(content), loads(content)
    assert pickle_recipe(script.Agent()) == content
    assert dumps(one) == dumps(two) == dumps(loads(dumps(one)))


def test_data_of_a_class_comes_back_with_a_checkpoint_but_its_methods_stay(script):
    recipe = Classes()
    kind = loads(dumps(script.Agent), recipe)
    act, kind.count = kind.act, 7
    checkpoint = dumps(kind())
    kind.count = 0
    state = loads(checkpoint, Classes(recipe.by_label, restores_data=True))
    assert type(state) is kind and kind.count == 7 and kind.act is act


def test_what_was_loaded_by_value_is_pickled_by_value_and_imports_nothing(script, tmp_path, monkeypatch):
    agent = loads(dumps(script.Agent()))
    monkeypatch.delitem(sys.modules, "some_script")
    (tmp_path / "some_script.py").write_text("raise SystemExit('executed')")
    monkeypatch.syspath_prepend(tmp_path)
    dump(agent, tmp_path / "agent")
    assert b"some_script" in (tmp_path / "agent").read_bytes() and "some_script" not in sys.modules
    assert pickle.loads((tmp_path / "agent").read_bytes()).act(1) == 3


def test_a_recipe_is_shown_to_load_without_a_class_being_made(script):
    made = []

    class Base:
        def __init_subclass__(cls):
            made.append(cls)

    class Sub(Base):
        pass

    made.clear()
    pickle_recipe({"kind": Sub, "thing": Sub()})
    assert not made


class Lost:
    """Its pickle calls a function that refuses."""

    def __reduce__(self):
        return int, ("no number",)


def test_a_recipe_that_cannot_be_loaded_is_refused():
    with pytest.raises(UnusableRecipe, match="can be pickled but not loaded: ValueError"):
        pickle_recipe(Lost())


@dataclasses.dataclass
class Equal:
    x: float = 1.0


class Plain:
    pass


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (1, 1, True),
        (1, 1.0, False),
        (float("nan"), float("nan"), True),
        ([1, [2]], [1, [2]], True),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, False),
        (np.arange(3), np.arange(3), True),
        (np.arange(3), np.arange(3.0), False),
        (np.array([object()]), np.array([object()]), False),
        (Equal(1.0), Equal(1.0), True),
        (Equal(1.0), Equal(2.0), False),
        (Plain(), Plain(), False),
        (list[int], list[int], True),
        (lambda x: x + 1, lambda x: x + 1, True),
        (lambda x: x + 1, lambda x: x + 2, False),
        (lambda x=1: x, lambda x=2: x, False),
        (functools.partial(int, base=2), functools.partial(int, base=2), True),
        (property(lambda self: 1), property(lambda self: 2), False),
        (staticmethod(len), staticmethod(len), True),
    ],
)  # fmt: skip
def test_things_are_the_same_if_their_code_or_value_is(one, other, expected):
    assert same(one, other) is expected


KINDS = """
import abc, collections, dataclasses, enum, functools, typing

class Outer:
    class Inner(enum.Enum):
        P = enum.auto()
        def hello(self): return self.name

class Proto(typing.Protocol):
    def f(self) -> int: ...

class Impl(Proto):
    def f(self): return 3

@dataclasses.dataclass(order=True, kw_only=True)
class Data:
    a: int = 1
    b: dataclasses.InitVar[int] = 2
    c: typing.ClassVar[int] = 3
    def __post_init__(self, b): self.d = b

class Tagged:
    def __init_subclass__(cls, tag=None): cls.tag = tag

class Sub(Tagged, tag="t"):
    pass

class Weak:
    __slots__ = ("a", "__weakref__")

class Slots(Weak):
    __slots__ = ("b",)

Named = collections.namedtuple("Named", "x y")
K, V = typing.TypeVar("K"), typing.TypeVar("V")

class Map(dict, typing.Generic[K, V]):
    pass

class Parent:
    def f(self): return 1

class Child(Parent):
    def f(self): return super().f() + 1

class Problem(Exception):
    def __init__(self, code):
        super().__init__(code)
        self.code = code

class Meta(type):
    @classmethod
    def __prepare__(meta, name, bases, **options): return {"made": 1}

class Prepared(metaclass=Meta):
    pass

class Virtual(abc.ABC):
    pass

Virtual.register(int)

class Sets:
    known = frozenset({"a", "b", "c"})
    def f(self, x="a"): return x in {"a", "b", "c", "d"}

THINGS = [Outer.Inner.P, Impl(), Data(), Sub(), Slots(), Named(1, 2), Map(a=1)]
THINGS += [Child(), Problem(1), Prepared(), Virtual(), Sets()]
"""


def test_classes_of_every_kind_come_back_as_the_live_ones_and_can_be_made_anew(script):
    exec(KINDS, vars(script))
    for thing in script.THINGS:
        in_worker = loads(pickle_recipe(thing))
        content = dumps(in_worker)
        assert type(loaded(content)) is type(thing), "the same as here"
        anew = loads(content)
        assert type(anew) is not type(thing) and type(anew).__qualname__ == type(thing).__qualname__
        assert getattr(anew, "f", bool)() == getattr(thing, "f", bool)()
