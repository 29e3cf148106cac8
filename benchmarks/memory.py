"""Large and small runs in little memory: whether all finish, and how long it takes."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from . import peers
from .harness import OURS, Record, Sample, Settings, at_most, fresh, in_turns, main, run_program, work_folder

#: Runs at a time that are asked for, and those that a user might choose by hand.
N_JOBS, BY_HAND = 8, (1, 2, 3, 4)

#: MB of the control group.
LIMIT_MB = 1500

#: What the program calls a peer.
_PEERS = {"loky": peers.LOKY, "mpire": peers.MPIRE}

#: Why Ray is not among them.
_NO_RAY = (
    f"its own processes need so much of {LIMIT_MB} MB that the system reads their code from the disk again and again: "
    "tried twice, it had not ended after eight minutes"
)

_METRICS = {
    "wall_s": ("makespan", "s"),
    "failed": ("runs that did not finish", "runs"),
    "interrupted": ("runs that were ended for others and started again", "runs"),
}

_COMPARED = f"""\
12 runs (of three simulations) that need 600 MB for 3 s each, and 40 (of ten) that need 50 MB for 0.75 s, in a control
group of {LIMIT_MB} MB, with n_jobs={N_JOBS}. They sleep: the cores are no limit. Nothing is declared, and nothing is
known of a simulation before it starts. By hand: the same with n_jobs of {", ".join(map(str, BY_HAND))}; in each turn
the quickest counts. The peers are given the same calls, with as many at a time."""


def measure(settings: Settings) -> Record:
    """Measure makespans, and count what failed."""
    record = Record("memory", "large and small runs in little memory", _COMPARED, settings.size)
    with work_folder(record, needs_mb=100) as folder, limited_group(LIMIT_MB) as group:
        if group is None:
            record.lacks(OURS, "no control group can be made here: that needs root, and cgroups")
            return record
        contenders = {OURS: partial(_once, folder, group, "simmanager", N_JOBS, settings.size)}
        for n_jobs in BY_HAND:
            contenders[f"{OURS}, n_jobs={n_jobs}"] = partial(_once, folder, group, "simmanager", n_jobs, settings.size)
        for way, peer in _PEERS.items():
            if peers.present(peer, settings, record):
                python = str(peer.python)
                contenders[peer.name] = partial(_once, folder, group, way, N_JOBS, settings.size, python)
        record.lacks(peers.RAY.name, _NO_RAY)
        measured = in_turns(contenders, settings.turns(3), record)
    for who, metrics in measured.samples.items():
        for metric, (words, unit) in _METRICS.items():
            record.add(who, words, unit, metrics[metric])
    by_hand = [measured.of(f"{OURS}, n_jobs={n_jobs}", "wall_s") for n_jobs in BY_HAND]
    ours = measured.of(OURS, "wall_s")
    ratios = [wall / min(others) for wall, *others in zip(ours, *by_hand, strict=True)]
    record.judge("makespan over that with the best n_jobs chosen by hand", "x", ratios, at_most(1.15))
    record.judge("runs that did not finish", "runs", measured.of(OURS, "failed"), at_most(0))
    return record


def _once(folder: Path, group: Path, way: str, n_jobs: int, size: str, python: str = sys.executable) -> Sample:
    with fresh(folder, "memory") as work:
        try:
            return run_program(python, "memory_batch", folder=work, way=way, n_jobs=n_jobs, size=size, group=str(group))
        finally:
            for pid in (group / "cgroup.procs").read_text().split():  # what a peer leaves
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)


@contextmanager
def limited_group(limit_mb: int) -> Iterator[Path | None]:
    """Make a control group with a limit on memory for a while; None where that cannot be."""
    root = Path("/sys/fs/cgroup")
    name = f"simmanager-{os.getpid()}"
    ways = ((root / "memory" / name, "memory.limit_in_bytes"), (root / name, "memory.max"))
    for group, limit in ways:
        if not group.parent.is_dir():
            continue
        with suppress(OSError):
            group.mkdir()
            try:
                (group / limit).write_text(str(limit_mb * 1_000_000))
                yield group
                return
            finally:
                _remove(group)
    yield None


def _remove(group: Path) -> None:
    for _ in range(100):  # what was in it may not be gone yet
        with suppress(OSError):
            group.rmdir()
            return
        time.sleep(0.1)


if __name__ == "__main__":
    main(measure)
