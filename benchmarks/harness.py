"""What all benchmarks share: turns A B A B, samples, targets, the record and its table."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PROGRAMS = HERE / "programs"
RESULTS = HERE / "results"

#: Who is measured, as the tables name it.
OURS = "simmanager"

#: Seconds after which a program is taken to hang.
_PATIENCE_S = 3600.0

#: Seconds that the workers of a pool are given to end by themselves.
_GRACE_S = 10.0

#: Metric -> value, of one execution of one contender.
Sample = dict[str, float]


@dataclass(frozen=True)
class Settings:
    """How much is measured.

    Parameters
    ----------
    size : {"full", "quick", "tiny"}
        The sizes that a module measures; "tiny" is for the tests.
    pairs : int
        Turns of all contenders; 0: what the module thinks right.
    peers : bool
        False: only simmanager.
    """

    size: str = "full"
    pairs: int = 0
    peers: bool = True

    def turns(self, default: int) -> int:
        """Return the number of turns, ``default`` unless the user said another."""
        return self.pairs or (default if self.size == "full" else min(default, 2))


@dataclass(frozen=True)
class Target:
    """A limit that a figure has to keep."""

    sign: str
    limit: float

    def __str__(self) -> str:
        return f"{'≤' if self.sign == '<=' else '≥'} {number(self.limit)}"

    def is_reached(self, value: float) -> bool:
        """Return whether a value keeps the limit."""
        return value <= self.limit if self.sign == "<=" else value >= self.limit


def at_most(limit: float) -> Target:
    """Return a target that values must not exceed."""
    return Target("<=", limit)


def at_least(limit: float) -> Target:
    """Return a target that values must reach."""
    return Target(">=", limit)


@dataclass
class Row:
    """One thing measured: of whom, what, in which unit, all samples in the order of the turns."""

    who: str
    what: str
    unit: str
    samples: list[float]

    @property
    def median(self) -> float | None:
        """Median of the samples."""
        return statistics.median(self.samples) if self.samples else None


@dataclass
class Figure:
    """What a target speaks about: a value, or the ratio of two in each turn."""

    what: str
    unit: str
    samples: list[float]
    target: Target | None = None
    why: str = ""
    #: What keeps it from its target, said where it misses it.
    if_missed: str = ""

    @property
    def median(self) -> float | None:
        """Median of the samples."""
        return statistics.median(self.samples) if self.samples else None

    @property
    def verdict(self) -> str:
        """``reached``, ``MISSED``, ``not measured``, or "" without a target."""
        if self.median is None:
            return "not measured"
        if self.target is None:
            return ""
        return "reached" if self.target.is_reached(self.median) else "MISSED"


@dataclass
class Record:
    """All that one module measured.

    Parameters
    ----------
    name, question : str
        The module, and what it asks.
    compared : str
        What is compared with what, in a sentence or two.
    size : str
        See `Settings`.
    """

    name: str
    question: str
    compared: str
    size: str
    rows: list[Row] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0
    machine: dict[str, Any] = field(default_factory=dict)

    def add(self, who: str, what: str, unit: str, samples: Sequence[float]) -> Row:
        """Add a measured row and return it."""
        row = Row(who, what, unit, list(samples))
        self.rows.append(row)
        return row

    def judge(
        self,
        what: str,
        unit: str,
        samples: Sequence[float],
        target: Target | None = None,
        why: str = "",
        *,
        if_missed: str = "",
    ) -> None:
        """Add a figure; without samples it counts as not measured."""
        self.figures.append(Figure(what, unit, list(samples), target, why, if_missed))

    def lacks(self, peer: str, reason: str) -> None:
        """Name a peer that could not be measured."""
        self.missing.append(f"{peer}: {reason}")

    def as_json(self) -> dict[str, Any]:
        """Return the record as plain data."""
        content = {**asdict(self), "rows": [], "figures": []}
        for row in self.rows:
            content["rows"].append({**asdict(row), **spread(row.samples)})
        for figure in self.figures:
            target = str(figure.target) if figure.target else ""
            plain = {**asdict(figure), "target": target, "verdict": figure.verdict}
            content["figures"].append({**plain, **spread(figure.samples)})
        return content

    def as_markdown(self) -> str:
        """Return the section of RESULTS.md."""
        lines = [f"## {self.name}: {self.question}", "", self.compared, ""]
        if self.size != "full":
            lines += [f"**Reduced sizes (`{self.size}`): these numbers do not count.**", ""]
        if self.figures:
            lines += ["| figure | target | median | min – max | verdict |", "|---|---|---|---|---|"]
            lines += [_figure_line(figure) for figure in self.figures] + [""]
        lines += ["| who | what | median | min – max | unit | turns |", "|---|---|---|---|---|---|"]
        lines += [_row_line(row) for row in self.rows]
        lines += [f"| {text.partition(':')[0]} | *missing:{text.partition(':')[2]}* | | | | |" for text in self.missing]
        lines += ["", *(f"- {note}" for note in self.notes)]
        return "\n".join(lines).rstrip() + f"\n\n(measured in {self.seconds:.0f} s)\n"


def spread(samples: Sequence[float]) -> dict[str, float | None]:
    """Return median, min and max, each None without samples."""
    if not samples:
        return {"median": None, "min": None, "max": None}
    return {"median": statistics.median(samples), "min": min(samples), "max": max(samples)}


def number(value: float | None) -> str:
    """Return a number with three digits that count."""
    if value is None:
        return "–"
    if value == 0 or 1000 <= abs(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _range(samples: Sequence[float]) -> str:
    return f"{number(min(samples))} – {number(max(samples))}" if samples else "–"


def _row_line(row: Row) -> str:
    cells = (row.who, row.what, number(row.median), _range(row.samples), row.unit, str(len(row.samples)))
    return f"| {' | '.join(cells)} |"


def _figure_line(figure: Figure) -> str:
    value = f"{number(figure.median)} {figure.unit}".strip()
    verdict = figure.verdict + (f" ({figure.why})" if figure.why else "")
    target = f"{figure.target} {figure.unit}".strip() if figure.target else ""
    return f"| {figure.what} | {target} | {value} | {_range(figure.samples)} | {verdict} |"


# Measuring -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Measured:
    """The samples of all contenders of one comparison: contender -> metric -> one value a turn."""

    samples: dict[str, dict[str, list[float]]]

    def of(self, who: str, metric: str) -> list[float]:
        """Return the samples of a metric, [] if it was not measured."""
        return self.samples.get(who, {}).get(metric, [])

    def ratios(self, over: str, under: str, metric: str) -> list[float]:
        """Return ``over / under`` of a metric, turn by turn; [] unless both were measured."""
        pairs = zip(self.of(over, metric), self.of(under, metric), strict=False)
        return [above / below for above, below in pairs if below]


def in_turns(
    contenders: Mapping[str, Callable[[], Sample]], turns: int, record: Record, *, warm_up: str = ""
) -> Measured:
    """Execute all contenders in turns A B A B, so that what changes on the machine meets all of them.

    Parameters
    ----------
    contenders : mapping
        Name -> a function that does the work once and returns its sample.
    turns : int
        How often each is executed.
    record : Record
        Takes the name of a peer that fails; it is left out then.
    warm_up : str, optional
        Name of the one that is executed once before, which is not counted.

    Raises
    ------
    RuntimeError
        simmanager failed.
    """
    if warm_up:
        contenders[warm_up]()
    samples: dict[str, dict[str, list[float]]] = {name: {} for name in contenders}
    for turn in range(turns):
        for name in list(samples):
            say(f"{record.name}, turn {turn + 1} of {turns}: {name}")
            try:
                sample = contenders[name]()
            except (RuntimeError, AssertionError) as error:
                if name.startswith(OURS):
                    raise
                del samples[name]
                record.lacks(name, f"it failed ({str(error).strip().splitlines()[-1][:150]})")
                continue
            for metric, value in sample.items():
                samples[name].setdefault(metric, []).append(value)
    return Measured(samples)


def timed(function: Callable[[], Any]) -> Sample:
    """Return the wall time of a call."""
    start = time.perf_counter()
    function()
    return {"wall_s": time.perf_counter() - start}


def run_program(python: Path | str, program: str, *, folder: Path | None = None, **arguments: Any) -> dict[str, Any]:
    """Run one of our programs with an interpreter, in its own process, and return what it answers.

    Parameters
    ----------
    python : path-like
        The interpreter: ours, or that of a peer.
    program : str
        Name of a file in ``programs/``, without its ending.
    folder : Path, optional
        Working directory.
    **arguments
        Plain data for it.

    Raises
    ------
    RuntimeError
        It failed; has the end of what it said.
    """
    command = [str(python), str(PROGRAMS / f"{program}.py"), json.dumps(arguments)]
    with tempfile.TemporaryFile() as said:  # not a pipe: what a pool leaves alive would hold it open
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, cwd=folder, env=environment(), process_group=0
        )
        try:
            code = process.wait(_PATIENCE_S)
        finally:
            _end_group(process)
        said.seek(0)
        lines = said.read().decode("utf-8", "replace").splitlines()
    for line in reversed(lines):
        if line.startswith("benchmark:"):
            return dict(json.loads(line.removeprefix("benchmark:")))
    raise RuntimeError(f"{program} failed with exit code {code}: {chr(10).join(lines)[-1500:]}")


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End what a program left alive, after a grace in which pools remove their semaphores and shared memory."""
    deadline = time.monotonic() + (_GRACE_S if process.poll() is not None else 0)
    with suppress(ProcessLookupError):
        while time.monotonic() < deadline:
            os.killpg(process.pid, 0)
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def run_command(command: Sequence[str | Path], folder: Path | None = None) -> Sample:
    """Run a command to its end and return wall time and peak memory of that process.

    Raises
    ------
    RuntimeError
        It could not be run, or ended with an exit code that is neither 0 nor 1 (1: a batch has failures).
    """
    with tempfile.TemporaryFile() as said:
        start = time.perf_counter()
        process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            cwd=folder,
            env=environment(),
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in (0, 1):
            said.seek(0)
            raise RuntimeError(f"{command[0]} ended with {process.returncode}: {said.read()[-1500:]!r}")
    return {"wall_s": wall, "peak_mb": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6}


