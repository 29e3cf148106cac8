"""Parameters of agents and arenas: each declared once, as a field of its class, and checked by one constructor."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, Literal, dataclass_transform

from ..errors import ParameterError, ParameterTypeError
from ..model_state import ModelState, check_pair, own_generator
from ..parameters import check_flag, check_integer, check_number, limits, parameter_names, refuse_unknown

#: Default of a parameter that has to be given.
REQUIRED: Any = inspect.Parameter.empty

_HEADING = re.compile(r"^\w[\w ]*\n-{3,}$", re.MULTILINE)
_RAISES = """Raises
------
ParameterTypeError, ParameterError
    A parameter that is unknown, missing, of the wrong type or out of range."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """What a class says about one of its parameters. Made by `parameter`, `number`, ... in the body of the class."""

    doc: str
    kind: str
    default: Any
    check: Callable[[str, Any], Any] | None
    alias: str | None
    init: bool
    keep: bool
    attribute: str = ""
    annotation: Any = REQUIRED

    @property
    def name(self) -> str:
        """What the constructor calls it."""
        return self.alias or self.attribute

    def checked(self, value: Any) -> Any:
        """Return what becomes of a value; where None is the default it stays None."""
        nothing = value is None and self.default is None and self.check is not _check_generator
        return value if self.check is None or nothing else self.check(self.name, value)

    def entry(self) -> str:
        """Return what a docstring says about it."""
        first, newline, rest = self.doc.partition("\n")
        default = "" if self.default is REQUIRED or self.default is None else f" Default {_shown(self.default)}."
        optional = ", optional" if self.default is None else ""
        return f"{self.name} : {self.kind}{optional}\n{_indented(f'{first}.{default}{newline}{rest}')}"

    def in_signature(self) -> inspect.Parameter:
        """Return what `inspect.signature` says about it."""
        annotation = self.annotation
        if self.default is None and isinstance(annotation, str) and not annotation.endswith("None"):
            annotation = f"{annotation} | None"
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        return inspect.Parameter(self.name, kind, default=self.default, annotation=annotation)


@dataclass(frozen=True, slots=True)
class Others:
    """What a class says about the parameters that it does not name. Made by `others` in the body of the class."""

    doc: str
    name: str
    subclasses_only: bool
    attribute: str = ""


# What stands in the body of a class --------------------------------------------------------------------------------


def parameter(
    doc: str = "",
    *,
    default: Any = REQUIRED,
    kind: str = "object",
    check: Callable[[str, Any], Any] | None = None,
    alias: str | None = None,
    init: bool = True,
    keep: bool = True,
    kw_only: bool = True,
) -> Any:
    """Declare a parameter of any kind.

    Parameters
    ----------
    doc : str
        What it is, without a full stop; more about it on further lines.
    default : object, optional
        Without one it has to be given.
    kind : str
        Its type, as the docstring has it.
    check : callable, optional
        Takes the name and a value; returns what becomes of the value, or raises.
    alias : str, optional
        What the constructor calls it, if not as the attribute.
    init : bool
        False: the constructor does not take it; it is the default, or what ``__post_init__`` makes it.
    keep : bool
        False: the attribute goes after ``__post_init__``.
    kw_only : bool
        False: type checkers allow it without its name. When a model is made, all of them can be given without.
    """
    if type(default).__hash__ is None:
        raise TypeError(
            f"The default {default!r} can be changed, and all objects would share it: take None or a tuple."
        )
    return Parameter(doc=doc, kind=kind, default=default, check=check, alias=alias, init=init, keep=keep)


def number(
    doc: str,
    *,
    minimum: float = -math.inf,
    maximum: float = math.inf,
    above: float = -math.inf,
    below: float = math.inf,
    unit: str = "",
    convert: Callable[[Any], Any] | None = None,
    **options: Any,
) -> Any:
    """Declare a finite number within limits (see `check_number`), kept as it is or as ``convert`` makes it."""
    check = partial(check_number, minimum=minimum, maximum=maximum, above=above, below=below)
    doc = _with(doc, _in(unit), limits(minimum, maximum, above, below))
    converted = check if convert is None else lambda name, value: convert(check(name, value))
    return parameter(doc, kind="float", check=converted, **options)


def integer(doc: str, *, minimum: int, **options: Any) -> Any:
    """Declare a whole number, at least ``minimum``."""
    check = partial(check_integer, minimum=minimum)
    return parameter(_with(doc, limits(minimum)), kind="int", check=check, **options)


def flag(doc: str, **options: Any) -> Any:
    """Declare a parameter that is True or False."""
    return parameter(doc, kind="bool", check=check_flag, **options)


def pair(doc: str, *, above: float = -math.inf, increasing: bool = False, unit: str = "", **options: Any) -> Any:
    """Declare two finite numbers (see `check_pair`), kept as a tuple of floats."""
    check = partial(check_pair, above=above, increasing=increasing)
    return parameter(_with(doc, _in(unit), limits(above=above)), kind="two numbers", check=check, **options)


def one_of(doc: str, *choices: str, **options: Any) -> Any:
    """Declare a parameter that is one of some strings."""

    def check(name: str, value: Any) -> str:
        if not isinstance(value, str) or value not in choices:
            raise ParameterError(f"{name} must be {' or '.join(map(repr, choices))}, not {value!r}.")
        return value

    return parameter(doc, kind="{" + ", ".join(map(_shown, choices)) + "}", check=check, **options)


def generator(doc: str, *, default: None) -> Any:
    """Declare a random generator; without one it is seeded from ``np.random`` (see `own_generator`)."""
    doc = f"{doc}. Without it one is seeded from ``np.random``"
    return parameter(doc, default=default, kind="numpy.random.Generator", check=_check_generator)


def another_name(of: str, *, alias: str, default: None) -> Any:
    """Declare that a name may be given by another word; ``__post_init__`` chooses (see `one_name`)."""
    return parameter(f"Another word for ``{of}``", default=default, kind="str", alias=alias, keep=False)


def others(doc: str, name: str, *, subclasses_only: bool = False, init: Literal[False] = False) -> Any:
    """Declare that all other keyword arguments are taken, as a dict.

    A class that declares parameters, and those that inherit from it, take no others unless it says so again.

    Parameters
    ----------
    doc : str
        What they are.
    name : str
        Of the parameter with the two stars.
    subclasses_only : bool
        True: subclasses may take others, this class itself does not.
    init : bool
        Tells type checkers that there is no parameter of the name of the attribute.
    """
    return Others(doc, name, subclasses_only)


def _check_generator(name: str, value: Any) -> Any:
    return own_generator(value)


# What is made of it ------------------------------------------------------------------------------------------------


def _constructors(cls: type) -> list[Callable[..., None]]:
    """Return the constructors that a class has and inherits, its own first."""
    return [vars(base)["__init__"] for base in cls.__mro__[:-1] if "__init__" in vars(base)]


def _has_base_constructor(cls: type) -> bool:
    return _constructors(cls)[0] is vars(Parameterized)["__init__"]


class _Signature:
    """What `inspect.signature` finds at a class: its parameters; nothing where it has a constructor of its own."""

    def __get__(self, instance: object, owner: type[Parameterized]) -> inspect.Signature | None:
        if instance is not None or not _has_base_constructor(owner):
            return None
        parameters = [each.in_signature() for each in owner._parameters.values() if each.init]
        if owner._others is not None and owner._takes_others:
            parameters.append(inspect.Parameter(owner._others.name, inspect.Parameter.VAR_KEYWORD, annotation="Any"))
        return inspect.Signature(parameters)


@dataclass_transform(
    eq_default=False,
    kw_only_default=True,
    field_specifiers=(parameter, number, integer, flag, pair, one_of, generator, another_name, others),
)
class Parameterized(ModelState):
    """Base of agents and arenas: what a class declares are the parameters of its constructor, kept as attributes.

    A subclass inherits them. It may declare further ones, or give one a new default by assigning it in its body; what
    follows from them it makes in ``__post_init__``. Those that stand in its body come first, then those of its base.
    """

    _parameters: ClassVar[dict[str, Parameter]] = {}
    _others: ClassVar[Others | None] = None
    #: Whether this class takes parameters that nobody declared, and whether a subclass that declares none does.
    _takes_others: ClassVar[bool] = False
    _subclasses_take_others: ClassVar[bool] = False
    __signature__ = _Signature()

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        inherited: dict[str, Parameter] = {}
        for base in cls.__mro__[1:]:
            inherited = {
                **inherited,
                **{k: v for k, v in vars(base).get("_parameters", {}).items() if k not in inherited},
            }
        declared = {name: value for name, value in vars(cls).items() if isinstance(value, (Parameter, Others))}
        cls._takes_others = cls._subclasses_take_others
        if declared:
            cls._takes_others = cls._subclasses_take_others = False
        own = {}
        annotations = inspect.get_annotations(cls)
        for name, value in list(vars(cls).items()):
            if isinstance(value, Parameter):
                own[name] = replace(value, attribute=name, annotation=annotations.get(name, REQUIRED))
            elif isinstance(value, Others):
                cls._others = replace(value, attribute=name)
                cls._takes_others, cls._subclasses_take_others = not value.subclasses_only, True
            elif name in inherited and not hasattr(value, "__get__"):
                own[name] = replace(inherited[name], default=value)
        for name in declared:
            delattr(cls, name)
        cls._parameters = {**own, **{name: each for name, each in inherited.items() if name not in own}}
        if vars(cls).get("__doc__") and _has_base_constructor(cls):
            cls.__doc__ = _documented(cls, inspect.cleandoc(vars(cls)["__doc__"]))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        given, further = self._named(args, kwargs)
        for each in self._parameters.values():
            value = given.get(each.name, each.default) if each.init else each.default
            if value is not REQUIRED:
                setattr(self, each.attribute, each.checked(value))
            elif each.init:
                raise ParameterTypeError(f"{type(self).__name__} needs {each.name}: {each.doc.splitlines()[0]}.")
        if self._others is not None:
            setattr(self, self._others.attribute, further)
        self.__post_init__()
        for each in self._parameters.values():
            if not each.keep:
                vars(self).pop(each.attribute, None)

    def __post_init__(self) -> None:
        """Make what follows from the parameters. Each class calls that of its base, before or after its own part."""

    @classmethod
    def _named(cls, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return what was given by the names of the parameters, and apart from it what nobody declared."""
        names = [each.name for each in cls._parameters.values() if each.init]
        if len(args) > len(names):
            raise ParameterTypeError(
                f"{cls.__name__} takes {len(names)} parameters, not {len(args)}: {', '.join(names)}."
            )
        given = dict(zip(names, args, strict=False))
        for name in given.keys() & kwargs.keys():
            raise ParameterTypeError(f"{cls.__name__} was given {name} twice: by its place, and by its name.")
        further = {name: value for name, value in kwargs.items() if name not in names}
        if further and not cls._takes_others:
            own = [name for constructor in _constructors(cls) for name in parameter_names(constructor)]
            refuse_unknown(cls.__name__, further, dict.fromkeys((*own, *names)))
        return {**given, **kwargs}, further

    def _checked(self, attribute: str, value: Any) -> Any:
        """Return what the constructor makes of a value, for a property that can be set."""
        return self._parameters[attribute].checked(value)


