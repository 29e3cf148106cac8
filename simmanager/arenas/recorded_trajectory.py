"""An arena in which the agent is carried along a recorded path."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ..base.checks import check_integer, check_number
from ..base.errors import ParameterError, ParameterTypeError
from ..base.float_array import float_array
from ..base.public import public
from ..training.arrays import FloatArray
from ..training.parameters import Pair, flag, number, one_of, pair, parameter
from .position_file import one_column, read_columns, two_columns
from .simple2d import Simple2D, TwoArrays


@public("simmanager.arenas")
class RecordedTrajectory(Simple2D):
    """Replays positions: each step leads to the next one, whatever the agent chooses.

    For the tracked path of an animal, e.g. of Sargolini et al. 2006 or Hafting et al. 2008, or any other. The agent
    learns by its own rule, but does not choose where it goes.

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

    _positions: npt.ArrayLike | str | Path = parameter(
        "x and y, or a file with them: CSV, NPZ, NPY or MATLAB; see `position_file.read_columns`\n"
        "NaN where the animal was not seen. n is at least 2 without the NaNs.",
        kind="array of shape (n, 2), or path",
        alias="positions",
        keep=False,
        kw_only=False,
    )
    _x: str | int = parameter(
        "Column (CSV) or array (NPZ, MATLAB) of a file", default="x", kind="str or int", alias="x", keep=False
    )
    _y: str | int = parameter("Column or array of a file", default="y", kind="str or int", alias="y", keep=False)
    _xy: str | None = parameter(
        "One array (n, 2) of a file, instead of ``x`` and ``y``", default=None, kind="str", alias="xy", keep=False
    )
    _t: str | int | npt.ArrayLike | None = parameter(
        "Times in s, increasing, or where the file has them",
        default=None,
        kind="array (n,), str or int",
        alias="t",
        keep=False,
    )
    _sampling_rate: float | None = number(
        "Positions per second, instead of ``t``", default=None, above=0, alias="sampling_rate", keep=False
    )
    time_step_size: float = number(
        "Time that one step of the arena takes\n"
        "By default that of the data (the median of the differences of ``t``), or 1 if that is not known. Unless the\n"
        "data have just these times, they are interpolated linearly at 0, 1, 2, ... steps after the first position.",
        default=None,
        unit="seconds",
        above=0,
    )
    _metres_per_unit: float = number(
        "Of the data: 0.01 if they are in cm", default=1.0, above=0, alias="metres_per_unit", keep=False
    )
    _centre: bool = flag(
        "Whether the middle of the room becomes (0, 0), as agents expect it", default=True, alias="centre", keep=False
    )
    _gaps: str = one_of(
        "What becomes of positions that are NaN\n"
        "Either a straight line at constant speed over the gap, or they are left out, and no time passes. NaNs at the\n"
        "beginning and at the end are left out in both cases.",
        "interpolate",
        "drop",
        default="interpolate",
        alias="gaps",
        keep=False,
    )
    at_end: str = one_of(
        "What follows on the last position: the first one, or `ParameterError`", "loop", "error", default="loop"
    )
    arena_x_limits: Pair = pair(
        "The room in x, in units of the data; by default the extent of the positions", default=None, increasing=True
    )
    arena_y_limits: Pair = pair("The room in y, likewise", default=None, increasing=True)
    environment_name: str = "RecordedTrajectory"
    agent_step_size: float = parameter(default=0.5, init=False)
    _order: ClassVar[str] = f"at_end n_missing positions position_index {Simple2D._order}"

    def _derive(self) -> None:
        """Read the positions and bring them to regular times."""
        data, times = _read(self._positions, self._x, self._y, self._xy, self._t)
        self.n_missing = int(np.isnan(data).any(axis=1).sum())
        times, interval = _timed(times, self._sampling_rate, self.time_step_size, len(data))
        self.time_step_size = float(interval if self.time_step_size is None else self.time_step_size)
        data = _regular(data, times, interval, self.time_step_size, drop=self._gaps == "drop")
        limits = _room(data, self.arena_x_limits, self.arena_y_limits)
        middle = limits.mean(axis=1) if self._centre else np.zeros(2)
        limits = (limits - middle[:, None]) * self._metres_per_unit
        # Rounding may lead a position out of a room that it spans.
        self.positions: FloatArray = np.clip((data - middle) * self._metres_per_unit, limits[:, 0], limits[:, 1])
        self.positions.flags.writeable = False
        self.position_index = 0
        self.arena_x_limits, self.arena_y_limits = map(tuple, limits.tolist())
        super()._derive()

    def reset(self, random_state: bool = False, custom_state: npt.ArrayLike | None = None) -> TwoArrays:
        """Forget the history and go to the first position; parameters as of `Simple2D.reset`.

        The recording goes on from there: with ``random_state`` any of its positions, with ``custom_state`` the one
        nearest to that place.
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
        """Go to the next position, whatever ``action`` and ``normalize_step`` are; returns what `Simple2D.step` does.

        What the history keeps as action is the change of the recorded position (none where the recording begins again).

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
        return float_array(value)
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
        default = 1.0 if time_step_size is None else time_step_size
        interval = default if sampling_rate is None else 1 / sampling_rate
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
    """Return [[x_low, x_high], [y_low, y_high]], given or the extent of the data; raise if a position is outside."""
    limits = np.stack((data.min(axis=0), data.max(axis=0)), axis=1)
    for axis, (name, given) in enumerate((("arena_x_limits", x_limits), ("arena_y_limits", y_limits))):
        low, high = limits[axis].tolist()
        if given is None:
            if low == high:  # a straight track
                limits[axis] = low - 0.5, high + 0.5
            continue
        limits[axis] = given
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
