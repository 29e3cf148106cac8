"""Longest first."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from simmanager.dispatch.run_queue import AT_ONCE, SHORT_S, UNKNOWN_AT_ONCE, RunQueue
from simmanager.worker.task import Outcome, Task


def task(simulation: str, run_id: int) -> Task:
    return Task(f"/batch/{simulation}/run_{run_id}", "", 0)


def tasks(**numbers: int) -> list[Task]:
    return [task(name, run_id) for name, number in numbers.items() for run_id in range(number)]


def taken_from(queue: RunQueue, takers: int | None = None) -> list[list[Task]]:
    return list(iter(lambda: queue.take(takers), []))


def names(queue: RunQueue) -> list[str]:
    return [task.folder.split("/")[2] for (task,) in taken_from(queue)]


def test_the_longest_simulation_comes_first():
    assert names(RunQueue(tasks(a=2, b=2, c=1), {"a": 1.0, "b": 9.0, "c": 5.0})) == ["b", "b", "c", "a", "a"]


def test_one_run_of_each_unknown_simulation_comes_early_then_unknown_ones_count_as_long():
    assert names(RunQueue(tasks(a=2, b=2, c=2), {"b": 9.0})) == ["a", "c", "a", "c", "b", "b"]


def test_what_is_learned_on_the_way_changes_the_order():
    queue = RunQueue(tasks(a=3, b=3), {})
    (first,), (second,) = queue.take(), queue.take()
    queue.learn(first, Outcome("finished", executed=True, duration_s=1.0))
    queue.learn(second, Outcome("finished", executed=True, duration_s=5.0))
    assert names(queue) == ["b", "b", "a", "a"]


def test_failed_runs_teach_nothing():
    queue = RunQueue(tasks(a=3, b=2), {"b": 1.0})
    queue.learn(queue.take()[0], Outcome("error", executed=True, duration_s=0.1))
    assert names(queue) == ["a", "a", "b", "b"]


def test_runs_that_somebody_else_executes_come_last():
    assert names(RunQueue(tasks(a=1), {}, tasks(z=1))) == ["a", "z"]


@settings(deadline=None)  # no time is tested
@given(
    st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 40), min_size=1),
    st.dictionaries(st.sampled_from("abcdef"), st.floats(0, 2 * SHORT_S)),
    st.sampled_from([None, 1, 3]),
)
def test_every_task_is_taken_once_and_those_of_a_simulation_in_order(numbers, durations, takers):
    queue = RunQueue(tasks(**numbers), durations)
    assert len(queue) == sum(numbers.values())
    taken = [task.folder for tasks in taken_from(queue, takers) for task in tasks]
    assert sorted(taken) == sorted(task.folder for task in tasks(**numbers))
    for name in numbers:
        of_it = [folder for folder in taken if folder.startswith(f"/batch/{name}/")]
        assert of_it == [task.folder for task in tasks(**{name: numbers[name]})]
    assert len(queue) == 0


def test_short_runs_are_taken_several_at_a_time_but_none_is_kept_from_other_slots():
    queue = RunQueue(tasks(a=100, b=3), {"a": SHORT_S / 2, "b": 1.0})
    sizes = [len(taken) for taken in taken_from(queue, takers=2)]
    assert sizes[:3] == [1, 1, 1]  # b is long
    assert max(sizes) > 10
    assert max(sizes) <= AT_ONCE + 1
    assert sizes[-3:] == [1, 1, 1]
    assert sum(sizes) == 103


def test_short_runs_of_several_simulations_are_taken_together_and_no_long_one_with_them():
    queue = RunQueue(
        tasks(**{f"s{n}": 1 for n in range(80)}, long=3), {"long": 1.0} | {f"s{n}": SHORT_S / 2 for n in range(80)}
    )
    taken = taken_from(queue, takers=2)
    assert [[task.simulation_id for task in each] for each in taken[:3]] == [["long"]] * 3
    assert max(map(len, taken)) == 80 // 4 and len(taken) < 30
    assert [task.simulation_id for each in taken[3:] for task in each] == [f"s{n}" for n in range(80)]


def test_unknown_simulations_are_taken_together_once_many_runs_in_a_row_were_short():
    queue, sizes = RunQueue(tasks(**{f"s{n}": 1 for n in range(200)}), {}), []
    while taken := queue.take(2):
        sizes.append(len(taken))
        for each in taken:
            queue.learn(each, Outcome("finished", executed=True, duration_s=1.0 if len(sizes) == 20 else SHORT_S / 9))
    assert sizes[:9] == [1] * 9, "that they are short has to be seen first"
    assert set(sizes[9:20]) == {UNKNOWN_AT_ONCE + 1}
    assert set(sizes[20:50]) == {1}, "after a long one each is taken alone"
    assert sizes[-4:] == [1] * 4


def test_after_a_long_run_they_are_taken_alone_until_many_short_ones_have_followed():
    queue = RunQueue(tasks(a=200), {"a": SHORT_S / 2})
    first = queue.take(1)
    assert len(first) > 1
    queue.learn(first[0], Outcome("finished", executed=True, duration_s=SHORT_S * 2))
    sizes = []
    for _ in range(10):
        taken = queue.take(1)
        sizes.append(len(taken))
        queue.learn(taken[0], Outcome("finished", executed=True, duration_s=SHORT_S / 10))
    assert sizes[:5] == [1] * 5
    assert sizes[-1] > 1


def test_unknown_runs_and_those_of_others_are_taken_alone():
    queue = RunQueue(tasks(a=9), {}, tasks(z=9))
    assert [len(taken) for taken in taken_from(queue, takers=1)] == [1] * 18
