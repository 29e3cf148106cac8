"""The status of one run, from its state.log."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from ..base.clock import seconds_between, utc_now
from ..disk.frozen import batch_of, frozen_seconds
from ..disk.json_file import read_json
from ..disk.locks import is_held
from ..disk.run_folder import RECORD, STATE_LOCK, RunFolder
from ..disk.run_record import number_of
from ..disk.state import REMARK, STATE_LOG, RunState, StateHistory, read_history
from .status import RunStatus

#: The reason of a run whose state.log says that it is running, while no process holds its lock.
GONE = "its process is gone"

_FINISHED = RunState.FINISHED  # looked up once: that costs as much as taking a line apart

#: The whole state.log of a run that has not been started.
WAITING = re.compile(r"[\dTZ:.-]{1,30}\tin_queue\t\n", re.ASCII)

_STARTED_ONCE = (
    r"[\dTZ:.-]{1,30}\tin_queue\t\n"
    r"(?P<started>[\dTZ:.-]{1,30})\trunning\tattempt=1 pid=(?P<pid>\d{1,10}) host=(?P<host>[\w.-]+)\n"
)

# The whole state.log of a run that finished at its first attempt: most runs, read without taking the lines apart.
_FINISHED_AT_ONCE = re.compile(
    _STARTED_ONCE + r"(?P<ended>[\dTZ:.-]{1,30})\tfinished\t"
    r"duration_s=(?P<duration>\d{1,12}\.\d{1,9}) cpu_s=(?P<cpu>\d{1,12}\.\d{1,9}) "
    r"peak_mb=(?P<peak>\d{1,12}\.\d{1,9})\n",
    re.ASCII,
)

# The same of a run that failed at its first attempt.
_FAILED_AT_ONCE = re.compile(
    _STARTED_ONCE + r"(?P<ended>[\dTZ:.-]{1,30})\terror\t(?P<reason>[^\x00-\x1f]*)\n", re.ASCII
)


_GLANCE = 1024  # a state.log of so many bytes or more is not read by `peek`
_READ_ONLY = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK


def peek(path: str) -> bytes:
    """Return all of a short file, b"" if it is longer or there is anything strange about it: one look for most runs."""
    try:
        descriptor = os.open(path, _READ_ONLY)
        try:
            content = os.read(descriptor, _GLANCE)
        finally:
            os.close(descriptor)
    except OSError:
        return b""
    return content if len(content) < _GLANCE else b""


def finished_at_once(
    text: str, path: str, simulation_id: str, run_id: int | None, seed: int | None
) -> RunStatus | None:
    """Return the status of a run that finished at its first attempt, None if its state.log says anything else."""
    match = _FINISHED_AT_ONCE.fullmatch(text)
    if match is None:
        return None
    started, pid, host, ended, duration, cpu, peak = match.groups()
    numbers = float(duration), float(cpu), float(peak)
    return RunStatus(simulation_id, run_id, _FINISHED, path, "", seed, 1, started, ended, *numbers, 1.0, int(pid), host)


def failed_at_once(text: str, path: str, simulation_id: str, run_id: int | None, seed: int | None) -> RunStatus | None:
    """Return the status of a run that failed at its first attempt, None if its state.log says anything else."""
    match = _FAILED_AT_ONCE.fullmatch(text)
    if match is None:
        return None
    started, pid, host, ended, reason = match.groups()
    run = simulation_id, run_id, RunState.ERROR, path
    numbers = _numbers(read_json(f"{path}/{RECORD}"), started, ended)
    return RunStatus(*run, reason, seed, 1, started, ended, *numbers, None, int(pid), host)


def _numbers(facts: Mapping[str, Any], started: str, ended: str) -> tuple[float | None, float | None, float | None]:
    """Return duration, processor time and peak memory of a run that is over."""
    duration = number_of(facts, "duration_s")
    if duration is None:
        duration = seconds_between(started, ended)
    return duration, number_of(facts, "cpu_s"), number_of(facts, "peak_mb")


def describe_now(
    path: str, simulation_id: str, run_id: int | None, seed: int | None, history: StateHistory, damage: list[str]
) -> RunStatus:
    """Return the status of a run; one that is running with a free lock, and no move in between, has no process."""
    while (
        history.state is RunState.RUNNING
        and history.last
        and history.last.when
        and is_held(f"{path}/{STATE_LOCK}") is False
    ):
        again = read_history(f"{path}/{STATE_LOG}")
        if again.size == history.size:
            run = describe(path, simulation_id, run_id, seed, again)
            return run._replace(state=RunState.INTERRUPTED, reason=GONE)
        history = again
    if history.damage:
        damage.append(f"{simulation_id} run {run_id}: {history.damage}")
    return describe(path, simulation_id, run_id, seed, history)


def describe(path: str, simulation_id: str, run_id: int | None, seed: int | None, history: StateHistory) -> RunStatus:
    """Return the status of a run as its state.log says it."""
    last = history.last
    if last is None:
        return RunStatus(simulation_id, run_id, RunState.IN_QUEUE, path, history.damage, seed, fraction=0.0)
    run = simulation_id, run_id, last.state, path
    attempts, started, facts = history.attempts, history.started, _facts(history)
    if last.state is RunState.RUNNING:
        elapsed = seconds_between(started, utc_now())
        if elapsed is not None and run_id is not None:
            elapsed = max(elapsed - frozen_seconds(batch_of(path), started), 0.0)
        fraction = RunFolder(path).read_progress()
        return RunStatus(*run, "", seed, attempts, started, "", elapsed, None, None, fraction, *_place(facts))
    if last.state is RunState.IN_QUEUE:
        return RunStatus(*run, "", seed, attempts, fraction=0.0)
    reason = last.detail.partition(REMARK)[2] if last.state is RunState.FINISHED else last.detail
    if "duration_s" not in facts:  # failed runs say why in state.log; the numbers are in run.json
        facts = {**read_json(f"{path}/{RECORD}"), **facts}
    numbers = _numbers(facts, started, last.when)
    fraction = 1.0 if last.state is RunState.FINISHED else None
    return RunStatus(*run, reason, seed, attempts or 1, started, last.when, *numbers, fraction, *_place(facts))


def _facts(history: StateHistory) -> dict[str, Any]:
    """Return the ``name=value`` words of the last ``running`` and ``finished`` lines."""
    facts: dict[str, Any] = {}
    for transition in history.transitions[-2:]:
        if transition.state in (RunState.RUNNING, RunState.FINISHED):
            for word in transition.detail.partition(REMARK)[0].split():
                name, _, value = word.partition("=")
                try:
                    facts[name] = float(value)
                except ValueError:
                    facts[name] = value
    return facts


def _place(facts: dict[str, Any]) -> tuple[int | None, str]:
    pid = number_of(facts, "pid")
    host = facts.get("host", "")
    return (int(pid) if pid is not None else None), (host if isinstance(host, str) else str(host))
