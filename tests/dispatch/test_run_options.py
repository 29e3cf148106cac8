"""The options of run_all: what each takes, units, and what follows from saying an option once."""

import inspect
import pickle
from dataclasses import fields

import pytest

from simmanager import ParameterError, ParameterTypeError, RunOptions, SimulationManager
from simmanager.dispatch.option import FLAG, TIME, Option
from simmanager.dispatch.run_options import OPTIONS, check_options

GIB = 2**30 / 1e6

pytestmark = pytest.mark.python_versions


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (90, 90),
        (1e-9, 1e-9),
        ("90s", 90),
        ("1.5 h", 5400),
        ("10m", 600),
        ("10min", 600),
        ("2H", 7200),
        ("1d", 86_400),
        (" 1e3s ", 1000),
        (".5m", 30),
    ],
)
def test_a_time_is_a_number_of_seconds_or_a_text_with_a_unit(given, seconds):
    assert RunOptions(timeout=given).timeout == seconds
    assert RunOptions(checkpoint_every_s=given).checkpoint_every_s == seconds


@pytest.mark.parametrize(
    ("given", "megabytes"),
    [(500, 500), ("500MB", 500), ("3GB", 3000), ("3 gb", 3000), ("2GiB", 2 * GIB), ("1TB", 1e6)],
)
def test_a_memory_is_a_number_of_megabytes_or_a_text_with_a_unit(given, megabytes):
    assert RunOptions(memory_limit_mb=given).memory_limit_mb == megabytes


@pytest.mark.parametrize("given", ["", "m", "10q", "10 m 3 s", "1:30", "nan", "inf", "ten", "3GB", "10m\n5", "١٠m"])
def test_a_text_that_is_no_time_is_refused_with_what_is_allowed(given):
    with pytest.raises(ParameterError, match=r"timeout must be a number of seconds, or one with a unit, e\.g\. 90s"):
        RunOptions(timeout=given)


@pytest.mark.parametrize("given", ["3G", "10m", "3 pounds", "3KB"])
def test_a_text_that_is_no_memory_is_refused_with_what_is_allowed(given):
    with pytest.raises(ParameterError, match=f"memory_limit_mb must be .* 500MB, 3GB, 2GiB; not '{given}'"):
        RunOptions(memory_limit_mb=given)


@pytest.mark.parametrize("given", [0, -1, "0", "-5m", "1e999", float("nan"), True, [1], b"10m"])
def test_a_time_that_makes_no_sense_is_refused(given):
    with pytest.raises(ParameterError, match="timeout must be"):
        RunOptions(timeout=given)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"retries": "3"}, "retries must be a whole number, not '3'"),
        ({"retries": None}, "retries must be a whole number, not None"),
        ({"threads_per_run": 0}, "threads_per_run must be at least 1"),
        ({"retry_errors": 1}, "retry_errors must be True or False"),
        ({"durable": "yes"}, "durable must be True or False"),
        ({"fail_fast": 0}, "fail_fast must be at least 1"),
        ({"fail_fast": 1.5}, "fail_fast must be a whole number"),
        ({"on_event": "mail"}, "on_event must be a function of one event, not 'mail'"),
        ({"backend": "slurm"}, "backend must be one of local, dask, not 'slurm'"),
        ({"backend": ["dask"]}, "backend must be one of local, dask"),
        ({"backend": "dask", "address": 8786}, "address must be a text, not 8786"),
        ({"address": "tcp://x:1"}, 'give backend="dask", too'),
    ],
)
def test_each_option_is_checked(options, said):
    with pytest.raises(ParameterError, match=said):
        check_options(options)


def test_an_option_that_does_not_exist_is_refused_with_those_that_do():
    with pytest.raises(ParameterTypeError, match=r"no option 'timeuot'\. Did you mean 'timeout'") as caught:
        check_options({"timeuot": 3})
    assert all(name in str(caught.value) for name in OPTIONS)


def test_the_defaults_are_allowed_and_what_was_checked_is_pickled():
    assert RunOptions() == RunOptions(**{each.name: each.default for each in fields(RunOptions)})
    assert check_options({}) == RunOptions()
    options = RunOptions(timeout="1h", fail_fast=True, slot_env=[{"A": "1"}])
    assert pickle.loads(pickle.dumps(options)) == options
    assert options.timeout == 3600.0


# What follows from saying it once --------------------------------------------------------------------------------


def test_each_option_says_what_it_is():
    assert list(OPTIONS) == ["n_jobs", *(each.name for each in fields(RunOptions))]
    for each in fields(RunOptions):
        said = OPTIONS[each.name]
        assert (said.default, said.kind.check) == (each.default, each.metadata["option"].kind.check)
        assert said.help[0].islower() or said.help.startswith("GPUs")
        assert not said.help.endswith(".")
    flags = [said.flag for said in OPTIONS.values() if said.flag]
    assert len(set(flags)) == len(flags)
    assert {name for name, said in OPTIONS.items() if not said.flag} == {"on_event", "backend"}


def test_help_tells_about_every_option():
    told = inspect.getdoc(RunOptions)
    for name, said in OPTIONS.items():
        if name != "n_jobs":
            assert f"\n{name} : " in told
            assert name in inspect.getdoc(SimulationManager.run_all)
        if said.flag and name != "n_jobs":
            assert f"``{said.usage}``" in " ".join(told.split())
    assert (
        "timeout : float | None, default None\n    End a run so long after its own start: a number of seconds" in told
    )
    assert max(map(len, told.splitlines())) <= 120
    assert "{options}" not in SimulationManager.run_all.__doc__


def test_what_an_option_says_makes_its_help_and_its_docs():
    said = Option(None, TIME, "wait before each run", flag="--wait", otherwise="not at all")
    assert said.usage == "--wait TIME"
    assert said.words == f"wait before each run: {TIME.allowed} (default: not at all)"
    first, *lines = said.entry("wait", "float | None").splitlines()
    assert first == "wait : float | None, default None"
    assert all(line.startswith("    ") for line in lines)
    assert " ".join(map(str.strip, lines)) == f"W{said.words[1:]}. On the command line ``--wait TIME``."
    assert (
        Option(False, FLAG, "be loud", doc="Be loud!").entry("loud", "bool")
        == "loud : bool, default False\n    Be loud!"
    )


def test_a_bare_number_is_a_word_of_the_command_line_alone():
    """In Python ``timeout="1"`` is a mistake: a number was meant, or a unit forgotten."""
    assert OPTIONS["timeout"].kind.read("90") == 90
    assert OPTIONS["memory_limit_mb"].kind.read("500") == 500
    for name in ("timeout", "memory_limit_mb"):
        with pytest.raises(ParameterError, match=f"{name} must be a number of"):
            OPTIONS[name].checked(name, "1")
