"""``--help``: every verb has paragraphs, examples that parse, exit codes; no line is too wide."""

import argparse
import re
import shlex
from pathlib import Path

import pytest

from simmanager import BatchFileError, ParameterError
from simmanager.batch.batch_file import read_batch_file
from simmanager.cli.completion import _completers
from simmanager.cli.parser import VERBS, build_parser, parse
from simmanager.cli.running import options_of
from simmanager.cli.verb import EXIT_FAILED, argument, one_of, verb
from simmanager.dispatch.option import TIME, Option
from simmanager.dispatch.run_options import OPTIONS

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


@verb(
    argument("path", metavar="PATH", completed_by="folder", help="folder of the batch"),
    one_of(
        argument("--long", action="store_true", help="all of it"),
        argument("--short", action="store_true", help="a part"),
    ),
    examples=(("simmanager list tonight", "all of it"), ("simmanager list tonight --short", "a part")),
    exits=("it was shown", "there was nothing"),
)
def list_(arguments):
    """Show what there is.

    Shows
      this and that.
    """
    return EXIT_FAILED if arguments.short else arguments.path


def test_a_verb_is_one_block(monkeypatch, capsys):
    monkeypatch.setitem(VERBS, list_.name, list_)
    assert list_.name == "list"
    assert re.search(r"\n    list +show what there is\n", build_parser().format_help())
    shown = verb_parsers()["list"].format_help()
    assert (
        "Show what there is.\n\nShows\n  this and that.\n\npositional arguments:\n  PATH        folder of the" in shown
    )
    assert shown.endswith(
        "examples:\n  simmanager list tonight\n      all of it\n  simmanager list tonight --short\n      a part\n\n"
        "exit codes:\n  0    it was shown\n  1    there was nothing\n"
        "  2    wrong usage, or something that is needed is not there\n  130  after Ctrl-C\n"
    )
    assert list_.function(parse(["list", "tonight"])) == "tonight"
    assert list_.function(parse(["list", "--short", "tonight"])) == EXIT_FAILED
    with pytest.raises(SystemExit):
        parse(["list", "tonight", "--short", "--long"])
    assert "not allowed with argument" in capsys.readouterr().err


def test_every_verb_has_a_parser_by_its_name_in_the_order_of_the_help():
    assert list(VERBS) == list(verb_parsers())
    assert [each.name for each in VERBS.values()] == list(VERBS)
    assert {"run", "status", "show", "demo", "completion"} <= set(VERBS)


def test_only_the_verb_that_is_typed_gets_its_arguments():
    assert parse(["status", "batch", "--json"]).json
    (verbs,) = (action for action in build_parser(["status", "batch"])._actions if action.nargs == argparse.PARSER)
    assert len(verbs.choices["status"]._actions) == 4  # help, PATH, --watch, --json
    assert {len(parser._actions) for name, parser in verbs.choices.items() if name != "status"} == {1}


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


@pytest.mark.parametrize("said", VERBS.values(), ids=VERBS)
def test_the_help_of_a_verb_tells_more_than_its_summary(said):
    assert said.summary[0].islower()
    assert not said.summary.endswith(".")
    assert len(said.description.split()) - len(said.summary.split()) > 20
    assert len(said.examples) >= 2


@pytest.mark.parametrize(
    ("verb", "command"), [(verb, command) for verb, said in VERBS.items() for command, _ in said.examples]
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


def test_what_follows_an_argument_is_completed_by_a_kind_that_there_is():
    pytest.importorskip("argcomplete")
    said = {getattr(action, "completed_by", "") for _, action in arguments()} - {""}
    assert said == set(_completers())


# Options ---------------------------------------------------------------------------------------------------------


def options(*words):
    return options_of(parse(["resume", "batch", *words]))


def test_an_option_is_said_once_and_the_parser_the_check_and_batch_files_follow(monkeypatch):
    wait = Option(None, TIME, "wait before each run", flag="--wait", otherwise="not at all")
    monkeypatch.setitem(OPTIONS, "wait_s", wait)
    for name in ("run", "resume", "rerun"):
        (action,) = (action for action in verb_parsers()[name]._actions if action.dest == "wait_s")
        assert (action.option_strings, action.metavar, action.help) == (["--wait"], "TIME", wait.words)
    assert options("--wait", "2m") == {"wait_s": 120}
    with pytest.raises(ParameterError, match="wait_s must be a number of seconds"):
        options("--wait", "long")
    Path("batch.toml").write_text("[options]\nwait_s = 'long'\n")
    with pytest.raises(BatchFileError, match=r"batch\.toml:2: options\.wait_s: wait_s must be a number of seconds"):
        read_batch_file("batch.toml")


@pytest.mark.parametrize(
    ("words", "given"),
    [
        ("", {}),
        ("--jobs 2 --retries 1", {"n_jobs": 2, "retries": 1}),
        ("--jobs -1", {"n_jobs": -1}),
        ("--timeout 90", {"timeout": 90}),
        ("--timeout 10m --checkpoint-every 1.5h", {"timeout": 600, "checkpoint_every_s": 5400}),
        ("--memory-limit 3GB", {"memory_limit_mb": 3000}),
        ("--fail-fast", {"fail_fast": True}),
        ("--fail-fast 3", {"fail_fast": 3}),
        ("--retry-errors --durable --fresh-process", {"retry_errors": True, "durable": True, "fresh_process": True}),
        ("--threads-per-run 2", {"threads_per_run": 2}),
        ("--gpus 0,1", {"slot_env": [{"CUDA_VISIBLE_DEVICES": "0"}, {"CUDA_VISIBLE_DEVICES": "1"}]}),
        ("--dask tcp://x:1", {"backend": "dask", "address": "tcp://x:1"}),
        ("--notify true", {}),
    ],
)
def test_options_are_read_as_run_all_takes_them(words, given):
    assert options(*words.split()) == given


def test_every_option_that_a_text_can_say_has_a_flag_in_the_help_of_those_that_run():
    shown = verb_parsers()["run"].format_help()
    for option in OPTIONS.values():
        assert option.flag in shown
