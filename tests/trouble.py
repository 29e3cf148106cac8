"""Simulations that misbehave: an agent, an arena and loops that do harm at a chosen phase in a chosen manner."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from toys import ToyAgent, ToyArena, toy_loop

from simmanager import SingleSim
from simmanager.base.current_run import RUN, RUN_FOLDER
from simmanager.worker.process_group import TOKEN

#: Where user code can misbehave.
PHASES = ("import", "load", "agent", "arena", "loop", "save_agent", "save_arena", "save_history", "after")


class CannotBePickled(Exception):
    def __reduce__(self) -> Any:
        raise TypeError("this exception cannot be pickled")


class CannotBeShown(Exception):
    def __str__(self) -> str:
        raise ValueError("no text")


def _raise(error: BaseException) -> None:
    raise error


def _recurse() -> None:
    _recurse()


def _sleep_in_a_thread() -> None:
    threading.Thread(target=time.sleep, args=(600,), daemon=False, name="left").start()


def _leave_a_grandchild() -> None:
    """Start a process that holds stdout and outlives the run, in a session of its own."""
    subprocess.Popen(["sleep", "600"], start_new_session=True)


def _double_fork(*, deaf: bool = False) -> None:
    """Start a daemon as daemons are started: its parent is gone at once. ``deaf``: it ignores SIGTERM."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN if deaf else signal.SIG_DFL)
            time.sleep(600)
        os._exit(0)
    os.wait()


def _print_much(megabytes: int = 200) -> None:
    chunk = "x" * (1 << 20) + "\n"
    for _ in range(megabytes):
        sys.stdout.write(chunk)


def _print_garbage() -> None:
    os.write(1, b"\xff\xfe\x00\x01 half a sign: \xe2\x82")
    os.write(2, b"\x80\x81\xc3")
    print("\ud800 lone surrogate")


def _close_stdout() -> None:
    sys.stdout.close()
    sys.stderr.close()
    os.close(1)
    os.close(2)


class _Broken:
    def write(self, _: str) -> int:
        raise RuntimeError("nobody may print")

    flush = close = write


def _replace_stdout() -> None:
    sys.stdout = sys.stderr = _Broken()  # type: ignore[assignment]


def _leave_shared_memory() -> None:
    """Leave a block of shared memory; its name is printed."""
    from multiprocessing import shared_memory

    print("block", shared_memory.SharedMemory(create=True, size=4096).name)


def _raise_later_signals() -> None:
    signal.setitimer(signal.ITIMER_REAL, 60)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})


def _close_every_descriptor() -> None:
    os.closerange(0, 256)


#: What user code may do wrong.
MANNERS: dict[str, Callable[[], Any]] = {
    "exception": lambda: _raise(ValueError("boom")),
    "exit 0": lambda: sys.exit(0),
    "exit text": lambda: sys.exit("text"),
    "os._exit": lambda: os._exit(0),
    "SIGKILL": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "SIGSEGV": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "MemoryError": lambda: _raise(MemoryError()),
    "RecursionError": _recurse,
    "KeyboardInterrupt": lambda: _raise(KeyboardInterrupt()),
    "unpicklable exception": lambda: _raise(CannotBePickled("odd")),
    "unshowable exception": lambda: _raise(CannotBeShown()),
    "surrogate exception": lambda: _raise(ValueError("half \ud800 sign \x1b[31m\nsecond line")),
    "stdout closed": _close_stdout,
    "stdout replaced": _replace_stdout,
    "200 MB": _print_much,
    "binary output": _print_garbage,
    "thread": _sleep_in_a_thread,
    "grandchild": _leave_a_grandchild,
    "daemon": _double_fork,
    "chdir": lambda: os.chdir("/"),
    "environ": lambda: (os.environ.update(LEAK="1"), os.environ.pop("HOME", None)),
    "seed": lambda: np.random.seed(0),
    "warnings": lambda: warnings.simplefilter("error"),
    "sys": lambda: (sys.path.clear(), sys.setrecursionlimit(5000), os.umask(0o777), sys.argv.clear()),
    "timers": _raise_later_signals,
    "shared memory": _leave_shared_memory,
    "descriptors": _close_every_descriptor,
}


def misbehave(manner: str) -> None:
    """Do it, but in a worker process only: recipes are made and loaded in the manager, too."""
    if TOKEN in os.environ and manner:
        MANNERS[manner]()


class MisbehavesOnLoad:
    """A parameter that misbehaves when the recipe is loaded."""

    def __init__(self, manner: str) -> None:
        self.manner = manner

    def __reduce__(self) -> Any:
        return misbehave, (self.manner,)


class MisbehavesOnPickle:
    """A value that misbehaves when it is saved."""

    def __init__(self, manner: str) -> None:
        self.manner = manner

    def __reduce__(self) -> Any:
        misbehave(self.manner)
        return str, ("saved all the same",)


