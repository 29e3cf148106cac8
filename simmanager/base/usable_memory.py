"""How much memory the processes of a user may still take: what is free, and what limits leave (cgroups, SLURM)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

#: Where the control groups are.
_GROUPS = Path("/sys/fs/cgroup")

#: A limit of so many bytes is none.
_NO_LIMIT = 1 << 60

_MB = 1e6


def usable_mb(ours_mb: float = 0.0) -> float | None:
    """Return how much memory, in MB (10**6 bytes), can still be taken; None where the system does not tell.

    Parameters
    ----------
    ours_mb : float
        What the processes of this batch have now: an allocation of SLURM counts these only.
    """
    left = [*_meminfo("MemAvailable"), *(left for _, left in _groups())]
    if not left:
        return None
    with suppress(KeyError, ValueError):
        left.append(float(os.environ["SLURM_MEM_PER_NODE"]) * (1 << 20) / _MB - ours_mb)
    return max(min(left), 0.0)


def whole_memory_mb() -> float | None:
    """Return how much memory, in MB, this process could ever have; None where the system does not tell."""
    there = [*_meminfo("MemTotal"), *(allowed for allowed, _ in _groups())]
    with suppress(KeyError, ValueError):
        there.append(float(os.environ["SLURM_MEM_PER_NODE"]) * (1 << 20) / _MB)
    return min(there, default=None)


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process now, in MB; 0.0 if it is not there, or the system does not tell."""
    words = _read(Path(f"/proc/{pid}/statm")).split()
    return int(words[1]) * _PAGE / _MB if len(words) > 1 else 0.0


def out_of_memory_kills() -> int:
    """Return how many processes the system has killed so far because memory ran out; 0 if it does not tell."""
    return _numbers(Path("/proc/vmstat")).get("oom_kill", 0)


_PAGE = os.sysconf("SC_PAGE_SIZE")


def _meminfo(wanted: str) -> Iterator[float]:
    for line in _read(Path("/proc/meminfo")).splitlines():
        name, _, rest = line.partition(":")
        if name == wanted:
            yield int(rest.split()[0]) * 1024 / _MB


def _groups() -> Iterator[tuple[float, float]]:
    """Yield each limit on a control group of this process, or on one above it, and what it leaves, in MB."""
    for line in _read(Path("/proc/self/cgroup")).splitlines():
        number, controllers, path = line.split(":", 2)
        if number == "0":  # version 2
            root, names = _GROUPS, ("memory.max", "memory.current", "inactive_file")
            root = root if (root / "cgroup.controllers").exists() else root / "unified"
        elif "memory" in controllers.split(","):
            root, names = _GROUPS / "memory", ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        own = root / path.strip("/")
        for group in [own, *own.parents]:  # in a container the path may be that of the host
            if group.is_relative_to(root):
                yield from _left_in(group, *names)


def _left_in(group: Path, limit: str, usage: str, file_cache: str) -> Iterator[tuple[float, float]]:
    with suppress(ValueError):
        allowed, used = int(_read(group / limit)), int(_read(group / usage))
        if allowed < _NO_LIMIT:
            left = allowed - used + _numbers(group / "memory.stat").get(file_cache, 0)
            yield allowed / _MB, left / _MB


def _numbers(path: Path) -> dict[str, int]:
    pairs = (line.split() for line in _read(path).splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdecimal()}


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
