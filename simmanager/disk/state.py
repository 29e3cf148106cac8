"""What state a run is in, which moves are allowed, and ``state.log``, where every move is a line."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from ..base.clock import utc_now
from ..base.errors import InvalidTransition
from ..base.public import public
from ..base.text import one_line
from .files import read_regular, write_new

#: The file in the folder of a run.
STATE_LOG = "state.log"

#: Bytes of a state.log that are read; none of ours is that long.
_LONGEST_LOG = 1 << 22


@public("simmanager")
class RunState(StrEnum):
    """The life of a run."""

    #: Waiting for a slot.
    IN_QUEUE = "in_queue"
    #: A worker executes it and holds its lock.
    RUNNING = "running"
    #: All results are in place; it is never executed again.
    FINISHED = "finished"
    #: It raised, timed out or crashed; it stays so until a rerun.
    ERROR = "error"
    #: Stopped by the user, or its process is gone; resume puts it back in the queue.
    INTERRUPTED = "interrupted"


#: From each state (None: no line yet) to those that may follow.
ALLOWED_MOVES: dict[RunState | None, frozenset[RunState]] = {
    None: frozenset({RunState.IN_QUEUE}),
    RunState.IN_QUEUE: frozenset({RunState.RUNNING}),
    RunState.RUNNING: frozenset({RunState.FINISHED, RunState.ERROR, RunState.INTERRUPTED}),
    RunState.ERROR: frozenset({RunState.IN_QUEUE}),
    RunState.INTERRUPTED: frozenset({RunState.IN_QUEUE}),
    RunState.FINISHED: frozenset(),
}

#: Before the remark in the detail of a finished run, behind its facts: what could not be saved.
REMARK = "; "

_KEYWORDS: dict[str, RunState] = {state.value: state for state in RunState}


@dataclass(frozen=True, slots=True)
class Transition:
    """One line of state.log.

    Parameters
    ----------
    when : str
        UTC ISO-8601; empty where the line is a bare keyword (NeuralPlayground's format).
    state : RunState
        The state that began then.
    detail : str
        Why, or facts about it.
    """

    when: str
    state: RunState
    detail: str

    def line(self) -> str:
        """Return the line as written, newline included."""
        return f"{self.when}\t{self.state.value}\t{one_line(self.detail)}\n"


@dataclass(frozen=True, slots=True)
class StateHistory:
    """All that state.log says.

    Parameters
    ----------
    transitions : tuple of Transition
        Oldest first; lines that cannot be read are left out.
    size : int
        Bytes that were read; it grows with each move, so two equal sizes mean that nothing moved.
    damage : str
        What could not be read, or "".
    """

    transitions: tuple[Transition, ...]
    size: int
    damage: str = ""

    @property
    def state(self) -> RunState | None:
        """The state now, or None if no line tells."""
        return self.transitions[-1].state if self.transitions else None

    @property
    def last(self) -> Transition | None:
        """The last complete line."""
        return self.transitions[-1] if self.transitions else None

    @property
    def attempts(self) -> int:
        """How often the run was started."""
        return sum(t.state is RunState.RUNNING for t in self.transitions)

    @property
    def started(self) -> str:
        """When it was last started, or ""."""
        return next((t.when for t in reversed(self.transitions) if t.state is RunState.RUNNING), "")


def parse(content: bytes) -> StateHistory:
    """Read the bytes of a state.log; a torn last line is ignored, an unreadable one is named as damage."""
    if not content:
        return StateHistory((), 0)
    lines = content.decode("utf-8", "replace").split("\n")
    torn = lines.pop()
    if torn.strip() in _KEYWORDS:  # NeuralPlayground writes the bare keyword without a newline
        lines.append(torn)
    transitions, unreadable = [], 0
    for line in lines:
        fields = line.split("\t", 2)
        if len(fields) == 3 and fields[1] in _KEYWORDS:
            transitions.append(Transition(fields[0], _KEYWORDS[fields[1]], fields[2]))
        elif line.strip() in _KEYWORDS:
            transitions.append(Transition("", _KEYWORDS[line.strip()], ""))
        elif line.strip():
            unreadable += 1
    damage = f"{unreadable} unreadable line(s) in state.log" if unreadable else ""
    return StateHistory(tuple(transitions), len(content), damage)


def read_content(path: Path | str) -> tuple[bytes, str]:
    """Return the bytes of a state.log, following no symlink, and what is wrong with it, or ""."""
    try:
        return read_regular(path, _LONGEST_LOG), ""
    except FileNotFoundError:
        return b"", "state.log is missing"
    except OSError as error:
        return b"", f"state.log cannot be read ({error.strerror})"


def read_history(path: Path | str) -> StateHistory:
    """Read a state.log, following no symlink; one that is missing or unreadable is empty, with the damage named."""
    content, damage = read_content(path)
    return StateHistory((), 0, damage) if damage else parse_file(content)


def parse_file(content: bytes) -> StateHistory:
    """Read the bytes of a state.log that exists: without a complete line, it is damaged."""
    history = parse(content)
    if history.last is None and not history.damage:
        return replace(history, damage="state.log holds no complete line")
    return history


def begin(path: str) -> None:
    """Write the state.log of a run that waits; nobody else knows its folder yet."""
    write_new(path, Transition(utc_now(), RunState.IN_QUEUE, "").line().encode())


def write_moves(
    path: Path | str, history: StateHistory, *moves: tuple[RunState, str], durable: bool = False
) -> StateHistory:
    """Append moves to a state.log with one write; the caller holds the lock of the run.

    Parameters
    ----------
    path : path-like
        The state.log; it is created for a first move.
    history : StateHistory
        What the file says now.
    *moves : (RunState, str)
        State and detail of each.
    durable : bool, default False
        Force the line to the disk (fsync).

    Returns
    -------
    StateHistory
        What the file says after it.

    Raises
    ------
    InvalidTransition
        A move that the table does not allow; nothing was written.
    OSError
        The file cannot be written.
    """
    state, written = history.state, []
    for target, detail in moves:
        if target not in ALLOWED_MOVES[state]:
            raise InvalidTransition(
                f"A run that is {state.value if state else 'without a state'} cannot become {target.value} ({path})."
            )
        written.append(Transition(utc_now(), target, detail))
        state = target
    text = "".join(move.line() for move in written).encode("utf-8", "replace")
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
    descriptor = os.open(path, flags, 0o666)
    try:
        size = os.lseek(descriptor, 0, os.SEEK_END)
        if size:
            if os.pread(descriptor, 1, size - 1) != b"\n":
                text = b"\n" + text  # close a torn line, or it would swallow ours
        done = os.write(descriptor, text)
        if done != len(text):
            os.ftruncate(descriptor, size)  # a full disk took half a line: take it back
            raise OSError(28, "No space left on device", str(path))
        if durable:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return StateHistory(history.transitions + tuple(written), size + len(text), history.damage)
