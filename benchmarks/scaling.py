"""CPU-bound runs on one and on two cores."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from . import peers
from .harness import OURS, Measured, Record, Sample, Settings, at_least, fresh, in_turns, main, run_program, work_folder

#: Seconds that a run takes, number of runs.
SIZES = {"full": ((0.1, 100), (1.0, 20), (10.0, 4)), "quick": ((0.1, 20), (0.5, 6)), "tiny": ((0.002, 2),)}

#: Two bare processes: no manager can be faster.
_BARE = "two bare processes"

_COMPARED = """\
The same number of runs, each a fixed amount of arithmetic that takes 0.1 s, 1 s or 10 s on one free core, with n_jobs 1
and 2 in turn; the speed-up is the time of one over that of the other, the start of the workers included in both (of
joblib, only with n_jobs=2: with 1 it works in its own process). simmanager writes all files of each run; the joblib
loop writes nothing. "Two bare processes" share the work out beforehand, without any pool: what this machine gives."""


def measure(settings: Settings) -> Record:
    """Measure the speed-up at two cores."""
    record = Record("scaling", "CPU-bound runs, speed-up at two cores", _COMPARED, settings.size)
    ways = {OURS: (sys.executable, "simmanager"), _BARE: (sys.executable, "bare")}
    if peers.present(peers.LOKY, settings, record):
        ways[peers.LOKY.name] = (str(peers.LOKY.python), "loky")
    with work_folder(record) as folder:
        for seconds, runs in SIZES[settings.size]:
            rounds = run_program(sys.executable, "busy_batch", seconds=seconds)["rounds"]
            contenders = {
                who: partial(_both, folder, python, way=way, rounds=rounds, runs=runs)
                for who, (python, way) in ways.items()
            }
            turns = settings.turns(3 if seconds < 1 else 2 if seconds < 5 else 1)
            _note(record, seconds, in_turns(contenders, turns, record))
    return record


def _both(folder: Path, python: str, **arguments: object) -> Sample:
    walls = {}
    for n_jobs in (1, 2):
        with fresh(folder, "busy") as work:
            walls[n_jobs] = run_program(python, "busy_batch", folder=work, n_jobs=n_jobs, **arguments)["wall_s"]
    return {"one_s": walls[1], "two_s": walls[2], "speed_up": walls[1] / walls[2]}


def _note(record: Record, seconds: float, measured: Measured) -> None:
    runs = f"runs of {seconds:g} s"
    for who, metrics in measured.samples.items():
        record.add(who, f"{runs}, n_jobs=1", "s", metrics["one_s"])
        record.add(who, f"{runs}, n_jobs=2", "s", metrics["two_s"])
        record.add(who, f"{runs}, speed-up", "x", metrics["speed_up"])
    target = at_least(1.95) if seconds >= 1 else None
    record.judge(f"speed-up at two cores, {runs}", "x", measured.of(OURS, "speed_up"), target)
    record.judge(f"the same of {_BARE}", "x", measured.of(_BARE, "speed_up"))
    # Noise of a percent must not decide: below joblib's means more than 2% below.
    over = measured.ratios(OURS, peers.LOKY.name, "speed_up")
    record.judge(f"our speed-up over joblib's, {runs}", "x", over, at_least(0.98), "2% are noise")


if __name__ == "__main__":
    main(measure)
