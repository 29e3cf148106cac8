"""Models that do many steps at once: the same as one after the other, and as the plain equations."""

import pickle

import numpy as np
import pytest
import references

from simmanager.agents import AgentCore, QLearning, RandomAgent, Stachenfeld2018, Weber2018
from simmanager.arenas import CircularArena, Environment, Simple2D
from simmanager.base.errors import ParameterError
from simmanager.training import loops
from simmanager.training.loops import default_training_loop, episode_based_training_loop


class Divided(Simple2D):
    def _create_custom_walls(self):
        self.custom_walls = [np.array([[1, -2], [1, 2]]), np.array([[-3, 0.5], [-1, 0.5]])]


#: In a small room nearly every step meets a wall.
AGENTS = {
    "AgentCore": lambda: AgentCore(agent_step_size=1.5),
    "RandomAgent": lambda: RandomAgent(step_size=3.0),
    "Stachenfeld2018": lambda: Stachenfeld2018(room_width=6, room_depth=4),
    "one state": lambda: Stachenfeld2018(room_width=1, room_depth=1),
    "Weber2018": lambda: Weber2018(
        Ne=20, Ni=10, resolution=12, room_width=6, room_depth=4, agent_step_size=1.0, etaexc=0.01, etainh=0.02
    ),
    "Weber2018, all weights": lambda: Weber2018(
        Ne=20, Ni=10, Nef=2, resolution=12, room_width=6, room_depth=4, record_weight_changes=True, rectify=True
    ),
}
ROOM = {"arena_x_limits": (-3, 3), "arena_y_limits": (-2, 2), "time_step_size": 0.1}
ARENAS = {"Simple2D": Simple2D, "Divided": Divided}


def run(agent, arena, n_steps, record_every=1, loop=default_training_loop):
    np.random.seed(4)
    params = {"n_steps": n_steps} if loop is default_training_loop else {"t_episode": n_steps, "n_episode": 1}
    return loop(AGENTS[agent](), ARENAS[arena](**ROOM), **params, record_every=record_every)


def without_norms(agent):
    """Return the state of an agent, and the norms of its errors, whose sums are rounded differently."""
    state = agent.__getstate__()
    return pickle.dumps({**state, "grad_history": None}), state.get("grad_history", [])


@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize("arena", ARENAS)
@pytest.mark.parametrize("loop", [default_training_loop, episode_based_training_loop])
@pytest.mark.parametrize(("n_steps", "record_every"), [(1, 1), (2, 3), (1300, 1), (1100, 7), (2500, 300)])
def test_blocks_give_the_bytes_of_single_steps(agent, arena, loop, n_steps, record_every, monkeypatch):
    many = run(agent, arena, n_steps, record_every, loop)
    assert many[0].works_in_blocks and many[1].works_in_blocks
    monkeypatch.setattr(loops, "_works_in_blocks", lambda model: False)
    single = run(agent, arena, n_steps, record_every, loop)
    (state, norms), (expected_state, expected_norms) = without_norms(many[0]), without_norms(single[0])
    assert state == expected_state
    np.testing.assert_allclose(norms, expected_norms, rtol=1e-14)
    assert pickle.dumps(many[1:]) == pickle.dumps(single[1:])


@pytest.mark.parametrize("agent", ["Stachenfeld2018", "Weber2018, all weights"])
def test_the_size_of_the_blocks_makes_no_difference(agent, monkeypatch):
    results = set()
    for size in (1, 17, 256, 100_000):
        monkeypatch.setattr(loops, "_BLOCK", size)
        results.add(pickle.dumps(run(agent, "Divided", 600)))
    assert len(results) == 1


def test_a_walk_goes_on_in_single_steps_where_blocks_ended():
    agent, _, _ = run("Stachenfeld2018", "Simple2D", 700)
    other = agent.copy()
    directions = [agent.act(np.zeros(2)).tolist() for _ in range(1500)]
    assert np.concatenate([other.act_block(n) for n in (1, 1100, 399)]).tolist() == directions


@pytest.mark.parametrize("agent", ["AgentCore", "RandomAgent", "Stachenfeld2018", "Weber2018"])
@pytest.mark.parametrize("arena", ARENAS)
def test_moves_in_blocks_end_where_the_plain_equations_say(agent, arena):
    _, env, _ = run(agent, arena, 500)
    pos, n_crossed, others = np.zeros(2), 0, 0
    for action, state in zip(env.history.array("action"), env.history.array("state"), strict=True):
        expected, crossed = references.check_walls(pos, pos + action, env.wall_list)
        n_crossed += crossed
        others += np.abs(state - expected).max() > 1e-12
        pos = state
    # The plain equations let some moves through a corner, or back through another wall: see test_arenas.
    assert others <= (0 if arena == "Simple2D" else 5)
    assert n_crossed > 20
    assert (np.abs(env.history.array("state")) <= (3, 2)).all()


