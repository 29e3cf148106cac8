"""The page about a batch: what it says, that it is one harmless file, how it is written."""

from __future__ import annotations

import os
import pickle
import re
import webbrowser
from pathlib import Path

import pytest
from fake_batch import fake_batch
from pages import EVIL, EVIL_NAME, Page, make_batch, make_hostile, many_runs
from toys import BOOM, ToyAgent, python, toy_sim

from simmanager import OneShot, SimulationManager
from simmanager.base.errors import BatchNotFound, BatchNotWritable, ParameterError, SimulationError
from simmanager.cli.main import main
from simmanager.disk.batch_folder import BatchFolder
from simmanager.report import page as page_module
from simmanager.report import render_report, watch_report, write_report
from simmanager.report.contents import differing, parameter_text, partly_shared, run_table, shared, simulations, tiles
from simmanager.report.inline_svg import inline_svg, page_style
from simmanager.report.page_figure import draw
from simmanager.report.problems import problems
from simmanager.report.sections import Section, draw_sections
from simmanager.results.results import read_results
from simmanager.status.reader import read_status

CSS = page_module.style_sheet()


@pytest.fixture
def without_figures(monkeypatch):
    """Drawing takes a second; a test about something else does without."""
    monkeypatch.setattr(page_module, "draw_sections", lambda results: [])


# What it says --------------------------------------------------------------------------------------------------


def test_the_page_tells_counts_parameters_reasons_and_runs(page_html):
    page = Page(page_html)
    text = page.text()
    assert "9 finished, 3 error" in text
    assert "12 runs of 4 simulations" in text
    assert f"3 runs: {BOOM}".replace("boom", "lr_td must be a number") in text
    assert "broken: runs 0, 1, 2" in text
    assert "Traceback (most recent call last)" in page.text("pre")
    assert text.count("lr_td must be a number") >= 3 + 2, "in the table, the summary of the group, its traceback"
    for name in ("gain=0.5", "gain=1.0", "gain=2.0", "agent_params.gain", "last_position", "Provenance"):
        assert name in text
    assert len([1 for tag, own in page.elements if tag == "tr" and "data-state" in own]) == 12


@pytest.mark.parametrize(
    "content",
    [b"font.size: 30\ntext.usetex: True\naxes.grid: True\ntimezone: Nowhere\n", b"\xff\xfe", None],
    ids=["settings", "no text", "a pipe"],
)
def test_a_matplotlibrc_in_the_current_folder_has_no_say(page_batch, page_html, tmp_path, content):
    if content is None:  # who reads it waits for ever
        os.mkfifo(tmp_path / "matplotlibrc")
    else:
        (tmp_path / "matplotlibrc").write_bytes(content)
    figures = re.compile(r"<svg.*?</svg>", re.DOTALL)
    done = python(
        "import sys; from simmanager.cli.main import main; main(sys.argv[1:])", "report", page_batch, "-o", "."
    )
    assert figures.findall(Path("report.html").read_text()) == figures.findall(page_html), done.stderr
    assert done.stderr == ""


def test_the_page_has_a_figure_of_each_kind_with_words_for_it(page_html):
    page = Page(page_html)
    figures = [own for tag, own in page.elements if tag == "svg"]
    words = [own["aria-label"] for own in figures]
    assert all(own["role"] == "img" for own in figures)
    for wanted in (
        "Learning curves of position: gain=0.5 3 of 3 runs",
        "last_position of each run, and the interval of each simulation",
        "Rate maps of gain=0.5, gain=1.0, gain=2.0, runs 0, 1, 2",
        "Trajectories in the arena of gain=0.5",
        "Timeline of 12 runs",
        "A square for each of 12 runs: 9 finished, 3 error",
    ):
        assert [word for word in words if word.startswith(wanted)], wanted
    assert "No finished run: broken." in page.text("figcaption")
    assert "Mean over runs, 95% confidence interval" in page.text(), "the statistics, folded"
    assert "could not be drawn" not in page.text()


