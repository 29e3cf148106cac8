"""Longest first."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from simmanager.run_queue import RunQueue
from simmanager.task import Outcome, Task


def task(simulation: str, run_id: int) -> Task:
    return Task(f"/batch/{simulation}/run_{run_id}", "", 0)


def tasks(**numbers: int) -> list[Task]:
    return [task(name, run_id) for name, number in numbers.items() for run_id in range(number)]


def names(queue) -> list[str]:
    return [task.folder.split("/")[2] for task in queue]


def test_the_longest_simulation_comes_first():
    assert names(RunQueue(tasks(a=2, b=2, c=1), {"a": 1.0, "b": 9.0, "c": 5.0})) == ["b", "b", "c", "a", "a"]


def test_one_run_of_each_unknown_simulation_comes_early_then_unknown_ones_count_as_long():
    assert names(RunQueue(tasks(a=2, b=2, c=2), {"b": 9.0})) == ["a", "c", "a", "c", "b", "b"]


def test_what_is_learned_on_the_way_changes_the_order():
    queue = RunQueue(tasks(a=3, b=3), {})
    taken = iter(queue)
    first, second = next(taken), next(taken)
    queue.learn(first, Outcome("finished", executed=True, duration_s=1.0))
    queue.learn(second, Outcome("finished", executed=True, duration_s=5.0))
    assert names(taken) == ["b", "b", "a", "a"]


def test_failed_runs_teach_nothing():
    queue = RunQueue(tasks(a=3, b=2), {"b": 1.0})
    taken = iter(queue)
    queue.learn(next(taken), Outcome("error", executed=True, duration_s=0.1))
    assert names(taken) == ["a", "a", "b", "b"]


def test_runs_that_somebody_else_executes_come_last():
    assert names(RunQueue(tasks(a=1), {}, tasks(z=1))) == ["a", "z"]


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 4), min_size=1),
    st.dictionaries(st.sampled_from("abcdef"), st.floats(0, 10)),
)
def test_every_task_is_taken_once_and_those_of_a_simulation_in_order(numbers, durations):
    queue = RunQueue(tasks(**numbers), durations)
    assert len(queue) == sum(numbers.values())
    taken = [task.folder for task in queue]
    assert sorted(taken) == sorted(task.folder for task in tasks(**numbers))
    for name in numbers:
        of_it = [folder for folder in taken if folder.startswith(f"/batch/{name}/")]
        assert of_it == sorted(of_it)
    assert len(queue) == 0