@pytest.mark.parametrize("arena", ARENAS)
def test_the_successor_matrix_learned_in_blocks_follows_the_plain_equation(arena):
    agent, env, history = run("Stachenfeld2018", arena, 1300)
    positions = np.vstack(([[0, 0]], env.history.array("state")))[:-1]
    states = [references.nearest_point(agent.xy_combinations, pos) for pos in positions]
    srmat = np.eye(24)
    for step, td_error in enumerate(history["state_td_error"]):
        expected = references.td_update(srmat, states[max(step - 1, 0)], states[step], 0.9, 0.01)
        np.testing.assert_allclose(td_error, expected, rtol=0, atol=1e-12)
        assert agent.grad_history[step] == pytest.approx(np.linalg.norm(expected), abs=1e-12)
    np.testing.assert_allclose(agent.srmat, srmat, rtol=0, atol=1e-12)
    assert (agent.curr_state, agent.next_state, agent.global_steps) == (states[-1], states[-1], 1300)
    assert len(set(states)) > 10


@pytest.mark.parametrize("agent", ["Weber2018", "Weber2018, all weights"])
def test_weights_learned_in_blocks_follow_the_plain_equations(agent):
    np.random.seed(4)
    untrained = AGENTS[agent]()
    plain = references.Weber(untrained)
    trained, env, history = run(agent, "Divided", 300)
    positions = np.vstack(([[0, 0]], env.history.array("state")))[:-1]
    for step, pos in enumerate(positions):
        if untrained.rectify:
            plain.output = lambda pos: max(references.Weber.output(plain, pos), 0)
        delta_we, delta_wi, rate = plain.update(pos)
        assert history["output_rate"][step] == pytest.approx(rate, abs=1e-12)
        assert history["delta_we_norm"][step] == pytest.approx(np.linalg.norm(delta_we), abs=1e-12)
        if untrained.record_weight_changes:
            np.testing.assert_allclose(history["delta_wi"][step], delta_wi, rtol=0, atol=1e-12)
    np.testing.assert_allclose(trained.we, plain.we, rtol=0, atol=1e-12)
    np.testing.assert_allclose(trained.wi, plain.wi, rtol=0, atol=1e-12)


# Who does not work in blocks -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "method"),
    [
        *((name, method) for name in AGENTS for method in ("act", "update")),
        ("Stachenfeld2018", "obs_to_state"),
        *((name, m) for name in ARENAS for m in ("step", "validate_action", "reward_function", "make_observation")),
    ],
)
@pytest.mark.parametrize("where", ["in a subclass", "on the object"])
def test_a_method_that_is_replaced_is_called_at_every_step(model, method, where):
    calls = []

    def replaced(self, *args, **kwargs):
        calls.append(method)
        return getattr(base, method)(self, *args, **kwargs)

    thing = AGENTS[model]() if model in AGENTS else ARENAS[model](**ROOM)
    base = type(thing)
    assert thing.works_in_blocks
    if where == "in a subclass":
        thing.__class__ = type("Child", (base,), {method: replaced})
    else:
        setattr(thing, method, replaced.__get__(thing))
    thing.__setstate__(thing.__getstate__())  # as a subclass would have been made
    assert not thing.works_in_blocks
    agent, env = (thing, Simple2D(**ROOM)) if model in AGENTS else (AGENTS["RandomAgent"](), thing)
    default_training_loop(agent, env, 30)
    assert len(calls) >= (30 if method != "validate_action" else 5)


def test_models_that_cannot_do_not_work_in_blocks():
    class OwnHistory(Simple2D):
        def reset(self, *args, **kwargs):
            returned = super().reset(*args, **kwargs)
            self.history = []
            return returned

    assert not OwnHistory().works_in_blocks
    assert not QLearning(n_actions=2).works_in_blocks
    assert not CircularArena().works_in_blocks
    assert not getattr(Environment(), "works_in_blocks", False)


def test_an_agent_in_blocks_and_an_arena_in_steps_go_together():
    agent, env, _ = default_training_loop(AGENTS["AgentCore"](), Environment(), 20)
    assert env.global_steps == len(agent.obs_history) == 20


def test_actions_that_are_not_finite_are_refused_in_blocks():
    env = Simple2D(**ROOM)
    with pytest.raises(ParameterError, match="finite"):
        env.step_block(np.array([[0, 1], [np.nan, 0]]))
    assert env.global_steps == len(env.history) == 0
