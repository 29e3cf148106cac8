"""One process runs a batch, others look at it until the end."""

import itertools
import json
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from manager_process import ENVIRONMENT
from toys import python, wait_for

pytestmark = pytest.mark.python_versions

#: A state and those that may be seen at a later look.
LATER = {
    "in_queue": {"in_queue", "running", "finished"},
    "running": {"running", "finished"},
    "finished": {"finished"},
}

RUN_SLOW = """
from toys import toy_sim, waiting_loop
from simmanager import SimulationManager
sims = [toy_sim(f"sim_{n}", waiting_loop, gate=f"gate_{n}", started=f"started_{n}") for n in range(4)]
print(SimulationManager(sims, 1, "batch", seed=7).run_all(2, progress=False).headline)
"""

RUN_QUICK = """
from toys import toy_sim, wait_for
from simmanager import SimulationManager
manager = SimulationManager([toy_sim("a"), toy_sim("b", n_steps=2)], 40, "batch", seed=7)
manager.generate_sim_paths()
wait_for("looking_0", "looking_1")
print(manager.run_all(2, progress=False).headline)
"""

#: Looks as fast as it can, and says what it should not have seen.
HAMMER = """
import sys
from pathlib import Path
from simmanager import read_status
later = {"in_queue": 0, "running": 1, "finished": 2}
before, looks = {}, 0
while True:
    status = read_status("batch")
    looks += 1
    assert not status.damage, status.damage
    for run in status.runs:
        key = (run.simulation_id, run.run_id)
        assert later[run.state] >= later[before.get(key, "in_queue")], (key, before[key], run)
        before[key] = run.state
    Path(sys.argv[1]).touch()
    if status.all_finished:
        break
print(looks > 3)
"""

LOOK = """
from simmanager import SimulationManager
manager = SimulationManager(existing_simulation="batch")
status = manager.check_run_status()
assert status.manager_alive
assert [run.state for run in status.runs] == ["running", "running", "in_queue", "in_queue"], status
assert len(manager.runs) == 4
assert manager.simulation_list[0].simulation_id == "sim_0"
manager.show_logs(0, log_type="run")
"""


class Poller:
    """Calls ``simmanager status --json`` again and again, each time as a process of its own."""

    def __init__(self):
        self.looks = []
        self.trouble = []
        self._news = threading.Condition()
        self._over = False
        self._thread = threading.Thread(target=self._poll)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over = True
        self._thread.join()

    def _poll(self):
        command = [sys.executable, "-m", "simmanager", "status", "batch", "--json"]
        while not self._over:
            done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, check=False)
            with self._news:
                try:
                    self.looks.append(json.loads(done.stdout))
                    if done.returncode or done.stderr:
                        self.trouble.append(done)
                except ValueError:
                    self.trouble.append(done)
                self._news.notify_all()

    def wait_until(self, seen, patience_s=60.0):
        """Wait until a look has shown what is wanted."""
        with self._news:
            assert self._news.wait_for(lambda: any(map(seen, self.looks)), patience_s), self.looks[-1:]


@contextmanager
def running(program):
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                for number in range(4):
                    Path(f"gate_{number}").touch()
                process.communicate(timeout=60)


def states(look):
    return [run["state"] for run in look["runs"]]


def test_a_second_terminal_sees_a_batch_from_its_queue_to_its_end():
    with running(RUN_SLOW) as batch:
        wait_for("started_0", "started_1")
        with Poller() as poller:
            poller.wait_until(lambda look: states(look) == ["running", "running", "in_queue", "in_queue"])
            seen = python(LOOK)
            assert seen.returncode == 0, seen.stderr
            assert "2 in_queue, 2 running" in seen.stdout
            assert "Training loop" in seen.stdout
            for number, after in enumerate((2, 3)):
                Path(f"gate_{number}").touch()
                poller.wait_until(lambda look, n=number: states(look)[n] == "finished")
                poller.wait_until(lambda look, n=after: states(look)[n] == "running")
            Path("gate_2").touch()
            Path("gate_3").touch()
            poller.wait_until(lambda look: states(look) == ["finished"] * 4)
            out, err = batch.communicate(timeout=60)
            poller.wait_until(lambda look: not look["manager_alive"])
    assert (out, err) == ("4 finished\n", "")
    assert poller.trouble == []
    looks = poller.looks
    assert {state for look in looks for state in states(look)} == {"in_queue", "running", "finished"}
    for one, two in itertools.pairwise(looks):
        assert all(after in LATER[before] for before, after in zip(states(one), states(two), strict=True))
        assert two["fraction"] >= one["fraction"]
        assert [run["path"] for run in one["runs"]] == [run["path"] for run in two["runs"]]
    assert all(sum(look["counts"].values()) == look["total"] == 4 for look in looks)
    assert looks[0]["manager_alive"]
    assert looks[-1]["fraction"] == 1.0


def test_those_who_look_as_fast_as_they_can_neither_disturb_nor_see_what_was_not():
    with running(RUN_QUICK) as batch:
        wait_for("batch/manager.json")
        lookers = [
            subprocess.Popen(
                [sys.executable, "-c", HAMMER, f"looking_{number}"],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=ENVIRONMENT,
            )
            for number in range(2)
        ]
        out, err = batch.communicate(timeout=60)
        seen = [looker.communicate(timeout=60) for looker in lookers]
    assert (out, err) == ("80 finished\n", "")
    assert seen == [("True\n", "")] * 2
