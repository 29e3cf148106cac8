"""Runs one after the other in one process, each of which finds it as the first one did."""

from pathlib import Path

from toys import python

SCRIPT = """
import os
from simmanager import OneShot, SimulationManager

seen = []

class Memory:
    kept = 0

def run():
    seen.append(1)
    Memory.kept += 1
    return {"seen": len(seen), "kept": Memory.kept, "pid": os.getpid()}

if __name__ == "__main__":
    manager = SimulationManager([OneShot(run)], 60, "batch", seed=1)
    manager.run_all(1)
    runs = manager.results().runs
    for name in ("seen", "kept"):
        print(name, {run.metrics[name] for run in runs})
    print("workers", len({run.metrics["pid"] for run in runs}), "runs", len(runs))
"""


def test_globals_of_a_script_are_fresh_in_each_of_many_runs_handed_over_together():
    Path("script.py").write_text(SCRIPT)
    done = python("exec(compile(open('script.py').read(), 'script.py', 'exec'))")
    assert "seen {1.0}" in done.stdout, done.stdout + done.stderr
    assert "kept {1.0}" in done.stdout
    assert "workers 1 runs 60" in done.stdout
