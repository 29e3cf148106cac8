"""The training loops of NeuralPlayground's backend, by their names: two of simmanager, and TEM's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...base.current_run import report_progress
from ...base.public import public
from ...training.loops import default_training_loop as default_training_loop
from ...training.loops import episode_based_training_loop as episode_based_training_loop


@public("simmanager.compat.neuralplayground")
def tem_training_loop(agent: Any, env: Any, n_episode: int, params: Mapping[str, Any]) -> tuple[Any, Any, Any]:
    """Walk ``params["n_rollout"]`` steps in a batch of arenas, then learn from them: ``n_episode`` times.

    For ``Whittington2020`` (the Tolman-Eichenbaum machine: Whittington et al., Cell 2020,
    https://doi.org/10.1016/j.cell.2020.10.024) in a ``BatchEnvironment``.

    Parameters
    ----------
    agent : object
        With ``batch_act(obs)``, ``update()`` and ``n_walk``, the steps since the last update.
    env : object
        With ``reset(random_state, custom_state)`` and ``step(actions, normalize_step)``.
    n_episode : int
        Updates.
    params : mapping
        Of the model; ``n_rollout`` is the number of steps between two updates.

    Returns
    -------
    agent, env : object
        As given, trained.
    history : dict
        ``mod_kwargs``, ``env_kwargs`` and ``hyper``, which NeuralPlayground returns as a list.
    """
    history = {"mod_kwargs": agent.mod_kwargs, "env_kwargs": env.env_kwargs, "hyper": agent.tem.hyper}
    obs, _ = env.reset(random_state=True, custom_state=None)
    for episode in range(n_episode):
        while agent.n_walk < params["n_rollout"]:
            obs, _, _ = env.step(agent.batch_act(obs), normalize_step=True)
        agent.update()
        report_progress(episode + 1, n_episode)
    return agent, env, history


def process_training_hist(training_hist: list[Mapping[str, Any]] | list[None]) -> dict[str, list[Any]]:
    """Return one list for each key from a list of what ``update`` returned, for training loops of your own.

    Parameters
    ----------
    training_hist : list of mapping, or of None
        One for each iteration.

    Returns
    -------
    dict of str to list
        Empty where NeuralPlayground returns None: the model records nothing.
    """
    history: dict[str, list[Any]] = {}
    for output in training_hist:
        for key, value in (output or {}).items():
            history.setdefault(key, []).append(value)
    return history
