"""Document: a TOML or YAML file, with the line of each of its fields."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..base.errors import BatchFileError, PackageMissing

#: Keys and list positions that lead to a field: ``("simulations", 0, "agent_params", "lr_td")``.
Where = tuple[Any, ...]

#: Bytes of the largest file that is read.
MAX_BYTES = 1_000_000

#: Values of the largest YAML file, those that aliases repeat counted each time.
MAX_VALUES = 100_000

#: Levels of the most deeply nested value of a YAML file.
MAX_DEPTH = 50

#: Endings of the files that are read.
SUFFIXES = (".toml", ".yaml", ".yml")


class Document:
    """What a file says, and where.

    Parameters
    ----------
    path : Path
        The file.
    content : dict
        Its fields.
    lines : mapping
        Where -> line, counted from 1, of all or some fields.
    """

    def __init__(self, path: Path, content: dict[str, Any], lines: Mapping[Where, int]) -> None:
        self.path = path
        self.content = content
        self._lines = lines

    def line(self, where: Where) -> int:
        """Return the line of a field, or of what it is in."""
        while where and where not in self._lines:
            where = where[:-1]
        return self._lines.get(where, 1)

    def error(self, where: Where, text: str) -> BatchFileError:
        """Return an error that names file, line and field."""
        words = "".join(f"[{word}]" if isinstance(word, int) else f".{word}" for word in where).lstrip(".")
        return BatchFileError(f"{self.path}:{self.line(where)}: {words}{': ' if words else ''}{text}")


def read_document(path: Path) -> Document:
    """Read a TOML or YAML file.

    Raises
    ------
    BatchFileError
        It is missing or no such file; names the line.
    PackageMissing
        It is YAML, and PyYAML is not installed.
    """
    if not path.is_file():
        raise BatchFileError(f"There is no file {str(path)!r}.")
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BatchFileError(f"{path} cannot be read: {error.strerror}.") from None
    if len(content) > MAX_BYTES:
        raise BatchFileError(f"{path} has more than {MAX_BYTES} bytes: too many for the description of a batch.")
    try:
        text = content.decode()
        return _read_toml(path, text) if path.suffix == ".toml" else _read_yaml(path, text)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BatchFileError(f"{path}:{line}: this is no UTF-8 text.") from None
    except RecursionError:
        raise BatchFileError(f"{path}: values are nested too deeply.") from None


# TOML ----------------------------------------------------------------------------------------------------------

_TOML_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"""|' r"'''.*?'''|" r'"(?:\\.|[^"\\\n])*"|' r"'[^'\n]*'|#[^\n]*|[][{}\n]", re.DOTALL
)
_TOML_KEY = re.compile(r"""((?:"(?:\\.|[^"\\])*"|'[^']*'|[^=])+?)=""")
_TOML_HEADER = re.compile(r"\[(\[?)(.*?)\]\]?\s*(?:#.*)?")


def _read_toml(path: Path, text: str) -> Document:
    text = text.replace("\r\n", "\n")
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r" \(at line (\d+), column \d+\)", str(error))
        line = int(place[1]) if place else text.count("\n") + 1
        raise BatchFileError(f"{path}:{line}: {str(error).partition(' (at ')[0]}.") from None
    return Document(path, content, _toml_lines(text))


def _toml_lines(text: str) -> dict[Where, int]:
    """Return the line of each table and key of a TOML text that is known to be right."""
    lines: dict[Where, int] = {}
    last: dict[Where, int] = {}  # array of tables -> index of its last one so far
    table: Where = ()
    for line, statement in _toml_statements(text):
        if not statement or statement.startswith("#"):
            continue
        if header := _TOML_HEADER.fullmatch(statement):
            table = _resolved(_toml_key(header[2]), last, is_array=bool(header[1]))
            where = table
        elif key := _TOML_KEY.match(statement):
            where = (*table, *_toml_key(key[1]))
            for index, row in enumerate(_rows(statement[key.end() :])):
                lines.setdefault((*where, index), line + row)
        else:
            continue
        for length in range(1, len(where) + 1):
            lines.setdefault(where[:length], line)
    return lines


def _toml_statements(text: str) -> Iterator[tuple[int, str]]:
    """Yield the first line and the text of each statement, comments and empty lines included."""
    start, line, depth = 0, 1, 0
    for token in _TOML_TOKEN.finditer(f"{text}\n"):
        if token[0] in "[{":
            depth += 1
        elif token[0] in "]}":
            depth -= 1
        elif token[0] == "\n" and depth == 0:
            statement = text[start : token.start()]
            yield line, statement.strip()
            start, line = token.end(), line + statement.count("\n") + 1


def _rows(value: str) -> Iterator[int]:
    """Yield, for each table in an array, in which row of its text it begins."""
    depth = row = 0
    for token in _TOML_TOKEN.finditer(value):
        if token[0] == "{" and depth == 1:
            yield row
        depth += (token[0] in "[{") - (token[0] in "]}")
        row += token[0].count("\n")


def _toml_key(text: str) -> Where:
    """Return the parts of a key as TOML reads it: ``a."b.c"`` has two."""
    parts: list[str] = []
    table: Any = tomllib.loads(f"{text} = 0")
    while isinstance(table, dict):
        ((name, table),) = table.items()
        parts.append(name)
    return tuple(parts)


def _resolved(keys: Where, last: dict[Where, int], *, is_array: bool) -> Where:
    """Return where a table is: behind the name of an array of tables comes the index in it."""
    where: Where = ()
    for depth, key in enumerate(keys, start=1):
        where = (*where, key)
        if is_array and depth == len(keys):
            last[where] = last.get(where, -1) + 1
        if where in last:
            where = (*where, last[where])
    return where


# YAML ----------------------------------------------------------------------------------------------------------


def _read_yaml(path: Path, text: str) -> Document:
    try:
        import yaml
    except ImportError:
        raise PackageMissing(f"Reading {path} needs PyYAML: pip install 'simmanager[yaml]', or write TOML.") from None

    class Loader(yaml.SafeLoader):
        """Makes plain values only, and reads 1e-3 as a number, as YAML 1.2 does."""

    number = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)[eE][-+]?\d+")
    Loader.add_implicit_resolver("tag:yaml.org,2002:float", number, list("-+.0123456789"))
    try:
        loader = Loader(text)
        node = loader.get_single_node()
        lines, problem = _yaml_lines(node) if node else ({}, " is empty.")
        content: Any = None if problem else loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise BatchFileError(f"{path}:{mark.line + 1 if mark else 1}: {error.problem or error.context}.") from None
    except (yaml.YAMLError, ValueError) as error:  # a character or a date that does not exist
        raise BatchFileError(f"{path}: {error}.") from None
    if problem:
        raise BatchFileError(f"{path}{problem}")
    return Document(path, content, lines)


def _yaml_lines(root: Any) -> tuple[dict[Where, int], str]:
    """Return the line of each value, and what is wrong: a key that is given twice, or aliases that grow too large."""
    lines: dict[Where, int] = {}
    todo: list[tuple[Where, Any]] = [((), root)]
    while todo:
        where, node = todo.pop()
        lines.setdefault(where, node.start_mark.line + 1)
        if len(lines) > MAX_VALUES or len(where) > MAX_DEPTH:
            return lines, f" has more than {MAX_VALUES} values or {MAX_DEPTH} levels, with what aliases repeat."
        if node.id == "sequence":
            todo += [((*where, index), item) for index, item in enumerate(node.value)]
        elif node.id == "mapping":
            names = set()
            for key, value in node.value:
                name, line = str(key.value), key.start_mark.line + 1
                if name in names:
                    return lines, f":{line}: {name[:100]!r} is given twice."
                names.add(name)
                lines[(*where, name)] = line
                todo.append(((*where, name), value))
    return lines, ""
