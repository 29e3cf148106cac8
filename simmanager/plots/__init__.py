"""Figures of a batch: ``ax=None`` in, ``ax`` out; readable in print and by the colour-blind."""

from .curves import plot_curves
from .metric import plot_metric
from .rate_maps import plot_rate_maps
from .run_squares import plot_status
from .sweep import plot_sweep
from .timeline import plot_timeline
from .trajectories import plot_trajectories

__all__ = [
    "plot_curves",
    "plot_metric",
    "plot_rate_maps",
    "plot_status",
    "plot_sweep",
    "plot_timeline",
    "plot_trajectories",
]
