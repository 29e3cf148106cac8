"""A figure as SVG inside a page: in the colours of the page, and with ids that no other figure has."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from ..plots.style import style_of_its_own

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Text, axes and what lies behind a legend are drawn in these colours, which are then replaced by those of the page.
_INK, _LINE, _CARD = "#010203", "#040506", "#070809"
_REPLACED = {_INK: "currentColor", _LINE: "var(--line)", _CARD: "var(--card)"}

_EMPTY = "fill: #ffffff; stroke: #767676"  # a white shape with a grey edge: a run in the queue

#: What greys become in the page, from black to nearly white.
_GREYS = ("currentColor", "var(--muted)", "var(--line)", "var(--line)")

_FAMILY = re.compile(r"font-family: [^;]*")
_REFERENCE = re.compile(r"url\(#([^)]*)\)")
_PAINT = re.compile(r"(fill|stroke): (#[0-9a-f]{6})")

#: Digits of a coordinate that make no visible difference: after a tenth of a point in long paths, else a hundredth.
_DIGITS_OF_LONG = re.compile(r"(?<=\d\.\d)\d+")
_DIGITS = re.compile(r"(?<=\d\.\d\d)\d+")
_LONG = 2000


def page_style() -> AbstractContextManager[None]:
    """Draw with the ink of the page, and nothing that the user or a file has set, while the context lasts."""
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
    return style_of_its_own(settings)


def inline_svg(figure: Figure, prefix: str, alt: str) -> str:
    """Return a figure, drawn within `page_style`, as an ``<svg>`` element to be put into a page.

    ``prefix`` is put before every id, so that no two figures of a page share one; ``alt`` is what it shows, in words.
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", dpi=150)  # of what is drawn as an image
    tree = ElementTree.fromstring(buffer.getvalue())  # our own, written a moment ago
    for parent in list(tree.iter()):
        for child in list(parent):
            if _local(child.tag) in ("metadata", "style"):
                parent.remove(child)
    elements = list(tree.iter())
    used = set(_REFERENCE.findall(" ".join(value for element in elements for value in element.attrib.values())))
    used |= {value[1:] for element in elements for name, value in element.attrib.items() if _local(name) == "href"}
    for element in elements:
        element.tag = _local(element.tag)
        element.attrib = dict(_attributes(element.attrib, used, prefix))
    for name in ("width", "height", "version"):
        tree.attrib.pop(name, None)
    tree.attrib |= {"role": "img", "aria-label": alt}
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
            digits = _DIGITS_OF_LONG if len(value) > _LONG else _DIGITS
            yield name, " ".join(digits.sub("", value).split())
        else:
            value = _REFERENCE.sub(rf"url(#{prefix}-\1)", value)
            value = _PAINT.sub(_themed, value.replace(_EMPTY, f"fill: {_CARD}; stroke: #767676"))
            yield name, _FAMILY.sub("font-family: inherit", value)


def _themed(match: re.Match[str]) -> str:
    """Return a fill or stroke of the page for one without a hue: light greys, dark greys and white edges."""
    what, colour = match.groups()
    if colour in _REPLACED:
        return f"{what}: {_REPLACED[colour]}"
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    if red != green or green != blue or (what, red) == ("fill", 255):
        return match[0]
    return f"{what}: {_GREYS[min(red // 64, 3)] if red < 255 else 'var(--card)'}"


def _local(name: str) -> str:
    """Return a name without its namespace: within HTML an ``<svg>`` needs none."""
    return name.rpartition("}")[2]
