"""Random commands, several at a time, under kills: no run may be lost, and no command may end in any but its own words.

``python -m benchmarks.fuzz --seconds S [--seed N] [--episode K]`` ends with a table; exit code 1 if a number that must
be zero is not. An episode is one batch; that of a number has the same commands and blows each time.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from simmanager.base.errors import SimManagerError
from simmanager.status.reader import read_status

from .chaos import MANAGER, marked_processes, send, workers

#: Steps of an episode.
_STEPS = 40

#: Seconds that a command may take.
_PATIENCE_S = 90

#: Commands at a time, at most.
_AT_ONCE = 4

_SIMULATIONS = ("quick", "slow", "lock", "fails", "leaves_a_child", "dies_once")

#: Those that leave nothing alive where they are executed in the process of a command.
_IN_PROCESS = ("quick", "slow", "lock", "fails")

#: Those that may end in an error, whatever one does.
_MAY_FAIL = ("fails",)

#: What a command may print a traceback for: it shows that of a run.
_SHOWS_TRACEBACKS = ("logs", "show", "debug", "reproduce")

#: Exit codes that are documented, and those of the signals that are sent here.
_CODES = {0, 1, 2, 130, -signal.SIGKILL, -signal.SIGINT, -signal.SIGTERM, -signal.SIGHUP, 128 + signal.SIGTERM}

_MAKE = ["run", "model.py", "--id", "b", "--seed", "1", "--jobs", "2"]

_OPTIONS = (
    ["--jobs", "1"],
    ["--jobs", "3"],
    ["--retries", "1"],
    ["--retry-errors"],
    ["--timeout", "20"],
    ["--memory-limit", "1GB"],
    ["--fail-fast"],
    ["--fail-fast", "3"],
    ["--fresh-process"],
    ["--checkpoint-every", "1"],
    ["--durable"],
    ["--threads-per-run", "1"],
)

_WRONG = (
    ["statsu", "b"],
    ["status", "bb"],
    ["status"],
    ["logs", "b", "nobody"],
    ["logs", "b", "quick", "99"],
    ["rerun", "b", "quick", "minus"],
    ["rerun", "b", "fails", "--set", "training_loop_params.nothing=1"],
    ["rerun", "b", "fails", "--set", "ok"],
    ["run", "nothing.py"],
    ["run", "model.py", "--jobs", "0"],
    ["run", "model.py", "--sweep", "x=1"],
    ["resume", "b", "--timeout", "soon"],
    ["resume", "b", "--memory-limit", "-1"],
    ["results", "b", "--key", "nothing"],
    ["diff", "b/quick", "b/nobody"],
    ["report", "b", "-o", "missing/page.html"],
    ["show", "traces"],
    ["stop", "model.py"],
)


@dataclass
class Report:
    """What was done, and what must not happen."""

    commands: Counter[str] = field(default_factory=Counter)
    blows: Counter[str] = field(default_factory=Counter)
    episodes: int = 0
    executions: int = 0
    bad: dict[str, list[str]] = field(
        default_factory=lambda: {
            name: []
            for name in (
                "finished, then lost",
                "finished, then changed",
                "executed twice at once",
                "executed after finished",
                "counts not consistent",
                "not to be finished",
                "unknown exit code",
                "traceback",
                "command that hangs",
                "leftovers",
            )
        }
    )

    def table(self) -> str:
        """Return the table."""
        rows = [("episodes", self.episodes), ("commands", sum(self.commands.values())), ("executions", self.executions)]
        rows += [(f"command: {name}", number) for name, number in sorted(self.commands.items())]
        rows += [(f"blow: {name}", number) for name, number in sorted(self.blows.items())]
        rows += [(name, len(found)) for name, found in self.bad.items()]
        lines = [f"| {name:<40} | {value:>8} |" for name, value in rows]
        examples = [f"  {name}: {each}" for name, found in self.bad.items() for each in found[:3]]
        return "\n".join([f"| {'fuzz':<40} | {'number':>8} |", f"|{'-' * 42}|{'-' * 9}:|", *lines, *examples])

    @property
    def clean(self) -> bool:
        """Whether all that must be zero is zero."""
        return not any(self.bad.values())


@dataclass
class Command:
    """A command that was started."""

    words: list[str]
    process: subprocess.Popen[bytes]
    output: Path
    since: float

    @property
    def text(self) -> str:
        """What it printed."""
        return self.output.read_text(errors="replace")


def _is_ours(text: str) -> bool:
    """Return whether a text has a traceback of simmanager; a signal while Python starts and imports leaves one, too."""
    importing = "KeyboardInterrupt" in text and "in main\n" not in text
    return "Traceback" in text and f"simmanager{os.sep}" in text and not importing


class Episode:
    """One batch and the commands on it.

    Parameters
    ----------
    folder : Path
        Where all happens.
    seed : int
        Of the fuzzer.
    number : int
        Which episode of this seed.
    report : Report
        Takes what is found.
    """

    def __init__(self, folder: Path, seed: int, number: int, report: Report) -> None:
        self.random = random.Random(f"{seed}-{number}")
        self.name, self.folder, self.report = f"seed {seed}, episode {number}", folder / f"episode{number}", report
        self.mark = f"FUZZ={os.getpid()}-{seed}-{number}"
        #: In every third one finished runs may be replaced, by command.
        self.is_rough = number % 3 == 2
        self.total = 0
        self.finished: dict[tuple[str, int | None], tuple[str, int]] = {}
        self.at_work: list[Command] = []
        self.history: list[str] = []

    def bad(self, what: str, text: str) -> None:
        """Note a violation, with the commands before it."""
        found = f"{self.name}: {text} [{'; '.join(self.history[-8:])}] in {self.folder}"
        self.report.bad[what].append(found)
        print(f"{what}: {found}", file=sys.stderr, flush=True)

    def run(self) -> None:
        """Do all the steps, then finish the batch and look at what is left."""
        for name in ("traces", "tmp", "out"):
            (self.folder / name).mkdir(parents=True)
        shutil.copy(Path(__file__).parent / "programs" / "fuzz_model.py", self.folder / "model.py")
        self._begin(_MAKE)
        for _ in range(_STEPS):
            choice = self.random.random()
            if choice < 0.2:
                self._strike()
            elif choice < 0.35:
                time.sleep(self.random.random())
            else:
                self._begin(self._some_command())
            self._reap()
            self._look()
        self._end()

    # Commands --------------------------------------------------------------------------------------------------

    def _begin(self, words: list[str]) -> None:
        while len(self.at_work) >= _AT_ONCE:
            time.sleep(0.05)
            self._reap()
        output = self.folder / "out" / f"{len(self.history)}.txt"
        name, _, value = self.mark.partition("=")
        places = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "TMPDIR": str(self.folder / "tmp")}
        with output.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-c", MANAGER, *words],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env={**os.environ, name: value, **places, "MPLBACKEND": "Agg"},
            )
        self.report.commands[words[0]] += 1
        self.history.append(" ".join(words))
        self.at_work.append(Command(words, process, output, time.monotonic()))

    def _some_command(self) -> list[str]:
        simulation, run_id = self.random.choice(_SIMULATIONS), str(self.random.randrange(4))
        one = [[], [simulation], [simulation, run_id]][self.random.randrange(3)]
        options = [word for option in self.random.sample(_OPTIONS, self.random.randrange(3)) for word in option]
        commands = [
            *[["resume", "b", *options]] * 4,
            ["resume", "b", "--dry-run"],
            ["run", "model.py", "--id", "b", *options],
            ["run", "model.py", "--id", "b", "--extend", "--runs", str(self.random.randrange(3, 6)), *options],
            ["rerun", "b", *one, *options],
            ["rerun", "b", *one, "--from", "model.py"],
            ["rerun", "b", "fails", run_id, "--set", "training_loop_params.ok=true"],
            ["rerun", "b", *one, "--dry-run"],
            *[["stop", "b"], ["stop", "b", "--now"]],
            *[["status", "b"], ["status", "b", "--json"], ["status", "b", "--watch"], ["status", f"b/{simulation}"]],
            *[["results", "b"], ["results", "b", "--csv"], ["results", "b", "--key", "x"], ["results", "b", "--json"]],
            *[
                ["logs", "b", *one],
                ["logs", "b", *one, "--type", "state"],
                ["show", "b", *one],
                ["show", "b", "--json"],
            ],
            *[["diff", f"b/{simulation}", "b/quick"], ["report", "b"], ["reproduce", "b", *one]],
            ["debug", "b", self.random.choice(_IN_PROCESS), run_id],
            self.random.choice(_WRONG),
        ]
        if self.is_rough:
            commands += [["rerun", "b", *one, "--all", *options]] * 3
        return self.random.choice(commands)

    def _strike(self) -> None:
        """Send a signal to a command or to a worker."""
        living = [command.process.pid for command in self.at_work if command.process.poll() is None]
        victims = [*living, *workers(self.mark)]
        number = self.random.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGINT, signal.SIGTERM, signal.SIGSTOP])
        if not victims:
            return
        pid = self.random.choice(victims)
        self.report.blows[f"{number.name} {'command' if pid in living else 'worker'}"] += 1
        self.history.append(f"<{number.name}>")
        send(pid, number)
        if number == signal.SIGSTOP:
            time.sleep(self.random.random() * 0.5)
            send(pid, signal.SIGCONT)

    def _reap(self) -> None:
        """See how commands ended; one that watches is interrupted after a while."""
        for command in list(self.at_work):
            lasted = time.monotonic() - command.since
            if command.process.poll() is None:
                if "--watch" in command.words and lasted > 1:
                    send(command.process.pid, signal.SIGINT)
                if lasted > _PATIENCE_S:
                    self.bad("command that hangs", " ".join(command.words))
                    command.process.kill()
                continue
            self.at_work.remove(command)
            code, words = command.process.returncode, " ".join(command.words)
            if code not in _CODES:
                self.bad("unknown exit code", f"{code} of {words}: {command.text[-300:]}")
            if command.words[0] not in _SHOWS_TRACEBACKS and _is_ours(command.text):
                self.bad("traceback", f"{words}: {command.text[-1500:]}")

    # Looking ---------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        try:
            status = read_status(self.folder / "b")
        except SimManagerError as error:
            if self.total:
                self.bad("counts not consistent", f"{error}")
            return
        if sum(status.counts.values()) != status.total or status.total < self.total or status.damage:
            self.bad(
                "counts not consistent", f"{status.counts} of {status.total}, {self.total} before; {status.damage}"
            )
        self.total = max(self.total, status.total)
        for run in status.runs:
            name = run.simulation_id, run.run_id
            if run.state != "finished":
                if name in self.finished and not self.is_rough:
                    self.bad("finished, then lost", f"{run.path}: {run.state} {run.reason}")
                continue
            with contextlib.suppress(FileNotFoundError):  # replaced meanwhile: the next look tells
                content = hashlib.sha256(Path(run.path, "training_hist.dict").read_bytes()).hexdigest()
                known = self.finished.setdefault(name, (content, self._begins(name)))
                if known[0] != content and not self.is_rough:
                    self.bad("finished, then changed", run.path)

    def _trace(self, name: tuple[str, int | None]) -> list[str]:
        path = self.folder / "traces" / f"{name[0]}-{name[1]}"
        return path.read_text().split() if path.exists() else []

    def _begins(self, name: tuple[str, int | None]) -> int:
        return self._trace(name).count("begin")

    # The end ---------------------------------------------------------------------------------------------------

    def _wait(self) -> None:
        while self.at_work:
            time.sleep(0.05)
            self._reap()

    def _end(self) -> None:
        self._wait()
        made = (self.folder / "b" / "manager.json").exists()  # or what was to make it was killed
        for words in (*([] if made else [_MAKE]), ["resume", "b", "--retry-errors"], ["rerun", "b", "--retries", "1"]):
            self._begin(words)
            self._wait()
        self._look()
        for run in read_status(self.folder / "b").runs:
            if run.state != "finished" and run.simulation_id not in _MAY_FAIL:
                self.bad("not to be finished", f"{run.path}: {run.state} {run.reason}")
        for name, (_, begins) in self.finished.items():
            if self._begins(name) > begins and not self.is_rough:
                self.bad("executed after finished", f"{name}")
        for path in (self.folder / "traces").iterdir():
            lines = path.read_text().split()
            self.report.executions += lines.count("begin")
            if "TWICE" in lines:
                self.bad("executed twice at once", path.name)
        self._check_leftovers()

    def _check_leftovers(self) -> None:
        patience = time.monotonic() + 15
        while (alive := marked_processes(self.mark)) and time.monotonic() < patience:
            time.sleep(0.05)
        for pid in alive:
            self.bad("leftovers", f"process {pid}: {Path(f'/proc/{pid}/cmdline').read_bytes()!r}")
            send(pid, signal.SIGKILL)
        for path in (self.folder / "b").rglob("*"):
            if path.name.startswith(("~simmanager-part-", ".removed-")):
                self.bad("leftovers", str(path))
        for path in self.folder.iterdir():
            if path.name not in ("b", "model.py", "traces", "tmp", "out", "__pycache__"):
                self.bad("leftovers", str(path))


def run_fuzz(seconds: float, seed: int, first: int = 0) -> Report:
    """Run episodes in a temporary folder until the time is over; it is kept if something is wrong."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    report, deadline = Report(), time.monotonic() + seconds
    while not report.episodes or time.monotonic() < deadline:
        episode = Episode(folder, seed, first + report.episodes, report)
        episode.run()
        report.episodes += 1
        if report.clean:
            shutil.rmtree(episode.folder)
    if report.clean:
        shutil.rmtree(folder)
    return report


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.fuzz", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0, metavar="S", help="how long (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the fuzzer (default: %(default)s)")
    parser.add_argument("--episode", type=int, default=0, metavar="K", help="the first one (default: %(default)s)")
    arguments = parser.parse_args(argv)
    report = run_fuzz(arguments.seconds, arguments.seed, arguments.episode)
    print(report.table())
    return 0 if report.clean else 1


if __name__ == "__main__":
    sys.exit(main())
