"""Locks: seen from a real second process, freed by its death, undisturbed by those who look."""

import fcntl
import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest
from toys import python

from simmanager.disk import locks
from simmanager.disk.locks import (
    Holder,
    LockHeld,
    holders,
    is_held,
    network_file_system,
    take_batch_lock,
    take_lock,
    who_holds,
)

HOLD = """
import sys
from simmanager.disk import locks
lock = getattr(locks, sys.argv[2])(sys.argv[1], timeout=5)
print("held", flush=True)
sys.stdin.read()
lock.release()
print("free", flush=True)
"""


both = pytest.mark.parametrize("take", [take_lock, take_batch_lock], ids=["of a run", "of a batch"])


@contextmanager
def held_by_another_process(path, take):
    command = [sys.executable, "-c", HOLD, str(path), take.__name__]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        try:
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


@both
def test_a_lock_that_another_process_holds_is_seen_and_cannot_be_taken(take, tmp_path):
    path = tmp_path / "x.lock"
    with held_by_another_process(path, take) as process:
        assert is_held(path)
        assert holders(path) == [Holder(process.pid, looks=False)]
        assert re.fullmatch(rf"process {process.pid} \(.*python.*\)", who_holds(path))
        with pytest.raises(LockHeld, match=r"x\.lock is held by another process"):
            take(path, timeout=0)
        process.stdin.close()
        assert process.stdout.readline() == "free\n"
        assert not is_held(path)
        take(path, timeout=0).release()


@both
def test_a_killed_process_holds_nothing_any_more(take, tmp_path):
    path = tmp_path / "x.lock"
    with held_by_another_process(path, take) as process:
        process.kill()
        process.wait()
        assert path.exists()
        assert not is_held(path)
        take(path, timeout=0).release()


@both
def test_a_lock_of_this_process_is_seen_too(take, tmp_path):
    lock = take(tmp_path / "x.lock", timeout=0)
    assert is_held(tmp_path / "x.lock")
    lock.release()
    assert not is_held(tmp_path / "x.lock")


def test_those_who_look_do_not_take_each_other_for_a_holder(tmp_path):
    import fcntl

    path = tmp_path / "x.lock"
    path.touch()
    with path.open() as another_who_looks:
        fcntl.flock(another_who_looks, fcntl.LOCK_SH)
        assert not is_held(path)
        assert holders(path) == [Holder(os.getpid(), looks=True)]


def test_where_the_system_does_not_tell_who_holds_a_lock_that_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "_mount_of", lambda path: ("", "", ""))
    lock = take_lock(tmp_path / "x.lock", timeout=0)
    assert holders(tmp_path / "x.lock") == []
    assert who_holds(tmp_path / "x.lock") == "a process that this system does not name"
    lock.release()


@both
def test_a_taker_waits_for_somebody_who_only_looks(take, tmp_path):
    import fcntl
    import threading

    path = tmp_path / "x.lock"
    path.touch()
    with path.open() as looker:
        fcntl.flock(looker, fcntl.LOCK_SH)
        taken = threading.Event()

        def wait_for_it():
            lock = take(path, timeout=10)
            taken.set()
            lock.release()

        thread = threading.Thread(target=wait_for_it)
        thread.start()
        assert not taken.is_set()
        fcntl.flock(looker, fcntl.LOCK_UN)
        assert taken.wait(10)
        thread.join()


@both
def test_releasing_leaves_the_file_for_those_who_wait(take, tmp_path):
    take(tmp_path / "x.lock", timeout=0).release()
    assert (tmp_path / "x.lock").exists()


def test_looking_makes_no_file(tmp_path):
    assert not is_held(tmp_path / "x.lock")
    assert list(tmp_path.iterdir()) == []


@both
def test_a_lock_taken_in_one_thread_can_be_released_in_another(take, tmp_path):
    import threading

    locks = []
    thread = threading.Thread(target=lambda: locks.append(take(tmp_path / "x.lock", timeout=0)))
    thread.start()
    thread.join()
    assert is_held(tmp_path / "x.lock")
    locks[0].release()
    assert not is_held(tmp_path / "x.lock")


