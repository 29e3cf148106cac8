"""The command line of this process, and as records keep it: readable for all, so without what may be a secret."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable

from .advice import is_on_command_line

#: What stands for a secret.
MASK = "***"

#: The last word in the name of an option, a parameter or a part of an address whose value is a secret.
_NAME = (
    r"(?:api[-_]?|access[-_]?|private[-_]?|secret[-_]?)key|token|secret|passw(?:or)?d|passphrase|pwd|auth|credentials?"
)

#: An option whose value is a secret, or, of the last, tells those who are notified only.
_OPTION = re.compile(rf"--?(?:\S*[-_.])?(?:{_NAME})|--notify", re.IGNORECASE)

#: Within a word: what is kept, as a group, and behind it the secret.
_WITHIN = [
    re.compile(r"(://)[^/\s]*(?=@)|()[^\s/:@=]+:[^\s/@]+(?=@)"),  # user and password of an address
    re.compile(rf"(?i)((?<![a-z])(?:{_NAME})\"?[=:]\s*)[^&\s]+"),
    re.compile(r"(?i)(\b(?:bearer|basic)\s+)\S+"),
    re.compile(r"()\b(?:gh[a-z]_|github_pat_|glpat-|hf_|sk-|xox[a-z]-|AKIA|eyJ)[\w.-]{16,}"),  # of well-known services
]


def command_line() -> list[str]:
    """Return the words of the command line; none where a program that embeds Python has set none."""
    return list(map(str, getattr(sys, "argv", None) or []))


def recorded(command: Iterable[str]) -> list[str]:
    """Return a command line with ``***`` in the place of what may be a secret.

    >>> recorded(["simmanager", "run", "a.py", "--notify", "mail me", "--dask=tcp://joe:pw@host:8786", "--token=abc"])
    ['simmanager', 'run', 'a.py', '--notify', '***', '--dask=tcp://***@host:8786', '--token=***']
    """
    kept, hide_next = list[str](), False
    for word in command:
        name, equals, _ = word.partition("=")
        if hide_next and not word.startswith("-"):
            kept.append(MASK)
        elif equals and _takes_a_secret(name):
            kept.append(f"{name}={MASK}")
        else:
            for pattern in _WITHIN:
                word = pattern.sub(lambda found: f"{next(filter(None, found.groups()), '')}{MASK}", word)
            kept.append(word)
        hide_next = not equals and _takes_a_secret(name)
    return kept


def _takes_a_secret(option: str) -> bool:
    # On our own command line an option may be shortened.
    shortened = is_on_command_line() and len(option) > 2 and "--notify".startswith(option)
    return shortened or _OPTION.fullmatch(option) is not None
