"""The command line as records keep it: what may be a secret is not in it, all else is."""

import sys

import pytest

from simmanager.base.advice import on_command_line
from simmanager.base.command_line import command_line, recorded


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        ("--notify|curl https://hooks/abc", "--notify|***"),
        ("--notify=mail joe", "--notify=***"),
        ("--dask|tcp://joe:p@ss@host:8786", "--dask|tcp://***@host:8786"),
        ("--dask=joe:pw@host:1", "--dask=***@host:1"),
        ("--token|abc|--api-key=abc|-wandb_api_key|abc", "--token|***|--api-key=***|-wandb_api_key|***"),
        ("HF_TOKEN=abc|https://host/?token=abc&page=2", "HF_TOKEN=***|https://host/?token=***&page=2"),
        ("Authorization: Bearer abc|ghp_0123456789abcdef0123", "Authorization: Bearer ***|***"),
        ("--auth|--jobs|4", "--auth|--jobs|4"),  # a flag
    ],
)
def test_what_may_be_a_secret_is_masked(words, kept):
    assert recorded(words.split("|")) == kept.split("|")


def test_all_else_is_kept():
    words = (
        "run a.py:NAME --sweep agent_params.n_tokens=1,2 --author me --max-tokens=5 --n 5 git@host.org:me/x.git 12:30"
    )
    assert recorded(words.split()) == words.split()


def test_on_our_own_command_line_an_option_may_be_shortened():
    with on_command_line([]):
        assert recorded(["--jobs", "2", "--noti", "mail joe", "--not=x"]) == [
            "--jobs",
            "2",
            "--noti",
            "***",
            "--not=***",
        ]


def test_a_program_that_embeds_python_may_have_no_arguments(monkeypatch):
    monkeypatch.delattr(sys, "argv")
    assert command_line() == []
