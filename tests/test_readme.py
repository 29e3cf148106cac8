"""What the README shows runs."""

from __future__ import annotations

import re
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

from simmanager.cli import build_parser, main
from simmanager.run_options import RunOptions
from simmanager.status import read_status

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


def test_the_ten_lines_run(monkeypatch):
    code = BLOCKS[0].replace("runs_per_sim=5", "runs_per_sim=1")
    assert len(code.strip().splitlines()) <= 11
    exec(compile(code, "<README>", "exec"), {})
    plt.close("all")
    assert read_status("tonight").all_finished


def test_a_model_of_your_own_runs_from_its_file(monkeypatch):
    Path("mine.py").write_text(BLOCKS[1], encoding="utf-8")
    assert main(["run", "mine.py", "--runs", "2"]) == 0
    assert {run.simulation_id for run in read_status("mine").runs} == {"epsilon=0.01", "epsilon=0.1"}


def test_every_option_of_run_all_is_documented():
    for option in RunOptions.__dataclass_fields__:
        assert option in README or f"--{option.replace('_', '-').removesuffix('-mb')}" in README, option


@pytest.mark.parametrize("verb", ["run", "status", "logs", "resume", "rerun", "stop", "demo"])
def test_every_command_is_documented_and_has_help(verb, capsys):
    assert f"`simmanager {verb}" in README
    with pytest.raises(SystemExit) as stopped:
        build_parser().parse_args([verb, "--help"])
    assert stopped.value.code == 0
    assert "usage: simmanager" in capsys.readouterr().out


def test_the_pictures_are_there():
    for picture in re.findall(r"!\[.*?\]\((.*?)\)", README):
        assert (Path(__file__).parent.parent / picture).is_file(), picture
