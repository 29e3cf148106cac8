"""The API reference: one page that needs nothing else, with all that is public and nothing that is not."""

import collections
import importlib
import re
from html.parser import HTMLParser

import pytest
from places import ROOT
from toys import python

import simmanager

pytest.importorskip("pdoc")

MAKE = ROOT / "scripts" / "reference" / "make.py"

#: Packages all of whose names are public.
PACKAGES = ["simmanager", "simmanager.agents", "simmanager.arenas", "simmanager.plots", "simmanager.report"]


class Page(HTMLParser):
    """What the tests look at: anchors, links, what would be fetched, and the text after each anchor."""

    def __init__(self, html):
        super().__init__()
        self.anchors, self.links, self.fetched, self.tags = [], [], [], collections.Counter()
        self.texts = collections.defaultdict(str)
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.tags[tag] += 1
        self.fetched += [given[name] for name in ("src", "srcset", "data") if name in given]
        self.fetched += [given.get("href")] if tag == "link" else []
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if "id" in given:
            self.anchors.append(given["id"])

    def handle_data(self, data):
        if self.anchors:
            self.texts[self.anchors[-1]] += data


@pytest.fixture(scope="module")
def html(tmp_path_factory):
    target = tmp_path_factory.mktemp("docs") / "deep" / "index.html"
    done = python(
        "import runpy, sys; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')", MAKE, target
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{target}\n", "")
    assert [path.name for path in target.parent.iterdir()] == ["index.html"]
    return target.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def test_it_is_one_page_that_needs_no_other_file_and_no_network(html, page):
    assert [page.tags[tag] for tag in ("html", "head", "body", "main", "nav")] == [1, 1, 1, 1, 1]
    assert page.tags["script"] == 0
    assert page.fetched == []
    assert not re.findall(r"@import|url\((?!\"?data:)", html)
    assert f"<title>simmanager {simmanager.__version__}: API reference</title>" in html


def test_every_link_leads_somewhere(page):
    assert [anchor for anchor, count in collections.Counter(page.anchors).items() if count > 1] == []
    inner = {link[1:] for link in page.links if link.startswith("#")}
    assert len(inner) > 300
    assert inner <= set(page.anchors)
    assert {link.partition(":")[0] for link in page.links if not link.startswith("#")} == {"https"}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_told_about(package, page):
    for name in importlib.import_module(package).__all__:
        thing = getattr(importlib.import_module(package), name)
        if not hasattr(thing, "__doc__") or isinstance(thing, str):
            continue
        text = " ".join(page.texts[f"{package}.{name}"].split())
        first = thing.__doc__.strip().partition("\n")[0]
        assert re.sub(r"\W", "", first) in re.sub(r"\W", "", text), f"{package}.{name}"


def test_nothing_private_is_told_about(page):
    parts = {part for anchor in page.anchors for part in anchor.split(".")}
    assert {part for part in parts if part.startswith("_")} <= {"__init__", "__version__"}


def test_what_an_object_inherits_is_a_link_to_where_it_is_told(page):
    assert "simmanager.SimulationManager.load_results" in page.anchors
    assert "#simmanager.batch.view.BatchView.load_results" in page.links


def test_sections_lists_and_comments_are_rendered(html, page):
    assert html.count("<h6>Parameters</h6>") > 50
    assert not re.search(r"^\s*-{5,}\s*$|:func:|\w::\s", " ".join(page.texts.values()), re.MULTILINE)
    assert "Waiting for a slot." in page.texts["simmanager.RunState.IN_QUEUE"]
