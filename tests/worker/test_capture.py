"""Where output goes: Python's, C's and child processes', whatever the run did to stdout."""

import sys

import pytest
from toys import python

from simmanager import RunFolder
from simmanager.worker.capture import errors_to_log, prints_to_logs

pytestmark = pytest.mark.python_versions

#: Runs the body inside the capture of the design, in a process whose own stdout is the test's.
PROGRAM = """
import ctypes, os, subprocess, sys, threading, logging
from simmanager import RunFolder
from simmanager.worker.capture import descriptors_to_logs
folder = RunFolder(".")
print("before", flush=True)
with descriptors_to_logs(folder):
{body}
print("after", flush=True)
print("error after", file=sys.stderr, flush=True)
os.write(1, b"raw after\\n")
ctypes.CDLL(None).puts(b"C after"); ctypes.CDLL(None).fflush(None)
"""


def captured(body):
    done = python(PROGRAM.format(body="\n".join(f"    {line}" for line in body.splitlines())))
    assert done.stdout.splitlines() == ["before", "after", "raw after", "C after"], done.stderr
    assert done.stderr == "error after\n"
    folder = RunFolder(".")
    return folder.read_log("run"), folder.read_log("error")


@pytest.mark.parametrize(
    ("body", "run", "error"),
    [
        ("print('out'); print('err', file=sys.stderr)", "out\n", "err\n"),
        ("os.write(1, b'raw'); os.write(2, b'bad')", "raw", "bad"),
        ("ctypes.CDLL(None).puts(b'from C')", "from C\n", ""),
        ("ctypes.CDLL(None).printf(b'no newline %d', 5)", "no newline 5", ""),
        ("subprocess.run('echo child; echo trouble >&2', shell=True)", "child\n", "trouble\n"),
        ("os.system('echo system')", "system\n", ""),
        ("t = threading.Thread(target=print, args=('thread',)); t.start(); t.join()", "thread\n", ""),
        ("logging.warning('log')", "", "WARNING:root:log\n"),
        ("sys.stdout.buffer.write(b'bytes\\xff'); sys.stdout.buffer.flush()", "bytes\ufffd", ""),
        ("print('unflushed', end='')", "unflushed", ""),
        ("print('\\udc80 \\u2603')", "\\udc80 \u2603\n", ""),
        ("sys.__stdout__.write('the first stdout\\n'); sys.__stdout__.flush()", "the first stdout\n", ""),
        ("print('a'); sys.stdout.close()", "a\n", ""),
        ("sys.stdout = None; sys.stderr = None", "", ""),
        ("import io; sys.stdout = io.StringIO(); print('lost')", "", ""),
        ("sys.stdout = open(os.devnull, 'w'); print('lost')", "", ""),
        ("os.close(1); os.close(2)", "", ""),
        ("sys.stdout.detach()", "", ""),
        ("fd = os.open('x', os.O_CREAT | os.O_WRONLY); os.dup2(fd, 1); os.close(fd); print('in x')", "", ""),
    ],
)
def test_all_that_a_run_writes_is_in_its_logs_and_nothing_after_it(body, run, error):
    assert captured(body) == (run, error)


def test_an_error_in_the_run_gives_stdout_back():
    body = "try:\n    raise SystemExit\nfinally:\n    print('last words')"
    program = PROGRAM.replace(
        "with descriptors", "import contextlib\nwith contextlib.suppress(SystemExit), descriptors"
    )
    done = python(program.format(body="\n".join(f"    {line}" for line in body.splitlines())))
    assert done.stdout.splitlines()[:2] == ["before", "after"]
    assert RunFolder(".").read_log("run") == "last words\n"


def test_what_is_printed_is_in_the_log_at_once():
    run, _ = captured("print('first')\nassert open('run.log').read() == 'first\\n'")
    assert run == "first\n"


def test_a_log_that_is_a_link_is_not_followed(tmp_path):
    (tmp_path / "precious").write_text("keep")
    (tmp_path / "run.log").symlink_to(tmp_path / "precious")
    for capture in (prints_to_logs, errors_to_log):
        with pytest.raises(OSError, match=r"run\.log"), capture(RunFolder(tmp_path)):
            pass
    assert (tmp_path / "precious").read_text() == "keep"


def test_descriptors_do_not_leak(tmp_path):
    (tmp_path / "run.log").mkdir()
    done = python("""
import os
from simmanager import RunFolder
from simmanager.worker.capture import descriptors_to_logs
count = len(os.listdir("/proc/self/fd"))
for _ in range(5):
    try:
        with descriptors_to_logs(RunFolder(".")):
            pass
    except IsADirectoryError:
        pass
os.rmdir("run.log")
for _ in range(5):
    with descriptors_to_logs(RunFolder(".")):
        pass
assert len(os.listdir("/proc/self/fd")) == count, os.listdir("/proc/self/fd")
""")
    assert done.returncode == 0, done.stderr


def test_a_new_run_starts_new_logs(tmp_path):
    folder = RunFolder(tmp_path)
    for text in ("first", "second"):
        with prints_to_logs(folder):
            print(text)
    assert folder.read_log("run") == "second\n"


def test_prints_in_the_callers_process_are_given_back(tmp_path, capsys):
    before = sys.stdout, sys.stderr
    with pytest.raises(ValueError, match="x"), prints_to_logs(RunFolder(tmp_path)):
        print("to the log")
        print("to the other", file=sys.stderr)
        raise ValueError("x")
    assert (sys.stdout, sys.stderr) == before
    assert capsys.readouterr() == ("", "")
    assert RunFolder(tmp_path).read_log("run") == "to the log\n"
    assert RunFolder(tmp_path).read_log("error") == "to the other\n"


def test_for_a_debugger_output_stays_where_it_is(tmp_path, capsys):
    with errors_to_log(RunFolder(tmp_path)):
        print("seen")
    assert capsys.readouterr().out == "seen\n"
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"run.log": "", "error.log": ""}
