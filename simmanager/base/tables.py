"""A table: one value that is shown as text, on a terminal, as HTML, and as a pandas DataFrame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from .errors import PackageMissing
from .text import plain

if TYPE_CHECKING:
    import pandas as pd
    import rich.table

#: Of a cell in a notebook, whose own style aligns everything to the right.
_STYLE = "vertical-align:top;padding:2px 12px 2px 0;text-align:"


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its title; ``kind`` is "number" (aligned to the right), "text" (a page may break its lines) or ""."""

    title: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in one place, if that is more than a value."""

    text: str = ""  # what people read
    sort: str = ""  # what a page sorts by, if that is something else
    style: str = ""  # a style of rich, for a terminal
    html: str = ""  # HTML that takes the place of the text, not escaped

    def __str__(self) -> str:
        return self.text


class Table:
    """Rows of values (of any kind, or `Cell`) under titles; the first of each row is its name.

    Values are shown as text: control characters are taken out, HTML is escaped. Without any title HTML has no head.
    """

    def __init__(self, columns: Iterable[str | Column], rows: Iterable[Sequence[Any]]) -> None:
        self.columns = tuple(one if isinstance(one, Column) else Column(one) for one in columns)
        self.rows = tuple(map(tuple, rows))

    @property
    def titles(self) -> tuple[str, ...]:
        """The titles of the columns."""
        return tuple(column.title for column in self.columns)

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, Any]]) -> Table:
        """Return a table of dicts that all have the same keys."""
        return cls(rows[0] if rows else (), (list(row.values()) for row in rows))

    def rich(self, *, rule: bool = False, most: int | None = None) -> rich.table.Table:
        """Return what rich prints, ``most`` rows of it; ``rule`` draws a line below the titles."""
        from rich import box
        from rich.table import Table as RichTable
        from rich.text import Text

        table = RichTable(box=box.SIMPLE_HEAD if rule else None, pad_edge=False, show_edge=False, header_style="bold")
        for number, column in enumerate(self.columns):
            justify: Any = "right" if column.kind == "number" else "left"
            table.add_column(Text(plain(column.title)), justify=justify, overflow="fold", no_wrap=number == 0)
        for row in self.rows[:most]:
            table.add_row(*(Text(_line(value), getattr(value, "style", "")) for value in row))
        return table

    def text(self) -> str:
        """Return the table as plain text, whatever the terminal is; no line is broken."""
        import io

        from rich.console import Console

        file = io.StringIO()
        Console(file=file, width=10_000, force_terminal=False, force_jupyter=False).print(self.rich(rule=True))
        return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"

    def html(self, most: int | None = None) -> str:
        """Return a ``<table>`` that looks the same in any notebook; of more rows than ``most``, how many more."""
        styles = [f' style="{_STYLE}{"right" if one.kind == "number" else "left"}"' for one in self.columns]
        more = len(self.rows) - (len(self.rows) if most is None else most)
        return self._html(styles, self.rows[:most]) + (f"<div>and {more} more</div>" if more > 0 else "")

    def __html__(self) -> str:
        """Return the ``<table>`` for a page that has a style sheet, where the kinds of columns are classes."""
        return self._html([f' class="{one.kind}"' if one.kind else "" for one in self.columns], self.rows)

    def _html(self, attributes: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
        titles = "".join(
            f'<th scope="col"{attribute}>{escape(plain(column.title))}</th>'
            for column, attribute in zip(self.columns, attributes, strict=True)
        )
        head = f"<thead><tr>{titles}</tr></thead>" if any(self.titles) else ""
        lines = []
        for row in rows:
            name, *cells = (
                f"{attribute}>{getattr(value, 'html', '') or escape(_line(value))}"
                for value, attribute in zip(row, attributes, strict=True)
            )
            lines.append(f'<tr><th scope="row"{name}</th>{"".join(f"<td{cell}</td>" for cell in cells)}</tr>')
        return f"<table>{head}<tbody>{''.join(lines)}</tbody></table>"

    def latex(self) -> str:
        """Return a ``tabular`` for LaTeX, with the rules of the package booktabs."""
        columns = "".join("r" if column.kind == "number" else "l" for column in self.columns)
        titles, *rows = (" & ".join(map(_for_latex, row)) + r" \\" for row in (self.titles, *self.rows))
        lines = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", titles, r"\midrule", *rows, r"\bottomrule"]
        return "\n".join([*lines, r"\end{tabular}", ""])

    def frame(self) -> pd.DataFrame:
        """Return a pandas DataFrame with a row for each row, and the values as they are."""
        try:
            import pandas as pd
        except ImportError as error:
            raise PackageMissing("A DataFrame needs pandas. Install it: pip install 'simmanager[frames]'") from error
        return pd.DataFrame(list(self.rows), columns=list(self.titles))


#: What LaTeX would obey -> how it is written.
_LATEX = str.maketrans(
    {
        **{sign: f"\\{sign}" for sign in "&%$#_{}"},
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
    }
)


def _for_latex(value: Any) -> str:
    return _line(value).translate(_LATEX)


def _line(value: Any) -> str:
    """Return a value as one line without control characters; "" for None."""
    return "" if value is None else plain(str(value)).replace("\n", " ")
