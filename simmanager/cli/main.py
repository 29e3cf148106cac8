"""The entry of the command line: words in, exit code out."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import warnings
from typing import Any

from ..base.advice import on_command_line
from ..base.command_line import command_line
from ..base.errors import BatchWarning, SimManagerError, limit_met
from ..base.tell import note
from .parser import VERBS, build_parser, parse
from .streams import give_up_stdout, prepare_streams, stdout_error, working_directory_is_gone
from .verb import EXIT_INTERRUPTED, EXIT_OK, EXIT_USAGE


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    if "_ARGCOMPLETE" in os.environ:  # a shell asks what it may complete
        from .completion import answer_shell

        answer_shell(build_parser())
    prepare_streams()
    _hear_of_children()
    warnings.showwarning = _show
    words = command_line()[1:] if argv is None else argv
    try:
        arguments = parse(words)
        with on_command_line(words):
            code = _executed(arguments)
        sys.stdout.flush()  # here, so that a pipe that is closed is seen here
        return code
    except SimManagerError as error:
        from ..base.text import plain

        gone = isinstance(error, OSError) and working_directory_is_gone()
        note(f"{plain(str(error))}{f' {_GONE}' if gone else ''}")
        return EXIT_USAGE
    except KeyboardInterrupt:
        note("interrupted")
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # "simmanager status | head"
        give_up_stdout()
        return EXIT_OK
    except Exception as error:
        if why := stdout_error(error):
            give_up_stdout()
        elif isinstance(error, OSError):
            where = f": {error.filename}" if error.filename else ""
            why = _GONE if working_directory_is_gone() else f"{error.strerror or error}{where}"
        elif not (why := limit_met(error)):
            raise
        note(why)
        return EXIT_USAGE


def _executed(arguments: argparse.Namespace) -> int:
    """Do what a verb does, in a new process if that is wanted; return the exit code."""
    if getattr(arguments, "detach", False):
        from .detached import detach

        ended, arguments.on_event = detach()
        if ended is not None:
            return ended
    return VERBS[arguments.verb].function(arguments)


def _hear_of_children() -> None:
    """Undo what whoever started this program may have set: without SIGCHLD no exit code of a child can be known."""
    if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)


#: Relative paths lead nowhere then.
_GONE = "The working directory was deleted: change to another one, e.g. cd ~"


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
