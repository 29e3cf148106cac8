"""Options of ``run_all`` that a batch keeps: whoever goes on with it uses them, unless told otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from ..base.advice import either
from ..base.command_line import recorded
from ..base.errors import BatchDamaged, ParameterError, ParameterTypeError
from ..base.tell import note
from ..disk.batch_folder import OpenBatch
from ..disk.manifest import Manifest
from ..dispatch.run_options import OPTIONS, RunOptions, check_options, count_jobs

#: The number of jobs where nobody has said one: on each core one.
_ALL_CORES = -1


class Execution(NamedTuple):
    """How runs of a batch are executed now."""

    n_jobs: int
    options: RunOptions
    as_before: str  #: In words, those of the options that are used because the batch has kept them; or "".


def check_given(n_jobs: int | None, given: Mapping[str, Any]) -> None:
    """Raise `ParameterError` if an option does not exist or has a wrong value."""
    count_jobs(_ALL_CORES if n_jobs is None else n_jobs, check_options(given))


def execution(batch: OpenBatch, n_jobs: int | None, given: Mapping[str, Any]) -> Execution:
    """Return how runs are executed: with the options that are given, then those that the batch keeps.

    Raises
    ------
    ParameterError, ParameterTypeError
        An option that is given does not exist or has a wrong value.
    BatchDamaged
        One that manager.json has is wrong.
    """
    told = dict(given) if n_jobs is None else {**given, "n_jobs": n_jobs}
    before = {name: value for name, value in _kept(batch.manifest).items() if name not in told}
    for name, value in before.items():
        try:
            before[name] = OPTIONS[name].checked(name, value)
        except (ParameterError, ParameterTypeError) as error:
            raise BatchDamaged(
                f"{batch.folder.manifest_file} keeps an option that is wrong: {error} Correct it there, or "
                f"{either('give it anew', 'give it as a keyword')}."
            ) from None
    used = {**before, **told}
    jobs = used.pop("n_jobs", _ALL_CORES)
    options = check_options(used)
    words = ", ".join(OPTIONS[name].in_words(value) for name, value in before.items())
    return Execution(count_jobs(jobs, options), options, f"with {words} (as before)" if words else "")


def options_to_keep(before: Mapping[str, Any], n_jobs: int | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a batch keeps that has kept these, if others are given: not the default, nor what may be a secret."""
    told = {"n_jobs": n_jobs, **given} if n_jobs is not None else dict(given)
    kept = {name: value for name, value in before.items() if name not in told}
    for name, value in told.items():
        value = OPTIONS[name].checked(name, value)
        if OPTIONS[name].is_kept and value != OPTIONS[name].default and not _may_be_secret(value):
            kept[name] = value
    return kept


def keep_options(batch: OpenBatch, n_jobs: int | None, given: Mapping[str, Any]) -> None:
    """Let a batch keep the options that are given; if they cannot be written, say so: the runs can go on."""
    kept = options_to_keep(batch.manifest.options, n_jobs, given)
    if kept != batch.manifest.options:
        try:
            batch.write_manifest(replace(batch.manifest, options=kept))
        except OSError as error:
            note(f"The options of this call are not kept for the next one ({error.strerror or error}).")


def defaults() -> dict[str, Any]:
    """Return the defaults of the options that a batch keeps: who gives them forgets what it kept."""
    return {name: option.default for name, option in OPTIONS.items() if option.is_kept}


def _kept(manifest: Manifest) -> dict[str, Any]:
    """Return those of the options of a manifest that this version knows and keeps."""
    return {name: value for name, value in manifest.options.items() if name in OPTIONS and OPTIONS[name].is_kept}


def _may_be_secret(value: Any) -> bool:
    """Return whether an option has environment variables that are not for all who may read manager.json."""
    if not isinstance(value, (list, tuple)):
        return False
    words = [f"{name}={text}" for environ in value for name, text in environ.items()]
    return recorded(words) != words
