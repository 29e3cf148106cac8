"""``--help``: every verb has paragraphs, examples that parse, exit codes; no line is too wide."""

import argparse
import re
import shlex

import pytest

from simmanager.cli.main import VERBS, build_parser
from simmanager.cli.verb import HELP

pytestmark = pytest.mark.python_versions

#: Columns of a terminal that nobody has made wider.
WIDTH = 80


def verb_parsers():
    """Return verb -> its parser."""
    (verbs,) = (action for action in build_parser()._actions if isinstance(action, argparse._SubParsersAction))
    return verbs.choices


def arguments():
    """Return (verb, argument) of everything that can be given."""
    return [(verb, action) for verb, parser in verb_parsers().items() for action in parser._actions]


@pytest.fixture(autouse=True)
def terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", str(WIDTH))


def test_every_verb_has_a_function_a_parser_and_help():
    assert list(VERBS) == list(verb_parsers()) == list(HELP)


@pytest.mark.parametrize("words", [[], *([verb] for verb in VERBS)], ids=" ".join)
def test_help_is_printed_for_everything_and_is_not_too_wide(words, capsys):
    with pytest.raises(SystemExit) as stopped:
        build_parser().parse_args([*words, "--help"])
    assert stopped.value.code == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) < WIDTH
    parts = [shown.index(f"\n{part}:\n") for part in ("options", "examples", "exit codes")]
    assert parts == sorted(parts)
    assert "  2    wrong usage" in shown


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_a_verb_tells_more_than_its_summary(verb):
    said = HELP[verb]
    assert said.summary[0].islower()
    assert not said.summary.endswith(".")
    assert len(said.text.split()) > 20
    assert len(said.examples) >= 2


@pytest.mark.parametrize(
    ("verb", "command"), [(verb, command) for verb, said in HELP.items() for command, _ in said.examples]
)
def test_every_example_can_be_typed(verb, command):
    (typed,) = re.findall(r"simmanager [^>|)]*", command.partition(" > ")[0])
    parsed = build_parser().parse_args(shlex.split(typed)[1:])
    assert parsed.verb == verb


@pytest.mark.parametrize(("verb", "action"), arguments(), ids=lambda value: getattr(value, "dest", value))
def test_every_argument_says_what_it_is(verb, action):
    assert action.help
    assert not action.help.endswith(".")
    if action.option_strings and action.nargs != 0:
        assert action.metavar or action.choices, "an upper-case name for what follows, e.g. N"
