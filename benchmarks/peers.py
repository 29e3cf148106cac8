"""The peers and their environments. ``python -m benchmarks.peers`` makes those that are missing, under ``.envs/``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .harness import ROOT, Record, Settings

#: Installed before NeuralPlayground, whose own choice may be a build for GPUs; pip prefers a CPU-only one it is shown.
_TORCH = "torch==2.13.0"


@dataclass(frozen=True)
class Environment:
    """An environment of its own.

    Parameters
    ----------
    name : str
        Folder under ``.envs/``.
    variable : str
        Environment variable that names an existing interpreter to be used instead.
    steps : tuple of tuple of str
        Requirements, installed one tuple after the other.
    """

    name: str
    variable: str
    steps: tuple[tuple[str, ...], ...]

    @property
    def python(self) -> Path:
        """Its interpreter; it need not exist."""
        given = os.environ.get(self.variable)
        return Path(given) if given else ROOT / ".envs" / self.name / "bin" / "python"

    def make(self) -> None:
        """Make it, unless it is there."""
        if self.python.exists():
            print(f"{self.name}: {self.python} is there")
            return
        folder = self.python.parent.parent
        print(f"{self.name}: making {folder}")
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        try:
            for requirements in self.steps:
                command = [str(self.python), "-m", "pip", "install", "--quiet", *requirements]
                subprocess.run(command, check=True)
        except subprocess.CalledProcessError:
            shutil.rmtree(folder, ignore_errors=True)  # half an environment would be taken for a whole one
            raise


NEURALPLAYGROUND = Environment(
    "bench-neuralplayground", "SIMMANAGER_NPG_PYTHON", ((_TORCH,), ("NeuralPlayground==0.0.9", "joblib"))
)
POOLS = Environment(
    "bench-peers", "SIMMANAGER_PEERS_PYTHON", (("joblib", "numpy", "mpire", "submitit", "ray", "dask[distributed]"),)
)

RLIABLE_ENVIRONMENT = Environment("bench-rliable", "SIMMANAGER_RLIABLE_PYTHON", (("rliable", "pandas<3"),))


@dataclass(frozen=True)
class Peer:
    """Something that is compared with simmanager."""

    name: str
    environment: Environment
    package: str

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.environment.python

    @property
    def title(self) -> str:
        """Name with version."""
        return f"{self.name} {_version(self.python, self.package)}".strip()

    def missing(self) -> str:
        """Return why it cannot be measured, or ""."""
        if not self.python.exists():
            return f"no environment .envs/{self.environment.name} (make it: python -m benchmarks.peers)"
        if not _version(self.python, self.package):
            return f"{self.package} is not installed in {self.environment.name}"
        return ""


NPG = Peer("NeuralPlayground", NEURALPLAYGROUND, "NeuralPlayground")
NPG_JOBLIB = Peer("NeuralPlayground in a joblib loop", NEURALPLAYGROUND, "joblib")
LOKY = Peer("joblib loky", POOLS, "joblib")
LOKY_CAREFUL = Peer("joblib loky, files written as safely", POOLS, "joblib")
MPIRE = Peer("mpire", POOLS, "mpire")
SUBMITIT = Peer("submitit LocalExecutor", POOLS, "submitit")
RAY = Peer("Ray", POOLS, "ray")
DASK = Peer("Dask", POOLS, "distributed")
RLIABLE = Peer("rliable", RLIABLE_ENVIRONMENT, "rliable")


@cache
def _version(python: Path, package: str) -> str:
    program = f"import importlib.metadata as m; print(m.version({package!r}))"
    done = subprocess.run([str(python), "-c", program], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def present(peer: Peer, settings: Settings, record: Record) -> bool:
    """Return whether a peer can be measured; name it in the record if it is missing."""
    reason = peer.missing() if settings.peers else "left out by --no-peers"
    if reason:
        record.lacks(peer.name, reason)
    else:
        record.notes.append(f"Peer: {peer.title}.")
    return not reason


def gnu_parallel() -> str:
    """Return the path of GNU parallel, or ""."""
    found = shutil.which("parallel")
    if not found:
        return ""
    said = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout
    return found if "GNU" in said else ""


def main() -> None:
    """Make all environments."""
    for environment in (NEURALPLAYGROUND, POOLS, RLIABLE_ENVIRONMENT):
        environment.make()
    print(f"GNU parallel: {gnu_parallel() or 'missing (the Debian package is called parallel)'}")


if __name__ == "__main__":
    main()
