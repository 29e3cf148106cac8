"""The process that `SimulationManager.start` starts: it executes a batch, and ends with nobody."""

from __future__ import annotations

import json
import os
import sys
import traceback

from ..base.errors import SimManagerError
from ..dispatch.events import Event
from .manager import SimulationManager


class _Answer:
    """Tells whoever has started this process, once, whether the batch could be started."""

    def __init__(self) -> None:
        self._to_starter = os.dup(1)  # not inherited by what this process starts
        os.dup2(2, 1)  # the log of the batch

    def give(self, error: str = "") -> None:
        """Answer, unless that was done."""
        if self._to_starter < 0:
            return
        to_starter, self._to_starter = self._to_starter, -1
        os.write(to_starter, json.dumps({"error": error}).encode())
        os.close(to_starter)

    def hear(self, event: Event) -> None:
        """Take an event: something has begun."""
        self.give()


def main() -> int:
    """Execute the batch and return the exit code."""
    request = json.load(sys.stdin)
    if os.fork():
        os._exit(0)  # whoever has started this process need not wait for it
    answer = _Answer()
    sys.argv = ["SimulationManager.start"]  # the log of the batch names it
    try:
        manager = SimulationManager(existing_simulation=request["path"])
        status = manager.run_all(on_event=answer.hear, **request["options"])
    except SimManagerError as error:
        answer.give(str(error))
        print(f"simmanager: {error}", flush=True)
        return 2
    except Exception as error:
        answer.give(f"{type(error).__name__}: {error}")
        traceback.print_exc()
        return 2
    answer.give()
    return 0 if status.all_finished else 1


if __name__ == "__main__":
    sys.exit(main())
