"""Each session of tests has a folder for temporary files of its own: what another one leaves is not its business."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from places import HELPERS, ROOT, python_path
from toys import python

#: A session of its own, with the conftest.py of this one.
TESTS = """
import os, tempfile
from pathlib import Path

def test_clean():
    Path(os.environ["TOLD"]).write_text(tempfile.gettempdir())

def test_careless():
    Path(tempfile.gettempdir(), "left").touch()
"""


def test_temporary_files_of_this_session_and_its_children_are_made_in_one_folder():
    done = python("import tempfile; print(tempfile.gettempdir())")
    assert done.stdout.strip() == tempfile.gettempdir() == os.environ["TMPDIR"]
    assert len(tempfile.gettempdir()) < 80, "a Unix socket in it has a path of less than 108 characters"


def test_a_session_beside_this_one_has_another_folder_which_it_watches_and_removes(tmp_path):
    (tmp_path / "test_beside.py").write_text(TESTS)
    words = [
        "-q",
        "-p",
        "conftest",
        "-p",
        "no:cacheprovider",
        "--basetemp",
        tmp_path / "base",
        "-c",
        ROOT / "pyproject.toml",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words, tmp_path / "test_beside.py"],
        env={**os.environ, "PYTHONPATH": python_path(), "TOLD": str(tmp_path / "told")},
        cwd=HELPERS,
        capture_output=True,
        text=True,
        check=False,
    )
    folder = Path((tmp_path / "told").read_text())
    assert "2 passed, 1 error" in done.stdout, done.stdout + done.stderr
    assert f"files left by test_careless: {{'{folder / 'left'}'}}" in done.stdout
    assert folder != Path(tempfile.gettempdir())
    assert not folder.exists()
