"""RunResult: one run as data, from its state and its run.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..base.moved_modules import described_now
from ..base.provenance import contents_in
from ..base.public import public
from ..base.text import one_line
from ..disk.json_file import why_unreadable
from ..disk.metric_log import Logged, read_metric_log
from ..disk.run_folder import RECORD, RunFolder
from ..disk.run_record import left_out_of, metric_errors_of, metrics_of, not_saved_of, stopped_early_of
from ..disk.state import RunState
from ..status.status import RunStatus

#: Parts of a recipe, in the order in which parameters are listed.
_PARTS = ("agent_class", "agent_params", "env_class", "env_params", "training_loop", "training_loop_params")

#: Dicts in dicts that are taken apart.
_DEPTH = 8


@public("simmanager")
@dataclass(frozen=True, slots=True)
class RunResult:
    """One run, as data.

    Parameters
    ----------
    simulation_id : str
        Which simulation.
    run_id : int
        Which of its runs; 0 for the folder of a single ``run_sim``.
    state : str
        "in_queue", "running", "interrupted", "finished" or "error".
    seed : int or None
        Seed of its random generators; None if nothing tells.
    attempt : int
        How often it was started; 0 before the first time.
    started, ended : str
        UTC ISO-8601, or "".
    duration_s, cpu_s, peak_mb : float or None
        Wall and processor time in seconds, peak memory in MB (10**6 bytes); of a running run, the time so far.
    error : str
        Last line of what went wrong, or "".
    host, pid : str, int or None
        Where it is or was executed.
    path : Path
        Its folder.
    parameters : dict
        ``"agent_params.lr_td"`` -> value, as manager.json shows it; also ``"agent_class"`` and the like.
    metrics : dict of str to float
        What the metrics of a finished run gave; may be NaN or infinite.
    metric_errors : dict of str to str
        Metrics that raised or gave no number, and why.
    contents : dict of str to str, or None
        Hashes of what the parameters as shown do not tell completely, and of the code that travelled with the recipe;
        None if nothing tells.
    not_saved : dict of str to str
        Results of a finished run that could not be saved (``"agent"``, ``"training_hist.dict['key']"``), and why.
    left_out : dict of str to str
        Keys of its training history that have no curve, and why.
    stopped_early : str
        Which rule (``stop_when``) has stopped the finished run, and at which step; "" if none has.
    """

    simulation_id: str
    run_id: int
    state: str
    seed: int | None
    attempt: int
    started: str
    ended: str
    duration_s: float | None
    cpu_s: float | None
    peak_mb: float | None
    error: str
    host: str
    pid: int | None
    path: Path
    parameters: dict[str, Any]
    metrics: dict[str, float]
    metric_errors: dict[str, str]
    not_saved: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    stopped_early: str = ""
    contents: dict[str, str] | None = None

    @property
    def artefacts(self) -> dict[str, int]:
        """The files that the model wrote itself, as they are now: name within `artefacts` of the run -> bytes."""
        return RunFolder(self.path).list_artefacts()

    @property
    def logged(self) -> dict[str, Logged]:
        """What the run has logged so far (`log_metrics`), in whatever state it is: name -> ``steps`` and ``values``."""
        return read_metric_log(self.path)

    def _repr_html_(self) -> str:
        from ..status.html import run_html

        return run_html(self)


def result_of(run: RunStatus, parameters: dict[str, Any]) -> RunResult:
    """Return a run as data.

    Parameters
    ----------
    run : RunStatus
        How it stands.
    parameters : dict
        Flattened, of its simulation as it is now; a finished run says itself with which it was made.
    """
    finished = run.state is RunState.FINISHED
    record = RunFolder.read_json(f"{run.path}/{RECORD}") if finished or run.seed is None else {}
    not_saved = not_saved_of(record) if finished else {}
    if finished and not record and (why := why_unreadable(f"{run.path}/{RECORD}")):
        not_saved = {RECORD: f"it {why}, so metrics and versions of this run are not known"}
    seed = record.get("seed") if run.seed is None else run.seed
    return RunResult(
        simulation_id=run.simulation_id,
        run_id=run.run_id or 0,
        state=run.state.value,
        seed=seed if isinstance(seed, int) and not isinstance(seed, bool) else None,
        attempt=run.attempt,
        started=run.started,
        ended=run.ended,
        duration_s=run.duration_s,
        cpu_s=run.cpu_s,
        peak_mb=run.peak_mb,
        error=_error_of(run),
        host=run.host,
        pid=run.pid,
        path=Path(run.path),
        parameters=_own_parameters(record) or parameters,
        metrics=metrics_of(record) if finished else {},
        metric_errors=metric_errors_of(record) if finished else {},
        contents=_own_contents(record),
        not_saved=not_saved,
        left_out=left_out_of(record) if finished else {},
        stopped_early=stopped_early_of(record) if finished else "",
    )


def record_damage(run: RunResult) -> str:
    """Return in words that the record of a finished run is damaged, and of which; "" if it is not."""
    return f"{run.path.name}: {RECORD}: {run.not_saved[RECORD]}" if RECORD in run.not_saved else ""


def _own_parameters(record: Mapping[str, Any]) -> dict[str, Any]:
    provenance = record.get("provenance")
    simulation = provenance.get("simulation") if isinstance(provenance, dict) else None
    return flatten(described_now(simulation)) if isinstance(simulation, dict) else {}


def _own_contents(record: Mapping[str, Any]) -> dict[str, str] | None:
    provenance = record.get("provenance")
    return contents_in(provenance) if isinstance(provenance, dict) else None


def _error_of(run: RunStatus) -> str:
    """Return why a run ended badly; NeuralPlayground says it only in error.log."""
    if run.state not in (RunState.ERROR, RunState.INTERRUPTED):
        return ""
    if run.reason or run.state is not RunState.ERROR:
        return run.reason
    lines = RunFolder(run.path).read_log("error", limit=10_000).split("\n")
    return one_line(next((line for line in reversed(lines) if line.strip()), ""))


def flatten(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters in an entry of manager.json by their dotted names; lists stay lists.

    >>> flatten({"agent_class": "models:Agent", "agent_params": {"lr_td": 0.01, "policy": {"eps": 0.1}}})
    {'agent_class': 'models:Agent', 'agent_params.lr_td': 0.01, 'agent_params.policy.eps': 0.1}
    """
    flat: dict[str, Any] = {}

    def add(name: str, value: Any, depth: int) -> None:
        if isinstance(value, dict) and depth < _DEPTH:
            for key, item in value.items():
                add(f"{name}.{key}", item, depth + 1)
        else:
            flat[name] = value

    for part in _PARTS:
        if part in entry:
            add(part, entry[part], 0)
    return flat
