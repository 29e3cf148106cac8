"""Memory without being asked: what fits starts, the youngest gives way, what was killed beside others runs alone."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest
from toys import toy_sim
from trouble import wait_for

from simmanager import SimulationManager, read_status
from simmanager.base import usable_memory
from simmanager.base.usable_memory import out_of_memory_kills, resident_mb, usable_mb
from simmanager.dispatch import room as room_module
from simmanager.dispatch.room import RAN_OUT, RAN_SHORT, Room
from simmanager.dispatch.stop import Stop

#: Stands for the process id of a worker.
PID = 1


class Machine:
    """A machine whose memory the test decides."""

    def __init__(self, monkeypatch, usable=1000.0):
        self.usable, self.has, self.peaks, self.kills, self.said = usable, {}, {}, 0, []
        monkeypatch.setattr(room_module, "usable_mb", lambda ours=0.0: self.usable)
        monkeypatch.setattr(room_module, "resident_mb", lambda pid: self.has.get(pid, 0.0))
        monkeypatch.setattr(room_module, "peak_memory_mb", lambda pid: self.peaks.get(pid))
        monkeypatch.setattr(room_module, "out_of_memory_kills", lambda: self.kills)
        monkeypatch.setattr(room_module, "_LOOK_S", 0.0)

    def room(self):
        return Room(self.said.append)


@pytest.fixture
def machine(monkeypatch):
    return Machine(monkeypatch)


def test_what_is_known_to_fit_starts_and_what_does_not_waits(machine):
    room = machine.room()
    room.learn("big", 600.0)
    room.learn("small", 50.0)
    assert room.may_start("big", 8)
    room.begin("b/big/0", "big", 11)
    assert not room.may_start("big", 8), "400 MB are left when it has got what it needs"
    assert room.may_start("small", 8)
    assert machine.said == ["1 at a time instead of 8: a run of big needs 600 MB, 400 MB are free"]
    machine.has[11], machine.usable = 600.0, 400.0  # it has taken it: the same is left
    assert room.may_start("small", 8) and not room.may_start("big", 8)
    assert len(machine.said) == 1, "said once"
    room.end("b/big/0")
    assert room.may_start("big", 8)


def test_one_run_may_always_start(machine):
    room = machine.room()
    room.learn("huge", 1e6)
    assert room.may_start("huge", 8)


def test_the_largest_run_so_far_counts(machine):
    room = machine.room()
    machine.peaks[11] = 700.0
    room.begin("b/s/0", "s", 11)
    room.end("b/s/0")
    room.learn("s", 300.0)
    room.begin("b/s/1", "s", 12)
    assert not room.may_start("s", 8)


def test_unknown_runs_start_at_once_if_there_is_plenty(machine):
    machine.usable = 100_000.0
    room = machine.room()
    for number in range(8):
        assert room.may_start("s", 8)
        room.take(f"b/s/{number}", "s")


def test_where_memory_is_scarce_the_first_run_is_watched(machine, monkeypatch):
    room = machine.room()
    room.begin("b/s/0", "s", 11)
    assert not room.may_start("s", 8), "nothing is known of it yet"
    monkeypatch.setattr(room_module, "_WATCH_S", 0.0)
    machine.has[11], machine.usable = 200.0, 800.0
    assert room.may_start("s", 8), "half as much again as it has now is there"
    machine.has[11], machine.usable = 600.0, 400.0
    assert not room.may_start("s", 8)
    assert machine.said == [], "nothing is said of what is not known"


def test_as_many_again_start_as_have_been_watched(machine, monkeypatch):
    """1, 2, 4 and 8 runs, as long as half as much again as they have is there for each that has not been watched."""
    clock = [100.0]
    monkeypatch.setattr(room_module.time, "monotonic", lambda: clock[0])
    room, started, waves = machine.room(), 0, []
    for _ in range(5):
        while room.may_start("s", 99):
            room.begin(f"b/s/{started}", "s", 11 + started)
            room._running[f"b/s/{started}"].since = clock[0]
            machine.has[11 + started] = 20.0
            started += 1
        waves.append(started)
        machine.usable = 1000.0 - 20.0 * started
        clock[0] += 1.0
    assert waves == [1, 2, 4, 8, 16]


def test_an_unknown_simulation_is_thought_to_be_like_the_others(machine):
    room = machine.room()
    room.learn("known", 300.0)
    room.begin("b/known/0", "known", 11)
    assert room.may_start("new", 8)
    room.begin("b/new/0", "new", 12)
    room.begin("b/known/1", "known", 13)
    assert not room.may_start("another", 8)


def test_if_memory_runs_short_the_youngest_gives_way_one_at_a_time(machine):
    room = machine.room()
    for number in range(3):
        room.begin(f"b/s/{number}", "s", 11 + number)
        time.sleep(0.01)
    machine.usable = 31.0
    room.watch()
    assert [room.why_to_end(f"b/s/{number}") for number in range(3)] == ["", "", ""]
    machine.usable, machine.peaks[13] = 29.0, 450.0
    room.watch()
    room.watch()
    assert [room.why_to_end(f"b/s/{number}") for number in range(3)] == ["", "", RAN_SHORT]
    room.end("b/s/2")
    machine.usable = 500.0
    assert not room.may_start("s", 8), "it needs what it had when it was ended, at least"


def test_the_only_run_is_never_ended_for_others(machine):
    room = machine.room()
    room.begin("b/s/0", "s", 11)
    room.take("b/s/1", "s")  # it has no worker yet
    machine.usable = 0.0
    room.watch()
    assert room.why_to_end("b/s/0") == room.why_to_end("b/s/1") == ""


def test_a_kill_counts_as_the_systems_only_if_it_killed_and_others_were_there(machine):
    room = machine.room()
    room.begin("b/s/0", "s", 11)
    machine.kills = 1
    assert not room.has_run_out("b/s/0"), "it was alone"
    room.begin("b/s/1", "s", 12)
    assert room.has_run_out("b/s/0")
    room.watch()
    room.begin("b/s/2", "s", 13)
    assert not room.has_run_out("b/s/2"), "nothing was killed since it began"


def test_alone_means_that_nobody_else_begins(machine):
    room, order = machine.room(), []
    room.begin("b/s/0", "s", 11)

    def alone():
        with room.alone(Stop()):
            order.append("alone")
            room.begin("b/s/1", "s", 12)
            time.sleep(0.2)
            order.append("alone ends")
            room.end("b/s/1")

    def other():
        room.begin("b/s/2", "s", 13)
        order.append("other")

    first, second = threading.Thread(target=alone), threading.Thread(target=other)
    first.start()
    time.sleep(0.1)
    second.start()
    time.sleep(0.1)
    order.append("end")
    room.end("b/s/0")
    first.join(10)
    second.join(10)
    assert order == ["end", "alone", "alone ends", "other"]


def test_whoever_waits_hears_of_a_stop(machine):
    room, stop = machine.room(), Stop()
    room.learn("s", 900.0)
    room.begin("b/s/0", "s", 11)
    waiting = threading.Thread(target=room.wait_for, args=["s", stop])
    waiting.start()
    time.sleep(0.15)
    assert waiting.is_alive()
    stop.finish("test")
    waiting.join(5)
    assert not waiting.is_alive()


# Whole batches -----------------------------------------------------------------------------------------------------


def waiting_loop(agent, env, folder="."):
    """Note that it begins, and wait for the file ``gate``."""
    with Path(folder, "begun").open("a") as file:
        file.write("x")
    while not Path(folder, "gate").exists():
        time.sleep(0.01)
    return agent, env, {"x": [1.0]}


def dying_loop(agent, env, folder="."):
    """The first that begins is killed, as soon as another has begun; how many were at hand is noted."""
    number = len(os.listdir(folder))  # noqa: PTH208
    Path(folder, f"{number}-{os.getpid()}").touch()
    if number == 0:
        while len(os.listdir(folder)) < 2:  # noqa: PTH208
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.5)
    return agent, env, {"x": [1.0]}


def test_a_run_that_gives_way_is_executed_again_and_costs_no_retry(monkeypatch):
    usable = [10_000.0]
    monkeypatch.setattr(room_module, "usable_mb", lambda ours=0.0: usable[0])
    manager = SimulationManager([toy_sim("s", waiting_loop, folder=str(Path.cwd()))], 3, "b", seed=1)
    thread = threading.Thread(target=manager.run_all, args=[3], kwargs={"progress": False})
    thread.start()
    wait_for(lambda: Path("begun").exists() and len(Path("begun").read_text()) == 3, "three runs")
    usable[0] = 1.0
    wait_for(lambda: [run.reason for run in read_status("b").runs].count(RAN_SHORT) == 2, "two of them to give way")
    time.sleep(0.5)
    assert read_status("b").counts["running"] == 1, "the last one stays"
    usable[0] = 10_000.0
    wait_for(lambda: len(Path("begun").read_text()) == 5, "them to start again")
    Path("gate").touch()
    thread.join(60)
    assert read_status("b").all_finished
    assert sorted(run.attempt for run in read_status("b").runs) == [1, 2, 2]


def test_a_run_that_the_system_killed_beside_others_runs_again_alone(monkeypatch, tmp_path):
    (tmp_path / "begun").mkdir()
    monkeypatch.setattr(room_module, "out_of_memory_kills", lambda: int(any((tmp_path / "begun").iterdir())))
    manager = SimulationManager([toy_sim("s", dying_loop, folder=str(tmp_path / "begun"))], 3, "b", seed=1)
    assert manager.run_all(2, progress=False).all_finished
    (victim,) = [run for run in manager.status().runs if run.attempt == 2]
    assert RAN_OUT in Path(victim.path, "state.log").read_text()
    others = [run for run in manager.status().runs if run.path != victim.path]
    moves = Path(victim.path, "state.log").read_text().splitlines()
    begun = [line.split()[0] for line in moves if "\trunning" in line][-1]
    assert all(run.ended <= begun or run.started >= victim.ended for run in others), (begun, victim, others)


def test_a_kill_that_is_not_the_systems_is_an_error(tmp_path):
    (tmp_path / "begun").mkdir()
    manager = SimulationManager([toy_sim("s", dying_loop, folder=str(tmp_path / "begun"))], 3, "b", seed=1)
    manager.run_all(2, progress=False)
    assert manager.status().counts["error"] == 1


def test_what_earlier_runs_needed_is_known_to_the_next_manager(monkeypatch):
    monkeypatch.setattr(room_module, "usable_mb", lambda ours=0.0: 100.0)
    manager = SimulationManager([toy_sim("s")], 1, "b", seed=1)
    manager.run_all(2, progress=False)
    peak = manager.status().runs[0].peak_mb
    assert peak
    learned = []
    monkeypatch.setattr(Room, "learn", lambda self, name, peak_mb: learned.append((name, peak_mb)))
    manager.extend(2)
    manager.run_all(2, progress=False)
    assert learned[0] == ("s", peak)


# The system --------------------------------------------------------------------------------------------------------


def test_this_machine_tells():
    assert 0 < usable_mb() < 1e8
    assert resident_mb(os.getpid()) > 5 and resident_mb(2**22 + 1) == 0.0
    assert out_of_memory_kills() >= 0


def test_an_allocation_of_slurm_is_a_bound(monkeypatch):
    monkeypatch.setenv("SLURM_MEM_PER_NODE", "100")
    assert usable_mb(50.0) == pytest.approx(min(100 * 1.048576 - 50, usable_mb(50.0)))
    assert usable_mb(200.0) == 0.0


@pytest.mark.parametrize(
    ("own", "files", "expected"),
    [
        # Version 2: what is used without the cache of files; the group above has the smaller limit.
        (
            "0::/a/b\n",
            {
                "cgroup.controllers": "memory",
                "a/b/memory.max": "max",
                "a/b/memory.current": "1",
                "a/memory.max": "900000000",
                "a/memory.current": "500000000",
                "a/memory.stat": "anon 3\ninactive_file 100000000\n",
            },
            500.0,
        ),
        # Version 1, in a container, which does not see its own path.
        (
            "4:memory:/docker/1234\n0::/\n",
            {
                "memory/memory.limit_in_bytes": "2000000000",
                "memory/memory.usage_in_bytes": "1500000000",
                "memory/memory.stat": "total_inactive_file 200000000\n",
            },
            700.0,
        ),
        (
            "4:memory:/\n",
            {"memory/memory.limit_in_bytes": str(2**63 - 4096), "memory/memory.usage_in_bytes": "5"},
            None,
        ),
        ("4:memory:/\n", {}, None),
        ("", {}, None),
    ],
)
def test_limits_of_control_groups_are_read(tmp_path, monkeypatch, own, files, expected):
    read = usable_memory._read
    monkeypatch.setattr(usable_memory, "_GROUPS", tmp_path)
    monkeypatch.setattr(usable_memory, "_read", lambda path: own if path == Path("/proc/self/cgroup") else read(path))
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    found = [left for _, left in usable_memory._groups()]
    assert found == ([] if expected is None else [pytest.approx(expected)])