def test_every_id_is_there_once_and_every_link_leads_somewhere(page_html):
    page = Page(page_html)
    ids = [value for _, own in page.elements for name, value in own.items() if name == "id"]
    assert len(set(ids)) == len(ids)
    assert {link.removeprefix("#") for link in page.attributes("a", "href")} <= set(ids)
    references = re.findall(r"url\(#([^)]*)\)", page_html) + [link[1:] for link in page.attributes("use", "href")]
    assert references
    assert set(references) <= set(ids)


def test_tiles_count_what_matters(page_batch):
    found = {tile.label: tile for tile in tiles(read_results(page_batch))}
    assert (found["finished"].value, found["finished"].detail) == ("9", "of 12 runs")
    assert (found["failed"].value, found["failed"].detail) == ("3", "25% of all")
    assert {"wall time", "processor time", "median run", "peak memory"} <= set(found)
    assert "interrupted" not in found


def test_tiles_of_a_batch_in_the_middle_tell_what_is_to_come():
    found = {tile.label: tile.value for tile in tiles(many_runs(10, 101))}
    assert (found["finished"], found["failed"], found["in the queue"]) == ("860", "140", "10")


def test_runs_that_failed_for_one_reason_are_one_problem():
    (one,) = problems(many_runs(2, 22))
    assert len(one.runs) == 6, "the numbers in their reasons differ"
    assert one.reason == "ValueError: bad value 6"
    assert one.where == [("sim_0", "6, 13, 20"), ("sim_1", "6, 13, 20")]
    assert (one.log, one.log_of, one.unnamed) == ("", None, 0)


def test_metrics_that_failed_are_problems_too_after_the_runs_that_failed(tmp_path):
    why = {"score": "KeyError: 'x'"}
    runs = [{"metric_errors": why}, {"metric_errors": why}, {"state": "error", "reason": "ValueError: boom"}, {}]
    failed, metric = problems(read_results(fake_batch(tmp_path / "batch", {"a": runs})))
    assert failed.reason == "ValueError: boom"
    assert (metric.state, metric.reason) == ("finished", "the metric score failed: KeyError: 'x'")
    assert metric.where == [("a", "0, 1")]


def test_no_failed_run_is_not_told_in_the_colour_of_failure(tmp_path):
    found = {tile.label: tile for tile in tiles(read_results(fake_batch(tmp_path / "batch", {"a": [{}]})))}
    assert (found["failed"].value, found["failed"].state) == ("0", "")


def test_a_problem_with_very_many_runs_names_some_and_counts_the_others():
    (one,) = problems(many_runs(1, 1001))
    assert len(one.runs) == 142
    assert sum(text.count(",") + 1 for _, text in one.where) + one.unnamed == 142
    assert one.unnamed == 42


def test_a_long_log_is_shown_from_a_whole_line_on(page_batch, tmp_path):
    results = read_results(page_batch)
    log = next(run for run in results.runs if run.state == "error").path / "error.log"
    kept = log.read_bytes()
    try:
        log.write_text("".join(f"line {number} é\n" for number in range(5000)) + "the end\n")
        (one,) = problems(results)
    finally:
        log.write_bytes(kept)
    assert one.log.startswith("…\nline ")
    assert one.log.endswith("\nthe end")
    assert len(one.log) < 12_100


def test_parameters_are_told_apart_by_whether_they_differ(page_batch):
    results = read_results(page_batch)
    assert differing(results).titles == ("simulation", "agent_class", "agent_params.gain", "training_loop")
    assert differing(results).rows[0] == ("gain=0.5", "ToyWithMaps", "0.5", "toy_loop")
    assert ("gain=1.0", "12", "") in partly_shared(results).rows
    assert ("env_params.start", "1.0") in shared(results).rows
    table = simulations(results)
    assert ("simulation", *table["columns"]) == differing(results).titles, "few: beside the simulations"
    assert table["differing"] is None
    assert table["rows"][1]["values"] == ("ToyWithMaps", "1.0", "toy_loop")


