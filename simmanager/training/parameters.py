"""Parameters of agents and arenas: each declared once, as a field of its class, and checked by one constructor."""

from __future__ import annotations

import inspect
import math
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, dataclass_transform

from ..base.checks import check_flag, check_integer, check_number, limits, parameter_names, refuse_unknown
from ..base.errors import ParameterError, ParameterTypeError
from .arrays import FloatArray
from .model_state import ModelState, check_pair, own_generator

#: What may be given for two numbers; see `pair`.
Pair = Sequence[float] | FloatArray

#: Default of a parameter that has to be given.
REQUIRED: Any = inspect.Parameter.empty

_HEADING = re.compile(r"^(\w[\w ]*)\n-{3,}$", re.MULTILINE)
_RAISES = """Raises
------
ParameterTypeError, ParameterError
    A parameter that is unknown, missing, of the wrong type or out of range."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a class says about one of its parameters; `parameter`, `number`, ... make it in the body of the class."""

    #: What it is, without a full stop; more about it on further lines.
    doc: str = ""
    #: Without one it has to be given. Where it is None, None is allowed besides what ``check`` allows.
    default: Any = REQUIRED
    #: Its type, as the docstring has it.
    kind: str = "object"
    #: Takes the name and a value; returns what becomes of the value, or raises.
    check: Callable[[str, Any], Any] | None = None
    #: What the constructor calls it, if not as the attribute.
    alias: str = ""
    #: False: the constructor does not take it; it is the default, or what ``_derive`` makes it.
    init: bool = True
    #: False: the attribute is there for ``_derive`` only.
    keep: bool = True
    #: What type checkers are told. When a model is made, all parameters can be given without their names.
    kw_only: bool = True
    #: What it is called in the body of the class, and its annotation there.
    attribute: str = ""
    annotation: Any = REQUIRED

    def __post_init__(self) -> None:
        if type(self.default).__hash__ is None:
            raise TypeError(f"The default {self.default!r} would be shared by all objects: take None, or a tuple.")

    @property
    def name(self) -> str:
        """What the constructor calls it."""
        return self.alias or self.attribute

    @property
    def summary(self) -> str:
        """What it is, in a line."""
        return self.doc.partition("\n")[0]

    def checked(self, value: Any) -> Any:
        """Return what becomes of a value."""
        is_none = value is None and self.default is None and self.check is not _check_generator
        return value if self.check is None or is_none else self.check(self.name, value)

    def entry(self) -> str:
        """Return what a docstring says about it."""
        optional, default = (", optional", "") if self.default is None else ("", f" Default {_shown(self.default)}.")
        first = f"{self.summary}.{'' if self.default is REQUIRED else default}"
        return "\n    ".join([f"{self.name} : {self.kind}{optional}", first, *self.doc.split("\n")[1:]])

    def in_signature(self) -> inspect.Parameter:
        """Return what `inspect.signature` says about it."""
        annotation = self.annotation
        if self.default is None and isinstance(annotation, str) and not annotation.endswith("None"):
            annotation = f"{annotation} | None"
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        return inspect.Parameter(self.name, kind, default=self.default, annotation=annotation)


def parameter(doc: str = "", **options: Any) -> Any:
    """Declare a parameter of any kind; the options are those of `Parameter`."""
    return Parameter(doc, **options)


def number(doc: str, *, unit: str = "", convert: Callable[[Any], Any] | None = None, **options: Any) -> Any:
    """Declare a number with the limits that `check_number` has, kept as it is or as ``convert`` makes it."""
    allowed = {name: options.pop(name) for name in ("minimum", "maximum", "above", "below") if name in options}

    def check(name: str, value: Any) -> Any:
        checked = check_number(name, value, **allowed)
        return checked if convert is None else convert(checked)

    return Parameter(_with_limits(doc, unit, limits(**allowed)), kind="float", check=check, **options)


