"""The page about a large batch."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from .harness import OURS, Record, Sample, Settings, at_most, in_turns, main, run_command, run_program, work_folder

#: A batch and one five times as large.
SIZES = {"full": (10_000, 50_000), "quick": (1_000, 5_000), "tiny": (40, 80)}

N_SIMULATIONS = 10

_METRICS = {"wall_s": ("`simmanager report`, the whole process", "s"), "peak_mb": ("peak memory of it", "MB")}

_COMPARED = """\
Batches of ten simulations, 90% of the runs finished with two curves of 200 points and a metric each: tables, timeline,
curves, comparisons with their intervals, all in one page. No peer writes one."""


def measure(settings: Settings) -> Record:
    """Measure how long the page about a large batch takes."""
    record = Record("report", "the page about a large batch", _COMPARED, settings.size)
    small, large = SIZES[settings.size]
    names = {runs: f"{OURS}, {runs:,} runs" for runs in (small, large)}
    with work_folder(record, needs_mb=2500) as folder:
        contenders = {name: partial(_once, _made(folder, runs)) for runs, name in names.items()}
        measured = in_turns(contenders, settings.turns(3), record)
    for who, metrics in measured.samples.items():
        for metric, (words, unit) in _METRICS.items():
            record.add(who, words, unit, metrics[metric])
    if settings.size == "full":
        for runs, limit in ((small, 5), (large, 30)):
            record.judge(f"the page of {runs:,} runs", "s", measured.of(names[runs], "wall_s"), at_most(limit))
    times = measured.ratios(names[large], names[small], "wall_s")
    words = f"the page of {large:,} runs over that of {small:,}"
    record.judge(words, "x", times, at_most(large / small * 1.2), "linear, with 20% for noise")
    return record


def _made(folder: Path, runs: int) -> Path:
    work = folder / f"runs-{runs}"
    work.mkdir()
    (work / "placeholder").touch()
    run_program(sys.executable, "report_batch", folder=work, runs=runs, simulations=N_SIMULATIONS)
    return work


def _once(work: Path) -> Sample:
    return run_command([sys.executable, "-m", "simmanager", "report", "batch"], folder=work)


if __name__ == "__main__":
    main(measure)
