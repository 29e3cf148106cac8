"""What a successor matrix says about the room: transitions, maps of grid cells, and their figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..base.checks import check_integer
from ..base.errors import ParameterError
from ..training.arrays import FloatArray
from . import successor_matrix
from .grid import OnGrid
from .rate_map_plot import draw_map, new_axes, save_figure_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes


#: Eigenvectors in a summary, and the largest number of states of which it has any (they take about a second there).
_N_MAPS, _MAX_STATES_MAPPED = 16, 1000


class SuccessorMaps(OnGrid):
    """The part of `Stachenfeld2018` that looks at what was learned, and changes nothing."""

    if TYPE_CHECKING:  # what the agent has
        n_state: int
        width: int
        depth: int
        gamma: float
        srmat: FloatArray
        transmat_norm: FloatArray

        def successor_rep_solution(self) -> FloatArray: ...  # noqa: D102

    def get_T_from_M(self, M: FloatArray) -> FloatArray:
        """Return the transition matrix that belongs to a successor matrix: T = M^-1 (M - I) / gamma.

        Raises
        ------
        ParameterError
            ``discount`` is 0: M then says nothing about T.
        """
        if self.gamma == 0:
            raise ParameterError("With discount 0 the transition matrix cannot be computed from srmat.")
        return successor_matrix.transitions_of(M, self.gamma)

    def get_rate_map_matrix(self, sr_matrix: FloatArray | None = None, eigen_vector: int = 10) -> FloatArray:
        """Return an eigenvector of a successor matrix as a map of the room, the model's grid cell.

        Parameters
        ----------
        sr_matrix : ndarray, (n_state, n_state), optional
            By default the closed form, `successor_rep_solution`.
        eigen_vector : int
            Which one, in [0, n_state), from the largest eigenvalue on. Default 10. (NeuralPlayground
            counts in whatever order LAPACK gives them.)

        Returns
        -------
        ndarray, (width, depth)
            Real part; the sign is such that the largest element is positive.
        """
        which = check_integer("eigen_vector", eigen_vector, minimum=0, maximum=self.n_state - 1)
        matrix = self.successor_rep_solution() if sr_matrix is None else sr_matrix
        (vector,) = successor_matrix.eigenvectors(matrix, slice(which, which + 1))
        rates: FloatArray = vector.reshape(self.width, self.depth)
        return rates

    def summary_arrays(self) -> dict[str, FloatArray]:
        """Return what a figure of this agent shows, for the summary of a run.

        Returns
        -------
        dict
            ``"maps:eigenvectors"``: the 16 leading eigenvectors of the learned M = ``srmat.T``, the model's grid cells,
            (n_maps, depth, width), the lowest x and y first; ``"extent:eigenvectors"``: x_min, x_max, y_min, y_max.
            Empty for more than 1,000 states, which take too long.
        """
        if self.n_state > _MAX_STATES_MAPPED:
            return {}
        vectors = successor_matrix.eigenvectors(self.srmat.T, slice(_N_MAPS))
        maps = vectors.reshape(-1, self.width, self.depth).transpose(0, 2, 1)[:, ::-1]
        return {"maps:eigenvectors": maps, "extent:eigenvectors": self._grid.extent}

    def plot_rate_map(
        self,
        sr_matrix: FloatArray | None = None,
        eigen_vectors: int | Sequence[int] | None = None,
        ax: Axes | Sequence[Axes] | None = None,
        save_path: str | Path | None = None,
    ) -> Any:
        """Plot one or several eigenvectors as maps of the room, x to the right, y upwards, and return the axes.

        Parameters
        ----------
        sr_matrix : ndarray, optional
            As in `get_rate_map_matrix`.
        eigen_vectors : int or sequence of int, optional
            Which ones; by default number 10, or the last one if there are fewer. A sequence returns a sequence of axes.
        ax : matplotlib Axes, or a sequence of one for each eigenvector, optional
            By default those of a new figure.
        save_path : path, optional
            Save the figure there.
        """
        if eigen_vectors is None:
            eigen_vectors = min(10, self.n_state - 1)
        several = not isinstance(eigen_vectors, int | np.integer)
        chosen: list[int] = list(eigen_vectors) if several else [eigen_vectors]  # type: ignore[arg-type, list-item]
        if ax is None:
            ax = new_axes(len(chosen), figsize=(4 * len(chosen), 5))
        axes: list[Any] = list(np.ravel(np.array(ax, dtype=object)))
        if len(axes) < len(chosen):
            raise ParameterError(f"ax must hold one for each of the {len(chosen)} eigenvectors, not {len(axes)}.")
        for axis, which in zip(axes, chosen, strict=False):
            rates = self.get_rate_map_matrix(sr_matrix, which)
            draw_map(rates.T, axis, f"Rate map: Eig{which}")
        save_figure_of(axes, save_path)
        return axes if several else axes[0]

    def plot_transition(
        self,
        T: FloatArray | None = None,
        save_path: str | Path | None = None,
        ax: Sequence[Axes] | None = None,
    ) -> Any:
        """Plot the transition matrix of the room beside another one, and return the two axes.

        Parameters
        ----------
        T : ndarray, (n_state, n_state), optional
            The other one; by default what ``srmat`` implies: `get_T_from_M` of its transpose.
        save_path : path, optional
            Save the figure there.
        ax : sequence of two matplotlib Axes, optional
            By default those of a new figure.
        """
        matrix = self.get_T_from_M(self.srmat.T) if T is None else T  # M is the transpose of srmat
        axes = new_axes(2, figsize=(14, 5)) if ax is None else ax
        label = "State occupancy"
        draw_map(self.transmat_norm, axes[0], "Transition matrix", "states", "states", label)
        draw_map(matrix, axes[1], "Transition calculated from SR matrix", "states", "states", label)
        save_figure_of(axes, save_path)
        return axes
