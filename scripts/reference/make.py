"""Make the API reference: pdoc's pages of the public modules, put together into one that needs no other file."""

from __future__ import annotations

import importlib
import posixpath
import re
import sys
import warnings
from contextlib import suppress
from pathlib import Path

import pdoc.doc
import pdoc.render

import simmanager
import simmanager.base.public

# pdoc reads the source of a class in the module that the class names: here that is the one in which it is written.
simmanager.base.public.public = lambda module: lambda thing: thing

#: The chapters. What two of them show is told in the first.
MODULES = (
    "simmanager",
    "simmanager.batch.view",
    "simmanager.default_simulation",
    "simmanager.agents",
    "simmanager.agents.successor_maps",
    "simmanager.arenas",
    "simmanager.dispatch.events",
    "simmanager.results.comparison",
    "simmanager.results.values",
    "simmanager.plots",
    "simmanager.report",
    "simmanager.analysis",
    "simmanager.batch.reproduction",
    "simmanager.compat.neuralplayground",
)

#: Comments before a name that is given a value; they are what is said about it.
_COMMENT = re.compile(r"((?:^ *#:.*\n)+) *(\w+)[^\n=]*=", re.MULTILINE)

_LINK = re.compile(r'<a ([^>]*)href="([^":#]*)#?([^":]*)"([^>]*)>(.*?)</a>', re.DOTALL)

_HERE = Path(__file__).parent


class Reference:
    """All chapters, and where on the page each public thing is told.

    Parameters
    ----------
    names : tuple of str
        The modules; of what several of them show, the first tells.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self.chapters = {name: read_module(name) for name in names}
        members = [(chapter, doc) for chapter in self.chapters.values() for doc in chapter.members.values()]
        first = {doc.taken_from: chapter.modulename for chapter, doc in reversed(members)}
        self.elsewhere = {doc.fullname for chapter, doc in members if first[doc.taken_from] != chapter.modulename}
        self.homes = {(chapter.modulename, doc.name): first[doc.taken_from] for chapter, doc in members}
        self.homes |= first
        sources = dict.fromkeys(module for module, _ in first if module.startswith("simmanager."))
        self.modules = {**{name: read_module(name) for name in sources}, **self.chapters}

    def page(self) -> str:
        """Return the whole page."""
        pdoc.render.configure(docformat="numpy", show_source=False, search=False, template_directory=_HERE)
        pdoc.render.env.globals["elsewhere"] = self.elsewhere
        rendered = {name: pdoc.render.html_module(module, self.modules) for name, module in self.chapters.items()}
        head = next(iter(rendered.values())).partition("<div>")[0]  # all before the table of contents
        title = f"simmanager {simmanager.__version__}: API reference"
        contents = "".join(
            f'<details><summary><a href="#{name}">{name.replace(".", ".<wbr>")}</a></summary>'
            f"{self._part('nav', name, html)}</details>"
            for name, html in rendered.items()
        )
        chapters = "".join(
            f'<section class="chapter" id="{name}">{self._part("main", name, html)}</section>'
            for name, html in rendered.items()
        )
        return without_dead_links(
            f"{re.sub('<title>.*</title>', f'<title>{title}</title>', head)}"
            f"<div><h1>{title}</h1>{contents}</div></nav>"
            f'<main class="pdoc">{chapters}</main></body></html>\n'
        )

    def _part(self, tag: str, name: str, html: str) -> str:
        """Return the table of contents (nav) or the text (main) of a chapter, as it stands on the common page."""
        inner = html.partition(f'<{tag} class="pdoc">')[2].partition(f"</{tag}>")[0]
        if tag == "nav":
            inner = inner.partition('<ul class="memberlist">')[2].rpartition("</ul>")[0]
            inner = f'<ul class="memberlist">{inner}</ul>'
        inner = re.sub(r'<h(\d) id="[^"]*">', r"<h\1>", inner)  # "Parameters", again and again
        inner = re.sub(r'\b(id|for)="', rf'\1="{name}.', inner)
        return _LINK.sub(lambda link: self._moved(link, name), inner)

    def _moved(self, link: re.Match[str], name: str) -> str:
        """Return a link to another page, or within a chapter, as a link within the common page."""
        before, path, qualname, after, text = link.groups()
        here = posixpath.dirname(name.replace(".", "/"))
        module = posixpath.normpath(posixpath.join(here, path))[: -len(".html")].replace("/", ".") if path else name
        home = self.homes.get((module, qualname.partition(".")[0]), module)
        return f'<a {before}href="#{home}{qualname and "."}{qualname}"{after}>{text}</a>'


def read_module(name: str) -> pdoc.doc.Module:
    """Return what pdoc finds in a module, with the ``#:`` comments as docstrings."""
    loaded = importlib.import_module(name)
    for lazy in getattr(loaded, "__all__", ()):
        with suppress(simmanager.PackageMissing):
            getattr(loaded, lazy)  # it is there from now on
    module = pdoc.doc.Module(loaded)
    classes = [doc for doc in module.members.values() if isinstance(doc, pdoc.doc.Class)]
    for space in (module, *classes):
        for comment, variable in _COMMENT.findall(space.source):
            doc = space.members.get(variable)
            if isinstance(doc, pdoc.doc.Variable) and not doc.docstring:
                doc.docstring = " ".join(re.findall(r"#: ?(.*)", comment))
    return module


def without_dead_links(page: str) -> str:
    """Return the page; links to what it does not show (bases that are not public) become text."""
    there = set(re.findall(r'id="([^"]*)"', page))
    return _LINK.sub(lambda link: link[0] if link[3] in there else link[5], page)


if __name__ == "__main__":
    # Annotations that pdoc cannot evaluate (of a NamedTuple's own constructor, of packages that are not installed) are
    # shown as they are written.
    warnings.filterwarnings("ignore", "Error parsing type annotation|Failed to run TYPE_CHECKING", UserWarning)
    target = Path(sys.argv[1])
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(Reference(MODULES).page(), encoding="utf-8")
    print(target)
