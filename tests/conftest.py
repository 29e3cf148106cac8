"""What every test gets: its own working directory, and a look at what it leaves behind."""

from __future__ import annotations

import os
import re
import tempfile
import time
import uuid
from pathlib import Path

import matplotlib
import pytest

from simmanager.process_group import TOKEN

matplotlib.use("Agg")

#: Marks all processes of this test session: another session on the same machine has workers, too.
SESSION = "SIMMANAGER_TEST_SESSION"
os.environ[SESSION] = uuid.uuid4().hex


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


def is_of_others(path: Path) -> bool:
    """Return whether a file in shared memory names a living process that is not of this test session."""
    session = f"{SESSION}={os.environ[SESSION]}".encode()
    for number in re.findall(r"\d+", path.name):
        try:
            if session not in Path("/proc", number, "environ").read_bytes():
                return True
        except OSError:
            continue
    return False


def files_outside() -> set[str]:
    return {
        str(path)
        for folder in (Path(tempfile.gettempdir()), Path("/dev/shm"), Path.cwd())
        for path in (folder.iterdir() if folder.is_dir() else ())
        if not path.name.startswith(("pytest-of-", ".coverage", "bash", "tmux"))
        and not (folder == Path("/dev/shm") and is_of_others(path))
    }


@pytest.fixture(autouse=True)
def leaves_nothing_behind(tmp_path, monkeypatch, request):
    """Run each test in its own folder; afterwards no process of ours lives and no file lies elsewhere."""
    processes = workers_alive()
    files = files_outside()
    monkeypatch.chdir(tmp_path)
    yield
    deadline = time.monotonic() + 5  # a worker whose manager was killed ends a moment later
    while (alive := workers_alive() - processes) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not alive, f"processes left by {request.node.name}: {alive}"
    monkeypatch.undo()

    def files_left() -> set[str]:
        return {path for path in files_outside() - files if "simmanager" in path or path.startswith("/dev/shm")}

    while (left := files_left()) and time.monotonic() < deadline:  # others on this machine clean up a moment later
        time.sleep(0.02)
    assert not left, f"files left by {request.node.name}: {left}"
