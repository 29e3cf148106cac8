"""Options of ``run_all`` that a batch keeps: whoever goes on with it uses them, unless told otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple

from ..base.advice import either
from ..base.command_line import recorded
from ..base.errors import BatchDamaged, ParameterError, ParameterTypeError
from ..base.resources import needs_of
from ..base.tell import note
from ..disk.batch_folder import OpenBatch
from ..dispatch.allotment import refuse_what_never_fits
from ..dispatch.run_options import OPTIONS, RunOptions, check_options, count_jobs

#: No options.
NONE: Mapping[str, Any] = MappingProxyType({})


class Execution(NamedTuple):
    """How runs of a batch are executed now."""

    n_jobs: int
    options: RunOptions
    as_before: str  #: In words, those of the options that are used because the batch has kept them; or "".


def checked_options(n_jobs: int | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that are given, as they are used; raise `ParameterError` for one that cannot be."""
    options = check_options(given)
    told = {name: getattr(options, name) for name in given}
    if n_jobs is not None:
        told["n_jobs"] = OPTIONS["n_jobs"].checked("n_jobs", n_jobs)
    return told


def execution(batch: OpenBatch, told: Mapping[str, Any]) -> Execution:
    """Return how runs are executed: with the options that are told (`checked_options`), then those that are kept.

    Raises
    ------
    BatchDamaged
        One that manager.json has is wrong.
    """
    before = {name: value for name, value in batch.manifest.options.items() if name in defaults() and name not in told}
    for name, value in before.items():
        try:
            before[name] = OPTIONS[name].checked(name, value)
        except (ParameterError, ParameterTypeError) as error:
            raise BatchDamaged(
                f"{batch.folder.manifest_file} keeps an option that is wrong: {error} Correct it there, or "
                f"{either('give it anew', 'give it as a keyword')}."
            ) from None
    used = {**before, **told}
    jobs = used.pop("n_jobs", OPTIONS["n_jobs"].default)
    options = RunOptions(**used)
    words = ", ".join(OPTIONS[name].in_words(value) for name, value in before.items())
    declared = [entry.get("resources") for entry in batch.manifest.simulations]
    are_given_out = any(isinstance(each, dict) and "gpus" in each for each in declared)
    on_gpus = replace(options, slot_env=None) if are_given_out else options  # run by run: a GPU is no slot
    return Execution(count_jobs(jobs, on_gpus), options, f"with {words} (as before)" if words else "")


def refuse_too_large(simulations: Iterable[Any], told: Mapping[str, Any]) -> None:
    """Raise `ParameterError` before a batch is made, if a run declares more than this machine has."""
    needs = {str(sim.simulation_id): needs_of(getattr(sim, "resources", None)) for sim in simulations}
    if any(needs.values()) and told.get("backend") != "dask":
        refuse_what_never_fits(needs, count_jobs(told.get("n_jobs", -1)), told.get("slot_env"))


def options_to_keep(told: Mapping[str, Any], before: Mapping[str, Any] = NONE) -> dict[str, Any]:
    """Return what a batch keeps that has kept these before: nothing that is the default, or may be a secret."""
    kept = {name: value for name, value in before.items() if name not in told}
    for name, default in defaults().items():
        if name in told and told[name] != default and not _may_be_secret(told[name]):
            kept[name] = told[name]
    return kept


def keep_options(batch: OpenBatch, told: Mapping[str, Any]) -> None:
    """Let a batch keep the options that are told; if they cannot be written, say so: the runs can go on."""
    kept = options_to_keep(told, batch.manifest.options)
    if kept != batch.manifest.options:
        try:
            batch.write_manifest(replace(batch.manifest, options=kept))
        except OSError as error:
            note(f"The options of this call are not kept for the next one ({error.strerror or error}).")


def defaults() -> dict[str, Any]:
    """Return the defaults of the options that a batch keeps: who gives them forgets what it kept."""
    return {name: option.default for name, option in OPTIONS.items() if option.is_kept}


def _may_be_secret(value: Any) -> bool:
    """Return whether an option has environment variables that are not for all who may read manager.json."""
    environs = value if isinstance(value, list) else ()
    words = [f"{name}={text}" for environ in environs for name, text in environ.items()]
    return recorded(words) != words
