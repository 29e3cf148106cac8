"""Numbers from arrays: rate maps, grid scores, tuning, learning curves, statistics over runs. No file, no batch."""

from .aggregates import STATISTICS, Statistic, interquartile_mean, mean, median
from .autocorrelogram import MIN_OVERLAP, spatial_autocorrelogram
from .bootstrap import LEVEL, N_RESAMPLES, bootstrap_interval
from .differences import Estimate, difference, holm, probability_interval, probability_of_improvement, runs_needed
from .grid_score import GridProperties, best_grid_score, grid_properties, grid_score
from .intervals import confidence_interval
from .learning_curves import area_under_curve, final_value, iterations_to_threshold, restricted_times
from .profiles import optimality_gap, performance_profile
from .rate_maps import occupancy, rate_map
from .spatial_tuning import FIELD_THRESHOLD, SMALLEST_FIELD, border_score, sparsity, spatial_information

__all__ = [
    "FIELD_THRESHOLD",
    "LEVEL",
    "MIN_OVERLAP",
    "N_RESAMPLES",
    "SMALLEST_FIELD",
    "STATISTICS",
    "Estimate",
    "GridProperties",
    "Statistic",
    "area_under_curve",
    "best_grid_score",
    "bootstrap_interval",
    "border_score",
    "confidence_interval",
    "difference",
    "final_value",
    "grid_properties",
    "grid_score",
    "holm",
    "interquartile_mean",
    "iterations_to_threshold",
    "mean",
    "median",
    "occupancy",
    "optimality_gap",
    "performance_profile",
    "probability_interval",
    "probability_of_improvement",
    "rate_map",
    "restricted_times",
    "runs_needed",
    "sparsity",
    "spatial_autocorrelogram",
    "spatial_information",
]
