"""The successor representation as a model of the hippocampus.

Stachenfeld, Botvinick and Gershman, "The hippocampus as a predictive map", Nature Neuroscience 20, 2017,
https://doi.org/10.1101/097170.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ..base.checks import check_integer
from ..base.errors import ParameterError
from ..base.public import public
from ..training.arrays import FloatArray
from ..training.parameters import flag, number, parameter
from . import successor_matrix
from .agent_core import MEMORY, AgentCore
from .arrows import ArrowWalk
from .grid import Grid
from .successor_maps import SuccessorMaps

#: More states than this would take more than 3 GB for each matrix.
_MAX_STATES = 20_000

#: Positions whose states are kept: with four directions a walk comes to the same ones again and again.
_POSITIONS = 4096


@public("simmanager.agents")
class Stachenfeld2018(SuccessorMaps, AgentCore):
    """Learns the successor representation of a rectangular room by temporal differences.

    The room is a grid of states, numbered ``ix * n_depth + iy``, x from left to right, y from top to bottom.
    The successor matrix is M = sum_t gamma^t T^t (equation 3 of the paper), T being the transition matrix of
    the policy; its entries are the expected discounted visits. Its eigenvectors resemble grid cells.

    Attributes
    ----------
    gamma, learning_rate : float
        ``discount`` and ``lr_td``.
    n_state, width, depth, resolution_width, resolution_depth : int
        Number of states in all, in x and in y (the last two are the same as ``width``, ``depth``).
    x_array, y_array, xy_combinations : ndarray
        Places of the states: (width,), (depth,), (n_state, 2).
    srmat : ndarray, (n_state, n_state)
        The successor matrix that is learned. As in NeuralPlayground, TD updates its *columns*.
    transmat_norm : ndarray, (n_state, n_state)
        Transition probabilities, from row to column.
    srmat_ground, srmat_sum, srmat_full_td : ndarray
        What `successor_rep_solution`, `successor_rep_sum`, `update_successor_rep_td_full` gave last.
    grad_history : list of float
        Norm of the TD error of each update.
    curr_state, next_state : int or None
        States of the latest transition.
    """

    agent_name: str = "SR"
    _gamma: float = number("Discount gamma", default=0.9, minimum=0, below=1, convert=float, alias="discount")
    threshold: float = number("`successor_rep_sum` stops when no entry changes by as much", default=1e-6, above=0)
    _learning_rate: float = number(
        "Learning rate of the TD update", default=1e-2, minimum=0, convert=float, alias="lr_td"
    )
    room_width: float = number("Size of the room in x", default=12, above=0)
    room_depth: float = number("Size of the room in y", default=12, above=0)
    state_density: float = number("States per unit of length", default=1.0, above=0)
    twoD: bool = flag(
        "Whether to make the transition matrix of a walk to the four neighbours\n"
        "If not, ``transmat_norm`` is empty, for `create_transmat` or the user to fill.",
        default=True,
    )
    agent_step_size: float = parameter(default=1.0, init=False)
    _one_by_one: ClassVar[tuple[str, ...]] = ("act", "update", "obs_to_state")
    _not_pickled: ClassVar[tuple[str, ...]] = ("_column_list", "_gammas", "_rates", "_change", "_state_at")

    def _derive(self) -> None:
        """Lay out the states and begin with nothing learned."""
        super()._derive()
        self.resolution_width = self.width = int(self.state_density * self.room_width)
        self.resolution_depth = self.depth = int(self.state_density * self.room_depth)
        self.n_state = self.width * self.depth
        if not 1 <= self.n_state <= _MAX_STATES:
            raise ParameterError(
                f"state_density {self.state_density!r} in a room of {self.room_width!r} x {self.room_depth!r} gives "
                f"{self.width} x {self.depth} states; there must be between 1 and {_MAX_STATES}."
            )
        self._grid = Grid(self.room_width, self.room_depth, self.width, self.depth)
        self.x_array, self.y_array = self._grid.x_array, self._grid.y_array
        self.reset()

    @property
    def gamma(self) -> float:
        """Discount."""
        return self._gamma

    @gamma.setter
    def gamma(self, value: float) -> None:
        self._gamma = self._checked("_gamma", value)
        self._make_not_pickled()

    @property
    def learning_rate(self) -> float:
        """Learning rate of the TD update."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self._learning_rate = self._checked("_learning_rate", value)
        self._make_not_pickled()

    @property
    def srmat(self) -> FloatArray:
        """What is learned, (n_state, n_state): column s has the discounted visits from state s, the paper's M(s, :)."""
        return self._columns.T

    @srmat.setter
    def srmat(self, matrix: npt.ArrayLike) -> None:
        # Kept transposed: what is updated, a column, is then contiguous.
        columns = np.array(np.asarray(matrix, dtype=np.float64).T, order="C")
        if columns.shape != (self.n_state, self.n_state):
            raise ParameterError(f"srmat must be ({self.n_state}, {self.n_state}), not {columns.T.shape}.")
        self._columns = columns
        self._make_not_pickled()

    def _make_not_pickled(self) -> None:
        """Make what `act` and `update` work with: views of the columns, the two factors as vectors, room for a step.

        NumPy multiplies two short vectors in half the time that a vector and a number take.
        """
        if not {"_columns", "_gamma", "_learning_rate"} <= vars(self).keys():
            return  # the constructor is still at work
        self._column_list = list(self._columns)
        self._gammas = np.full(self.n_state, self._gamma)
        self._rates = np.full(self.n_state, self._learning_rate)
        self._change = np.empty(self.n_state)
        self._state_at = lru_cache(_POSITIONS)(self._grid.nearest)

    def reset(self) -> None:
        """Forget all that was learned and seen; the random generator goes on where it was."""
        super().reset()
        self.grad_history: list[float] = []
        self.initial_obs_variable: bool | None = None
        self.curr_state: int | None = None
        self.next_state: int | None = None
        self.srmat_ground = self.srmat_sum = self.srmat_full_td = np.empty((0, 0))
        self.transmat_norm: FloatArray = np.empty((0, 0))
        self._walk = ArrowWalk()
        self.srmat = np.eye(self.n_state)
        if self.twoD:
            self.create_transmat(self.state_density, "2D_env")

    def obs_to_state(self, pos: FloatArray | Sequence[float]) -> int:
        """Return the state nearest to a position, (2,); outside the room that is one at the border."""
        x, y = pos.tolist() if isinstance(pos, np.ndarray) else pos
        return self._state_at(x, y)

    def act(self, obs: Any, policy_func: Callable[[Any], Any] | None = None) -> Any:
        """Choose one of the four directions with equal probability, and note the state; as `AgentCore.act` otherwise.

        Returns
        -------
        ndarray, (2,), or None
            Read-only unit vector: up, down, right or left. None to stay.
        """
        self.obs_history.append(obs)
        if len(self.obs_history) >= MEMORY:
            self.obs_history = [obs]
        if len(obs) == 0:
            return None if policy_func is None else policy_func(obs)
        self.next_state = self.obs_to_state(obs)
        return self._walk.step(self.rng) if policy_func is None else policy_func(obs)

    def update(self) -> dict[str, Any] | None:
        """Learn from the latest transition s -> s' (TD learning of M, the paper's equation 6).

        ``srmat[:, s] += lr_td * td`` with ``td = 1_s + gamma * srmat[:, s'] - srmat[:, s]``.

        Returns
        -------
        dict or None
            ``{"state_td_error": td}`` with td (n_state,); None before the first `act`.
        """
        if self.next_state is None:
            return None
        td_error = np.empty((1, self.n_state))
        self._learn([self.next_state], td_error)
        self.grad_history.append(math.sqrt(td_error[0].dot(td_error[0])))
        return {"state_td_error": td_error[0]}

    def _learn(self, following: list[int], td_errors: FloatArray) -> None:
        """Learn from a walk on through n states; put the TD errors of its n transitions into ``td_errors``."""
        if self.initial_obs_variable is None or self.curr_state is None:
            self.curr_state = following[0]
            self.initial_obs_variable = True
        columns, gammas, rates, change = self._column_list, self._gammas, self._rates, self._change
        for state, next_state, td_error in zip([self.curr_state, *following], following, td_errors, strict=False):
            column = columns[state]
            np.multiply(columns[next_state], gammas, td_error)
            np.subtract(td_error, column, td_error)
            td_error[state] += 1.0
            np.add(column, np.multiply(td_error, rates, change), column)
        self.curr_state = following[-1]
        self.global_steps += len(td_errors)

    def act_block(self, n_steps: int) -> FloatArray:
        """Choose several steps at once, as `AgentCore.act_block` does."""
        return self._walk.steps(n_steps, self.rng)

    def update_block(self, observations: FloatArray) -> dict[str, FloatArray] | None:
        """Learn from several observations: `update` in a block; td is then (n_steps, n_state)."""
        self.obs_history.extend(observations)
        while len(self.obs_history) >= MEMORY:
            del self.obs_history[: MEMORY - 1]
        states = [self._state_at(x, y) for x, y in observations.tolist()]
        self.next_state = states[-1]
        td_errors = np.empty((len(states), self.n_state))
        self._learn(states, td_errors)
        self.grad_history += np.sqrt((td_errors * td_errors).sum(axis=1)).tolist()
        return {"state_td_error": td_errors}

    def create_transmat(self, state_density: float, name_env: str, plotting_variable: bool = False) -> FloatArray:
        """Make the transition matrix of a walk to the four neighbours, (n_state, n_state), and start ``srmat`` anew.

        Parameters
        ----------
        state_density : float
            Not used; for NeuralPlayground's signature.
        name_env : {"2D_env"}
            The only kind there is.
        plotting_variable : bool
            True draws the matrix. Default False.

        Raises
        ------
        ParameterError
            Another ``name_env``.
        """
        if name_env != "2D_env":
            raise ParameterError(f"name_env must be '2D_env', not {name_env!r}.")
        self.transmat_norm = successor_matrix.neighbour_transitions(self.width, self.depth)
        self.srmat = np.eye(self.n_state)
        if plotting_variable:
            self.plot_transition(self.transmat_norm)
        return self.transmat_norm

    def successor_rep_solution(self) -> FloatArray:
        """Return M = (I - gamma T)^-1 in closed form, (n_state, n_state)."""
        self.srmat_ground = successor_matrix.closed_form(self.transmat_norm, self.gamma)
        return self.srmat_ground

    def successor_rep_sum(self) -> FloatArray:
        """Return M by repeating M <- gamma T M + I until no entry changes by ``threshold``, (n_state, n_state)."""
        self.srmat_sum = successor_matrix.by_summation(self.transmat_norm, self.gamma, self.threshold)
        return self.srmat_sum

    def update_successor_rep_td_full(self, n_episode: int = 100, t_episode: int = 100) -> FloatArray:
        """Return M learned by TD on walks drawn from ``transmat_norm``, always the same ones (seed 1234).

        Parameters
        ----------
        n_episode, t_episode : int
            Number of walks, and of steps in each, at least 0. Default 100.

        Returns
        -------
        ndarray, (n_state, n_state)
            As ``srmat``, whose columns are updated.
        """
        check_integer("n_episode", n_episode, minimum=0)
        check_integer("t_episode", t_episode, minimum=0)
        self.srmat_full_td = successor_matrix.learned_on_walks(
            self.transmat_norm, self.gamma, self.learning_rate, n_episode, t_episode
        )
        return self.srmat_full_td
