"""The command line: each verb, its exit codes, errors in one line, terminals and pipes."""

import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from manager_process import ENVIRONMENT as ALL
from toys import BOOM, failing_loop, listing, toy_sim, wait_for

import simmanager
from simmanager import RunState, SimulationManager, read_status
from simmanager.cli.main import main
from simmanager.disk.batch_folder import BatchFolder
from simmanager.status import logs

pytestmark = pytest.mark.python_versions

#: As a user has it: output to a pipe is buffered.
ENVIRONMENT = {name: value for name, value in ALL.items() if name != "PYTHONUNBUFFERED"}

SIMS = """
from manager_process import ENVIRONMENT as ALL
from toys import failing_loop, toy_sim
simulation_list = [toy_sim("good"), toy_sim("other", n_steps=3)]
bad = [toy_sim("good"), toy_sim("bad", failing_loop)]
def make():
    return toy_sim("made")
number = 5
"""

SLOW = """
from toys import toy_sim, waiting_loop
simulation_list = [toy_sim("slow", waiting_loop, gate="{0}/gate", started="{0}/started")]
"""


def cli(*words, **options):
    """Run the command line in a process of its own, to its end."""
    command = [sys.executable, "-m", "simmanager", *map(str, words)]
    options = {"capture_output": True, "text": True, "timeout": 60, "env": ENVIRONMENT, "check": False, **options}
    return subprocess.run(command, **options)


@contextmanager
def started(*words, **options):
    """Start the command line; it is killed at the end if it still lives."""
    command = [sys.executable, "-m", "simmanager", *map(str, words)]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": ENVIRONMENT, **options}
    with subprocess.Popen(command, **options) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


@contextmanager
def slow_batch(tmp_path, *words):
    """A batch of one run that waits for ``gate``, run by the command line."""
    (tmp_path / "slow.py").write_text(SLOW.format(tmp_path))
    with started("run", "slow.py", "--runs", "1", "--jobs", "1", *words) as process:
        try:
            wait_for(tmp_path / "started")
            yield process
        finally:
            (tmp_path / "gate").touch()
            process.communicate(timeout=30)


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """A batch that has ended, with failures; tests only look at it."""
    folder = tmp_path_factory.mktemp("executed")
    manager = SimulationManager([toy_sim("good"), toy_sim("bad", failing_loop)], 2, "batch", seed=7, results_dir=folder)
    manager.run_all(1, progress=False)
    return folder / "batch"


@pytest.fixture(scope="module")
def failed_once(tmp_path_factory):
    sims = [toy_sim("good"), toy_sim("bad", failing_loop)]
    manager = SimulationManager(sims, 1, "batch", seed=7, results_dir=tmp_path_factory.mktemp("failed"))
    manager.run_all(1, progress=False)
    return manager.results_path


@pytest.fixture
def failed(failed_once):
    """A batch of its own for each test: one finished run, one failed."""
    return Path(shutil.copytree(failed_once, "batch"))


@pytest.fixture
def file(tmp_path):
    (tmp_path / "sims.py").write_text(SIMS)
    return "sims.py"


# run -----------------------------------------------------------------------------------------------------------


def test_run_runs_the_simulations_of_a_file(file, tmp_path):
    done = cli("run", file, "--runs", 2, "--jobs", 2, "--seed", 5)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "4 runs: 4 finished" in done.stdout
    status = read_status(tmp_path / "sims")
    assert status.all_finished
    assert [run.simulation_id for run in status.runs] == ["good", "good", "other", "other"]
    assert BatchFolder("sims").read_manifest().seed == 5


def test_run_takes_a_name_an_id_and_a_folder(file, tmp_path):
    done = cli("run", f"{file}:make", "--runs", 1, "--jobs", 1, "--id", "mine", "--dir", "deep/down")
    assert done.returncode == 0, done.stderr
    assert read_status(tmp_path / "deep" / "down" / "mine").headline == "1 finished"


