"""The section of images: small copies of pictures that the runs wrote themselves."""

from __future__ import annotations

import base64
import io
import os
from contextlib import suppress
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.text import plain, size
from ..disk.files import open_regular
from ..disk.run_folder import ARTEFACTS, RunFolder
from .page_figure import PageFigure
from .sections import Section

if TYPE_CHECKING:
    from ..results.results import Results

#: Images on the page, and of one run.
MAX_IMAGES, MAX_OF_A_RUN = 24, 4

#: Runs whose files are looked through.
_MAX_RUNS = 1000

#: Width and height of a small copy, in pixels.
_SIDE = 360

#: Bytes and pixels of the largest image that is opened: it may be anybody's.
_MAX_BYTES, _MAX_PIXELS = 30_000_000, 40_000_000

#: Endings of their names, and Pillow's names of the formats that are opened.
_ENDINGS, _FORMATS = (".png", ".jpg", ".jpeg", ".gif", ".webp"), ("PNG", "JPEG", "GIF", "WEBP")


def images(results: Results) -> Section | None:
    """Return the section of images; None if there are none that can be shown."""
    found: list[PageFigure] = []
    more = False
    for run in results.runs[:_MAX_RUNS]:
        folder, of_run = RunFolder(run.path), 0
        for name, n_bytes in folder.list_artefacts().items():
            if not name.lower().endswith(_ENDINGS) or n_bytes > _MAX_BYTES:
                continue
            if more := len(found) == MAX_IMAGES or of_run == MAX_OF_A_RUN:
                break
            if content := thumbnail(folder.artefacts / name):
                title = f"{run.simulation_id}, run {run.run_id}"
                found.append(_figure(title, name, n_bytes, content, len(found)))
                of_run += 1
    note = f"The first {MAX_OF_A_RUN} images of a run, and {MAX_IMAGES} of all." if more else ""
    return Section("images", "Images that the runs wrote", tuple(found), note) if found else None


def _figure(title: str, name: str, n_bytes: int, content: bytes, number: int) -> PageFigure:
    source = f"data:image/png;base64,{base64.b64encode(content).decode()}"
    image = f'<img src="{source}" alt="{escape(plain(name), quote=True)}" loading="lazy">'
    return PageFigure(f"image-{number}", title, image, f"{ARTEFACTS}/{name}, {size(n_bytes)}")


def thumbnail(path: Path) -> bytes:
    """Return a small copy of an image as PNG; b"" if it is none, or too large to be opened."""
    from PIL import Image

    with suppress(Exception), os.fdopen(open_regular(path), "rb") as file:  # whatever damaged bytes make of Pillow
        with Image.open(io.BytesIO(file.read(_MAX_BYTES)), formats=_FORMATS) as image:
            if image.width * image.height > _MAX_PIXELS:
                return b""
            copy = image.convert("RGBA")
            copy.thumbnail((_SIDE, _SIDE))
            content = io.BytesIO()
            copy.save(content, "PNG")
            return content.getvalue()
    return b""