def environment() -> dict[str, str]:
    """Return the environment of all measured processes: our package and programs can be imported, compiled once."""
    path = os.pathsep.join(filter(None, (str(ROOT), str(PROGRAMS), os.environ.get("PYTHONPATH"))))
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPATH": path, "MPLBACKEND": "Agg"}


def bytes_below(folder: Path) -> int:
    """Return the bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


@contextmanager
def work_folder(record: Record, needs_mb: float = 100) -> Iterator[Path]:
    """Give a folder that is gone afterwards: on the RAM disk, or on the disk with a note if there is no room.

    Parameters
    ----------
    record : Record
        Takes the note.
    needs_mb : float
        MB that will be written.
    """
    shared = Path("/dev/shm")
    is_ram = shared.is_dir() and os.access(shared, os.W_OK) and shutil.disk_usage(shared).free > needs_mb * 1.5e6
    folder = Path(tempfile.mkdtemp(prefix="simmanager-bench-", dir=shared if is_ram else None))
    where = "on a RAM disk" if is_ram else "ON A DISK (there is no RAM disk with enough room): expect noise"
    record.notes.append(f"Files were written {where}.")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def fresh(parent: Path, name: str) -> Iterator[Path]:
    """Give a folder for one execution, gone afterwards. It holds one file: NeuralPlayground fails in an empty one."""
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=parent))
    (folder / "placeholder").touch()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


# Machine -------------------------------------------------------------------------------------------------------


def machine() -> dict[str, Any]:
    """Return what the numbers were measured on."""
    names = ("simmanager", "numpy", "joblib", "cloudpickle", "filelock", "rich")
    return {
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": {name: version_here(name) for name in names},
        "load": round(os.getloadavg()[0], 2),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }


def _cpu_name() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor() or "unknown"
    match = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return match[1].strip() if match else platform.machine()


def version_here(package: str) -> str:
    """Return the version of a package in this environment, or ""."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def machine_header(content: Mapping[str, Any]) -> str:
    """Return the machine in one Markdown line."""
    versions = ", ".join(f"{name} {version}" for name, version in content["versions"].items() if version)
    return (
        f"{content['cpu']}, {content['cores']} cores, {content['memory_gb']} GB; {content['kernel']}; "
        f"Python {content['python']}; {versions}; {content['date']}; load before {content['load']}."
    )


