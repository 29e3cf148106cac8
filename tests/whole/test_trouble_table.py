"""Whatever user code does, wherever: that run is marked, the others and the worker are unharmed."""

from __future__ import annotations

import hashlib
import pickle
import re
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from families import slow_but
from manager_process import start_script
from toys import ToyAgent, ToyArena, hashes, toy_loop, toy_sim
from trouble import PHASES, BadAgent, bad_sim, probe_loop

from simmanager import RunState, SimulationManager, SingleSim
from simmanager.status.status import BatchStatus, RunStatus

pytestmark = pytest.mark.python_versions

#: manner -> (state, words) of a run that misbehaves in some phase before its end.
MARKED = {
    "exception": (RunState.ERROR, "boom"),
    "exit 0": (RunState.ERROR, r"called sys\.exit\(0\)"),
    "exit text": (RunState.ERROR, r"called sys\.exit\(text\)"),
    "os._exit": (RunState.ERROR, "exited with code 0"),
    "SIGKILL": (RunState.ERROR, r"killed by SIGKILL, often the out-of-memory killer; peak memory \d+(\.\d GB| MB)"),
    "SIGSEGV": (RunState.ERROR, "killed by SIGSEGV"),
    "MemoryError": (RunState.ERROR, "MemoryError"),
    "RecursionError": (RunState.ERROR, "[Rr]ecursi"),
    "KeyboardInterrupt": (RunState.ERROR, "raised KeyboardInterrupt"),
    "unpicklable exception": (RunState.ERROR, "CannotBePickled: odd"),
    "unshowable exception": (RunState.ERROR, r"CannotBeShown: .*__str__ raised ValueError"),
    "surrogate exception": (RunState.ERROR, "ValueError: half .* sign"),
}

#: Manners that harm nobody: the run is finished, and the next run sees nothing of it.
HARMLESS = (
    "stdout closed",
    "stdout replaced",
    "binary output",
    "thread",
    "grandchild",
    "daemon",
    "chdir",
    "environ",
    "seed",
    "warnings",
    "sys",
    "timers",
    "shared memory",
)

#: Phases in which one result of a trained run is saved, and what is noted without failing it.
SAVING = ("save_agent", "save_arena", "save_history")
NOTED = (
    "exception",
    "MemoryError",
    "RecursionError",
    "unpicklable exception",
    "unshowable exception",
    "surrogate exception",
)

#: Manners that a destructor can do after all results were made: Python ignores what ``__del__`` raises.
FATAL = ("os._exit", "SIGKILL", "SIGSEGV")


def _probe(name: str) -> SingleSim:
    return SingleSim(simulation_id=name, agent_class=ToyAgent, env_class=ToyArena, training_loop=probe_loop)


