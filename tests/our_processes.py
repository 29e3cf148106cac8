"""The processes of this test session, and those that they started."""

from __future__ import annotations

import os
from pathlib import Path

from simmanager.worker.process_group import TOKEN

#: Marks all processes of this test session: another session on the same machine has workers, too.
SESSION = "SIMMANAGER_TEST_SESSION"


def workers_alive() -> set[int]:
    """Return the living processes that bear the mark of a worker of ours (workers and all they started)."""
    found = set()
    session = f"{SESSION}={os.environ[SESSION]}".encode()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            state = (entry / "stat").read_bytes().rpartition(b")")[2].split()[0]
            environ = (entry / "environ").read_bytes()
            if state not in (b"Z", b"X") and f"{TOKEN}=".encode() in environ and session in environ:
                found.add(int(entry.name))
        except OSError:
            continue
    return found
