"""What a terminal shows: harmless text, the tree, durations, and the progress of a batch."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simmanager import RunFolder, RunState, RunStatus
from simmanager.base.clock import duration
from simmanager.base.text import plain
from simmanager.disk.metric_log import MetricLog
from simmanager.disk.state_look import LOOKS
from simmanager.status import logs, progress_bar
from simmanager.status.logs import print_log
from simmanager.status.progress_bar import Progress
from simmanager.status.status import summarise_runs
from simmanager.status.tree import console, plain_status, print_status, status_view


def batch_of(*runs, alive=False, damage=()):
    return summarise_runs("batch", "/results/batch", runs, alive=alive, damage=damage)


def a_run(state="finished", simulation="sim", run_id=0, **fields):
    path = f"/results/batch/{simulation}/run_{run_id}_22-11-2026_14-15-33-591"
    return RunStatus(simulation, run_id, RunState(state), path, **fields)


def text_of(status, **options):
    file = io.StringIO()
    console(file).print(status_view(status, **options))
    return file.getvalue()


def coloured(status):
    from rich.console import Console

    file = io.StringIO()
    screen = Console(file=file, force_terminal=True, color_system="standard", width=200, markup=False, highlight=False)
    screen.print(status_view(status))
    return file.getvalue()


@pytest.mark.parametrize("max_runs", [0, 100])
@pytest.mark.parametrize(
    "status",
    [
        batch_of(a_run()),
        batch_of(
            a_run("running", run_id=1, attempt=2, duration_s=3.0, fraction=0.25),
            a_run("error", run_id=2, duration_s=0.1, reason="ValueError: [bold]boom[/bold]"),
            a_run("in_queue", "other"),
            a_run("interrupted", "other", 1, reason="its process is gone"),
            damage=["run.json of x"],
        ),
        batch_of(a_run("running", duration_s=1.0, fraction=0.5), alive=True),
    ],
)
def test_a_pipe_gets_the_same_text_that_rich_would_write_there(status, max_runs):
    assert "".join(f"{line}\n" for line in plain_status(status, max_runs)) == text_of(status, max_runs=max_runs)


@pytest.mark.parametrize(
    ("text", "harmless"),
    [
        ("plain äöü 名 ✓", "plain äöü 名 ✓"),
        ("tab\tstays", "tab\tstays"),
        ("two\nlines", "two\nlines"),
        ("dos\r\nlines", "dos\nlines"),
        ("over\rwritten", "over\nwritten"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[2J\x1b[H\x1b[?25l", ""),
        ("\x1b]0;title\x07x", "x"),
        ("\x1b]52;c;cm0gLXJm\x1b\\x", "x"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b31mred", "31mred"),
        ("bell\x07 back\x08space", "bell backspace"),
        ("a\u202egnp.exe", "agnp.exe"),
        ("\u2066a\u2069\ufeff\u200f", "a"),
        ("lone \udc80 surrogate", "lone  surrogate"),
        ("\x00nul\x7f", "nul"),
    ],
)
def test_nothing_that_a_terminal_would_obey_is_left(text, harmless):
    assert plain(text) == harmless


@given(st.text())
def test_what_is_plain_stays_plain(text):
    once = plain(text)
    assert plain(once) == once
    assert all(character in "\t\n" or ord(character) >= 32 for character in once)
    assert "\x1b" not in once
    once.encode("utf-8")


def test_overlong_lines_are_cut():
    text = plain("x" * 20_000 + "\nshort")
    assert len(text) < 6000
    assert "(20000 characters)" in text
    assert text.endswith("\nshort")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, ""),
        (0, "0.00 s"),
        (0.312, "0.31 s"),
        (9.994, "9.99 s"),
        (9.999, "10 s"),
        (10, "10 s"),
        (59.4, "59 s"),
        (59.7, "1 min 0 s"),
        (60, "1 min 0 s"),
        (119.8, "2 min 0 s"),
        (125, "2 min 5 s"),
        (3599.9, "1 h 0 min"),
        (11_520, "3 h 12 min"),
        (172_800, "2 d 0 h"),
        (180_000, "2 d 2 h"),
    ],
)
def test_durations_are_said_as_people_say_them(seconds, words):
    assert duration(seconds) == words


def test_the_tree_shows_batch_simulations_and_runs():
    lines = text_of(
        batch_of(
            a_run("finished", duration_s=0.312, fraction=1.0),
            a_run("error", run_id=1, reason="ValueError: boom", duration_s=1.0, attempt=2),
            a_run("running", "other", duration_s=65.0, fraction=0.25),
            a_run("in_queue", "other", 1, reason="it has no folder yet"),
            a_run("interrupted", "other", 2, reason="its process is gone"),
            alive=True,
        )
    ).splitlines()
    assert lines[0] == "/results/batch"
    assert lines[1].endswith("sim")
    assert lines[2].endswith("run_0_22-11-2026_14-15-33-591: finished  0.31 s")
    assert lines[3].endswith("run_1_22-11-2026_14-15-33-591: error  1.00 s, attempt 2  ValueError: boom")
    assert lines[4].endswith("other")
    assert lines[5].endswith(": running  1 min 5 s, 25%")
    assert lines[6].endswith(": in_queue")
    assert lines[7].endswith(": interrupted  its process is gone")
    assert lines[8].startswith("5 runs: 1 in_queue, 1 running, 1 finished, 1 error, 1 interrupted")
    assert "45% done" in lines[8]


def test_the_time_left_damage_and_advice_are_shown():
    waiting = batch_of(a_run("finished", duration_s=30.0), a_run("in_queue", run_id=1), alive=True)
    assert "at least 30 s left" in text_of(waiting)
    dead = batch_of(a_run("in_queue"), damage=["manager.json is damaged"])
    assert "damaged: manager.json is damaged" in text_of(dead)
    assert "1 run is waiting: simmanager resume /results/batch" in text_of(dead)


def test_a_large_batch_collapses_to_its_simulations():
    runs = [
        a_run("finished" if run < 400 else "error", name, run, duration_s=2.0)
        for name in ("a", "b")
        for run in range(500)
    ]
    lines = text_of(batch_of(*runs)).splitlines()
    assert len(lines) < 10
    assert lines[1].endswith("a  400 finished  100 error  mean 2.00 s")
    assert "1000 runs: 800 finished, 200 error" in lines[3]
    assert len(text_of(batch_of(*runs[:10]), max_runs=9).splitlines()) < 6
    assert len(text_of(batch_of(*runs[:10]), max_runs=10).splitlines()) >= 12


def test_each_state_has_a_colour_of_its_own():
    assert len({look.terminal for look in LOOKS.values()}) == len(RunState)
    lines = coloured(batch_of(*(a_run(state, run_id=number) for number, state in enumerate(RunState)))).splitlines()
    codes = {line.split(": ", 1)[1].split(state)[0] for line, state in zip(lines[2:], RunState, strict=False)}
    assert len(codes) == len(RunState)


def test_in_a_file_there_are_no_colours_and_no_broken_lines():
    text = text_of(batch_of(a_run("error", reason="x" * 400)))
    assert "\x1b" not in text
    assert "x" * 400 in text


def test_hostile_ids_and_reasons_are_harmless():
    hostile = "\x1b[2J[bold red]x[/]\u202e:smile:"
    text = text_of(batch_of(a_run("error", hostile, reason=hostile), damage=[hostile]))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert text.count("[bold red]x[/]:smile:") == 3


def test_a_log_is_printed_harmlessly_or_said_to_be_empty_or_missing(tmp_path, capsys):
    folder = RunFolder(tmp_path)
    print_log(folder, "error")
    folder.error_log.touch()
    print_log(folder, "error")
    folder.error_log.write_bytes(b"\x1b[31mred\x1b[0m \xff\n\n")
    print_log(folder, "error")
    assert capsys.readouterr().out == "(no error.log yet)\n(error.log is empty)\nred \ufffd\n"


def test_print_status_goes_to_stdout(capsys):
    print_status(batch_of(a_run()))
    assert "1 run: 1 finished" in capsys.readouterr().out


# Progress ------------------------------------------------------------------------------------------------------


class Clock:
    def __init__(self):
        self.now = 1000.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(progress_bar, "time", clock)
    return clock


def test_in_a_log_a_failure_is_a_line_at_once_and_progress_a_line_now_and_then(clock):
    file = io.StringIO()
    progress = Progress(10, file=file)
    with progress.shown():
        progress.ended("/run/0", "finished", "")
        assert file.getvalue() == ""
        progress.ended("/run/1", "error", "ValueError: \x1b[2Jboom")
        assert file.getvalue().splitlines() == ["error: /run/1", "       ValueError: boom"]
        clock.now += Progress.LINE_INTERVAL_S
        progress.tick(2, 90.0)
        progress.tick(2, 90.0)
        assert file.getvalue().splitlines()[2:] == [
            "2 of 10 runs done, 1 failed, 2 running, 10 s, at least 1 min 30 s left"
        ]
    assert "\x1b" not in file.getvalue()


def test_on_a_terminal_there_is_a_bar_and_lines_above_it(clock):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    file = Terminal()
    progress = Progress(2, file=file)
    with progress.shown():
        progress.ended("/run/0", "error", "boom")
        progress.tick(1, 5.0)
    assert "error: /run/0" in file.getvalue()
    assert "of 2 runs done" in file.getvalue()


def test_a_progress_that_is_not_shown_says_nothing(clock, capsys):
    for progress in (Progress(3, shown=False), Progress(0)):
        with progress.shown():
            progress.say("x")
            progress.ended("/run/0", "error", "boom")
            clock.now += 100
            progress.tick(1, 1.0)
    assert capsys.readouterr().out == ""


def test_in_jupyter_a_bar_is_updated_in_place(monkeypatch, clock):
    updates = []

    class Handle:
        def update(self, html):
            updates.append(html.data)

    from rich.console import Console

    monkeypatch.setattr(progress_bar, "console", lambda file=None: Console(force_jupyter=True))
    monkeypatch.setattr(progress_bar, "_jupyter_display", Handle)
    progress = Progress(2)
    with progress.shown():
        progress.ended("/run/0", "finished", "")
    assert 'value="0.5000"' in updates[0]
    assert "1 of 2 runs done" in updates[-1]


def test_html_of_a_notebook_is_escaped():
    assert "&lt;script&gt;" in progress_bar._jupyter_text("<script>", 0.5).data


def test_of_a_huge_log_the_end_is_shown(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(logs, "_MAX_LOG", 100)
    folder = RunFolder(tmp_path)
    folder.error_log.write_text("first\n" + "x" * 200 + "\nlast\n")
    logs.print_log(folder, "error")
    shown = capsys.readouterr().out
    assert shown.startswith("(the first 112 bytes of") and shown.endswith("last\n") and "first\n" not in shown


def test_what_a_running_run_has_logged_is_drawn_if_curves_are_wanted(tmp_path):
    log = MetricLog(tmp_path)
    for step in range(8):
        log({"loss": 1.0 - step / 8})
    log.close()
    run = RunStatus("sim", 0, RunState.RUNNING, str(tmp_path), duration_s=3.0)
    assert "loss 0.125 █▇▆▅▄▃▂▁" in text_of(batch_of(run), curves=True)
    assert "loss 0.125" in text_of(batch_of(run)) and "█" not in text_of(batch_of(run))
    ended = run._replace(state=RunState.FINISHED)
    assert "loss" not in text_of(batch_of(ended), curves=True)
