"""Runs that are copies of each other are told at the end of the batch."""

import itertools
import random

import pytest
from toys import toy_sim

from simmanager import OneShot, SimulationManager
from simmanager.dispatch import copies


def always_the_same(n=3):
    return {"y": list(range(n))}


def with_its_own_generator(n=3):
    return {"y": [random.Random(5).random() for _ in range(n)]}


def seeded(seed):
    return {"y": [1.0, seed]}


def run(*simulations, runs=3, **options):
    SimulationManager(list(simulations), runs, "batch", seed=1).run_all(1, **options)


@pytest.mark.parametrize("function", [always_the_same, with_its_own_generator])
def test_identical_runs_are_told(function, capsys):
    run(OneShot(function, {}, "f"), OneShot(seeded, {}, "g"), toy_sim("h"))
    assert "note: all 3 runs of f are identical: nothing in it is random" in (printed := capsys.readouterr().out)
    assert printed.count("are identical") == 1


def empty_loop(agent, env):
    return agent, env, {}


@pytest.mark.parametrize(
    ("simulation", "runs"),
    [(OneShot(seeded, {}, "f"), 3), (OneShot(always_the_same, {}, "f"), 1), (toy_sim("f", empty_loop), 3)],
)
def test_runs_that_differ_one_run_and_runs_without_a_history_are_not_told(simulation, runs, capsys):
    run(simulation, runs=runs)
    assert "are identical" not in capsys.readouterr().out


def test_who_wants_to_see_nothing_is_told_nothing(capsys):
    run(OneShot(always_the_same, {}, "f"), progress=False)
    assert capsys.readouterr().out == ""


def test_of_many_simulations_some_are_named(capsys):
    run(*(OneShot(always_the_same, {"n": n}, f"f{n}") for n in range(1, 8)), runs=2)
    printed = capsys.readouterr().out
    assert (printed.count("are identical"), "so are those of 2 more simulations" in printed) == (5, True)


def test_runs_that_differ_cost_the_reading_of_two(monkeypatch):
    run(OneShot(seeded, {}, "f"), runs=5, progress=False)
    compared = itertools.count()
    same = copies._same_bytes
    monkeypatch.setattr(copies, "_same_bytes", lambda *files: [next(compared), same(*files)][1])
    status = SimulationManager(existing_simulation="batch").status()
    assert copies.copies_in_words(status.runs, ["f"]) == []
    assert next(compared) == 1
