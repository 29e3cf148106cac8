"""Classes that travelled by value in a pickle: made anew on loading, or the live one is taken where it is the same."""

from __future__ import annotations

import sys
import types
import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import Any

#: How often results are loaded until each class is either live or made anew; then all are made anew.
_PASSES = 5

#: Class that came out of a pickle -> the name under which it travels on.
_labels: weakref.WeakKeyDictionary[type, str] = weakref.WeakKeyDictionary()

_something_travelled = False


def something_travelled() -> bool:
    """Return whether this process has loaded code by value: such things must not be pickled by their names."""
    return _something_travelled


def label_of(kind: type, taken: Mapping[str, type], *, unique: bool) -> str:
    """Return the name under which a class travels: the one it came with, else a new one that is not ``taken``.

    Parameters
    ----------
    kind : type
        The class.
    taken : mapping
        Label -> class, of this pickle.
    unique : bool
        Also none that a class has with which this process has loaded something.
    """
    known = _labels.get(kind)
    if known is not None and taken.get(known, kind) is kind:
        return known
    others = {*taken, *(_labels.values() if unique else ())}
    name, number = f"{kind.__module__}.{kind.__qualname__}", 0
    while f"{name}#{number}" in others:
        number += 1
    return f"{name}#{number}"


class Classes:
    """The classes of one or several pickles that are loaded together; each is the same class in all of them.

    No class of this process is ever changed by loading, as cloudpickle's own functions do.

    Parameters
    ----------
    known : mapping, optional
        Label -> class that is taken as it is.
    live : bool, default False
        Take a class of this process that has the name, as long as it is the same: see `differing`.
    refused : iterable of str
        Labels of classes that are made anew in any case.
    restores_data : bool, default False
        Give ``known`` classes the data (counters, tables) that they had when they were pickled; not their methods.
    """

    def __init__(
        self,
        known: Mapping[str, type] | None = None,
        *,
        live: bool = False,
        refused: Iterable[str] = (),
        restores_data: bool = False,
    ) -> None:
        self._classes = dict(known or {})
        self._live, self._refused, self._restores_data = live, frozenset(refused), restores_data
        #: Classes that were made and wait for their methods, by their ids.
        self._unfinished: dict[int, type] = {}
        #: Live classes that were taken, by their ids: label.
        self._taken: dict[int, str] = {}
        #: What the pickle said about these: label, class, what it should be.
        self._claims: list[tuple[str, type, Any]] = []

    @property
    def by_label(self) -> dict[str, type]:
        """All classes so far, by the names under which they travel."""
        return dict(self._classes)

    def know(self, classes: Mapping[str, type]) -> None:
        """Take these as they are from now on: label -> class."""
        self._classes.update(classes)

    def function(self, name: str) -> Any:
        """Return what is called instead of a function of cloudpickle, or None."""
        global _something_travelled
        _something_travelled = True
        functions: dict[str, Any] = {
            "_make_skeleton_class": self._class,
            "_make_skeleton_enum": self._enum,
            "_class_setstate": self._set_state,
        }
        return functions.get(name)

    def _class(
        self, metaclass: Any, name: str, bases: Any, attributes: dict[str, Any], tracker: Any, extra: Any
    ) -> Any:
        from cloudpickle.cloudpickle import _make_skeleton_class

        qualname = (extra or {}).get("qualname", name)
        module = attributes.get("__module__", "")
        return self._choose(
            (extra or {}).get("label", tracker),
            _live_class(module, qualname),
            lambda live: type(live) is metaclass and _same_bases(live, bases) and _same_slots(live, attributes),
            lambda: _make_skeleton_class(metaclass, name, bases, attributes, None, None),
            qualname,
        )

    def _enum(
        self, bases: Any, name: str, qualname: str, members: dict[str, Any], module: str, tracker: Any, extra: Any
    ) -> Any:
        from cloudpickle.cloudpickle import _make_skeleton_enum

        return self._choose(
            (extra or {}).get("label", tracker),
            _live_class(module, qualname),
            lambda live: live.__bases__ == tuple(bases) and _same_members(live, members),
            lambda: _make_skeleton_enum(bases, name, qualname, members, module, None, None),
            qualname,
        )

    def _choose(
        self, label: Any, live: Any, fits: Callable[[Any], bool], make: Callable[[], type], qualname: str
    ) -> type:
        if label in self._classes:
            return self._classes[label]
        free = self._live and live is not None and id(live) not in self._taken
        if free and label is not None and label not in self._refused and fits(live):
            kind: type = live
            self._taken[id(live)] = label
        else:
            kind = make()
            kind.__qualname__ = qualname
            self._unfinished[id(kind)] = kind
            if label is not None:
                _labels[kind] = label
        if label is not None:
            self._classes[label] = kind
        return kind

    def _set_state(self, kind: type, state: Any) -> type:
        from cloudpickle.cloudpickle import _class_setstate

        if self._unfinished.pop(id(kind), None) is not None:
            _class_setstate(kind, state)
        elif self._restores_data:
            for name, value in state[0].items():
                if _is_data(name, value):
                    setattr(kind, name, value)
        elif (label := self._taken.get(id(kind))) is not None:
            self._claims.append((label, kind, state[0]))
        return kind

    def differing(self) -> set[str]:
        """Return the labels of live classes that were taken and are not what the pickle holds."""
        from .same_code import same_class_content

        return {label for label, kind, content in self._claims if not same_class_content(content, kind)}


def load_together(loaders: Iterable[Callable[[Classes], Any]]) -> list[Any]:
    """Load several pickles whose classes belong together, with live classes where they are the same.

    A class is taken from this process if its module is loaded and has it under its name, with the same code, and if
    what its methods read beside their arguments (constants, functions, other classes) is equal. Objects without an
    equality of their own, such as ``MISSING = object()``, count as different: the loaded objects hold their own.

    Parameters
    ----------
    loaders : iterable of callable
        Each loads one pickle with the classes it is given; called again if a class turns out to be another one.
    """
    loaders, refused = list(loaders), set[str]()
    for number in range(_PASSES):
        classes = Classes(live=number < _PASSES - 1, refused=refused)
        loaded = [load(classes) for load in loaders]
        if not (wrong := classes.differing()):
            break
        refused |= wrong
    return loaded


def _live_class(module: str, qualname: str) -> Any:
    thing: Any = sys.modules.get(module)
    for name in qualname.split(".") if thing is not None else ():
        thing = vars(thing).get(name) if isinstance(thing, (type, types.ModuleType)) else None
    return thing if isinstance(thing, type) else None


def _same_bases(live: Any, bases: Any) -> bool:
    from .same_code import same

    return any(same(tuple(own), tuple(bases)) for own in (live.__bases__, vars(live).get("__orig_bases__", ())))


def _same_slots(live: type, attributes: Mapping[str, Any]) -> bool:
    return "__slots__" not in vars(live) or vars(live)["__slots__"] == attributes.get("__slots__")


def _same_members(live: Any, members: dict[str, Any]) -> bool:
    from .same_code import same

    return same({member.name: member.value for member in live}, members)


def _is_data(name: str, value: Any) -> bool:
    special = name.startswith("__") and name.endswith("__")
    return not special and name != "_abc_impl" and not callable(value) and not hasattr(value, "__get__")
