"""Batches written by hand, with runs in any state: to read, nothing is executed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from simmanager.disk.batch_folder import BatchFolder
from simmanager.disk.manifest import Manifest
from simmanager.disk.run_folder import RunFolder
from simmanager.disk.run_record import RunRecord
from simmanager.disk.summary import model_arrays, write_summary

DATE = "22-11-2026_14-15-33-591"
TIMES = [f"2026-11-22T14:15:{second:02d}.000Z" for second in range(60)]

#: Lines of state.log up to each state.
_LIVES = {
    "in_queue": ["in_queue"],
    "running": ["in_queue", "running"],
    "finished": ["in_queue", "running", "finished"],
    "error": ["in_queue", "running", "error"],
    "interrupted": ["in_queue", "running", "interrupted"],
}


def fake_run(folder: Path, state: str = "finished", **facts: Any) -> Path:
    """Write the folder of a run.

    Parameters
    ----------
    folder : Path
        Its folder; the name tells the run id.
    state : str
        The last line of its state.log; a running one has no process, so it is seen as interrupted.
    **facts
        reason; history, arrays (of a model) for summary.npz; fields of `RunRecord` for run.json.
    """
    folder.mkdir(parents=True)
    run = RunFolder(folder)
    history, arrays, reason = facts.pop("history", {}), facts.pop("arrays", {}), facts.pop("reason", "")
    duration = facts.setdefault("duration_s", 1.5)
    details = {
        "running": "attempt=1 pid=77 host=here",
        "finished": f"duration_s={duration} cpu_s=1.25 peak_mb=40.0",
        "error": reason,
        "interrupted": reason,
    }
    lines = [f"{TIMES[i]}\t{word}\t{details.get(word, '')}\n" for i, word in enumerate(_LIVES[state])]
    run.state_log.write_text("".join(lines))
    if state in ("finished", "error"):
        record = RunRecord(run.simulation_id, run.run_id, facts.pop("seed", 5), 1, state, reason, **facts)
        run.write_json("run.json", record.as_json())
    if state == "finished":
        write_summary(run.summary, history, model_arrays(arrays))
    return folder


def fake_batch(path: Path, simulations: dict[str, list[dict[str, Any]]], **entries: dict[str, Any]) -> Path:
    """Write the folder of a batch.

    Parameters
    ----------
    path : Path
        Its folder.
    simulations : dict
        simulation_id -> the facts of each of its runs, as `fake_run` takes them.
    **entries
        simulation_id -> what manager.json says of it.
    """
    path.mkdir()
    runs = max(map(len, simulations.values()))
    described = tuple({"simulation_id": name, **entries.get(name, {})} for name in simulations)
    manifest = Manifest(path.name, "b" * 32, 7, runs, described, TIMES[0], {})
    BatchFolder(path).manifest_file.write_text(json.dumps(manifest.as_json()))  # whatever the names are
    for name, facts in simulations.items():
        for run_id, fact in enumerate(facts):
            fake_run(path / name / f"run_{run_id}_{DATE}", **fact)
    return path


def run_of(batch: Path, simulation_id: str, run_id: int) -> Path:
    """Return the folder of a run of a fake batch."""
    return batch / simulation_id / f"run_{run_id}_{DATE}"


def manifest_of(batch: Path) -> dict[str, Any]:
    """Return what manager.json says."""
    return json.loads((batch / "manager.json").read_text())
