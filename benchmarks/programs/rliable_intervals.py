"""Intervals of rliable, of normal samples. Arguments: experiments, runs, seed, statistic, level, resamples."""

from __future__ import annotations

from typing import Any

import numpy as np
from rliable import library, metrics
from tell import answer, arguments


def main() -> None:
    """Compute them and tell."""
    given = arguments()
    aggregate: Any = {"iqm": metrics.aggregate_iqm, "mean": metrics.aggregate_mean}[given["statistic"]]
    samples = np.random.default_rng(given["seed"]).normal(size=(given["experiments"], given["runs"], 1))
    scores = {str(number): values for number, values in enumerate(samples)}
    _, intervals = library.get_interval_estimates(
        scores,
        lambda runs: np.array([aggregate(runs)]),
        reps=given["resamples"],
        confidence_interval_size=given["level"],
        random_state=np.random.RandomState(given["seed"]),
    )
    answer(low=[float(one[0, 0]) for one in intervals.values()], high=[float(one[1, 0]) for one in intervals.values()])


if __name__ == "__main__":
    main()
