"""A figure as SVG inside a page: its ink takes the colours of the page, its names clash with no other figure's."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Drawn with these, then replaced by what the page has for text and for lines, so that figures follow light and dark.
_INK, _LINE, _CARD = "#010203", "#040506", "#070809"
_BY_THE_PAGE = {
    _INK: "currentColor",
    "#000000": "currentColor",
    _LINE: "var(--line)",
    "#bbbbbb": "var(--line)",
    "#dddddd": "var(--line)",
    "#767676": "var(--muted)",
    _CARD: "var(--card)",
    "#ffffff": "var(--card)",
}

_FAMILY = re.compile(r"font-family: [^;]*")
_REFERENCE = re.compile(r"url\(#([^)]*)\)")
_COLOUR = re.compile("|".join(_BY_THE_PAGE))
_LONG_NUMBER = re.compile(r"(?<=\d\.\d\d)\d+")


@contextmanager
def page_style() -> Iterator[None]:
    """Draw with the ink of the page while the context lasts."""
    import matplotlib

    inked = ("text.color", "axes.labelcolor", "axes.titlecolor", "xtick.color", "ytick.color", "legend.labelcolor")
    lined = ("axes.edgecolor", "grid.color", "legend.edgecolor")
    settings: Any = {  # the type of the keys is another in each version
        **dict.fromkeys(inked, _INK),
        **dict.fromkeys(lined, _LINE),
        "figure.facecolor": "none",
        "axes.facecolor": "none",
        "savefig.facecolor": "none",
        "legend.facecolor": _CARD,
        "svg.fonttype": "none",
        "svg.hashsalt": "simmanager",
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    with matplotlib.rc_context(settings):
        yield


def inline_svg(figure: Figure, prefix: str, alt: str) -> str:
    """Return a figure, drawn within `page_style`, as an ``<svg>`` element to be put into a page.

    Parameters
    ----------
    figure : Figure
        What to write.
    prefix : str
        Put before every id, so that no two figures of a page share one.
    alt : str
        What it shows, in words.
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg")
    tree = ElementTree.fromstring(buffer.getvalue())  # our own, written a moment ago
    _drop(tree, {"metadata", "style"})
    elements = list(tree.iter())
    used = set(_REFERENCE.findall(" ".join(value for element in elements for value in element.attrib.values())))
    used |= {value[1:] for element in elements for name, value in element.attrib.items() if _local(name) == "href"}
    for element in elements:
        element.tag = _local(element.tag)
        element.attrib = dict(_attributes(element.attrib, used, prefix))
    for name in ("width", "height", "version"):
        tree.attrib.pop(name, None)
    tree.attrib.update(role="img")
    tree.set("aria-label", alt)
    return ElementTree.tostring(tree, encoding="unicode")


def _attributes(attributes: dict[str, str], used: set[str], prefix: str) -> Iterator[tuple[str, str]]:
    for name, value in attributes.items():
        name = _local(name)
        if name == "id":
            if value in used:
                yield name, f"{prefix}-{value}"
        elif name == "href":
            yield name, f"#{prefix}-{value[1:]}" if value.startswith("#") else value
        elif name == "d":
            yield name, " ".join(_LONG_NUMBER.sub("", value).split())
        else:
            value = _REFERENCE.sub(rf"url(#{prefix}-\1)", value)
            value = _COLOUR.sub(lambda match: _BY_THE_PAGE[match[0]], value)
            yield name, _FAMILY.sub("font-family: inherit", value)


def _drop(tree: ElementTree.Element, tags: set[str]) -> None:
    for parent in list(tree.iter()):
        for child in list(parent):
            if _local(child.tag) in tags:
                parent.remove(child)


def _local(name: str) -> str:
    """Return a name without its namespace: within HTML an ``<svg>`` needs none."""
    return name.rpartition("}")[2]
