"""A batch of unequal simulations: how near the makespan is to what is possible."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from .harness import OURS, Record, Sample, Settings, at_most, fresh, in_turns, main, run_program, work_folder

_LOKY = "joblib loky, list order"

_METRICS = {"wall_s": ("makespan", "s"), "bound_s": ("lower bound", "s"), "ratio": ("makespan over lower bound", "x")}

_COMPARED = """\
Seven runs each of four simulations, two at a time: a tiny SR, the default SR, the default Weber, and an SR five times
as long, which stands last in the list (of an SR every 20th step is recorded). The lower bound is max(longest run, sum
of all runs / 2), from the durations measured in that same execution. simmanager has one finished run of each simulation
in the batch, so durations are known; its time is all of `run_all`, the start of the workers included. joblib (in the
same environment) takes the same runs in the order of the list, on workers that have started already, and writes agent,
arena and history."""


def measure(settings: Settings) -> Record:
    """Measure makespan over lower bound."""
    record = Record("mixed", "unequal simulations, makespan over the lower bound", _COMPARED, settings.size)
    ways = {OURS: "simmanager"}
    if settings.peers:
        ways[_LOKY] = "loky"
    else:
        record.lacks(_LOKY, "left out by --no-peers")
    with work_folder(record, needs_mb=1000) as folder:
        contenders = {who: partial(_once, folder, way, settings.size) for who, way in ways.items()}
        measured = in_turns(contenders, settings.turns(3), record)
    for who, metrics in measured.samples.items():
        for metric, (words, unit) in _METRICS.items():
            record.add(who, words, unit, metrics[metric])
    ratios = measured.of(OURS, "ratio")
    record.judge("makespan over the lower bound, durations known", "x", ratios, at_most(1.05))
    return record


def _once(folder: Path, way: str, size: str) -> Sample:
    with fresh(folder, "mixed") as work:
        return run_program(sys.executable, "mixed_batch", folder=work, way=way, size=size)


if __name__ == "__main__":
    main(measure)
