"""The tutorial's whole work: wall time and bytes on disk."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import peers
from .harness import OURS, Record, Sample, Settings, at_least, at_most, fresh, in_turns, main, run_program, work_folder

#: Fraction of the steps, and runs of each simulation.
SIZES = {"full": (1.0, 5), "quick": (0.02, 2), "tiny": (0.002, 1)}

#: Metric -> unit.
_UNITS = {"wall_s": "s", "bytes_mb": "MB on disk"}

_COMPARED = """\
The cells of the tutorial without its figures, in one process of each package, after the imports: two single runs with
loading, then 15 runs of three simulations (one of them broken), a look at status and logs, and the rerun of the
repaired one. simmanager uses all cores, as it does by default; NeuralPlayground works one run after the other, as it
always does. The joblib loop is what its user would write today: the same 22 runs of NeuralPlayground, its files
included, in `Parallel(n_jobs=-1)`, without states and status."""


def measure(settings: Settings) -> Record:
    """Measure the tutorial's whole work."""
    record = Record("tutorial", "the tutorial's whole work, wall time and bytes on disk", _COMPARED, settings.size)
    fraction, runs = SIZES[settings.size]
    with work_folder(record, needs_mb=6000 * fraction + 100) as folder:

        def work(python: Path | str, package: str, *, joblib: bool = False) -> Callable[[], Sample]:
            return lambda: _once(folder, python, package=package, joblib=joblib, fraction=fraction, runs=runs)

        contenders = {OURS: work(sys.executable, "simmanager")}
        for peer, joblib in ((peers.NPG, False), (peers.NPG_JOBLIB, True)):
            if peers.present(peer, settings, record):
                contenders[peer.name] = work(peer.python, "neuralplayground", joblib=joblib)
        measured = in_turns(contenders, settings.turns(1), record, warm_up=OURS)
    for who, metrics in measured.samples.items():
        for metric, unit in _UNITS.items():
            record.add(who, "whole tutorial", unit, metrics[metric])
    npg, loop = peers.NPG.name, peers.NPG_JOBLIB.name
    record.judge("NeuralPlayground's time over ours", "x", measured.ratios(npg, OURS, "wall_s"), at_least(60))
    record.judge("the joblib loop's time over ours", "x", measured.ratios(loop, OURS, "wall_s"), at_least(30))
    share = measured.ratios(OURS, npg, "bytes_mb")
    record.judge("our bytes as a part of NeuralPlayground's", "", share, at_most(1 / 8))
    return record


def _once(folder: Path, python: Path | str, **arguments: Any) -> Sample:
    with fresh(folder, "tutorial") as work:
        return run_program(python, "tutorial_work", folder=work, **arguments)


if __name__ == "__main__":
    main(measure)
