"""Records are readable for all: no secret of the command line is in any file of a batch."""

import sys
from pathlib import Path

from simmanager.cli.main import main

FILE = """
from simmanager import OneShot
simulation_list = [OneShot(print, simulation_id="one")]
"""


def test_no_file_of_a_batch_holds_a_secret_of_the_command_line(monkeypatch, capfd):
    Path("mine.py").write_text(FILE)
    words = ["run", "mine.py", "--id", "batch", "--runs", "1", "--jobs", "1", "--notify", "true # s3cret-one"]
    others = ["--dask=tcp://joe:s3cret-two@host:8786", "--token", "s3cret-three", "x?key=1&password=s3cret-four"]
    monkeypatch.setattr(sys, "argv", ["simmanager", *words, *others])  # `main` would look for that cluster
    assert main(words) == 0
    assert main(["rerun", "batch", "--all", "--jobs", "1"]) == 0
    assert main(["report", "batch"]) == 0
    files = [path for path in Path("batch").rglob("*") if path.is_file()]
    assert {"manager.json", "run.json", "report.html"} <= {path.name for path in files}
    assert [path for path in files if b"s3cret" in path.read_bytes()] == []
    assert "--dask=tcp://***@host:8786" in Path("batch/manager.json").read_text()
    assert main(["show", "batch/one/0"]) == 0
    assert "--notify ***" in capfd.readouterr().out