class BadAgent(ToyAgent):
    """Misbehaves when it is made, saved, or deleted."""

    def __init__(self, phase: str = "", manner: str = "", load: Any = None) -> None:
        super().__init__()
        self.phase, self.manner = phase, manner
        if phase == "agent":
            misbehave(manner)

    def save_agent(self, path: str) -> None:
        if self.phase == "save_agent":
            misbehave(self.manner)
        Path(path).write_bytes(b"saved")

    def __del__(self) -> None:
        if getattr(self, "phase", "") == "after":
            misbehave(self.manner)


class BadArena(ToyArena):
    """Misbehaves when it is made or saved."""

    def __init__(self, phase: str = "", manner: str = "") -> None:
        super().__init__()
        self.phase, self.manner = phase, manner
        if phase == "arena":
            misbehave(manner)

    def save_environment(self, path: str) -> None:
        if self.phase == "save_arena":
            misbehave(self.manner)
        Path(path).write_bytes(b"saved")


def bad_loop(agent: Any, env: Any, phase: str = "", manner: str = "") -> Any:
    """Say that it begins, misbehave, and return a history that may misbehave as well."""
    with contextlib.suppress(Exception):  # stdout may be closed already
        print(f"output of {phase}")
    if phase == "loop":
        misbehave(manner)
    history: dict[str, Any] = {"x": np.arange(3.0)}
    if phase == "save_history":
        history["bad"] = MisbehavesOnPickle(manner)
    return agent, env, history


def bad_sim(phase: str, manner: str, agent_class: Any = BadAgent) -> SingleSim:
    """Return a simulation that misbehaves in that phase; its id says so."""
    where = {"phase": phase, "manner": manner}
    load = MisbehavesOnLoad(manner) if phase == "load" else None
    return SingleSim(
        simulation_id=f"bad_{phase}",
        agent_class=agent_class,
        agent_params={**where, "load": load} if agent_class is BadAgent else {},
        env_class=BadArena,
        env_params=where,
        training_loop=bad_loop,
        training_loop_params=where,
    )


# What leaks into the next run ----------------------------------------------------------------------------------


def surroundings() -> dict[str, Any]:
    """Return what a run can see of its process, as plain data that must not depend on the runs before it."""
    import logging
    import resource

    environ = {name: value for name, value in os.environ.items() if name not in (TOKEN, RUN, RUN_FOLDER)}
    umask = os.umask(0)
    os.umask(umask)
    return {
        "cwd": str(Path.cwd()),
        "environ": sorted(environ.items()),
        "filters": [str(entry) for entry in warnings.filters],
        "path": list(sys.path),
        "argv": list(sys.argv),
        "limits": [sys.getrecursionlimit(), umask, resource.getrlimit(resource.RLIMIT_DATA)],
        "random": np.random.random(4).tolist(),
        "errors": sorted(np.geterr().items()),
        "threads": [thread.name for thread in threading.enumerate()],
        "signals": [str(signal.getsignal(n)) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM, signal.SIGCHLD)],
        "mask": sorted(int(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, [])),
        "timer": signal.getitimer(signal.ITIMER_REAL)[0],
        "handlers": [str(handler) for handler in logging.root.handlers],
        "stdin": os.fstat(0).st_rdev == Path(os.devnull).stat().st_rdev,
    }


def probe_loop(agent: Any, env: Any) -> Any:
    """Put what it sees of its process into the history; print to both logs."""
    seen = surroundings()
    print("output of a probe")
    print("complaint of a probe", file=sys.stderr)
    os.write(1, b"direct output of a probe\n")
    agent, env, history = toy_loop(agent, env, 3)
    return agent, env, {**history, **{name: [repr(value)] for name, value in seen.items()}}


# Loops that come to a halt --------------------------------------------------------------------------------------


def _announce(folder: str, name: str) -> None:
    """Say by a file (with the process id in it) that this point is reached."""
    scratch = Path(folder, f".{name}")
    scratch.write_text(str(os.getpid()))
    scratch.replace(Path(folder, name))


def spin_loop(agent: Any, env: Any, folder: str = ".", **_: Any) -> Any:
    """Never end, in Python."""
    _announce(folder, "started")
    while True:
        time.sleep(0.01)


def pause_in_c_loop(agent: Any, env: Any, folder: str = ".", **_: Any) -> Any:
    """Never return from C code that holds the GIL and restarts its wait after each signal."""
    _announce(folder, "started")
    libc = ctypes.PyDLL(None)
    while True:
        libc.pause()


