"""Processors and GPUs are given to runs that declare them; what waits for a GPU is passed, nothing else is."""

from dataclasses import replace

import pytest

from simmanager import ParameterError
from simmanager.dispatch import allotment as allotment_module
from simmanager.dispatch import executor as executor_module
from simmanager.dispatch.allotment import Allotment, gpus_of, refuse_what_never_fits
from simmanager.dispatch.executor import Executor
from simmanager.dispatch.run_options import RunOptions
from simmanager.dispatch.run_queue import RunQueue
from simmanager.worker.task import Task

#: Two GPUs, as a user names them.
TWO_GPUS = [{"CUDA_VISIBLE_DEVICES": "0"}, {"CUDA_VISIBLE_DEVICES": "GPU-7f"}]


@pytest.fixture(autouse=True)
def four_cores(monkeypatch, tmp_path):
    """A machine of four cores and 16 GB without GPUs."""
    monkeypatch.setattr(allotment_module, "count_jobs", lambda jobs: 4)
    monkeypatch.setattr(allotment_module, "whole_memory_mb", lambda: 16_000.0)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(allotment_module, "_DEVICES", tmp_path)


def allotment_for(needs, slot_env=TWO_GPUS, said=None):
    allotment = Allotment([].append if said is None else said.append, slot_env)
    allotment.provide_for(needs, 4)
    return allotment


def test_runs_start_as_long_as_there_are_processors_for_them():
    said, needs = [], {"wide": {"cpus": 3}, "narrow": {}}
    allotment = allotment_for(needs, said=said)
    allotment.take("w/0", needs["wide"])
    assert allotment.lacks("wide", needs["wide"], 4) == "cpus"
    assert allotment.lacks("narrow", {}, 4) == ""
    allotment.take("n/0", {})
    assert allotment.lacks("narrow", {}, 4) == "cpus", "what declares nothing needs one"
    assert allotment.lacks("narrow", {}, 8) == "", "a user may want more at a time than there are cores"
    allotment.free("w/0")
    assert allotment.lacks("wide", needs["wide"], 4) == ""
    assert said == ["1 at a time instead of 4: a run of wide needs 3 of 4 processors"]


def test_a_run_that_needs_more_than_is_allowed_now_starts_when_it_is_alone():
    allotment = allotment_for({})
    assert allotment.lacks("wide", {"cpus": 6}, 4) == "", "the number at a time was lowered after the batch began"
    allotment.take("n/0", {})
    assert allotment.lacks("wide", {"cpus": 6}, 4) == "cpus"


def test_threads_are_those_that_are_declared():
    allotment = allotment_for({"wide": {"cpus": 3}})
    allotment.take("w/0", {"cpus": 3})
    environ = allotment.environ("w/0", {"cpus": 3})
    assert environ["OMP_NUM_THREADS"] == environ["MKL_NUM_THREADS"] == environ["LOKY_MAX_CPU_COUNT"] == "3"
    assert "CUDA_VISIBLE_DEVICES" not in environ, "no run of this batch declares GPUs: they stay as they are"
    assert allotment.environ("n/0", {}) == {}


def test_each_run_sees_its_gpus_and_no_other():
    needs = {"one": {"gpus": 1}, "none": {}, "both": {"gpus": 2}}
    allotment = allotment_for(needs)
    allotment.take("o/0", needs["one"])
    allotment.take("o/1", needs["one"])
    allotment.take("n/0", needs["none"])
    seen = [allotment.environ(folder, {})["CUDA_VISIBLE_DEVICES"] for folder in ("o/0", "o/1", "n/0")]
    assert seen == ["0", "GPU-7f", ""]
    assert allotment.lacks("one", needs["one"], 4) == "gpus"
    allotment.free("o/0")
    assert allotment.lacks("one", needs["one"], 4) == ""
    assert allotment.lacks("both", needs["both"], 4) == "gpus"
    allotment.free("o/1")
    allotment.take("b/0", needs["both"])
    assert allotment.environ("b/0", {})["CUDA_VISIBLE_DEVICES"] == "0,GPU-7f"


