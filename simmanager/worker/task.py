"""What a worker is told and what it answers: small plain data."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..disk.run_folder import RunFolder
from ..disk.state import RunState

#: States in which a run may be executed (again).
EXECUTABLE = (RunState.IN_QUEUE.value, RunState.RUNNING.value, RunState.INTERRUPTED.value)


@dataclass(frozen=True, slots=True)
class Task:
    """What a worker is told: small plain data, everything else is on disk.

    Parameters
    ----------
    folder : str
        The folder of the run.
    recipe : str
        Path of the pickled recipe.
    seed : int
        Seed of the run.
    execute : tuple of str
        States from which it may be executed; ``running`` means that its process is gone (its lock is free).
    memory_limit_mb : float or None
        Limit on the memory the run may add, in MB.
    checkpoint_every_s : float or None
        Seconds between two checkpoints; None: none are saved.
    durable : bool
        Force results and states to the disk (fsync) before they count.
    timeout_s : float or None
        Seconds that it may take; None: no limit.
    needs : dict
        What it declares of the machine (`base.resources.needs_of`).
    environ : dict
        Environment variables of the process that executes it, beyond those of its slot.
    provenance : dict
        Goes into run.json.
    session : dict
        What the session that made the batch was like: see `session.session_now`.
    """

    folder: str
    recipe: str
    seed: int
    execute: tuple[str, ...] = EXECUTABLE
    memory_limit_mb: float | None = None
    checkpoint_every_s: float | None = None
    durable: bool = False
    timeout_s: float | None = None
    needs: dict[str, float] = field(default_factory=dict)
    environ: dict[str, str] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    session: dict[str, Any] = field(default_factory=dict)

    @property
    def simulation_id(self) -> str:
        """The simulation it belongs to: the name of the folder above."""
        return self.folder.rpartition(os.sep)[0].rpartition(os.sep)[2]

    @property
    def run_id(self) -> int:
        """Its number within the simulation, as the name of its folder has it; 0 where that has none."""
        return RunFolder.run_id_of(self.folder.rpartition(os.sep)[2]) or 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended: small plain data.

    Parameters
    ----------
    state : str
        `RunState` keyword, or "" if it was not executed and its state is not known (another process holds it).
    reason : str
        Last line of what went wrong, or "".
    executed : bool
        False if there was nothing to do.
    duration_s : float or None
        Wall time.
    attempt : int
        How many times it was started so far.
    leftovers : str
        What it left in the worker, in words: the worker takes no other run.
    bound : bool
        True if the worker is fit only for recipes that import the same modules: these changed the process on import.
    wrote : list of str
        What appeared in the shared working directory while it was executed.
    peak_mb : float or None
        Peak resident memory of the process, in MB.
    """

    state: str
    reason: str = ""
    executed: bool = False
    duration_s: float | None = None
    attempt: int = 0
    leftovers: str = ""
    bound: bool = False
    wrote: list[str] = field(default_factory=list)
    peak_mb: float | None = None


#: The answer for a run that was handed over, but not executed.
NOT_STARTED = Outcome("", "not started")


def as_message(tasks: Sequence[Task]) -> dict[str, Any]:
    """Return tasks as plain data for JSON: the first one, and in which fields each further one differs from it."""
    first, *others = map(as_plain, tasks)
    changes = [{name: value for name, value in other.items() if value != first[name]} for other in others]
    return {"task": first, "others": changes}


def as_tasks(message: Mapping[str, Any]) -> list[Task]:
    """Return the tasks of such a message."""
    every = [{**message["task"], **changes} for changes in ({}, *message["others"])]
    return [Task(**{**content, "execute": tuple(content["execute"])}) for content in every]


def as_plain(record: Task | Outcome) -> dict[str, Any]:
    """Return a task or outcome as plain data for JSON."""
    return {name: getattr(record, name) for name in record.__dataclass_fields__}
