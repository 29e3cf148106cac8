"""The keywords of ``run_all``, checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .errors import ParameterTypeError, suggest
from .executor import RunOptions
from .executor import count_jobs as count_jobs

#: Names of the options, as keywords of ``run_all`` and in a batch file.
OPTION_NAMES = tuple(RunOptions.__dataclass_fields__)


def check_options(options: Mapping[str, Any]) -> RunOptions:
    """Return the options of a ``run_all``.

    Raises
    ------
    ParameterTypeError, ParameterError
        Names an option that does not exist, or has a value that is not allowed.
    """
    for name in options:
        if name not in OPTION_NAMES:
            raise ParameterTypeError(
                f"There is no option {name!r}.{suggest(name, OPTION_NAMES)} There are: {', '.join(OPTION_NAMES)}."
            )
    return RunOptions(**options)
