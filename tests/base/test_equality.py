"""Two values are equal if all that they are made of is."""

import numpy as np
import pytest

from simmanager.base.equality import same

NAN = float("nan")


class Box:
    """An array of another package."""

    def __init__(self, *values):
        self.values, self.shape = values, (len(values),)

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype)


class OtherBox(Box):
    pass


EQUAL = [
    (1, 1.0),
    (NAN, NAN),
    ([1, NAN], [1, NAN]),
    ({"a": [1, (2,)]}, {"a": [1, (2,)]}),
    (np.array([1.0, NAN]), np.array([1.0, NAN])),
    (np.array([1, 2]), np.array([1.0, 2.0])),
    (np.float64(0.5), 0.5),
    (np.bool_(True), True),
    (np.array([{"a": NAN}, 2], dtype=object), np.array([{"a": NAN}, 2], dtype=object)),
    ({"a": np.ones(2)}, {"a": np.ones(2)}),
    (np.random.default_rng(1), np.random.default_rng(1)),
    (Box(1, 2), Box(1, 2)),
    ("a", "a"),
]

DIFFERENT = [
    (1, 2),
    (NAN, 1.0),
    ([1, 2], (1, 2)),
    ([1], [1, 1]),
    ({"a": 1}, {"b": 1}),
    (np.array([1.0, NAN]), np.array([1.0, 2.0])),
    (np.ones(2), np.ones((2, 1))),
    (np.ones(1), np.ones(3)),
    (np.ones(2), [1.0, 1.0]),
    (np.array(["a"]), np.array([1.0])),
    (np.random.default_rng(1), np.random.default_rng(2)),
    (Box(1, 2), Box(1, 3)),
    (Box(1, 2), OtherBox(1, 2)),
    ("a", None),
]


@pytest.mark.parametrize(("one", "other"), EQUAL)
def test_equal_values_are_the_same_from_both_sides(one, other):
    assert same(one, other) is True and same(other, one) is True


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_different_values_are_not_the_same_from_either_side(one, other):
    assert same(one, other) is False and same(other, one) is False


def test_a_generator_that_was_used_is_another_one():
    one, other = np.random.default_rng(1), np.random.default_rng(1)
    one.random()
    assert not same(one, other)
