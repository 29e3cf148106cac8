"""What the tests of the page share: batches to write it about, and a reader that takes it apart."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
from toys import ToyAgent, failing_loop, toy_sim

from simmanager import SimulationManager
from simmanager.disk.state import RunState
from simmanager.results.results import Results
from simmanager.results.run_result import RunResult
from simmanager.status.status import RunStatus, summarise_runs

#: What a stranger would like the reader's browser to do.
EVIL = '<img src=x onerror="alert(1)"></pre></script><script>alert(2)</script>'

#: The same as the name of a folder, which has no slash.
EVIL_NAME = "<img src=x onerror=alert(3)>"

#: Elements without an end.
VOID = {"meta", "link", "img", "input", "br", "hr"}


def last_position(agent: Any, env: Any, history: Any) -> float:
    return float(history["position"][-1])


class ToyWithMaps(ToyAgent):
    """Has a map and a trajectory to show, as the models have."""

    def summary_arrays(self) -> dict[str, Any]:
        extent = np.array([-1.0, 1.0, -1.0, 1.0])
        maps = np.outer(np.arange(8.0), np.ones(8))[np.newaxis].astype("float32")
        path = np.column_stack([np.linspace(-1, 1, 50), np.sin(np.linspace(0, 6, 50))])
        return {"maps:rate": maps, "extent:": extent, "trajectory:": path, "walls:": np.zeros((0, 2, 2))}


def make_batch(folder: Path, runs: int = 3) -> Path:
    """Run three simulations that differ in one parameter, and one that fails; return the folder of the batch."""
    sims = []
    for gain in (0.5, 1.0, 2.0):
        sim = toy_sim(f"gain={gain}", n_steps=12).copy(agent_class=ToyWithMaps, agent_params={"gain": gain})
        sim.metrics = {"last_position": last_position}
        sims.append(sim)
    sims.append(toy_sim("broken", failing_loop, message="lr_td must be a number"))
    manager = SimulationManager(sims, runs, "tonight", seed=1, results_dir=folder)
    manager.run_all(2, progress=False)
    return folder / "tonight"


def make_hostile(folder: Path) -> Path:
    """Make a folder in which every text that a page shows is an attack; return it."""
    run = folder / EVIL_NAME / "run_0_22-11-2026_14-15-33-591"
    run.mkdir(parents=True)
    (run / "state.log").write_text(
        "2026-11-22T14:15:33.591Z\tin_queue\t\n2026-11-22T14:15:33.600Z\trunning\tattempt=1 pid=7 host=<b>h</b>\n"
        f"2026-11-22T14:15:33.700Z\terror\t{EVIL}\x1b[31m\u202e\n"
    )
    (run / "error.log").write_text(f"Traceback\x00\n{EVIL}\n")
    done = folder / EVIL_NAME / "run_1_22-11-2026_14-15-33-591"
    done.mkdir()
    (done / "state.log").write_text(
        "2026-11-22T14:15:33.591Z\tin_queue\t\n2026-11-22T14:15:33.600Z\trunning\tattempt=1 pid=7 host=<b>h</b>\n"
        "2026-11-22T14:15:34.600Z\tfinished\tduration_s=1.0 cpu_s=1.0 peak_mb=10.0\n"
    )
    (done / "run.json").write_text(json.dumps({"metrics": {EVIL: 1.5}, "metric_errors": {"$\\frac$": EVIL}}))
    np.savez(done / "summary.npz", **{EVIL_NAME: np.arange(5.0), f"iterations:{EVIL_NAME}": np.arange(5)})
    return folder


def many_runs(simulations: int, runs: int, path: Path = Path("/nowhere/many")) -> Results:
    """Return results of runs that never were: every seventh failed, the last of each simulation waits."""
    found, states = [], []
    for simulation in range(simulations):
        for run in range(runs):
            state = RunState.IN_QUEUE if run == runs - 1 else RunState.ERROR if run % 7 == 6 else RunState.FINISHED
            name, started = f"sim_{simulation}", "" if run == runs - 1 else f"2026-11-22T14:{run % 60:02d}:00.000Z"
            seconds = None if state is RunState.IN_QUEUE else float((run * 37) % 101) + 0.5
            where = path / name / f"run_{run}"
            error = f"ValueError: bad value {run}" if state is RunState.ERROR else ""
            states.append(RunStatus(name, run, state, str(where), error, run, 1, started, "", seconds))
            facts = (name, run, state.value, run, 1, started, "", seconds, seconds, 50.0, error, "host", 1, where)
            found.append(RunResult(*facts, {"agent_params.lr": simulation}, {}, {}))
    status = summarise_runs(path.name, path, tuple(states), alive=False)
    return Results(status, found, {f"sim_{i}": {"agent_params.lr": i} for i in range(simulations)})


class Page(HTMLParser):
    """A page taken apart: its elements with their attributes, its text, the text of each kind of element."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self._open: list[str] = []
        self.feed(text)
        assert not self._open, f"elements that do not end: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open and self._open[-1] == tag, f"</{tag}> within {self._open}"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        self.texts.append((self._open[-1] if self._open else "", data))

    def text(self, *tags: str) -> str:
        """Return the text of elements of these kinds, of all but style and script by default."""
        chosen = [data for tag, data in self.texts if (tag in tags if tags else tag not in ("style", "script"))]
        return re.sub(r"\s+", " ", " ".join(chosen))

    def attributes(self, tag: str, name: str) -> list[str]:
        """Return an attribute of all elements of a kind that have it."""
        return [value or "" for kind, own in self.elements for key, value in own.items() if (kind, key) == (tag, name)]