def integer(doc: str, *, minimum: int, **options: Any) -> Any:
    """Declare a whole number, at least ``minimum``."""
    check = partial(check_integer, minimum=minimum)
    return Parameter(_with_limits(doc, "", limits(minimum)), kind="int", check=check, **options)


def flag(doc: str, **options: Any) -> Any:
    """Declare a parameter that is True or False."""
    return Parameter(doc, kind="bool", check=check_flag, **options)


def pair(doc: str, *, above: float = -math.inf, increasing: bool = False, unit: str = "", **options: Any) -> Any:
    """Declare two numbers as `check_pair` allows them, kept as a tuple of floats."""
    check = partial(check_pair, above=above, increasing=increasing)
    return Parameter(_with_limits(doc, unit, limits(above=above)), kind="two numbers", check=check, **options)


def one_of(doc: str, *choices: str, **options: Any) -> Any:
    """Declare a parameter that is one of some strings."""

    def check(name: str, value: Any) -> str:
        if not isinstance(value, str) or value not in choices:
            raise ParameterError(f"{name} must be {' or '.join(map(repr, choices))}, not {value!r}.")
        return value

    return Parameter(doc, kind=f"{{{', '.join(map(_shown, choices))}}}", check=check, **options)


def generator(doc: str, **options: Any) -> Any:
    """Declare a random generator; instead of None one is seeded from ``np.random``, by `own_generator`."""
    doc = f"{doc}. Without it one is seeded from ``np.random``"
    return Parameter(doc, kind="numpy.random.Generator", check=_check_generator, **options)


def another_name(of: str, **options: Any) -> Any:
    """Declare another word for a name; ``_derive`` chooses one of both, by `one_name`."""
    return Parameter(f"Another word for ``{of}``", kind="str", keep=False, **options)


def _check_generator(_: str, value: Any) -> Any:
    return own_generator(value)


def _with_limits(doc: str, unit: str, allowed: str) -> str:
    """Return a description with unit and limits at the end of its first line."""
    first, newline, more = doc.partition("\n")
    return ", ".join(filter(None, (first, unit and f"in {unit}", allowed))) + newline + more


def _shown(value: Any) -> str:
    """Return a default as a docstring has it."""
    return f'"{value}"' if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else repr(value)


class _Signature:
    """What `inspect.signature` finds at a class: its parameters; nothing where it has a constructor of its own."""

    def __get__(self, instance: object, owner: type[Parameterized]) -> inspect.Signature | None:
        if instance is not None or _constructors(owner)[0] is not Parameterized.__init__:
            return None
        parameters = [each.in_signature() for each in owner._parameters.values() if each.init]
        if owner._undeclared_as:
            parameters.append(inspect.Parameter(owner._undeclared_as, inspect.Parameter.VAR_KEYWORD, annotation="Any"))
        return inspect.Signature(parameters)


