"""How runs are executed: the keywords of ``run_all``, checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..base.errors import ParameterError, ParameterTypeError, suggest
from ..base.public import public

#: Where runs can be executed.
BACKENDS = ("local", "dask")


@public("simmanager")
@dataclass(frozen=True, slots=True)
class RunOptions:
    """How runs are executed; the same for every run of a ``run_all``.

    Parameters
    ----------
    timeout : float or None
        Seconds from a run's own start after which it is ended; None: no limit.
    retries : int
        How often a run that crashed or timed out is started again.
    retry_errors : bool
        Retry runs that raised an exception, too.
    memory_limit_mb : float or None
        Memory (MB) that a run may add to its process; None: no limit.
    fail_fast : bool or int
        After so many failed runs (True: one) nothing new is started; False: never.
    fresh_process : bool
        Start a new process for each run.
    threads_per_run : int
        Threads that numerical libraries may use in a run.
    checkpoint_every_s : float or None
        Seconds between two checkpoints of a run, from which it goes on after an interruption; None: none.
    durable : bool
        Force results and states to the disk (fsync) before they count: after a power cut, what was ``finished`` is
        finished and whole. Without it, the file system may lose what was written in its last seconds.
    slot_env : sequence of dict or None
        Environment variables of the workers of each slot, e.g. ``[{"CUDA_VISIBLE_DEVICES": "0"}, ...]``; with more
        slots than entries they are shared out evenly. ``n_jobs=-1`` is one run at a time for each entry then.
    on_event : callable or None
        Called with an `Event` when a run starts, gets on or ends, and when the batch ends: in the manager's process, in
        a thread of its own. One that raises is reported once and harms nothing.
    backend : {"local", "dask"}
        Where runs are executed: on this machine, or on the workers of a Dask cluster that see the same files.
    address : str or None
        Address of the Dask scheduler, e.g. ``"tcp://10.0.0.1:8786"``; None: the client that is active.
    """

    timeout: float | None = None
    retries: int = 0
    retry_errors: bool = False
    memory_limit_mb: float | None = None
    fail_fast: bool | int = False
    fresh_process: bool = False
    threads_per_run: int = 1
    checkpoint_every_s: float | None = None
    durable: bool = False
    slot_env: Sequence[Mapping[str, str]] | None = None
    on_event: Callable[[Any], object] | None = None
    backend: str = "local"
    address: str | None = None

    @property
    def allow_several(self) -> bool:
        """Whether short runs may be handed to a worker several at a time: nothing is asked that needs each alone."""
        alone = (self.timeout, self.retries, self.retry_errors, self.fail_fast, self.fresh_process, self.on_event)
        return not any(alone)

    def __post_init__(self) -> None:
        from ..base.checks import check_flag, check_integer, check_number

        if self.timeout is not None:
            check_number("timeout", self.timeout, above=0)
        for name in ("memory_limit_mb", "checkpoint_every_s"):
            if getattr(self, name) is not None:
                check_number(name, getattr(self, name), above=0)
        check_integer("retries", self.retries, minimum=0)
        check_integer("threads_per_run", self.threads_per_run, minimum=1)
        check_flag("retry_errors", self.retry_errors)
        check_flag("fresh_process", self.fresh_process)
        check_flag("durable", self.durable)
        if not isinstance(self.fail_fast, bool):
            check_integer("fail_fast", self.fail_fast, minimum=1)
        _check_environments(self.slot_env)
        if self.on_event is not None and not callable(self.on_event):
            raise ParameterTypeError(f"on_event must be a function of one event, not {self.on_event!r}.")
        if self.backend not in BACKENDS:
            raise ParameterError(f"backend must be one of {', '.join(BACKENDS)}, not {self.backend!r}.")
        if self.address is not None and self.backend != "dask":
            raise ParameterError('An address is that of a Dask scheduler: give backend="dask", too.')


def _check_environments(slot_env: Any) -> None:
    if slot_env is None:
        return
    entries = list(slot_env) if isinstance(slot_env, Sequence) and not isinstance(slot_env, str) else []
    if not entries or not all(isinstance(entry, Mapping) for entry in entries):
        raise ParameterTypeError(
            f'slot_env must be a list of dicts, e.g. [{{"CUDA_VISIBLE_DEVICES": "0"}}], not {slot_env!r}.'
        )
    for entry in entries:
        for name, value in entry.items():
            if not isinstance(name, str) or not isinstance(value, str) or not name or "=" in name:
                raise ParameterTypeError(
                    f"slot_env holds names and values of environment variables, both texts, not {name!r}: {value!r}."
                )


#: Names of the options, as keywords of ``run_all`` and in a batch file.
OPTION_NAMES = tuple(RunOptions.__dataclass_fields__)


def check_options(options: Mapping[str, Any]) -> RunOptions:
    """Return the options of a ``run_all``.

    Raises
    ------
    ParameterTypeError, ParameterError
        Names an option that does not exist, or has a value that is not allowed.
    """
    known = ("n_jobs", *OPTION_NAMES)  # the number of jobs is an argument of its own
    for name in options:
        if name not in OPTION_NAMES:
            raise ParameterTypeError(
                f"There is no option {name!r}.{suggest(name, known)} There are: {', '.join(known)}."
            )
    return RunOptions(**options)


def count_jobs(n_jobs: Any, options: RunOptions | None = None) -> int:
    """Return how many runs go at a time on this machine, as joblib counts: -1 is all cores, -2 all but one.

    Raises
    ------
    ParameterTypeError, ParameterError
        Not a whole number, or 0.
    """
    import joblib

    from ..base.checks import check_integer

    if check_integer("n_jobs", n_jobs) == 0:
        raise ParameterError("n_jobs must not be 0: 1 is one run at a time, -1 one on each core.")
    if options is not None and options.backend == "dask":
        return int(n_jobs)  # counted where the cluster is known
    if options is not None and options.slot_env and n_jobs == -1:
        return len(options.slot_env)
    return int(joblib.effective_n_jobs(n_jobs))
