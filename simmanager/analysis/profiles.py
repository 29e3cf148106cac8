"""How scores are distributed over runs: performance profile and optimality gap."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..base.checks import check_number
from ..base.errors import ParameterError
from ..base.float_array import float_array
from ..base.public import public
from .arrays import FloatArray
from .bootstrap import LEVEL, N_RESAMPLES, bootstrap_interval


@public("simmanager.analysis")
def performance_profile(
    scores: npt.ArrayLike,
    thresholds: npt.ArrayLike,
    *,
    level: float = LEVEL,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
    strata: npt.ArrayLike | None = None,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the fraction of runs whose score is above each threshold, with a pointwise band.

    F(tau) = (1 / n) sum_i 1[x_i > tau]: the run-score distribution of Agarwal et al. 2021. Where the curve
    of one simulation is above that of another everywhere, its runs are stochastically better.

    Parameters
    ----------
    scores : array, (n_runs,)
        Higher is better. NaN stands for a run without a score, that has failed say: it is above no threshold, and is
        not left out.
    thresholds : array, (n_points,)
        In units of the scores.
    level, n_resamples, seed, strata
        Of the band, as in `bootstrap_interval`, runs without a score included.

    Returns
    -------
    profile, low, high : ndarray, each (n_points,)
        The band is NaN with fewer than three runs; all are NaN without runs.

    Raises
    ------
    ParameterError
        A shape is another one, or a parameter is out of range.

    References
    ----------
    Agarwal et al., NeurIPS 2021, https://arxiv.org/abs/2108.13264, section 4.2.
    """
    runs, places = _scores(scores), float_array(thresholds)
    if places.ndim != 1 or np.isnan(places).any():
        raise ParameterError("thresholds must be numbers, (n_points,).")
    above = (runs[:, np.newaxis] > places).astype(np.float64)
    low, high = bootstrap_interval(above, "mean", n_resamples, level, seed, strata)
    profile = above.mean(axis=0) if len(runs) else np.full(len(places), np.nan)
    return profile, low, high


@public("simmanager.analysis")
def optimality_gap(scores: npt.ArrayLike, gamma: float = 1.0) -> float:
    """Return by how much runs fall short of a score, on average; what they have beyond it counts for nothing.

    (1 / n) sum_i max(gamma - x_i, 0): of Agarwal et al. 2021, section 4.3, where scores are normalised and gamma = 1.

    Parameters
    ----------
    scores : array, (n_runs,)
        Higher is better; NaN is left out.
    gamma : float
        What is wanted. Default 1.

    Returns
    -------
    float
        At least 0, lower is better; NaN without a score.

    Raises
    ------
    ParameterError
        A shape is another one, or gamma is not finite.
    """
    check_number("gamma", gamma)
    runs = _scores(scores)
    known = runs[~np.isnan(runs)]
    return float(np.maximum(gamma - known, 0).mean()) if len(known) else np.nan


def _scores(scores: npt.ArrayLike) -> FloatArray:
    runs = float_array(scores)
    if runs.ndim != 1:
        raise ParameterError(f"scores must have the shape (n_runs,), not {runs.shape}.")
    return runs
