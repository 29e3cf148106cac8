"""One run of each default simulation: init, step, save, load, peak memory."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from . import peers
from .harness import (
    OURS,
    Measured,
    Record,
    Sample,
    Settings,
    at_least,
    at_most,
    fresh,
    in_turns,
    main,
    run_program,
    work_folder,
)

#: Fraction of the steps.
SIZES = {"full": 1.0, "quick": 0.05, "tiny": 0.001}

#: Model -> title, and how many times faster than NeuralPlayground it has to be.
MODELS = {"stachenfeld_in_2d": ("SR", 20), "weber_in_2d": ("Weber", 120)}

#: Metric -> words, unit.
_METRICS = {
    "run_s": ("one run", "s"),
    "init_ms": ("init", "ms"),
    "step_us": ("a step", "µs"),
    "save_ms": ("save", "ms"),
    "save_history_ms": ("save the history alone", "ms"),
    "plain_write_ms": ("write as many bytes", "ms"),
    "load_ms": ("load", "ms"),
    "mapped_ms": ("load with the history mapped", "ms"),
    "plot_ms": ("plot the path of 10,000 steps", "ms"),
    "peak_mb": ("peak memory of the process", "MB"),
    "added_mb": ("peak memory above that after the import", "MB"),
    "agent_mb": ("saved agent", "MB"),
    "history_mb": ("saved history", "MB"),
}

_COMPARED = """\
The default simulations `stachenfeld_in_2d` (100,000 steps) and `weber_in_2d` (10,000 steps) with the parameters that
each package ships, which are the same; each run in a process of its own, the import left out. A run is: make agent and
arena, train, save agent, arena and history (pickle, in both, as the manager of either does it). Each package records in
the history what it records by default; for Weber that is all weight changes in NeuralPlayground, and their norms in
simmanager."""


def measure(settings: Settings) -> Record:
    """Measure one run of each default simulation."""
    record = Record("models", "one run of each default simulation", _COMPARED, settings.size)
    contenders = {OURS: (sys.executable, "simmanager")}
    if peers.present(peers.NPG, settings, record):
        contenders[peers.NPG.name] = (str(peers.NPG.python), "neuralplayground")
    with work_folder(record, needs_mb=1200) as folder:
        for model, (title, times) in MODELS.items():
            calls = {
                who: partial(_once, folder, python, package=package, model=model, fraction=SIZES[settings.size])
                for who, (python, package) in contenders.items()
            }
            _note(record, title, times, in_turns(calls, settings.turns(3), record, warm_up=OURS))
    return record


def _once(folder: Path, python: str, **arguments: object) -> Sample:
    with fresh(folder, "model") as work:
        return run_program(python, "model_run", folder=work, **arguments)


def _note(record: Record, title: str, times: float, measured: Measured) -> None:
    npg = peers.NPG.name
    for who, metrics in measured.samples.items():
        for metric, (words, unit) in _METRICS.items():
            if metric in metrics:
                record.add(who, f"{title}: {words}", unit, metrics[metric])
    speed = measured.ratios(npg, OURS, "run_s")
    record.judge(f"{title}: NeuralPlayground's time over ours", "x", speed, at_least(times))
    memory = measured.ratios(OURS, npg, "peak_mb")
    record.judge(f"{title}: our peak memory as a part of NeuralPlayground's", "", memory, at_most(1 / 5))
    added = measured.ratios(OURS, npg, "added_mb")
    record.judge(f"{title}: the same, without what the imports take", "", added)
    if title == "Weber":
        record.judge("Weber: saved agent", "MB", measured.of(OURS, "agent_mb"), at_most(5))
        plots = measured.ratios(npg, OURS, "plot_ms")
        record.judge("10,000 steps plotted: NeuralPlayground's time over ours", "x", plots)
    else:
        record.judge("SR: results opened, history mapped", "ms", measured.of(OURS, "mapped_ms"), at_most(50))
        disk = zip(measured.of(OURS, "save_history_ms"), measured.of(OURS, "plain_write_ms"), strict=True)
        speed_of_disk = [ours / plain for ours, plain in disk]
        record.judge("SR: history saved, over writing as many bytes", "x", speed_of_disk)


if __name__ == "__main__":
    main(measure)