def test_a_value_shows_what_it_is():
    for value, text in ((0.1, "0.1"), ("0.1", '"0.1"'), ("null", '"null"'), (None, "null"), ("", '""'), ("a", "a")):
        assert parameter_text("agent_params.lr_td", value) == text
    assert parameter_text("agent_params.policy", "a:b") == "a:b", "only classes lose their module"
    assert parameter_text("agent_class", "package.models:Agent") == "Agent"
    assert parameter_text("env_params.walls", "[" * 100_000).startswith('"[[[')


class TakesAll(ToyAgent):
    """Has any parameter there is."""

    def __init__(self, **parameters):
        super().__init__()


def test_few_simulations_are_the_columns_of_many_parameters():
    parameters = [{f"p{i}": name for i in range(9)} for name in ("a", "b")]
    sims = [toy_sim(own["p0"]).copy(agent_class=TakesAll, agent_params=own) for own in parameters]
    SimulationManager(sims, 1, "batch").generate_sim_paths()
    found = differing(read_results("batch"))
    assert (found.titles, len(found.rows)) == (("parameter", "a", "b"), 9)
    table = simulations(read_results("batch"))
    assert (table["columns"], table["differing"].rows) == ([], found.rows)


def test_the_table_of_runs_has_the_columns_that_say_something(page_batch):
    names = run_table(read_results(page_batch))["table"].titles
    assert names[:6] == ("simulation", "run", "state", "duration", "processor", "memory")
    assert "last_position" in names
    assert "what went wrong" in names
    assert "attempt" not in names, "no run was started twice"
    assert "what went wrong" not in run_table(many_runs(1, 3))["table"].titles, "nothing did"


def test_of_very_many_runs_those_that_are_not_finished_come_first(monkeypatch, without_figures):
    monkeypatch.setattr("simmanager.report.contents.MAX_ROWS", 40)
    results = many_runs(3, 100)
    table = run_table(results)
    assert (table["shown"], table["total"]) == (40, 300)
    assert [run.state for run in table["runs"][:39]].count("finished") == 0
    assert "40 of 300 runs, those that are not finished first" in Page(render_report(results)).text()


def test_what_is_left_out_of_figures_is_said(monkeypatch, page_batch):
    results = read_results(page_batch)
    for name, number in (("MAX_CURVES", 1), ("MAX_ROWS", 2), ("MAX_COLUMNS", 2), ("MAX_LINES", 2), ("MAX_RUNS", 5)):
        monkeypatch.setattr(f"simmanager.report.sections.{name}", number)
    sections = {section.name: section for section in draw_sections(results)}
    assert "timeline" not in sections
    assert sections["curves"].note == "1 of 2 curves shown."
    assert sections["curves"].figures[0].caption.startswith("2 of 3 simulations shown.")
    assert sections["maps"].figures[0].caption == "2 of 3 simulations with them shown. 2 of 3 runs of each shown."


def returns_a_number():
    return {"cost": 2.0}


def test_of_many_simulations_those_that_have_a_metric_are_drawn(monkeypatch):
    """A metric that only the last one has, which did not declare it: what its function returned."""
    monkeypatch.setattr("simmanager.report.sections.MAX_LINES", 2)
    simulations = [toy_sim("first"), toy_sim("second"), toy_sim("third"), OneShot(returns_a_number, {}, "last")]
    manager = SimulationManager(simulations, 1, "batch")
    manager.run_all(in_process=True, progress=False)
    figures = {figure.title: figure for section in draw_sections(manager.results()) for figure in section.figures}
    (_, table), *_ = figures["cost"].tables
    assert [row[0] for row in table.rows] == ["first", "last"]
    assert figures["cost"].caption == "2 of 4 simulations shown."


def test_a_metric_is_drawn_over_the_one_number_that_differs(page_batch, monkeypatch):
    for name in ("_curves", "_maps", "_trajectories", "_timeline"):
        monkeypatch.setattr(f"simmanager.report.sections.{name}", lambda results: None)
    results = read_results(page_batch).select(["gain=0.5", "gain=1.0", "gain=2.0"])
    (section,) = draw_sections(results)
    assert [figure.title for figure in section.figures] == ["last_position", "last_position over agent_params.gain"]


