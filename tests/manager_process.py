"""A manager in a process of its own, for tests that kill it: started, watched and ended from outside."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import uuid
from pathlib import Path
from typing import Any

from our_processes import workers_alive
from places import python_path

ENVIRONMENT = {**os.environ, "PYTHONPATH": python_path()}


class Started:
    """A process whose output can be read at any moment."""

    def __init__(self, command: list[str], **options: Any) -> None:
        self._output = Path(f"output-{uuid.uuid4().hex}.txt").absolute()
        options.setdefault("env", ENVIRONMENT)
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **options,
            )
        self.pid = self.process.pid

    def output(self) -> str:
        return self._output.read_text(errors="replace")

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def kill_tree(self) -> None:
        """End the process and all workers at once, as a power cut does."""
        os.kill(self.pid, signal.SIGSTOP)
        for pid in workers_of(self.pid):
            os.kill(pid, signal.SIGKILL)
        self.kill()

    def wait(self, patience_s: float = 60.0) -> int:
        """Return the exit code."""
        try:
            return self.process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self.kill_tree()
            raise AssertionError(f"did not end within {patience_s} s:\n{self.output()}") from None

    def running(self) -> bool:
        return self.process.poll() is None


def workers_of(pid: int) -> list[int]:
    """Return the workers that a manager has started."""
    found = []
    for worker in workers_alive():
        try:
            fields = Path(f"/proc/{worker}/stat").read_bytes().rpartition(b")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(worker)
    return found


def start_script(text: str, **options: Any) -> Started:
    """Start Python code in a new process."""
    return Started([sys.executable, "-c", text], **options)


def start_cli(*words: str, **options: Any) -> Started:
    """Start the command line in a new process."""
    return Started([sys.executable, "-m", "simmanager", *words], **options)


MAKE = """
import sys
from toys import *
from trouble import *
from simmanager import SimulationManager
manager = SimulationManager({simulations}, {runs}, {name!r}, seed=7)
{then}
"""


def start_batch(
    simulations: str, runs: int = 1, name: str = "b", jobs: int = 2, then: str = "", **options: Any
) -> Started:
    """Start a process that makes and runs a batch in the current folder."""
    then = then or f"manager.run_all({jobs})"
    return start_script(MAKE.format(simulations=simulations, runs=runs, name=name, then=then), **options)


class Terminal:
    """A manager on a pseudo-terminal of its own, as its session leader."""

    def __init__(self, text: str) -> None:
        self.master, slave = pty.openpty()
        self.said = ""

        def own_terminal() -> None:
            os.setsid()
            import fcntl

            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(
            [sys.executable, "-c", text],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=ENVIRONMENT,
            preexec_fn=own_terminal,
        )
        os.close(slave)

    def read(self) -> str:
        with contextlib.suppress(OSError):
            while select.select([self.master], [], [], 0)[0]:
                self.said += os.read(self.master, 1 << 16).decode("utf-8", "replace")
        return self.said

    def type(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def hang_up(self) -> None:
        os.close(self.master)
