"""Processors and GPUs, given to runs whose simulations declare what they need; nothing starts that does not fit."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import takewhile
from pathlib import Path

from ..base.errors import ParameterError
from ..base.text import count, memory, plain
from ..base.usable_memory import whole_memory_mb
from .option import GPUS
from .run_options import count_jobs
from .worker_process import THREAD_VARIABLES

#: Simulation -> what a run of it declares (`base.resources.needs_of`).
Needs = Mapping[str, Mapping[str, float]]

#: Shares of a GPU that add up to it may be rounded.
_ROUNDING = 1e-6

#: Where the driver has a file for each GPU; CUDA counts those that are there from 0.
_DEVICES = Path("/dev")


def gpus_of(slot_env: Iterable[Mapping[str, str]] | None) -> list[str]:
    """Return the GPUs that runs may use: those that the user names, else those that this process sees."""
    named = [environ[GPUS] for environ in slot_env or () if GPUS in environ]
    if not named and GPUS in os.environ:
        named = [os.environ[GPUS]]
    if named:
        names = (name.strip() for name in ",".join(named).split(","))
        return list(dict.fromkeys(takewhile(lambda name: name and not name.startswith("-"), names)))  # as CUDA does
    return [str(index) for index, _ in enumerate(_DEVICES.glob("nvidia[0-9]*"))]


def refuse_what_never_fits(needs: Needs, n_jobs: int, slot_env: Iterable[Mapping[str, str]] | None) -> None:
    """Raise `ParameterError` if a run declares more than this machine has; it names the simulation and the number."""
    cpus, whole_mb = max(count_jobs(-1), n_jobs), whole_memory_mb()
    gpus = len(gpus_of(slot_env)) if any(each.get("gpus") for each in needs.values()) else 0
    for name, each in needs.items():
        for what, needed, there in (
            ("processors", each.get("cpus", 0), cpus),
            ("GPUs", each.get("gpus", 0), gpus),
            ("memory", each.get("memory_mb", 0), whole_mb),
        ):
            if there is not None and needed > there:
                much, little = (memory(x) if what == "memory" else _counted(x, what) for x in (needed, there))
                verb = "is" if there == 1 else "are"
                hint = "; name those that runs may use, e.g. --gpus 0,1" if what == "GPUs" and not gpus else ""
                raise ParameterError(
                    f"A run of {plain(name)} can never start here: it needs {much}, and there {verb} {little}{hint}. "
                    "Declare less in resources of the simulation, or run the batch on another machine."
                )


def _counted(number: float, what: str) -> str:
    """Return ``3 GPUs``, ``1 processor``, ``0.5 GPUs``, ``no GPUs``."""
    return f"{number:g} {what.removesuffix('s') if number == 1 else what}" if number else f"no {what}"


def gpus_seen_by(pid: int | None) -> list[str]:
    """Return the GPUs that a process was given, by its environment; [] if that cannot be told."""
    try:
        environ = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []
    found = [os.fsdecode(entry).partition("=")[2] for entry in environ if entry.startswith(f"{GPUS}=".encode())]
    return [name for name in (found[0].split(",") if found else []) if name]


class Allotment:
    """What the runs at hand have got; ``say`` tells the user something."""

    def __init__(self, say: Callable[[str], None], slot_env: Sequence[Mapping[str, str]] = ()) -> None:
        self._say, self._slot_env = say, slot_env
        self._lock = threading.Lock()
        self._cpus = count_jobs(-1)
        #: GPU -> share of it that is free; None: no run of this batch declares GPUs.
        self._free_gpus: dict[str, float] | None = None
        #: Folder of a run at hand -> its processors, its GPUs, and its share of each.
        self._given: dict[str, tuple[int, list[str], float]] = {}
        self._told: set[str] = set()
        #: Whether a run of this batch declares anything.
        self.is_used = False

    def provide_for(self, needs: Needs, n_jobs: int) -> None:
        """Take note of what runs declare; raise `ParameterError` if one can never start."""
        refuse_what_never_fits(needs, n_jobs, self._slot_env)
        self.is_used = self.is_used or any(needs.values())
        if self._free_gpus is None and any("gpus" in each for each in needs.values()):
            self._free_gpus = dict.fromkeys(gpus_of(self._slot_env), 1.0)

    def lacks(self, simulation_id: str, needs: Mapping[str, float], n_jobs: int) -> str:
        """Return what is short for one more run, ``"cpus"`` or ``"gpus"``; "" if nothing is."""
        with self._lock:
            cpus, used = int(needs.get("cpus", 1)), sum(cpus for cpus, _, _ in self._given.values())
            there = max(self._cpus, n_jobs)
            if self._given and used + cpus > there:
                self._tell(simulation_id, f"{cpus} of {there} processors" if cpus > 1 else "", n_jobs)
                return "cpus"
            if self._which(needs.get("gpus", 0)) is None:
                self._tell(simulation_id, f"{needs['gpus']:g} of {count(len(self._free_gpus or ()), 'GPU')}", n_jobs)
                return "gpus"
            return ""

    def _tell(self, simulation_id: str, what: str, n_jobs: int) -> None:
        if what and simulation_id not in self._told and len(self._given) < n_jobs:
            self._told.add(simulation_id)
            self._say(f"{len(self._given)} at a time instead of {n_jobs}: a run of {plain(simulation_id)} needs {what}")

    def _which(self, number: float) -> list[str] | None:
        """Return the GPUs for a run that needs so many, or a share of one; None if they are not free."""
        free = self._free_gpus or {}
        if 0 < number < 1:  # the fullest on which it fits: the others stay whole
            fitting = [name for name, share in free.items() if share >= number - _ROUNDING]
            return [min(fitting, key=lambda name: free[name])] if fitting else None
        whole = [name for name, share in free.items() if share > 1 - _ROUNDING]
        return whole[: int(number)] if len(whole) >= number else None

    def take(self, folder: str, needs: Mapping[str, float], seen: Sequence[str] = ()) -> None:
        """Give a run what it needs, until `free`; the GPUs that it has ``seen``, if it is executed already."""
        with self._lock:
            number = needs.get("gpus", 0)
            names = [name for name in seen if name in self._gpus] if number else []
            names, share = names or self._which(number) or [], min(number, 1)
            for name in names:
                self._gpus[name] -= share
            self._given[folder] = int(needs.get("cpus", 1)), names, share

    @property
    def _gpus(self) -> dict[str, float]:
        return {} if self._free_gpus is None else self._free_gpus

    def free(self, folder: str) -> None:
        """Take it back."""
        with self._lock:
            _, names, share = self._given.pop(folder, (0, [], 0.0))
            for name in names:
                self._gpus[name] += share

    def environ(self, folder: str, needs: Mapping[str, float]) -> dict[str, str]:
        """Return the environment variables by which libraries keep to what a run has got."""
        environ = threads_environ(needs)
        if self._free_gpus is not None:  # no run sees the GPUs of another
            environ[GPUS] = ",".join(self._given[folder][1])
        return environ


def threads_environ(needs: Mapping[str, float]) -> dict[str, str]:
    """Return the environment variables by which libraries use as many threads as a run declares processors."""
    if "cpus" not in needs:
        return {}
    return dict.fromkeys((*THREAD_VARIABLES, "LOKY_MAX_CPU_COUNT"), str(int(needs["cpus"])))