@both
def test_a_lock_where_no_file_can_be_made_is_an_os_error(take, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        take(tmp_path / "file" / "x.lock", timeout=0)
    with pytest.raises(OSError, match="folder"):
        (tmp_path / "folder").mkdir()
        take(tmp_path / "folder", timeout=0)


@pytest.mark.parametrize("first, second", [(take_lock, take_batch_lock), (take_batch_lock, take_lock)])
def test_the_lock_of_a_run_and_that_of_filelock_are_the_same_kernel_lock_and_exclude_each_other(
    tmp_path, first, second
):
    path = tmp_path / "x.lock"
    held = first(path, timeout=0)
    with pytest.raises(LockHeld):
        second(path, timeout=0)
    held.release()
    second(path, timeout=0).release()


def test_the_lock_of_a_batch_is_taken_with_filelock_and_never_with_another_kind_of_lock(tmp_path):
    import filelock

    lock = take_batch_lock(tmp_path / "x.lock", timeout=0)
    assert isinstance(lock, filelock.FileLock)
    with pytest.raises(filelock.Timeout):
        filelock.FileLock(tmp_path / "x.lock").acquire(timeout=0)
    lock.release()
    assert [path.name for path in tmp_path.iterdir()] == ["x.lock"]


@both
def test_a_forked_child_neither_keeps_the_lock_nor_frees_it(take, tmp_path):
    path = tmp_path / "x.lock"
    lock = take(path, timeout=0)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        lock.release()  # nothing to free here
        os.write(writing, b"1" if is_held(path) else b"0")
        signal.pause()
    try:
        assert os.read(reading, 1) == b"1"
        assert is_held(path)
        lock.release()
        assert not is_held(path)  # while the child lives
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reading)
        os.close(writing)


def test_a_program_that_closes_the_first_few_hundred_descriptors_keeps_its_lock(tmp_path):
    program = (
        "import os, sys\nfrom simmanager.disk.locks import is_held, take_lock\n"
        "lock = take_lock(sys.argv[1], 0)\nos.closerange(3, 512)\nprint(is_held(sys.argv[1]))\n"
        "lock.release()\nprint(is_held(sys.argv[1]))"
    )
    done = python(program, tmp_path / "x.lock")
    assert (done.returncode, done.stdout.split()) == (0, ["True", "False"]), done.stderr


def test_where_few_descriptors_are_allowed_a_lock_has_a_low_one(tmp_path):
    program = (
        "import resource, sys\nfrom simmanager.disk.locks import is_held, take_lock\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))\n"
        "lock = take_lock(sys.argv[1], 0)\nprint(is_held(sys.argv[1]))"
    )
    done = python(program, tmp_path / "x.lock")
    assert (done.returncode, done.stdout.split()) == (0, ["True"]), done.stderr


@both
def test_somebody_who_looks_is_no_reason_to_give_up(take, tmp_path, monkeypatch):
    """Many pollers, slowed down on a busy machine, hold a lock for longer than its taker would wait for a manager."""
    path = tmp_path / "x.lock"
    path.touch()
    looking = os.open(path, os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH)
    threading.Timer(0.2, os.close, [looking]).start()
    take(path, timeout=0).release()
    holder = os.open(path, os.O_RDWR)
    fcntl.flock(holder, fcntl.LOCK_EX)
    with pytest.raises(LockHeld):
        take(path, timeout=0)
    os.close(holder)
    monkeypatch.setattr(locks, "_LOOKERS_S", 0.05)
    looking = os.open(path, os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH)
    with pytest.raises(LockHeld):
        take(path, timeout=0)
    os.close(looking)


def test_a_local_file_system_is_not_taken_for_a_network_one(tmp_path):
    kind = network_file_system(tmp_path)
    assert kind == "" or kind.startswith(("nfs", "cifs", "smb", "fuse.sshfs", "9p", "afs", "ceph", "glusterfs"))


def test_a_network_file_system_is_found_by_its_mount_point(tmp_path, monkeypatch):

    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "1 0 8:1 / / rw - ext4 /dev/sda rw\n"
        "2 1 0:9 / /share rw,relatime shared:1 - nfs4 server:/share rw\n"
        "3 2 8:2 / /share/local rw - ext4 /dev/sdb rw\n"
    )
    real = locks.Path
    monkeypatch.setattr(locks, "Path", lambda path: mounts if path == "/proc/self/mountinfo" else real(path))
    assert network_file_system("/share/me/batch") == "nfs4"
    assert network_file_system("/share/local/batch") == ""
    assert network_file_system("/shared/batch") == ""
