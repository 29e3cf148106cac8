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
    r"(?:api[-_]?|access[-_]?|account[-_]?|private[-_]?|secret[-_]?)key|token|secret|pass(?:w(?:or)?d|phrase)?|pwd|pw"
    r"|auth|credentials?|cookie|bearer|webhook"
)

#: The same within a word: ``accessToken``.
_CAMEL = "(?:Token|Secret|Passw(?:or)?d|ApiKey)"

#: A value: in quotes, in which there may be spaces, or to the next space or part of an address.
_VALUE = r"(?:\"[^\"]*\"?|'[^']*'?|[^&\s]+)"

#: An option whose value is a secret, or, of the last, tells those who are notified only.
_OPTION = re.compile(rf"--?(?:(?:\S*[-_.])?(?i:{_NAME})|\S*{_CAMEL})|(?i:--notify)")

#: Options whose values are parameters: what they are is in the records in any case, and needed to make them again.
_PARAMETERS = ("--sweep", "--set")

#: Within a word: what is kept, as a group, and behind it the secret.
_WITHIN = [
    re.compile(
        r"(://)(?:[^/\s]{0,300}|[^/\s:]{0,300}:\S{0,300})(?=@)|()[^\s/:@=]+:[^\s/@]+(?=@)"
    ),  # user and password of an address
    re.compile(r"(?i)(\bauthorization[\"']?[:=])(?!\s*[\"']?(?:bearer|basic)\b).+"),
    re.compile(rf"((?:(?<![a-z])(?i:{_NAME})|{_CAMEL})[\"']?[=:]\s*){_VALUE}"),
    re.compile(r"([?&]sig(?:nature)?=)[^&\s]+"),
    re.compile(r"(?i)(\b(?:bearer|basic)\s+)\S+"),
    re.compile(r"(\bhooks\.slack\.com/|\bdiscord(?:app)?\.com/api/webhooks/|\bapi\.telegram\.org/bot)\S+"),
    re.compile(  # of well-known services
        r"()\b(?:gh[a-z]_|github_pat_|glpat-|hf_|sk-|xox[a-z]-|A[KS]IA|AIza|eyJ|npm_|pypi-|dckr_pat_)[\w.-]{16,}"
    ),
]


def command_line() -> list[str]:
    """Return the words of the command line; none where a program that embeds Python has set none."""
    return list(map(str, getattr(sys, "argv", None) or []))


def recorded(command: Iterable[str]) -> list[str]:
    """Return a command line with ``***`` in the place of what may be a secret.

    >>> recorded(["simmanager", "run", "a.py", "--notify", "mail me", "--dask=tcp://joe:pw@host:8786", "--token=abc"])
    ['simmanager', 'run', 'a.py', '--notify', '***', '--dask=tcp://***@host:8786', '--token=***']
    """
    kept, hide_next, before = list[str](), False, ""
    for word in command:
        name, equals, _ = word.partition("=")
        if before in _PARAMETERS or name in _PARAMETERS:
            kept.append(word)
        elif hide_next and not word.startswith("--"):
            kept.append(MASK)
        elif equals and _takes_a_secret(name):
            kept.append(f"{name}={MASK}")
        else:
            for pattern in _WITHIN:
                word = pattern.sub(lambda found: f"{next(filter(None, found.groups()), '')}{MASK}", word)
            kept.append(word)
        hide_next, before = not equals and _takes_a_secret(name), word
    return kept


def _takes_a_secret(option: str) -> bool:
    # On our own command line an option may be shortened.
    shortened = is_on_command_line() and len(option) > 2 and "--notify".startswith(option)
    return shortened or _OPTION.fullmatch(option) is not None
