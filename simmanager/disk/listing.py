"""What the folder of a simulation holds: its recipe, its runs, and what a killed process left."""

from __future__ import annotations

import os
from typing import NamedTuple

from .files import is_scratch
from .run_folder import RunFolder

#: The file in the folder of a simulation.
RECIPE = "simulation.pkl"

#: The next one, until it is put in its place.
NEXT_RECIPE = "next-simulation.pkl"

#: How the name begins under which a run is taken out of the batch before its files are removed.
REMOVED = ".removed-"


#: The first letters of what `is_remain` knows: most names need no closer look.
_BEGIN_REMAINS = "~."


def is_remain(name: str) -> bool:
    """Return whether something beside the runs is what a killed process left half written or half removed."""
    if name.startswith(REMOVED):
        return RunFolder.run_id_of(name.removeprefix(REMOVED)) is not None
    return is_scratch(name, lambda rest: rest in (RECIPE, NEXT_RECIPE) or RunFolder.run_id_of(rest) is not None)


class Listing(NamedTuple):
    """What the folder of a simulation holds."""

    #: Run id -> path of each run that has a folder; of two with one id, the newer.
    runs: dict[int, str]
    #: Names of what a killed process left half written or half removed.
    remains: list[str]


def list_runs(folder: str) -> Listing:
    """List the folder of a simulation."""
    newest: dict[int, str] = {}
    remains: list[str] = []
    try:
        entries = os.scandir(folder)
    except OSError:
        return Listing({}, [])
    with entries:
        for entry in entries:
            name = entry.name
            run_id = RunFolder.run_id_of(name)
            if run_id is None and name[0] in _BEGIN_REMAINS and is_remain(name):
                remains.append(name)
            if run_id is None or not entry.is_dir(follow_symlinks=False):
                continue
            if run_id not in newest or RunFolder.age_key(name) >= RunFolder.age_key(newest[run_id]):
                newest[run_id] = name
    return Listing({run_id: f"{folder}/{name}" for run_id, name in newest.items()}, remains)
