"""What the README shows runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pytest
from places import ROOT

from simmanager import SimulationManager
from simmanager.cli.main import main
from simmanager.cli.parser import VERBS, build_parser
from simmanager.dispatch.run_options import OPTIONS
from simmanager.status.reader import read_status

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


def execute(number: int, names: dict[str, Any] | None = None, **replaced: str) -> dict[str, Any]:
    """Execute an example, with some words replaced so that it takes less time."""
    code = BLOCKS[number]
    for old, new in replaced.items():
        assert f"{old}=" in code or f'"{old}":' in code, f"{old} is not in the example"
        code = re.sub(rf"\b{old}=\d+", f"{old}={new}", re.sub(rf'"{old}": \d+', f'"{old}": {new}', code))
    names = {} if names is None else names
    exec(compile(code, "<README>", "exec"), names)
    return names


def test_the_ten_lines_run_and_the_morning_after(capsys):
    assert len(BLOCKS[0].strip().splitlines()) <= 11
    names = execute(0, runs_per_sim="2")
    assert read_status("tonight").all_finished
    capsys.readouterr()
    execute(1, names)
    assert "SR_slow" in capsys.readouterr().out
    assert Path("tonight/report.html").is_file()
    assert Path("tonight.csv").read_text().count("\n") == 7
    plt.close("all")


def test_a_model_of_your_own_runs_from_its_file_and_is_no_longer_than_said():
    assert len([line for line in BLOCKS[2].splitlines() if line.strip()]) <= 20
    Path("mine.py").write_text(BLOCKS[2], encoding="utf-8")
    assert main(["run", "mine.py", "--runs", "2"]) == 0
    assert {run.simulation_id for run in read_status("mine").runs} == {"epsilon=0.01", "epsilon=0.1"}


def test_a_function_runs(capsys):
    execute(3)
    assert read_status("fits").all_finished


def test_an_environment_of_gymnasium_runs():
    pytest.importorskip("gymnasium")
    execute(4, n_episode="3")
    assert read_status("poles").all_finished


def test_sweeps_and_growing_batches_run():
    names = execute(5, {"__name__": "readme"})
    manager = names["manager"]
    assert isinstance(manager, SimulationManager)
    status = manager.status()
    assert status.counts["finished"] == 15  # one simulation more, one run more of each


def test_every_option_of_run_all_is_documented_as_it_says_itself():
    """What differs is printed; put it into the README."""
    rows = []
    for name, option in OPTIONS.items():
        usage = f"`{option.usage}`" if option.flag else ""
        rows.append(f"| {usage} | `{name}` | {option.help}{option.without} |")
    (table,) = re.findall(
        r"\| option \| keyword of `run_all` \| does \|\n\|---\|---\|---\|\n(.*?)\n\n", README, re.DOTALL
    )
    assert table == "\n".join(rows)


@pytest.mark.parametrize("verb", VERBS)
def test_every_command_is_documented_and_has_help(verb, capsys):
    assert f"`simmanager {verb}" in README
    with pytest.raises(SystemExit) as stopped:
        build_parser().parse_args([verb, "--help"])
    assert stopped.value.code == 0
    assert "usage: simmanager" in capsys.readouterr().out


def test_the_pictures_are_there():
    for picture in re.findall(r"!\[.*?\]\((.*?)\)", README):
        assert (ROOT / picture).is_file(), picture
