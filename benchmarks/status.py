"""`simmanager status` and `status()` on small and large batches."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path

from . import peers
from .harness import (
    OURS,
    PROGRAMS,
    Measured,
    Record,
    Sample,
    Settings,
    at_most,
    in_turns,
    main,
    run_command,
    run_program,
    work_folder,
)

SIZES = {"full": (100, 10_000, 100_000), "quick": (100, 2_000), "tiny": (20,)}

_METRICS = {
    "wall_s": ("whole process", "ms", 1e3),
    "process_mb": ("peak memory of that process", "MB", 1.0),
    "call_s": ("one call", "ms", 1e3),
    "refresh_s": ("a refresh after 10 runs changed (of 100: 5)", "ms", 1e3),
}

_COMPARED = """\
Batches of four simulations, 90% of the runs finished, 5% failed, 5% in the queue. simmanager: the process
`simmanager status BATCH`, and the call `read_status` in a process that is there already; then what `--watch` does once
more, after ten runs were written to. NeuralPlayground: a process that opens the batch and calls `check_run_status`, and
that call alone. It reads one word from each run; simmanager also reads durations, reasons and who runs it."""


_FEW_RUNS = (
    "Manifest, lock of the manager and listings cost a quarter of a millisecond, which from some hundred runs on no "
    "longer counts; for it the status also has durations, memory, reasons, seeds and who runs it"
)


def measure(settings: Settings) -> Record:
    """Measure how long looking at a batch takes."""
    record = Record("status", "looking at a batch", _COMPARED, settings.size)
    with_npg = peers.present(peers.NPG, settings, record)
    measured: dict[int, Measured] = {}
    with work_folder(record, needs_mb=1500) as folder:
        for runs in SIZES[settings.size]:
            contenders = {OURS: partial(_ours, _made(folder, sys.executable, "simmanager", runs))}
            if with_npg:
                made = _made(folder, peers.NPG.python, "neuralplayground", runs)
                contenders[peers.NPG.name] = partial(_theirs, made)
            turns = settings.turns(7 if runs <= 10_000 else 3)
            measured[runs] = in_turns(contenders, turns, record, warm_up=OURS)
            _rows(record, runs, measured[runs])
    _judge(record, measured)
    return record


def _made(folder: Path, python: Path | str, package: str, runs: int) -> Path:
    """Return a folder that holds such a batch of a package."""
    work = folder / f"{package}-{runs}"
    work.mkdir()
    (work / "placeholder").touch()
    run_program(python, "status_batch", folder=work, package=package, runs=runs)
    return work


def _ours(work: Path) -> Sample:
    process = run_command([sys.executable, "-m", "simmanager", "status", "batch"], folder=work)
    call = run_program(sys.executable, "status_call", folder=work, package="simmanager", process=False)
    return {**call, "wall_s": process["wall_s"], "process_mb": process["peak_mb"]}


def _theirs(work: Path) -> Sample:
    arguments = json.dumps({"package": "neuralplayground", "process": True})
    process = run_command([peers.NPG.python, PROGRAMS / "status_call.py", arguments], folder=work)
    call = run_program(peers.NPG.python, "status_call", folder=work, package="neuralplayground", process=False)
    return {**call, "wall_s": process["wall_s"], "process_mb": process["peak_mb"]}


def _rows(record: Record, runs: int, measured: Measured) -> None:
    for who, metrics in measured.samples.items():
        for metric, (words, unit, factor) in _METRICS.items():
            if metric in metrics:
                record.add(who, f"{runs:,} runs: {words}", unit, [value * factor for value in metrics[metric]])


def _judge(record: Record, measured: dict[int, Measured]) -> None:
    smallest, largest = min(measured), max(measured)
    start = measured[smallest].of(OURS, "wall_s")
    record.judge(f"`simmanager status`, {smallest} runs, start-up included", "s", start, at_most(0.1))
    if 10_000 in measured:
        record.judge("`simmanager status`, 10,000 runs", "s", measured[10_000].of(OURS, "wall_s"), at_most(0.3))
    refresh = measured[largest].of(OURS, "refresh_s")
    calls = measured[largest].of(OURS, "call_s")
    share = [one / other for one, other in zip(refresh, calls, strict=True)]
    record.judge(f"a refresh of {largest:,} runs, 10 changed, over reading them all", "x", share, at_most(0.1))
    for runs, values in measured.items():
        for metric, words in (("wall_s", "process"), ("call_s", "call")):
            ratios = values.ratios(OURS, peers.NPG.name, metric)
            what = f"{words} over NeuralPlayground's, {runs:,} runs"
            record.judge(what, "x", ratios, at_most(1), if_missed=_FEW_RUNS if runs <= 100 else "")


if __name__ == "__main__":
    main(measure)
