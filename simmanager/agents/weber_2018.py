"""Grid, band and place cells from excitatory and inhibitory plasticity.

Weber and Sprekeler, "Learning place cells, grid cells and invariances with excitatory and inhibitory plasticity",
eLife 2018, https://doi.org/10.7554/eLife.34560.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..base.checks import check_flag, check_integer, check_number, refuse_unknown
from ..base.errors import ParameterError
from ..base.public import public
from ..training.model_state import check_pair
from .agent_core import AgentCore
from .grid import Grid
from .tuning_curves import GaussianCells, InputCells, TabulatedCells

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FloatArray = npt.NDArray[np.float64]

#: Centres of tuning curves lie up to this fraction of the room outside it, against border effects.
_MARGIN = 0.2
#: Initial weights differ by up to this fraction from we_init and wi_init.
_SPREAD = 0.05


@public("simmanager.agents")
class Weber2018(AgentCore):
    """One output neuron that learns where to fire, driven by place-tuned excitation and inhibition.

    The output rate is the weighted sum of excitatory rates minus that of inhibitory rates (equation 1).
    Excitatory weights change by a Hebbian rule (equation 2) and keep their norm; inhibitory
    weights drive the output to a target rate (equation 3). The inputs are sums of Gaussians (equation 12). Values for
    the parameters are in Tables 1 and 2 of the paper. Each place is represented by the nearest point of a grid.

    Parameters
    ----------
    model_name : str
        A name for this agent; ``agent_name`` is another word for it. Default "ExcitInhibitoryplastic".
    agent_step_size : float
        Standard deviation of a step in x and in y, at least 0. Default 0.1.
    etaexc, etainh : float
        Learning rates of the excitatory and the inhibitory weights, at least 0. Default 2e-4, 8e-4.
    Ne, Ni : int
        Number of excitatory and of inhibitory cells, at least 1. Default 4900, 1225.
    Nef, Nif : int
        Gaussians in the tuning of each excitatory and inhibitory cell, at least 1. Default 1.
    alpha_i, alpha_e : float
        Height of the Gaussians, at least 0. Default 1.
    we_init, wi_init : float
        Mean of the initial weights, at least 0; they differ from it by up to 5%. Default 1, 1.5.
    sigma_exc, sigma_inh : two floats
        Standard deviation of the Gaussians in x and in y, in units of ``room_width``, greater than 0.
        Default 0.05 each, 0.1 each.
    ro : float
        Target rate (rho_0). Default 1.
    room_width, room_depth : float
        Size of the room in x and in y, greater than 0. Default 20.
    resolution : int
        Grid points in x, at least 1; in y as many as the shape of the room asks for. Default 100.
    disable_tqdm : bool
        Without effect: nothing here takes long enough for a progress bar. Default False.
    agent_name : str, optional
        Another word for ``model_name``.
    rng : numpy.random.Generator, optional
        Source of randomness. Without it one is seeded from ``np.random``.
    rectify : bool
        True: a negative output rate is 0, the [.]_+ of the paper's equation 1. False (default): a negative
        rate at a single place stays, as it does in NeuralPlayground.
    record_weight_changes : bool
        True: `update` also returns all weight changes, as NeuralPlayground's does. Default False.

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

    Raises
    ------
    ParameterTypeError, ParameterError
        An unknown parameter, one of the wrong type or out of range.
    """

    def __init__(
        self,
        model_name: str = "ExcitInhibitoryplastic",
        agent_step_size: float = 0.1,
        etaexc: float = 2e-4,
        etainh: float = 8e-4,
        Ne: int = 4900,
        Ni: int = 1225,
        Nef: int = 1,
        Nif: int = 1,
        alpha_i: float = 1,
        alpha_e: float = 1,
        we_init: float = 1.0,
        wi_init: float = 1.5,
        sigma_exc: Sequence[float] | FloatArray = (0.05, 0.05),
        sigma_inh: Sequence[float] | FloatArray = (0.1, 0.1),
        ro: float = 1,
        room_width: float = 20.0,
        room_depth: float = 20.0,
        resolution: int = 100,
        disable_tqdm: bool = False,
        agent_name: str | None = None,
        rng: np.random.Generator | None = None,
        rectify: bool = False,
        record_weight_changes: bool = False,
        **unknown: Any,
    ) -> None:
        refuse_unknown(type(self).__name__, unknown, self._known_parameters())
        super().__init__(model_name, agent_step_size, rng, model_name=agent_name)
        self.mod_kwargs["agent_step_size"] = agent_step_size
        self.etaexc = check_number("etaexc", etaexc, minimum=0)
        self.etainh = check_number("etainh", etainh, minimum=0)
        self.Ne, self.Ni = check_integer("Ne", Ne, minimum=1), check_integer("Ni", Ni, minimum=1)
        self.Nef, self.Nif = check_integer("Nef", Nef, minimum=1), check_integer("Nif", Nif, minimum=1)
        self.alpha_i = check_number("alpha_i", alpha_i, minimum=0)
        self.alpha_e = check_number("alpha_e", alpha_e, minimum=0)
        self.we_init = check_number("we_init", we_init, minimum=0)
        self.wi_init = check_number("wi_init", wi_init, minimum=0)
        self.sigma_exc = check_pair("sigma_exc", sigma_exc, above=0)
        self.sigma_inh = check_pair("sigma_inh", sigma_inh, above=0)
        self.ro = check_number("ro", ro)
        self.room_width = check_number("room_width", room_width, above=0)
        self.room_depth = check_number("room_depth", room_depth, above=0)
        self.resolution = check_integer("resolution", resolution, minimum=1)
        self.disable_tqdm = check_flag("disable_tqdm", disable_tqdm)
        self.rectify = check_flag("rectify", rectify)
        self.record_weight_changes = check_flag("record_weight_changes", record_weight_changes)
        self.resolution_width = self.resolution
        self.resolution_depth = int(self.resolution * (self.room_depth / self.room_width))
        if self.resolution_depth < 1:
            raise ParameterError(f"resolution {resolution} is too low for a room of {room_width!r} x {room_depth!r}.")
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
        self._prepare()

    def _prepare(self) -> None:
        """Make zeros to compare the weights with: NumPy compares with a number in more than twice the time."""
        self._zeros = np.zeros(self.Ne), np.zeros(self.Ni)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__getstate__().items() if name != "_zeros"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._prepare()

    def generate_tuning_curves(
        self,
        n_curves: int,
        cov_scale: tuple[float, float],
        Nf: int,
        alpha: float,
    ) -> GaussianCells:
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
    def mesh(self) -> FloatArray:
        """The x and y of each place, (2, resolution_depth, resolution_width)."""
        return self._grid.mesh

    @property
    def xy_combinations(self) -> FloatArray:
        """All places, (n_places, 2)."""
        return self._grid.points

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
        return self._exc.functions() if isinstance(self._exc, GaussianCells) else []

    @property
    def inh_rates_functions(self) -> list[list[list[FloatArray]]]:
        """For each inhibitory cell a list of [centre, covariance]; empty if its curves were assigned."""
        return self._inh.functions() if isinstance(self._inh, GaussianCells) else []

    def _place(self, pos: Any) -> int:
        x, y = pos.tolist() if type(pos) is np.ndarray else pos
        return self._grid.nearest(x, y)

    def get_rates(self, cell_list: FloatArray, pos: npt.ArrayLike) -> FloatArray:
        """Return the rate of each cell at the place nearest to a position, (n_cells,); negative ones are 0.

        Parameters
        ----------
        cell_list : ndarray, (n_cells, n_places)
            Tuning curves.
        pos : array of shape (2,)
            x and y.
        """
        return np.maximum(cell_list[:, self._place(pos)], 0)

    def get_output_rates(self, pos: npt.ArrayLike) -> float:
        """Return the rate of the output neuron at a position (equation 1; see ``rectify``).

        Parameters
        ----------
        pos : array of shape (2,)
            x and y.
        """
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

    @property
    def works_in_blocks(self) -> bool:
        """True if `act_block` and `update_block` do what `act` and `update` do: neither is replaced by a subclass."""
        return self._is_unchanged(Weber2018, "act", "update")

    def update_block(self, observations: FloatArray) -> dict[str, FloatArray] | None:
        """Change the weights at one observation after the other, as `AgentCore.update_block` does.

        Returns
        -------
        dict
            As of `update`, with the step as the first axis.
        """
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
        from .rate_map_plot import draw_map, new_axes, save_figure_of

        ax = new_axes() if ax is None else ax
        draw_map(self.get_rate_map_matrix().T, ax, "Out rate", "width", "depth", "Firing rate")
        save_figure_of(ax, save_path)
        return ax

    def plot_all_rates(self, save_path: str | Path | None = None, ax: Sequence[Axes] | None = None) -> Any:
        """Plot the first excitatory cell, the first inhibitory cell and the output neuron, and return the axes.

        Parameters
        ----------
        save_path : path, optional
            Save the figure there.
        ax : sequence of three matplotlib Axes, optional
            Where to draw; by default a new figure.
        """
        from .rate_map_plot import draw_map, new_axes, save_figure_of

        axes = new_axes(3, figsize=(14, 5)) if ax is None else ax
        for cells, n_cells, title, axis in (
            (self._exc, self.Ne, "Exc rates", axes[0]),
            (self._inh, self.Ni, "Inh rates", axes[1]),
        ):
            rates = cells.sum_over_cells(np.eye(1, n_cells)[0])
            image = rates.reshape(self.resolution_width, self.resolution_depth).T
            draw_map(image, axis, title, "width", "depth", "Firing rate")
        draw_map(self.get_rate_map_matrix().T, axes[2], "Out rate", "width", "depth", "Firing rate")
        save_figure_of(axes, save_path)
        return axes
