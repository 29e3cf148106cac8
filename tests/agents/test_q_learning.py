"""Q-learning: its update, its choices, its bins; and that it learns."""

import math

import numpy as np
import pytest

from simmanager.agents import QLearning
from simmanager.arenas import GymnasiumArena, Simple2D
from simmanager.base.errors import ParameterError, ParameterTypeError
from simmanager.training.reinforcement_learning import reinforcement_learning_loop


def learner(n_actions=2, seed=0, **parameters):
    return QLearning(n_actions, rng=np.random.default_rng(seed), **parameters)


def test_an_update_moves_the_value_towards_the_reward_and_what_comes_after():
    agent = learner(learning_rate=0.5, discount=0.9)
    agent.q_table = {(0,): [1.0, 2.0], (1,): [4.0, 3.0]}
    output = agent.update(obs=[0], action=1, reward=10.0, next_obs=[1])
    assert output["td_error"] == pytest.approx(10 + 0.9 * 4 - 2)
    assert agent.q_values([0]).tolist() == pytest.approx([1, 2 + 0.5 * 11.6])
    assert agent.q_values([1]).tolist() == [4, 3]
    assert agent.global_steps == 1


def test_what_ends_by_the_rules_has_no_future_but_what_only_takes_too_long_has():
    for flags, future in (({"terminated": True}, 0.0), ({"truncated": True}, 0.9 * 4), ({}, 0.9 * 4)):
        agent = learner(learning_rate=0.5, discount=0.9)
        agent.q_table = {(1,): [4.0, 3.0]}
        assert agent.update([0], 0, 1.0, [1], **flags)["td_error"] == pytest.approx(1 + future)


def test_values_converge_to_those_of_the_optimal_policy():
    # A corridor of five states; action 1 goes right, 0 left; reaching the last one gives 1 and ends it.
    agent = learner(learning_rate=0.5, discount=0.9, epsilon=1.0)
    for _ in range(2000):
        state = int(agent.rng.integers(4))
        action = agent.act([state])
        following = min(max(state + 2 * action - 1, 0), 4)
        agent.update([state], action, float(following == 4), [following], terminated=following == 4)
    right = [0.9**3, 0.9**2, 0.9, 1.0]
    left = [0.9**4, 0.9**4, 0.9**3, 0.9**2]
    assert np.allclose([agent.q_values([state]) for state in range(4)], np.transpose([left, right]), atol=1e-6)


def test_choices_are_greedy_but_for_epsilon_and_ties_are_drawn():
    agent = learner(3, epsilon=0.0)
    agent.q_table = {(0,): [1.0, 5.0, 5.0]}
    chosen = [agent.act([0]) for _ in range(200)]
    assert set(chosen) == {1, 2} and 60 < chosen.count(1) < 140
    assert {agent.act([1]) for _ in range(50)} == {0, 1, 2}  # nothing is known there
    agent = learner(2, epsilon=0.5)
    agent.q_table = {(0,): [0.0, 1.0]}
    share = np.mean([agent.act([0]) for _ in range(4000)])
    assert share == pytest.approx(0.75, abs=0.03)
    assert agent.act([0], policy_func=lambda obs: "mine") == "mine"


def test_epsilon_decays_after_each_episode_down_to_its_least():
    agent = learner(epsilon=0.8, epsilon_decay=0.5, epsilon_min=0.3)
    seen = [agent.update([0], 0, 0.0, [0], truncated=True)["epsilon"] for _ in range(4)]
    assert seen == [0.8, 0.4, 0.3, 0.3]
    agent.update([0], 0, 0.0, [0])
    agent.reset()
    assert agent.epsilon == 0.8 and agent.q_table == {} and agent.global_steps == 0


def test_bins_cut_a_range_into_equal_parts_and_take_what_is_outside():
    agent = learner(bins=[(-1.0, 1.0, 4), (0, 10, 2)])
    places = {(-9, 0): (0, 0), (-0.6, 4.9): (0, 0), (-0.4, 5.0): (1, 1), (0.0, 10): (2, 1), (0.99, math.inf): (3, 1)}
    for obs, state in places.items():
        assert agent.obs_to_state(np.array(obs)) == state
    assert learner().obs_to_state(np.array([3.0, -2.0])) == (3, -2)


