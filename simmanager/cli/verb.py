"""Verb: a command of the command line in one block: its words, its help, its options, its function."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from ..status.status import BatchStatus

EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130

#: Exit codes of the verbs that run a batch: when it is 0, and when it is 1.
RAN = ("all runs of the batch are finished", "a run failed or was interrupted")

#: Exit codes of the verbs that look at one.
LOOKED = ("no run failed or was interrupted so far", "a run failed or was interrupted")

#: Adds arguments to a parser, or to a group of one.
Adder = Callable[[Any], object]

Function = Callable[[argparse.Namespace], int]


class Verb(NamedTuple):
    """A command of the command line; `verb` makes it of a function."""

    #: Takes the arguments, returns the exit code. Its name is that of the verb (``list_`` is called ``list``), its
    #: docstring the help: a line, and paragraphs of at most 79 columns.
    function: Function
    #: Its arguments, as `argument` makes them.
    adders: tuple[Adder, ...]
    #: Commands, each with what it does.
    examples: tuple[tuple[str, str], ...]
    #: When the exit code is 0, and when it is 1; no second: never.
    exits: tuple[str, ...]

    @property
    def name(self) -> str:
        """What is typed."""
        return self.function.__name__.rstrip("_")

    @property
    def description(self) -> str:
        """The help: a line and paragraphs."""
        line, _, paragraphs = (self.function.__doc__ or "").partition("\n")
        return f"{line}\n{textwrap.dedent(paragraphs)}".strip()

    @property
    def summary(self) -> str:
        """A line for the list of verbs."""
        line = self.description.partition("\n")[0]
        return line[:1].lower() + line[1:].rstrip(".")

    @property
    def help(self) -> dict[str, Any]:
        """What its parser is made with."""
        examples = "".join(f"  {command}\n      {does}\n" for command, does in self.examples)
        return {
            "help": self.summary,
            "description": self.description,
            "epilog": f"examples:\n{examples}\n{exit_codes(*self.exits)}",
            "formatter_class": argparse.RawDescriptionHelpFormatter,
        }

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Give its arguments to its parser."""
        parser.set_defaults(verb=self.name)
        for add in self.adders:
            add(parser)


def verb(*adders: Adder, examples: tuple[tuple[str, str], ...], exits: tuple[str, ...]) -> Callable[[Function], Verb]:
    """Make a function a verb of the command line; see `Verb`."""
    return lambda function: Verb(function, adders, examples, exits)


def exit_codes(good: str, bad: str = "") -> str:
    """Return the table of exit codes; those from 2 on mean the same for every verb."""
    failed = f"  1    {bad}\n" if bad else ""
    rest = "  2    wrong usage, or something that is needed is not there\n  130  after Ctrl-C\n"
    return f"exit codes:\n  0    {good}\n{failed}{rest}"


def exit_code(status: BatchStatus, *, running_is_fine: bool = False) -> int:
    """Return the exit code of a verb after which a batch stands like this."""
    counts = status.counts
    bad = counts["error"] + counts["interrupted"]
    if not running_is_fine:
        bad += counts["in_queue"] + counts["running"]
    return EXIT_FAILED if bad else EXIT_OK


# Arguments -----------------------------------------------------------------------------------------------------


def argument(*words: str, completed_by: str = "", **settings: Any) -> Adder:
    """Return an argument, as ``argparse`` takes it; ``completed_by`` is one of the kinds in `completion`."""

    def add(parser: Any) -> None:
        parser.add_argument(*words, **settings).completed_by = completed_by

    return add


def one_of(*arguments: Adder) -> Adder:
    """Return arguments of which only one may be given."""

    def add(parser: Any) -> None:
        group = parser.add_mutually_exclusive_group()
        for add_one in arguments:
            add_one(group)

    return add


PATH = argument("path", metavar="PATH", completed_by="folder", help="folder of the batch")

JSON = argument("--json", action="store_true", help="print it as JSON")
