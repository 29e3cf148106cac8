"""A worker process, seen from the manager: started, given runs, ended."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..base.command_line import command_line
from ..base.errors import SimManagerError
from ..base.import_path import python_path
from ..base.provenance import working_directory
from ..base.text import memory
from ..worker.memory import peak_memory_mb, usage_peak_mb
from ..worker.process_group import TOKEN, end_worker, freeze, thaw, wait_for_end
from ..worker.serve import MARK
from ..worker.task import Outcome, Task, as_message

#: Seconds between two looks at deadlines and stop requests while a run is executed.
TICK_S = 0.2

#: Seconds between SIGTERM and SIGKILL for a run that times out.
GRACE_S = 2.0

#: Seconds that a new worker may take until it is ready.
_START_PATIENCE_S = 120.0

#: Stands for an exit code that nobody can know.
_REAPED = 256

#: Thread pools of numerical libraries, limited to ``threads_per_run`` unless the user set them.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "BLIS_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)


class WorkerLost(SimManagerError, RuntimeError):
    """A worker process could not be started."""


@dataclass(frozen=True, slots=True)
class Death:
    """How a worker died while it executed a run."""

    reason: str  #: In words, e.g. "killed by SIGSEGV".
    stopped: bool = False  #: True if the user asked for it.
    pid: int | None = None
    peak_mb: float | None = None  #: Peak resident memory of the run.
    cpu_s: float | None = None  #: Processor time of the run.
    is_kill: bool = False  #: Whether somebody else, or the system, killed it by SIGKILL.


def timed_out(timeout_s: float) -> str:
    """Return in words that a run exceeded its time limit, as its state.log has it."""
    return f"timed out after {timeout_s:g} s"


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What every worker of a batch is started with."""

    threads_per_run: int = 1
    #: Import path, working directory and arguments; those of this process if None.
    sys_path: tuple[str, ...] | None = None
    cwd: str | None = None
    argv: tuple[str, ...] | None = None
    flags: tuple[str, ...] = ()  #: Flags of the interpreter, as ``-O``.

    def first_message(self) -> dict[str, Any]:
        """Return the first message to a new worker."""
        return {
            "sys_path": [str(entry) for entry in (sys.path if self.sys_path is None else self.sys_path)],
            "cwd": working_directory() if self.cwd is None else self.cwd,
            "argv": command_line() if self.argv is None else self.argv,
            "environ": {"PYTHONPATH": os.environ.get("PYTHONPATH")},
        }

    def environment(self, token: str, slot: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of a new worker."""
        defaults = {name: str(self.threads_per_run) for name in THREAD_VARIABLES}
        defaults["PYTHONHASHSEED"] = "0"  # the order of sets of strings must not differ between workers
        ours = {"PYTHONPATH": python_path(), "MPLBACKEND": "Agg", TOKEN: token}
        return {**defaults, **os.environ, **slot, **ours}


def is_named_python() -> bool:
    """Return whether sys.executable has a name of Python, so that it is no other program, which embeds it."""
    return re.match(r"(?i)\W*(python|pypy|graalpy)", Path(sys.executable or "").name) is not None


def python_program() -> str:
    """Return by what a worker is started; `WorkerLost` if that is not Python."""
    here = "or execute the runs one after the other in this process: run_all(in_process=True)"
    if getattr(sys, "frozen", False):
        raise WorkerLost(
            "No worker process can be started: this program is frozen (as by PyInstaller), so sys.executable is the "
            f"program itself, not Python. Run it with Python, {here}."
        )
    if not sys.executable:
        raise WorkerLost(
            f"No worker process can be started: sys.executable is empty. Set it to the path of Python, {here}."
        )
    return sys.executable


class Worker:
    """A worker process, seen from the manager; `WorkerLost` if it could not be started."""

    def __init__(self, settings: WorkerSettings, slot: int = 0, environ: Mapping[str, str] | None = None) -> None:
        #: Number of the slot that it works on.
        self.slot = slot
        #: Marks it and all that it starts (`process_group`).
        self.token = uuid.uuid4().hex
        self._buffer = bytearray()
        command = [python_program(), *settings.flags, "-P", "-m", "simmanager.worker"]
        self._stderr = tempfile.TemporaryFile()
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                env=settings.environment(self.token, environ or {}),
                start_new_session=True,
                bufsize=0,
            )
        except BaseException:
            self._stderr.close()
            raise
        self.pid = self._process.pid
        #: What the recipes import that it may take (`recipe_imports`); "": it may take any.
        self.bound_to = ""
        #: The environment variables of the runs that it takes (`Task.environ`).
        self.environ: Mapping[str, str] = {}
        assert self._process.stdin and self._process.stdout  # pipes, by construction
        self._input, self._output = self._process.stdin, self._process.stdout
        self._exit_code: int | None = None
        #: When the run at hand has had its time (`_now`); None: never.
        self._deadline: float | None = None
        #: Since when it is frozen (``time.monotonic``), and for how many seconds it was before.
        self._frozen_at: float | None = None
        self._frozen_s = 0.0
        self._peak_mb: float | None = None
        #: Peak inherited from the manager across exec, MB; a lower peak of the worker cannot be measured by the system.
        self._inherited_mb = 0.0
        self._own_mb = 0.0
        self._cpu_before = 0.0
        self._usage: Any = None
        self._poller = select.poll()
        self._poller.register(self._output, select.POLLIN)
        self._pidfd: int | None = None
        with suppress(AttributeError, OSError):  # systems without it are asked every `TICK_S`
            self._pidfd = os.pidfd_open(self.pid)
            self._poller.register(self._pidfd, select.POLLIN)
        os.set_blocking(self._input.fileno(), False)
        #: What the pipe has not taken yet: a worker that is stopped must not stop the manager.
        self._unsent = b""
        self._send(settings.first_message())
        self._ready = False

    def _now(self) -> float:
        """Return the time of a clock that stands still while it is frozen, in seconds."""
        now, frozen_at = time.monotonic(), self._frozen_at
        return (now if frozen_at is None else frozen_at) - self._frozen_s

    def freeze(self) -> None:
        """Stop it and all that it started; its time does not go on."""
        if self._frozen_at is None and not self.has_ended():
            self._frozen_at = time.monotonic()
            freeze(self.pid, self.token)

    def thaw(self) -> None:
        """Let it go on."""
        if self._frozen_at is not None:
            frozen_s = time.monotonic() - self._frozen_at
            if not self.has_ended():
                thaw(self.pid, self.token)
            self._frozen_s, self._frozen_at = self._frozen_s + frozen_s, None

    def wait_until_ready(self) -> None:
        """Wait until it can take a run; `WorkerLost` if it does not get so far."""
        if self._ready:
            return
        deadline = self._now() + _START_PATIENCE_S
        if (message := self._receive(lambda: self._now() > deadline)) is None:
            code = self._exit_code
            self._stderr.seek(0)  # before it is closed
            said = self._stderr.read()[-2000:].decode("utf-8", "replace").strip().rpartition("\n")[2]
            self.kill(grace_s=0)
            raise WorkerLost(f"A worker process could not be started (exit code {code}): {said or 'it said nothing'}")
        self._own_mb, self._inherited_mb = message["own_mb"], message["inherited_mb"]
        self._ready = True

    def execute(
        self, tasks: Sequence[Task], timeout_s: float | None, stop_now: Callable[[], str]
    ) -> Iterator[Outcome | Death]:
        """Execute runs one after the other; yields how each ended.

        The worker is killed ``timeout_s`` seconds after the start of a run, and when ``stop_now``, asked several times
        a second, gives a reason. A `Death` is the last that is yielded: the worker and all that it started are dead
        then.
        """
        self.wait_until_ready()
        self._send(as_message(tasks))
        for _ in tasks:
            result = self._next_result(timeout_s, stop_now)
            yield result
            if isinstance(result, Death) or result.leftovers:
                return

    def _next_result(self, timeout_s: float | None, stop_now: Callable[[], str]) -> Outcome | Death:
        self._peak_mb, stopped = None, ""
        self._deadline = None if timeout_s is None else self._now() + timeout_s

        def give_up() -> bool:
            nonlocal stopped
            self._peak_mb = peak_memory_mb(self.pid) or self._peak_mb
            stopped = stop_now()
            return bool(stopped) or (self._deadline is not None and self._now() >= self._deadline)

        message = self._receive(give_up)
        if message is not None:
            return Outcome(**message)
        if self._exit_code is not None:
            self.kill(grace_s=0.3)
            return self._death(self._how_it_ended(), is_kill=self._exit_code == -signal.SIGKILL)
        if stopped:
            self.kill(grace_s=1.0)
            return self._death(stopped, stopped=True)
        self.kill(grace_s=GRACE_S)
        return self._death(timed_out(timeout_s or 0.0))

    def _death(self, reason: str, *, stopped: bool = False, is_kill: bool = False) -> Death:
        cpu_s = None if self._usage is None else self._usage.ru_utime + self._usage.ru_stime - self._cpu_before
        cpu_s = None if cpu_s is None else round(max(cpu_s, 0.0), 3)
        return Death(reason, stopped, self.pid, self._peak_mb, cpu_s, is_kill=is_kill)

    def _how_it_ended(self) -> str:
        code = self._exit_code or 0
        if code == _REAPED:
            return "ended before the run had ended; how is not known, for this process handles or ignores SIGCHLD"
        if code >= 0:
            return f"exited with code {code} before the run had ended"
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        if name == "SIGKILL":
            peak = f"; peak memory {memory(self._peak_mb)}" if self._peak_mb else ""
            return f"killed by SIGKILL, often the out-of-memory killer{peak}"
        return f"killed by {name}"

    # Messages --------------------------------------------------------------------------------------------------

    def _send(self, message: dict[str, Any]) -> None:
        self._unsent += json.dumps(message).encode() + b"\n"
        self._send_on()
        if self._unsent:
            self._poller.register(self._input, select.POLLOUT)

    def _send_on(self) -> None:
        """Write what the pipe takes now; `_receive` goes on with the rest."""
        try:
            self._unsent = self._unsent[self._input.write(self._unsent) or 0 :]
        except OSError:  # it died: the answer will say so
            self._unsent = b""

    def _receive(self, give_up: Callable[[], bool]) -> dict[str, Any] | None:
        """Return the next message; None if the process ended or ``give_up()`` said so."""
        while True:
            if (message := self._next_message()) is not None:
                return message
            wait = (
                TICK_S
                if self._deadline is None
                else min(TICK_S, max(self._deadline - self._now(), 0.001 if self._frozen_at else 0.0))
            )
            ready = {descriptor for descriptor, _ in self._poller.poll(wait * 1000)}
            if self._unsent and self._input.fileno() in ready:
                self._send_on()
                if not self._unsent:
                    self._poller.unregister(self._input)
                continue
            if self._output.fileno() in ready:
                chunk = os.read(self._output.fileno(), 1 << 16)
                self._buffer += chunk
                if chunk:
                    continue
                with suppress(KeyError):
                    self._poller.unregister(self._output)  # its end: only the process itself can tell more
            if self.has_ended():
                self._drain()
                return self._next_message()
            if not ready and give_up():
                return None

    def _next_message(self) -> dict[str, Any] | None:
        while b"\n" in self._buffer:
            line, _, rest = bytes(self._buffer).partition(b"\n")
            self._buffer[:] = rest
            if line.startswith(MARK):
                message = dict(json.loads(line[len(MARK) :]))
                self._cpu_before = message.pop("cpu_so_far")
                return message
        return None

    def _drain(self) -> None:
        os.set_blocking(self._output.fileno(), False)
        with suppress(BlockingIOError, OSError):
            while chunk := os.read(self._output.fileno(), 1 << 16):
                self._buffer += chunk

    # Its end ---------------------------------------------------------------------------------------------------

    def has_ended(self) -> bool:
        """Return whether the process has ended.

        It is not reaped by this look: until then its process group id cannot be given to others.
        """
        if self._exit_code is None and not hasattr(os, "waitid"):  # macOS before Python 3.13
            self._exit_code = self._process.poll()
            return self._exit_code is not None
        if self._exit_code is None:
            try:
                ended = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:  # somebody in this process reaped it, or it ignores SIGCHLD
                self._exit_code = _REAPED
                return True
            if ended is None:
                return False
            self._exit_code = ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status
        return True

    def kill(self, grace_s: float) -> None:
        """End the worker and all that it started: SIGTERM, a grace, SIGKILL; then reap it."""
        end_worker(self.pid, self.token, grace_s, self.has_ended)
        self._close()

    def retire(self, patience_s: float = 2.0) -> None:
        """End an idle worker: it ends by itself when its input ends; what it left is ended too."""
        with suppress(OSError):
            self._input.close()
        wait_for_end(self.has_ended, patience_s)
        self.kill(grace_s=0.3)

    def _close(self) -> None:
        with suppress(OSError):
            if not self.has_ended():
                raise TimeoutError  # in the kernel, uninterruptible: nobody can end it now, do not wait for ever
            _, status, self._usage = os.wait4(self.pid, 0)
            self._process.returncode = os.waitstatus_to_exitcode(status)
            # The system's count is the peak of this run if it is above the inherited one; else the last value seen is
            # a lower bound.
            peak = usage_peak_mb(self._usage)
            self._peak_mb = max(peak if peak > self._inherited_mb else self._own_mb, self._peak_mb or 0.0)
        self._process.poll()
        for file in (self._input, self._output, self._stderr):
            with suppress(OSError):
                file.close()
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None
