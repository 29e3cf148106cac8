"""What every test gets: its own working directory, and a look at what it leaves behind."""

from __future__ import annotations

import compileall
import contextlib
import os
import re
import shutil
import signal
import sys
import tempfile
import time
import uuid
from pathlib import Path

import matplotlib
import pytest
from our_processes import SESSION, process_ids, workers_alive
from places import ROOT

matplotlib.use("Agg")
# Started in the background, or with nohup: programs under test would inherit it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

# The package and the tests are compiled once for the thousands of interpreters that are started. What a test writes is
# never kept compiled: of a file that is changed twice within a second, Python would run what it was before.
os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
sys.dont_write_bytecode = False  # until the tests are collected

# Each session has a mark for its processes and a folder for temporary files of its own, and so has each worker of
# pytest-xdist: what another one has there is not its business. All that is started from here inherits both.
os.environ[SESSION] = uuid.uuid4().hex
# The folders of the tests stay where pytest has them: it keeps those of the last three sessions, to be looked at.
os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", tempfile.gettempdir())
# A short name: paths of Unix sockets may have no more than about 100 characters. Within it are those of the workers.
TEMPORARY = Path(tempfile.mkdtemp(prefix="st-"))
TEMPORARY.chmod(0o711)  # tests with a second user let him through
os.environ["TMPDIR"] = tempfile.tempdir = str(TEMPORARY)

# To git, what the tests make batches of is in no repository: what is not committed here is not theirs to keep.
os.environ["GIT_CEILING_DIRECTORIES"] = str(ROOT)

#: How long a process that ends by itself may take on a machine that has much else to do.
PATIENCE_S = 30.0


def pytest_configure(config) -> None:
    if not hasattr(config, "workerinput"):  # before the workers of pytest-xdist start
        compileall.compile_dir(ROOT / "simmanager", quiet=2)


def pytest_collection_finish() -> None:
    sys.dont_write_bytecode = True


def pytest_unconfigure() -> None:
    shutil.rmtree(TEMPORARY, ignore_errors=True)


def is_ours(path: Path) -> bool:
    """Return whether a file in shared memory bears the id of this process or of one that it started."""
    session = f"{SESSION}={os.environ[SESSION]}".encode()
    for number in map(int, re.findall(r"[-_](\d+)[-_]", path.name)):
        with contextlib.suppress(OSError):
            return number == os.getpid() or session in Path(f"/proc/{number}/environ").read_bytes()
    return False


def files_outside() -> set[str]:
    """Return the files of this session that lie outside the folders of its tests."""
    shared = Path("/dev/shm")
    in_memory = {str(path) for path in (shared.iterdir() if shared.is_dir() else ()) if is_ours(path)}
    return in_memory | set(map(str, TEMPORARY.iterdir()))


@pytest.fixture(autouse=True)
def leaves_nothing_behind(tmp_path, monkeypatch, request):
    """Run each test in its own folder; afterwards no process of ours lives and no file lies elsewhere."""
    processes = process_ids()
    files = files_outside()
    monkeypatch.chdir(tmp_path)
    yield
    deadline = time.monotonic() + PATIENCE_S  # a worker whose manager was killed ends a moment later
    while (alive := workers_alive(process_ids() - processes)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not alive, f"processes left by {request.node.name}: {alive}"
    monkeypatch.undo()
    left = files_outside() - files
    assert not left, f"files left by {request.node.name}: {left}"


@pytest.fixture(scope="session", autouse=True)
def in_no_repository():
    """What is made before the first test is made in the temporary folder, too."""
    before = Path.cwd()
    os.chdir(TEMPORARY)
    yield
    os.chdir(before)


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