def test_a_figure_that_cannot_be_drawn_says_so_and_costs_nothing_else(monkeypatch, page_batch):
    def fail(figure):
        raise OverflowError("too <big>")

    figure = draw("a", "title", "words", (2.0, 2.0), fail, caption="More.")
    assert (figure.svg, figure.caption) == ("", "This figure could not be drawn (OverflowError: too <big>). More.")
    monkeypatch.setattr(page_module, "draw_sections", lambda results: [Section("a", "A", (figure,))])
    assert "This figure could not be drawn (OverflowError: too <big>). More." in Page(render_report(page_batch)).text()


def test_a_batch_that_has_not_begun_has_a_page():
    SimulationManager([toy_sim()], 2, "batch").generate_sim_paths()
    page = Page(render_report("batch"))
    assert "2 in queue" in page.text()
    assert "What went wrong" not in page.text()
    assert page.attributes("svg", "role") == []


def test_a_page_about_runs_of_neuralplayground_and_about_a_single_run(tmp_path):
    run = tmp_path / "theirs" / "sim" / "run_0_22-11-2026_14-15-33-591"
    run.mkdir(parents=True)
    (run / "state.log").write_text("finished")
    assert "1 run of 1 simulation" in Page(render_report(tmp_path / "theirs")).text()
    assert "The batch tells no parameters." in Page(render_report(run)).text()


def test_a_damaged_manifest_and_a_damaged_summary_are_named(without_figures, tmp_path):
    path = make_batch(tmp_path, runs=1)
    next(path.glob("gain=1.0/run_0_*/summary.npz")).write_bytes(b"no zip")
    (path / "manager.json").write_text("{")
    text = Page(render_report(path)).text()
    assert "manager.json is damaged" in text
    assert "summary.npz of run_0" in text


# One harmless file ---------------------------------------------------------------------------------------------


def test_the_page_needs_no_other_file_and_lets_nothing_else_run(page_html):
    page = Page(page_html)
    for tag, own in page.elements:
        for name, value in own.items():
            assert not name.startswith("on"), f"<{tag} {name}>"
            if name in ("src", "href", "action", "data", "srcset", "poster"):
                assert (value or "").startswith(("#", "data:")), f"<{tag} {name}={value!r}>"
            assert name == "content" or "url(" not in (value or "").replace("url(#", ""), f"<{tag} {name}={value!r}>"
    assert not re.search(r"https?:|//www|@import|url\((?!#)", page_html.partition("</style>")[0])
    assert [tag for tag, _ in page.elements].count("script") == 1
    (policy,) = [own["content"] for _, own in page.elements if own.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none';")
    assert "'unsafe-inline'" not in policy.replace("style-src-attr 'unsafe-inline'", "")


def test_whatever_a_stranger_writes_is_text(tmp_path):
    html = render_report(make_hostile(tmp_path / "b"))
    page = Page(html)
    tags = [tag for tag, _ in page.elements]
    assert (tags.count("script"), tags.count("img"), tags.count("b")) == (1, 0, 0)
    assert EVIL in page.text("pre")
    assert EVIL_NAME in page.text("th")
    assert EVIL_NAME in page.attributes("option", "value")
    assert EVIL in page.text("button"), "the name of a metric"
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", html)
    assert "could not be drawn" not in page.text()


def test_hostile_parameters_and_provenance_are_text(without_figures, tmp_path):
    nested = {"nested": {EVIL: [EVIL, {"x": EVIL}]}}
    sim = toy_sim().copy(agent_class=TakesAll, agent_params={EVIL: EVIL}, env_class=TakesAll, env_params=nested)
    manager = SimulationManager([sim], 1, "b")
    manager.generate_sim_paths()
    manifest = BatchFolder("b").read_manifest()
    values = {name: getattr(manifest, name) for name in manifest.__dataclass_fields__}
    hostile = {"host": EVIL, "versions": {EVIL: EVIL}, "git_commit": {"a": EVIL}, "command": [EVIL], "cores": [EVIL]}
    BatchFolder("b").write_manifest(type(manifest)(**{**values, "provenance": hostile, "created": EVIL}))
    page = Page(render_report("b"))
    assert [tag for tag, _ in page.elements if tag in ("img", "script")] == ["script"]
    assert page.text("td").count("<script>alert(2)") >= 8


def test_no_pickle_is_loaded_for_a_page(tmp_path, without_figures):
    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "crater"),)

    path = make_batch(tmp_path, runs=1)
    for file in [file for file in path.rglob("*") if file.is_file() and file.name not in ("manager.json", "state.log")]:
        file.write_bytes(pickle.dumps(Bomb()))
    write_report(path)
    assert not (tmp_path / "crater").exists()


