"""How an agent and an arena take turns."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from ..base.checks import check_integer, check_number
from ..base.current_run import load_checkpoint, report_progress, save_checkpoint
from ..base.public import public
from ..base.rules import EndOfRun
from .feed import Feed
from .recording import HistoryRecorder, history_until

History = dict[str, npt.NDArray[Any]]

#: ``(agent, env, obs) -> next obs, output of the update``
Iteration = Callable[[Any, Any, Any], tuple[Any, Any]]

#: Seconds that the iterations between two reports of progress should take, about.
_REPORT_EVERY_S = 0.05

#: Iterations that are done at once, at most, by models that can.
_BLOCK = 256


@dataclass
class LoopState:
    """All that a loop knows between two iterations."""

    agent: Any
    env: Any
    recorder: HistoryRecorder
    #: What the agent sees next.
    obs: Any
    #: How many were done.
    iteration: int = 0


@public("simmanager")
def default_training_loop(agent: Any, env: Any, n_steps: float, record_every: int = 1) -> tuple[Any, Any, History]:
    """Act, let the arena move, learn: ``n_steps`` times.

    Parameters
    ----------
    agent : object
        With ``act(obs)`` and ``update()``.
    env : object
        With ``reset()`` -> obs, state and ``step(action)`` -> obs, state, reward.
    n_steps : int
        Iterations, at least 0; rounded if it is not a whole number.
    record_every : int
        Record iterations 0, k, 2k, ...; at least 1. Default 1.

    Returns
    -------
    agent, env : object
        As given, trained.
    history : dict of str to ndarray
        What ``update`` returned: one array for each key, first axis = recorded iteration. An iteration
        without a value is NaN; see `HistoryRecorder` for values that are not plain numbers, and for where large
        arrays are kept.

    Raises
    ------
    ParameterTypeError, ParameterError
        ``n_steps`` or ``record_every`` of the wrong type or out of range.

    Notes
    -----
    Some models do many iterations at once, with the same result but for the last bit of some sums. They need actions
    that depend neither on what is seen nor on what is learned, and say so by ``works_in_blocks``, which is True unless
    a subclass replaces what one step does. The agent's ``act_block(n)`` returns (n, 2) actions, the arena's
    ``step_block(actions)`` the (n, 2) observations after them, and the agent's ``update_block(observations)``, given
    those before them, a dict of what n updates return, first axis = iteration. If not both agent and arena work in
    blocks, all is done step by step.
    """
    total = _count("n_steps", n_steps)
    return _run(agent, env, total, record_every, _step_then_learn)


@public("simmanager")
def episode_based_training_loop(
    agent: Any, env: Any, t_episode: float, n_episode: float, record_every: int = 1
) -> tuple[Any, Any, History]:
    """Act, learn, let the arena move: ``n_episode`` times ``t_episode`` times.

    As in NeuralPlayground the arena is reset only once, at the start: an episode goes on where the last one ended.
    All else is as in `default_training_loop`.

    Parameters
    ----------
    agent, env, record_every
        As in `default_training_loop`.
    t_episode, n_episode : int
        Iterations of an episode, and episodes, at least 0; rounded if not whole numbers.

    Returns
    -------
    agent, env, history
        As of `default_training_loop`.

    Raises
    ------
    ParameterTypeError, ParameterError
        A number of the wrong type or out of range.
    """
    total = _count("t_episode", t_episode) * _count("n_episode", n_episode)
    return _run(agent, env, total, record_every, _learn_then_step)


def _count(name: str, value: Any) -> int:
    return round(check_number(name, value, minimum=0))


def _run(agent: Any, env: Any, total: int, record_every: int, iterate: Iteration) -> tuple[Any, Any, History]:
    """Iterate from the start, or from where a checkpoint of this run is, to the end."""
    check_integer("record_every", record_every, minimum=1)
    obs, _ = env.reset()
    state = load_checkpoint() or LoopState(agent, env, HistoryRecorder(-(-total // record_every)), obs[:2])
    feed = Feed()
    report = _Reporter(total, state, feed)
    # Where a block ends depends on the time; where a rule ends the run must not.
    in_blocks = _works_in_blocks(state.agent) and _works_in_blocks(state.env) and not feed.wants_all
    advance = _advance_in_blocks if in_blocks else partial(_advance, iterate, feed if feed.wants_all else None)
    until = state.iteration + 1
    try:
        while until < total:
            until = report(advance(state, until, record_every))
        advance(state, total, record_every)
    except EndOfRun as end:
        return state.agent, state.env, history_until(end, state.recorder, -(-state.iteration // record_every))
    report_progress(total, total)
    return state.agent, state.env, state.recorder.history()


def _advance(iterate: Iteration, feed: Feed | None, state: LoopState, until: int, record_every: int) -> Any:
    """Iterate up to an iteration; return what the last update returned."""
    agent, env, obs, record = state.agent, state.env, state.obs, state.recorder.record
    iteration = done = state.iteration
    output: Any = None
    try:
        for iteration in range(state.iteration, until):
            obs, output = iterate(agent, env, obs)
            if iteration % record_every == 0:
                record(iteration // record_every, output)
            done = iteration + 1
            if feed is not None:
                feed(output, iteration)
    except EndOfRun:
        state.iteration = done
        raise
    state.obs, state.iteration = obs, until
    return output


def _works_in_blocks(model: Any) -> bool:
    return getattr(model, "works_in_blocks", False) is True


def _advance_in_blocks(state: LoopState, until: int, record_every: int) -> Any:
    """Do what `_advance` does, for an agent whose actions depend on nothing, so that its walk can come first.

    It makes no difference then whether the agent learns before or after a step.
    """
    outputs: dict[str, Any] = {}
    while state.iteration < until:
        n_steps = min(_BLOCK, until - state.iteration)
        following = state.env.step_block(state.agent.act_block(n_steps))[:, :2]
        outputs = state.agent.update_block(np.vstack((state.obs, following[:-1]))) or {}
        left_out = -state.iteration % record_every
        row = (state.iteration + left_out) // record_every
        state.recorder.record_block(row, {key: values[left_out::record_every] for key, values in outputs.items()})
        state.obs, state.iteration = following[-1], state.iteration + n_steps
    return {key: values[-1] for key, values in outputs.items()}


class _Reporter:
    """Reports the progress and saves checkpoints often enough for slow iterations, cheaply for fast ones."""

    def __init__(self, total: int, state: LoopState, feed: Feed) -> None:
        self._total, self._state, self._feed = total, state, feed
        self._stride = 1
        self._last = time.monotonic()

    def __call__(self, output: Any) -> int:
        """Report, with what the last update returned; return the iteration at which the next report is due."""
        report_progress(self._state.iteration, self._total)
        if not self._feed.wants_all:
            self._feed(output, self._state.iteration - 1)
        save_checkpoint(self._state)
        now = time.monotonic()
        quick = now - self._last < _REPORT_EVERY_S
        self._stride = self._stride * 2 if quick else max(self._stride // 2, 1)
        self._last = now
        return self._state.iteration + self._stride


def _step_then_learn(agent: Any, env: Any, obs: Any) -> tuple[Any, Any]:
    new_obs, _, _ = env.step(agent.act(obs))
    return new_obs[:2], agent.update()


def _learn_then_step(agent: Any, env: Any, obs: Any) -> tuple[Any, Any]:
    action = agent.act(obs)
    output = agent.update()
    new_obs, _, _ = env.step(action)
    return new_obs[:2], output
