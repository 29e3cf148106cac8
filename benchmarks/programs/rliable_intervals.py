"""Intervals of rliable. Arguments: values (experiments x runs), statistic ("iqm" or "mean"), level, resamples."""

from __future__ import annotations

from typing import Any

import numpy as np
from rliable import library, metrics
from tell import answer, arguments


def main() -> None:
    """Compute them and tell."""
    given = arguments()
    aggregate: Any = {"iqm": metrics.aggregate_iqm, "mean": metrics.aggregate_mean}[given["statistic"]]
    scores = {str(number): np.array(values)[:, None] for number, values in enumerate(given["values"])}
    _, intervals = library.get_interval_estimates(
        scores,
        lambda runs: np.array([aggregate(runs)]),
        reps=given["resamples"],
        confidence_interval_size=given["level"],
        random_state=np.random.RandomState(1),
    )
    answer(low=[float(one[0, 0]) for one in intervals.values()], high=[float(one[1, 0]) for one in intervals.values()])


if __name__ == "__main__":
    main()
