"""A table is one value: as text, on a terminal, as HTML and as a frame it holds the same."""

import re
import sys
from html.parser import HTMLParser

import pytest

from simmanager import PackageMissing
from simmanager.base.tables import Cell, Column, Table

EVIL = "<img src=x onerror=alert(1)>\x1b[31m"


class Places(HTMLParser):
    """The texts of a table, row by row, and the attributes of each cell."""

    def __init__(self, html):
        super().__init__()
        self.rows, self.attributes = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        if tag == "tr":
            self.rows.append([])
        if tag in ("th", "td"):
            self.rows[-1].append("")
            self.attributes.append(dict(attrs))

    def handle_data(self, data):
        self.rows[-1][-1] += data


@pytest.fixture
def table():
    return Table(
        ("name", Column("value", "number"), Column("why", "text")), [("a", 1.5, None), ("bb", 20, "so\nit is")]
    )


def test_text_has_a_line_under_the_titles_and_aligns_numbers_to_the_right(table):
    title, rule, first, second = table.text().splitlines()
    assert title.split() == ["name", "value", "why"] and set(rule) <= set("─ ")
    assert first.index("1.5") + 3 == second.index("20") + 2 == title.index("value") + 5
    assert second.endswith("so it is"), "a row is one line"
    assert "None" not in first


def test_text_breaks_no_line_however_long_it_is():
    assert Table(("name", "value"), [("x" * 300, "y" * 300)]).text().count("\n") == 3


def test_html_holds_what_the_text_holds(table):
    for html in (table.html(), table.__html__()):
        assert Places(html).rows == [["name", "value", "why"], ["a", "1.5", ""], ["bb", "20", "so it is"]]
        assert html.startswith("<table><thead>") and html.endswith("</tbody></table>")


def test_a_notebook_gets_styles_and_a_page_gets_classes(table):
    styles = [one["style"].rpartition("text-align:")[2] for one in Places(table.html()).attributes]
    assert styles == ["left", "right", "left"] * 3
    assert [one.get("class") for one in Places(table.__html__()).attributes] == [None, "number", "text"] * 3


def test_a_table_without_titles_has_no_head():
    html = Table(("", ""), [("a", 1)]).html()
    assert "<thead" not in html and Places(html).rows == [["a", "1"]]


def test_only_some_rows_are_shown_and_the_others_are_counted():
    table = Table(("n",), [(n,) for n in range(5)])
    assert Places(table.html(2)).rows[:2] == [["n"], ["0"]] and "<div>and 3 more</div>" in table.html(2)
    assert "more" not in table.html(5) and "more" not in table.html()


def test_nothing_in_a_title_or_a_value_is_obeyed():
    table = Table((EVIL, EVIL), [(EVIL, Cell(EVIL))])
    for html in (table.html(), table.__html__()):
        assert "<img" not in html and "\x1b" not in html and html.count("&lt;img src=x") == 4
    assert "\x1b" not in table.text() and table.text().count("<img src=x") == 4


def test_html_of_ours_takes_the_place_of_the_text_in_html_alone():
    table = Table(("n", "v"), [("a", Cell("plain", html="<b>bold</b>"))])
    assert "<b>bold</b>" in table.html() and "plain" not in table.html()
    assert "plain" in table.text() and "bold" not in table.text()


def test_a_style_colours_a_terminal_and_nothing_else():
    from rich.console import Console

    table = Table(("n", "v"), [("a", Cell("wrong", style="red"))])
    console = Console(force_terminal=True, color_system="standard", width=80)
    with console.capture() as caught:
        console.print(table.rich())
    assert re.search(r"\x1b\[31mwrong", caught.get())
    assert "\x1b" not in table.text() and "red" not in table.html()


def test_a_table_of_dicts_has_their_keys_as_titles():
    table = Table.of([{"a": 1, "b": [2]}, {"a": 3, "b": None}])
    assert table.titles == ("a", "b") and table.rows == ((1, [2]), (3, None))
    assert Table.of([]).titles == () and Table.of([]).rows == ()


def test_a_frame_keeps_the_values_as_they_are():
    pytest.importorskip("pandas")
    frame = Table(("a", "b"), [(1, "x"), (2, None)]).frame()
    assert list(frame.columns) == ["a", "b"] and frame["a"].tolist() == [1, 2] and frame["a"].dtype.kind == "i"
    assert Table(("a", "b"), []).frame().shape == (0, 2)


def test_without_pandas_a_frame_says_what_to_install(table, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(PackageMissing, match=r"pandas.*pip install 'simmanager\[frames\]'"):
        table.frame()
