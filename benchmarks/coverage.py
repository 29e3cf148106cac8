"""Whether an interval over few runs holds the truth as often as its level says."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
from scipy import stats

from simmanager.analysis import confidence_interval, difference, holm, probability_interval

from . import peers
from .harness import OURS, Record, Settings, at_least, at_most, main, run_program, say

#: Experiments with intervals in closed form, with a bootstrap, with rliable, and of several simulations.
SIZES = {"full": (20_000, 2_000, 400, 1_000), "quick": (4_000, 300, 60, 200), "tiny": (50, 4, 2, 4)}

#: Runs of each experiment.
RUNS = (3, 5, 10, 20)

LEVEL, RESAMPLES = 0.95, 1000

Draw = Callable[[np.random.Generator, Any], Any]

DISTRIBUTIONS: dict[str, Draw] = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "lognormal": lambda rng, shape: rng.lognormal(size=shape),
    "uniform": lambda rng, shape: rng.random(shape),
    "t3": lambda rng, shape: rng.standard_t(3, size=shape),
}

#: Mean and median of each; that of the IQM is measured on many values.
_MEANS = {"normal": 0.0, "lognormal": float(np.exp(0.5)), "uniform": 0.5, "t3": 0.0}
_MEDIANS = {"normal": 0.0, "lognormal": 1.0, "uniform": 0.5, "t3": 0.0}

#: Least share of intervals at level 0.95 that hold the truth, for each statistic and the distributions it is meant for.
_LEAST = {"iqm": 0.91, "mean": 0.92, "median": 0.93}

_COMPARED = """\
Experiments are drawn from known distributions: the share of 95% intervals that hold the true value should be 0.95.
simmanager: `confidence_interval` as `compare` and the figures use it. "bootstrap, percentile": `method="bootstrap"`,
what rliable computes. "bootstrap, BCa": `scipy.stats.bootstrap`. The mean of a lognormal is left out of the targets: no
interval of few values holds it. Then: six equal simulations with five runs each, compared in all 15 pairs, and how many
experiments find a difference that is not there."""


def measure(settings: Settings) -> Record:
    """Measure the coverage of intervals, and false differences."""
    record = Record("coverage", "intervals over few runs", _COMPARED, settings.size)
    many, some, few, together = SIZES[settings.size]
    rng = np.random.default_rng(2)
    for statistic in _LEAST:
        for n in RUNS:
            say(f"coverage: {statistic} of {n} runs")
            worst = min(_share(rng, kind, statistic, n, many, "t") for kind in _meant_for(statistic))
            words = f"{statistic} of {n} runs, worst of the distributions"
            record.add(OURS, words, "share", [worst])
            record.judge(words, "of intervals", [worst], at_least(_LEAST[statistic]))
            worst = min(_share(rng, kind, statistic, n, some, "bootstrap") for kind in _meant_for(statistic))
            record.add("bootstrap, percentile", words, "share", [worst])
    for n in RUNS:
        record.add("bootstrap, BCa", f"mean of {n} runs, normal", "share", [_of_scipy(rng, n, some // 4)])
    if peers.present(peers.RLIABLE, settings, record):
        for n in RUNS:
            record.add(peers.RLIABLE.name, f"iqm of {n} runs, normal", "share", [_of_rliable(rng, n, few)])
    _false_differences(record, rng, together)
    _probabilities(record, rng, together)
    record.notes.append("The distributions: normal, uniform, t3, and lognormal but for the mean.")
    return record


def _meant_for(statistic: str) -> list[str]:
    return [kind for kind in DISTRIBUTIONS if statistic != "mean" or kind != "lognormal"]


def truth(kind: str, statistic: str) -> float:
    """Return the true value of a statistic of a distribution."""
    if statistic == "mean":
        return _MEANS[kind]
    if statistic == "median":
        return _MEDIANS[kind]
    values = np.sort(DISTRIBUTIONS[kind](np.random.default_rng(0), 4_000_000))
    return float(values[1_000_000:3_000_000].mean())


def _share(rng: np.random.Generator, kind: str, statistic: Any, n: int, experiments: int, method: Any) -> float:
    values = DISTRIBUTIONS[kind](rng, (n, experiments))
    low, high = confidence_interval(values, statistic, LEVEL, method, RESAMPLES)
    true = truth(kind, statistic)
    return float(((low <= true) & (true <= high)).mean())


def _of_scipy(rng: np.random.Generator, n: int, experiments: int) -> float:
    values = rng.normal(size=(max(experiments, 2), n))
    found = stats.bootstrap((values,), np.mean, axis=-1, n_resamples=RESAMPLES, rng=rng).confidence_interval
    return float(((found.low <= 0) & (found.high >= 0)).mean())


def _of_rliable(rng: np.random.Generator, n: int, experiments: int) -> float:
    shape = {"experiments": experiments, "runs": n, "seed": int(rng.integers(1 << 31))}
    found = run_program(
        peers.RLIABLE.python, "rliable_intervals", **shape, statistic="iqm", level=LEVEL, resamples=RESAMPLES
    )
    return float(((np.array(found["low"]) <= 0) & (np.array(found["high"]) >= 0)).mean())


def _false_differences(record: Record, rng: np.random.Generator, experiments: int) -> None:
    """Count the experiments in which six equal simulations seem to differ."""
    for kind in DISTRIBUTIONS:
        say(f"coverage: six equal simulations, {kind}")
        by_p, by_interval, plain = 0, 0, 0
        for batch in DISTRIBUTIONS[kind](rng, (experiments, 6, 5)):
            pairs = list(combinations(batch, 2))
            found = [difference(a, b, statistic="iqm", level=1 - (1 - LEVEL) / len(pairs)) for a, b in pairs]
            by_p += bool((holm([one.p for one in found]) < 1 - LEVEL).any())
            by_interval += any(one.low > 0 or one.high < 0 for one in found)
        for batch in DISTRIBUTIONS[kind](rng, (experiments // 4, 6, 5)):
            each = [difference(a, b, False, "iqm", LEVEL, "bootstrap", 300) for a, b in combinations(batch, 2)]
            plain += any(one.low > 0 or one.high < 0 for one in each)
        words = f"six equal simulations of five runs ({kind}): experiments with a false difference"
        record.judge(words, "of experiments", [max(by_p, by_interval) / experiments], at_most(0.07))
        record.add(OURS, words, "share", [max(by_p, by_interval) / experiments])
        record.add("bootstrap, pair by pair", words, "share", [plain / max(experiments // 4, 1)])


def _probabilities(record: Record, rng: np.random.Generator, experiments: int) -> None:
    """Measure the coverage of the interval of the probability of improvement."""
    for n in RUNS:
        for shift in (0.0, 1.0, 2.0):
            true, held = stats.norm.cdf(shift / np.sqrt(2)), 0
            for a, b in rng.normal(size=(experiments, 2, n)) + np.array([shift, 0.0])[:, None]:
                low, high = probability_interval(a, b)
                held += low <= true <= high
            words = f"P(first > second) = {true:.2f}, {n} runs"
            record.add(OURS, words, "share", [held / experiments])
            record.judge(words, "of intervals", [held / experiments], at_least(0.93))


if __name__ == "__main__":
    main(measure)
