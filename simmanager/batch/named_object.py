"""Classes and functions by name: ``"module:Class"``, as in a batch file."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from ..base.errors import SimulationError, UnknownName, suggest
from ..base.load_guard import loading


def named_object(name: str, folder: Path) -> Any:
    """Import what a name like ``"simmanager.agents:Stachenfeld2018"`` stands for.

    Parameters
    ----------
    name : str
        Module and, after a colon, the name in it.
    folder : Path
        Modules here are found, too, as those next to a script are. What is in them travels to the workers by value,
        so that the batch can be resumed from elsewhere.

    Raises
    ------
    SimulationError
        The name has another form, or stands for something that cannot be called.
    UnknownName
        There is no such module, or no such name in it; says the nearest.
    Exception
        Whatever the module raises when it is imported.
    """
    module_name, _, inner = name.partition(":")
    if not all(word.isidentifier() for word in (*module_name.split("."), *inner.split("."))):
        raise SimulationError(f"{name!r} is not of the form 'module:Class', like 'simmanager.agents:Stachenfeld2018'.")
    thing: Any = _import(module_name, folder)
    for word in inner.split("."):
        if not hasattr(thing, word):
            known = [other for other in dir(thing) if not other.startswith("_")]
            raise UnknownName(f"There is no {word!r} in {module_name}.{suggest(word, known)}")
        thing = getattr(thing, word)
    if not callable(thing):
        raise SimulationError(f"{name!r} is no class or function, but {repr(thing)[:100]}.")
    return thing


def _import(name: str, folder: Path) -> ModuleType:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    try:
        with loading(f"The module {name!r}"):
            module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if missing != name and not name.startswith(f"{missing}."):
            raise  # a module that this one imports
        raise UnknownName(_no_module(missing)) from None
    _send_by_value(name, folder)
    return module


def _no_module(missing: str) -> str:
    parent, _, last = missing.rpartition(".")
    path = getattr(sys.modules.get(parent), "__path__", []) if parent else None
    prefix = f"{parent}." if parent else ""
    near = suggest(last, [module.name for module in pkgutil.iter_modules(path)]).replace("'", f"'{prefix}", 1)
    return f"There is no module {missing!r}.{near}"


def _send_by_value(name: str, folder: Path) -> None:
    """Let cloudpickle take what is in a module of the folder along; a worker may not find it there later."""
    top = name.partition(".")[0]
    own = (folder / f"{top}.py", folder / top / "__init__.py", folder / top)
    places = (getattr(sys.modules[top], "__file__", None), *getattr(sys.modules[top], "__path__", ()))
    if top != __package__ and any(place and Path(place).resolve() in own for place in places):
        import cloudpickle

        cloudpickle.register_pickle_by_value(sys.modules[top])