# A figure in a page --------------------------------------------------------------------------------------------


def test_a_figure_takes_its_ink_from_the_page_and_shares_no_id():
    from matplotlib.figure import Figure

    with page_style():
        figure = Figure()
        ax = figure.add_subplot(title="<b>&amp;", xlabel="x")
        ax.plot([0, 1], [0, 1], "o-", color="#D55E00", label="one")
        ax.plot([0, 1], [1, 0], color="black")
        ax.text(0.5, 0.5, "on a bar", color="white")
        ax.legend()
        one, two = inline_svg(figure, "one", 'with "quotes" & <signs>'), inline_svg(figure, "two", "")
    ids = [set(Page(svg).attributes("path", "id")) for svg in (one, two)]
    assert ids[0]
    assert not ids[0] & ids[1]
    text = Page(one).elements[0][1]
    assert text["aria-label"] == 'with "quotes" & <signs>'
    assert "width" not in text
    for wanted in ("stroke: #d55e00", "stroke: currentColor", "fill: #ffffff", "var(--line)", "var(--card)"):
        assert wanted in one, wanted
    assert not re.search("#0[1-9]0[1-9]0[1-9]|#000000|DejaVu|<style|metadata|xmlns", one)


# Colours -------------------------------------------------------------------------------------------------------


def colours(block):
    return dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", block))


def contrast(one, other):
    """Return the contrast ratio of two colours: WCAG 2.1, relative luminance."""

    def luminance(colour):
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark", "print"])
def test_all_text_can_be_read(theme):
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    states, _, rest = CSS.partition("/*")
    light, dark = states.split("@media")
    blocks = {
        "light": light + rest.partition("@media")[0],
        "dark": dark + rest.partition("prefers-color-scheme: dark")[2].partition("* {")[0],
        "print": light + rest.partition("@media print")[2].partition("@page")[0],
    }
    assert dark.startswith(" screen and (prefers-color-scheme: dark)"), "on paper the states are those of a light page"
    found = colours(blocks[theme])
    texts = ["ink", "muted", "accent", "finished", "running", "error", "interrupted", "in_queue"]
    assert {*texts, "page", "card", "line"} == set(found)
    for name in texts:
        for behind in ("page", "card"):
            assert contrast(found[name], found[behind]) >= 4.5, f"{name} on {behind}"


# How it is written ---------------------------------------------------------------------------------------------


@pytest.fixture
def fresh():
    SimulationManager([toy_sim()], 1, "batch").generate_sim_paths()
    return Path("batch")


