"""What stands in the place of a result that could not be saved."""

from __future__ import annotations

from typing import NoReturn

from ..base.errors import PartNotSaved
from ..base.public import public


@public("simmanager")
class NotSaved:
    """In the place of the agent, arena or history of a finished run that could not be saved.

    `SingleSim.load_results` gives it, beside the parts that were saved. It is false, says why, and raises
    `PartNotSaved` when it is used as if it were the part.

    Parameters
    ----------
    part : str
        Name of the result: "agent", "arena" or "training_hist.dict".
    why : str
        What could not be pickled, and the error: ``"Agent.writer cannot be pickled (TypeError: ...)"``.
    """

    def __init__(self, part: str, why: str) -> None:
        self.part, self.why = part, why

    def __repr__(self) -> str:
        return f"<{self.part} not saved: {self.why}>"

    def __bool__(self) -> bool:
        return False

    def __getattr__(self, name: str) -> NoReturn:
        if name in ("part", "why") or (name.startswith("__") and name.endswith("__")):
            raise AttributeError(name)
        self._refuse()

    def __getitem__(self, key: object) -> NoReturn:
        self._refuse()

    def __call__(self, *_: object, **__: object) -> NoReturn:
        """Refuse to be used."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise PartNotSaved(
            f"The {self.part} of this run was not saved: {self.why}. Its other results are there. To have it, leave "
            "out what cannot be pickled (a __getstate__, or a method save_agent or save_environment), and run it again."
        )
