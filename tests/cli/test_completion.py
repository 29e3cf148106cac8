"""Completion: what a shell is told, in bash itself, and about folders from anyone."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from places import ROOT
from toys import python, toy_sim

from simmanager import PackageMissing, SimulationManager
from simmanager.cli.completion import SHELLS, shell_script
from simmanager.cli.main import main
from simmanager.disk.batch_folder import BatchFolder

pytestmark = pytest.mark.python_versions

pytest.importorskip("argcomplete")

MAIN = "from simmanager.cli.main import main; main()"

#: An argcomplete that is not there.
MISSING = "import sys; sys.modules['argcomplete'] = None\n"


def ask(line, program=MAIN):
    """Return the process that answered what may follow in this line, and its answer."""
    answer = Path("answer")
    environ = {
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_IFS": "\n",
        "_ARGCOMPLETE_SUPPRESS_SPACE": "1",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
        "COMP_LINE": f"simmanager {line}",
        "COMP_POINT": str(len(f"simmanager {line}")),
    }
    done = python(program, environ=environ)
    return done, answer.read_text().split() if answer.exists() else []


def offered(line):
    done, words = ask(line)
    assert (done.returncode, done.stdout) == (0, "")
    return words


@pytest.fixture
def batch():
    simulations = [toy_sim("good"), toy_sim("SR__lr=0.1", n_steps=3)]
    SimulationManager(simulations, 2, "batch", seed=7).run_all(1, progress=False)
    return Path("batch")


def test_verbs_and_options_are_offered():
    assert offered("re") == ["resume", "rerun", "results", "report", "reproduce"]
    assert offered("run --re") == ["--retries", "--retry-errors"]
    assert offered("logs batch --type ") == ["error", "run", "state"]
    assert set(SHELLS) <= set(offered("completion "))


def test_files_and_folders_are_offered_where_they_are_due():
    for name in ("mine.py", "rooms.toml", "rooms.yaml", "notes.txt"):
        Path(name).touch()
    Path("models").mkdir()
    assert set(offered("run ")) == {"models/", "mine.py", "rooms.toml", "rooms.yaml"}
    assert offered("status ") == ["models/"]
    assert offered("run mine.py --dir ") == ["models/"]
    assert offered("run mine.py --runs ") == []
    assert offered("run mine.py --timeout ") == []
    assert offered("reproduce batch --to ") == ["models/"]


def test_the_simulations_runs_parameters_and_curves_of_a_batch_are_offered(batch):
    assert offered("rerun batch ") == ["good", "SR__lr=0.1"]
    assert offered("results batch S") == ["SR__lr=0.1"]
    assert offered("logs batch SR__lr=0.1 ") == ["0", "1"]
    assert offered("rerun batch good --set ") == ["agent_params.gain=", "env_params.start="]
    assert offered("rerun batch SR__lr=0.1 --set t") == ["training_loop_params.n_steps="]
    assert set(offered("results batch --key ")) == {"position", "noise"}


@pytest.mark.parametrize("line", ["rerun nowhere ", "logs nowhere good ", "rerun nowhere a --set ", "results . --key "])
def test_where_there_is_no_batch_nothing_is_offered(line):
    assert offered(line) == []


def test_what_could_trouble_a_shell_is_not_offered():
    SimulationManager([toy_sim()], 1, "batch", seed=7).generate_sim_paths()
    file = BatchFolder("batch").manifest_file
    content = json.loads(file.read_text())
    content["simulations"][0]["agent_params"] = {"$(touch pwned)": 1, "a;b": 1, "a b": 1, "\x1b[2J": 1, "gain": 1}
    file.write_text(json.dumps(content))
    assert offered("rerun batch toy --set ") == ["agent_params.gain=", "env_params.start="]


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff\xfe", b'{"format": 1, "simulations": "good"}'])
def test_a_damaged_batch_is_no_trouble(content):
    Path("batch").mkdir()
    Path("batch/manager.json").write_bytes(content)
    assert offered("rerun batch ") == []


def test_a_pipe_in_the_place_of_a_file_keeps_nobody_waiting():
    Path("batch").mkdir()
    os.mkfifo("batch/manager.json")
    assert offered("rerun batch ") == []


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_is_printed_for_each_shell(shell, capsys):
    assert main(["completion", shell]) == 0
    printed = capsys.readouterr()
    assert "_ARGCOMPLETE" in printed.out
    assert "simmanager" in printed.out
    assert printed.err == ""


def test_another_shell_is_refused_by_name(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["completion", "tcsh"])
    assert stopped.value.code == 2
    assert "tcsh" in capsys.readouterr().err


def test_without_argcomplete_a_script_is_refused_and_a_question_is_not_answered(monkeypatch):
    done, words = ask("re", MISSING + MAIN)
    assert (done.returncode, done.stdout, done.stderr, words) == (1, "", "", [])
    monkeypatch.setitem(sys.modules, "argcomplete", None)
    with pytest.raises(PackageMissing, match=r"pip install 'simmanager\[completion\]'"):
        shell_script("bash")


def test_bash_itself_completes(batch, tmp_path):
    command = tmp_path / "simmanager"
    command.write_text(f"#!{sys.executable}\n{MAIN}\n")
    command.chmod(0o755)
    Path("ask.sh").write_text(
        'eval "$(simmanager completion bash)"\n'
        'COMP_LINE="simmanager rerun batch SR__"; COMP_POINT=${#COMP_LINE}; COMP_TYPE=9\n'
        '_python_argcomplete simmanager\nprintf "%s|" "${COMPREPLY[@]}"\n'
    )
    environ = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["bash", "--norc", "ask.sh"], capture_output=True, text=True, timeout=60, env=environ, check=False
    )
    assert (done.stdout, done.stderr) == ("SR__lr=0.1 |", "")
