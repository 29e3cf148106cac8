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
        ("--dask|tcp://joe:p/a@ss@host:8786|tls://:pw@host", "--dask|tcp://***@host:8786|tls://***@host"),
        ("--token|-abc|--db-pass|abc|--x.pw=abc", "--token|***|--db-pass|***|--x.pw=***"),
        ('{"password": "one two", "n": 3}|--env=PGPASS=abc', '{"password": ***, "n": 3}|--env=PGPASS=***'),
        ("https://host/blob?sig=abc&sv=2|Cookie: id=abc; b=c", "https://host/blob?sig=***&sv=2|Cookie: *** b=c"),
        ("Authorization: token abc def|-H|Authorization: Basic abc", "Authorization:***|-H|Authorization: Basic ***"),
        ("https://hooks.slack.com/services/T0/B0/abc", "https://hooks.slack.com/***"),
        (
            "--accessToken|abc|{'clientSecret':'a b'}|PGPASSWORD=abc",
            "--accessToken|***|{'clientSecret':***}|PGPASSWORD=***",
        ),
        ("AIzaSyA0123456789abcdef_x", "***"),
    ],
)
def test_what_may_be_a_secret_is_masked(words, kept):
    assert recorded(words.split("|")) == kept.split("|")


def test_all_else_is_kept():
    words = (
        "run a.py:NAME --sweep agent_params.n_tokens=1,2 --author me --max-tokens=5 --n 5 git@host.org:me/x.git 12:30 "
        "--sweep agent_params.token=1,2 --set=env_params.auth=3 agent_params.sig=2 "
        "--passes=3 --bypass --authors a --sigma 2 agent_params.sigma=0.1 env.path=a@b --tokenizer=x https://h:1/a?b=c"
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
