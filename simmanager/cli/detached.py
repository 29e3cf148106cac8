"""--detach: a batch goes on in a session of its own, once its first run has begun."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.advice import command
from ..base.tell import flush, note
from ..disk.batch_log import BATCH_LOG, open_log

if TYPE_CHECKING:
    from ..dispatch.events import Event

#: Bytes that are read of a pipe at a time.
_AT_ONCE = 1 << 16

#: Seconds that are waited for the last words which the batch has said before it went on alone.
_LAST_WORDS_S = 0.2


def detach() -> tuple[int | None, Callable[[Event], None]]:
    """Go on in a new process and a new session; what it says is shown until the first run begins.

    Returns
    -------
    code : int or None
        In this process the exit code, once the batch goes on alone or has ended before; in the new one None.
    tell : callable
        In the new process: takes the events of the batch. From the first on, what it prints goes to the batch's log.
    """
    pipes = [os.pipe() for _ in range(3)]  # stdout and stderr of the new process, and the folder of its batch
    flush()
    if pid := os.fork():
        for _, write in pipes:
            os.close(write)
        return _accompany(pid, *(read for read, _ in pipes)), _nothing
    os.setsid()
    for read, _ in pipes:
        os.close(read)
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    for descriptor, (_, write) in enumerate(pipes[:2], start=1):
        os.dup2(write, descriptor)
        os.close(write)
    return None, _Teller(pipes[2][1]).tell


def _nothing(event: Event) -> None:
    """Do nothing: it is not this process that runs the batch."""


class _Teller:
    """Lets the terminal go at the first event."""

    def __init__(self, to_terminal: int) -> None:
        self._to_terminal = to_terminal

    def tell(self, event: Event) -> None:
        """Take an event."""
        if self._to_terminal < 0 or event.kind != "started":
            return
        to_terminal, self._to_terminal = self._to_terminal, -1
        batch = Path(event.path).parents[1]
        try:
            log = open_log(batch)
        except OSError as error:  # it is no reason to end the batch, nor to hold the terminal
            note(f"{batch / BATCH_LOG} cannot be written ({error.strerror}): what the batch says from now on is lost.")
            log = Path(os.devnull).open("ab")
        with log:
            flush()
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        os.write(to_terminal, os.fsencode(batch))
        os.close(to_terminal)


def _accompany(pid: int, stdout: int, stderr: int, told: int) -> int:
    """Show what the new process says until it goes on alone or ends; return the exit code."""
    outputs = {stdout: 1, stderr: 2}
    batch: bytes | None = None
    while batch is None or outputs:
        try:
            sources = [*outputs, *([told] if batch is None else [])]
            waiting, _, _ = select.select(sources, [], [], _LAST_WORDS_S if batch else None)
        except KeyboardInterrupt:  # the new process is in a session of its own: it does not hear of Ctrl-C by itself
            os.kill(pid, signal.SIGINT)
            continue
        if not waiting:
            break
        for source in waiting:
            content = os.read(source, _AT_ONCE)
            if source == told:
                batch = content
            elif content:
                _show(outputs[source], content)
            else:
                del outputs[source]
    if not batch:
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        return code if code >= 0 else 128 - code
    path = Path(os.fsdecode(batch))
    print(
        f"The batch goes on without this terminal, as process {pid}; what it says is in {path / BATCH_LOG}.\n"
        f"Look: {command('status', path, '--watch')}\nStop: {command('stop', path)}"
    )
    return 0


def _show(descriptor: int, content: bytes) -> None:
    with suppress(OSError):  # nobody reads it any more: the batch is made all the same
        while content:
            content = content[os.write(descriptor, content) :]
