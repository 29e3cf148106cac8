"""Parameters on the command line: one value, or several for a sweep."""

import pytest
from toys import toy_sim

from simmanager.base.errors import ParameterError, ParameterTypeError, SimulationError, UnknownName
from simmanager.simulation.assignment import parse_values, set_parameter


class TakesAnything:
    def __init__(self, **params):
        self.params = params


@pytest.mark.parametrize(
    ("assignment", "group", "name", "value"),
    [
        ("agent_params.lr_td=0.001", "agent_params", "lr_td", 0.001),
        ("env_params.limits=[-6, 6]", "env_params", "limits", [-6, 6]),
        ("training_loop_params.n_steps=5", "training_loop_params", "n_steps", 5),
        ("agent_params.name=weird text", "agent_params", "name", "weird text"),
        ("agent_params.name='5'", "agent_params", "name", "5"),
        ("agent_params.flag=True", "agent_params", "flag", True),
        ("agent_params.nothing=None", "agent_params", "nothing", None),
        ("agent_params.formula=a=b", "agent_params", "formula", "a=b"),
        ("agent_params.empty=", "agent_params", "empty", ""),
        (" agent_params.spaced = 3 ", "agent_params", "spaced", 3),
    ],
)
def test_a_parameter_is_set_to_a_literal_or_else_a_text(assignment, group, name, value):
    sim = toy_sim().copy(agent_class=TakesAnything, env_class=TakesAnything)
    before = sim.fields
    set_parameter(sim, assignment)
    assert getattr(sim, group)[name] == value
    assert "gain" in sim.agent_params
    assert name not in before[group]


def test_a_parameter_can_be_set_where_there_were_none():
    sim = toy_sim().copy(agent_params=None)
    set_parameter(sim, "agent_params.gain=3")
    assert sim.agent_params == {"gain": 3}


@pytest.mark.parametrize(
    "assignment", ["", "x", "agent_params", "agent_params=3", "agent_params.=3", "gain=3", "=", ".=1"]
)
def test_an_assignment_of_another_form_is_refused(assignment):
    with pytest.raises(SimulationError, match="is not of the form"):
        set_parameter(toy_sim(), assignment)


def test_an_unknown_group_is_refused_with_the_nearest():
    with pytest.raises(UnknownName, match="Did you mean 'agent_params'"):
        set_parameter(toy_sim(), "agent_parms.gain=3")


@pytest.mark.parametrize(
    ("assignment", "near"),
    [("agent_params.gian=3", "Did you mean 'gain'"), ("training_loop_params.n_stesp=3", "Did you mean 'n_steps'")],
)
def test_a_parameter_that_nothing_takes_is_refused_with_the_nearest(assignment, near):
    sim = toy_sim()
    before = sim.fields
    with pytest.raises(UnknownName, match=near):
        set_parameter(sim, assignment)
    assert sim.fields == before


def test_a_parameter_in_a_dict_is_set_in_it_and_the_old_dict_stays():
    sim = toy_sim().copy(env_params={"room": {"width": 1.0, "depth": 2.0}})
    before = sim.env_params
    set_parameter(sim, "env_params.room.width=3")
    assert sim.env_params == {"room": {"width": 3, "depth": 2.0}}
    assert before == {"room": {"width": 1.0, "depth": 2.0}}


def test_a_parameter_in_what_is_no_dict_is_refused():
    with pytest.raises(ParameterTypeError, match=r"agent_params\.gain is no dict, it is 2\.0"):
        set_parameter(toy_sim(), "agent_params.gain.x=3")


@pytest.mark.parametrize(
    ("assignment", "values"),
    [
        ("agent_params.x=0.001,0.01", [0.001, 0.01]),
        ("agent_params.x=1e-3", [0.001]),
        ("agent_params.x= 1 , 2 ", [1, 2]),
        ("agent_params.x=True,None,text,'5'", [True, None, "text", "5"]),
        ("agent_params.x=[-6,6],[-8,8]", [[-6, 6], [-8, 8]]),
        ("agent_params.x={'a':1,'b':2},(1,2)", [{"a": 1, "b": 2}, (1, 2)]),
        ("agent_params.x='a,b',\"c]d\",e", ["a,b", "c]d", "e"]),
        ("agent_params.x=a=1,b=2", ["a=1", "b=2"]),
        ("agent_params.x=weird (text, here),5", ["weird (text, here)", 5]),
    ],
)
def test_values_are_parted_at_commas_outside_of_brackets_and_quotes(assignment, values):
    assert parse_values(assignment) == ("agent_params.x", values)


