"""Where results come from: program, versions, commits and machine, and what differs between two of them."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from importlib import util
from pathlib import Path
from typing import Any

from .advice import TARGET, target

#: Seconds that git may take to tell about a repository.
_PATIENCE_S = 5.0

#: Bytes of the longest diff that is kept.
_LONGEST_DIFF = 1_000_000

#: Seconds for which an answer of git is good.
_MOMENT_S = 2.0

#: In the provenance of manager.json: the code of each simulation that travels in its pickle.
FROZEN_CODE = "frozen_code"

#: In what is said of one simulation there, and in run.json: hashes of what its description does not tell completely.
CONTENTS = "contents"


def provenance_of(simulations: Iterable[Mapping[str, Any]], threads_per_run: int | None = None) -> dict[str, Any]:
    """Return what is known about the program that runs a batch.

    Parameters
    ----------
    simulations : iterable of mapping
        The simulations as manager.json describes them (``"module:name"`` of their classes).
    threads_per_run : int, optional
        Threads that numerical libraries may use in a run.

    Returns
    -------
    dict
        host, platform, cpu, cores, threads_per_run, command, versions; ``git_commit`` and ``git_dirty`` of the working
        directory; ``code``: folder, commit and dirty flag of each repository that holds the classes; the same of
        simmanager itself, if it runs from a repository.
    """
    return {
        "host": _host(),
        "platform": sys.platform,
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "threads_per_run": threads_per_run,
        "command": list(sys.argv),
        **({TARGET: advised} if (advised := target()) else {}),
        "versions": loaded_versions(),
        **git_state(working_directory()),
        "code": code_states(simulations),
        "simmanager": git_state(str(Path(__file__).parent)),
    }


def _host() -> str:
    import socket

    return socket.gethostname()


def cpu_model() -> str:
    """Return the name of the processor, or ""."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        import platform

        return platform.processor()
    return next((line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")), "")


_versions: tuple[int, dict[str, str]] = (-1, {})


def loaded_versions() -> dict[str, str]:
    """Return the versions of Python and of every package that this process has loaded and that tells its own."""
    global _versions
    if _versions[0] != len(sys.modules):  # a run of a millisecond need not go through all modules again
        found = {"python": ".".join(map(str, sys.version_info[:3]))}
        for name, module in sorted(sys.modules.items()):
            if "." in name or name.startswith("_") or name in sys.stdlib_module_names:
                continue
            version = getattr(module, "__dict__", {}).get("__version__")  # asking the module may run code, or warn
            if isinstance(version, str):
                found[name] = version[:100]
        _versions = (len(sys.modules), found)
    return dict(_versions[1])


def installed_versions(names: Iterable[str]) -> dict[str, str]:
    """Return the versions that these packages have now, as far as that can be told without loading them."""
    from importlib import metadata  # as slow to import as a run may be short

    loaded, found = loaded_versions(), {}
    for name in names:
        if name in loaded:
            found[name] = loaded[name]
            continue
        try:
            found[name] = metadata.version(name)
        except (metadata.PackageNotFoundError, ValueError):
            continue
    return found


def working_directory() -> str:
    """Return the working directory as it is, links and all; the root if it was deleted."""
    try:
        return os.getcwd()  # noqa: PTH109 - Path.cwd does the same, this says so
    except FileNotFoundError:
        return os.sep


_states: dict[str, tuple[float, dict[str, Any]]] = {}


def git_state(folder: str) -> dict[str, Any]:
    """Return the git commit of a folder and whether its tracked files differ from it; {} outside of git.

    A batch that is made and run at once asks twice: what was said a moment ago is said again.
    """
    known = _states.get(folder)
    if known is None or time.monotonic() - known[0] > _MOMENT_S:
        known = _states[folder] = (time.monotonic(), _ask_git(folder))
    return dict(known[1])


def _ask_git(folder: str) -> dict[str, Any]:
    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", "-C", folder, *words],
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
            check=True,
            stdin=subprocess.DEVNULL,
        )
        return done.stdout.strip()

    try:
        commit = git("rev-parse", "HEAD")
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
                timeout=_PATIENCE_S,
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
    packages = {
        str(simulation.get(field)).partition(":")[0].partition(".")[0]
        for simulation in simulations
        for field in ("agent_class", "env_class", "training_loop")
    }
    folders = sorted({folder for package in packages if (folder := _folder_of(package))})
    states = [{"folder": folder, **git_state(folder)} for folder in folders]
    return [state for state in states if "git_commit" in state]


def code_taken_along(simulation: Mapping[str, Any]) -> dict[str, Any]:
    """Return which code of a simulation travels in its pickle as it is now, whatever becomes of the files.

    Parameters
    ----------
    simulation : mapping
        As manager.json describes it.

    Returns
    -------
    dict
        ``code_files``: path -> SHA-256 of each file; ``code``: as `code_states`. Empty if workers import all of it.
    """
    modules = {str(simulation.get(field)).partition(":")[0] for field in ("agent_class", "env_class", "training_loop")}
    paths = {getattr(sys.modules.get(name), "__file__", None) for name in modules if travels(name)}
    files = {str(Path(path).resolve()): sha for path in paths if path and (sha := file_hash(path))}
    return {"code_files": files, "code": code_states([simulation])} if files else {}


def frozen_code_of(provenance: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what the provenance of a manifest says of it: simulation_id -> `code_taken_along`, as it was then."""
    kept = _inner(provenance, FROZEN_CODE)
    return {str(name): dict(taken) for name, taken in kept.items() if isinstance(taken, Mapping)}


def travels(module: str) -> bool:
    """Return whether classes and functions of a module are pickled by value."""
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
    """Return the folder of the code of a package that is neither installed nor Python's own nor ours, or None."""
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
    """Return in words in which versions and commits a batch would go on differently from how it was begun.

    Parameters
    ----------
    before : mapping
        Provenance in manager.json, or that of a run.
    now : mapping
        `provenance_of` this program.
    """
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
    for entry in (entry for entry in _entries(now) if entry.get("folder") != here):  # told already
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
    together = frozen_code_of(before or {})
    for entry in entries:
        name = entry["simulation_id"]
        taken, earlier = code_taken_along(entry), together.get(name, {})
        if not taken and contents_in(earlier) == contents.get(name):
            taken = earlier
        together[name] = {**taken, CONTENTS: dict(contents.get(name, {}))}
    return {FROZEN_CODE: together}


def contents_in(record: Mapping[str, Any]) -> dict[str, str] | None:
    """Return the hashes that a record of a simulation or a run keeps; None if it is of a version that kept none."""
    kept = record.get(CONTENTS)
    return {str(name): str(text) for name, text in kept.items()} if isinstance(kept, Mapping) else None
