"""Checks of what a user passes name the parameter, the value and what is allowed."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simmanager.base.checks import check_flag, check_integer, check_number, parameter_names, refuse_unknown
from simmanager.base.errors import ParameterError, ParameterTypeError


@pytest.mark.parametrize("value", [0, 1.5, -3, Fraction(1, 3), np.float32(2), np.int64(7), np.float64(-0.1)])
def test_real_numbers_pass_unchanged(value):
    assert check_number("x", value) is value


@pytest.mark.parametrize("value", ["1", None, True, False, 1j, [1], np.array([1.0]), np.bool_(True)])
def test_what_is_no_number_is_refused_with_its_name_and_value(value):
    with pytest.raises(ParameterTypeError) as caught:
        check_number("lr_td", value)
    assert "lr_td must be a number" in str(caught.value)
    assert repr(value) in str(caught.value)
    assert isinstance(caught.value, (TypeError, ValueError))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, np.float64("nan")])
def test_numbers_that_are_not_finite_are_refused(value):
    with pytest.raises(ParameterError, match="x must be a finite number"):
        check_number("x", value)


@pytest.mark.parametrize(
    ("limits", "good", "bad", "words"),
    [
        ({"minimum": 0}, [0, 1], [-1e-9, -5], "at least 0"),
        ({"maximum": 2}, [2, -9], [2.1], "at most 2"),
        ({"above": 0}, [1e-9], [0, -1], "greater than 0"),
        ({"below": 1}, [0.999], [1, 2], "less than 1"),
        ({"minimum": 0, "below": 1}, [0, 0.5], [1, -1], "at least 0 and less than 1"),
        ({"minimum": 1, "maximum": 3}, [1, 3], [0, 4], "at least 1 and at most 3"),
    ],
)
def test_a_range_is_kept_and_named(limits, good, bad, words):
    for value in good:
        assert check_number("x", value, **limits) == value
    for value in bad:
        with pytest.raises(ParameterError, match=f"x must be {words}, not"):
            check_number("x", value, **limits)


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3)])
def test_whole_numbers_become_plain_ints(value):
    assert check_integer("n", value) == 3
    assert type(check_integer("n", value)) is int


@pytest.mark.parametrize("value", [3.0, "3", True, None, np.float64(3)])
def test_what_is_no_whole_number_is_refused(value):
    with pytest.raises(ParameterTypeError, match="n must be a whole number"):
        check_integer("n", value)


def test_whole_numbers_that_no_float_can_hold_are_compared_exactly():
    assert check_integer("seed", 2**63 - 1, maximum=2**63 - 1) == 2**63 - 1
    assert check_integer("seed", 10**400) == 10**400
    for value in (2**63, 10**400):
        with pytest.raises(ParameterError, match="seed must be at most"):
            check_integer("seed", value, maximum=2**63 - 1)


def test_a_whole_number_out_of_range_is_refused():
    with pytest.raises(ParameterError, match="runs_per_sim must be at least 1"):
        check_integer("runs_per_sim", 0, minimum=1)
    with pytest.raises(ParameterError, match="at most 9"):
        check_integer("n", 10, minimum=1, maximum=9)


@given(st.integers(), st.integers(), st.integers())
def test_an_integer_passes_exactly_if_it_is_in_the_range(value, one, other):
    low, high = sorted((one, other))
    try:
        assert check_integer("n", value, minimum=low, maximum=high) == value
        assert low <= value <= high
    except ParameterError:
        assert not low <= value <= high


@pytest.mark.parametrize("value", [True, False, np.bool_(True)])
def test_flags_pass_as_plain_bools(value):
    assert check_flag("f", value) is bool(value)


@pytest.mark.parametrize("value", [0, 1, "yes", None])
def test_what_is_no_flag_is_refused(value):
    with pytest.raises(ParameterTypeError, match="f must be True or False"):
        check_flag("f", value)


def test_an_unknown_parameter_is_refused_with_the_nearest_and_all_known_ones():
    with pytest.raises(ParameterTypeError) as caught:
        refuse_unknown("Weber2018", {"exc_eta": 1}, ["etaexc", "etainh"])
    assert str(caught.value) == (
        "Weber2018 has no parameter 'exc_eta'. Did you mean 'etaexc'? It takes: etaexc, etainh."
    )


def test_nothing_unknown_is_nothing_wrong():
    refuse_unknown("Weber2018", {}, iter(["etaexc"]))


def test_parameter_names_leave_out_self_and_variable_ones():
    class Thing:
        def __init__(self, a, b=1, *args, c=2, **kwargs):
            pass

    assert parameter_names(Thing.__init__) == ["a", "b", "c"]
    assert parameter_names(lambda x, /, y: None) == ["x", "y"]