@pytest.mark.parametrize(
    "assignment", ["agent_params.x=", "agent_params.x=1,,2", "agent_params.x=1,", "agent_params.x"]
)
def test_values_that_are_missing_are_refused(assignment):
    with pytest.raises(SimulationError, match=r"lacks a value|is not of the form"):
        parse_values(assignment)


def test_values_of_an_unknown_group_are_refused_with_the_nearest():
    with pytest.raises(UnknownName, match="Did you mean 'env_params'"):
        parse_values("env_parms.x=1")


class Typed:
    def __init__(self, rate=0.1, count=3, flag=False, name="a", limits=(1, 2), what=None, free=..., **others):
        pass


VALUES = [
    ("flag", "true", True),
    ("flag", "FALSE", False),
    ("flag", "True", True),
    ("name", "true", "true"),
    ("name", "nan", "nan"),
    ("name", "1:2:0.1", "1:2:0.1"),
    ("what", "null", None),
    ("what", "none", None),
    ("rate", "None", None),
    ("rate", "inf", float("inf")),
    ("count", "-inf", float("-inf")),
    ("rate", "'auto'", "auto"),
    ("what", "auto", "auto"),
    ("other", "auto", "auto"),
    ("limits", "auto", "auto"),
    ("limits", "[1, 2]", [1, 2]),
]


@pytest.mark.parametrize(("name", "word", "value"), VALUES)
def test_a_word_is_read_by_what_the_parameter_is(name, word, value):
    sim = toy_sim().copy(agent_class=Typed, agent_params=None)
    set_parameter(sim, f"agent_params.{name}={word}")
    assert (sim.agent_params[name], type(sim.agent_params[name])) == (value, type(value))
    if "," not in word:
        assert parse_values(f"agent_params.{name}={word}", [sim])[1] == [value]


def test_nan_is_a_number_where_a_number_is_the_default():
    sim = toy_sim().copy(agent_class=Typed, agent_params=None)
    set_parameter(sim, "agent_params.rate=nan")
    assert sim.agent_params["rate"] != sim.agent_params["rate"]


REFUSED = [
    ("rate", "true", "it is 0.1 now, so it cannot be told what true is. Write True, or \"'true'\" for a text."),
    ("flag", "null", "it is False now, so it cannot be told what null is. Write None, or \"'null'\" for"),
    ("other", "false", "it has no default, so it cannot be told what false is. Write False, or \"'false'\" for"),
    ("what", "nan", "it is None now, so it cannot be told what nan is. Write a number that Python can write."),
    ("rate", "1:2:0.1", "ranges are not understood. Give the values one by one, agent_params.rate=V1,V2,V3."),
    ("other", "1..5", "ranges are not understood"),
    (
        "rate",
        "high",
        "and high is a text. If that is meant, quote it twice: agent_params.rate=\"'high'\".",
    ),
    ("rate", "0,1O", "it is 0.1 now, and 1O is a text"),
    ("flag", "yes", "it is False now, and yes is a text"),
    ("limits", "[a, b]", "this is no Python literal. Texts in it need quotes."),
]


@pytest.mark.parametrize(("name", "word", "reason"), REFUSED)
def test_a_text_never_lands_silently_where_something_else_is_meant(name, word, reason):
    sim = toy_sim().copy(agent_class=Typed, agent_params=None)
    with pytest.raises(ParameterError) as refused:
        parse_values(f"agent_params.{name}={word}", [sim])
    assert reason in str(refused.value)
    if not word.startswith("0,"):
        with pytest.raises(ParameterError) as refused:
            set_parameter(sim, f"agent_params.{name}={word}")
        assert reason in str(refused.value)


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("gain=1,2", "agent_params.gain"),
        ("n_step=1,2", "training_loop_params.n_steps"),
        ("start=1", "env_params.start"),
    ],
)
def test_a_parameter_without_its_group_is_found(word, meant):
    with pytest.raises(SimulationError, match=f"Did you mean {meant}\\?"):
        parse_values(word, [toy_sim()])
