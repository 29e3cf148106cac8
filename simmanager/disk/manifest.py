"""manager.json: what a batch consists of; and the names that can be folders."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from ..base.errors import ParameterError, UnsafeName
from ..base.moved_modules import described_now
from ..base.text import count
from .run_record import FORMAT, run_seed

#: A name that can be that of a folder on every system.
SAFE_NAME = re.compile(r"[A-Za-z0-9_=,+][A-Za-z0-9._\-=,+]*")

#: In the provenance: simulation_id -> what was changed while finished runs of it stayed.
MIXED = "mixed"

#: Which seeds runs have: each its own; or runs with the same run_id, of all simulations, the same.
SEEDS = (SEPARATE, SHARED_SEEDS) = ("separate", "shared")

#: Runs of a batch, at most.
MOST_RUNS = 1_000_000


def check_name(what: str, name: Any) -> str:
    """Return ``name`` if it can be a folder name everywhere, else raise `UnsafeName`, which says what is wrong."""
    if not isinstance(name, str) or not name:
        raise UnsafeName(f"{what} must be a text with at least one character, not {name!r}.")
    if len(name.encode("utf-8", "replace")) > 150:
        raise UnsafeName(f"{what} is longer than 150 bytes: {name[:40]!r}…")
    if not SAFE_NAME.fullmatch(name):
        raise UnsafeName(
            f"{what} becomes a folder name: letters, digits and . _ - = , + are allowed, "
            f"not starting with '.' or '-'; {name!r} does not fit."
        )
    return name


@dataclass(frozen=True, slots=True)
class Manifest:
    """What manager.json says."""

    manager_id: str  #: The id given by the user.
    batch_id: str  #: A random one, which tells two batches of one name apart.
    seed: int
    runs_per_sim: int
    simulations: tuple[dict[str, Any], ...]  #: ``simulation_id`` and the readable parameters of each.
    created: str  #: UTC, ISO-8601.
    provenance: dict[str, Any]  #: Versions, host, git commit.
    seeds: str = SEPARATE  #: One of `SEEDS`.
    options: dict[str, Any] = field(default_factory=dict)  #: Of ``run_all``, for whoever goes on with the batch.

    def __post_init__(self) -> None:
        number = len(self.simulations)
        if not 0 < self.runs_per_sim * max(number, 1) <= MOST_RUNS:
            of_each = f"runs_per_sim is {self.runs_per_sim}, of {count(number, 'simulation')}"
            raise ParameterError(
                f"{of_each}; a batch has between 1 and {MOST_RUNS:,} runs: make several batches of them."
            )

    def seed_of(self, simulation_id: str, run_id: int) -> int:
        """Return the seed of a run."""
        return run_seed(self.seed, simulation_id if self.seeds == SEPARATE else "", run_id)

    @property
    def mixed(self) -> dict[str, str]:
        """Simulations whose runs were not all made with the same parameters and code, and in what they differ."""
        kept = self.provenance.get(MIXED)
        own = self.simulation_ids if isinstance(kept, dict) else ()
        return {name: str(kept[name]) for name in own if kept and name in kept}

    def mixed_in_words(self) -> list[str]:
        """Return a line for each simulation whose runs are of two kinds."""
        return [
            f"{name}: its runs are of two kinds, {what} was changed while finished ones stayed"
            for name, what in self.mixed.items()
        ]

    @property
    def simulation_ids(self) -> list[str]:
        """The ids of the simulations, in the order of the list."""
        return [simulation["simulation_id"] for simulation in self.simulations]

    def as_json(self) -> dict[str, Any]:
        """Return the content of manager.json."""
        fields = ("manager_id", "batch_id", "seed", "seeds", "runs_per_sim", "options", "created", "provenance")
        content = {"format": FORMAT, **{name: getattr(self, name) for name in fields}}
        return {**content, "simulations": list(self.simulations)}

    @classmethod
    def from_json(cls, content: Any) -> Manifest:
        """Check and return a manifest; a ValueError says what is wrong with it."""
        if not isinstance(content, dict):
            raise ValueError("it is not an object")
        if content.get("format") != FORMAT:
            raise ValueError(f"it has format {content.get('format')!r}; this version of simmanager reads {FORMAT}")
        kinds = {"manager_id": str, "batch_id": str, "seed": int, "runs_per_sim": int, "created": str}
        for name, kind in {**kinds, "simulations": list, "provenance": dict}.items():
            if not isinstance(content.get(name), kind) or isinstance(content[name], bool):
                raise ValueError(f"{name!r} is missing or of the wrong type")
        for simulation in content["simulations"]:
            if not isinstance(simulation, dict):
                raise ValueError("a simulation is not an object")
            check_name("A simulation_id", simulation.get("simulation_id"))
        if len({simulation["simulation_id"] for simulation in content["simulations"]}) < len(content["simulations"]):
            raise ValueError("two simulations have the same id")
        if (seeds := content.get("seeds", SEPARATE)) not in SEEDS:
            raise ValueError(f"seeds is {seeds!r}, not one of {', '.join(SEEDS)}")
        if not isinstance(options := content.get("options", {}), dict):
            raise ValueError("'options' is not an object")
        values = {name: content[name] for name in (*kinds, "provenance")}
        simulations = tuple(map(described_now, content["simulations"]))
        return cls(**values, seeds=seeds, options=options, simulations=simulations)