def test_run_exits_with_1_if_a_run_failed(file):
    done = cli("run", f"{file}:bad", "--runs", 1, "--jobs", 2, "--id", "b")
    assert done.returncode == 1
    assert "ValueError: boom" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize(
    "words",
    [
        ["missing.py"],
        ["sims.py:missing"],
        ["sims.py:number"],
        ["sims.py", "--runs", "0"],
        ["sims.py", "--jobs", "0"],
        ["sims.py", "--id", "../up"],
        ["sims.py", "--seed", "-1"],
        ["sims.py", "--timeout", "0"],
        ["sims.py", "--timeout", "10q"],
        ["sims.py", "--jobs", "two"],
        ["sims.py", "--retries", "1.5"],
        ["sims.py", "--fail-fast", "0"],
        ["sims.py", "--gpus", "0,,1"],
        ["sims.py", "--retries", "-1"],
        ["sims.py", "--threads", "0"],
        ["sims.py", "--memory-limit", "-5"],
        ["sims.py", "--memory-limit", "3G"],
        ["sims.py", "--dir", "sims.py"],
    ],
    ids=" ".join,
)
def test_run_refuses_in_one_line_and_writes_nothing(words, file, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = listing(tmp_path)
    assert main(["run", *words]) == 2
    sys.modules.pop("sims", None)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("simmanager: ")
    assert captured.err.count("\n") == 1
    assert listing(tmp_path) == before


def test_what_is_wrong_with_an_option_is_said_before_the_file_is_executed(tmp_path, capsys):
    Path("mine.py").write_text("open('executed', 'w').close()")
    assert main(["run", "mine.py", "--timeout", "10q"]) == 2
    err = capsys.readouterr().err
    assert err == (
        "simmanager: timeout must be a number of seconds, or one with a unit, e.g. 90s, 10m, 2h, 1d; not '10q'.\n"
    )
    assert not Path("executed").exists()


def test_run_refuses_a_folder_that_holds_a_batch(file, failed):
    done = cli("run", file, "--id", "batch")
    assert done.returncode == 2
    assert "already holds a batch" in done.stderr
    assert "Go on with it: simmanager resume " in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("content", "words"), [("1 / 0", "ZeroDivisionError"), ("def", "SyntaxError"), ("import nix_da", "nix_da")]
)
def test_an_error_in_the_users_file_is_shown_with_its_line(content, words, tmp_path):
    (tmp_path / "broken.py").write_text(f"\n\n{content}\n")
    done = cli("run", "broken.py")
    assert done.returncode == 2
    assert words in done.stderr
    assert "loader.py" not in done.stderr
    assert "importlib" not in done.stderr
    assert done.stderr.endswith("simmanager: broken.py could not be loaded.\n")
    assert "broken.py" in done.stderr
    assert "line 3" in done.stderr
    assert [path.name for path in tmp_path.iterdir() if path.name != "__pycache__"] == ["broken.py"]


# status --------------------------------------------------------------------------------------------------------


def test_status_prints_the_tree(executed, capsys):
    assert main(["status", str(executed)]) == 1
    out = capsys.readouterr().out
    for part in (
        "good",
        "bad",
        "run_0_",
        "run_1_",
        ": finished",
        ": error",
        "ValueError: boom",
        "4 runs: 2 finished, 2 error",
    ):
        assert part in out


def test_status_prints_json_that_is_the_status(executed, capsys):
    assert main(["status", str(executed), "--json"]) == 1
    out = capsys.readouterr().out
    assert json.loads(out) == json.loads(json.dumps(read_status(executed).as_json()))


def test_status_exits_with_0_if_nothing_failed(capsys):
    SimulationManager([toy_sim()], 2, "batch").generate_sim_paths()
    assert main(["status", "batch"]) == 0
    assert "2 in_queue" in capsys.readouterr().out


def test_status_of_one_run_and_of_a_neighbours_folder(executed, tmp_path, capsys):
    assert main(["status", read_status(executed).runs[0].path]) == 0
    assert "1 run: 1 finished" in capsys.readouterr().out
    run = tmp_path / "theirs" / "sr" / "run_0_22-11-2024_14-15-33-591"
    run.mkdir(parents=True)
    (run / "state.log").write_text("error")
    assert main(["status", "theirs"]) == 1
    assert "1 run: 1 error" in capsys.readouterr().out


