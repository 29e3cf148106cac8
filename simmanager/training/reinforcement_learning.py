"""How an agent that learns from rewards and an arena take turns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..base.checks import check_integer, parameter_names
from ..base.current_run import load_checkpoint, report_progress, save_checkpoint
from ..base.errors import ParameterError
from ..base.public import public
from ..base.rules import EndOfRun
from .feed import Feed
from .recording import HistoryRecorder, history_until

if TYPE_CHECKING:
    import numpy.typing as npt

#: What `update` may ask for.
TRANSITION = ("obs", "action", "reward", "next_obs", "terminated", "truncated")


@dataclass
class EpisodeState:
    """All that the loop knows between two steps."""

    agent: Any
    env: Any
    recorder: HistoryRecorder
    #: What the agent sees next.
    obs: Any
    #: How many ended; the rest is about the one that is going on.
    episode: int = 0
    #: Sum of its rewards.
    episode_return: float = 0.0
    #: Its steps.
    episode_length: int = 0
    #: Sum and number of the values that ``update`` returned in it, by name.
    sums: dict[str, tuple[float, int]] = field(default_factory=dict)


@public("simmanager")
def reinforcement_learning_loop(
    agent: Any, env: Any, n_episode: int, t_episode: int | None = None
) -> tuple[Any, Any, dict[str, npt.NDArray[Any]]]:
    """Act, let the arena move, learn from the reward, for ``n_episode`` episodes.

    Parameters
    ----------
    agent : object
        With ``act(obs)`` and ``update(...)``. Of obs, action, reward, next_obs, terminated and truncated ``update``
        gets those that its parameters name, as keywords; none if it names none.
    env : object
        With ``reset()`` -> obs, state and ``step(action)`` -> obs, state, reward. If it has episodes of its own, as a
        `GymnasiumArena` has, its attributes ``terminated`` and ``truncated`` say whether the latest step ended one, and
        how; then obs is the first observation of the next episode, and state the last one of the old.
    n_episode : int
        Episodes, at least 0.
    t_episode : int, optional
        Steps of an episode, at least 1, in an arena without episodes of its own; needed there, refused elsewhere. As in
        `episode_based_training_loop` the arena goes on where it was, and so does the agent.

    Returns
    -------
    agent, env : object
        As given, trained.
    history : dict of str to ndarray
        First axis = episode. ``episode_return``: sum of the rewards; ``episode_length``: number of steps; and for each
        number that ``update`` returned its mean over the episode.

    Raises
    ------
    ParameterTypeError, ParameterError
        A number of the wrong type or out of range; ``t_episode`` is missing, or not wanted.
    """
    total = check_integer("n_episode", n_episode, minimum=0)
    limit = _limit(env, t_episode)
    obs, _ = env.reset()
    state = load_checkpoint() or EpisodeState(agent, env, HistoryRecorder(total), obs)
    learn, feed = _learner(state.agent), Feed()
    try:
        while state.episode < total:
            if row := _step(state, learn, limit):
                feed(row, state.episode - 1)
            report_progress(state.episode, total)
            save_checkpoint(state)
    except EndOfRun as end:
        return state.agent, state.env, history_until(end, state.recorder, state.episode)
    report_progress(total, total)
    return state.agent, state.env, state.recorder.history()


def _limit(env: Any, t_episode: int | None) -> int | None:
    """Return the steps of an episode, or None if the arena ends its episodes itself."""
    name = type(env).__name__
    if hasattr(env, "terminated"):
        if t_episode is None:
            return None
        raise ParameterError(
            f"t_episode is not for {name}, which ends its episodes itself (GymnasiumArena takes max_episode_steps)."
        )
    if t_episode is None:
        raise ParameterError(f"{name} has no episodes of its own (no attribute terminated): give t_episode.")
    return check_integer("t_episode", t_episode, minimum=1)


def _learner(agent: Any) -> Callable[[tuple[Any, ...]], Any]:
    """Return a function that hands a transition to the agent's ``update``, as far as it asks for it."""
    named = set(parameter_names(agent.update))
    wanted = [(i, name) for i, name in enumerate(TRANSITION) if name in named]
    return lambda transition: agent.update(**{name: transition[i] for i, name in wanted})


def _step(state: EpisodeState, learn: Callable[[tuple[Any, ...]], Any], limit: int | None) -> dict[str, float]:
    """Do one step; return what is recorded of the episode if it has ended with it, else {}."""
    env, obs = state.env, state.obs
    action = state.agent.act(obs)
    next_obs, reached, reward = env.step(action)
    state.episode_length += 1
    state.episode_return += reward
    if limit is None:
        terminated, truncated = env.terminated, env.truncated
    else:
        terminated, truncated = False, state.episode_length == limit
        reached = next_obs
    output = learn((obs, action, reward, reached, terminated, truncated))
    state.obs = next_obs
    _add(state.sums, output)
    return _end_episode(state) if terminated or truncated else {}


def _add(sums: dict[str, tuple[float, int]], output: Any) -> None:
    if not isinstance(output, dict):
        return
    for name, value in output.items():
        if isinstance(value, (int, float)):
            total, count = sums.get(name, (0.0, 0))
            sums[name] = (total + value, count + 1)


def _end_episode(state: EpisodeState) -> dict[str, float]:
    means = {name: total / count for name, (total, count) in state.sums.items()}
    row = {"episode_return": state.episode_return, "episode_length": state.episode_length, **means}
    state.recorder.record(state.episode, row)
    state.episode += 1
    state.episode_return, state.episode_length, state.sums = 0.0, 0, {}
    return row
