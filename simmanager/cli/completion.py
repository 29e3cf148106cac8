"""Completion: what a shell offers when the TAB key is pressed."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from ..base.errors import PackageMissing
from .verb import EXIT_OK, argument, verb

if TYPE_CHECKING:
    from ..disk.batch_folder import BatchFolder

#: Shells that a script is written for.
SHELLS = ("bash", "zsh", "fish")

#: What may be offered: a folder from anyone must not put other things into a command line.
_HARMLESS = re.compile(r"[\w.\-=,+]+", re.ASCII)

_GROUPS = ("agent_params", "env_params", "training_loop_params")


@verb(
    argument("shell", choices=SHELLS, metavar="SHELL", help=f"one of {', '.join(SHELLS)}"),
    examples=(
        ('eval "$(simmanager completion bash)"', "in this shell, now"),
        (
            "simmanager completion fish > ~/.config/fish/completions/simmanager.fish",
            "in every fish from now on, read when it is needed",
        ),
    ),
    exits=("the script was printed",),
)
def completion(arguments: argparse.Namespace) -> int:
    """Print a script that lets a shell complete what you type.

    The script completes commands, options, files, and the simulations, runs and
    parameters of a batch. It needs the extra "completion": pip install
    'simmanager[completion]'. Put one of these lines into the file that your shell
    reads when it starts:

      ~/.bashrc                    eval "$(simmanager completion bash)"
      ~/.zshrc, after compinit     eval "$(simmanager completion zsh)"
      ~/.config/fish/config.fish   simmanager completion fish | source
    """
    print(shell_script(arguments.shell))
    return EXIT_OK


def shell_script(shell: str) -> str:
    """Return the code that makes a shell ask ``simmanager`` what it may complete.

    Parameters
    ----------
    shell : str
        bash, zsh or fish.

    Raises
    ------
    PackageMissing
        argcomplete is not installed.
    """
    try:
        from argcomplete import shellcode
    except ImportError as error:
        raise PackageMissing(
            "Completion needs argcomplete. Install it: pip install 'simmanager[completion]'"
        ) from error
    return str(shellcode(["simmanager"], shell=shell))


def answer_shell(parser: argparse.ArgumentParser) -> None:
    """Answer the shell that asks (by the environment of this process), and end the process.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Of the command line.

    Raises
    ------
    SystemExit
        argcomplete is not installed: there is nothing to offer.
    """
    try:
        from argcomplete import autocomplete
    except ImportError:
        raise SystemExit(1) from None
    add_completers(parser)
    autocomplete(parser, always_complete_options=False)  # options after a dash only


def add_completers(parser: argparse.ArgumentParser) -> None:
    """Tell each argument of a parser, and of its verbs, what it may be completed with."""
    known = _completers()
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for verb in action.choices.values():
                add_completers(verb)
        elif action.nargs != 0 and action.choices is None:
            kind = getattr(action, "completed_by", "")
            action.completer = known[kind] if kind else nothing  # type: ignore[attr-defined]


def _completers() -> dict[str, Callable[..., Iterable[str]]]:
    from argcomplete.completers import DirectoriesCompleter, FilesCompleter

    return {
        "folder": DirectoriesCompleter(),
        "batch file": FilesCompleter(("py", "toml", "yaml", "yml")),
        "page": FilesCompleter(("html",)),
        "simulation": _harmless(simulation_ids),
        "run": _harmless(run_ids),
        "assignment": _harmless(assignments),
        "curve": _harmless(history_keys),
    }


def nothing(**_: Any) -> list[str]:
    """Offer nothing, not even files: a number, or a name that the user makes up."""
    return []


def _batch(path: str) -> BatchFolder:
    from ..disk.batch_folder import BatchFolder

    return BatchFolder(path)


def simulation_ids(path: str, **_: Any) -> list[str]:
    """Offer the simulations of a batch."""
    return _batch(path).read_manifest().simulation_ids


def run_ids(path: str, simulation: str, **_: Any) -> list[str]:
    """Offer the runs of a simulation."""
    return [str(run_id) for run_id in sorted(_batch(path).run_folders(simulation))]


def assignments(path: str, simulation: str, **_: Any) -> list[str]:
    """Offer the parameters that a simulation was given, ready for a value: ``agent_params.lr_td=``."""
    given = {entry["simulation_id"]: entry for entry in _batch(path).read_manifest().simulations}[simulation]
    return [f"{group}.{name}=" for group in _GROUPS for name in given.get(group) or {}]


def history_keys(path: str, **_: Any) -> list[str]:
    """Offer the curves of the first run of each simulation that has some."""
    from ..disk.run_folder import RunFolder
    from ..results.summary_reader import curve_keys, read_summary

    folder, found = _batch(path), dict[str, None]()
    for simulation_id in folder.read_manifest().simulation_ids:
        runs = folder.run_folders(simulation_id)
        summary = next((file for run in sorted(runs) if (file := RunFolder(runs[run]).summary).is_file()), None)
        if summary is not None:
            found |= dict.fromkeys(curve_keys(read_summary(summary)))
    return list(found)


def _harmless(offer: Callable[..., list[str]]) -> Callable[..., list[str]]:
    """Return a completer: what is offered for the words typed so far, without what could trouble a shell."""

    def completer(parsed_args: argparse.Namespace, **_: Any) -> list[str]:
        try:
            found = offer(**vars(parsed_args))
        except Exception:  # no batch yet, or a damaged one: TAB is no place for an error
            return []
        return [word for word in found if _HARMLESS.fullmatch(word)]

    return completer
