"""A recipe as bytes: pickled by value, and shown to be one that a worker can load."""

from __future__ import annotations

import functools
import io
import sys
from pathlib import Path
from typing import Any

from ..base.errors import SimManagerError
from .pickling import Unpickler
from .travelling import Classes


class UnusableRecipe(SimManagerError, ValueError):
    """A recipe can be pickled, but a worker could not load it; the message says why, without the simulation's name."""


def pickle_recipe(thing: Any) -> bytes:
    """Return the fields of a simulation, or a function, pickled as a worker loads them, else raise `UnusableRecipe`.

    They are loaded once, with the classes of this process, none of which is made or changed by it.
    """
    from .by_value import Pickler

    file = io.BytesIO()
    pickler = Pickler(file, recipe=True)
    pickler.dump(thing)
    content = file.getvalue()
    try:
        _Trial(io.BytesIO(content), Classes(pickler.classes)).load()
    except UnusableRecipe:
        raise
    except Exception as error:
        raise UnusableRecipe(f"can be pickled but not loaded: {type(error).__name__}: {error}") from error
    return content


class _Trial(Unpickler):
    """Refuses what only this process can find by its name."""

    def find_class(self, module: str, name: str) -> Any:
        if _is_of_a_script(module):
            raise UnusableRecipe(
                f"needs {name!r} of {_shown(module)}, which is known by its name only, and a worker never executes "
                f"that file. Put {name!r} into a module of its own and import it from there."
            )
        found = super().find_class(module, name)
        return _import_by_name if (module, name) == ("cloudpickle.cloudpickle", "subimport") else found


def _import_by_name(module: str) -> Any:
    if _is_of_a_script(module):
        raise UnusableRecipe(
            f"uses {_shown(module)} as a module, and a worker never executes that file. "
            "Put what it needs into a module of its own and import it from there."
        )
    __import__(module)
    return sys.modules[module]


def _is_of_a_script(module: str) -> bool:
    """Return whether a module is the script, notebook or FILE of the user, or one that exists in this process only."""
    from cloudpickle import list_registry_pickle_by_value

    from .by_value import exists_only_here

    parts = module.split(".")
    by_value = list_registry_pickle_by_value()
    registered = any(".".join(parts[: i + 1]) in by_value for i in range(len(parts)))
    return module == "__main__" or registered or exists_only_here(module) or _is_the_script_again(module)


def _is_the_script_again(module: str) -> bool:
    """Return whether a module is a second copy of the script: another module has imported it by its name."""
    main, other = sys.modules.get("__main__"), sys.modules.get(module)
    files = [getattr(each, "__file__", None) for each in (main, other)]
    if "." in module or getattr(main, "__spec__", None) is not None or None in files:
        return False
    return _real_path(str(files[0])) == _real_path(str(files[1]))


@functools.lru_cache(maxsize=1000)  # for each name in each recipe of a batch
def _real_path(file: str) -> Path:
    return Path(file).resolve()


def _shown(module: str) -> str:
    file = getattr(sys.modules.get(module), "__file__", None)
    return Path(file).name if file else "the notebook or session" if module == "__main__" else module
