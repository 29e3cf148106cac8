"""Where results come from: program, versions, commits and machine, and what differs between two of them."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import lru_cache
from importlib import util
from pathlib import Path
from typing import Any

from .advice import TARGET, target
from .command_line import command_line, recorded

_GIT_TIMEOUT_S = 5.0
_GIT_ANSWER_VALID_S = 2.0

#: Bytes of the longest diff that is kept.
_LONGEST_DIFF = 1_000_000

#: In the provenance of manager.json: the code of each simulation that travels in its pickle.
FROZEN_CODE = "frozen_code"

#: In what is said of one simulation there, and in run.json: hashes of what its description does not tell completely.
CONTENTS = "contents"
#: Where a description of a simulation names its code.
_CODE_FIELDS = ("agent_class", "env_class", "training_loop")


def provenance_of(simulations: Iterable[Mapping[str, Any]], threads_per_run: int | None = None) -> dict[str, Any]:
    """Return what is known about the program that runs a batch of simulations, described as in manager.json.

    ``git_commit`` and ``git_dirty`` are those of the working directory; ``code`` has folder, commit and dirty flag of
    each repository that holds the classes; ``simmanager`` the same of simmanager itself, if it runs from a repository.
    """
    import socket

    return {
        "host": socket.gethostname(),
        "platform": sys.platform,
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "threads_per_run": threads_per_run,
        "command": recorded(command_line()),
        **({TARGET: advised} if (advised := target()) else {}),
        "versions": loaded_versions(),
        **git_state(working_directory()),
        "code": code_states(simulations),
        "simmanager": git_state(str(Path(__file__).parent)),
    }


def cpu_model() -> str:
    """Return the name of the processor, or ""."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        import platform

        return platform.processor()
    return next((line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")), "")


def loaded_versions() -> dict[str, str]:
    """Return the versions of Python and of every package that this process has loaded and that has ``__version__``."""
    return dict(_versions(len(sys.modules)))


@lru_cache(maxsize=1)
def _versions(n_modules: int) -> dict[str, str]:
    """Go through all modules; not again before there are more: a run may take a millisecond."""
    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    for name, module in sorted(sys.modules.items()):
        if "." in name or name.startswith("_") or name in sys.stdlib_module_names:
            continue
        version = getattr(module, "__dict__", {}).get("__version__")  # asking the module may run code, or warn
        if isinstance(version, str):
            found[name] = version[:100]
    return found


def installed_versions(names: Iterable[str]) -> dict[str, str]:
    """Return the versions that these packages have now, as far as that is known without loading them."""
    from importlib import metadata  # its import may take longer than a run

    loaded, found = loaded_versions(), {}
    for name in names:
        with suppress(metadata.PackageNotFoundError, ValueError):
            found[name] = loaded[name] if name in loaded else metadata.version(name)
    return found


def working_directory() -> str:
    """Return the working directory; the root if it was deleted."""
    try:
        return str(Path.cwd())
    except FileNotFoundError:
        return os.sep


_states: dict[str, tuple[float, dict[str, Any]]] = {}


def git_state(folder: str) -> dict[str, Any]:
    """Return the git commit of a folder and whether its tracked files differ from it; {} outside of git.

    An answer is kept for a moment: a batch that is made and run at once asks twice.
    """
    known = _states.get(folder)
    if known is None or time.monotonic() - known[0] > _GIT_ANSWER_VALID_S:
        known = _states[folder] = (time.monotonic(), _ask_git(folder))
    return dict(known[1])


def _ask_git(folder: str) -> dict[str, Any]:
    def git(*words: str) -> str:
        command, nothing = ["git", "-C", folder, *words], subprocess.DEVNULL
        output = subprocess.check_output(command, stdin=nothing, stderr=nothing, text=True, timeout=_GIT_TIMEOUT_S)
        return output.strip()

    try:
        if not (commit := git("rev-parse", "HEAD")):  # its failure is not seen where SIGCHLD is ignored
            return {}
        return {"git_commit": commit, "git_dirty": bool(git("status", "--porcelain", "--untracked-files=no"))}
    except (OSError, subprocess.SubprocessError):
        return {}


def uncommitted(provenance: Mapping[str, Any]) -> dict[str, str]:
    """Return what was not committed in the repositories that `provenance_of` names: folder -> ``git diff``, cut."""
    here = {"folder": working_directory(), **provenance}
    folders = [str(entry["folder"]) for entry in (here, *_entries(provenance)) if entry.get("git_dirty")]
    found = {}
    for folder in dict.fromkeys(folders):
        try:
            done = subprocess.run(
                ["git", "-C", folder, "diff", "HEAD", "--no-color", "--no-ext-diff"],
                capture_output=True,
                timeout=_GIT_TIMEOUT_S,
                check=True,
                stdin=subprocess.DEVNULL,
            )
        except (OSError, subprocess.SubprocessError):
            continue
        found[folder] = done.stdout[:_LONGEST_DIFF].decode("utf-8", "replace")
    return found


def code_states(simulations: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return folder, commit and dirty flag of the repositories that hold the classes of simulations.

    No module is imported for it. Installed packages have a version instead.
    """
    packages = {module.partition(".")[0] for simulation in simulations for module in _modules_of(simulation)}
    folders = sorted({folder for package in packages if (folder := _folder_of(package))})
    states = [{"folder": folder, **git_state(folder)} for folder in folders]
    return [state for state in states if "git_commit" in state]


def _modules_of(simulation: Mapping[str, Any]) -> set[str]:
    return {str(simulation.get(field)).partition(":")[0] for field in _CODE_FIELDS}


def code_taken_along(simulation: Mapping[str, Any]) -> dict[str, Any]:
    """Return which code of a simulation is in its pickle as it is now, whatever becomes of the files.

    ``code_files`` is path -> SHA-256 of each file, ``code`` as `code_states`; {} if workers import all of it.
    """
    names = filter(is_pickled_by_value, _modules_of(simulation))
    paths = {getattr(sys.modules.get(name), "__file__", None) for name in names}
    files = {str(Path(path).resolve()): sha for path in paths if path and (sha := file_hash(path))}
    return {"code_files": files, "code": code_states([simulation])} if files else {}


def frozen_code_of(provenance: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return simulation_id -> `code_taken_along` at the time when the batch was made, from its provenance."""
    kept = _inner(provenance, FROZEN_CODE)
    return {str(name): dict(taken) for name, taken in kept.items() if isinstance(taken, Mapping)}


def is_pickled_by_value(module: str) -> bool:
    """Return whether classes and functions of a module are pickled with their code."""
    pickler = sys.modules.get("cloudpickle")
    by_value = pickler.list_registry_pickle_by_value() if pickler is not None else set()
    parts = module.split(".")
    return module == "__main__" or any(".".join(parts[: i + 1]) in by_value for i in range(len(parts)))


def file_hash(path: str | Path) -> str:
    """Return the SHA-256 of a file, "" if it cannot be read."""
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        return ""


def changed_files(taken: Mapping[str, Any]) -> list[str]:
    """Return the files in `code_taken_along` that are not as they were; those that are gone are left out."""
    files = _inner(taken, "code_files")
    return [path for path, sha in files.items() if (now := file_hash(str(path))) and now != sha]


def _folder_of(package: str) -> str | None:
    """Return the folder of the code of a package that is neither installed nor Python's own nor simmanager, or None."""
    if package in sys.stdlib_module_names or package == "simmanager":
        return None
    file = getattr(sys.modules.get(package), "__file__", None)
    if file is None:
        try:
            spec = util.find_spec(package)
        except (ImportError, ValueError, AttributeError):
            return None
        file = spec.origin if spec is not None else None
    if not file or "site-packages" in file or not Path(file).is_absolute():
        return None
    return str(Path(file).parent)


def changes_since(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return in words which versions and commits differ between two provenances: of a batch or run, and of now."""
    recorded = before.get("versions")
    recorded = {k: v for k, v in recorded.items() if isinstance(v, str)} if isinstance(recorded, Mapping) else {}
    installed = installed_versions(recorded)
    words = [
        f"{name} {recorded[name]} before, {installed[name]} now"
        for name in recorded
        if name in installed and installed[name] != recorded[name]
    ]
    words += _change_of_commit("the working directory", before, now)
    words += _change_of_commit("simmanager", _inner(before, "simmanager"), _inner(now, "simmanager"))
    old = {str(entry.get("folder")): entry for entry in _entries(before)}
    here = working_directory()
    for entry in (entry for entry in _entries(now) if entry.get("folder") != here):  # which is named above
        words += _change_of_commit(str(entry.get("folder")), old.get(str(entry.get("folder")), {}), entry)
    return words


def _inner(record: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = record.get(name)
    return value if isinstance(value, Mapping) else {}


def _entries(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    entries = record.get("code")
    return [entry for entry in entries if isinstance(entry, Mapping)] if isinstance(entries, list) else []


def _change_of_commit(what: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    one, other = commit_text(before), commit_text(now)
    return [f"{what} at {one} before, {other} now"] if one and other and one != other else []


def commit_text(record: Mapping[str, Any]) -> str:
    """Return the commit in a record as people read it: ``"3f2a9c1"``, ``"3f2a9c1 with changes"``, or ""."""
    commit = record.get("git_commit")
    if not isinstance(commit, str):
        return ""
    return f"{commit[:10]}{' with changes' if record.get('git_dirty') else ''}"


def frozen_code(
    entries: Iterable[dict[str, Any]],
    contents: Mapping[str, Mapping[str, str]],
    before: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what manager.json says about what travels with the recipes: simulation_id -> `code_taken_along`, contents.

    Parameters
    ----------
    entries : iterable of dict
        The simulations that are pickled now.
    contents : mapping
        simulation_id -> hashes of its parts.
    before : mapping, optional
        The provenance so far; what it says of other simulations stays, and what it says of files that are not known
        here (the code came out of a pickle), if the code is the same.
    """
    together, known = frozen_code_of(before or {}), dict[frozenset[str], dict[str, Any]]()
    for entry in entries:
        name, modules = entry["simulation_id"], frozenset(_modules_of(entry))
        if modules not in known:
            known[modules] = code_taken_along(entry)
        taken, earlier = known[modules], together.get(name, {})
        if not taken and contents_in(earlier) == contents.get(name):
            taken = earlier
        together[name] = {**taken, CONTENTS: dict(contents.get(name, {}))}
    return {FROZEN_CODE: together}


def contents_in(record: Mapping[str, Any]) -> dict[str, str] | None:
    """Return the hashes that a record of a simulation or a run keeps; None if it is of a version that kept none."""
    kept = record.get(CONTENTS)
    return {str(name): str(text) for name, text in kept.items()} if isinstance(kept, Mapping) else None
