"""What every test gets: its own working directory, and a look at what it leaves behind."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import tempfile
import time
import uuid
from pathlib import Path

import matplotlib
import pytest
from our_processes import SESSION, workers_alive

matplotlib.use("Agg")
# Started in the background, or with nohup: programs under test would inherit it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
os.environ[SESSION] = uuid.uuid4().hex


def is_ours(path: Path) -> bool:
    """Return whether a file in shared memory bears the id of this process or of one that it started."""
    session = f"{SESSION}={os.environ[SESSION]}".encode()
    for number in map(int, re.findall(r"[-_](\d+)[-_]", path.name)):
        with contextlib.suppress(OSError):
            return number == os.getpid() or session in Path(f"/proc/{number}/environ").read_bytes()
    return False


def files_outside() -> set[str]:
    return {
        str(path)
        for folder in (Path(tempfile.gettempdir()), Path("/dev/shm"), Path.cwd())
        for path in (folder.iterdir() if folder.is_dir() else ())
        if not path.name.startswith(("pytest-of-", ".coverage", "bash", "tmux"))
        and (folder != Path("/dev/shm") or is_ours(path))
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
    left = {path for path in files_outside() - files if "simmanager" in path or path.startswith("/dev/shm")}
    assert not left, f"files left by {request.node.name}: {left}"


@pytest.fixture(scope="session")
def page_batch(tmp_path_factory):
    """A small batch that pages are written about; a test that changes it puts it back."""
    from pages import make_batch

    return make_batch(tmp_path_factory.mktemp("page_batch"))


@pytest.fixture(scope="session")
def page_html(page_batch):
    """The page about it."""
    from simmanager.report import render_report

    return render_report(page_batch)