@dataclass_transform(
    eq_default=False,
    kw_only_default=True,
    field_specifiers=(parameter, number, integer, flag, pair, one_of, generator, another_name),
)
class Parameterized(ModelState):
    """Base of agents and arenas: what a class declares are the parameters of its constructor, kept as attributes.

    A subclass inherits them. It may declare further ones, or give one a new default by assigning it in its body; what
    follows from them it makes in ``_derive``. Their order: those that have to be given, those that stand in its
    body, those of its base.
    """

    _parameters: ClassVar[dict[str, Parameter]] = {}
    #: What a signature calls parameters that nobody declared, where they are taken; `_derive` finds them in
    #: ``self._undeclared``. A class that declares parameters takes no others, unless it sets this itself.
    _undeclared_as: ClassVar[str] = ""
    #: Attributes that come first in a pickle, in this order: a run of an earlier version gives the same bytes again.
    _order: ClassVar[str] = ""
    __signature__ = _Signature()

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        inherited: dict[str, Parameter] = {}
        for base in cls.__mro__[1:]:
            inherited |= {k: each for k, each in vars(base).get("_parameters", {}).items() if k not in inherited}
        own, annotations = {}, inspect.get_annotations(cls)
        for name, value in list(vars(cls).items()):
            if isinstance(value, Parameter):
                own[name] = replace(value, attribute=name, annotation=annotations.get(name, REQUIRED))
                delattr(cls, name)
                cls._undeclared_as = vars(cls).get("_undeclared_as", "")
            elif name in inherited and not hasattr(value, "__get__"):
                own[name] = replace(inherited[name], default=value)
        ordered = {**own, **{name: each for name, each in inherited.items() if name not in own}}
        if own or ordered != cls._parameters:
            cls._parameters = dict(sorted(ordered.items(), key=lambda item: item[1].default is not REQUIRED))
        if vars(cls).get("__doc__") and _constructors(cls)[0] is Parameterized.__init__:
            cls.__doc__ = _documented(cls, inspect.cleandoc(vars(cls)["__doc__"]))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        given = self._by_name(args, kwargs)
        for name in self._order.split():
            vars(self).setdefault(sys.intern(name), REQUIRED)  # interned as attributes are, which a pickle shows
        for each in self._parameters.values():
            value = given.pop(each.name, each.default) if each.init else each.default
            if value is not REQUIRED:
                setattr(self, each.attribute, each.checked(value))
            elif each.init:
                raise ParameterTypeError(f"{type(self).__name__} needs {each.name}: {each.summary}.")
        if not self._undeclared_as:
            self._refuse(given)
        self._undeclared = given
        self._derive()
        unset = [name for name, value in vars(self).items() if value is REQUIRED]
        for name in ("_undeclared", *unset, *(each.attribute for each in self._parameters.values() if not each.keep)):
            vars(self).pop(name, None)

    def _derive(self) -> None:
        """Make what follows from the parameters. Each class calls that of its base, before or after its own part."""

    @classmethod
    def _by_name(cls, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return all that was given by its name."""
        names = [each.name for each in cls._parameters.values() if each.init]
        if len(args) > len(names):
            raise ParameterTypeError(f"{cls.__name__} takes {len(names)}, not {len(args)}: {', '.join(names)}.")
        given = dict(zip(names, args, strict=False))
        for name in given.keys() & kwargs.keys():
            raise ParameterTypeError(f"{cls.__name__} was given {name} twice: by its place, and by its name.")
        return {**given, **kwargs}

    @classmethod
    def _refuse(cls, unknown: dict[str, Any]) -> None:
        """Raise if there are parameters that nobody declared."""
        if not unknown:
            return
        own = [name for constructor in _constructors(cls) for name in parameter_names(constructor)]
        own += [each.name for each in cls._parameters.values() if each.init]
        refuse_unknown(cls.__name__, unknown, dict.fromkeys(own))

    def _checked(self, attribute: str, value: Any) -> Any:
        """Return what the constructor makes of a value, for a property that can be set."""
        return self._parameters[attribute].checked(value)


def _constructors(cls: type) -> list[Callable[..., None]]:
    """Return the constructors that a class has and inherits, its own first."""
    return [vars(base)["__init__"] for base in cls.__mro__[:-1] if "__init__" in vars(base)]


def _documented(cls: type[Parameterized], doc: str) -> str:
    """Return a docstring with the sections Parameters and Raises, unless it has them."""
    headings = {heading[1]: heading.start() for heading in _HEADING.finditer(doc)}
    first, notes = min(headings.values(), default=len(doc)), headings.get("Notes", len(doc))
    entries = "\n".join(each.entry() for each in cls._parameters.values() if each.init)
    parameters = "" if "Parameters" in headings else f"Parameters\n----------\n{entries}"
    parts = (doc[:first], parameters, doc[first:notes], "" if "Raises" in headings else _RAISES, doc[notes:])
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"
