"""Whether a sweep costs what one simulation costs, when a library changes the process that imports it."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from .harness import OURS, Record, Sample, Settings, at_most, fresh, in_turns, main, run_program, work_folder

#: Runs.
SIZES = {"full": 12, "quick": 6, "tiny": 2}

#: Runs at a time.
N_JOBS = 2

_COMPARED = """\
As many runs of the same function, once as runs of one simulation, once as a sweep with one run for each value. The
function is of a module that takes 0.3 s to import and changes warning filters, log handlers and environment, as
PyTorch, JAX, scikit-learn, Gymnasium or Brian2 do. `run_all`, with the start of its workers, which all import it."""


def measure(settings: Settings) -> Record:
    """Measure seconds per batch, and count workers."""
    record = Record("sweep", "a sweep over a model with a large library", _COMPARED, settings.size)
    runs = SIZES[settings.size]
    with work_folder(record) as folder:
        contenders = {f"{OURS}: {words}": partial(_batch, folder, kind, runs) for kind, words in _KINDS.items()}
        measured = in_turns(contenders, settings.turns(5), record)
    for who, metrics in measured.samples.items():
        record.add(who, f"{runs} runs", "s", metrics["run_s"])
        record.add(who, "workers", "processes", metrics["workers"])
    one, swept = (f"{OURS}: {words}" for words in _KINDS.values())
    record.judge("a sweep over one simulation", "x", measured.ratios(swept, one, "run_s"), at_most(1.25))
    record.judge("workers of a sweep", "processes", measured.of(swept, "workers"), at_most(N_JOBS))
    record.notes.append(f"{N_JOBS} runs at a time.")
    return record


_KINDS = {"one": "one simulation", "sweep": "a sweep"}


def _batch(folder: Path, kind: str, runs: int) -> Sample:
    with fresh(folder, "batch") as work:
        return run_program(sys.executable, "sweep_batch", folder=work, kind=kind, runs=runs, n_jobs=N_JOBS)


if __name__ == "__main__":
    main(measure)