def import_sim(manner: str, folder: Path, monkeypatch: Any) -> SingleSim:
    """Return a simulation whose module misbehaves when a worker imports it."""
    name = f"user_module_{re.sub('[^a-z]', '_', manner.lower())}"
    text = f"from trouble import BadAgent, misbehave\nclass Agent(BadAgent): ...\nmisbehave({manner!r})\n"
    (folder / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(folder)
    module = __import__(name)
    monkeypatch.setitem(sys.modules, name, module)
    return bad_sim("import", manner, module.Agent)


def run_table(manner: str, folder: Path, monkeypatch: Any) -> SimulationManager:
    """Run one batch: each phase misbehaves in this manner, and is followed by a probe on the same worker."""
    modules = folder / "modules"
    modules.mkdir()
    simulations = []
    for phase in PHASES:
        bad = import_sim(manner, modules, monkeypatch) if phase == "import" else bad_sim(phase, manner)
        simulations += [bad, _probe(f"probe_{phase}")]
    manager = SimulationManager(simulations, 1, "table", seed=5)
    manager.run_all(n_jobs=1, progress=False)
    return manager


def check_probes(manager: SimulationManager, status: BatchStatus) -> None:
    """Each probe finished, and saw exactly what a probe sees in a batch without bad company."""
    quiet = SimulationManager([_probe(f"probe_{phase}") for phase in PHASES], 1, "quiet", seed=5)
    quiet.run_all(n_jobs=1, progress=False)
    for phase in PHASES:
        (run,) = status.simulation(f"probe_{phase}")
        assert run.state is RunState.FINISHED, (phase, run.reason)
        _, _, seen = manager.load_results(f"probe_{phase}", 0)
        _, _, expected = quiet.load_results(f"probe_{phase}", 0)
        for key, value in expected.items():
            np.testing.assert_array_equal(seen[key], value, err_msg=f"{key} leaked out of phase {phase}")
        folder = Path(run.path)
        own = Path(quiet.runs[PHASES.index(phase)].path)
        assert (folder / "run.log").read_text() == (own / "run.log").read_text(), phase
        complaints = (folder / "error.log").read_text()
        assert complaints.startswith("complaint of a probe\n"), phase
        assert complaints == (own / "error.log").read_text(), phase


def check_bad(run: RunStatus, state: RunState, words: str, phase: str) -> None:
    assert run.state is state, (phase, run)
    assert re.search(words, run.reason), (phase, run.reason)
    assert "\n" not in run.reason and "\x1b" not in run.reason


def shared_blocks(status: BatchStatus) -> list[Path]:
    """Return the blocks of shared memory that the runs say they have made."""
    logs = [Path(run.path, "run.log").read_text(errors="replace") for run in status.runs]
    return [Path("/dev/shm", name) for log in logs for name in re.findall(r"^block (\S+)$", log, re.MULTILINE)]


@pytest.mark.parametrize("manner", slow_but(MARKED, "exception", "os._exit", "unpicklable exception"))
def test_a_run_that_fails_is_marked_and_the_next_run_on_its_worker_sees_nothing_of_it(manner, tmp_path, monkeypatch):
    manager = run_table(manner, tmp_path, monkeypatch)
    status = manager.status()
    for phase in PHASES:
        (run,) = status.simulation(f"bad_{phase}")
        state, words = MARKED[manner]
        if phase == "after" and manner not in FATAL:
            state, words = RunState.FINISHED, ""
        if phase in SAVING and manner in NOTED:
            state, words = RunState.FINISHED, f"not saved: .*{words}"
        check_bad(run, state, words, phase)
        if state is RunState.ERROR:
            kept = phase in ("save_agent", "save_arena", "after")  # history and curves are saved first
            assert Path(run.path, "summary.npz").exists() == kept, phase
            assert not list(Path(run.path).glob("~simmanager-part-*")), phase
        if state is RunState.ERROR and manner not in FATAL:
            assert "Traceback" in Path(run.path, "error.log").read_text(errors="replace"), phase
    check_probes(manager, status)


@pytest.mark.parametrize("manner", slow_but(HARMLESS, "thread", "grandchild", "environ", "warnings"))
def test_what_a_run_does_to_its_process_does_not_reach_the_next_run(manner, tmp_path, monkeypatch):
    manager = run_table(manner, tmp_path, monkeypatch)
    status = manager.status()
    blocks = shared_blocks(status)
    assert bool(blocks) == (manner == "shared memory")
    assert not [block for block in blocks if block.exists()], "the resource tracker of the run could clean up"
    for phase in PHASES:
        (run,) = status.simulation(f"bad_{phase}")
        if manner == "sys" and phase in ("import", "load", "agent"):
            continue  # without sys.path and with umask 777 a run may fail; the next one must not
        assert run.state is RunState.FINISHED, (phase, run.reason)
    check_probes(manager, status)


def test_200_mb_of_output_go_to_the_log_of_that_run_only(tmp_path):
    simulations = [bad_sim("loop", "200 MB"), _probe("probe")]
    manager = SimulationManager(simulations, 1, "b", seed=1)
    status = manager.run_all(n_jobs=1, progress=False)
    assert status.all_finished, status.runs
    bad, good = (Path(run.path) for run in status.runs)
    assert (bad / "run.log").stat().st_size > 200 * (1 << 20)
    assert "xx" not in (good / "run.log").read_text()
    (bad / "run.log").unlink()


def test_a_run_that_closes_every_descriptor_hurts_nobody(tmp_path):
    status = SimulationManager([bad_sim("loop", "descriptors"), _probe("probe")], 2, "b", seed=1).run_all(
        1, progress=False
    )
    assert [run.state for run in status.simulation("probe")] == [RunState.FINISHED] * 2
    assert all(run.state in (RunState.FINISHED, RunState.ERROR) for run in status.simulation("bad_loop"))


def wrong_loop(agent: Any, env: Any, returns: str = "") -> Any:
    values: dict[str, Callable[[], Any]] = {
        "None": lambda: None,
        "two values": lambda: (agent, env),
        "four values": lambda: (agent, env, {}, 1),
        "history list": lambda: (agent, env, [1, 2]),
        "unpicklable history": lambda: (agent, env, {"lock": [threading.Lock()]}),
        "unpicklable agent": lambda: (_holding_a_lock(agent), env, {}),
        "unpicklable arena": lambda: (agent, _holding_a_lock(env), {}),
    }
    return values[returns]()


def _holding_a_lock(thing: Any) -> Any:
    thing.lock = threading.Lock()
    return thing


WRONG = {
    "None": "returned NoneType; it must return agent, env, history",
    "two values": "returned 2 values; it must return agent, env, history",
    "four values": "returned 4 values",
    "history list": "of type list; it must be a dict",
}

#: What cannot be saved is named, and the rest of what was computed is kept.
NOT_SAVED = {
    "unpicklable history": r"\['lock'\] not saved: .*pickle.*lock",
    "unpicklable agent": r"agent not saved: ToyAgent.lock .*pickle.*lock",
    "unpicklable arena": r"arena not saved: ToyArena.lock .*pickle.*lock",
}


def test_a_loop_that_returns_something_else_is_told_what_it_must_return(tmp_path):
    names = [*WRONG, *NOT_SAVED]
    simulations = [toy_sim(name.replace(" ", "_"), wrong_loop, returns=name) for name in names] + [toy_sim("good")]
    status = SimulationManager(simulations, 1, "b", seed=1).run_all(2, progress=False)
    for name, words in WRONG.items():
        check_bad(status.simulation(name.replace(" ", "_"))[0], RunState.ERROR, words, name)
    for name, words in NOT_SAVED.items():
        check_bad(status.simulation(name.replace(" ", "_"))[0], RunState.FINISHED, words, name)
    assert status.simulation("good")[0].state is RunState.FINISHED


class NoFileAgent(BadAgent):
    """Saves to another name than the one it was given, as ``numpy.save`` does."""

    def save_agent(self, path: str) -> None:
        np.save(path, np.zeros(1))


def test_an_agent_that_saves_elsewhere_is_named(tmp_path):
    sim = toy_sim("elsewhere").copy(agent_class=NoFileAgent, agent_params={})
    status = SimulationManager([sim, toy_sim("good")], 1, "b", seed=1).run_all(1, progress=False)
    words = "agent not saved: .*wrote no file at the path it was given"
    check_bad(status.runs[0], RunState.FINISHED, words, "save_agent")
    assert status.runs[1].state is RunState.FINISHED
    assert not list(Path(status.runs[0].path).glob("~simmanager-part-*"))


MODULE_WITH_SETTINGS = """
import sys, os, warnings
from toys import ToyAgent, ToyArena
sys.path.append({late!r})
sys.setrecursionlimit(4321)
os.environ["USER_SETTING"] = "on"
warnings.filterwarnings("ignore")
def loop(agent, env):
    import user_late_module
    return agent, env, {{"x": [sys.getrecursionlimit(), os.environ.get("USER_SETTING"), len(warnings.filters)]}}
"""


def test_what_a_module_sets_up_on_import_holds_for_every_run_of_it_and_for_no_other(tmp_path, monkeypatch):
    late = tmp_path / "late"
    late.mkdir()
    (late / "user_late_module.py").write_text("")
    (tmp_path / "user_settings.py").write_text(MODULE_WITH_SETTINGS.format(late=str(late)))
    script = (
        "import sys; sys.path.insert(0, '.')\n"
        "from user_settings import loop\nfrom toys import toy_sim\nfrom trouble import probe_loop\n"
        "from simmanager import SimulationManager\n"
        "sims = [toy_sim('set', loop), toy_sim('probe', probe_loop), toy_sim('again', loop)]\n"
        "m = SimulationManager(sims, 3, 'b', seed=1)\n"
        "sys.path.pop(); sys.setrecursionlimit(1000)\n"
        "sys.exit(not m.run_all(1, progress=False).all_finished)\n"
    )
    process = start_script(script)
    assert process.wait(60) == 0, process.output()
    histories = {
        (file.parts[1], run_id): pickle.loads(file.read_bytes())
        for run_id in range(3)
        for file in Path().glob(f"b/*/run_{run_id}_*/training_hist.dict")
    }
    for run_id in range(3):
        for name in ("set", "again"):
            assert histories[name, run_id]["x"] == histories["set", 0]["x"]
            assert histories[name, run_id]["x"][:2] == [4321, "on"]
        assert histories["probe", run_id]["limits"][0].startswith("[1000,")


def test_results_do_not_depend_on_bad_company(tmp_path):
    good = [toy_sim("a"), toy_sim("b")]
    SimulationManager(good, 3, "alone", seed=3).run_all(1, progress=False)
    bad = [bad_sim("loop", "SIGKILL"), bad_sim("agent", "exception"), bad_sim("arena", "seed")]
    mixed = SimulationManager([bad[0], good[0], bad[1], good[1], bad[2]], 3, "mixed", seed=3)
    mixed.run_all(2, progress=False)
    expected = hashes(Path("alone"))
    for name in ("a", "b"):
        for run in mixed.status().simulation(name):
            for file in ("agent", "arena", "training_hist.dict"):
                key = f"{name}/{run.run_id}/{file}"
                assert hashlib.sha256(Path(run.path, file).read_bytes()).hexdigest() == expected[key]


def test_the_toys_still_work():
    agent, _, history = toy_loop(ToyAgent(), ToyArena(), 4)
    assert agent.updates == 4 and len(history["position"]) == 4