def test_actions_may_be_anything():
    arrows = [np.array((0.0, 1.0)), np.array((1.0, 0.0))]
    agent = QLearning(actions=arrows, bins=[(-1, 1, 2), (-1, 1, 2)], rng=np.random.default_rng(0))
    action = agent.act([0.5, 0.5])
    assert any(action is arrow for arrow in arrows) and agent.n_actions == 2
    agent.update([0.5, 0.5], [1.0, 0.0], 1.0, [0.5, 0.5])
    assert agent.q_values([0.5, 0.5]).tolist() == [0, pytest.approx(0.1)]
    with pytest.raises(ParameterError, match="is none of the actions"):
        agent.update([0.5, 0.5], [2.0, 0.0], 1.0, [0.5, 0.5])


def test_an_observation_that_does_not_fit_is_refused():
    with pytest.raises(ParameterError, match=r"is not whole numbers; give QLearning bins"):
        learner().act([0.5])
    with pytest.raises(ParameterError, match="has 1 bins, but an observation of 2"):
        learner(bins=[(0, 1, 2)]).obs_to_state([0.5, 0.5])
    with pytest.raises(ParameterError, match="not a number everywhere"):
        learner(bins=[(0, 1, 2)]).obs_to_state([math.nan])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_actions": None}, "needs n_actions or actions"),
        ({"actions": [1, 2]}, "needs n_actions or actions"),
        ({"n_actions": 0}, "n_actions must be at least 1"),
        ({"n_actions": None, "actions": []}, "actions must be a list of at least one action"),
        ({"n_actions": None, "actions": "up"}, "actions must be a list"),
        ({"bins": [(0, 1)]}, r"bins\[0\] must be \(low, high, number of bins\), not \(0, 1\)"),
        ({"bins": [(0, 1, 2), (1, 0, 3)]}, r"bins\[1\] must be two increasing numbers"),
        ({"bins": [(0, 1, 0)]}, r"bins\[0\]\[2\] must be at least 1"),
        ({"learning_rate": 1.5}, "learning_rate must be .*at most 1"),
        ({"discount": -0.1}, "discount must be at least 0"),
        ({"epsilon": "all"}, "epsilon must be a number"),
        ({"epsilon_decay": 2}, "epsilon_decay must be .*at most 1"),
        ({"alpha_rate": 1}, "QLearning has no parameter 'alpha_rate'"),
        ({"learningrate": 1}, "Did you mean 'learning_rate'"),
    ],
)
def test_wrong_parameters_are_refused_with_name_and_reason(parameters, message):
    with pytest.raises(ParameterError, match=message):
        QLearning(**{"n_actions": 2, **parameters})


def test_it_says_which_loop_hands_over_rewards():
    with pytest.raises(ParameterTypeError, match="reinforcement_learning_loop hands them over"):
        learner().update()


def play(env_id, n_episode, make=None, **parameters):
    np.random.seed(2)
    agent = QLearning(**{"epsilon": 1.0, "epsilon_decay": 0.95, "epsilon_min": 0.01, **parameters})
    _, env, history = reinforcement_learning_loop(agent, GymnasiumArena(env_id, **(make or {})), n_episode)
    assert np.array_equal(history["episode_return"], env.episode_returns)
    return history["episode_return"]


def test_it_learns_to_balance_a_pole():
    pole = {"bins": [(-2.4, 2.4, 1), (-3, 3, 1), (-0.21, 0.21, 6), (-2, 2, 12)], "learning_rate": 0.2, "n_actions": 2}
    by_chance = play("CartPole-v1", 100, **pole, epsilon_decay=1.0).mean()
    assert 15 < by_chance < 30
    assert play("CartPole-v1", 150, **pole)[-50:].mean() > 4 * by_chance


def test_it_learns_to_cross_a_frozen_lake():
    returns = play("FrozenLake-v1", 300, {"is_slippery": False}, n_actions=4, learning_rate=0.5)
    assert returns[:30].mean() < 0.2 and returns[-50:].mean() > 0.9


def test_it_learns_to_walk_to_a_reward_in_a_room():
    class Reward(Simple2D):
        def reward_function(self, action, state):
            return float(state[0] > 1)

    np.random.seed(1)
    arrows = [(0.5, 0.0), (-0.5, 0.0), (0.0, 0.5), (0.0, -0.5)]
    agent = QLearning(actions=arrows, bins=[(-2, 2, 8), (-2, 2, 8)], epsilon=0.2, learning_rate=0.2, discount=0.9)
    room = Reward(arena_x_limits=(-2, 2), arena_y_limits=(-2, 2))
    _, _, history = reinforcement_learning_loop(agent, room, n_episode=30, t_episode=100)
    assert history["episode_return"][0] < 60 and history["episode_return"][-5:].mean() > 75