@pytest.mark.parametrize("share, fit", [(0.5, 2), (0.3, 3), (1 / 3, 3), (0.25, 4), (0.1, 10), (0.6, 1)])
def test_shares_fill_a_gpu_before_the_next_one(share, fit):
    needs = {"part": {"gpus": share}}
    allotment = allotment_for(needs)
    given = []
    while not allotment.lacks("part", needs["part"], 100) and len(given) < 100:
        allotment.take(f"p/{len(given)}", needs["part"])
        given.append(allotment.environ(f"p/{len(given)}", {})["CUDA_VISIBLE_DEVICES"])
        if len(given) == 4:  # else the processors are what is short
            allotment._cpus = 100
    allotment._cpus = 100
    assert given[: min(fit, 4)] == ["0"] * min(fit, 4)
    assert all(given.count(name) <= fit for name in ("0", "GPU-7f"))


def test_a_whole_gpu_is_no_sum_of_shares():
    needs = {"part": {"gpus": 0.5}, "whole": {"gpus": 1}}
    allotment = allotment_for(needs)
    allotment.take("p/0", needs["part"])
    allotment.take("w/0", needs["whole"])
    assert allotment.environ("w/0", {})["CUDA_VISIBLE_DEVICES"] == "GPU-7f"
    assert allotment.lacks("whole", needs["whole"], 4) == "gpus", "half of one is free"
    assert allotment.lacks("part", needs["part"], 4) == ""


@pytest.mark.parametrize(
    "needs, words",
    [
        ({"cpus": 5}, "it needs 5 processors, and there are 4 processors"),
        ({"gpus": 3}, "it needs 3 GPUs, and there are 2 GPUs"),
        ({"memory_mb": 20_000}, "it needs 20.0 GB, and there are 16.0 GB"),
    ],
)
def test_what_can_never_start_is_refused(needs, words):
    with pytest.raises(ParameterError, match=words):
        refuse_what_never_fits({"small": {}, "big": needs}, 4, TWO_GPUS)


def test_without_gpus_it_is_said_how_to_name_them():
    with pytest.raises(ParameterError, match=r"there are no GPUs; name those that runs may use, e\.g\. --gpus 0,1"):
        refuse_what_never_fits({"big": {"gpus": 0.5}}, 4, None)
    refuse_what_never_fits({"big": {"gpus": 0}}, 4, None)


def test_more_runs_at_a_time_than_cores_are_as_many_processors():
    refuse_what_never_fits({"big": {"cpus": 8}}, 8, None)


