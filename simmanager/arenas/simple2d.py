"""A rectangular room, with further walls if a subclass builds some."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from ..base.errors import ParameterError, ParameterTypeError
from ..base.public import public
from ..training.arrays import FloatArray
from ..training.parameters import Pair, another_name, generator, number, pair
from ..training.recording import TransitionHistory
from .arena_core import Environment
from .walls import Rectangle, Segments, stop_in_rectangle

if TYPE_CHECKING:
    from matplotlib.axes import Axes


#: Observation and state.
TwoArrays = tuple[FloatArray, FloatArray]


@public("simmanager.arenas")
class Simple2D(Environment):
    """A rectangular room in which an agent moves by the steps it chooses and never leaves.

    A move that crosses a wall ends before it, 1e-5 of the move away, on the line of motion. Walls
    are tried in the order left, right, bottom, top, custom ones. Subclasses build custom walls in
    ``_create_custom_walls`` (set ``self.custom_walls`` to a list of (2, 2) arrays).

    Attributes
    ----------
    state : ndarray, (2,)
        Position x, y.
    history : TransitionHistory
        One transition for each step since the last reset; reads like a list of dicts.
    default_walls, custom_walls, wall_list : list of (2, 2) arrays
        [[x1, y1], [x2, y2]] each. Assign ``wall_list`` to change the walls later; the borders of
        the room stay closed whatever it holds.
    room_width, room_depth : float
        Size in x and in y.
    """

    environment_name: str = "2DEnv"
    arena_x_limits: Pair = pair("Lower and upper end of the room in x", default=(-10, 10), increasing=True)
    arena_y_limits: Pair = pair("Lower and upper end of the room in y", default=(-10, 10), increasing=True)
    agent_step_size: float = number("Length of a step taken with ``normalize_step=True``", default=0.5, above=0)
    time_step_size: float = 1.0
    _env_name: str | None = another_name("environment_name", alias="env_name", default=None)
    rng: np.random.Generator = generator("For random places", default=None)
    _order: ClassVar[str] = (
        f"{Environment._order} arena_x_limits arena_y_limits agent_step_size arena_limits room_width room_depth "
        "state_dims_labels rng"
    )
    _one_by_one: ClassVar[tuple[str, ...]] = ("step", "validate_action", "reward_function", "make_observation")
    _not_pickled: ClassVar[tuple[str, ...]] = ("_segments",)

    def _derive(self) -> None:
        """Build the walls and put the agent at its start."""
        super()._derive()
        self.env_kwargs["time_step_size"] = self.time_step_size
        self.arena_limits = np.array([self.arena_x_limits, self.arena_y_limits])
        self.room_width = self.arena_x_limits[1] - self.arena_x_limits[0]
        self.room_depth = self.arena_y_limits[1] - self.arena_y_limits[0]
        self.state_dims_labels = ["x_pos", "y_pos"]
        (x_low, x_high), (y_low, y_high) = self.arena_x_limits, self.arena_y_limits
        self._room: Rectangle = (x_low, x_high, y_low, y_high)
        self._create_default_walls()
        self._create_custom_walls()
        self.wall_list = self.default_walls + self.custom_walls
        self.reset()

    def _create_default_walls(self) -> None:
        """Set ``default_walls`` to the four sides."""
        self.default_walls = self._sides()

    def _sides(self) -> list[FloatArray]:
        """Return the sides of the room: left, right, bottom, top."""
        x_low, x_high, y_low, y_high = self._room
        sides = [
            [[x_low, y_low], [x_low, y_high]],
            [[x_high, y_low], [x_high, y_high]],
            [[x_low, y_low], [x_high, y_low]],
            [[x_low, y_high], [x_high, y_high]],
        ]
        return [np.array(side) for side in sides]

    def _create_custom_walls(self) -> None:
        """Set ``custom_walls`` to a list of (2, 2) arrays; none in a plain room. To be overridden."""
        self.custom_walls: list[FloatArray] = []

    @property
    def wall_list(self) -> list[FloatArray]:
        """The walls that stop moves, in the order in which they are tried."""
        return self._wall_list

    @wall_list.setter
    def wall_list(self, walls: Sequence[npt.ArrayLike]) -> None:
        arrays = [np.asarray(wall, dtype=np.float64) for wall in walls]
        for wall in arrays:
            if wall.shape != (2, 2) or not np.isfinite(wall).all():
                raise ParameterError(f"A wall must be two points of two finite numbers, not {wall.tolist()!r}.")
        self._wall_list = arrays
        plain = len(arrays) == 4 and np.array_equal(arrays, self._sides())
        self._segments = None if plain else Segments(arrays)
        #: Moves that end inside need no further check.
        self._is_plain = plain and type(self).validate_action is Simple2D.validate_action

    def _make_not_pickled(self) -> None:
        """Take the walls as if they were just assigned."""
        self.wall_list = self._wall_list

    def reset(self, random_state: bool = False, custom_state: npt.ArrayLike | None = None) -> TwoArrays:
        """Forget the history and put the agent at its start.

        Parameters
        ----------
        random_state : bool
            True: anywhere in the arena with equal probability. False (default): at (0, 0), or in the middle of a room
            that does not hold that point.
        custom_state : array of shape (2,), optional
            Start there instead.

        Returns
        -------
        observation, state : ndarray, (2,)
            The position.

        Raises
        ------
        ParameterError
            ``custom_state`` is not in the arena.
        """
        self.global_steps = 0
        self.global_time = 0.0
        self.history: TransitionHistory = TransitionHistory()
        x_low, x_high, y_low, y_high = self._room
        if custom_state is not None:
            x, y = map(float, _two_numbers("custom_state", custom_state))
            if not (x_low <= x <= x_high and y_low <= y <= y_high):
                limits = f"{list(self.arena_x_limits)} x {list(self.arena_y_limits)}"
                raise ParameterError(f"custom_state must be in the room {limits}, not ({x:g}, {y:g}).")
        elif random_state:
            x, y = self.rng.uniform((x_low, y_low), (x_high, y_high)).tolist()
        elif x_low <= 0 <= x_high and y_low <= 0 <= y_high:
            x, y = 0.0, 0.0
        else:
            x, y = (x_low + x_high) / 2, (y_low + y_high) / 2
        self.state = np.array((x, y))
        return self.make_observation(), self.state.copy()

    def step(self, action: Any = None, normalize_step: bool = False) -> tuple[FloatArray, FloatArray, float]:
        """Move; what is returned is as in `Environment.step`, observation and state being the position, (2,).

        Parameters
        ----------
        action : array of shape (2,) or None
            Change in x and y. None stays.
        normalize_step : bool
            True: take the direction of the action only, with length ``agent_step_size``; an action of length 0 stays.
            Default False.

        Raises
        ------
        ParameterError
            The action is not two finite numbers.
        """
        x, y = self.state.tolist()
        if action is None:
            dx = dy = math.nan
        else:
            dx, dy = _two_numbers("action", action)
            scale = 1.0
            if normalize_step:
                length = math.hypot(dx, dy) or 1.0
                dx, dy, scale = dx / length, dy / length, self.agent_step_size
            x, y = x + scale * dx, y + scale * dy
            x_low, x_high, y_low, y_high = self._room
            if not (self._is_plain and x_low < x < x_high and y_low < y < y_high):
                x, y = self.validate_action(self.state, action, np.array((x, y)))[0].tolist()
        self.state = state = np.array((x, y))
        self.global_steps += 1
        self.global_time += self.time_step_size
        reward = self.reward_function(action, state)
        self.history.record(dx, dy, x, y, reward, self.global_steps)
        return self.make_observation(), state.copy(), reward

    def validate_action(self, pre_state: FloatArray, action: Any, new_state: FloatArray) -> tuple[FloatArray, bool]:
        """Return where a move ends, (2,), with the walls there are, and whether one stopped it.

        Parameters
        ----------
        pre_state, new_state : ndarray, (2,)
            Where it starts, and where it would end without walls.
        action : object
            Not used; for subclasses.
        """
        x, y, crossed = self._stop(*pre_state.tolist(), *new_state.tolist())
        return (np.array((x, y)), True) if crossed else (new_state, False)

    def _stop(self, x: float, y: float, new_x: float, new_y: float) -> tuple[float, float, bool]:
        if self._segments is None:
            return stop_in_rectangle(x, y, new_x, new_y, self._room)
        end_x, end_y, crossed = self._segments.stop(x, y, new_x, new_y, self._room)
        return (end_x, end_y, True) if crossed else (new_x, new_y, False)

    @property
    def works_in_blocks(self) -> bool:
        """True if `step_block` does what `step` does: nothing that it calls is replaced by a subclass."""
        return super().works_in_blocks and isinstance(self.history, TransitionHistory)

    def step_block(self, actions: FloatArray) -> FloatArray:
        """Move several times, as `step` does, and return what the agent sees after each: the position, (n, 2).

        Parameters
        ----------
        actions : ndarray, (n, 2)
            Changes in x and y.

        Raises
        ------
        ParameterError
            The actions are not finite numbers.
        """
        if not np.isfinite(actions).all():
            raise ParameterError(f"Actions must be finite numbers, not {actions[~np.isfinite(actions)][0]!r}.")
        x, y = self.state.tolist()
        x_low, x_high, y_low, y_high = self._room
        is_plain, time = self._is_plain, self.global_time
        positions = []
        for dx, dy in actions.tolist():
            to_x, to_y = x + dx, y + dy
            if is_plain and x_low < to_x < x_high and y_low < to_y < y_high:
                x, y = to_x, to_y
            else:
                x, y, _ = self._stop(x, y, to_x, to_y)
            positions.append((x, y))
            time += self.time_step_size
        self.global_time = time
        states = np.array(positions)
        self.state = states[-1].copy()
        self.history.record_block(actions, states, 0.0, self.global_steps + 1)
        self.global_steps += len(states)
        return states

    def summary_arrays(self) -> dict[str, FloatArray]:
        """Return what a figure of this arena shows, for the summary of a run.

        Returns
        -------
        dict
            ``"trajectory:"``: positions after each step since the last reset, (n_steps, 2); ``"walls:"``: (n_walls, 2,
            2); ``"extent:"``: x_min, x_max, y_min, y_max.
        """
        walls = np.array(self.wall_list, dtype=np.float64).reshape(-1, 2, 2)
        arrays = {"walls:": walls, "extent:": np.array(self._room, dtype=np.float64)}
        if isinstance(self.history, TransitionHistory):  # a subclass may keep other things
            arrays["trajectory:"] = self.history.array("state")
        return arrays

    def plot_trajectory(
        self,
        history_data: Sequence[dict[str, Any]] | None = None,
        ax: Axes | None = None,
        return_figure: bool = False,
        save_path: str | Path | None = None,
        plot_every: int = 1,
    ) -> Any:
        """Plot the path, coloured by time, and the walls.

        Parameters
        ----------
        history_data : sequence of dict, optional
            Transitions with a ``state``; by default this arena's own.
        ax : matplotlib Axes, optional
            Where to draw; by default a new figure.
        return_figure : bool
            True returns ``(ax, figure)``. Default False returns ``ax``.
        save_path : path, optional
            Save the figure there.
        plot_every : int
            Draw every so many positions, at least 1. Default 1.
        """
        from .trajectory_plot import plot_path

        history = self.history if history_data is None else history_data
        if isinstance(history, TransitionHistory):
            positions = history.array("state")
        else:
            positions = np.array([transition["state"][:2] for transition in history]).reshape(-1, 2)
        ax = plot_path(positions, self.arena_limits, ax, plot_every)
        for walls, colour in ((self.default_walls, "C3"), (self.custom_walls, "C0")):
            for wall in walls:
                ax.plot(*wall.T, colour, lw=3)
        figure = ax.get_figure()
        if save_path is not None and figure is not None:
            figure.savefig(save_path, bbox_inches="tight")  # type: ignore[union-attr]
        return (ax, figure) if return_figure else ax


def _two_numbers(name: str, value: Any) -> tuple[float, float]:
    """Return the two finite numbers of ``value``; fast for float arrays, which is what agents give."""
    try:
        x, y = value.tolist() if type(value) is np.ndarray else value
        if x - x == 0.0 == y - y:  # infinity and NaN are not
            return x, y
    except (TypeError, ValueError, OverflowError):
        raise ParameterTypeError(f"{name} must be two numbers, not {value!r} ({type(value).__name__}).") from None
    raise ParameterError(f"{name} must be two finite numbers, not {value!r}.")
