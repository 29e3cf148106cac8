"""The page: what it says, drawn and filled into its template, in one file."""

from __future__ import annotations

import base64
import hashlib
import shlex
from importlib.resources import files
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.clock import utc_now
from ..base.errors import BatchNotWritable, ParameterError
from ..base.public import public
from ..base.text import count, plain
from ..disk.batch_folder import REPORT
from ..disk.run_folder import SUMMARY, RunFolder
from ..disk.state_look import LOOKS, in_words
from ..results.source import Source, results_of
from ..results.terminal import mixtures
from .contents import partly_shared, provenance, run_table, shared, simulations, tiles
from .problems import MAX_GROUPS, problems
from .sections import draw_sections
from .thumbnails import images

if TYPE_CHECKING:
    from jinja2 import Template

    from ..results.results import Results


@public("simmanager.report")
def render_report(batch: Source, *, refresh_s: int | None = None) -> str:
    """Return the page about a batch as text.

    Parameters
    ----------
    batch : Results, SimulationManager or path-like
        What it is about.
    refresh_s : int, optional
        Let the page load itself anew every so many seconds.

    Raises
    ------
    BatchNotFound
        There is no batch at that path.
    """
    return _template().render(_content(results_of(batch)), refresh_s=refresh_s)


@public("simmanager.report")
def write_report(batch: Source, output: str | PathLike[str] | None = None, *, refresh_s: int | None = None) -> Path:
    """Write the page about a batch: one file that needs no other, whole or not at all.

    Parameters
    ----------
    batch : Results, SimulationManager or path-like
        What it is about.
    output : path-like, optional
        The file (its name ends in .html), or a folder for ``report.html``; the folder of the batch by default.
    refresh_s : int, optional
        Let the page load itself anew every so many seconds.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    BatchNotFound
        There is no batch at that path.
    ParameterError
        ``output`` does not end in .html.
    BatchNotWritable
        The file cannot be written.
    """
    results = results_of(batch)
    target = target_of(results.path, output)
    put_page(target, render_report(results, refresh_s=refresh_s))
    return target


def target_of(folder: Path, output: str | PathLike[str] | None) -> Path:
    """Return the file that a page is written to."""
    if output is None:
        return folder / REPORT
    target = Path(output)
    if target.is_dir():
        return target / REPORT
    if target.suffix.lower() not in (".html", ".htm"):
        raise ParameterError(f"The page is an HTML file: {plain(str(target))!r} must end in .html, or be a folder.")
    return target


def put_page(target: Path, page: str) -> None:
    """Put a page in its place at once: whoever reads it sees the old one or the new one."""
    if target.is_dir():
        raise BatchNotWritable(f"{target} is a folder; name another file.")
    try:
        RunFolder(target.parent).write_bytes(target.name, page.encode("utf-8", "replace"))
    except OSError as error:
        raise BatchNotWritable(
            f"{target} cannot be written ({error.strerror or error}); name another file (simmanager report -o FILE)."
        ) from error


def _content(results: Results) -> dict[str, Any]:
    from ..version import __version__

    status, found = results.status, problems(results)
    sections = [*draw_sections(results), *filter(None, [images(results)])]
    css, js = style_sheet(), _text("page.js")
    titles = {"summary": "Summary", "problems": "What went wrong", "simulations": "Simulations"}
    titles |= {section.name: section.title for section in sections}
    titles |= {"runs": "Runs", "provenance": "Provenance"}
    return {
        "batch": f"{results.name} {results.path.absolute()}",
        "title": results.name,
        "headline": in_words(status.counts),
        "about": f"{count(status.total, 'run')} of {count(len(results.simulation_ids), 'simulation')}",
        "written": utc_now(),
        "version": __version__,
        "policy": _policy(css, js),
        "icon": _icon(status.counts),
        "css": css,
        "js": js,
        "count": count,
        "states": [state.value for state in LOOKS],
        "words": {state.value: look.words for state, look in LOOKS.items()},
        "counts": status.counts,
        "total": status.total,
        "sections": [(name, title) for name, title in titles.items() if name != "problems" or found],
        "tiles": tiles(results),
        "mixed": mixtures(results),
        "damage": [*status.damage, *(f"{SUMMARY} of {path.name}: {why}" for path, why in results.unreadable.items())],
        "problems": found,
        "max_problems": MAX_GROUPS,
        "folder": shlex.quote(status.path),
        "simulations": simulations(results),
        "simulation_ids": results.simulation_ids,
        "partly_shared": partly_shared(results),
        "shared": shared(results),
        "figures": sections,
        "runs": run_table(results),
        "provenance": provenance(results),
    }


def _template() -> Template:
    """Return the template. What is put into it loses its control characters and is escaped, unless marked as safe."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    def harmless(value: Any) -> Any:
        return plain(value) if isinstance(value, str) and not isinstance(value, Markup) else value

    environment = Environment(
        autoescape=True, finalize=harmless, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_text("page.html.j2"))


def _text(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _policy(css: str, js: str) -> str:
    """Return a content security policy: nothing is loaded, and no script runs but page.js, whatever the page holds."""
    return (
        "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
        f"script-src {_hash(js)}; style-src-elem {_hash(css)}; style-src-attr 'unsafe-inline'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{_base64(hashlib.sha256(text.encode()).digest())}'"


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def style_sheet() -> str:
    """Return the style sheet of the page: the colours of the states, and the file."""
    light, dark = (
        "".join(f" --{state.value}: {getattr(look, shade)};" for state, look in LOOKS.items())
        for shade in ("on_light", "on_dark")
    )
    themes = f":root {{{light} }}\n@media screen and (prefers-color-scheme: dark) {{ :root {{{dark} }} }}\n"
    classes = "".join(f".{state.value} {{ color: var(--{state.value}); }}\n" for state in LOOKS)
    return f"{themes}{_text('page.css')}{classes}"


def _icon(counts: dict[str, int]) -> str:
    """Return the page's icon in the tab, in the colour of the most urgent state that a run has."""
    finished, *others = LOOKS
    colour = LOOKS[next((state for state in others if counts[state]), finished)].on_light
    circle = f'<circle cx="4" cy="4" r="4" fill="{colour}"/>'
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8">{circle}</svg>'
    return f"data:image/svg+xml;base64,{_base64(svg.encode())}"
