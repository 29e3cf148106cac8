"""Rules that end a run by what it logs."""

import math
import pickle

import pytest

from simmanager import ParameterError, ParameterTypeError, SimulationError, diverged, no_improvement
from simmanager.base.errors import SimManagerError
from simmanager.base.rules import check_rules, rules_from


def first_end(rule, values, steps=None):
    """Return what the rule says first, and at which value."""
    check = rule.begin()
    for index, value in enumerate(values):
        if why := check(value, index if steps is None else steps[index]):
            return index, why
    return None


@pytest.mark.parametrize(
    ("value", "bound", "said"),
    [
        (math.nan, None, "diverged: loss is nan at step 2"),
        (math.inf, None, "diverged: loss is inf at step 2"),
        (-math.inf, 10.0, "diverged: loss is -inf at step 2"),
        (11.0, 10.0, "diverged: loss is 11, beyond 10 at step 2"),
        (-10.5, 10.0, "diverged: loss is -10.5, beyond 10 at step 2"),
        (10.0, 10.0, None),
        (1e308, None, None),
    ],
)
def test_a_value_that_is_none_or_too_large_has_diverged(value, bound, said):
    found = first_end(diverged("loss", bound), [0.0, -1.0, value])
    assert found == (None if said is None else (2, said))


@pytest.mark.parametrize(
    ("values", "options", "ends_at"),
    [
        ([3, 2, 1, 1, 1, 1], {}, 5),  # equal is no improvement
        ([3, 2, 1, 1, 1, 0.5, 1, 1, 1], {}, 8),
        ([1, 2, 3, 4, 5, 6, 7], {"mode": "max"}, None),
        ([7, 6, 5, 4], {"mode": "max"}, 3),
        ([1.0, 0.95, 0.9, 0.85, 0.8], {"min_delta": 0.5}, 3),
        ([1.0, math.nan, math.nan, math.nan], {}, 3),
        ([math.nan, math.nan, 1.0, 2, 2, 2], {}, 5),
    ],
)
def test_patience_counts_from_the_best_value(values, options, ends_at):
    found = first_end(no_improvement("loss", patience=3, **options), values)
    assert (found and found[0]) == ends_at
    if found:
        assert found[1] == f"stopped early: loss has not improved since step {ends_at - 3}, at step {ends_at}"


def test_patience_is_of_steps_not_of_calls():
    assert first_end(no_improvement("loss", 50), [1, 1, 1, 1], steps=[0, 20, 40, 60])[0] == 3


def test_two_runs_do_not_know_of_each_other():
    rule = no_improvement("loss", 2)
    assert first_end(rule, [1, 1, 1]) == first_end(rule, [1, 1, 1]) != None  # noqa: E711


@pytest.mark.parametrize("rule", [diverged("loss"), diverged("loss", 5.0), no_improvement("r", 3, "max", 0.5)])
def test_a_rule_is_told_as_it_is_made_and_travels(rule):
    assert eval(str(rule), {"diverged": diverged, "no_improvement": no_improvement}) == rule
    assert pickle.loads(pickle.dumps(rule)) == rule and hash(rule) == hash(pickle.loads(pickle.dumps(rule)))


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: diverged(3), ParameterTypeError),
        (lambda: diverged(""), ParameterTypeError),
        (lambda: diverged("loss", -1), ParameterError),
        (lambda: diverged("loss", "x"), ParameterTypeError),
        (lambda: no_improvement("loss", 0), ParameterError),
        (lambda: no_improvement("loss", 1.5), ParameterTypeError),
        (lambda: no_improvement("loss", 3, "best"), ParameterError),
        (lambda: no_improvement("loss", 3, min_delta=-1), ParameterError),
    ],
)
def test_what_makes_no_rule_is_refused(make, error):
    with pytest.raises(error):
        make()


@pytest.mark.parametrize(
    ("field", "rules"),
    [("fail_when", diverged("loss")), ("fail_when", [no_improvement("x", 3)]), ("stop_when", [len]), ("stop_when", 3)],
)
def test_a_field_takes_a_list_of_its_kind(field, rules):
    with pytest.raises(SimulationError, match=f"{field} of the simulation must be a list of rules like"):
        check_rules(field, rules, "the simulation")


def test_a_batch_file_describes_rules():
    entries = [{"diverged": "loss", "bound": 3.0}, {"no_improvement": "r", "patience": 5, "mode": "max"}]
    assert rules_from(entries) == [diverged("loss", 3.0), no_improvement("r", 5, "max")]


@pytest.mark.parametrize("entry", [{}, {"diverge": "loss"}, {"diverged": "x", "patience": 3}, {"no_improvement": "x"}])
def test_an_entry_that_describes_no_rule_is_named(entry):
    with pytest.raises(SimManagerError):
        rules_from([entry])
