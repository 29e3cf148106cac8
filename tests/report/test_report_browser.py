"""The page in a real browser: it sorts, filters, unfolds, refreshes itself, and runs nothing but its own script.

Needs playwright and Chromium (or Chrome). Without them these tests are skipped, unless SIMMANAGER_REQUIRE_BROWSER is
set, as in continuous integration. SIMMANAGER_SCREENSHOTS=FOLDER keeps a picture of the page.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest
from pages import EVIL, EVIL_NAME, make_hostile, many_runs

from simmanager.report import page as page_module
from simmanager.report import render_report
from simmanager.report.page import put_page

REQUIRED = os.environ.get("SIMMANAGER_REQUIRE_BROWSER", "") not in ("", "0")
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")

#: Text whose contrast with what is behind it is below 4.5 (WCAG 2.1 AA); what figures draw is left out.
FAINT = """() => {
  const channels = (text) => text.match(/[\\d.]+/g).map(Number);
  const luminance = (rgb) => rgb.slice(0, 3).map((c) => c / 255)
    .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (; element; element = element.parentElement) {
      const rgba = channels(getComputedStyle(element).backgroundColor);
      if (rgba.length === 3 || rgba[3] === 1) return rgba;
    }
    return [255, 255, 255];
  };
  const faint = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let seen = 0;
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || element.closest("svg, script, style")) continue;
    if (!element.checkVisibility()) continue;
    const [one, other] = [luminance(channels(getComputedStyle(element).color)), luminance(behind(element))];
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    seen += 1;
    if (ratio < 4.5) faint.push(`${walker.currentNode.data.trim().slice(0, 40)}: ${ratio.toFixed(2)}`);
  }
  return [seen, [...new Set(faint)]];
}"""


def not_available(why):
    if REQUIRED:
        pytest.fail(f"SIMMANAGER_REQUIRE_BROWSER is set, but {why}")
    pytest.skip(why)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        not_available("playwright is not installed (pip install 'simmanager[test]')")
    home, place = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("t")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
            patch.setenv(name, str(home))
        patch.setenv("TMPDIR", str(place))
        with sync_playwright() as playwright:
            path = next(filter(None, map(shutil.which, NAMES)), playwright.chromium.executable_path)
            if not Path(path).exists():
                not_available("there is no Chromium: install the package chromium")
            found = playwright.chromium.launch(executable_path=path)
            yield found
            found.close()
    assert list(place.iterdir()) == [], "its profile is gone"


@pytest.fixture(scope="module")
def pages(tmp_path_factory, page_html):
    """A page about a small batch with figures, one about 1,000 runs without, and one made by a stranger."""
    folder = tmp_path_factory.mktemp("pages")
    put_page(folder / "small.html", page_html)
    put_page(folder / "hostile.html", render_report(make_hostile(folder / "theirs")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page_module, "draw_sections", lambda results: [])
        put_page(folder / "many.html", render_report(many_runs(10, 100)))
    return folder


class Tab:
    """A tab of the browser; everything that goes wrong in it, and everything it asks for, is kept."""

    def __init__(self, browser, clock=False, **options):
        self.context = browser.new_context(viewport={"width": 1280, "height": 900}, **options)
        self.page = self.context.new_page()
        if clock:  # it stands still until a test lets it run
            self.page.clock.install(time=0)
            self.page.clock.pause_at(1000)
        self.wrong, self.asked_for = [], []
        self.page.on("console", lambda message: self.wrong.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.wrong.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        self.page.on("request", lambda request: self.asked_for.append(request.url))

    def open(self, path):
        self.page.goto(path.as_uri())
        return self

    def column(self, number):
        """Return the texts of a column (1 is the first) in the rows that are shown."""
        script = "rows => rows.filter((row) => !row.hidden).map((row) => row.cells[%d].textContent.trim())"
        return self.page.eval_on_selector_all("#runs-table tbody tr", script % (number - 1))

    def count(self):
        return self.page.inner_text("output")

    def box(self, state):
        return self.page.get_by_role("checkbox", name=state)

    def sort_by(self, name):
        self.page.locator("#runs-table th button", has_text=name).click()

    def sorted_as(self, name):
        header = self.page.locator("#runs-table th", has=self.page.locator("button", has_text=name))
        return header.get_attribute("aria-sort")


@pytest.fixture
def tab(browser):
    tabs = []

    def new(path, **options):
        tabs.append(Tab(browser, **options).open(path))
        return tabs[-1]

    yield new
    for one in tabs:
        one.context.close()
        assert one.wrong == []
        assert [url[:40] for url in one.asked_for if not url.startswith(("file:", "data:"))] == []


def test_all_runs_are_there_and_sort_by_any_column(tab, pages):
    table = tab(pages / "many.html")
    assert table.count() == "1000 runs"
    before = table.column(4)
    assert table.sorted_as("duration") == "none"
    table.sort_by("duration")
    assert table.sorted_as("duration") == "ascending"
    seconds = [float(text.split()[0]) for text in table.column(4) if text and "min" not in text]
    assert seconds == sorted(seconds), "9.5 before 10"
    assert table.column(4)[-10:] == [""] * 10, "those that did not run come last"
    table.sort_by("duration")
    assert table.sorted_as("duration") == "descending"
    assert table.column(4)[0] == "1 min 40 s"
    assert table.column(4)[-10:] == [""] * 10
    table.sort_by("duration")
    assert table.sorted_as("duration") == "none"
    assert table.column(4) == before, "the order of the batch again"
    table.sort_by("simulation")
    table.sort_by("run")
    assert table.column(2) == [str(run) for run in range(100) for _ in range(10)]
    assert table.column(1)[:10] == [f"sim_{i}" for i in range(10)], "runs that are alike stay as they were"


def test_runs_are_filtered_by_state_simulation_and_words(tab, pages):
    table = tab(pages / "many.html")
    table.box("error").check()
    assert table.count() == "140 of 1000 runs"
    table.box("in queue").check()
    assert table.count() == "150 of 1000 runs"
    table.page.get_by_role("combobox").select_option("sim_3")
    assert table.count() == "15 of 1000 runs"
    assert set(table.column(1)) == {"sim_3"}
    table.page.get_by_role("searchbox").fill("  VALUE 13 valueerror ")
    assert table.column(2) == ["13"], "all of the words, in any order"
    table.page.get_by_role("searchbox").fill("nothing has this")
    assert table.count() == "0 of 1000 runs"
    from playwright.sync_api import expect

    table.page.get_by_role("button", name="Show all").click()
    expect(table.page.locator("output")).to_have_text("1000 runs")
    assert not table.box("error").is_checked()


def test_a_number_of_the_summary_leads_to_its_runs(tab, pages):
    table = tab(pages / "many.html")
    table.page.get_by_role("link", name="Show the runs: failed").click()
    assert table.count() == "140 of 1000 runs"
    assert set(table.column(3)) == {"error"}
    assert table.page.evaluate("scrollY > 0 && location.hash") == "#runs"


def test_a_traceback_unfolds(tab, pages):
    small = tab(pages / "small.html")
    assert not small.page.locator("pre").is_visible()
    small.page.get_by_text("3 runs:").click()
    assert "ValueError: lr_td must be a number" in small.page.inner_text("pre")


def test_the_keyboard_is_enough(tab, pages):
    small = tab(pages / "small.html")
    focused = "document.activeElement.textContent.trim()"
    small.page.keyboard.press("Tab")
    assert small.page.evaluate(focused) == "Skip to the table of runs"
    assert small.page.evaluate("document.activeElement.getBoundingClientRect().left >= 0"), "it is seen"
    small.page.keyboard.press("Enter")
    assert small.page.evaluate("location.hash") == "#runs"
    small.page.keyboard.press("Tab")
    assert small.page.evaluate("document.activeElement.value") == "finished"
    small.page.keyboard.press("Space")
    assert small.count() == "9 of 12 runs"
    small.page.locator("#sort-1").focus()
    small.page.keyboard.press("Enter")
    assert small.sorted_as("run") == "ascending"
    small.page.locator("summary").first.focus()
    small.page.keyboard.press("Space")
    assert small.page.locator("pre").is_visible()
    assert small.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_stands_out_from_what_is_behind_it(tab, pages, scheme):
    small = tab(pages / "small.html", color_scheme=scheme)
    small.page.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true; })")
    seen, faint = small.page.evaluate(FAINT)
    assert seen > 200
    assert faint == []
    behind = small.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", behind))) < 200) == (scheme == "dark")
    ink = "getComputedStyle(document.querySelector('#curves svg text')).fill"
    assert (sum(map(int, re.findall(r"\d+", small.page.evaluate(ink)))) > 500) == (scheme == "dark")
    if folder := os.environ.get("SIMMANAGER_SCREENSHOTS"):
        small.page.screenshot(path=Path(folder, f"report-{scheme}.png"), full_page=True)


def test_on_paper_there_is_all_but_what_can_be_pressed(tab, pages, tmp_path):
    small = tab(pages / "small.html", color_scheme="dark")
    small.page.emulate_media(media="print", color_scheme="dark")
    for selector in ("nav", "form"):
        assert not small.page.locator(selector).is_visible()
    assert small.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert small.page.evaluate(FAINT)[1] == []
    paper = small.page.pdf()
    assert paper.startswith(b"%PDF")
    assert small.page.screenshot().startswith(b"\x89PNG")


def test_without_scripts_there_is_all_there_is_to_read(tab, pages):
    small = tab(pages / "small.html", java_script_enabled=False)
    assert small.page.locator("#runs-table tbody tr").count() == 12
    assert not small.page.locator("form").is_visible()
    small.page.get_by_text("3 runs:").click()
    assert small.page.locator("pre").is_visible()


def test_a_narrow_screen_scrolls_tables_not_the_page(tab, pages):
    small = tab(pages / "small.html")
    small.page.set_viewport_size({"width": 390, "height": 800})
    assert small.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_whatever_a_stranger_wrote_is_shown_as_text(tab, pages):
    theirs = tab(pages / "hostile.html")
    assert theirs.page.locator("img, b").count() == 0
    assert theirs.page.locator("script").count() == 1
    assert EVIL_NAME in theirs.column(1)
    theirs.page.locator("summary").first.click()
    assert EVIL in theirs.page.inner_text("pre")
    theirs.page.get_by_role("combobox").select_option(EVIL_NAME)
    assert theirs.count() == "2 runs"
    assert theirs.page.locator("figure svg").count() >= 3


def test_no_script_runs_that_is_not_ours(browser, pages):
    """Were something ever not escaped, the browser would still not run it."""
    one = Tab(browser)
    evil = "<script>alert(1)</script><img src=x onerror=alert(2)><style>body { display: none }</style></main>"
    broken = pages / "broken.html"
    broken.write_text((pages / "small.html").read_text(encoding="utf-8").replace("</main>", evil), encoding="utf-8")
    one.open(broken)
    assert one.count() == "12 runs"
    assert len(one.wrong) == 4
    assert all("Content Security Policy" in text for text in one.wrong)
    one.context.close()


def test_a_page_that_is_written_anew_comes_back_as_it_was_left(tab, tmp_path, monkeypatch):
    monkeypatch.setattr(page_module, "draw_sections", lambda results: [])
    path = tmp_path / "live.html"
    put_page(path, render_report(many_runs(2, 30), refresh_s=5))
    live = tab(path, clock=True)
    live.box("error").check()
    live.page.get_by_role("searchbox").fill("bad")
    live.sort_by("run")
    live.sort_by("run")
    live.page.locator("summary").first.click()
    live.page.locator("#filter-text").focus()
    live.page.evaluate("scrollTo(0, 300)")
    scrolled = live.page.evaluate("scrollY")
    assert scrolled > 0
    put_page(path, render_report(many_runs(2, 100), refresh_s=5))
    live.page.clock.run_for(4000)
    assert live.count() == "8 of 60 runs", "it is not yet time"
    with live.page.expect_navigation():
        live.page.clock.run_for(2000)
    assert live.count() == "28 of 200 runs"
    assert live.column(2)[:3] == ["97", "97", "90"]
    assert live.box("error").is_checked()
    assert live.page.input_value("#filter-text") == "bad"
    assert live.sorted_as("run") == "descending"
    assert live.page.locator("details").first.get_attribute("open") is not None
    assert live.page.evaluate("scrollY") == scrolled
    assert live.page.evaluate("document.activeElement.id") == "filter-text"
    put_page(path, render_report(many_runs(2, 100)))
    with live.page.expect_navigation():
        live.page.clock.run_for(6000)
    assert live.count() == "28 of 200 runs"
    live.page.clock.run_for(60_000)
    assert live.page.evaluate("document.documentElement.dataset.refresh") is None, "the last page stays"


def test_a_page_does_not_refresh_itself_under_the_hands_of_its_reader(tab, tmp_path, monkeypatch):
    monkeypatch.setattr(page_module, "draw_sections", lambda results: [])
    path = tmp_path / "live.html"
    put_page(path, render_report(many_runs(1, 30), refresh_s=5))
    live = tab(path, clock=True)
    live.page.clock.run_for(4500)
    live.page.get_by_role("searchbox").press("x")
    live.page.evaluate("window.same = true")
    live.page.clock.run_for(1500)
    assert live.page.evaluate("window.same"), "a key was pressed a moment ago"
    live.page.evaluate("getSelection().selectAllChildren(document.querySelector('h1'))")
    live.page.clock.run_for(20_000)
    assert live.page.evaluate("window.same"), "text is selected"
    with live.page.expect_navigation():
        live.page.evaluate("getSelection().removeAllRanges()")
        live.page.clock.run_for(1000)


def test_a_page_that_nobody_writes_any_more_says_so(tab, tmp_path, monkeypatch):
    monkeypatch.setattr(page_module, "draw_sections", lambda results: [])
    path = tmp_path / "live.html"
    put_page(path, render_report(many_runs(1, 30), refresh_s=5))
    assert not tab(path).page.locator("#stale").is_visible()
    put_page(path, path.read_text(encoding="utf-8").replace('data-written="2', 'data-written="1', 1))
    assert tab(path).page.locator("#stale").is_visible()
