"""How long it takes until something happens."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from . import peers
from .harness import (
    OURS,
    Record,
    Sample,
    Settings,
    at_most,
    fresh,
    in_turns,
    main,
    run_command,
    run_program,
    work_folder,
)

#: Turns: a process takes milliseconds.
TURNS = {"full": 20, "quick": 5, "tiny": 1}

_COMPARED = """\
Whole processes, from their start to their end, of one interpreter: bare Python (`-c pass`), `import simmanager`,
`python -m simmanager --help`; NeuralPlayground's import with its own interpreter, over its own bare Python. The first
run: from the call of `run_all` in a fresh process, which has imported simmanager but made no folder and started no
worker, to the time at which the first run says that it is running (eight empty runs, two at a time)."""


def measure(settings: Settings) -> Record:
    """Measure start-up times."""
    record = Record("startup", "imports, command line, first run", _COMPARED, settings.size)
    python = sys.executable
    with work_folder(record) as folder, fresh(folder, "start") as work:
        contenders = {
            "bare Python": partial(run_command, [python, "-c", "pass"], work),
            f"{OURS}: import": partial(run_command, [python, "-c", "import simmanager"], work),
            f"{OURS}: --help": partial(run_command, [python, "-m", "simmanager", "--help"], work),
            f"{OURS}: first run": partial(_first_run, folder),
        }
        if peers.present(peers.NPG, settings, record):
            npg = peers.NPG.python
            contenders["bare Python of NeuralPlayground"] = partial(run_command, [npg, "-c", "pass"], work)
            words = [npg, "-c", "import neuralplayground.backend"]
            contenders[f"{peers.NPG.name}: import"] = partial(run_command, words, work)
        turns = settings.pairs or TURNS[settings.size]
        measured = in_turns(contenders, turns, record, warm_up=f"{OURS}: first run")
    for who, metrics in measured.samples.items():
        record.add(who, "whole process", "ms", [value * 1e3 for value in metrics["wall_s"]])
    bare = measured.of("bare Python", "wall_s")
    for who, target in ((f"{OURS}: import", 20), (f"{OURS}: --help", None)):
        over = [(value - base) * 1e3 for value, base in zip(measured.of(who, "wall_s"), bare, strict=True)]
        record.judge(f"{who}, over bare Python", "ms", over, at_most(target) if target else None)
    pairs = zip(
        measured.of(f"{peers.NPG.name}: import", "wall_s"),
        measured.of("bare Python of NeuralPlayground", "wall_s"),
        strict=False,
    )
    record.judge(f"{peers.NPG.name}: import, over its bare Python", "ms", [(a - b) * 1e3 for a, b in pairs])
    first = measured.of(f"{OURS}: first run", "first_run_s")
    record.judge("first run starts after `run_all`", "s", first, at_most(0.4))
    return record


def _first_run(folder: Path) -> Sample:
    with fresh(folder, "first") as work:
        answer = run_program(sys.executable, "first_run", folder=work, runs=8, n_jobs=2)
    return {"wall_s": answer["all_s"], "first_run_s": answer["first_run_s"]}


if __name__ == "__main__":
    main(measure)
