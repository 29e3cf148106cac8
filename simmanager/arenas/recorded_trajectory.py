"""An arena in which the agent is carried along a recorded path."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..base.checks import check_flag, check_integer, check_number, refuse_unknown
from ..base.errors import ParameterError, ParameterTypeError
from ..base.public import public
from ..training.model_state import check_pair
from .position_file import one_column, read_columns, two_columns
from .simple2d import Simple2D

FloatArray = npt.NDArray[np.float64]


@public("simmanager.arenas")
class RecordedTrajectory(Simple2D):
    """Replays positions: each step leads to the next one, whatever the agent chooses.

    For the tracked path of an animal, e.g. of Sargolini et al. 2006 or Hafting et al. 2008, or any other. The agent
    learns by its own rule, but does not choose where it goes.

    Parameters
    ----------
    positions : array of shape (n, 2), or path
        x and y, or a file with them: CSV, NPZ, NPY or MATLAB; see `position_file.read_columns`. NaN where the
        animal was not seen. n is at least 2 without the NaNs.
    x, y : str or int
        Columns (CSV) or arrays (NPZ, MATLAB) of a file. Default "x" and "y".
    xy : str, optional
        One array of shape (n, 2) in a file, instead of ``x`` and ``y``.
    t : str, int or array of shape (n,), optional
        Times in seconds, increasing: a column or array of the file, or the times themselves.
    sampling_rate : float, optional
        Positions per second, instead of ``t``; greater than 0.
    time_step_size : float, optional
        Seconds that one step of the arena takes, greater than 0. By default that of the data (the median of the
        differences of ``t``), or 1 if that is not known. Unless the data have just these times, they are interpolated
        linearly at 0, 1, 2, ... steps after the first position.
    metres_per_unit : float
        What the positions are multiplied with: 0.01 for data in cm. Greater than 0. Default 1.
    centre : bool
        True (default): the middle of the room becomes (0, 0), as the agents expect. False: positions stay.
    gaps : {"interpolate", "drop"}
        What becomes of positions that are NaN: a straight line at constant speed over the gap (default), or they are
        left out, and no time passes. NaNs at the beginning and at the end are left out in both cases.
    at_end : {"loop", "error"}
        After the last position: again from the first one (default), at a jump, or `ParameterError`.
    arena_x_limits, arena_y_limits : two numbers, optional
        The room, in units of the data before ``centre``; by default the extent of the positions.
    environment_name : str
        A name for this arena. Default "RecordedTrajectory".
    env_name : str, optional
        Another word for ``environment_name``.
    rng : numpy.random.Generator, optional
        For random starts. Without it one is seeded from ``np.random``.

    Attributes
    ----------
    positions : ndarray, (n, 2)
        What is replayed, in metres.
    n_missing : int
        How many positions of the data were NaN.
    position_index : int
        Where the replay is.

    Raises
    ------
    UnknownName
        The file has no such column; the message lists those that it has.
    ParameterTypeError, ParameterError
        An unknown parameter, one of the wrong type or out of range, or a file that cannot be read.
    """

    def __init__(
        self,
        positions: npt.ArrayLike | str | Path,
        x: str | int = "x",
        y: str | int = "y",
        xy: str | None = None,
        t: str | int | npt.ArrayLike | None = None,
        sampling_rate: float | None = None,
        time_step_size: float | None = None,
        metres_per_unit: float = 1.0,
        centre: bool = True,
        gaps: str = "interpolate",
        at_end: str = "loop",
        arena_x_limits: Sequence[float] | FloatArray | None = None,
        arena_y_limits: Sequence[float] | FloatArray | None = None,
        environment_name: str = "RecordedTrajectory",
        env_name: str | None = None,
        rng: np.random.Generator | None = None,
        **unknown: Any,
    ) -> None:
        known = [name for name in self._known_parameters() if name != "agent_step_size"]
        refuse_unknown(type(self).__name__, unknown, known)
        _one_of("gaps", gaps, ("interpolate", "drop"))
        self.at_end = _one_of("at_end", at_end, ("loop", "error"))
        data, times = _read(positions, x, y, xy, t)
        self.n_missing = int(np.isnan(data).any(axis=1).sum())
        times, interval = _timed(times, sampling_rate, time_step_size, len(data))
        step = float(check_number("time_step_size", interval if time_step_size is None else time_step_size, above=0))
        data = _regular(data, times, interval, step, drop=gaps == "drop")
        limits = _room(data, arena_x_limits, arena_y_limits)
        middle = limits.mean(axis=1) if check_flag("centre", centre) else np.zeros(2)
        scale = check_number("metres_per_unit", metres_per_unit, above=0)
        limits = (limits - middle[:, None]) * scale
        # Rounding may lead a position out of a room that it spans.
        self.positions = np.clip((data - middle) * scale, limits[:, 0], limits[:, 1])
        self.positions.flags.writeable = False
        self.position_index = 0
        super().__init__(environment_name, limits[0], limits[1], time_step_size=step, env_name=env_name, rng=rng)

    def reset(
        self, random_state: bool = False, custom_state: npt.ArrayLike | None = None
    ) -> tuple[FloatArray, FloatArray]:
        """Forget the history and go to the first position.

        Parameters
        ----------
        random_state : bool
            True: to any position of the recording, from which it goes on. Default False.
        custom_state : array of shape (2,), optional
            To the position nearest to this place, from which it goes on.

        Returns
        -------
        observation, state : ndarray, (2,)
            The position.

        Raises
        ------
        ParameterError
            ``custom_state`` is not in the room.
        """
        super().reset(False, custom_state)
        self.position_index = 0
        if custom_state is not None:
            self.position_index = int(np.square(self.positions - self.state).sum(axis=1).argmin())
        elif random_state:
            self.position_index = int(self.rng.integers(len(self.positions)))
        self.state = self.positions[self.position_index].copy()
        return self.make_observation(), self.state.copy()

    def step(self, action: Any = None, normalize_step: bool = False) -> tuple[FloatArray, FloatArray, float]:
        """Go to the next position.

        Parameters
        ----------
        action : object
            Of no effect. What the history keeps as action is the change of the recorded position (none where the
            recording begins again).
        normalize_step : bool
            Of no effect.

        Returns
        -------
        observation, state : ndarray, (2,)
            The position.
        reward : float
            What `reward_function` gives.

        Raises
        ------
        ParameterError
            The recording is at its end, with ``at_end="error"``.
        """
        following = self.position_index + 1
        restarted = following == len(self.positions)
        if restarted:
            following = 0
            if self.at_end == "error":
                raise ParameterError(
                    f"The recording ends after {self.global_steps} steps: it has {len(self.positions)} positions. "
                    "Take fewer steps, or at_end='loop', which begins again."
                )
        before, self.state = self.state, self.positions[following].copy()
        self.position_index = following
        self.global_steps += 1
        self.global_time += self.time_step_size
        x, y = self.state.tolist()
        dx, dy = (np.nan, np.nan) if restarted else (self.state - before).tolist()
        reward = self.reward_function(action, self.state)
        self.history.record(dx, dy, x, y, reward, self.global_steps)
        return self.make_observation(), self.state.copy(), reward


def _one_of(name: str, value: Any, allowed: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in allowed:
        raise ParameterError(f"{name} must be {' or '.join(map(repr, allowed))}, not {value!r}.")
    return value


def _read(positions: Any, x: str | int, y: str | int, xy: str | None, t: Any) -> tuple[FloatArray, FloatArray | None]:
    """Return positions (n, 2), infinities as NaN, and their times (n,) or None."""
    if isinstance(positions, (str, Path)):
        columns, where = read_columns(positions), str(positions)
        if xy is None and Path(where).suffix.lower() == ".npy":
            (xy,) = columns
        if xy is not None:
            data = two_columns(columns, xy, "xy", where)
        else:
            pair = one_column(columns, x, "x", where), one_column(columns, y, "y", where)
            if len(pair[0]) != len(pair[1]):
                raise ParameterError(f"x and y of {where} differ in length: {len(pair[0])} and {len(pair[1])}.")
            data = np.stack(pair, axis=1)
        t = one_column(columns, t, "t", where) if isinstance(t, (str, int)) else t
    else:
        data = _float_array("positions", positions)
        if data.ndim != 2 or data.shape[1] != 2:
            raise ParameterError(f"positions must be of shape (n, 2), not {data.shape}.")
        if isinstance(t, (str, int)):
            raise ParameterTypeError(f"t={t!r} names a column, but positions are an array: give the times themselves.")
    data = np.where(np.isfinite(data).all(axis=1, keepdims=True), data, np.nan)
    if np.isfinite(data[:, 0]).sum() < 2:
        raise ParameterError(f"There must be at least 2 positions that are numbers, among {len(data)}.")
    times = None if t is None else _float_array("t", t)
    if times is not None and times.shape != (len(data),):
        raise ParameterError(f"t must have one time for each of the {len(data)} positions, not shape {times.shape}.")
    return data, times


def _float_array(name: str, value: Any) -> FloatArray:
    try:
        return np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise ParameterTypeError(
            f"{name} must be an array of numbers or the name of a file, not {type(value).__name__}."
        ) from None


def _timed(
    times: FloatArray | None, sampling_rate: float | None, time_step_size: float | None, n: int
) -> tuple[FloatArray, float]:
    """Return the time of each position, from 0 on, and the time between two."""
    if times is not None and sampling_rate is not None:
        raise ParameterError("Give t or sampling_rate, not both.")
    if times is None:
        default = 1.0 if time_step_size is None else check_number("time_step_size", time_step_size, above=0)
        rate = None if sampling_rate is None else check_number("sampling_rate", sampling_rate, above=0)
        interval = default if rate is None else 1 / rate
        return np.arange(n, dtype=np.float64) * interval, interval
    steps = np.diff(times)
    if not (steps > 0).all():
        where = int(np.flatnonzero(~(steps > 0))[0]) + 1
        raise ParameterError(f"The times t must increase; they do not at position {where} ({times[where]:g} s).")
    return np.asarray(times - times[0], dtype=np.float64), float(np.median(steps))


def _regular(data: FloatArray, times: FloatArray, interval: float, step: float, *, drop: bool) -> FloatArray:
    """Return the positions at regular times, without gaps."""
    seen = ~np.isnan(data[:, 0])
    data, times = data[seen], times[seen]
    if drop:
        times = np.asarray(interval * np.arange(len(data)), dtype=np.float64)
    ticks = (times - times[0]) / step
    numbers = np.arange(int(ticks[-1] * (1 + 1e-12) + 1e-9) + 1)
    if len(numbers) < 2:
        raise ParameterError(f"time_step_size {step:g} s is longer than the recording of {times[-1] - times[0]:g} s.")
    # Where they are at their times but for rounding, positions stay what they are.
    if len(ticks) == len(numbers) and np.allclose(ticks, numbers, rtol=0, atol=1e-6):
        return data
    return np.stack([np.interp(numbers, ticks, column) for column in data.T], axis=1)


def _room(data: FloatArray, x_limits: Any, y_limits: Any) -> FloatArray:
    """Return [[x_low, x_high], [y_low, y_high]], given or the extent of the data.

    Raises
    ------
    ParameterError
        A position is outside.
    """
    limits = np.stack((data.min(axis=0), data.max(axis=0)), axis=1)
    for axis, (name, given) in enumerate((("arena_x_limits", x_limits), ("arena_y_limits", y_limits))):
        low, high = limits[axis].tolist()
        if given is None:
            if low == high:  # a straight track
                limits[axis] = low - 0.5, high + 0.5
            continue
        limits[axis] = check_pair(name, given, increasing=True)
        if low < limits[axis, 0] or high > limits[axis, 1]:
            raise ParameterError(
                f"{name} {limits[axis].tolist()} must hold all positions; they reach from {low:g} to {high:g}."
            )
    return limits


@public("simmanager.arenas")
def example_recording(
    n_positions: int = 10_000, sampling_rate: float = 50.0, room_size: float = 1.0, seed: int = 2006
) -> RecordedTrajectory:
    """Return a recording that no animal made: a smooth random path through a square room, always the same.

    For trying things out, until there are data: ``RecordedTrajectory("rat.mat", x="posx", y="posy", ...)``.

    Parameters
    ----------
    n_positions : int
        At least 2. Default 10,000: 200 s.
    sampling_rate : float
        Positions per second, greater than 0. Default 50.
    room_size : float
        Side of the room in metres, greater than 0. Default 1.
    seed : int
        Of the path, at least 0. Default 2006.

    Raises
    ------
    ParameterTypeError, ParameterError
        A number of the wrong type or out of range.
    """
    from scipy.ndimage import gaussian_filter1d

    check_integer("n_positions", n_positions, minimum=2)
    rate = check_number("sampling_rate", sampling_rate, above=0)
    half = check_number("room_size", room_size, above=0) / 2
    rng = np.random.default_rng(check_integer("seed", seed, minimum=0))
    # A velocity that changes within half a second, 0.2 m/s in x and in y, folded back into the room at its walls.
    velocity = gaussian_filter1d(rng.normal(size=(n_positions, 2)), rate / 2, axis=0)
    path = np.cumsum(0.2 / rate * velocity / velocity.std(axis=0), axis=0)
    folded = np.abs((path + half) % (4 * half) - 2 * half) - half
    return RecordedTrajectory(
        folded, sampling_rate=rate, arena_x_limits=(-half, half), arena_y_limits=(-half, half), env_name="example"
    )
