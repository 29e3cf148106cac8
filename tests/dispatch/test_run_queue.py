"""By rounds, within a round longest first; at the end longest first."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from simmanager.dispatch.run_queue import AT_ONCE, SHORT_S, UNKNOWN_AT_ONCE, RunQueue
from simmanager.worker.task import Outcome, Task


def task(simulation: str, run_id: int) -> Task:
    return Task(f"/batch/{simulation}/run_{run_id}_22-11-2026_14-15-33-591", "", 0)


def tasks(**numbers: int) -> list[Task]:
    return [task(name, run_id) for name, number in numbers.items() for run_id in range(number)]


def taken_from(queue: RunQueue, takers: int | None = None) -> list[list[Task]]:
    return list(iter(lambda: queue.take(takers), []))


def names(queue: RunQueue) -> list[str]:
    return [task.folder.split("/")[2] for (task,) in taken_from(queue)]


def test_run_0_of_every_simulation_comes_before_run_1_and_the_longest_first_within_a_round():
    assert names(RunQueue(tasks(a=2, b=2, c=1), {"a": 1.0, "b": 9.0, "c": 5.0})) == ["b", "c", "a", "b", "a"]


def test_a_round_is_a_run_id_not_a_place_in_the_queue():
    waiting = [*tasks(a=6)[4:], *tasks(b=6)]  # the first four of a have finished before
    assert names(RunQueue(waiting, {"a": 9.0, "b": 1.0})) == [*"bbbb", *"abab"]


def test_one_run_of_each_unknown_simulation_comes_early_then_unknown_ones_count_as_long():
    assert names(RunQueue(tasks(a=2, b=2, c=2), {"b": 9.0})) == ["a", "c", "b", "a", "c", "b"]


def makespan(order: list[str], lengths: dict[str, float], slots: int) -> float:
    ends = [0.0] * slots
    for name in order:
        at = ends.index(min(ends))
        ends[at] += lengths[name]
    return max(ends)


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.floats(0.1, 50.0), min_size=1),
    st.integers(1, 12),
    st.integers(2, 4),
)
def test_rounds_cost_less_than_one_longest_run_in_ten(lengths, runs, slots):
    """Against the bound that no order can beat: all slots at work all the time, or one run after the other."""
    order = names(RunQueue(tasks(**dict.fromkeys(lengths, runs)), lengths, slots=slots))
    least = max(runs * sum(lengths.values()) / slots, max(lengths.values()))
    longest_first = makespan(sorted(order, key=lambda name: -lengths[name]), lengths, slots)
    assert makespan(order, lengths, slots) <= max(1.1 * longest_first, least + 0.1 * max(lengths.values()))


def test_the_last_rounds_are_longest_first_and_the_first_are_not():
    lengths = {"a": 1.0, "b": 10.0}
    order = names(RunQueue(tasks(a=21, b=21), lengths, slots=2))
    assert order[:31] == [*"ba" * 15, "b"], "56 s are left; 60 s are three of the longest runs with both slots at work"
    assert order[31:] == [*"bbbbb", *"aaaaaa"]
    assert makespan(order, lengths, 2) < 1.02 * 231 / 2 < makespan(["b", "a"] * 21, lengths, 2)


def test_runs_of_nearly_the_same_length_come_by_rounds_to_the_end():
    order = RunQueue(tasks(a=4, b=4, c=4), {"a": 1.0, "b": 1.05, "c": 0.97}, slots=2)
    assert [task.run_id for (task,) in taken_from(order)] == [n for n in range(4) for _ in range(3)]


def test_while_a_simulation_is_unknown_the_rounds_go_on():
    assert names(RunQueue(tasks(a=2, b=4), {"a": 1.0}, slots=2)) == ["b", "a", "b", "a", "b", "b"]


def test_what_is_learned_on_the_way_changes_the_order():
    queue = RunQueue(tasks(a=3, b=3), {})
    (first,), (second,) = queue.take(), queue.take()
    queue.learn(first, Outcome("finished", executed=True, duration_s=1.0))
    queue.learn(second, Outcome("finished", executed=True, duration_s=5.0))
    assert names(queue) == ["b", "a", "b", "a"]


def test_failed_runs_teach_nothing():
    queue = RunQueue(tasks(a=3, b=2), {"b": 1.0})
    queue.learn(queue.take()[0], Outcome("error", executed=True, duration_s=0.1))
    assert names(queue) == ["b", "a", "b", "a"], "run 0 of b comes before run 1 of a, which counts as long"


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
    short = [f"s{n}" for n in range(80)]
    durations = {"long": 1.0} | dict.fromkeys(short, SHORT_S / 2)
    queue = RunQueue(tasks(**dict.fromkeys(short, 1), long=3), durations, slots=2)
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