# Running a module ----------------------------------------------------------------------------------------------


def say(text: str) -> None:
    """Tell the user how far it is."""
    print(f"  {text}", file=sys.stderr, flush=True)


def run_module(measure: Callable[[Settings], Record], settings: Settings, results: Path = RESULTS) -> Record:
    """Measure, and write the record as JSON."""
    before = machine()
    start = time.perf_counter()
    record = measure(settings)
    record.seconds, record.machine = time.perf_counter() - start, before
    results.mkdir(parents=True, exist_ok=True)
    text = json.dumps(record.as_json(), indent=1, ensure_ascii=False)
    suffix = "" if record.size == "full" else f"-{record.size}"  # numbers that do not count replace none that do
    (results / f"{record.name}{suffix}.json").write_text(text + "\n", encoding="utf-8")
    return record


def read_settings(argv: Sequence[str] | None = None, description: str = "") -> Settings:
    """Read the command line that all modules share."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="reduced sizes; the tables say so")
    parser.add_argument("--pairs", type=int, default=0, metavar="N", help="turns of all contenders")
    parser.add_argument("--no-peers", action="store_true", help="only simmanager")
    arguments = parser.parse_args(argv)
    return Settings("quick" if arguments.quick else "full", arguments.pairs, not arguments.no_peers)


def main(measure: Callable[[Settings], Record]) -> None:
    """Run one module from the command line: writes its JSON, prints its table."""
    record = run_module(measure, read_settings(description=measure.__doc__ or ""))
    print(machine_header(record.machine), "", record.as_markdown(), sep="\n")
