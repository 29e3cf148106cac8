"""The input cells of a model: how each fires at each place of a grid."""

from __future__ import annotations

import sys
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ..base.errors import ParameterError
from ..base.public import public
from ..training.arrays import FloatArray
from .grid import Grid


@public("simmanager.agents")
class GaussianCells:
    """Cells whose tuning is a sum of Gaussians with a diagonal covariance.

    Such a Gaussian is a product of one in x and one in y (equation 12 of Weber and Sprekeler 2018), so two small
    tables, one for each axis, hold what takes n_cells x n_places numbers otherwise. They are not pickled but made again
    from the centres, (n_cells, n_gaussians, 2), the standard deviations in x and y, and the height of each Gaussian.
    """

    def __init__(self, grid: Grid, centres: FloatArray, sigma: tuple[float, float], height: float) -> None:
        self.grid, self.centres, self.sigma, self.height = grid, centres, sigma, height
        self._make_tables()

    def _make_tables(self) -> None:
        n_cells, n_gaussians, _ = self.centres.shape
        self._shape = (n_gaussians, n_cells)
        # Place first: what is looked up, all cells at one place, is then contiguous.
        self._x = self._table(self.grid.x_array, 0)
        self._x *= self.height
        self._y = self._table(self.grid.y_array, 1)

    def _table(self, places: FloatArray, axis: int) -> FloatArray:
        centres = self.centres[:, :, axis].T.reshape(1, -1)
        table: FloatArray = places[:, np.newaxis] - centres  # what follows changes it in place: it has megabytes
        table /= self.sigma[axis]
        np.square(table, out=table)
        table *= -0.5
        return np.exp(table, out=table)

    def rates(self, place: int) -> FloatArray:
        """Rate of each cell at one place, (n_cells,)."""
        ix, iy = divmod(place, self.grid.n_depth)
        return self._add_gaussians(self._x[ix] * self._y[iy])

    def _add_gaussians(self, values: FloatArray) -> FloatArray:
        if self._shape[0] == 1:
            return values
        summed: FloatArray = values.reshape(self._shape).sum(axis=0)
        return summed

    def curves(self) -> FloatArray:
        """Rate of each cell at each place, (n_cells, n_places)."""
        n_gaussians, n_cells = self._shape
        result = np.zeros((n_cells, self.grid.n_width, self.grid.n_depth))
        for j in range(n_gaussians):
            part = slice(j * n_cells, (j + 1) * n_cells)
            result += self._x[:, part].T[:, :, np.newaxis] * self._y[:, part].T[:, np.newaxis, :]
        return result.reshape(n_cells, -1)

    def sum_over_cells(self, weights: FloatArray) -> FloatArray:
        """Weighted sum of the cells at each place, (n_places,)."""
        return ((self._x * np.tile(weights, self._shape[0])) @ self._y.T).ravel()

    def sum_over_places(self, values: FloatArray) -> FloatArray:
        """For each cell, its rates times ``values`` summed over all places, (n_cells,)."""
        along_y = values.reshape(self.grid.n_width, self.grid.n_depth) @ self._y
        return self._add_gaussians((self._x * along_y).sum(axis=0))

    def functions(self) -> list[list[list[FloatArray]]]:
        """Return for each cell a list of [centre (2,), covariance (2, 2)], as NeuralPlayground keeps them."""
        covariance = np.diag(np.square(self.sigma))
        return [[[centre, covariance] for centre in cell] for cell in self.centres]

    def __getstate__(self) -> dict[str, object]:
        return {"grid": self.grid, "centres": self.centres, "sigma": self.sigma, "height": self.height}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update({sys.intern(name): value for name, value in state.items()})
        self._make_tables()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, GaussianCells):
            return NotImplemented
        mine, theirs = (self.grid, self.sigma, self.height), (other.grid, other.sigma, other.height)
        return mine == theirs and np.array_equal(self.centres, other.centres)

    __hash__ = None  # type: ignore[assignment]


class TabulatedCells:
    """Cells whose tuning curves, (n_cells, n_places), were given."""

    def __init__(self, curves: npt.ArrayLike, n_cells: int, n_places: int) -> None:
        self._curves = np.array(curves, dtype=np.float64)
        if self._curves.shape != (n_cells, n_places):
            raise ParameterError(f"Tuning curves must be ({n_cells}, {n_places}), not {self._curves.shape}.")

    def rates(self, place: int) -> FloatArray:
        """Rate of each cell at one place, (n_cells,); negative ones are 0, as in NeuralPlayground."""
        return np.maximum(self._curves[:, place], 0)

    def curves(self) -> FloatArray:
        """Rate of each cell at each place, (n_cells, n_places)."""
        return self._curves

    def sum_over_cells(self, weights: FloatArray) -> FloatArray:
        """Weighted sum of the cells at each place, (n_places,)."""
        return weights @ self._curves

    def sum_over_places(self, values: FloatArray) -> FloatArray:
        """For each cell, its rates times ``values`` summed over all places, (n_cells,)."""
        return self._curves @ values

    def functions(self) -> list[list[list[FloatArray]]]:
        """Return an empty list: they are not known."""
        return []

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TabulatedCells) and np.array_equal(self._curves, other._curves)

    __hash__ = None  # type: ignore[assignment]


#: What a model can have as input.
InputCells: TypeAlias = GaussianCells | TabulatedCells
