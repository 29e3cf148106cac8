"""How a program gets its arguments and gives its answer; works in any interpreter, imports nothing of ours."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def arguments() -> dict[str, Any]:
    """Return what `harness.run_program` passed."""
    return dict(json.loads(sys.argv[1]))


def answer(**values: Any) -> None:
    """Give the result."""
    print(f"\nbenchmark:{json.dumps(values)}", flush=True)


def seconds(function: Callable[[], Any]) -> tuple[float, Any]:
    """Return the wall time of a call, and what it returned."""
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, result


def peak_mb() -> float:
    """Return the peak resident memory of this process in MB."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        return int(status.partition("VmHWM:")[2].split(None, 1)[0]) * 1024 / 1e6
    except (OSError, ValueError, IndexError):
        pass
    import resource  # counts what the parent had before it started this program, too

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6


def bytes_below(folder: str) -> int:
    """Return the bytes of all files below a folder."""
    return sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