def test_status_of_a_broken_batch_shows_what_there_is(failed, capsys):
    (failed / "manager.json").write_bytes(b"\x00" * 100)
    for run in failed.glob("good/run_*/state.log"):
        run.write_text("garbage\n")
    assert main(["status", "batch"]) == 1
    out = capsys.readouterr().out
    assert "damaged: " in out
    assert "1 error" in out
    assert main(["status", "batch", "--json"]) == 1
    assert len(json.loads(capsys.readouterr().out)["damage"]) == 2


def test_status_watch_in_a_pipe_prints_a_line_for_each_change(tmp_path):
    with slow_batch(tmp_path), started("status", "slow", "--watch", text=True) as watch:
        assert watch.stdout.readline() == "slow: 1 running\n"
        (tmp_path / "gate").touch()
        assert watch.stdout.readline() == "slow: 1 finished\n"
        assert watch.wait(30) == 0
        assert watch.stderr.read() == ""


class Screen:
    """The other end of a terminal."""

    def __init__(self, descriptor):
        self.descriptor = descriptor
        self.seen = ""

    def read_until(self, pattern, patience_s=60.0):
        deadline = time.monotonic() + patience_s
        while not re.search(pattern, self.seen):
            assert time.monotonic() < deadline, f"{pattern} did not come: {self.seen!r}"
            if select.select([self.descriptor], [], [], 0.1)[0]:
                self.seen += os.read(self.descriptor, 65536).decode("utf-8", "replace")

    def read_to_the_end(self):
        while True:
            try:
                data = os.read(self.descriptor, 65536)
            except OSError:  # Linux says so when the last writer is gone
                return
            if not data:
                return
            self.seen += data.decode("utf-8", "replace")


@contextmanager
def on_a_terminal(*words):
    """Start the command line on a real terminal of 24 lines and 100 columns."""
    import fcntl
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    env = {**ENVIRONMENT, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "24"}
    env.pop("NO_COLOR", None)
    try:
        with started(*words, stdin=theirs, stdout=theirs, stderr=theirs, env=env, start_new_session=True) as process:
            os.close(theirs)
            yield process, Screen(ours)
    finally:
        os.close(ours)


def test_status_watch_on_a_terminal_redraws_in_place_until_the_end(tmp_path):
    with slow_batch(tmp_path), on_a_terminal("status", "slow", "--watch") as (watch, screen):
        screen.read_until("running")
        screen.read_until("\x1b\\[1?[0-9]?A|\x1b\\[2K")
        (tmp_path / "gate").touch()
        screen.read_until("1 finished|finished")
        screen.read_to_the_end()
        assert watch.wait(30) == 0
    assert "100% done" in screen.seen.replace("\x1b[0m", "")
    assert "\x1b[?25h" in screen.seen  # the cursor is given back


def test_ctrl_c_ends_the_watching_not_the_batch(tmp_path):
    with slow_batch(tmp_path) as batch, on_a_terminal("status", "slow", "--watch") as (watch, screen):
        screen.read_until("running")
        watch.send_signal(signal.SIGINT)
        screen.read_to_the_end()
        assert watch.wait(30) == 130
        assert "Traceback" not in screen.seen
        assert batch.poll() is None
        assert read_status("slow").headline == "1 running"
    assert read_status("slow").headline == "1 finished"


def test_a_large_batch_fits_the_terminal(tmp_path):
    SimulationManager([toy_sim(f"sim_{n}") for n in range(4)], 250, "large").generate_sim_paths()
    with on_a_terminal("status", "large", "--watch") as (watch, screen):
        screen.read_to_the_end()
        assert watch.wait(30) == 0
    text = re.sub("\x1b\\[[0-9;?]*[a-zA-Z]", "", screen.seen)
    assert len(text.splitlines()) < 24
    assert "sim_3  250 in_queue" in text
    assert "1000 runs: 1000 in_queue" in text


def test_status_is_coloured_on_a_terminal_only(executed):
    with on_a_terminal("status", executed) as (process, screen):
        screen.read_to_the_end()
        process.wait(30)
    assert "\x1b[32m" in screen.seen
    assert "\x1b" not in cli("status", executed).stdout


