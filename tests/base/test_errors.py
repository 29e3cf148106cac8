"""Every error: its base, the builtin a caller would catch, its message, and what it suggests."""

import pickle

import pytest

import simmanager
from simmanager.base import errors
from simmanager.base.errors import SimManagerError, hint, suggest, unknown
from simmanager.disk import locks
from simmanager.dispatch import executor, worker_process

pytestmark = pytest.mark.python_versions


def all_errors(base=SimManagerError):
    assert executor  # imported, so that its errors are defined
    for child in base.__subclasses__():
        yield child
        yield from all_errors(child)


ERRORS = sorted(set(all_errors()), key=lambda kind: kind.__name__)

BUILTINS = {
    "BatchBusy": RuntimeError,
    "BatchDamaged": OSError,
    "BatchExists": FileExistsError,
    "BatchNotFound": FileNotFoundError,
    "BatchNotWritable": OSError,
    "InvalidTransition": RuntimeError,
    "LockHeld": TimeoutError,
    "ParameterError": ValueError,
    "ParameterTypeError": TypeError,
    "PartNotSaved": AttributeError,
    "RecipeError": TypeError,
    "ResultsMissing": FileNotFoundError,
    "SimulationError": ValueError,
    "UnknownName": KeyError,
    "UnsafeName": ValueError,
    "WorkerLost": RuntimeError,
}

each_error = pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)


def test_every_error_that_exists_is_looked_at():
    assert {kind.__name__ for kind in ERRORS} >= set(BUILTINS)
    assert {worker_process.WorkerLost, locks.LockHeld} <= set(ERRORS)


@each_error
def test_an_error_is_of_the_one_base_and_a_builtin(kind):
    assert issubclass(kind, SimManagerError)
    builtin = BUILTINS.get(kind.__name__, Exception)
    assert issubclass(kind, builtin)
    assert any(base.__module__ == "builtins" and base not in (Exception, object) for base in kind.__mro__[1:-3])


@each_error
def test_an_error_shows_its_plain_message_not_its_repr(kind):
    assert str(kind("There is no 'x'.\nDo y.")) == "There is no 'x'.\nDo y."
    assert str(kind()) == ""


@each_error
def test_an_error_survives_pickling_with_its_message(kind):
    again = pickle.loads(pickle.dumps(kind("what to do next")))
    assert type(again) is kind
    assert str(again) == "what to do next"
    assert again.args == ("what to do next",)


@each_error
def test_an_error_has_a_docstring_of_its_own(kind):
    assert kind.__doc__
    assert kind.__doc__ != SimManagerError.__doc__


def test_errors_that_a_user_may_catch_are_exported_at_the_top():
    public = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, SimManagerError) and name != "InvalidTransition"
    }
    assert public <= set(simmanager.__all__)


@pytest.mark.parametrize(
    ("given", "known", "expected"),
    [
        ("exc_eta", ["etaexc", "etainh", "sigma_exc"], "etaexc"),
        ("etaex", ["etaexc", "etainh"], "etaexc"),
        ("LR_TD", ["lr_td", "discount"], "lr_td"),
        ("n_step", ["n_steps", "t_episode"], "n_steps"),
        ("Agent_params", ["agent_params", "env_params"], "agent_params"),
    ],
)
def test_a_near_name_is_suggested(given, known, expected):
    assert suggest(given, known) == f" Did you mean {expected!r}?"


@pytest.mark.parametrize("known", [[], ["something", "else"], iter(())])
def test_nothing_is_suggested_when_nothing_is_near(known):
    assert suggest("xyz", known) == ""


def test_the_nearest_of_many_is_suggested():
    assert suggest("run_10", ["run_1", "run_100", "walk_10"]) == " Did you mean 'run_100'?"


def test_an_unknown_name_is_told_with_the_nearest_and_all_that_there_are():
    wanted = "No simulation 'frist'. Did you mean 'first'? There are: first, other."
    assert unknown("No simulation", "frist", ("first", "other")) == wanted
    assert unknown("No simulation", 7, iter(["first"])) == "No simulation 7. There are: first."
    assert unknown("No map", "x", []) == "No map 'x'. There are none."
    assert unknown("f has no parameter", "b", ["a"], "It takes") == "f has no parameter 'b'. It takes: a."
    assert hint("frist", ["first"]) == " Did you mean 'first'? There are: first."
