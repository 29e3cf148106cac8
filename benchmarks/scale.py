"""A hundred thousand runs in the queue."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from .harness import OURS, Measured, Record, Sample, Settings, at_most, fresh, in_turns, main, run_program, work_folder

#: A batch and one ten times as large, and the seconds that the runs are let go on.
SIZES = {"full": (10_000, 100_000, 8.0), "quick": (500, 5_000, 3.0), "tiny": (20, 40, 60.0)}

#: Runs of one simulation, and as many simulations with one run each.
MANY = {"full": 20_000, "quick": 1_000, "tiny": 10}

_METRICS = {
    "make_s": ("time to make the folders", "s"),
    "make_mb": ("peak memory of the process that makes them", "MB"),
    "first_s": ("from `run_all` to the first run", "s"),
    "resume_mb": ("peak memory of the manager with all of them queued", "MB"),
    "resumed_s": ("resume with 95% over: from `run_all` to the first run", "s"),
}

_COMPARED = """\
One simulation with very many empty runs. A process makes the folders; another opens the batch, calls `run_all` with
two runs at a time, and is asked to stop after some seconds; a third resumes a batch of which 90% are finished, 5% have
failed and 5% wait. No peer keeps a batch of this kind. Linear: ten times the runs take ten times as long. Then empty
runs to the end, all of one simulation, or each of a simulation of its own, which has a recipe, sources and a folder."""


def measure(settings: Settings) -> Record:
    """Measure a very long queue."""
    record = Record("scale", "very many runs in the queue", _COMPARED, settings.size)
    small, large, seconds = SIZES[settings.size]
    names = {runs: f"{OURS}, {runs:,} runs" for runs in (small, large)}
    with work_folder(record, needs_mb=2500) as folder:
        contenders = {name: partial(_once, folder, runs, seconds) for runs, name in names.items()}
        measured = in_turns(contenders, settings.turns(3), record)
        shapes = {
            f"{OURS}, {words}": partial(_shape, folder, kind, MANY[settings.size]) for kind, words in _KINDS.items()
        }
        shaped = in_turns(shapes, settings.turns(3), record)
    for who, metrics in measured.samples.items():
        for metric, (words, unit) in _METRICS.items():
            record.add(who, words, unit, metrics[metric])
    memory = measured.of(names[large], "resume_mb")
    record.judge(f"manager memory with {large:,} runs queued", "MB", memory, at_most(200))
    for metric in ("make_s", "resumed_s"):
        times = measured.ratios(names[large], names[small], metric)
        words = f"{_METRICS[metric][0]}: {large:,} runs over {small:,}"
        record.judge(words, "x", times, at_most(large / small * 1.2), "linear, with 20% for noise")
    _judge_shapes(record, shaped, MANY[settings.size])
    return record


_KINDS = {"one": "runs of one simulation", "many": "simulations with one run each"}

_SHAPE_METRICS = {
    "make_s": ("to make them", "s"),
    "run_s": ("`run_all`, to the end", "s"),
    "ms": ("both, for each run", "ms"),
    "looked_s": ("open the batch, and its table of results", "s"),
    "mb": ("peak memory", "MB"),
}


def _judge_shapes(record: Record, shaped: Measured, runs: int) -> None:
    for who, metrics in shaped.samples.items():
        for metric, (words, unit) in _SHAPE_METRICS.items():
            record.add(who, f"{runs:,}: {words}", unit, metrics[metric])
    one, many = (f"{OURS}, {words}" for words in _KINDS.values())
    words = f"{runs:,} simulations with one run each over as many runs of one"
    record.judge(words, "x", shaped.ratios(many, one, "ms"), at_most(2))


def _shape(folder: Path, kind: str, runs: int) -> Sample:
    with fresh(folder, "shape") as work:
        return run_program(sys.executable, "many_simulations", folder=work, kind=kind, runs=runs)


def _once(folder: Path, runs: int, seconds: float) -> Sample:
    python = sys.executable
    with fresh(folder, "queue") as work:
        made = run_program(python, "long_queue", folder=work, do="make", runs=runs)
        queued = run_program(python, "long_queue", folder=work, do="resume", seconds=seconds)
    with fresh(folder, "resume") as work:
        run_program(python, "status_batch", folder=work, package="simmanager", runs=runs)
        resumed = run_program(python, "long_queue", folder=work, do="resume", seconds=seconds)
    return {
        "make_s": made["make_s"],
        "make_mb": made["make_mb"],
        "first_s": queued["first_s"],
        "resume_mb": queued["resume_mb"],
        "resumed_s": resumed["first_s"],
    }


if __name__ == "__main__":
    main(measure)