# logs ----------------------------------------------------------------------------------------------------------


def test_logs_shows_the_errors_of_all_runs_that_have_any(executed, capsys):
    assert main(["logs", str(executed)]) == 0
    out = capsys.readouterr().out
    assert f"==> 2 runs: error: {BOOM} <==\n    bad run 0, 1; the log of bad run 0:\nTraceback" in out
    assert out.count("Traceback") == 1
    assert "good" not in out


def test_logs_of_one_simulation_or_run_and_of_each_type(executed, capsys):
    assert main(["logs", str(executed), "bad", "1"]) == 0
    out = capsys.readouterr().out
    assert out.count("==>") == 1
    assert "Traceback" in out
    assert main(["logs", str(executed), "good", "--type", "state"]) == 0
    assert capsys.readouterr().out.count("\tfinished\t") == 2
    assert main(["logs", str(executed), "bad", "--type", "run"]) == 0
    assert capsys.readouterr().out.count("about to fail") == 2
    assert main(["logs", str(executed), "good", "0"]) == 0
    assert "(error.log is empty)" in capsys.readouterr().out


def test_logs_says_if_nobody_has_written(capsys):
    SimulationManager([toy_sim()], 2, "batch").generate_sim_paths()
    assert main(["logs", "batch"]) == 0
    assert "No run has written to error.log" in capsys.readouterr().out


def test_logs_follow_goes_on_until_the_runs_end(tmp_path):
    with slow_batch(tmp_path), started("logs", "slow", "--type", "run", "--follow", text=True) as follow:
        lines = iter(follow.stdout.readline, "")
        assert any("Training loop" in line for line in lines)
        (tmp_path / "gate").touch()
        assert any("Simulation finished" in line for line in lines)
        assert follow.wait(30) == 0


def test_a_log_that_is_followed_is_read_on_into_the_next_attempt(tmp_path):
    from simmanager.status.logs import _FollowedLog

    path = tmp_path / "run.log"
    log = _FollowedLog(path)
    assert log.news() is None
    path.write_bytes("first grü".encode()[:-1])  # half a character
    assert log.news() == "first gr"
    with path.open("ab") as file:
        file.write("ü\n".encode()[1:])
    assert log.news() == "ü\n"
    assert log.news() is None
    path.rename(tmp_path / "old.log")  # set aside, so that its inode is not given to the next
    path.write_text("second attempt, longer than the first\n")
    assert log.news() == "second attempt, longer than the first\n"
    os.truncate(path, 0)
    path.write_text("again")
    assert log.news() == "again"


