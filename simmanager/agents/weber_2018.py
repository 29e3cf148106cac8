"""Grid, band and place cells from excitatory and inhibitory plasticity.

Weber and Sprekeler, "Learning place cells, grid cells and invariances with excitatory and inhibitory plasticity",
eLife 2018, https://doi.org/10.7554/eLife.34560.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from ..base.errors import ParameterError
from ..base.public import public
from ..training.arrays import FloatArray
from ..training.parameters import Pair, another_name, flag, generator, integer, number, pair, parameter
from .agent_core import AgentCore
from .grid import Grid, OnGrid
from .rate_map_plot import draw_map, new_axes, save_figure_of
from .tuning_curves import GaussianCells, InputCells, TabulatedCells

if TYPE_CHECKING:
    from matplotlib.axes import Axes


#: Centres of tuning curves lie up to this fraction of the room outside it, against border effects.
_MARGIN = 0.2
#: Initial weights differ by up to this fraction from we_init and wi_init.
_SPREAD = 0.05


@public("simmanager.agents")
class Weber2018(OnGrid, AgentCore):
    """One output neuron that learns where to fire, driven by place-tuned excitation and inhibition.

    The output rate is the weighted sum of excitatory rates minus that of inhibitory rates (equation 1).
    Excitatory weights change by a Hebbian rule (equation 2) and keep their norm; inhibitory
    weights drive the output to a target rate (equation 3). The inputs are sums of Gaussians (equation 12). Values for
    the parameters are in Tables 1 and 2 of the paper. Each place is represented by the nearest point of a grid.

    Attributes
    ----------
    we, wi : ndarray, (Ne,), (Ni,)
        Weights.
    init_we_sum : float
        Norm that the excitatory weights keep.
    exc_cell_list, inh_cell_list : ndarray, (Ne, n_places), (Ni, n_places)
        Tuning curves, made when asked for (392 MB at the default size); can be assigned.
    resolution_width, resolution_depth : int
        Grid points in x and in y; n_places is their product.
    grad_history : list of float
        Norm of all weight changes of each update.
    global_steps : int
        Number of updates.
    """

    # The constructor of this model calls by the other name what all agents call agent_name.
    agent_name: str = parameter(
        "A name for this agent", default="ExcitInhibitoryplastic", kind="str", alias="model_name", kw_only=False
    )
    agent_step_size: float = 0.1
    etaexc: float = number("Learning rate of the excitatory weights", default=2e-4, minimum=0)
    etainh: float = number("Learning rate of the inhibitory weights", default=8e-4, minimum=0)
    Ne: int = integer("Number of excitatory cells", default=4900, minimum=1)
    Ni: int = integer("Number of inhibitory cells", default=1225, minimum=1)
    Nef: int = integer("Gaussians in the tuning of each excitatory cell", default=1, minimum=1)
    Nif: int = integer("Gaussians in the tuning of each inhibitory cell", default=1, minimum=1)
    alpha_i: float = number("Height of the inhibitory Gaussians", default=1, minimum=0)
    alpha_e: float = number("Height of the excitatory Gaussians", default=1, minimum=0)
    we_init: float = number(
        "Mean of the initial excitatory weights\nThey differ from it by up to 5%.", default=1.0, minimum=0
    )
    wi_init: float = number(
        "Mean of the initial inhibitory weights\nThey differ from it by up to 5%.", default=1.5, minimum=0
    )
    sigma_exc: Pair = pair(
        "Standard deviation of the excitatory Gaussians in x and y", default=(0.05, 0.05), unit="room widths", above=0
    )
    sigma_inh: Pair = pair(
        "Standard deviation of the inhibitory Gaussians in x and y", default=(0.1, 0.1), unit="room widths", above=0
    )
    ro: float = number("Target rate (rho_0)", default=1)
    room_width: float = number("Size of the room in x", default=20.0, above=0)
    room_depth: float = number("Size of the room in y", default=20.0, above=0)
    resolution: int = integer(
        "Grid points in x\nIn y there are as many as the shape of the room asks for.", default=100, minimum=1
    )
    disable_tqdm: bool = flag("Without effect: nothing here takes long enough for a progress bar", default=False)
    _model_name: str | None = another_name("model_name", alias="agent_name", default=None)
    rng: np.random.Generator = generator("Source of randomness", default=None)
    rectify: bool = flag(
        "Whether a negative output rate is 0, the [.]_+ of the paper's equation 1\n"
        "If not, a negative rate at a single place stays, as it does in NeuralPlayground.",
        default=False,
    )
    record_weight_changes: bool = flag(
        "Whether `update` also returns all weight changes, as NeuralPlayground's does", default=False
    )
    _one_by_one: ClassVar[tuple[str, ...]] = ("act", "update")
    _not_pickled: ClassVar[tuple[str, ...]] = ("_zeros",)

    def _derive(self) -> None:
        """Lay out the places and draw the cells."""
        super()._derive()
        self.mod_kwargs["agent_step_size"] = self.agent_step_size
        self.resolution_width = self.resolution
        self.resolution_depth = int(self.resolution * (self.room_depth / self.room_width))
        if self.resolution_depth < 1:
            room = f"{self.room_width!r} x {self.room_depth!r}"
            raise ParameterError(f"resolution {self.resolution} is too low for a room of {room}.")
        self._grid = Grid(self.room_width, self.room_depth, self.resolution_width, self.resolution_depth)
        self.x_array, self.y_array = self._grid.x_array, self._grid.y_array
        self.reset()

    def reset(self) -> None:
        """Draw new weights and tuning curves and forget the rest; the random generator goes on where it was."""
        super().reset()
        self.grad_history: list[float] = []
        self.wi = self.rng.uniform((1 - _SPREAD) * self.wi_init, (1 + _SPREAD) * self.wi_init, self.Ni)
        self.we = self.rng.uniform((1 - _SPREAD) * self.we_init, (1 + _SPREAD) * self.we_init, self.Ne)
        self._inh: InputCells = self.generate_tuning_curves(self.Ni, self.sigma_inh, self.Nif, self.alpha_i)
        self._exc: InputCells = self.generate_tuning_curves(self.Ne, self.sigma_exc, self.Nef, self.alpha_e)
        self.init_we_sum = float(np.sqrt(np.sum(self.we**2)))
        self._make_not_pickled()

    def _make_not_pickled(self) -> None:
        """Make zeros to compare the weights with: NumPy compares with a number in more than twice the time."""
        self._zeros = np.zeros(self.Ne), np.zeros(self.Ni)

    def generate_tuning_curves(self, n_curves: int, cov_scale: Pair, Nf: int, alpha: float) -> GaussianCells:
        """Draw cells with random centres, uniformly over the room and 20% beyond.

        Parameters
        ----------
        n_curves, Nf : int
            Number of cells, and of Gaussians in each.
        cov_scale : two floats
            Standard deviation in x and in y, in units of ``room_width``.
        alpha : float
            Height of each Gaussian.
        """
        reach = (1 + _MARGIN) / 2 * np.array((self.room_width, self.room_depth))
        centres = self.rng.uniform(-reach, reach, size=(n_curves, Nf, 2))
        sigma = (cov_scale[0] * self.room_width, cov_scale[1] * self.room_width)
        return GaussianCells(self._grid, centres, sigma, alpha)

    @property
    def exc_cell_list(self) -> FloatArray:
        """Tuning curves of the excitatory cells, (Ne, n_places), made when asked for unless they were assigned."""
        return self._exc.curves()

    @exc_cell_list.setter
    def exc_cell_list(self, curves: npt.ArrayLike) -> None:
        self._exc = TabulatedCells(curves, self.Ne, self.resolution_width * self.resolution_depth)

    @property
    def inh_cell_list(self) -> FloatArray:
        """Tuning curves of the inhibitory cells, (Ni, n_places), made when asked for unless they were assigned."""
        return self._inh.curves()

    @inh_cell_list.setter
    def inh_cell_list(self, curves: npt.ArrayLike) -> None:
        self._inh = TabulatedCells(curves, self.Ni, self.resolution_width * self.resolution_depth)

    @property
    def exc_rates_functions(self) -> list[list[list[FloatArray]]]:
        """For each excitatory cell a list of [centre, covariance]; empty if its curves were assigned."""
        return self._exc.functions()

    @property
    def inh_rates_functions(self) -> list[list[list[FloatArray]]]:
        """For each inhibitory cell a list of [centre, covariance]; empty if its curves were assigned."""
        return self._inh.functions()

    def _place(self, pos: Any) -> int:
        x, y = pos.tolist() if type(pos) is np.ndarray else pos
        return self._grid.nearest(x, y)

    def get_rates(self, cell_list: FloatArray, pos: npt.ArrayLike) -> FloatArray:
        """Return the rates of cells with tuning curves (n_cells, n_places) at a position, (n_cells,), at least 0."""
        return np.maximum(cell_list[:, self._place(pos)], 0)

    def get_output_rates(self, pos: npt.ArrayLike) -> float:
        """Return the rate of the output neuron at a position, (2,) (equation 1; see ``rectify``)."""
        place = self._place(pos)
        return self._output(self._exc.rates(place), self._inh.rates(place))

    def _output(self, exc: FloatArray, inh: FloatArray) -> float:
        rate = float(self.we.dot(exc) - self.wi.dot(inh))
        return max(rate, 0.0) if self.rectify else rate

    def get_full_output_rate(self) -> FloatArray:
        """Return the rate of the output neuron at all places, (n_places,), none of them negative.

        (As in NeuralPlayground they all have the largest rate if that is negative, unless ``rectify``.)
        """
        rates = self._exc.sum_over_cells(self.we) - self._inh.sum_over_cells(self.wi)
        highest = rates.max()
        return np.clip(rates, 0, max(highest, 0.0) if self.rectify else highest)

    def get_rate_map_matrix(self) -> FloatArray:
        """Return the rate of the output neuron at all places, (resolution_width, resolution_depth)."""
        return self.get_full_output_rate().reshape(self.resolution_width, self.resolution_depth)

    def summary_arrays(self) -> dict[str, FloatArray]:
        """Return what a figure of this agent shows, for the summary of a run.

        Returns
        -------
        dict
            ``"maps:output rate"``: rate of the output neuron at all places, (1, resolution_depth, resolution_width),
            the lowest x and y first; ``"extent:output rate"``: x_min, x_max, y_min, y_max.
        """
        rates = self.get_rate_map_matrix().T[::-1]
        return {"maps:output rate": rates[np.newaxis], "extent:output rate": self._grid.extent}

    def update(self, exc_normalization: bool = True, pos: npt.ArrayLike | None = None) -> dict[str, Any] | None:
        """Change the weights at one position (equations 2 and 3).

        Parameters
        ----------
        exc_normalization : bool
            True (default): the excitatory weights keep their norm.
        pos : array of shape (2,), optional
            x and y; by default the latest observation.

        Returns
        -------
        dict or None
            ``delta_we_norm``, ``delta_wi_norm``: norms of the weight changes; ``output_rate``. With
            ``record_weight_changes`` also ``delta_we`` (Ne,) and ``delta_wi`` (Ni,). None if there
            is no position.
        """
        if pos is None:
            pos = self.obs_history[-1] if self.obs_history else ()
        if len(pos) == 0:  # type: ignore[arg-type]
            return None
        return self._learn(self._place(pos), exc_normalization)

    def _learn(self, place: int, exc_normalization: bool = True) -> dict[str, Any]:
        exc, inh = self._exc.rates(place), self._inh.rates(place)
        rate = self._output(exc, inh)
        delta_we = np.multiply(exc, self.etaexc * rate, out=exc)
        delta_wi = np.multiply(inh, self.etainh * (rate - self.ro), out=inh)
        self._change_weights(delta_we, delta_wi, exc_normalization)
        exc_change, inh_change = float(delta_we.dot(delta_we)), float(delta_wi.dot(delta_wi))
        self.grad_history.append(math.sqrt(exc_change + inh_change))
        self.global_steps += 1
        record: dict[str, Any] = {
            "delta_we_norm": math.sqrt(exc_change),
            "delta_wi_norm": math.sqrt(inh_change),
            "output_rate": rate,
        }
        if self.record_weight_changes:
            record |= {"delta_we": delta_we, "delta_wi": delta_wi}
        return record

    def update_block(self, observations: FloatArray) -> dict[str, FloatArray] | None:
        """Change the weights at one observation after the other, as `AgentCore.update_block` does."""
        super().update_block(observations)
        records = [self._learn(self._grid.nearest(x, y)) for x, y in observations.tolist()]
        return {name: np.array([record[name] for record in records]) for name in records[0]}

    def _change_weights(self, delta_we: FloatArray, delta_wi: FloatArray, exc_normalization: bool) -> None:
        """Add the changes, bring the excitatory weights to their norm, and make negative weights 0."""
        we, wi = self.we + delta_we, self.wi + delta_wi
        if exc_normalization:
            we *= self.init_we_sum / math.sqrt(we.dot(we))
        self.we, self.wi = np.maximum(we, self._zeros[0], out=we), np.maximum(wi, self._zeros[1], out=wi)

    def full_update(self, exc_normalization: bool = True) -> None:
        """Run `update` once at each place, in order."""
        for pos in self.xy_combinations:
            self.update(exc_normalization=exc_normalization, pos=pos)

    def full_average_update(self, exc_normalization: bool = True) -> None:
        """Change the weights once, by the average of the changes at all places."""
        rates = self.get_full_output_rate()
        delta_we = self.etaexc / len(rates) * self._exc.sum_over_places(rates)
        delta_wi = self.etainh / len(rates) * self._inh.sum_over_places(rates - self.ro)
        self._change_weights(delta_we, delta_wi, exc_normalization)

    def plot_rate_map(self, save_path: str | Path | None = None, ax: Axes | None = None) -> Any:
        """Plot the rate of the output neuron, x to the right, y upwards, and return the axes.

        Parameters
        ----------
        save_path : path, optional
            Save the figure there.
        ax : matplotlib Axes, optional
            Where to draw; by default a new figure.
        """
        ax = new_axes() if ax is None else ax
        draw_map(self.get_rate_map_matrix().T, ax, "Out rate")
        save_figure_of(ax, save_path)
        return ax

    def plot_all_rates(self, save_path: str | Path | None = None, ax: Sequence[Axes] | None = None) -> Any:
        """Plot the first excitatory cell, the first inhibitory cell and the output neuron, as `plot_rate_map` does.

        ``ax`` is a sequence of three axes, as is what is returned.
        """
        axes = new_axes(3, figsize=(14, 5)) if ax is None else ax
        places = self.resolution_width, self.resolution_depth
        exc, inh = self._exc.sum_over_cells(np.eye(1, self.Ne)[0]), self._inh.sum_over_cells(np.eye(1, self.Ni)[0])
        draw_map(exc.reshape(places).T, axes[0], "Exc rates")
        draw_map(inh.reshape(places).T, axes[1], "Inh rates")
        draw_map(self.get_rate_map_matrix().T, axes[2], "Out rate")
        save_figure_of(axes, save_path)
        return axes
