"""The name of each file is written in the module that owns it, and nowhere else."""

import ast
import functools
from pathlib import Path

import pytest

import simmanager
from simmanager.batch.neuralplayground_folder import PARAMETERS
from simmanager.disk import batch_folder, batch_lock, batch_log, frozen, listing, orders, run_folder, starts, state

ROOT = Path(simmanager.__file__).parent

OWNED = {
    "disk/state.py": (state.STATE_LOG,),
    "disk/run_folder.py": (
        run_folder.STATE_LOCK,
        run_folder.RUN_LOG,
        run_folder.ERROR_LOG,
        run_folder.RECORD,
        run_folder.CHECKPOINT,
        run_folder.PARAMS,
        run_folder.THEIR_PARAMS,
        run_folder.HISTORY,
        run_folder.SUMMARY,
    ),
    "disk/batch_folder.py": tuple(
        sorted(
            set(batch_folder.RESERVED)
            - {
                "figures",
                starts.STARTS,
                batch_log.BATCH_LOG,
                batch_lock.LOCK,
                batch_lock.CHANGE_LOCK,
                orders.ORDERS,
                frozen.FROZEN_TIMES,
            }
        )
    ),
    "disk/batch_lock.py": (batch_lock.LOCK, batch_lock.CHANGE_LOCK),
    "disk/listing.py": (listing.RECIPE,),
    "disk/frozen.py": (frozen.FROZEN_TIMES,),
    "disk/orders.py": (orders.ORDERS,),
    "disk/starts.py": (starts.STARTS,),
    "disk/batch_log.py": (batch_log.BATCH_LOG,),
    "batch/neuralplayground_folder.py": (PARAMETERS,),
}


@functools.cache
def paths_written_in(file):
    """Return the texts of a module that are used as a name or as the end of a path: no docstrings, no messages."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return {text.rpartition("/")[2] for text in texts if " " not in text}


@pytest.mark.parametrize(("owner", "name"), [(owner, name) for owner, names in OWNED.items() for name in names])
def test_a_file_name_is_written_by_its_owner_alone(owner, name):
    writing = {str(file.relative_to(ROOT)) for file in ROOT.rglob("*.py") if name in paths_written_in(file)}
    assert writing == {owner}


def test_no_simulation_is_named_like_a_file_of_its_batch():
    assert set(batch_folder.RESERVED) >= {
        "manager.json",
        "batch.lock",
        "stop.request",
        "starts.log",
        "report.html",
        "sources.json",
    }
