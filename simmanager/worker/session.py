"""The session that makes a batch: its script, what that imported at its top, and how it set the process up."""

from __future__ import annotations

import ast
import json
import sys
import sysconfig
import tokenize
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from ..disk.batch_folder import BatchFolder
from .session_settings import settings_now

#: Under this name in the provenance of manager.json.
KEY = "session"

#: Modules of files that were given on the command line: name -> path.
_files: dict[str, str] = {}


def note_file(module: ModuleType, path: Path) -> None:
    """Take note that a module is a file given on the command line: workers must not execute it."""
    _files[module.__name__] = str(path)


def session_now() -> dict[str, Any]:
    """Return what a worker needs to be like this session, as plain data; {} if no script, notebook or file made it.

    Returns
    -------
    dict
        ``scripts``: files that no worker executes; ``modules``: what they imported at their top; ``settings``; and
        ``flags`` of the interpreter.
    """
    main = _users_main()
    namespaces = [main] if main is not None else []
    namespaces += [sys.modules[name] for name in _files if name in sys.modules]
    if not namespaces:
        return {}
    scripts = [path for path in (_script(main), *_files.values()) if path]
    modules = dict.fromkeys(name for namespace in namespaces for name in _imported(namespace))
    return {"scripts": scripts, "modules": list(modules), "settings": settings_now(), "flags": interpreter_flags()}


def recorded(simulation_ids: Iterable[str], before: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return what manager.json says of the sessions that made simulations.

    Parameters
    ----------
    simulation_ids : iterable of str
        Those that are pickled now.
    before : mapping, optional
        The provenance so far; what it says of other simulations stays.
    """
    kept = _kept(before or {})
    now = json.loads(json.dumps(session_now()))
    known = [*kept["known"], *([] if now in kept["known"] else [now])]
    return {KEY: {"known": known, "of": {**kept["of"], **dict.fromkeys(simulation_ids, known.index(now))}}}


def session_of(folder: BatchFolder, provenance: Mapping[str, Any], simulation_id: str) -> dict[str, Any]:
    """Return the session that made a simulation, with the set-up function of the batch; {} if nothing is known.

    Parameters
    ----------
    folder : BatchFolder
        The batch.
    provenance : mapping
        What its manager.json says.
    simulation_id : str
        Which simulation.
    """
    setup = {"setup": str(folder.setup_file)} if folder.setup_file.is_file() else {}
    kept = _kept(provenance)
    number = kept["of"].get(simulation_id)
    in_range = isinstance(number, int) and 0 <= number < len(kept["known"])
    session = kept["known"][number] if in_range else {}
    return {**session, **setup} if isinstance(session, Mapping) else setup


def _kept(provenance: Mapping[str, Any]) -> dict[str, Any]:
    kept = provenance.get(KEY)
    known, of = (kept.get("known"), kept.get("of")) if isinstance(kept, Mapping) else (None, None)
    sound = isinstance(known, list) and isinstance(of, Mapping)
    return {"known": known, "of": of} if sound and known and of else {"known": [], "of": {}}


def interpreter_flags() -> list[str]:
    """Return the flags of this interpreter that change what a program does: ``-O``, ``-W``, ``-X dev``."""
    flags = [f"-{'O' * sys.flags.optimize}"] if sys.flags.optimize else []
    flags += ["-X", "dev"] if sys.flags.dev_mode else []
    flags += ["-X", "utf8"] if sys.flags.utf8_mode else []
    flags += [f"-{'b' * sys.flags.bytes_warning}"] if sys.flags.bytes_warning else []
    return [*flags, *(word for option in sys.warnoptions for word in ("-W", option))]


# What was imported -----------------------------------------------------------------------------------------------


def _users_main() -> ModuleType | None:
    """Return ``__main__`` if it is a script, notebook or interactive session of the user, not an installed tool."""
    main = sys.modules.get("__main__")
    file = getattr(main, "__file__", None)
    if main is None or not file:
        return main
    path = Path(file).resolve()
    tools = {
        Path(sysconfig.get_path("scripts")).resolve(),
        Path(sys.executable or "").parent,
        Path(__file__).parents[1],
    }
    installed = {"site-packages", "dist-packages"} & {*path.parts} or tools & {*path.parents}
    return None if installed else main


def _script(main: ModuleType | None) -> str:
    """Return the path of a script that can be imported by nobody but by mistake."""
    file = getattr(main, "__file__", None)
    is_package_module = getattr(main, "__spec__", None) is not None  # python -m package.module
    return str(Path(file).resolve()) if file and not is_package_module else ""


def _imported(namespace: ModuleType) -> Iterator[str]:
    """Yield the modules that the top of a script imported, and those that a session has by name."""
    names = [name for source in _sources(namespace) for name in _imports_at_top(source)]
    names += [value.__name__ for value in list(vars(namespace).values()) if isinstance(value, ModuleType)]
    for name in names:
        module = sys.modules.get(name)
        known = name.partition(".")[0] not in ("simmanager", "builtins", "__main__", "__future__", "__mp_main__")
        if known and getattr(module, "__spec__", None) is not None and not _is_by_value(name):
            yield name


def _is_by_value(name: str) -> bool:
    pickler = sys.modules.get("cloudpickle")
    by_value = pickler.list_registry_pickle_by_value() if pickler is not None else set()
    parts = name.split(".")
    return any(".".join(parts[: i + 1]) in by_value for i in range(len(parts)))


def _sources(namespace: ModuleType) -> list[str]:
    """Return the source of a script, or the cells of a notebook."""
    cells = vars(namespace).get("_ih")
    if isinstance(cells, list):
        return [cell for cell in cells if isinstance(cell, str)]
    try:
        with tokenize.open(namespace.__file__ or "") as file:
            return [file.read()]
    except (OSError, AttributeError, SyntaxError, UnicodeDecodeError):
        return []


def _imports_at_top(source: str) -> Iterator[str]:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):  # a cell with a magic command
        return
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop(0)
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and not _is_guard(node):
            todo[:0] = ast.iter_child_nodes(node)


def _is_guard(node: ast.AST) -> bool:
    """Return whether a statement is ``if __name__ == "__main__":``."""
    return isinstance(node, ast.If) and "__name__" in {n.id for n in ast.walk(node.test) if isinstance(n, ast.Name)}