def test_gpus_are_those_that_the_user_names_then_those_of_the_session(monkeypatch, tmp_path):
    assert gpus_of(None) == []
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5")
    assert gpus_of(None) == ["2", "5"]
    assert gpus_of(TWO_GPUS) == ["0", "GPU-7f"]
    assert gpus_of([{"SEAT": "1"}]) == ["2", "5"], "whoever names something else names no GPU"
    for hidden, seen in (("-1", []), ("3,-1,4", ["3"]), ("NoDevFiles", ["NoDevFiles"]), (" 3 , 3", ["3"])):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
        assert gpus_of(None) == seen
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert gpus_of(None) == [], "they are hidden"
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    for name in ("nvidia2", "nvidia5", "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).touch()
    monkeypatch.setattr(allotment_module, "_DEVICES", tmp_path)
    assert gpus_of(None) == ["0", "1"], "CUDA counts those that a container sees from 0"


# The queue -----------------------------------------------------------------------------------------------------------


def executor_for(tasks, n_jobs=4):
    executor = Executor(n_jobs, RunOptions(slot_env=[{"CUDA_VISIBLE_DEVICES": "0"}]))
    executor.provide_for(tasks)
    return executor


def tasks_of(name, number, **needs):
    return [Task(f"/b/{name}/run_{run}_22-11-2026_14-15-33-591", "recipe", 0, needs=needs) for run in range(number)]


def test_what_waits_for_a_gpu_is_passed_by_what_needs_none():
    tasks = [*tasks_of("gpu", 3, gpus=1), *tasks_of("part", 1, gpus=0.5), *tasks_of("cpu", 2)]
    executor, queue = executor_for(tasks), RunQueue(tasks, {"gpu": 9.0, "part": 8.0, "cpu": 1.0}, slots=4)
    taken = [executor._what_fits(queue) for _ in range(4)]
    assert [[task.simulation_id for task in each] for each in taken] == [["gpu"], ["cpu"], ["cpu"], []]
    assert [task.environ["CUDA_VISIBLE_DEVICES"] for each in taken[:2] for task in each] == ["0", ""]
    executor._allotment.free(taken[0][0].folder)
    assert executor._what_fits(queue)[0].simulation_id == "gpu", "before the share, which would starve it"
    assert len(queue) == 2


def test_what_runs_elsewhere_is_waited_for_also_when_all_others_wait_for_its_gpu():
    orphan, *tasks = tasks_of("gpu", 3, gpus=1)
    executor = executor_for([orphan, *tasks])
    executor._allotment.take(orphan.folder, orphan.needs, ["0"])
    executor._orphans.add(orphan.folder)
    queue = RunQueue(tasks, {"gpu": 1.0}, [orphan], slots=4)
    taken = executor._what_fits(queue)
    assert [task.folder for task in taken] == [orphan.folder] and taken[0].environ["CUDA_VISIBLE_DEVICES"] == "0"
    assert executor._what_fits(queue) == []
    executor._allotment.free(orphan.folder)
    assert executor._what_fits(queue) == [replace(tasks[0], environ=taken[0].environ)]


def test_a_large_run_is_not_starved_by_small_ones():
    tasks = [*tasks_of("wide", 1, cpus=4), *tasks_of("narrow", 40)]
    executor, queue = executor_for(tasks), RunQueue(tasks, {"wide": 0.5, "narrow": 1.0}, slots=4)
    first = executor._what_fits(queue)[0]
    assert first.simulation_id == "narrow"
    assert executor._what_fits(queue) == [], "run 0 of wide is next: nothing starts until there is room for it"
    executor._allotment.free(first.folder)
    executor._room.end(first.folder)
    assert executor._what_fits(queue)[0].simulation_id == "wide"


def test_a_run_is_not_taken_whose_turn_came_only_after_the_look():
    """The user may put another simulation first between the look at what fits and the taking."""
    tasks = [*tasks_of("gpu", 2, gpus=1), *tasks_of("cpu", 2)]
    queue = RunQueue(tasks, {"gpu": 1.0, "cpu": 9.0})
    seen = queue.following()
    assert seen.simulation_id == "cpu"
    queue.first("gpu")
    assert queue.take(None, frozenset(), seen) == [] and len(queue) == 4
    assert queue.take(None, frozenset(), queue.following())[0].simulation_id == "gpu"


def test_where_gpus_are_declared_no_run_is_handed_over_with_others():
    tasks = [*tasks_of("gpu", 1, gpus=0), *tasks_of("short", 60)]
    executor, queue = executor_for(tasks, 1), RunQueue(tasks, {"gpu": 1e-4, "short": 1e-4})
    assert len(executor._what_fits(queue)) == 1
    others = Executor(1, RunOptions())
    others.provide_for(tasks_of("short", 60))
    assert len(others._what_fits(RunQueue(tasks_of("short", 60), {"short": 1e-4}))) > 1


def test_what_runs_elsewhere_and_declares_nothing_holds_nobody_up(monkeypatch):
    """It may hang for ever."""
    monkeypatch.setattr(executor_module, "running_at", lambda folder: pytest.fail("nobody asks"))
    orphans, tasks = tasks_of("orphan", 4), tasks_of("plain", 2)
    executor = executor_for([*orphans, *tasks])
    executor.count_orphans(orphans)
    queue = RunQueue(tasks, {"plain": 1.0}, orphans, slots=4)
    assert executor._what_fits(queue)[0].simulation_id == "plain"
