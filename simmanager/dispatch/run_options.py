"""How runs are executed: the keywords of ``run_all``, each said once, by its field."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from ..base.errors import ParameterError, ParameterTypeError, suggest
from ..base.public import public
from .option import ADDRESS, ENVIRONMENTS, FAILURES, FLAG, FUNCTION, JOBS, MEMORY, TIME, Option, count, one_of, option

Function = TypeVar("Function", bound=Callable[..., Any])


@public("simmanager")
@dataclass(frozen=True, slots=True)
class RunOptions:
    """How runs are executed; the same for every run of a ``run_all``.

    A batch keeps those that ``run_all`` is given: whoever goes on with it, or reruns a part of it, uses them unless
    told otherwise (``timeout=None``, say). ``retry_errors``, ``on_event``, ``backend`` and ``address`` hold for one
    call only; so do those with environment variables that may be secrets.

    They are keywords of ``run_all``, options of ``simmanager run``, ``resume`` and ``rerun``, and ``[options]`` of a
    batch file. Times and memories may be texts with a unit: ``timeout="10m"``, ``memory_limit_mb="3GB"``.
    """

    timeout: float | None = option(
        None, TIME, "end a run so long after its own start", flag="--timeout", otherwise="no limit", alone=True
    )
    retries: int = option(
        0,
        count(0),
        "start a run that crashed or timed out again, so many times at most",
        flag="--retries",
        otherwise="0",
        alone=True,
    )
    retry_errors: bool = option(
        False,
        FLAG,
        "start runs that raised an error again, too",
        flag="--retry-errors",
        alone=True,
        is_kept=False,
    )
    memory_limit_mb: float | None = option(
        None, MEMORY, "memory that a run may add to its process", flag="--memory-limit", otherwise="no limit"
    )
    fail_fast: bool | int = option(
        False,
        FAILURES,
        "after K failed runs (1, if not given) start nothing new",
        flag="--fail-fast",
        otherwise="go on",
        doc="After so many failed runs (True: one) nothing new is started; False: never.",
        alone=True,
    )
    fresh_process: bool = option(
        False, FLAG, "start a new process for each run", flag="--fresh-process", otherwise="one for many", alone=True
    )
    threads_per_run: int = option(
        1, count(1), "threads that numerical libraries may use in a run", flag="--threads-per-run", otherwise="1"
    )
    checkpoint_every_s: float | None = option(
        None,
        TIME,
        "save a checkpoint of each run so often, from which it goes on after an interruption",
        flag="--checkpoint-every",
        otherwise="none",
    )
    durable: bool = option(
        False,
        FLAG,
        "force results and states to the disk (fsync) before they count",
        flag="--durable",
        otherwise="no",
        doc="Force results and states to the disk (fsync) before they count: after a power cut, what was ``finished`` "
        "is finished and whole. Without it, the file system may lose what was written in its last seconds.",
    )
    slot_env: Sequence[Mapping[str, str]] | None = option(
        None,
        ENVIRONMENTS,
        "GPUs that the runs share: one run at a time on each, unless --jobs says more",
        flag="--gpus",
        doc='Environment variables of the workers of each slot, e.g. ``[{"CUDA_VISIBLE_DEVICES": "0"}, ...]``; with '
        "more slots than entries they are shared out evenly. ``n_jobs=-1`` is one run at a time for each entry then.",
    )
    on_event: Callable[[Any], object] | None = option(  # noqa: RUF009
        None,
        FUNCTION,
        "called with an `Event` when a run starts, gets on or ends, and when the batch ends, in the manager's process, "
        "in a thread of its own. One that raises is reported once and harms nothing",
        alone=True,
        is_kept=False,
    )
    backend: str = option(
        "local",
        one_of("local", "dask"),
        'where runs are executed: on this machine ("local"), or on the workers of a Dask cluster that see the same '
        'files ("dask")',
        is_kept=False,
    )
    address: str | None = option(
        None,
        ADDRESS,
        "run on the workers of this Dask cluster, e.g. tcp://10.0.0.1:8786",
        flag="--dask",
        doc="Address of the Dask scheduler, e.g. ``tcp://10.0.0.1:8786``; None: the client that is active.",
        implies={"backend": "dask"},
        is_kept=False,
    )

    @property
    def allow_several(self) -> bool:
        """Whether short runs may be handed to a worker several at a time: nothing is asked that needs each alone."""
        return not any(getattr(self, name) for name, option in OPTIONS.items() if option.alone)

    def in_words(self) -> list[str]:
        """Return those that have another value than by default, without what may be a secret or holds for a call."""
        changed = {name: getattr(self, name) for name in OPTIONS if name != "n_jobs" and OPTIONS[name].is_kept}
        return [
            OPTIONS[name].in_words(value)
            for name, value in changed.items()
            if value != OPTIONS[name].default and OPTIONS[name].kind is not ENVIRONMENTS
        ]

    def __post_init__(self) -> None:
        for each in fields(self):
            value = each.metadata["option"].checked(each.name, getattr(self, each.name))
            object.__setattr__(self, each.name, value)
        if self.address is not None and self.backend != "dask":
            raise ParameterError('An address is that of a Dask scheduler: give backend="dask", too.')


#: What ``run_all``, a command line and a batch file may say; the number of jobs is an argument of its own.
OPTIONS: dict[str, Option] = {
    "n_jobs": Option(-1, JOBS, "runs at a time", flag="--jobs", otherwise="one on each core"),
    **{each.name: each.metadata["option"] for each in fields(RunOptions)},
}

_ENTRIES = "\n".join(OPTIONS[each.name].entry(each.name, each.type) for each in fields(RunOptions))
RunOptions.__doc__ = f"{inspect.cleandoc(RunOptions.__doc__ or '')}\n\nParameters\n----------\n{_ENTRIES}\n"


def lists_options(function: Function) -> Function:
    """Write the names of the options in the place of ``{options}`` into the docstring of a function."""
    names = ", ".join(each.name for each in fields(RunOptions))
    function.__doc__ = (function.__doc__ or "").replace("{options}", names)
    return function


def check_options(options: Mapping[str, Any]) -> RunOptions:
    """Return the options of a ``run_all``; raise with the name of one that does not exist or has a wrong value."""
    for name in options:
        if name not in RunOptions.__dataclass_fields__:
            raise ParameterTypeError(
                f"There is no option {name!r}.{suggest(name, OPTIONS)} There are: {', '.join(OPTIONS)}."
            )
    return RunOptions(**options)


def count_jobs(n_jobs: Any, options: RunOptions | None = None) -> int:
    """Return how many runs go at a time on this machine, as joblib counts: -1 is all cores, -2 all but one."""
    import joblib

    jobs: int = OPTIONS["n_jobs"].checked("n_jobs", n_jobs)
    if options is not None and options.backend == "dask":
        return jobs  # counted where the cluster is known
    if options is not None and options.slot_env and jobs == -1:
        return len(options.slot_env)
    return int(joblib.effective_n_jobs(jobs))