def stubborn_loop(agent: Any, env: Any, folder: str = ".", **_: Any) -> Any:
    """Ignore SIGTERM and never end."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    _announce(folder, "started")
    while True:
        time.sleep(0.01)


def family_loop(agent: Any, env: Any, folder: str = ".", **_: Any) -> Any:
    """Leave a child, one in a session of its own and a daemon, all deaf to SIGTERM, and never end."""
    subprocess.Popen(["sleep", "600"])
    _leave_a_grandchild()
    _double_fork(deaf=True)
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(600)
    _announce(folder, "started")
    while True:
        time.sleep(0.01)


class Lingers:
    """Never ends when it is dropped."""

    def __init__(self, folder: str) -> None:
        self.folder, self.pid = folder, os.getpid()

    def __call__(self, *_: Any) -> None:
        """Be anything."""

    def __del__(self) -> None:
        if os.getpid() == self.pid:
            spin_loop(None, None, self.folder)


def lingering_loop(agent: Any, env: Any, folder: str = ".", **_: Any) -> Any:
    """End well, but hang when what the run has changed is put back."""
    sys.excepthook = Lingers(folder)
    return toy_loop(agent, env, 3)


def daemon_loop(agent: Any, env: Any, folder: str = ".", **_: Any) -> Any:
    """Leave a daemon, and never end."""
    _double_fork()
    spin_loop(agent, env, folder)


def runaway_loop(agent: Any, env: Any, folder: str = ".", hang: bool = True, **_: Any) -> Any:
    """Start processes that leave the session and know nothing of the environment, and end or never end."""
    program = "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    grandchild = (
        f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {program!r}], start_new_session=True)"
    )
    for code in (program, grandchild):
        child = subprocess.Popen([sys.executable, "-c", code], env={"PATH": "/usr/bin:/bin"}, start_new_session=True)
        if code is grandchild:
            child.wait()
    _announce(folder, "started")
    while hang:
        time.sleep(0.01)
    return agent, env, {"x": [1.0]}


def escaping_loop(agent: Any, env: Any, folder: str = ".", hang: bool = True, **_: Any) -> Any:
    """Start processes that fork, leave the session and exit, again and again, and end or never end."""
    for _ in range(4):
        if os.fork() == 0:
            os.environ.clear()
            while True:
                os.setsid()
                if os.fork():
                    os._exit(0)
                time.sleep(0.003)
    _announce(folder, "started")
    while hang:
        time.sleep(0.01)
    return agent, env, {"x": [1.0]}


def crash_once_loop(agent: Any, env: Any, marker: str = "", how: str = "SIGKILL") -> Any:
    """Misbehave the first time, be good the second."""
    path = Path(marker)
    print("attempt", path.exists() + 1)
    if not path.exists():
        path.touch()
        misbehave(how)
    return toy_loop(agent, env, 5)


def fat_loop(agent: Any, env: Any, megabytes: int = 0) -> Any:
    """Touch so much memory, and use processor time in proportion."""
    block = np.ones(int(megabytes * 1e6 / 8))
    total = float(block.sum())
    if megabytes:
        end = time.process_time() + 0.3
        while time.process_time() < end:
            total += 1.0
    return agent, env, {"x": [total]}


def pid_loop(agent: Any, env: Any) -> Any:
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return agent, env, {"pid": [os.getpid()], "threads": [os.environ.get(name) for name in names]}


def counted_loop(agent: Any, env: Any, folder: str = ".", key: str = "", gate: str = "", seconds: float = 0.0) -> Any:
    """Leave a trace of each execution, and notice if the same run is executed twice at once.

    ``folder`` gets a line ``begin`` and a line ``end`` in ``<key>.trace``; an own lock is held in between.
    """
    key = key or str(np.random.get_state()[1][0])
    trace = os.open(Path(folder, f"{key}.trace"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        fcntl.flock(trace, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.write(trace, b"TWICE\n")
        raise RuntimeError("executed twice at once") from None
    os.write(trace, f"begin {os.getpid()}\n".encode())
    while gate and not Path(gate).exists():
        time.sleep(0.01)
    if seconds:
        time.sleep(seconds)
    result = toy_loop(agent, env, 5)
    os.write(trace, f"end {os.getpid()}\n".encode())
    os.close(trace)
    return result


def executions(folder: Path) -> dict[str, int]:
    """Return how often each run was begun; fails if one was executed twice at once."""
    begun = {}
    for trace in folder.glob("*.trace"):
        lines = trace.read_text().splitlines()
        assert "TWICE" not in lines, f"{trace.name}: executed twice at once"
        begun[trace.stem] = sum(line.startswith("begin") for line in lines)
    return begun


def wait_for(condition: Callable[[], Any], what: str = "", patience_s: float = 60.0) -> Any:
    """Wait for an event that somebody else brings about; return what the condition returned."""
    deadline = time.monotonic() + patience_s
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited in vain for {what or condition}"
        time.sleep(0.01)
    return value


def is_alive(pid: int) -> bool:
    """Return whether a process is there and no zombie."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    return False


def leaving_loop(agent: Any, env: Any, folder: str = ".", gate: str = "") -> Any:
    """Leave a daemon that is deaf to SIGTERM, then wait for the gate."""
    _double_fork(deaf=True)
    return counted_loop(agent, env, folder, gate=gate)


def forking_loop(agent: Any, env: Any, folder: str = ".", gate: str = "") -> Any:
    """Have a forked child, as the pools of multiprocessing do, while it waits for the gate."""
    pid = os.fork()
    if pid == 0:
        time.sleep(600)
        os._exit(0)
    Path(folder, "child").write_text(str(pid))
    try:
        return counted_loop(agent, env, folder, gate=gate)
    finally:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