def test_a_progress_bar_is_shown_by_its_last_state(executed, capsys):
    folder = next(executed.glob("good/run_0_*"))
    (folder / "error.log").write_text("".join(f"\r{n:3d}%|bar|" for n in range(101)) + "\nafter\n")
    assert main(["logs", str(executed), "good", "0"]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == ["100%|bar|", "after"]


def test_a_progress_bar_that_is_followed_comes_when_it_is_complete(tmp_path):
    from simmanager.status.logs import _FollowedLog

    log = _FollowedLog(tmp_path / "error.log")
    seen = []
    for piece in ("before\n\r 10%", "|#\r 5", "0%|##\r", "\r100%|###", "\n", "after"):
        with (tmp_path / "error.log").open("a") as file:
            file.write(piece)
        seen.append((log.news(), log.unfinished))
    assert seen == [
        ("before\n", " 10%"),
        ("", " 5"),
        ("", " 50%|##"),
        ("", "100%|###"),
        ("100%|###\n", ""),
        ("after", ""),
    ]


def test_a_line_that_is_followed_is_cut_however_it_comes(tmp_path, monkeypatch):

    monkeypatch.setattr(logs, "_AT_ONCE", 7)
    monkeypatch.setattr(logs, "MAX_LINE", 10)
    (tmp_path / "run.log").write_text("short\n" + "x" * 100 + "\n" + "12345678901\nend")
    log, shown = logs._FollowedLog(tmp_path / "run.log"), ""
    while (text := log.news()) is not None:
        shown += text
    assert shown == "short\n" + "x" * 10 + "\n1234567890\nend"


def test_logs_follow_of_what_has_ended_shows_all_of_it(executed):
    done = cli("logs", executed, "bad", "--follow")
    assert done.returncode == 0
    assert done.stdout.count("ValueError: boom") == 2
    assert done.stdout.count("==> ") == 2


@pytest.mark.parametrize("words", [["god"], ["bad", "7"]])
def test_logs_of_what_is_not_there_is_refused_with_what_is(executed, words, capsys):
    assert main(["logs", str(executed), *words]) == 2
    err = capsys.readouterr().err
    assert "Did you mean 'good'" in err or "its runs are 0, 1" in err


# resume, rerun, stop -------------------------------------------------------------------------------------------


def test_resume_goes_on_with_what_is_not_finished(capsys):
    manager = SimulationManager([toy_sim()], 2, "batch", seed=7)
    manager.generate_sim_paths()
    run = manager.runs[0]
    run.move(run.read_history(), (RunState.RUNNING, "attempt=1"), (RunState.INTERRUPTED, "stopped"))
    assert main(["resume", "batch", "--jobs", "1"]) == 0
    assert "2 runs: 2 finished" in capsys.readouterr().out
    assert main(["resume", "batch"]) == 0
    assert "Nothing to do" in capsys.readouterr().out


def test_resume_leaves_failed_runs_unless_told_to_retry_them(failed, capsys):
    assert main(["resume", "batch"]) == 1
    assert read_status(failed).simulation("bad")[0].attempt == 1
    assert main(["resume", "batch", "--retry-errors", "--jobs", "1"]) == 1
    assert read_status(failed).simulation("bad")[0].attempt == 2


def test_rerun_sets_parameters_and_replaces_failed_runs(failed, capsys):
    before = read_status(failed)
    words = ["--set", "training_loop_params.message='other words'", "--set", "agent_params.gain=5", "--jobs", "1"]
    assert main(["rerun", "batch", "bad", *words]) == 1
    after = read_status(failed)
    assert after.simulation("bad")[0].reason == BOOM.replace("boom", "other words")
    assert after.simulation("bad")[0].path != before.simulation("bad")[0].path
    assert after.simulation("bad")[0].seed == before.simulation("bad")[0].seed
    assert after.simulation("good") == before.simulation("good")
    entries = {entry["simulation_id"]: entry for entry in BatchFolder(failed).read_manifest().simulations}
    assert entries["bad"]["agent_params"] == {"gain": 5}
    assert entries["good"]["agent_params"] == {"gain": 2.0}


def test_rerun_all_replaces_finished_runs_too(failed, capsys):
    before = read_status(failed).simulation("good")
    assert main(["rerun", "batch", "good", "--jobs", "1"]) == 1  # the other simulation has a failed run
    assert read_status(failed).simulation("good") == before
    assert main(["rerun", "batch", "good", "--all", "--jobs", "1", "--set", "training_loop_params.n_steps=4"]) == 1
    assert read_status(failed).simulation("good")[0].path != before[0].path
    assert SimulationManager(existing_simulation="batch").load_results("good", 0)[0].updates == 4


@pytest.mark.parametrize(
    "words",
    [
        ["god"],
        ["good", "--set", "x"],
        ["good", "--set", "agent_parms.x=1"],
        ["bad", "--set", "agent_params.gian=1"],
        ["good", "--jobs", "0"],
    ],
)
def test_rerun_refuses_before_anything_is_changed(failed, words, capsys):
    before = listing(failed)
    assert main(["rerun", "batch", *words]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert listing(failed) == before


def test_stop_asks_the_manager_to_finish_the_runs_at_hand(tmp_path, capsys):
    with slow_batch(tmp_path, "--runs", "3") as batch:
        assert main(["stop", "slow"]) == 0
        assert f"Asked process {batch.pid} on" in capsys.readouterr().out
        line = next(line for line in iter(batch.stdout.readline, b"") if b"simmanager stop" in line)
        assert b"1 run is finishing" in line
        (tmp_path / "gate").touch()
        assert batch.wait(30) == 1
    assert read_status("slow").headline == "2 in_queue, 1 finished"


def test_stop_now_ends_the_runs_at_hand(tmp_path):
    with slow_batch(tmp_path) as batch:
        assert main(["stop", "slow", "--now"]) == 0
        assert batch.wait(30) == 1
    status = read_status("slow")
    assert (status.runs[0].state, status.runs[0].reason) == ("interrupted", "stopped by the user")


def test_stop_says_if_there_is_nobody_to_stop(failed, capsys):
    assert main(["stop", "batch"]) == 0
    assert "No manager is running this batch" in capsys.readouterr().out


# What is common to all -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", [["status"], ["status", "--watch"], ["logs"], ["resume"], ["rerun", "sim"], ["stop"]])
@pytest.mark.parametrize("name", ["missing", "empty"])
def test_where_there_is_no_batch_every_verb_says_so_in_one_line(verb, name, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert main([verb[0], name, *verb[1:]]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("simmanager: There is no batch")
    assert captured.err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]
    assert list((tmp_path / "empty").iterdir()) == []


@pytest.mark.parametrize("verb", ["resume", "rerun"])
def test_a_batch_that_another_manager_runs_is_refused_in_one_line(verb, tmp_path, capsys):
    with slow_batch(tmp_path) as batch:
        assert main([verb, "slow", *(["slow"] if verb == "rerun" else [])]) == 2
        err = capsys.readouterr().err
    assert f"process {batch.pid} on" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "words", [[], ["fly"], ["status"], ["run"], ["logs", "x", "y", "not_a_number"], ["run", "x.py", "--runs", "many"]]
)
def test_wrong_usage_exits_with_2(words, capsys):
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    assert "usage: simmanager" in capsys.readouterr().err


def test_version_and_help(capsys):
    for word in ("--version", "--help"):
        with pytest.raises(SystemExit) as caught:
            main([word])
        assert caught.value.code == 0
    out = capsys.readouterr().out
    assert f"simmanager {simmanager.__version__}" in out
    for verb in ("run", "demo", "status", "logs", "resume", "rerun", "stop"):
        assert re.search(rf"^ +{verb} +\w", out, re.MULTILINE)


def test_the_console_script_is_there():
    done = subprocess.run(
        [Path(sys.executable).parent / "simmanager", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"simmanager {simmanager.__version__}\n"


@pytest.mark.parametrize(
    "words", [["status"], ["status", "--json"], ["status", "--watch"], ["logs"], ["logs", "--follow"]]
)
def test_a_reader_that_has_gone_ends_it_quietly(executed, words):
    """As in ``simmanager status PATH | head -1``."""
    ours, theirs = os.pipe()
    os.close(ours)
    try:
        done = cli(words[0], executed, *words[1:], capture_output=False, stdout=theirs, stderr=subprocess.PIPE)
    finally:
        os.close(theirs)
    assert done.stderr == ""
    assert done.returncode in (0, 1)


def test_status_piped_into_head(executed):
    command = f"{sys.executable} -m simmanager status {executed} | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, env=ENVIRONMENT, check=True)
    assert done.stdout == f"{executed}\n"
    assert done.stderr == ""


def test_a_hostile_folder_name_does_not_reach_the_terminal(capsys):
    assert main(["status", "no\x1b[2Jsuch\nfolder"]) == 2
    assert "\x1b" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["logs", "{}", "--type", "run", "good", "0"],
        ["logs", "--type", "run", "{}", "good", "0"],
        ["show", "{}", "--json", "good", "0"],
        ["results", "{}", "--csv", "good"],
    ],
    ids=" ".join,
)
def test_options_may_stand_between_other_words(words, executed, capsys):
    assert main([word.format(executed) for word in words]) in (0, 1)
    assert capsys.readouterr().out


def test_logs_say_why_a_run_failed_even_if_it_wrote_nothing(failed, capsys):
    run = next(run for run in read_status(failed).runs if run.state == "error")
    Path(run.path, "error.log").write_text("")
    assert main(["logs", str(failed)]) == 0
    assert f"==> {run.simulation_id} run {run.run_id}: error: {run.reason} <==" in capsys.readouterr().out
