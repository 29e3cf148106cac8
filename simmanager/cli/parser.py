"""The parser of the command line: all verbs, and what is said about them together."""

from __future__ import annotations

import argparse

from . import completion, demo, looking, one_run, orders, running
from .verb import Verb, exit_codes

#: All verbs, by name, in the order of the help.
VERBS = {
    each.name: each
    for module in (running, orders, looking, one_run, demo, completion)
    for each in vars(module).values()
    if isinstance(each, Verb)
}

_EPILOG = f"""\
A batch is a folder: each simulation in it, each of its runs in a folder of its
own. Looking at a batch (status, results, logs, report, show, diff) needs no
lock, never disturbs it, and runs no code that is in it.

examples:
  simmanager demo
      see it work
  simmanager run mine.py --runs 20 --id tonight
      run the simulations of mine.py, 20 times each
  simmanager status tonight --watch
      look on from a second terminal
  simmanager resume tonight
      go on after an interruption

{exit_codes("all is well: runs are finished (status: none failed so far)", "a run failed or was interrupted")}
"simmanager COMMAND --help" tells more about each command.
"""


def build_parser(words: list[str] | None = None) -> argparse.ArgumentParser:
    """Return the parser of the command line.

    Parameters
    ----------
    words : list of str, optional
        What will be parsed: only the verbs among them get their arguments, which saves most of the time.
    """
    from ..version import __version__

    parser = argparse.ArgumentParser(
        prog="simmanager",
        description="Run many simulations in parallel, each run in its own folder; look at them and\nrepair them.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "-V", "--version", action="version", version=f"simmanager {__version__}", help="show the version and exit"
    )
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, verb in VERBS.items():
        verb_parser = verbs.add_parser(name, **verb.help)
        if words is None or name in words:
            verb.add_arguments(verb_parser)
    return parser


def parse(words: list[str]) -> argparse.Namespace:
    """Parse the words of a command line; options may stand between the others (``logs BATCH --type run SIM``)."""
    parser = build_parser(words)
    (verbs,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    if words and words[0] in verbs.choices:
        verb: argparse.ArgumentParser = verbs.choices[words[0]]
        return verb.parse_intermixed_args(words[1:], argparse.Namespace(words=words))
    return parser.parse_args(words, argparse.Namespace(words=words))
