"""What the manager that runs a batch can be asked, from any process that may write in the batch's folder."""

from __future__ import annotations

from typing import Any

from ..base.errors import UnknownName, unknown
from ..disk.batch_folder import BatchFolder
from ..disk.orders import ask
from ..dispatch.run_options import OPTIONS
from .kept_options import keep_options

#: What is said if nobody runs the batch.
NO_MANAGER = "no manager is running this batch"


class AsksManager:
    """Asks the manager that runs a batch, in whatever process that is. Each call returns what the manager says.

    If none is running the batch, nothing is done, and that is said. `OrderNotAnswered` (a `TimeoutError`) is raised if
    the manager does not answer within some seconds: it is stopped, say, and will do it as soon as it can.
    """

    _folder: BatchFolder

    def pause(self, *, freeze: bool = False) -> str:
        """Let nothing new start until `resume`: the runs at hand end, and the manager stays.

        Parameters
        ----------
        freeze : bool, default False
            Stop the runs at hand, too, with all their processes (SIGSTOP): the cores are free at once, the memory is
            not. The time counts neither to timeouts nor to durations.

        Returns
        -------
        str
            What the manager says.
        """
        return self._ask("pause", freeze=bool(freeze))

    def jobs(self, n_jobs: int) -> str:
        """Let so many runs go at a time from now on; the batch keeps it for the next time, too.

        Parameters
        ----------
        n_jobs : int
            As for `SimulationManager.run_all`. If more are running, the first of them that end are not followed.

        Returns
        -------
        str
            What the manager says.

        Raises
        ------
        ParameterError
            It is no such number.
        """
        number = OPTIONS["n_jobs"].checked("n_jobs", n_jobs)
        with self._folder.held_or_beside() as batch:
            keep_options(batch, {"n_jobs": number})
        said = self._ask("jobs", n_jobs=number)
        return f"{said}; kept for the next one: {OPTIONS['n_jobs'].in_words(number)}" if said == NO_MANAGER else said

    def first(self, simulation_id: str) -> str:
        """Let the waiting runs of a simulation come before all others.

        Parameters
        ----------
        simulation_id : str
            Which.

        Returns
        -------
        str
            What the manager says.

        Raises
        ------
        UnknownName
            There is no such simulation.
        """
        known = self._folder.read_manifest().simulation_ids
        if simulation_id not in known:
            raise UnknownName(unknown("No simulation", simulation_id, known))
        return self._ask("first", simulation_id=simulation_id)

    def stop(self, *, now: bool = False) -> str:
        """Let nothing new start, and the manager end with the runs at hand.

        Parameters
        ----------
        now : bool, default False
            End the runs at hand, too; they will be interrupted.

        Returns
        -------
        str
            What the manager says.
        """
        return self._ask("stop", now=bool(now))

    def _ask(self, verb: str, **arguments: Any) -> str:
        self._folder.read_manifest()
        said = ask(self._folder.path, verb, **arguments)
        return NO_MANAGER if said is None else said
