"""Empty runs: what a run costs beside its science."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

from . import peers
from .harness import (
    OURS,
    PROGRAMS,
    Measured,
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

#: Runs of those that take milliseconds, and of those that start a process for each run.
SIZES = {"full": (2000, 60), "quick": (200, 6), "tiny": (4, 2)}

#: Cores used by all but the serial ones.
N_JOBS = 2

_POOLS = {
    "loky": peers.LOKY,
    "careful": peers.LOKY_CAREFUL,
    "mpire": peers.MPIRE,
    "submitit": peers.SUBMITIT,
    "ray": peers.RAY,
    "dask": peers.DASK,
}

#: Those where a run has a process of its own, or a crash of one leaves the others alone.
_ISOLATING = ("submitit LocalExecutor", "GNU parallel", "Ray", "Dask")

_PARTS = {
    "make_ms": "of this: `generate_sim_paths`",
    "run_ms": "of this: `run_all`",
    "steady_ms": "of this: from the start of the first run to the end of the last",
}

_SERIAL_LOOP = (
    "An empty run writes ten files (NeuralPlayground: seven), six of them put in place by a rename, holds a lock while "
    "it lives, keeps its output, notes what it used, and leaves a clean process to the next; making the folders and "
    "starting the workers alone take {ahead} of NeuralPlayground's whole time. A bare joblib loop that only writes the "
    "same files as safely, on workers that have started already, takes {floor} of it, and does nothing else"
)

_COMPARED = """\
2,000 runs of an agent and an arena that do nothing (ten steps). simmanager: `generate_sim_paths` + `run_all`, with the
start of its workers. NeuralPlayground: the same two calls, serial, in its own process, with its own seven files a run.
The pools execute a plain function that writes the same ten files as a run of simmanager in the simplest way (no locks,
no atomic replacement, no captured output), on workers that have started already; mpire hands out one run at a time.
"As safely" is the same function with a lock, scratch files that are renamed, and output captured at the descriptors:
the least that the promises of a run cost, without a manager, records of resources or a clean process for the next run.
submitit and GNU parallel start a Python process for each run and are measured on fewer runs. Two runs at a time,
except for NeuralPlayground and simmanager with n_jobs=1. Import times are left out where the process is long-lived."""


def measure(settings: Settings) -> Record:
    """Measure milliseconds per empty run."""
    record = Record("overhead", "empty runs, ms per run", _COMPARED, settings.size)
    many, few = SIZES[settings.size]
    with work_folder(record, needs_mb=500) as folder:
        ours = {f"{OURS} n_jobs={n}": partial(_manager, folder, sys.executable, "simmanager", many, n) for n in (2, 1)}
        contenders: dict[str, Callable[[], Sample]] = dict(ours)
        if peers.present(peers.NPG, settings, record):
            contenders[peers.NPG.name] = partial(_manager, folder, peers.NPG.python, "neuralplayground", many, 1)
        for pool, peer in _POOLS.items():
            if peers.present(peer, settings, record):
                runs = few if pool == "submitit" else many
                contenders[peer.name] = partial(_pool, folder, peer.python, pool, runs)
        contenders |= _gnu_parallel(folder, few, many, settings, record)
        measured = in_turns(contenders, settings.turns(3), record, warm_up=f"{OURS} n_jobs=2")
    _note(record, measured)
    return record


def _manager(folder: Path, python: Path | str, package: str, runs: int, n_jobs: int) -> Sample:
    with fresh(folder, "batch") as work:
        return run_program(python, "empty_batch", folder=work, package=package, runs=runs, n_jobs=n_jobs)


def _pool(folder: Path, python: Path, pool: str, runs: int) -> Sample:
    with fresh(folder, "pool") as work:
        return run_program(python, "empty_pool", folder=work, pool=pool, runs=runs, n_jobs=N_JOBS, target=str(work))


def _gnu_parallel(
    folder: Path, few: int, many: int, settings: Settings, record: Record
) -> dict[str, Callable[[], Sample]]:
    found = peers.gnu_parallel() if settings.peers else ""
    if not found:
        reason = "not installed (Debian package: parallel)" if settings.peers else "left out by --no-peers"
        record.lacks("GNU parallel", reason)
        return {}
    python = peers.POOLS.python if peers.POOLS.python.exists() else Path(sys.executable)
    program = [str(python), str(PROGRAMS / "empty_run.py"), "{}"]
    return {
        "GNU parallel": partial(_parallel, folder, found, program, few),
        "GNU parallel with /bin/true, no files of a run": partial(_parallel, folder, found, ["true", "{}"], many),
    }


def _parallel(folder: Path, parallel: str, program: list[str], runs: int) -> Sample:
    with fresh(folder, "parallel") as work:
        (work / "paths").write_text("".join(f"{work}/run_{i}\n" for i in range(runs)))
        options = ["--will-cite", "-j", str(N_JOBS), "--results", str(work / "out"), "--joblog", str(work / "joblog")]
        start = time.perf_counter()
        run_command([parallel, *options, "-a", str(work / "paths"), *program], folder=work)
        wall = time.perf_counter() - start
        log = (work / "joblog").read_text().splitlines()[1:]
        assert len(log) == runs and all(line.split("\t")[6] == "0" for line in log), "a run of GNU parallel failed"
    return {"ms": wall / runs * 1e3}


def _note(record: Record, measured: Measured) -> None:
    ours, npg = f"{OURS} n_jobs=2", peers.NPG.name
    for who, metrics in measured.samples.items():
        record.add(who, "an empty run", "ms", metrics["ms"])
        for metric, words in _PARTS.items():
            if metric in metrics:
                record.add(who, words, "ms", metrics[metric])
    ratio = measured.ratios(ours, npg, "ms")
    ahead = [
        (made + run - steady) / theirs
        for made, run, steady, theirs in zip(
            *(measured.of(ours, metric) for metric in ("make_ms", "run_ms", "steady_ms")),
            measured.of(npg, "ms"),
            strict=False,
        )
    ]
    floor = measured.ratios(peers.LOKY_CAREFUL.name, npg, "ms")
    reason = _SERIAL_LOOP.format(ahead=_share(ahead), floor=_share(floor))
    words = "simmanager at n_jobs=2 over NeuralPlayground's serial loop"
    record.judge(words, "x", ratio, at_most(1), if_missed=reason)
    steady = zip(measured.of(ours, "steady_ms"), measured.of(npg, "run_ms"), strict=False)
    words = "the same for `run_all` alone, without the start of our workers (as without NeuralPlayground's import)"
    record.judge(words, "x", [above / below for above, below in steady], at_most(1), if_missed="As above")
    record.judge("simmanager at n_jobs=1 over NeuralPlayground's", "x", measured.ratios(f"{OURS} n_jobs=1", npg, "ms"))
    for peer in (*(peer.name for peer in _POOLS.values()), "GNU parallel"):
        isolates = peer in _ISOLATING
        words = f"simmanager at n_jobs=2 over {peer}{'' if isolates else ' (does not isolate runs)'}"
        record.judge(words, "x", measured.ratios(ours, peer, "ms"), at_most(1) if isolates else None)
    steady = zip(measured.of(ours, "steady_ms"), measured.of(peers.LOKY_CAREFUL.name, "ms"), strict=False)
    words = "an empty run once the workers have started over the loop that writes as safely, whose workers had started"
    record.judge(words, "x", [above / below for above, below in steady], at_most(2.5))
    record.notes.append(f"{N_JOBS} runs at a time on {os.cpu_count()} cores.")


def _share(ratios: list[float]) -> str:
    return f"{median(ratios):.0%}" if ratios else "part"


if __name__ == "__main__":
    main(measure)