# Docstrings ----------------------------------------------------------------------------------------------------------


def _documented(cls: type[Parameterized], doc: str) -> str:
    """Return a docstring with the sections Parameters and Raises, unless it has them."""
    headings = {heading[0].partition("\n")[0]: heading.start() for heading in _HEADING.finditer(doc)}
    first, notes = min(headings.values(), default=len(doc)), headings.get("Notes", len(doc))
    entries = [each.entry() for each in cls._parameters.values() if each.init]
    if cls._others is not None and cls._subclasses_take_others:
        entries.append(f"**{cls._others.name}\n{_indented(cls._others.doc)}")
    parameters = "" if "Parameters" in headings else "\n".join(("Parameters\n----------", *entries))
    parts = (doc[:first], parameters, doc[first:notes], "" if "Raises" in headings else _RAISES, doc[notes:])
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())


def _with(doc: str, *limits: str) -> str:
    """Return a description whose first line ends in the unit and the limits."""
    first, newline, rest = doc.partition("\n")
    return f"{', '.join(filter(None, (first, *limits)))}{newline}{rest}"


def _in(unit: str) -> str:
    return f"in {unit}" if unit else ""


def _shown(value: Any) -> str:
    """Return a default as a docstring has it."""
    return f'"{value}"' if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else repr(value)