def test_the_page_lies_in_the_folder_of_the_batch_and_disturbs_nothing(fresh, without_figures):
    before = read_status(fresh)
    assert write_report(fresh) == fresh / "report.html"
    assert read_status(fresh) == before
    assert SimulationManager(existing_simulation=fresh).run_all(1, progress=False).all_finished
    assert (fresh / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    with pytest.raises(SimulationError, match=r"report\.html"):
        SimulationManager([toy_sim("report.html")], 1, "other")


def test_the_page_goes_where_it_is_wanted(fresh, without_figures, tmp_path):
    assert write_report(fresh, "page.HTML") == Path("page.HTML")
    Path("folder").mkdir()
    assert write_report(str(fresh), "folder") == Path("folder/report.html")
    assert SimulationManager(existing_simulation=fresh).report() == tmp_path / "batch" / "report.html"
    assert not list(tmp_path.rglob("~simmanager-part-*"))


def test_nothing_but_a_page_is_ever_replaced(fresh, without_figures, tmp_path):
    Path("precious.txt").write_text("precious")
    with pytest.raises(ParameterError, match=r"'precious\.txt' must end in \.html"):
        write_report(fresh, "precious.txt")
    with pytest.raises(ParameterError):
        write_report(fresh, fresh / "manager.json")
    Path("report.html").symlink_to("precious.txt")
    write_report(fresh, "report.html")
    assert Path("precious.txt").read_text() == "precious"
    (fresh / "report.html").mkdir()
    with pytest.raises(BatchNotWritable, match="is a folder"):
        write_report(fresh)


def test_a_page_that_cannot_be_written_leaves_the_old_one_and_says_what_to_do(fresh, without_figures, monkeypatch):
    write_report(fresh, "page.html")
    old = Path("page.html").read_bytes()

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("simmanager.disk.run_folder.os.replace", full)
    with pytest.raises(BatchNotWritable, match=r"No space left on device.*simmanager report -o FILE"):
        write_report(fresh, "page.html")
    assert Path("page.html").read_bytes() == old
    assert not Path("~simmanager-part-page.html").exists()
    with pytest.raises(BatchNotWritable):
        write_report(fresh, "missing/page.html")


def test_no_batch_no_page(tmp_path):
    with pytest.raises(BatchNotFound):
        write_report("nothing")
    with pytest.raises(BatchNotFound):
        SimulationManager([toy_sim()], 1, "unmade").report()
    assert list(tmp_path.iterdir()) == []


# On the command line -------------------------------------------------------------------------------------------


def test_the_command_prints_where_the_page_is_and_opens_it_if_asked(fresh, without_figures, monkeypatch, capsys):
    opened = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    assert main(["report", "batch"]) == 0
    assert capsys.readouterr().out == "batch/report.html\n"
    assert opened == []
    assert main(["report", "batch", "-o", "p.html", "--open"]) == 0
    assert opened == [Path("p.html").absolute().as_uri()]
    assert main(["report", "nothing"]) == 2
    assert "There is no batch" in capsys.readouterr().err


def test_watching_ends_with_the_batch(fresh, without_figures, capsys):
    assert main(["report", "batch", "--watch"]) == 0, "nothing runs it"
    assert capsys.readouterr().out == "batch/report.html\n", "said once"
    assert "data-refresh" not in (fresh / "report.html").read_text(encoding="utf-8").partition("<style>")[0]


def test_while_the_batch_runs_the_page_is_written_anew_and_refreshes_itself(fresh, without_figures):
    pages = []
    lock = BatchFolder(fresh).held()
    lock.__enter__()

    def look(page):
        pages.append(page.read_text(encoding="utf-8").partition("<style>")[0])

    def next_time(seconds):
        assert seconds >= 5
        if len(pages) == 2:
            lock.__exit__(None, None, None)

    assert watch_report(fresh, on_write=look, wait=next_time).total == 1
    assert ['data-refresh="5"' in page for page in pages] == [True, True, False]
    assert ['http-equiv="refresh"' in page for page in pages] == [True, True, False], "without JavaScript"


def test_ctrl_c_leaves_a_page_that_does_not_refresh_itself(fresh, without_figures):
    def interrupt(seconds):
        raise KeyboardInterrupt

    with BatchFolder(fresh).held():
        with pytest.raises(KeyboardInterrupt):
            watch_report(fresh, wait=interrupt)
    assert "data-refresh" not in (fresh / "report.html").read_text(encoding="utf-8").partition("<style>")[0]
