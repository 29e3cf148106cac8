"""A batch in another process whose runs wait for the file ``gate``, for tests that tell it what to do meanwhile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from manager_process import Started, start_batch
from toys import toy_sim
from trouble import counted_loop, executions, wait_for

from simmanager.disk.orders import ORDERS
from simmanager.status.reader import read_status

WAITING = "[toy_sim(name, counted_loop, folder='trace', gate='gate') for name in ('w', 'v')]"


def begun() -> int:
    return len(list(Path("trace").glob("*.trace")))


def start_waiting(runs: int = 3, jobs: int = 2, then: str = "") -> Started:
    """Start a batch of two simulations whose runs wait for the file ``gate``."""
    manager = start_batch(WAITING, runs, jobs=jobs, then=then)
    wait_for(lambda: begun() >= jobs or not manager.running(), "the first runs to begin")
    assert manager.running(), manager.output()
    return manager


def counts() -> dict[str, int]:
    return {state: number for state, number in read_status("b").counts.items() if number}


def logged() -> str:
    return Path("b/batch.log").read_text()


def waiting_sim(name: str) -> Any:
    return toy_sim(name, counted_loop, folder="trace", gate="gate")


def finish(manager: Started, runs: int) -> None:
    """Let all go on; every run is executed once."""
    Path("gate").touch()
    assert manager.wait() == 0, manager.output()
    assert counts() == {"finished": runs}
    assert set(executions(Path("trace")).values()) == {1}
    assert not Path("b", ORDERS).exists()
