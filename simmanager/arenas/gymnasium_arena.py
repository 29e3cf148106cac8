"""Any Gymnasium environment as an arena.

Towers et al., "Gymnasium: A standard interface for reinforcement learning environments", 2024,
https://arxiv.org/abs/2407.17032.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from ..base.errors import PackageMissing, ParameterError, ParameterTypeError, SimManagerError
from ..base.public import public
from ..disk.pickling import dumps, loads
from ..training.parameters import another_name, flag, generator, parameter
from ..training.recording import GrowingArray
from .arena_core import Environment
from .episode_history import EpisodeHistory

Array = npt.NDArray[Any]


@public("simmanager.arenas")
class GymnasiumArena(Environment):
    """A Gymnasium environment that begins its next episode by itself.

    When a step ends an episode, the observation it returns is the first one of the next episode, which the agent acts
    on; the state it returns is the last one of the episode that ended. All steps of all episodes are in the history.

    The environment is seeded at each `reset`, by a number from ``rng``, and goes on from there: the same seed gives the
    same episodes. Further parameters are passed to ``gymnasium.make``, e.g. ``max_episode_steps=200``, or to the class.

    Attributes
    ----------
    terminated, truncated : bool
        Whether the latest step ended an episode: by its own rules, or because it was too long.
    history : EpisodeHistory
        One transition for each step since the last reset; reads like a list of dicts.
    info : dict
        What the environment said last besides the observation; not saved.

    Raises
    ------
    PackageMissing
        Gymnasium, or a package that this environment needs, is not installed.
    ParameterTypeError, ParameterError
        There is no such environment, or a parameter is wrong.

    Notes
    -----
    Observations are arrays: those of a Discrete space have shape (1,), composite ones (Tuple, Dict) are flattened by
    ``gymnasium.spaces.flatten``. `default_training_loop` and `episode_based_training_loop` hand only the first two
    numbers of an observation to the agent; `reinforcement_learning_loop` hands over all, and the reward.

    Saved are all counters and the history and, if it can be pickled, the environment in the middle of its episode.
    Where it cannot, the arena begins anew with `reset` after loading.
    """

    env_id: str | Callable[..., Any] = parameter(
        'A registered environment, e.g. "CartPole-v1", for ``gymnasium.make``; or a class or function\n'
        "The latter returns an environment. Those that your own script registers are not known to the worker\n"
        'processes: give the class, or "module:Name-v0".',
        kind="str or callable",
        kw_only=False,
    )
    environment_name: str = parameter("A name for this arena; by default ``env_id``", default=None, kind="str")
    time_step_size: float = 1.0
    _env_name: str | None = another_name("environment_name", alias="env_name", default=None)
    rng: np.random.Generator = generator("For the seeds", default=None)
    keep_observations: bool = flag(
        "Whether the history keeps what each step led to; not, if observations are large", default=True
    )
    _undeclared_as: ClassVar[str] = "make_kwargs"
    _not_pickled: ClassVar[tuple[str, ...]] = ("_env", "info")

    if TYPE_CHECKING:  # to which ``_undeclared_as`` says nothing

        def __init__(self, env_id: str | Callable[..., Any], **parameters: Any) -> None: ...

    def _derive(self) -> None:
        """Make the environment and begin an episode."""
        env_id = self.env_id
        if not (isinstance(env_id, str) or callable(env_id)):
            raise ParameterTypeError(f"env_id must be a name such as 'CartPole-v1', or a class, not {env_id!r}.")
        name: Any = self.environment_name
        if name is None:
            self.environment_name = env_id if isinstance(env_id, str) else getattr(env_id, "__name__", "GymnasiumArena")
        super()._derive()
        self._env = _make(env_id, self.env_kwargs)
        #: The pickle of the environment, after loading; None if it has none.
        self._frozen: bytes | None = None
        self.reset()

    # The environment itself --------------------------------------------------------------------------------------

    def _running(self) -> Any:
        if self._env is None:
            if self._frozen is None:
                raise SimManagerError(
                    f"The episode of {self.environment_name} was not saved, since this environment cannot be pickled. "
                    "Call reset() to begin a new one."
                )
            self._env = loads(self._frozen)
        return self._env

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        return state if self._env is None else {**state, "_frozen": _pickled(self._env)}

    def _make_not_pickled(self) -> None:
        """Leave the environment pickled until it is needed."""
        self._env = None  # made when it is needed: what was recorded can be read without Gymnasium
        self.info: dict[str, Any] = {}

    @property
    def observation_space(self) -> Any:
        """The space of observations, before they become arrays."""
        return self._running().observation_space

    @property
    def action_space(self) -> Any:
        """The space of actions."""
        return self._running().action_space

    # Episodes --------------------------------------------------------------------------------------------------

    @property
    def n_episodes(self) -> int:
        """Number of episodes that ended since the last reset."""
        return len(self._episodes)

    @property
    def episode_returns(self) -> npt.NDArray[np.float64]:
        """Sum of the rewards of each episode that ended, (n_episodes,)."""
        return self._episodes.array[:, 0].copy()

    @property
    def episode_lengths(self) -> npt.NDArray[np.int64]:
        """Number of steps of each episode that ended, (n_episodes,)."""
        return self._episodes.array[:, 1].astype(np.int64)

    def reset(self) -> tuple[Array, Array]:
        """Forget all episodes, begin anew with a new seed from ``rng``, and return the first observation, twice."""
        self.global_steps = 0
        self.global_time = 0.0
        self.history: EpisodeHistory = EpisodeHistory()
        self._episodes = GrowingArray((2,))
        self._return, self._length = 0.0, 0
        self.terminated = self.truncated = False
        if self._env is None and self._frozen is None:
            self._env = _make(self.env_id, self.env_kwargs)
        env = self._running()
        seed = int(self.rng.integers(2**31))
        env.action_space.seed(seed)
        observation, self.info = env.reset(seed=seed)
        self.state = self._as_array(observation)
        return self.make_observation(), self.state.copy()

    def step(self, action: Any = None) -> tuple[Array, Array, float]:
        """Act; when that ends the episode, begin the next one.

        Parameters
        ----------
        action : object
            Of the environment's action space.

        Returns
        -------
        observation : ndarray
            What the agent sees next; after the end of an episode the first observation of the next one.
        state : ndarray
            What the action led to; at the end of an episode its last observation.
        reward : float
            As the environment gives it.

        Raises
        ------
        ParameterError
            The action is not in the action space.
        """
        env = self._running()
        action = self._checked(env.action_space, action)
        observation, reward, terminated, truncated, self.info = env.step(action)
        reward, state = float(reward), self._as_array(observation)
        self.terminated, self.truncated = bool(terminated), bool(truncated)
        self._increase_global_step()
        kept = state if self.keep_observations else None
        self.history.record(_one_value(action), kept, reward, self.terminated, self.truncated, self.n_episodes)
        self._return += reward
        self._length += 1
        self.state = state
        if terminated or truncated:
            self._episodes.append_floats(self._return, self._length)
            self._return, self._length = 0.0, 0
            observation, self.info = env.reset()
            self.state = self._as_array(observation)
        return self.make_observation(), state, reward

    def _checked(self, space: Any, action: Any) -> Any:
        """Return the action as the space has it: a whole number, or an array of its dtype."""
        try:
            chosen = action if type(action) is int else _converted(space, action)
            allowed = bool(space.contains(chosen))
        except (TypeError, ValueError):
            allowed = False
        if not allowed:
            raise ParameterError(f"{self.environment_name} takes an action in {space}, not {action!r}.")
        return chosen

    def _as_array(self, observation: Any) -> Array:
        if isinstance(observation, np.ndarray) and observation.ndim:
            return observation.copy()
        if isinstance(observation, (dict, tuple)):
            from gymnasium.spaces import flatten

            observation = flatten(self.observation_space, observation)
        return np.atleast_1d(np.array(observation))


def _converted(space: Any, action: Any) -> Any:
    from gymnasium.spaces import Discrete

    if isinstance(space, Discrete):
        number = np.asarray(action)
        return number.item() if number.size == 1 and number.dtype.kind in "iu" else action
    return action if space.dtype is None else np.asarray(action, dtype=space.dtype)


def _one_value(action: Any) -> Array:
    """Return an action as an array; that of a composite space, a dict or tuple, as it is in one without dimensions."""
    if not isinstance(action, (dict, tuple)):
        return np.asarray(action)
    value = np.empty((), dtype=object)
    value[()] = action
    return value


def _make(env_id: str | Callable[..., Any], make_kwargs: dict[str, Any]) -> Any:
    """Return a new environment."""
    try:
        import gymnasium
    except ImportError:
        raise PackageMissing(
            "GymnasiumArena needs Gymnasium, which is not installed: pip install simmanager[gymnasium]"
        ) from None
    try:
        return gymnasium.make(env_id, **make_kwargs) if isinstance(env_id, str) else env_id(**make_kwargs)
    except gymnasium.error.DependencyNotInstalled as error:
        raise PackageMissing(f"{env_id}: {error}") from error
    except gymnasium.error.UnregisteredEnv as error:
        raise ParameterError(
            f"{error} If your script registers it: worker processes do not know that. Give its class as env_id, "
            "or 'module:Name-v0'."
        ) from error
    except gymnasium.error.Error as error:
        raise ParameterError(str(error)) from error
    except TypeError as error:
        raise ParameterTypeError(f"{env_id} cannot be made with {make_kwargs}: {error}") from error


def _pickled(env: Any) -> bytes | None:
    """Return the pickle of an environment, the same one for equal environments; None if it has none."""
    try:
        # The first pickle shows which strings are one object; in what was loaded from it that is always the same.
        return dumps(loads(dumps(env)))
    except Exception:  # windows, sockets and handles of C libraries fail in many ways
        return None
