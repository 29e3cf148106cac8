"""The entry of the command line: words in, exit code out."""

from __future__ import annotations

import os
import sys
import warnings
from typing import Any

from ..base.advice import on_command_line
from ..base.errors import BatchWarning, SimManagerError
from .parser import VERBS, build_parser, parse
from .verb import EXIT_INTERRUPTED, EXIT_OK, EXIT_USAGE


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    if "_ARGCOMPLETE" in os.environ:  # a shell asks what it may complete
        from .completion import answer_shell

        answer_shell(build_parser())
    warnings.showwarning = _show
    words = sys.argv[1:] if argv is None else argv
    arguments = parse(words)
    try:
        with on_command_line(words):
            code = VERBS[arguments.verb].function(arguments)
        sys.stdout.flush()  # here, so that a pipe that is closed is seen here
        return code
    except SimManagerError as error:
        from ..base.text import plain

        print(f"simmanager: {plain(str(error))}", file=sys.stderr)
        return EXIT_USAGE
    except KeyboardInterrupt:
        print("simmanager: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # "simmanager status | head"
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK


def _show(
    message: Any, category: type[Warning], filename: str, lineno: int, file: Any = None, line: Any = None
) -> None:
    """Show a warning: ours as a sentence, others as Python does."""
    from ..base.text import plain

    text = warnings.formatwarning(message, category, filename, lineno, line)
    if issubclass(category, BatchWarning):
        text = f"simmanager: note: {plain(str(message))}\n"
    if sys.stderr is not None:
        (file or sys.stderr).write(text)
